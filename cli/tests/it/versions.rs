//! Version detection of real servers, beside the reference with the same probe file.

use crate::daemons::{Daemons, data_folder};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// Memory that a scan of these servers may take, all lines of the reference's file at hand.
const MEMORY_MAX_KB: u64 = 100_000;

/// What is compared: attributes of `service` and the CPEs, by protocol and port.
type Services = BTreeMap<String, String>;

/// What is written of a port that the list of services calls unknown, as any port of these servers may be; not all
/// versions of Nmap write it.
const UNKNOWN: &str = " name=unknown method=table conf=3";

/// Servers of which our own probe file says something else than the reference's: that says 2.2 to 2.3 of any OpenLDAP,
/// keeps a space in front of Postfix's host name, and nothing of a broker but what a script reads; Memcached's time
/// goes on.
const DIFFERENT_IN_OUR_FILE: [&str; 4] = ["slapd", "postfix", "mosquitto", "memcached"];

/// Reads what XML says of services.
fn services(xml: &[u8]) -> Services {
    let reader = "import sys, xml.etree.ElementTree as tree
for port in tree.parse(sys.stdin.buffer).iter('port'):
    service = port.find('service')
    state = port.find('state')
    shown = [state.get('state'), state.get('reason')]
    if service is not None:
        names = 'name product version extrainfo hostname ostype devicetype tunnel method conf'.split()
        shown += ['%s=%s' % (name, service.get(name)) for name in names if service.get(name)]
        shown += [cpe.text for cpe in service.iter('cpe')]
        shown += ['fingerprint'] if service.get('servicefp') else []
    print('%s/%s\t%s' % (port.get('protocol'), port.get('portid'), ' '.join(shown)))";
    let mut child = Command::new("python3")
        .args(["-c", reader])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), xml).expect("python3 reads");
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(xml));
    let text = String::from_utf8(output.stdout).expect("the reader writes text");
    text.lines().filter_map(|line| line.split_once('\t')).map(|(port, shown)| (port.into(), shown.into())).collect()
}

fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs the program; its output, and the most memory it had, kilobytes.
fn run_measured(args: &[&str]) -> (Vec<u8>, u64) {
    let wrapper = "import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print('\\n', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)";
    let output = Command::new("python3")
        .args(["-c", wrapper, env!("CARGO_BIN_EXE_perilune")])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("python3 is installed");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let memory = told.lines().last().and_then(|line| line.trim().parse().ok()).expect("the wrapper tells");
    (output.stdout, memory)
}

#[test]
fn real_servers_are_known_as_by_the_reference() {
    let daemons = Daemons::start_all();
    let list = |udp: bool| {
        let ports = daemons.all.iter().filter(|daemon| daemon.udp == udp).map(|daemon| daemon.port.to_string());
        ports.collect::<Vec<_>>().join(",")
    };
    let ports = format!("T:{},U:{}", list(false), list(true));
    let data = data_folder().to_string_lossy().into_owned();
    let common = ["-n", "-Pn", "-sT", "-sU", "-sV", "-p", &ports, "-oX", "-", "127.0.0.1"];
    let perilune = env!("CARGO_BIN_EXE_perilune");
    // They mostly wait.
    let [theirs, ours, bare] = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| run("nmap", &common));
        let bare = scope.spawn(|| run(perilune, &common));
        let (ours, memory) = run_measured(&[&common[..], &["--datadir", &data]].concat());
        println!("{memory} KB at most");
        assert!(memory < MEMORY_MAX_KB, "{memory} KB");
        [theirs.join().expect("the reference ends"), ours, bare.join().expect("the bare binary ends")]
    })
    .map(|report| services(&report));
    let mut different = Vec::new();
    for daemon in &daemons.all {
        let key = format!("{}/{}", if daemon.udp { "udp" } else { "tcp" }, daemon.port);
        let known = |shown: &Services| shown.get(&key).map(|shown| shown.trim_end_matches(UNKNOWN).to_owned());
        let (theirs, ours) = (known(&theirs), known(&ours));
        println!("{:14} {}", daemon.name, ours.as_deref().unwrap_or("-"));
        if theirs != ours {
            different.push(format!("{}\n  reference {theirs:?}\n  ours      {ours:?}", daemon.name));
        }
        // Our own file knows them as well as the reference's.
        let told = |shown: &str| shown.split(" method=").next().unwrap_or_default().to_owned();
        let (theirs, bare) = (theirs.as_deref().map(told), bare.get(&key).map(|shown| told(shown)));
        if theirs != bare && !DIFFERENT_IN_OUR_FILE.contains(&daemon.name) {
            different.push(format!("{}\n  reference {theirs:?}\n  our file  {bare:?}", daemon.name));
        }
    }
    assert!(daemons.all.len() >= 20);
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn the_bare_binary_knows_what_speaks_inside_tls() {
    let daemons = Daemons::start_web();
    let port = |name: &str| {
        let found = daemons.all.iter().find(|daemon| daemon.name == name);
        found.expect("it was started").port.to_string()
    };
    let ports = format!("{},{}", port("nginx"), port("nginx-tls"));
    let args = ["-n", "-Pn", "-sT", "-sV", "-p", &ports, "-oX", "-", "127.0.0.1"];
    let found = services(&run(env!("CARGO_BIN_EXE_perilune"), &args));
    for (name, tunnel) in [("nginx", ""), ("nginx-tls", " tunnel=ssl")] {
        let shown = &found[&format!("tcp/{}", port(name))];
        assert!(shown.starts_with("open syn-ack name=http product=nginx"), "{shown}");
        assert!(shown.contains(&format!("{tunnel} method=probed conf=10")), "{shown}");
    }
}

#[test]
fn who_answers_with_nothing_is_wrapped() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("it is bound").port().to_string();
    std::thread::spawn(move || {
        while let Ok((_, peer)) = server.recv_from(&mut [0; 2048]) {
            let _ = server.send_to(b"", peer);
        }
    });
    let args = ["-n", "-Pn", "-sU", "-sV", "-p", &port, "-oX", "-", "127.0.0.1"];
    let found = services(&run(env!("CARGO_BIN_EXE_perilune"), &args));
    assert_eq!(found, services(&run("nmap", &args)));
    let shown = &found[&format!("udp/{port}")];
    assert!(shown.contains("name=tcpwrapped method=probed conf=8"), "{shown}");
}

#[test]
fn who_speaks_tls_but_lets_nobody_in_has_a_tunnel() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("it is bound").port().to_string();
    std::thread::spawn(move || {
        for mut peer in server.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = std::io::Read::read(&mut peer, &mut [0; 2048]);
                // A fatal alert: the handshake has failed.
                let _ = std::io::Write::write_all(&mut peer, &[21, 3, 1, 0, 2, 2, 40]);
            });
        }
    });
    let data = data_folder().to_string_lossy().into_owned();
    let args = ["-n", "-Pn", "-sT", "-sV", "-p", &port, "-oX", "-", "127.0.0.1"];
    let [ours, theirs] = std::thread::scope(|scope| {
        let ours = scope.spawn(|| run(env!("CARGO_BIN_EXE_perilune"), &[&args[..], &["--datadir", &data]].concat()));
        let theirs = run("nmap", &args);
        [services(&ours.join().expect("it ends")), services(&theirs)]
    });
    assert_eq!(ours, theirs);
    let shown = &ours[&format!("tcp/{port}")];
    assert!(shown.contains("tunnel=ssl method=table conf=3"), "{shown}");
}
