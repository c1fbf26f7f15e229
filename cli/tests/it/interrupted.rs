//! Scans that are stopped: by Ctrl-C, and killed at any moment and gone on with.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often a scan is killed.
const KILLS: u64 = 20;
const DTD: &str = "/usr/share/nmap/nmap.dtd";

fn perilune(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Greets on all addresses of loopback; the port.
fn greeter() -> u16 {
    let listener = TcpListener::bind(("0.0.0.0", 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(b"greeting\n");
                std::thread::sleep(Duration::from_millis(100));
            });
        }
    });
    port
}

fn valid_xml(path: &Path) -> bool {
    let status = Command::new("xmllint").args(["--noout", "--dtdvalid", DTD]).arg(path).stderr(Stdio::null()).status();
    status.expect("xmllint is installed").success()
}

/// Hosts of an XML report with their ports and scripts, each once.
fn hosts(path: &Path) -> BTreeMap<String, String> {
    let reader = "import sys, xml.etree.ElementTree as tree
for host in tree.parse(sys.argv[1]).iter('host'):
    ports = ['%s %s %s' % (port.get('portid'), port.find('state').get('state'),
             ' '.join('%s=%s' % (s.get('id'), s.get('output')) for s in port.iter('script')))
             for port in host.iter('port')]
    extra = ['%s %s' % (e.get('state'), e.get('count')) for e in host.iter('extraports')]
    print('%s\t%s' % (host.find('address').get('addr'), repr(ports + extra)))";
    let output = Command::new("python3").args(["-c", reader]).arg(path).output().expect("python3 is installed");
    let text = String::from_utf8(output.stdout).expect("the reader writes text");
    let mut found = BTreeMap::new();
    for (address, rest) in text.lines().filter_map(|line| line.split_once('\t')) {
        assert!(found.insert(address.to_owned(), rest.to_owned()).is_none(), "{address} is there twice");
    }
    found
}

/// Counts what a log says was done: each port and each script of a host, which must be once.
fn nothing_twice(path: &Path) {
    let reader = "import sys, json, collections
seen = collections.Counter()
for line in open(sys.argv[1]):
    event = json.loads(line)
    if event['event'] == 'ports':
        for part in event['ports'].split(','):
            first, _, last = part.partition('-')
            for port in range(int(first), int(last or first) + 1): seen[event['address'], port] += 1
    elif event['event'] == 'script': seen[event['address'], event.get('port'), event['id']] += 1
    elif event['event'] == 'host_done': seen[event['address'], 'done'] += 1
print([key for key, count in seen.items() if count > 1])";
    let output = Command::new("python3").args(["-c", reader]).arg(path).output().expect("python3 is installed");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[]\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_killed_scan_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let greeter = greeter();
    let ports = format!("24000-24149,{greeter}");
    let args = |xml: &'static str, json: &'static str, html: &'static str| -> Vec<String> {
        let line = format!(
            "-n -sT -Pn -p {ports} --max-rate 1500 --seed 7 --script banner -oX {xml} -oJ {json} --html {html} 127.7.0.0/29"
        );
        line.split(' ').map(str::to_owned).collect()
    };
    let run = |args: &[String]| perilune(folder.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    let status = run(&args("whole.xml", "whole.json", "whole.html")).status().expect("the binary starts");
    assert!(status.success() && valid_xml(&at("whole.xml")));
    let expected = hosts(&at("whole.xml"));
    assert_eq!(expected.len(), 8);
    let mut random = 12_345_u64;
    let mut resumed = 0;
    for kill in 0..KILLS {
        for name in ["x.xml", "x.json", "x.html"] {
            let _ = std::fs::remove_file(at(name));
        }
        // Killed once or twice, then left to end.
        for attempt in 0.. {
            let has_start = std::fs::read(at("x.json")).is_ok_and(|text| text.contains(&b'\n'));
            let resume = ["--resume".to_owned(), "x.json".to_owned()];
            let mut child = if has_start { run(&resume) } else { run(&args("x.xml", "x.json", "x.html")) }
                .spawn()
                .expect("the binary starts");
            resumed += u32::from(has_start);
            if attempt > kill % 2 {
                assert!(child.wait().expect("it ends").success(), "kill {kill}");
                break;
            }
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis(10 + (random >> 33) % 700));
            let _ = child.kill();
            let ended = child.wait().expect("it ends").success();
            for name in ["x.xml", "x.html"] {
                let text = std::fs::read_to_string(at(name)).unwrap_or_default();
                let end = if name == "x.xml" { "</nmaprun>\n" } else { "</html>\n" };
                assert!(text.is_empty() || text.ends_with(end), "kill {kill}: {name}");
                assert!(text.is_empty() || name == "x.html" || valid_xml(&at(name)), "kill {kill}");
            }
            if ended {
                break;
            }
        }
        assert!(valid_xml(&at("x.xml")), "kill {kill}");
        assert_eq!(hosts(&at("x.xml")), expected, "kill {kill}");
        nothing_twice(&at("x.json"));
    }
    assert!(resumed >= 10, "{resumed}");
    // A scan that ended has nothing left.
    assert_eq!(perilune(folder.path(), &["--resume", "x.json"]).status().expect("it starts").code(), Some(1));
}

#[test]
fn services_that_were_being_asked_are_asked_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port().to_string();
    let (saw, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let saw = saw.clone();
            std::thread::spawn(move || {
                // The port scan goes away at once, version detection listens.
                std::thread::sleep(Duration::from_millis(300));
                if stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").is_ok() && stream.flush().is_ok() {
                    let _ = saw.send(());
                }
            });
        }
    });
    let args = ["-n", "-sT", "-Pn", "-p", &port, "-sV", "-oX", "x.xml", "-oJ", "x.json", "127.0.0.1"];
    let mut child = perilune(folder.path(), &args).spawn().expect("the binary starts");
    let log = || std::fs::read_to_string(folder.path().join("x.json")).unwrap_or_default();
    while !log().contains("\"task\":\"Service scan\"") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("there is kill").success());
    assert!(!child.wait().expect("it ends").success());
    assert!(perilune(folder.path(), &["--resume", "x.json"]).status().expect("it starts").success());
    assert!(seen.try_recv().is_ok(), "the service was heard");
    let report = std::fs::read_to_string(folder.path().join("x.xml")).expect("it was written");
    assert!(report.contains("product=\"OpenSSH\"") && report.contains("method=\"probed\""), "{report}");
}

#[test]
fn hosts_that_were_being_looked_for_are_looked_for_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = "-n -sn --unprivileged --max-rate 20 127.6.1.0/27 -oX x.xml -oJ x.json";
    let mut child = perilune(folder.path(), &args.split(' ').collect::<Vec<_>>()).spawn().expect("the binary starts");
    std::thread::sleep(Duration::from_millis(600));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("there is kill").success());
    assert!(!child.wait().expect("it ends").success());
    let report = || std::fs::read_to_string(folder.path().join("x.xml")).expect("it was written");
    let cut = report();
    let found = cut.matches("<status state=\"up\" reason=\"conn-refused\"").count();
    assert!((1..32).contains(&found) && cut.contains(&format!("<hosts up=\"{found}\" down=\"0\"")), "{cut}");
    assert!(perilune(folder.path(), &["--resume", "x.json"]).status().expect("it starts").success());
    assert!(report().contains("<hosts up=\"32\" down=\"0\" total=\"32\"/>"), "{}", report());
    assert_eq!(hosts(&folder.path().join("x.xml")).len(), 32);
}

#[test]
fn ctrl_c_leaves_whole_outputs_and_dies_by_it() {
    use std::os::unix::process::ExitStatusExt;
    let folder = tempfile::tempdir().expect("a folder");
    let args = ["-n", "-sT", "-Pn", "-p", "1-1000", "--max-rate", "200", "127.0.0.1", "-oX", "x.xml", "-oJ", "x.json"];
    let mut child = perilune(folder.path(), &args).spawn().expect("the binary starts");
    std::thread::sleep(Duration::from_millis(700));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("there is kill").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(2));
    let xml = folder.path().join("x.xml");
    let text = std::fs::read_to_string(&xml).expect("it was written");
    assert!(valid_xml(&xml) && text.contains("exit=\"error\" errormsg=\"interrupted\""), "{text}");
    assert!(text.contains("<extraports state=\"closed\""), "what was found is there: {text}");
    let json = std::fs::read_to_string(folder.path().join("x.json")).expect("it was written");
    assert!(json.lines().last().is_some_and(|line| line.contains("\"event\":\"summary\"")), "{json}");
}
