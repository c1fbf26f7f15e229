//! The whole of a run in every format, byte for byte but for times of day: `golden/` holds what is expected.
//!
//! `UPDATE_GOLDENS=1 cargo test -p perilune-cli golden` writes the files anew; the difference is read before it is
//! committed.

use super::document::Target;
use super::grepable::Grepable;
use super::html::Html;
use super::json::JsonLines;
use super::normal::Normal;
use super::samples::{port, script};
use super::xml::Xml;
use super::{Decided, Event, MessageKind, Progress, ReportOptions, Sink, Task, html, read, text};
use perilune_scan::result::{
    Element, Exit, Hop, Host, HostState, PortState, Protocol, Reason, Run, ScanInfo, Times, Trace, Traffic, Version,
};
use perilune_scan::services;
use std::path::{Path, PathBuf};

const STARTED: u64 = 1_795_421_992;
const HOST_STARTED: u64 = 1_795_421_993;
const ENDED: u64 = 1_795_422_035;

fn host(address: &str) -> Host {
    let mut host = Host::new(address.parse().expect("an address"));
    (host.started_at, host.ended_at) = (HOST_STARTED, ENDED);
    host
}

/// Services of all kinds, with scripts.
fn busy() -> Host {
    let text = |text: &str| Element::Text(text.as_bytes().to_vec());
    let key = |key: &str| Some(key.as_bytes().to_vec());
    let mut host = host("192.0.2.1");
    (host.target_name, host.reverse_name) = (Some("www.example".into()), Some("moon<&>.example".into()));
    host.other_addresses = vec!["2001:db8::1".parse().expect("an address")];
    (host.reason, host.reason_ttl) = (Reason::EchoReply, 63);
    host.times = Some(Times { srtt_us: 12_345, rttvar_us: 6_789, timeout_us: 100_000 });
    let tcp = |number, state, reason, service| port(Protocol::Tcp, number, state, reason, service);
    let mut web = tcp(443, PortState::Open, Reason::SynAck, Some("https"));
    web.reason_ttl = 63;
    web.version = Some(Box::new(Version {
        name: Some("http".into()),
        product: Some("Web \"<&>\"".into()),
        version: Some("1.0/beta".into()),
        extra_info: Some("Perl 5".into()),
        hostname: Some("inner.example".into()),
        os_type: Some("Linux".into()),
        device_type: Some("router".into()),
        fingerprint: None,
        tls_tunnel: true,
        probed: true,
        confidence: 10,
        cpes: vec!["cpe:/a:web:web:1.0".into(), "cpe:/o:linux:linux_kernel".into()],
    }));
    let table = Element::Table(vec![
        (key("name"), text("a<b>&\"'\x01")),
        (key("list"), Element::Table(vec![(None, text("x")), (None, Element::Table(vec![(key("k"), text("5"))]))])),
    ]);
    web.scripts = vec![
        script("http-title", b"Hello -- <b>\xe9</b>", Some(Element::Table(vec![(key("title"), text("Hello"))]))),
        script("nested", b"\n  name: a<b>&\"'\x01\n  list: \n    x\n    k: 5", Some(table)),
    ];
    let mut odd = tcp(20_003, PortState::Open, Reason::SynAck, Some("commtact-https"));
    odd.version = Some(Box::new(Version {
        fingerprint: Some(
            "SF-Port20003-TCP:V=1%I=7%D=11/23%Time=6B03F730%P=x%r(GetRequest,1E,\"WEIRD/1\\.0\\x20<&>\");".into(),
        ),
        confidence: 3,
        ..Version::default()
    }));
    let mut wrapped = tcp(20_001, PortState::Open, Reason::SynAck, None);
    wrapped.version =
        Some(Box::new(Version { name: Some("tcpwrapped".into()), probed: true, confidence: 8, ..Version::default() }));
    host.ports = (1..=60).map(|number| tcp(number, PortState::Closed, Reason::Reset, None)).collect();
    // Lines of JSON leave names to the table.
    let named = |number| services::name(Protocol::Tcp, number);
    host.ports.extend((61..=62).map(|number| tcp(number, PortState::Filtered, Reason::NoResponse, named(number))));
    let mut barred = tcp(63, PortState::Filtered, Reason::AdminProhibited, Some("whoispp"));
    (barred.reason_ttl, barred.reason_address) = (62, Some("192.0.2.254".parse().expect("an address")));
    host.ports.extend([barred, web, wrapped, odd]);
    host.ports.push(port(Protocol::Udp, 53, PortState::Open, Reason::UdpResponse, Some("domain")));
    host.ports.push(port(Protocol::Udp, 161, PortState::OpenFiltered, Reason::NoResponse, Some("snmp")));
    host.scripts = vec![script("empty", b"", None), script("clock-skew", b"mean: 1s\nmedian: 1s\n", None)];
    host
}

/// A neighbour of the other family, at the end of a way.
fn neighbour() -> Host {
    let mut host = host("2001:db8::5");
    (host.reason, host.mac, host.mac_vendor) =
        (Reason::NdResponse, Some([0, 0, 0x5E, 0, 0x53, 1]), Some("Example & Co".into()));
    host.times = Some(Times { srtt_us: 90, rttvar_us: 5_000, timeout_us: 100_000 });
    host.ports = vec![port(Protocol::Tcp, 22, PortState::Open, Reason::SynAck, Some("ssh"))];
    let hop = |ttl, address: &str, name: Option<&str>, rtt_us| Hop {
        ttl,
        address: address.parse().expect("an address"),
        name: name.map(str::to_owned),
        rtt_us,
    };
    let hops = vec![hop(1, "2001:db8::2", Some("gate.example"), 400), hop(4, "2001:db8::5", None, 12_340)];
    host.trace = Some(Trace { port: Some((Protocol::Tcp, 22)), hops });
    host
}

fn events() -> Vec<Event> {
    let mut run = Run::new("perilune -sS -sU -sV --script \"a or b\" www.example".into(), STARTED);
    run.args = ["-sS", "-sU", "-sV", "--script", "a or b", "--reason", "www.example"].map(String::from).to_vec();
    (run.verbose, run.seed) = (1, 7);
    run.scans = vec![
        ScanInfo { kind: "syn", protocol: Protocol::Tcp, ports: (1..=62).chain([443, 20_001, 20_003]).collect() },
        ScanInfo { kind: "udp", protocol: Protocol::Udp, ports: vec![53, 161] },
    ];
    let task = |has_ended, extra: &str| {
        let elapsed_ms = if has_ended { 2_340 } else { 0 };
        Event::Task(Task {
            name: "SYN Stealth Scan".into(),
            time: HOST_STARTED,
            has_ended,
            elapsed_ms,
            extra: extra.into(),
        })
    };
    let (busy, neighbour) = (busy(), neighbour());
    let mut down = host("192.0.2.9");
    (down.state, down.reason) = (HostState::Down, Reason::NoResponse);
    let mut late = host("192.0.2.3");
    (late.timed_out, late.ports) = (true, vec![port(Protocol::Tcp, 1, PortState::Open, Reason::SynAck, None)]);
    let mut partial = host("192.0.2.4");
    (partial.is_partial, partial.ports) = (true, vec![port(Protocol::Tcp, 2, PortState::Open, Reason::SynAck, None)]);
    let mut end = run.clone();
    (end.ended_at, end.elapsed_ms, end.hosts_up, end.hosts_down) = (ENDED, 42_470, 4, 1);
    end.raw = Some(Traffic { sent: 68, sent_bytes: 2_992, received: 70, received_bytes: 12_800 });
    end.exit = Exit::Success;
    let progress = Progress {
        task: "SYN Stealth Scan".into(),
        time: HOST_STARTED,
        percent: 35.48,
        remaining: 9,
        etc: HOST_STARTED + 9,
        elapsed_ms: 5_000,
        hosts_done: 0,
        hosts_up: 1,
        hosts_now: 1,
    };
    let found = busy.ports.iter().find(|port| port.number == 443).and_then(|port| port.version.clone());
    vec![
        Event::Start(Box::new(run)),
        Event::Message { kind: MessageKind::Warning, text: "a warning".into() },
        Event::TargetRejected("10.0.0.1/x".into()),
        Event::PreScripts(vec![script("pre", b"line1\nline2", None)]),
        Event::HostUp(Box::new(Host { ports: Vec::new(), scripts: Vec::new(), ..busy.clone() })),
        task(false, "Scanning www.example (192.0.2.1) [65 ports]"),
        Event::Ports(Decided {
            address: busy.address,
            protocol: Protocol::Tcp,
            state: PortState::Open,
            reason: Reason::SynAck,
            ttl: 63,
            other: None,
            ports: vec![443, 20_001, 20_003],
        }),
        Event::Progress(progress),
        task(true, "65 total ports"),
        Event::Service {
            address: busy.address,
            protocol: Protocol::Tcp,
            number: 443,
            version: found.expect("it has a version"),
        },
        Event::Script {
            address: busy.address,
            port: Some((Protocol::Tcp, 443)),
            id: "http-title".into(),
            result: busy.ports.iter().flat_map(|port| &port.scripts).next().cloned(),
        },
        Event::Host(Box::new(busy)),
        Event::Host(Box::new(down)),
        Event::Host(Box::new(late)),
        Event::Host(Box::new(partial)),
        Event::Host(Box::new(neighbour)),
        Event::PostScripts(vec![script("post", b"", None)]),
        Event::End(Box::new(end)),
    ]
}

fn options() -> ReportOptions {
    ReportOptions { verbose: 1, reason: true, version_scan: true, port_scan: true, ..ReportOptions::default() }
}

/// Times of day as names, and what changes with every version; the page without its style and script.
fn masked(text: &str) -> String {
    let mut text = text.replace(html::STYLE, "STYLE\n").replace(html::SCRIPT, "SCRIPT\n");
    for (name, seconds) in [("START", STARTED), ("HOST-START", HOST_STARTED), ("END", ENDED)] {
        for written in
            [self::text::date(seconds), self::text::date_to_second(seconds), self::text::date_to_minute(seconds)]
        {
            text = text.replace(&written, name);
        }
    }
    let etc = self::text::hour_and_minute(HOST_STARTED + 9);
    let minute = format!("at {}", self::text::hour_and_minute(HOST_STARTED));
    let version = concat!("Perilune ", env!("CARGO_PKG_VERSION"));
    let json = concat!("\"version\":\"", env!("CARGO_PKG_VERSION"), "\"");
    text.replace(&format!("ETC: {etc}"), "ETC: ETC")
        .replace(&minute, "at MINUTE")
        .replace(version, "Perilune VERSION")
        .replace(json, "\"version\":\"VERSION\"")
}

fn check(name: &str, found: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/golden").join(name);
    let found = masked(std::str::from_utf8(found).expect("reports are text"));
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, &found).expect("it can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (found, expected)) in (1..).zip(found.lines().zip(expected.lines())) {
        assert_eq!(found, expected, "{name}:{number}");
    }
    assert!(found == expected, "{name} is longer or shorter than expected");
}

/// What a sink that wants a file writes.
fn written(sink: impl FnOnce(Target) -> Box<dyn Sink>, events: &[Event]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("report");
    let mut sink = sink(Target::open(&path, false).expect("it can be written"));
    events.iter().for_each(|event| sink.event(event).expect("it can be written"));
    std::fs::read(&path).expect("it was written")
}

fn in_memory<'a, S: Sink>(make: impl FnOnce(&'a mut Vec<u8>) -> S, out: &'a mut Vec<u8>, events: &[Event]) {
    let mut sink = make(out);
    events.iter().for_each(|event| sink.event(event).expect("memory takes all"));
}

#[test]
fn golden_reports() {
    let events = events();
    for (name, options) in
        [("", options()), ("open-", ReportOptions { open_only: true, verbose: 0, reason: false, ..options() })]
    {
        let mut out = Vec::new();
        in_memory(|out| Normal::new(out, options.clone(), false, false), &mut out, &events);
        check(&format!("{name}normal.txt"), &out);
        let mut out = Vec::new();
        in_memory(|out| Grepable::new(out, options.clone()), &mut out, &events);
        check(&format!("{name}grepable.txt"), &out);
        let out = written(|target| Box::new(Xml::new(target, options.clone())), &events);
        check(&format!("{name}report.xml"), &out);
        let out = written(|target| Box::new(Html::new(target, options.clone())), &events);
        check(&format!("{name}report.html"), &out);
    }
    let mut out = Vec::new();
    in_memory(|out| Normal::new(out, options(), true, true), &mut out, &events);
    check("terminal.txt", &out);
    let mut out = Vec::new();
    in_memory(JsonLines::new, &mut out, &events);
    check("lines.jsonl", &out);
}

#[test]
fn golden_lines_make_all_other_formats() {
    let mut lines = Vec::new();
    in_memory(JsonLines::new, &mut lines, &events());
    let events = read::json_events(&lines);
    let mut out = Vec::new();
    in_memory(|out| Normal::new(out, options(), false, false), &mut out, &events);
    // Bytes that are no text are shown in lines of JSON as on the screen.
    check("normal.txt", &out);
    let mut again = Vec::new();
    in_memory(JsonLines::new, &mut again, &events);
    check("lines.jsonl", &again);
}
