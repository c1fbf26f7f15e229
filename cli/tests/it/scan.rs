//! Scans of real services on loopback, from the command line to the report.

use crate::folder::Folder;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A process that ends with the value.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn perilune(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    command.args(args).current_dir(root()).stdin(Stdio::null()).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port where scripts expect a web server, free a moment ago; the demo tries others first.
fn web_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    [80, 591, 631, 5800, 8888, 8081].into_iter().find(is_free).expect("one of the web ports is free")
}

/// A port of loopback that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Starts nginx with one page; its port.
fn nginx(folder: &Folder, page: &str) -> (Daemon, u16) {
    let port = web_port();
    let home = folder.path().display();
    folder.file("index.html", page);
    let config = format!(
        "daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;
        events {{ }}
        http {{
            access_log off; default_type text/html;
            client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
            uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
            server {{ listen 127.0.0.1:{port}; root {home}; index index.html; }}
        }}"
    );
    let config = folder.file("nginx.conf", &config);
    let program = ["/usr/sbin/nginx", "nginx"].into_iter().find(|path| Path::new(path).exists()).unwrap_or("nginx");
    let child = Command::new(program)
        .args(["-c", &config, "-p", &folder.path().to_string_lossy()])
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is installed");
    let daemon = Daemon(child);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "nginx listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    (daemon, port)
}

#[test]
fn the_demo_reports_four_services() {
    let output = perilune(&["demo"]);
    let report = text(&output.stdout);
    assert!(output.status.success(), "{report}{}", text(&output.stderr));
    let open = report.lines().filter(|line| line.contains("/tcp") && line.contains(" open ")).count();
    assert_eq!(open, 4, "{report}");
    for line in [
        "|_banner: 220 demo.perilune.example FTP ready",
        "|_banner: SSH-2.0-PeriluneDemo_1.0",
        "|_http-title: Perilune demo",
        "|_http-title: Printer status: out of paper",
        "|_http-server-header: PeriluneDemo/1.0",
        "| http-headers: ",
        "Perilune done: 1 IP address (1 host up)",
    ] {
        assert!(report.contains(line), "{line} is missing in\n{report}");
    }
}

#[test]
fn the_title_of_an_nginx_is_printed_and_the_xml_is_read() {
    let folder = Folder::new();
    let (_daemon, port) = nginx(&folder, "<html><head><title>Served by nginx &amp; co</title></head></html>");
    let xml = folder.path().join("out.xml");
    let (port, xml) = (port.to_string(), xml.to_string_lossy().into_owned());
    let script = "./scripts/http-title.nse";
    let output = perilune(&["-n", "-Pn", "-p", &port, "--script", script, "127.0.0.1", "-oX", &xml]);
    let report = text(&output.stdout);
    assert!(output.status.success(), "{report}{}", text(&output.stderr));
    assert!(report.contains("|_http-title: Served by nginx &amp; co\n"), "{report}");
    let reader = "import sys
from libnmap.parser import NmapParser
report = NmapParser.parse_fromfile(sys.argv[1])
host = report.hosts[0]
service = host.services[0]
print(host.address, host.status, service.port, service.protocol, service.state)
print(service.scripts_results[0]['id'], service.scripts_results[0]['elements']['title'])";
    let read = Command::new("python3").args(["-c", reader, &xml]).output().expect("python3 is installed");
    let expected = format!("127.0.0.1 up {port} tcp open\nhttp-title Served by nginx &amp; co\n");
    assert_eq!(text(&read.stdout), expected, "{}", text(&read.stderr));
}

#[test]
fn states_of_ports_are_told_apart() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let open = listener.local_addr().expect("it is bound").port();
    let closed = free_port();
    let output = perilune(&["-n", "-Pn", "-p", &format!("{open},{closed}"), "127.0.0.1"]);
    let report = text(&output.stdout);
    let has = |port: u16, state: &str| {
        report.lines().any(|line| line.starts_with(&format!("{port}/tcp ")) && line.contains(state))
    };
    assert!(has(open, "open") && has(closed, "closed"), "{report}");
}

#[test]
fn what_is_wrong_is_said_in_one_message() {
    let folder = Folder::new();
    let broken = folder.file("broken.nse", "portrule = function() end\naction = = 1");
    let incomplete = folder.file("incomplete.nse", "portrule = function() end");
    let base = ["-n", "-Pn", "-p", "1", "127.0.0.1"];
    for (args, status, part) in [
        (&["--script", "/no/such.nse"][..], 1, "'/no/such.nse' did not match a category, filename, or directory"),
        (&["--script", broken.as_str()], 1, "broken.nse:2: unexpected symbol near '='"),
        (&["--script", incomplete.as_str()], 1, "incomplete.nse is missing required field: 'action'"),
        (&["--script", "no-such-script"], 1, "'no-such-script' did not match a category, filename, or directory"),
        (&["--script-args", "a={"], 0, ""),
        (&["--script", "banner", "--script-args", "a={"], 1, "arguments did not parse!"),
        (&["-oX", "/no/such/folder/x"], 1, "cannot write /no/such/folder/x"),
        (&["--bogus"], 255, "--bogus"),
        (&["-T9"], 1, "9"),
    ] {
        let output = perilune(&[&base[..], args].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert!(stderr.contains(part) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
    for (args, status, part) in [
        (&["-Pn", "-p", "99999", "127.0.0.1"][..], 1, "99999"),
        (&["-Pn", "-p", "9-5", "127.0.0.1"], 1, "9"),
        (&["-Pn", "-p", "1", "no-such-name.invalid"], 0, "no-such-name.invalid"),
        (&[], 255, "no target"),
    ] {
        let output = perilune(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert!(stderr.contains(part), "{args:?}: {stderr}");
    }
}

#[test]
fn an_endless_script_is_ended_and_others_are_served() {
    let folder = Folder::new();
    let rule = "portrule = function() return true end\n";
    let endless = folder.file("endless.nse", &format!("{rule}action = function() while true do end end"));
    let reader = folder.file(
        "reader.nse",
        &format!(
            "{rule}action = function(host, port)
                local socket = nmap.new_socket()
                socket:connect(host, port)
                return select(2, socket:receive_lines(1))
            end"
        ),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"greeting\n");
            kept.push(stream);
        }
    });
    let scripts = format!("{endless},{reader}");
    let started = Instant::now();
    let output = perilune(&["-n", "-Pn", "-p", &port, "--script", &scripts, "--script-timeout", "2s", "127.0.0.1"]);
    let report = text(&output.stdout);
    assert!(report.contains("|_reader: greeting\n") && !report.contains("endless"), "{report}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
