//! Reports read by other programs: validators, libraries, a browser; and made of one another.

use crate::daemons::free_port;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const DTD: &str = "/usr/share/nmap/nmap.dtd";
const STYLESHEET: &str = "/usr/share/nmap/nmap.xsl";

fn run(program: &str, args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn good(program: &str, args: &[&str], folder: &Path) -> String {
    let output = run(program, args, folder);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

const PERILUNE: &str = env!("CARGO_BIN_EXE_perilune");

/// Serves a page that tries to break out of every format.
fn server() -> u16 {
    use std::io::{Read, Write};
    let listener = [8080, 8000, 8008, 8088]
        .into_iter()
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .expect("one of the web ports is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let page = b"<title>--> ]]> </pre><script>alert(1)</script> \xff\x01 \"'&</title>";
                let head = format!("HTTP/1.0 200 OK\r\nServer: A<b>&\"--\r\nContent-Length: {}\r\n\r\n", page.len());
                let _ = stream.write_all(&[head.as_bytes(), page].concat());
            });
        }
    });
    port
}

#[test]
fn other_programs_read_our_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (open, closed) = (server(), free_port());
    let ports = format!("{open},{closed},24300-24340");
    let scripts = "banner,http-title,http-headers,http-server-header";
    let args = [
        "-n",
        "-sT",
        "-sV",
        "-vv",
        "-p",
        &ports,
        "--script",
        scripts,
        "--stats-every",
        "1s",
        "-oX",
        "x.xml",
        "-oJ",
        "x.json",
        "-oG",
        "x.gnmap",
        "-oN",
        "x.nmap",
        "--html",
        "x.html",
        "127.0.0.1-2",
        "no/such",
        "::1",
    ];
    good(PERILUNE, &args, folder);
    good("xmllint", &["--noout", "--dtdvalid", DTD, "x.xml"], folder);
    let page = good("xsltproc", &["--novalid", STYLESHEET, "x.xml"], folder);
    assert!(page.contains("127.0.0.1") && page.contains("http-title"));
    let reader = format!(
        "from libnmap.parser import NmapParser
report = NmapParser.parse_fromfile('x.xml')
services = [service for host in report.hosts for service in host.services if service.port == {open}]
print(len(report.hosts), report.hosts_up, sorted(service.state for service in services), services[0].service)
import nmap
scanner = nmap.PortScanner()
scanner.analyse_nmap_xml_scan(open('x.xml').read())
print(scanner.all_hosts(), scanner['127.0.0.1']['tcp'][{open}]['name'])"
    );
    let read = good("python3", &["-c", &reader], folder);
    assert_eq!(read, "3 3 ['closed', 'closed', 'open'] http\n['127.0.0.1', '127.0.0.2', '::1'] http\n");
    // The process class of libnmap reads the XML as it comes; python-nmap asks for the version first.
    let reader = format!(
        "from libnmap.process import NmapProcess
import nmap
process = NmapProcess('127.0.0.1', options='-n -sT -p {open}', fqp='{PERILUNE}')
process.run()
print(process.rc, process.state == process.DONE, 'nmaprun' in process.stdout)"
    );
    assert_eq!(good("python3", &["-c", &reader], folder), "0 True True\n");
    assert!(
        good(PERILUNE, &["--compat", "nmap", "-V"], folder).starts_with("Nmap version 7.991 ( https://nmap.org )\n")
    );
    let grepable = std::fs::read_to_string(folder.join("x.gnmap")).expect("it was written");
    assert!(grepable.contains(&format!("{open}/open/tcp//http//")), "{grepable}");

    // The same from the lines of JSON and from the XML as from the scan itself.
    for log in ["x.json", "x.xml"] {
        good(
            PERILUNE,
            &["convert", log, "--xml", "y.xml", "--normal", "y.nmap", "--html", "y.html", "--json", "y.json"],
            folder,
        );
        good("xmllint", &["--noout", "--dtdvalid", DTD, "y.xml"], folder);
        assert_eq!(good(PERILUNE, &["diff", "x.xml", "y.json"], folder), "");
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it was written");
        let body = |text: String| {
            let lines = text
                .lines()
                .filter(|line| !line.starts_with('#') && !line.starts_with("Scanned at"))
                .map(str::to_owned);
            lines.collect::<Vec<_>>()
        };
        assert_eq!(body(text("x.nmap")), body(text("y.nmap")), "{log}");
        if log == "x.json" {
            let hosts = |text: String| {
                let start = text.find("<host ").expect("there is a host");
                let lines = text[start..].lines().filter(|line| !line.starts_with("<task"));
                lines.collect::<Vec<_>>().join("\n")
            };
            assert_eq!(hosts(text("x.xml")), hosts(text("y.xml")));
        }
    }
}

#[test]
fn a_browser_shows_sorts_and_filters_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = server();
    let ports = format!("{open},24350-24360");
    let args = ["-n", "-sT", "-p", &ports, "--script", "http-title", "--html", "x.html", "127.0.0.1-3"];
    good(PERILUNE, &args, folder.path());
    let page = std::fs::read_to_string(folder.path().join("x.html")).expect("it was written");
    assert!(!page.contains("<script>alert"), "what servers send is text");
    // A script of the test's own uses the page as a reader would and writes down what it sees.
    let probe = "<script>
        const seen = [];
        const host = document.querySelector('section.host');
        const ports = () => [...host.querySelectorAll('tbody tr')].filter(row => !row.hidden).map(row => row.cells[0].textContent);
        const before = ports();
        const heading = host.querySelector('thead th');
        heading.click(); heading.click();
        seen.push(JSON.stringify(ports()) === JSON.stringify([...before].reverse()));
        seen.push(document.querySelectorAll('#overview tbody tr').length, document.querySelectorAll('#timeline .bar').length);
        const field = document.getElementById('filter');
        field.value = '127.0.0.2'; field.dispatchEvent(new Event('input'));
        seen.push(document.getElementById('count').textContent);
        field.value = ''; field.dispatchEvent(new Event('input'));
        document.getElementById('open').click();
        seen.push(document.getElementById('count').textContent, ports().length);
        document.title = 'SEEN ' + seen.join(';') + ' END';
    </script>";
    let page = page.replace("default-src 'none'; ", "").replace("</body>", &format!("{probe}</body>"));
    std::fs::write(folder.path().join("probe.html"), page).expect("it can be written");
    let address = format!("file://{}", folder.path().join("probe.html").display());
    let data = format!("--user-data-dir={}", folder.path().join("browser").display());
    let args = ["--headless", "--no-sandbox", "--disable-gpu", &data, "--dump-dom", &address];
    let dom = good("chromium", &args, folder.path());
    let seen = dom.split_once("<title>SEEN ").and_then(|(_, rest)| rest.split_once(" END")).map(|(seen, _)| seen);
    assert_eq!(seen, Some("true;3;3;1 of 3 hosts;1 of 3 hosts;1"), "{dom}");
}
