//! Raw scans as root: two networks of this machine's own, joined by a router.
//!
//! ```text
//! near 10.77.0.1 ── 10.77.0.2 middle 10.78.0.2 ── 10.78.0.3 far
//! ```

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Namespaces that go away with the value.
struct Networks {
    names: [String; 3],
    servers: Vec<Child>,
}

fn run(command: &str) -> String {
    let output = Command::new("sh").args(["-ec", command]).output().expect("there is a shell");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command}\n{out}{err}");
    format!("{out}{err}")
}

impl Networks {
    fn new() -> Networks {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let own = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let names = ["near", "middle", "far"].map(|name| format!("perilune-{name}-{own}"));
        let [near, middle, far] = &names;
        let networks = Networks { names: names.clone(), servers: Vec::new() };
        run(&format!(
            "for n in {near} {middle} {far}; do ip netns add $n; ip -n $n link set lo up; done
             ip -n {near} link add va address 02:00:00:00:77:01 type veth peer name vb address 02:00:00:00:77:02 netns {middle}
             ip -n {far} link add vd type veth peer name vc netns {middle}
             ip -n {near} addr add 10.77.0.1/24 dev va; ip -n {near} addr add fd77::1/64 dev va nodad
             ip -n {middle} addr add 10.77.0.2/24 dev vb; ip -n {middle} addr add fd77::2/64 dev vb nodad
             ip -n {middle} addr add 10.78.0.2/24 dev vc; ip -n {far} addr add 10.78.0.3/24 dev vd
             ip -n {middle} addr add fd78::2/64 dev vc nodad; ip -n {far} addr add fd78::3/64 dev vd nodad
             ip -n {near} addr add 10.77.0.9/32 dev va
             ip -n {near} link set va up; ip -n {middle} link set vb up
             ip -n {middle} link set vc up; ip -n {far} link set vd up
             ip -n {near} route add default via 10.77.0.2; ip -n {far} route add default via 10.78.0.2
             ip -n {near} -6 route add default via fd77::2; ip -n {far} -6 route add default via fd78::2
             ip netns exec {middle} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
             for n in {near} {middle} {far}; do
               while ip -n $n -o link show type veth | grep -qv 'state UP' || ip -n $n -6 addr show tentative | grep -q inet6; do
                 sleep 0.05
               done
             done"
        ));
        networks
    }

    /// A program that serves TCP, for IPv4 and IPv6, and echoes UDP; on a port of a namespace.
    fn serve(&mut self, place: usize, port: u16) {
        let program = format!(
            "import socket, threading
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); udp.bind(('::', {port}))
def echo():
    while True:
        data, peer = udp.recvfrom(100); udp.sendto(b'x' + data, peer)
threading.Thread(target=echo, daemon=True).start()
tcp = socket.create_server(('::', {port}), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100)
print('ready', flush=True)
while True: tcp.accept()[0].close()"
        );
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.names[place], "python3", "-c", &program])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip is installed, and we are root");
        let mut line = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().expect("it is piped"), &mut line).expect("the server starts");
        self.servers.push(child);
    }

    /// What a scan from the near end prints.
    fn scan(&self, args: &str) -> String {
        let program = env!("CARGO_BIN_EXE_perilune");
        run(&format!("ip netns exec {} {program} {args}", self.names[0]))
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn check(report: &str, lines: &[&str]) {
    for line in lines {
        assert!(report.lines().any(|found| found.starts_with(line)), "{line} is missing in\n{report}");
    }
}

#[test]
fn raw_scans_between_networks() {
    let mut networks = Networks::new();
    networks.serve(1, 8080);
    networks.serve(2, 8081);
    // The middle drops what goes to this port, and forbids that one.
    run(&format!(
        "ip netns exec {0} ip route add blackhole 10.79.0.0/24; ip netns exec {0} ip route add prohibit 10.80.0.0/24",
        networks.names[1]
    ));
    let report = networks.scan("-n -p 8079-8081 10.77.0.2-3 10.78.0.3 --reason --traceroute -v");
    check(
        &report,
        &[
            "Nmap scan report for 10.77.0.3 [host down, received no-response]",
            "Host is up, received arp-response (",
            "8079/tcp closed unknown       reset ttl 64",
            "8080/tcp open   http-proxy    syn-ack ttl 64",
            "MAC Address: 02:00:00:00:77:02 (Unknown)",
            "Host is up, received echo-reply ttl 63 (",
            "8081/tcp open   sunproxyadmin syn-ack ttl 63",
            "TRACEROUTE (using port 8081/tcp)",
        ],
    );
    let hops: Vec<&str> =
        report.lines().filter(|line| line.ends_with(" ms 10.77.0.2") || line.ends_with(" ms 10.78.0.3")).collect();
    assert_eq!(hops.len(), 3, "{report}");
    let report = networks.scan("-n -6 -p 8079-8080 fd77::2 fd77::3 --reason -v --packet-trace");
    check(
        &report,
        &[
            "Nmap scan report for fd77::3 [host down, received no-response]",
            "Host is up, received nd-response (",
            "8079/tcp closed unknown    reset ttl 64",
            "8080/tcp open   http-proxy syn-ack ttl 64",
            "SENT (",
            "RCVD (",
        ],
    );
    for scan in ["-sS", "-sT", "-sT --unprivileged"] {
        let report = networks.scan(&format!("-n -6 {scan} -p 8079-8080 fe80::ff:fe00:7702%va"));
        check(&report, &["8079/tcp closed unknown", "8080/tcp open   http-proxy"]);
    }
    let report = networks.scan("-n -6 -p 8081 fd78::3 --reason --traceroute");
    check(&report, &["8081/tcp open  sunproxyadmin syn-ack ttl 63", "TRACEROUTE (using port 8081/tcp)"]);
    let hops: Vec<&str> = report.lines().filter(|line| line.contains(" ms fd7")).collect();
    assert!(hops.len() == 2 && hops[0].ends_with("fd77::2") && hops[1].ends_with("fd78::3"), "{report}");
    let report =
        networks.scan("-n -sS -p 8081 10.78.0.3 -S 10.77.0.9 -e va -g 4321 --data-length 6 --ttl 9 --packet-trace");
    check(&report, &["8081/tcp open  sunproxyadmin"]);
    assert!(report.contains(" TCP 10.77.0.9:4321 > 10.78.0.3:8081 S ttl=9 id="), "{report}");
    assert!(report.contains(" iplen=50  seq="), "{report}");
    // A connection can send from another address of ours, too.
    let report = networks.scan("-n -sT -p 8081 10.78.0.3 -S 10.77.0.9 -e va -Pn");
    check(&report, &["8081/tcp open  sunproxyadmin"]);
    // What is not there is asked for on its link, but not for a connect scan of all that is named.
    for (scan, reported) in [
        ("-Pn -sS", "Perilune done: 1 IP address (0 hosts up)"),
        ("-Pn -sT", "8080/tcp filtered http-proxy"),
        ("-Pn -sn", "Host is up, received user-set."),
        ("-sn", "Note: Host seems down."),
    ] {
        let ports = if scan.contains("-sn") { "" } else { "-p 8080" };
        let report = networks.scan(&format!("-n --reason {scan} {ports} --host-timeout 20 10.77.0.3"));
        check(&report, &[reported]);
        assert_eq!(report.contains("seems down"), scan == "-sn", "{report}");
    }
    for (how, reason) in [
        ("", "arp-response"),
        ("--send-ip -PE", "echo-reply ttl 64"),
        ("--disable-arp-ping -PS80,8080 --exclude-ports 80", "syn-ack ttl 64"),
    ] {
        let report = networks.scan(&format!("-n -sn -v --reason {how} 10.77.0.2"));
        check(&report, &[&format!("Host is up, received {reason} (")]);
        assert_eq!(report.contains("Completed ARP Ping Scan"), how.is_empty(), "{report}");
    }
    let report = networks.scan("-n -sn --disable-arp-ping -PS80 --exclude-ports 80 10.77.0.2");
    check(&report, &["WARNING: --exclude-ports leaves no TCP port", "Note: Host seems down."]);
    for (how, reason) in [("", "arp-response"), ("--disable-arp-ping", "unknown-response")] {
        let report = networks.scan(&format!("-n -sS -p 8080 {how} 10.77.0.2 -oX -"));
        check(&report, &[&format!("<hosthint><status state=\"up\" reason=\"{reason}\" reason_ttl=\"0\"/>")]);
    }
    // One address given several times is scanned as often.
    let report = networks.scan("-n -sS -p 8079-8080 10.77.0.2 10.77.0.2-3 10.77.0.2");
    assert_eq!(report.lines().filter(|line| line.starts_with("8080/tcp open   http-proxy")).count(), 3, "{report}");
    assert!(report.contains("Perilune done: 4 IP addresses (3 hosts up)"), "{report}");
    // The neighbour's hardware address is known, whoever asked for it.
    for how in ["--disable-arp-ping", "-Pn --disable-arp-ping"] {
        check(
            &networks.scan(&format!("-n -sS -p 8080 {how} 10.77.0.2")),
            &["MAC Address: 02:00:00:00:77:02 (Unknown)"],
        );
    }
    check(&networks.scan("-n -6 -p 8080 --disable-arp-ping fd77::2"), &["MAC Address: 02:00:00:00:77:02 (Unknown)"]);
    // To a neighbour no way has to be found; else the probe is one that was answered.
    for (what, heading) in [
        ("-p 8080 10.77.0.2", "\nTRACEROUTE\nHOP"),
        ("-sn 10.77.0.2", "\nTRACEROUTE\nHOP"),
        ("-sn 10.78.0.3", "\nTRACEROUTE (using proto 1/icmp)\nHOP"),
        ("-sn -PS8081 10.78.0.3", "\nTRACEROUTE (using port 8081/tcp)\nHOP"),
    ] {
        let report = networks.scan(&format!("-n --traceroute {what}"));
        assert!(report.contains(heading), "{report}");
    }
    let report = networks.scan("-n -sU -p 8080,8082 10.77.0.2 --reason");
    check(
        &report,
        &["8080/udp open   http-proxy udp-response ttl 64", "8082/udp closed us-cli     port-unreach ttl 64"],
    );
    // A router's word comes once a second, and as a start some more.
    let second = std::time::Duration::from_secs(1);
    std::thread::sleep(second);
    let report = networks.scan("-n -sn -v --reason -PE 10.78.0.3 10.79.0.1 10.80.0.1");
    check(
        &report,
        &[
            "Host is up, received echo-reply ttl 63",
            "Nmap scan report for 10.79.0.1 [host down, received no-response]",
            "Nmap scan report for 10.80.0.1 [host down, received admin-prohibited ttl 64]",
        ],
    );
    std::thread::sleep(second);
    let report = networks.scan("-n -Pn -p 80 10.79.0.1 10.80.0.1 --reason");
    check(
        &report,
        &["80/tcp filtered http    no-response", "80/tcp filtered http    admin-prohibited from 10.77.0.2 ttl 64"],
    );
    // A router's word reaches a connection too, though the attempt goes on.
    for (scan, forbidden) in
        [("-sT", "tcp filtered http    host-unreach"), ("--unprivileged -sU", "udp filtered http    host-unreach")]
    {
        std::thread::sleep(second);
        let report = networks.scan(&format!("-n -Pn {scan} -p 80 10.80.0.1 --reason"));
        check(&report, &[&format!("80/{forbidden}")]);
    }
}

#[test]
fn zones_choose_the_link_of_each_target() {
    let mut networks = Networks::new();
    let [near, middle, _] = networks.names.clone();
    run(&format!(
        "ip -n {near} link add wa type veth peer name wb address 02:00:00:00:77:22 netns {middle}
         ip -n {near} link set wa up; ip -n {middle} link set wb up
         while [ $(ip -n {near} -6 addr show scope link -tentative | grep -c inet6) -lt 2 ]; do sleep 0.1; done
         while [ $(ip -n {middle} -6 addr show scope link -tentative | grep -c inet6) -lt 3 ]; do sleep 0.1; done"
    ));
    networks.serve(1, 8080);
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list");
    let lines =
        "fe80::ff:fe00:7702%va # one\nfe80::ff:fe00:7722%wa\nfe80::1%no-such\n::1%lo\n[fe80::ff:fe00:7702%va]:22";
    std::fs::write(&list, lines).expect("it can be written");
    let list = list.display();
    for scan in ["-sS", "-sT", "-sT --unprivileged"] {
        let report = networks.scan(&format!("-n {scan} -sV -p 8080 -iL {list}"));
        let up = report.lines().filter(|line| line.starts_with("8080/tcp open  tcpwrapped")).count();
        assert!(up == 2 && report.contains("\n22/tcp closed ssh"), "{report}");
        check(&report, &["Failed to resolve \"fe80::1%no-such\".", "Failed to resolve \"::1%lo\"."]);
    }
    // A raw scan finds neighbours without a zone, too, and an exclusion holds on every link.
    let report = networks.scan("-n -sS -p 8080 fe80::ff:fe00:7702");
    check(&report, &["8080/tcp open  http-proxy"]);
    let report = networks.scan("-n -sL fe80::1%va/126 fe80::1%wa --exclude fe80::2%wa,fe80::3");
    check(&report, &["Nmap scan report for fe80::1", "fe80::1%wa: the address is scanned in one zone, the first"]);
    assert!(report.contains("Perilune done: 2 IP addresses"), "{report}");
    let refused = Command::new(env!("CARGO_BIN_EXE_perilune"))
        .args(["-sL", "fe80::1%lo", "--exclude", "fe80::1%no-such"])
        .output()
        .expect("the binary starts");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
}

/// What a script sends and receives on a link.
struct Frames {
    /// Lines of the script's result.
    told: Vec<String>,
    /// Each frame as the other end of the link saw it.
    sent: Vec<String>,
}

/// Prints the frames that arrive at the middle and bear the script's mark: there are five.
const READER: &str = "import socket
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); link.bind(('vb', 0)); link.settimeout(20)
print('ready', flush=True)
seen = []
while len(seen) < 5:
    frame, address = link.recvfrom(65535)
    if address[2] != socket.PACKET_OUTGOING and b'perilune-frame' in frame: seen.append(frame.hex())
print('\\n'.join(sorted(seen)))";

impl Networks {
    /// Runs the script of frames at the near end with a program.
    fn frames(&self, program: &str) -> Frames {
        let [near, middle, _] = &self.names;
        let mut reader = Command::new("ip")
            .args(["netns", "exec", middle, "python3", "-c", READER])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip is installed, and we are root");
        let mut output = BufReader::new(reader.stdout.take().expect("it is piped")).lines();
        assert_eq!(output.next().expect("the reader starts").expect("it writes text"), "ready");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/frames.nse");
        let report = run(&format!("ip netns exec {near} timeout 60 {program} -n --script {script}"));
        let sent = output.map(|line| line.expect("it writes text")).collect();
        assert!(reader.wait().expect("the reader ends").success(), "not all frames arrived\n{report}");
        Frames { told: report.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect(), sent }
    }
}

#[test]
fn scripts_send_the_frames_that_the_reference_sends() {
    let networks = Networks::new();
    // A neighbour is asked for from an address of the link, which is there once nobody else has it.
    let [near, middle, _] = &networks.names;
    run(&format!(
        "for n in {near} {middle}; do
             while ip -n $n -6 addr show tentative | grep -q inet6; do sleep 0.1; done
         done"
    ));
    let reference = networks.frames("nmap --send-eth");
    assert_eq!(reference.sent.len(), 5, "{:?}", reference.sent);
    assert_eq!(reference.told.iter().filter(|line| line.contains(": true true ")).count(), 5, "{:?}", reference.told);
    let own = env!("CARGO_BIN_EXE_perilune");
    for program in [format!("{own} --send-eth"), format!("{own} --send-ip"), own.to_owned()] {
        let frames = networks.frames(&program);
        assert_eq!(frames.sent, reference.sent, "{program}");
        assert_eq!(frames.told, reference.told, "{program}");
    }
}

/// Hands frames on between the two links of the middle, and loses some TCP packets: which ones follows from the port
/// of the far end, the direction, and how many there were.
const LOSSY: &str = "import socket, select, sys, zlib
links = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for _ in range(2)]
for link, name in zip(links, ['vb', 'vc']): link.bind((name, 0))
seen, lost = {}, 0
print('ready', flush=True)
while True:
    for at in range(2):
        if links[at] not in select.select(links, [], [])[0]: continue
        frame, address = links[at].recvfrom(65535)
        if address[2] == socket.PACKET_OUTGOING: continue
        if frame[12:14] == b'\\x08\\0' and frame[23] == 6:
            port = frame[36:38] if at == 0 else frame[34:36]
            seen[at, port] = seen.get((at, port), 0) + 1
            if zlib.crc32(port + bytes([at, seen[at, port] % 256])) % 100 < 20: continue
        links[1 - at].send(frame)";

#[test]
fn a_syn_scan_bears_loss() {
    use std::io::Read;
    let mut networks = Networks::new();
    let [near, middle, far] = networks.names.clone();
    // One network, whose middle is a program.
    run(&format!(
        "ip -n {near} addr flush dev va; ip -n {middle} addr flush dev vb; ip -n {middle} addr flush dev vc
         ip -n {far} addr flush dev vd; ip netns exec {middle} sysctl -qw net.ipv4.ip_forward=0
         ip -n {near} addr add 10.79.0.1/24 dev va; ip -n {far} addr add 10.79.0.3/24 dev vd"
    ));
    let mut lossy = Command::new("ip")
        .args(["netns", "exec", &middle, "python3", "-c", LOSSY])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ip is installed, and we are root");
    let mut line = [0; 6];
    lossy.stdout.as_mut().expect("it is piped").read_exact(&mut line).expect("the program starts");
    networks.servers.push(lossy);
    let open = [9100, 9133, 9166, 9199];
    open.iter().for_each(|&port| networks.serve(2, port));
    let started = std::time::Instant::now();
    let report = networks.scan("-n -sS -p 9000-9299 10.79.0.3 -d3 --max-retries 10");
    for port in open {
        check(&report, &[&format!("{port}/tcp open")]);
    }
    let closed = report.lines().filter(|line| line.contains("/tcp closed")).count();
    let filtered = report.lines().filter(|line| line.contains("/tcp filtered")).count();
    println!("{closed} closed, {filtered} filtered, {:?}", started.elapsed());
    assert!(closed + filtered == 296 && filtered <= 6, "{closed} closed, {filtered} filtered");
    assert!(report.contains("Increasing send delay for 10.79.0.3 from 0 to 5"), "{report}");
    assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
}
