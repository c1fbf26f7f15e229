//! Options as someone types them: what is refused and how, what is told while a scan runs, where it goes on.

use crate::daemons::free_port;
use crate::folder::Folder;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    command.args(args).stdin(Stdio::null()).env_remove("NMAP_ARGS").env_remove("NMAPDIR");
    command
}

fn perilune(args: &[&str]) -> Output {
    command(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Accepts connections and says nothing; the port.
fn silent_service() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    port
}

#[test]
fn exit_codes_are_nmaps() {
    for (args, status, part) in [
        (&["-4", "-6", "x"][..], 1, "-4 and -6"),
        (&["-sS", "-sT", "x"], 1, "choose one"),
        (&["-sL", "-p", "1", "127.0.0.1"], 1, "no ports"),
        (&["-p", "1", "-F", "127.0.0.1"], 1, "-F"),
        (&["-p", "1", "-p", "2", "127.0.0.1"], 1, "-p"),
        (&["--exclude", "no-such.invalid", "127.0.0.1"], 1, "no-such.invalid"),
        (&["-n", "-sL", "--exclude", "127.0.0.1,", "127.0.0.1"], 1, "--exclude"),
        (&["-iL", "/no/such", "-n"], 1, "/no/such"),
        (&["-oA", "-", "x"], 1, "-oA"),
        (&["-e", "none0", "-n", "127.0.0.1"], 1, "--iflist"),
        (&["--min-rate", "9", "--max-rate", "5", "127.0.0.1"], 1, "--max-rate"),
        (&["--data", "xyz", "127.0.0.1"], 1, "hexadecimal"),
        (&["--initial-rtt-timeout", "50", "127.0.0.1"], 1, "50ms or 50s"),
        (&["--scan-delay", "100", "127.0.0.1"], 1, "seconds"),
        (&["-O", "127.0.0.1"], 255, "operating-system detection"),
        (&["-sQ", "127.0.0.1"], 255, "no scan type Q"),
        (&["--resume", "x", "-v"], 1, "--resume"),
        (&["-oX"], 255, "output-xml"),
        (&["-oXx.xml", "127.0.0.1"], 1, "-oX x.xml"),
        (&["\u{2014}sT", "127.0.0.1"], 1, "printed text"),
        (&["-sL", "-sn", "-n", "127.0.0.1"], 0, "Nmap scan report for 127.0.0.1"),
        (&["-sL", "-n", "no-such.invalid"], 0, "0 hosts scanned"),
        (&["-V"], 0, "Perilune"),
        (&["-h"], 0, "Usage"),
    ] {
        let output = perilune(args);
        let said = text(&[output.stdout, output.stderr].concat());
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
}

/// The lines of a program's standard output without figures, names of programs, and what only one of them has.
fn lines(program: &str, args: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = text(&output.stdout).replace("Perilune done", "Nmap done").replace("/usr/bin/../share", "/usr/share");
    let mut lines = Vec::new();
    for line in
        text.lines().filter(|line| !line.starts_with("Starting ") && !line.starts_with("Host discovery disabled"))
    {
        let words = line.split(|c: char| c.is_ascii_digit() || c == '.').filter(|part| !part.is_empty());
        lines.push(words.collect::<Vec<_>>().join("#"));
    }
    lines
}

#[test]
fn debugging_and_traces_read_as_nmaps() {
    let (open, closed) = (silent_service().to_string(), free_port().to_string());
    let ports = format!("{open},{closed}");
    let common = ["-n", "-sT", "--datadir", "/usr/share/nmap", "127.72.0.9"];
    for args in [
        &["-d", "-Pn", "-p", &ports][..],
        &["-d", "-p", &ports, "--reason", "--unprivileged"],
        &["-v", "-Pn", "-p", &closed, "--packet-trace"],
        &["-vv", "-p", &open, "--packet-trace", "--unprivileged", "-PS22"],
    ] {
        let args = [args, &common].concat();
        let ours = lines(env!("CARGO_BIN_EXE_perilune"), &args);
        assert_eq!(ours, lines("nmap", &args), "{args:?}");
        assert!(ours.len() > 8, "{ours:?}");
    }
}

#[test]
fn excluded_ports_are_not_asked_in_discovery_either() {
    let run = |args: &[&str]| {
        let output = perilune(&[&["-n", "-sn", "--unprivileged", "--packet-trace", "127.72.0.9"], args].concat());
        text(&[output.stdout, output.stderr].concat())
    };
    let said = run(&["--exclude-ports", "443"]);
    assert!(said.contains(":80 =>") && !said.contains(":443 =>") && !said.contains("WARNING"), "{said}");
    let said = run(&["--exclude-ports", "http,443"]);
    assert!(
        !said.contains("CONN") && said.contains("WARNING: --exclude-ports") && said.contains("0 hosts up"),
        "{said}"
    );
    let said = run(&["-PS22,80", "-PA81", "--exclude-ports", "80-90"]);
    assert!(said.contains(":22 =>") && !said.contains(":80 =>") && !said.contains(":81 =>"), "{said}");
}

#[test]
fn names_of_outputs_are_bytes_and_a_full_disk_ends_the_scan() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let scan = ["-n", "-sT", "-Pn", "-p", "1-3", "127.72.0.9"];
    let name = |end: &str| folder.path().join(OsStr::from_bytes(&[b"\xff\xc3", end.as_bytes()].concat()));
    let output = command(&scan)
        .arg("-oA")
        .arg(name(""))
        .arg("--html")
        .arg(name(".html"))
        .arg(OsStr::from_bytes(b"\xff.x"))
        .output();
    let output = output.expect("it starts");
    assert!(output.status.success() && text(&output.stderr).contains("Failed to resolve"), "{}", text(&output.stderr));
    for end in [".nmap", ".gnmap", ".xml", ".html"] {
        assert!(name(end).is_file(), "{end}");
    }
    // All other outputs get their end.
    let xml = folder.path().join("x.xml");
    for full in ["-oN", "-oG", "-oJ", "--html"] {
        let output = perilune(&[&scan[..], &["-oX", &xml.to_string_lossy(), full, "/dev/full"]].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("cannot write /dev/full: No space left"), "{said}");
        let document = std::fs::read_to_string(&xml).expect("it was written");
        assert!(document.contains("exit=\"error\" errormsg=\"cannot write /dev/full"), "{document}");
        assert!(document.ends_with("</nmaprun>\n"), "{document}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_only_what_it_read() {
    let folder = Folder::new();
    let json = folder.path().join("x.json").to_string_lossy().into_owned();
    let first_line = |args: &[&str]| {
        let mut child = command(&["-n", "-sT", "-Pn", "-v", "-p", "1-500", "--max-rate", "2000", "127.72.0.9-10"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut byte = [0];
        child.stdout.take().expect("it is piped").read_exact(&mut byte).expect("it says something");
        child.wait().expect("it ends").code()
    };
    assert_eq!(first_line(&["-oX", "-"]), Some(1));
    assert_eq!(first_line(&["-oJ", &json]), Some(0));
    let log = std::fs::read_to_string(&json).expect("it was written");
    assert!(log.ends_with("}\n") && log.contains("\"hosts_up\":2"), "{log}");
}

#[test]
fn habits_of_the_command_line() {
    let nmap_args = |value: &str, args: &[&str]| {
        let output = command(args).env("NMAP_ARGS", value).output().expect("the binary starts");
        text(&output.stdout)
    };
    let report = nmap_args("-sL --exclude \"10.0.0.1, 10.0.0.2\"", &["-n", "10.0.0.0/30", "-oN", "-"]);
    assert!(report.contains("as: perilune -sL --exclude \"10.0.0.1, 10.0.0.2\" -n -oN - 10.0.0.0/30\n"), "{report}");
    assert!(report.contains("10.0.0.3\n") && !report.contains("for 10.0.0.1\n"), "{report}");
    let port = free_port().to_string();
    let output = perilune(&["-A", "-n", "-p", &port, "--unprivileged", "127.0.0.1"]);
    assert!(text(&output.stderr).contains("There is no operating-system detection."), "{}", text(&output.stderr));
    let output = perilune(&["-PR", "-n", "-Pn", "-p", &port, "--webxml", "-oX", "-", "127.0.0.1"]);
    assert!(text(&output.stdout).contains("href=\"https://svn.nmap.org/nmap/docs/nmap.xsl\""));
    // What nothing comes of is still a document.
    let output = perilune(&["-p", "9-5", "-oX", "-", "127.0.0.1"]);
    assert!(text(&output.stdout).contains("exit=\"error\" errormsg=\"port list"), "{}", text(&output.stdout));
    assert!(text(&perilune(&["--iflist"]).stdout).contains("127.0.0.1/8"));
}

#[test]
fn nothing_but_the_document_goes_to_standard_output() {
    let port = silent_service().to_string();
    let args = [
        "-oX",
        "-",
        "-vvv",
        "-d2",
        "--stats-every",
        "1s",
        "-sV",
        "--version-intensity",
        "0",
        "--script",
        "banner",
        "-n",
    ];
    let output = perilune(&[&args[..], &["--packet-trace", "-p", &port, "127.0.0.1"]].concat());
    let mut reader = Command::new("xmllint")
        .args(["--noout", "--dtdvalid", "/usr/share/nmap/nmap.dtd", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("xmllint is installed");
    reader.stdin.take().expect("it is piped").write_all(&output.stdout).expect("it reads");
    assert!(reader.wait().expect("it ends").success(), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("<taskbegin task=\"NSE\""), "{}", text(&output.stdout));
}

#[test]
fn packets_are_told_of_as_they_happen() {
    // Fifty probes a second: lines must come long before the end.
    let args = ["-n", "-Pn", "-sT", "-p", "1-1000", "--max-rate", "50", "--packet-trace", "127.0.0.1"];
    let mut child = command(&args).stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut out = child.stdout.take().expect("it is piped");
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    let started = Instant::now();
    while !text(&seen).contains("CONN (") {
        let len = out.read(&mut buffer).expect("it says something");
        assert!(len > 0 && started.elapsed() < Duration::from_secs(10), "{}", text(&seen));
        seen.extend_from_slice(&buffer[..len]);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Runs a scan on a terminal of its own, presses keys, and prints what came until a word did.
const ON_A_TERMINAL: &str = "import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
seen, pressed, end = b'', [b'v', b'?', b'p', b'\\n'], time.time() + 20
while time.time() < end and not (b'CONN (' in seen and b'Timing: About' in seen):
    if pressed and b'Starting' in seen:
        time.sleep(0.3)
        os.write(fd, pressed.pop(0))
    if select.select([fd], [], [], 0.1)[0]: seen += os.read(fd, 65536)
os.kill(pid, 9)
sys.stdout.buffer.write(seen)";

#[test]
fn keys_act_at_once() {
    let args = ["-c", ON_A_TERMINAL, env!("CARGO_BIN_EXE_perilune"), "-n", "-Pn", "-sT", "-p", "1-2000"];
    let more = ["--max-rate", "50", "127.0.0.1"];
    let output = Command::new("python3").args(args).args(more).env("TERM", "xterm").output().expect("python3 runs");
    let seen = text(&output.stdout);
    for part in
        ["Verbosity Increased to 1.", "Keys: v/V", "Packet Tracing enabled.", "CONN (", "undergoing Connect Scan"]
    {
        assert!(seen.contains(part), "{part} is missing in {seen}");
    }
}

#[test]
fn the_time_of_a_host_covers_all_phases() {
    let folder = Folder::new();
    let (first, second) = (silent_service(), silent_service());
    let script = folder.file(
        "slow.nse",
        "hostrule = function() return true end\naction = function() require('stdnse').sleep(60) return 'slept' end",
    );
    let ports = format!("{first},{second}");
    let xml = folder.path().join("x.xml");
    let run = |args: &[&str]| {
        let _ = std::fs::remove_file(&xml);
        let json = folder.path().join("x.json");
        let common = ["-n", "-Pn", "-sT", "-p", &ports, "127.0.0.1", "--host-timeout", "2s", "-oG", "-"];
        let files = ["-oX", &xml.to_string_lossy(), "-oJ", &json.to_string_lossy()];
        let started = Instant::now();
        let output = perilune(&[&common[..], &files, args].concat());
        assert!(output.status.success() && started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert!(text(&output.stdout).contains("Status: Up\nHost: 127.0.0.1 ()\tStatus: Timeout\n"), "{args:?}");
        let report = std::fs::read_to_string(&xml).expect("it was written");
        assert!(report.contains(" timedout=\"true\"><status state=\"up\"") && !report.contains("<port"), "{report}");
        // Lines of JSON keep what was found.
        let json = std::fs::read_to_string(&json).expect("it was written");
        assert!(json.contains("\"timed_out\":true") && json.contains(&format!("\"port\":{first}")), "{json}");
    };
    run(&["-sV", "--version-all"]);
    run(&["--script", &script]);
}

/// Addresses whose reports are in a log, in its order.
fn reported(log: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(log).expect("there is a log");
    let normal = log.lines().filter_map(|line| line.strip_prefix("Nmap scan report for "));
    let grepable = log.lines().filter(|line| line.contains("\tPorts: ")).filter_map(|line| line.split(' ').nth(1));
    normal.chain(grepable).map(str::to_owned).collect()
}

#[test]
fn text_logs_are_gone_on_with() {
    for option in ["-oN", "-oG"] {
        let folder = Folder::new();
        let log = folder.path().join("log");
        let port = free_port();
        let ports = format!("{port}-{}", port + 1);
        let line = ["-n", "-sT", "-Pn", "-p", &ports, "--max-rate", "20", "--max-hostgroup", "1", "127.6.0.0/28"];
        let mut child = command(&[&line[..], &[option, "log"]].concat())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let deadline = Instant::now() + Duration::from_secs(10);
        while !log.exists() || reported(&log).len() < 3 {
            assert!(Instant::now() < deadline, "hosts are reported as they are done");
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        assert!(reported(&log).len() < 16);
        let resume = |log: &str| command(&["--resume", log]).current_dir(folder.path()).output().expect("it starts");
        let output = resume("log");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let expected: Vec<String> = (0..16).map(|last| format!("127.6.0.{last}")).collect();
        assert_eq!(reported(&log), expected, "{option}");
        // It ended.
        assert_eq!(resume("log").status.code(), Some(1));
    }
}

#[test]
fn an_interrupted_scan_is_gone_on_with_by_any_of_its_logs() {
    for resumed in ["x.nmap", "x.gnmap", "x.xml", "x.json"] {
        let folder = Folder::new();
        let args = ["-n", "-sT", "-Pn", "-p", "1-300", "--max-rate", "300", "127.6.0.1-2", "--max-hostgroup", "1"];
        let mut child = command(&[&args[..], &["-oA", "x", "-oJ", "x.json"]].concat())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(Duration::from_millis(1500));
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("there is kill").success());
        let _ = child.wait();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("it was written");
        assert!(read("x.nmap").contains("# Perilune stopped at "), "{}", read("x.nmap"));
        let output = command(&["--resume", resumed]).current_dir(folder.path()).output().expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let convert = command(&["convert", "x.json", "--grepable", "from-json"]).current_dir(folder.path()).status();
        assert!(convert.expect("it starts").success());
        // Each host once, whole, in all of them.
        for log in ["x.gnmap", "from-json"] {
            let lines: Vec<String> =
                read(log).lines().filter(|line| line.contains("Ports: ")).map(str::to_owned).collect();
            assert_eq!(lines.len(), 2, "{resumed} {log}: {lines:?}");
            for line in lines {
                let listed = line.split(", ").filter(|port| port.contains("/tcp/")).count();
                let ignored = line.rsplit_once('(').and_then(|(_, rest)| rest.trim_end_matches(')').parse().ok());
                assert_eq!(listed + ignored.unwrap_or(0), 300, "{resumed} {log}: {line}");
            }
        }
        assert!(read("x.xml").matches("<host ").count() == 2 && !read("x.xml").contains("comment="), "{resumed}");
    }
}
