//! Tests of the reports: small hosts and the exact text that each format makes of them.

use super::{ReportOptions, normal, xml};
use perilune_scan::result::{
    Element, Exit, Host, HostState, Port, PortState, Protocol, Reason, Run, ScanInfo, ScriptResult, Times, Version,
};

const SCAN: ReportOptions = ReportOptions {
    verbose: 0,
    debugging: 0,
    in_file: false,
    reason: false,
    open_only: false,
    version_scan: false,
    port_scan: true,
    scripts: false,
    compat: false,
    data_files: Vec::new(),
    stylesheet: None,
};

pub(super) fn port(protocol: Protocol, number: u16, state: PortState, reason: Reason, service: Option<&str>) -> Port {
    let service = service.map(str::to_owned);
    Port {
        number,
        protocol,
        state,
        reason,
        reason_ttl: 0,
        reason_address: None,
        service,
        version: None,
        scripts: Vec::new(),
    }
}

/// A TCP port with the reason that its state usually has.
fn tcp(number: u16, state: PortState, service: Option<&str>) -> Port {
    let reason = match state {
        PortState::Open => Reason::SynAck,
        PortState::Closed => Reason::ConnRefused,
        _ => Reason::NoResponse,
    };
    port(Protocol::Tcp, number, state, reason, service)
}

pub(super) fn script(id: &str, output: &[u8], structured: Option<Element>) -> ScriptResult {
    ScriptResult { id: id.to_owned(), output: output.to_vec(), structured }
}

fn text(value: &str) -> Element {
    Element::Text(value.as_bytes().to_vec())
}

fn pair(key: &str, value: Element) -> (Option<Vec<u8>>, Element) {
    (Some(key.as_bytes().to_vec()), value)
}

/// A host with a web server, a closed port and one nobody knows.
fn web() -> Host {
    let mut host = Host::new("127.0.0.1".parse().unwrap());
    host.times = Some(Times { srtt_us: 103, rttvar_us: 90, timeout_us: 100_000 });
    (host.started_at, host.ended_at) = (1_795_421_993, 1_795_422_035);
    let mut http = tcp(80, PortState::Open, Some("http"));
    http.scripts.push(script("http-title", b"Hello", Some(Element::Table(vec![pair("title", text("Hello"))]))));
    http.scripts.push(script("two", b"one\n\ntwo\n", None));
    host.ports = vec![http, tcp(81, PortState::Closed, None), tcp(20_004, PortState::Open, None)];
    host
}

fn with_version() -> Host {
    let mut host = web();
    host.target_name = Some("localhost".into());
    host.reverse_name = Some("here.example".into());
    host.ports.truncate(2);
    host.ports[0].scripts.clear();
    host.ports[0].version = Some(Box::new(Version {
        name: Some("http".into()),
        product: Some("Web <&>".into()),
        version: Some("1.0".into()),
        extra_info: Some("test".into()),
        os_type: Some("Linux".into()),
        tls_tunnel: true,
        probed: true,
        confidence: 10,
        cpes: vec!["cpe:/a:web:web:1.0".into(), "cpe:/o:linux:linux_kernel".into()],
        ..Version::default()
    }));
    host
}

fn filtered(open: bool) -> Host {
    let mut host = Host::new("10.0.0.1".parse().unwrap());
    host.ports = (100..130).map(|number| tcp(number, PortState::Filtered, None)).collect();
    host.ports.extend((200..226).map(|number| tcp(number, PortState::Closed, None)));
    if open {
        host.ports.push(tcp(443, PortState::Open, Some("https")));
    }
    host
}

fn check_normal(host: &Host, options: &ReportOptions, expected: &str) {
    let mut out = Vec::new();
    normal::host(&mut out, host, options).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

fn check_xml(host: &Host, options: &ReportOptions, expected: &str) {
    let mut out = Vec::new();
    xml::host(&mut out, host, options).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn normal_table_with_scripts() {
    let expected = "\
Nmap scan report for 127.0.0.1
Host is up (0.00010s latency).

PORT      STATE  SERVICE
80/tcp    open   http
|_http-title: Hello
| two: one
|\x20
|_two
81/tcp    closed unknown
20004/tcp open   unknown

";
    check_normal(&web(), &SCAN, expected);
}

#[test]
fn normal_versions_reasons_and_names() {
    let expected = "\
Nmap scan report for localhost (127.0.0.1)
Host is up, received user-set (0.00010s latency).
rDNS record for 127.0.0.1: here.example

PORT   STATE  SERVICE  REASON       VERSION
80/tcp open   ssl/http syn-ack      Web <&> 1.0 (test)
81/tcp closed unknown  conn-refused
Service Info: OS: Linux; CPE: cpe:/o:linux:linux_kernel

";
    check_normal(&with_version(), &ReportOptions { reason: true, version_scan: true, ..SCAN }, expected);
}

#[test]
fn normal_folds_many_ports() {
    let expected = "\
Nmap scan report for 10.0.0.1
Host is up.
Not shown: 30 filtered tcp ports (no-response), 26 closed tcp ports (conn-refused)
PORT    STATE SERVICE
443/tcp open  https

";
    check_normal(&filtered(true), &SCAN, expected);
    let expected = "\
Nmap scan report for 10.0.0.1
Host is up.
All 56 scanned ports on 10.0.0.1 are in ignored states.
Not shown: 30 filtered tcp ports (no-response), 26 closed tcp ports (conn-refused)

";
    check_normal(&filtered(false), &SCAN, expected);
    check_normal(&filtered(false), &ReportOptions { open_only: true, ..SCAN }, "");
}

#[test]
fn normal_limit_grows_with_verbosity() {
    let mut host = filtered(true);
    host.ports.retain(|port| port.state != PortState::Filtered);
    let lines = |verbose, debugging| {
        let mut out = Vec::new();
        normal::host(&mut out, &host, &ReportOptions { verbose, debugging, ..SCAN }).unwrap();
        String::from_utf8(out).unwrap().lines().filter(|line| line.contains("/tcp")).count()
    };
    assert_eq!([lines(0, 0), lines(1, 0), lines(0, 1), lines(0, 3)], [1, 27, 27, 27]);
}

#[test]
fn normal_down_and_host_scripts() {
    let mut host = Host::new("10.0.0.9".parse().unwrap());
    (host.state, host.reason) = (HostState::Down, Reason::NoResponse);
    check_normal(&host, &SCAN, "");
    let verbose = ReportOptions { verbose: 1, ..SCAN };
    check_normal(&host, &verbose, "Nmap scan report for 10.0.0.9 [host down]\n");
    let reason = ReportOptions { reason: true, ..verbose };
    check_normal(&host, &reason, "Nmap scan report for 10.0.0.9 [host down, received no-response]\n");
    host.state = HostState::Up;
    host.scripts = vec![script("empty", b"", None), script("table", b"\n  k: \x01\xc8\n  l: ", None)];
    let expected = "\
Nmap scan report for 10.0.0.9
Host is up.

Host script results:
| table:\x20
|   k: \\x01\\xC8
|_  l:\x20

";
    check_normal(&host, &ReportOptions { port_scan: false, scripts: true, ..SCAN }, expected);
}

#[test]
fn xml_ports_and_scripts() {
    let expected = r#"<host starttime="1795421993" endtime="1795422035"><status state="up" reason="user-set" reason_ttl="0"/>
<address addr="127.0.0.1" addrtype="ipv4"/>
<hostnames>
</hostnames>
<ports><port protocol="tcp" portid="80"><state state="open" reason="syn-ack" reason_ttl="0"/><service name="http" method="table" conf="3"/><script id="http-title" output="Hello"><elem key="title">Hello</elem>
</script><script id="two" output="one&#xa;&#xa;two&#xa;"/></port>
<port protocol="tcp" portid="81"><state state="closed" reason="conn-refused" reason_ttl="0"/></port>
<port protocol="tcp" portid="20004"><state state="open" reason="syn-ack" reason_ttl="0"/></port>
</ports>
<times srtt="103" rttvar="90" to="100000"/>
</host>
"#;
    check_xml(&web(), &SCAN, expected);
}

#[test]
fn xml_folds_and_escapes() {
    let mut host = filtered(false);
    host.ports.push(with_version().ports.swap_remove(0));
    host.target_name = Some("a&b".into());
    let expected = r#"<host starttime="0" endtime="0"><status state="up" reason="user-set" reason_ttl="0"/>
<address addr="10.0.0.1" addrtype="ipv4"/>
<hostnames>
<hostname name="a&amp;b" type="user"/>
</hostnames>
<ports><extraports state="filtered" count="30">
<extrareasons reason="no-response" count="30" proto="tcp" ports="100-129"/>
</extraports>
<extraports state="closed" count="26">
<extrareasons reason="conn-refused" count="26" proto="tcp" ports="200-225"/>
</extraports>
<port protocol="tcp" portid="80"><state state="open" reason="syn-ack" reason_ttl="0"/><service name="http" product="Web &lt;&amp;&gt;" version="1.0" extrainfo="test" ostype="Linux" tunnel="ssl" method="probed" conf="10"><cpe>cpe:/a:web:web:1.0</cpe><cpe>cpe:/o:linux:linux_kernel</cpe></service></port>
</ports>
</host>
"#;
    check_xml(&host, &SCAN, expected);
}

#[test]
fn xml_nested_tables() {
    let mut host = Host::new("::1".parse().unwrap());
    let list = Element::Table(vec![(None, text("x")), (None, Element::Table(Vec::new()))]);
    let name = Element::Text(b"a<b>&\"'\x01\x7f\xc8\r".to_vec());
    let structured = Element::Table(vec![pair("name", name), pair("list", list)]);
    host.scripts = vec![script("pre", b"\n  x", Some(structured)), script("none", b"", Some(Element::Table(vec![])))];
    let expected = r#"<host><status state="up" reason="user-set" reason_ttl="0"/>
<address addr="::1" addrtype="ipv6"/>
<hostnames>
</hostnames>
<hostscript><script id="pre" output="&#xa;  x"><elem key="name">a&lt;b&gt;&amp;&quot;&apos;\x01\x7F\xC8&#xd;</elem>
<table key="list">
<elem>x</elem>
<table>
</table>
</table>
</script><script id="none" output=""></script></hostscript></host>
"#;
    check_xml(&host, &ReportOptions { port_scan: false, ..SCAN }, expected);
}

#[test]
fn escapes() {
    let rows: [(&[u8], &str); 4] =
        [(b"--a---", "-&#45;a-&#45;&#45;"), (b"a\tb", "a&#x9;b"), ("é".as_bytes(), "&#xc3;&#xa9;"), (b"\x7f", "\x7f")];
    for (bytes, expected) in rows {
        assert_eq!(xml::escape(bytes), expected);
    }
}

/// A run whose times are replaced by their local dates, so that the test holds in every time zone.
#[test]
fn first_and_last_lines() {
    let mut run = Run::new("perilune --open 127.0.0.1".into(), 1_795_421_992);
    (run.ended_at, run.elapsed_ms, run.hosts_up) = (1_795_422_035, 42_470, 1);
    run.scans = vec![ScanInfo { kind: "connect", protocol: Protocol::Tcp, ports: vec![80, 81, 443] }];
    run.exit = Exit::Error("it's over".into());
    let mut out = Vec::new();
    normal::starting(&mut out, &run, &SCAN).unwrap();
    normal::done(&mut out, &run, &SCAN).unwrap();
    normal::initiated(&mut out, &run, &SCAN).unwrap();
    normal::done_in_file(&mut out, &run, &ReportOptions { compat: true, ..SCAN }).unwrap();
    xml::start(&mut out, &run, &SCAN).unwrap();
    xml::rejected_target(&mut out, "<x>").unwrap();
    xml::prescripts(&mut out, &[script("pre", b"a\nb", None)]).unwrap();
    xml::finish(&mut out, &run, &SCAN).unwrap();
    let (start, end) = (super::text::date(run.started_at), super::text::date(run.ended_at));
    let minute = super::text::date_to_minute(run.started_at);
    let got = String::from_utf8(out).unwrap().replace(&start, "START").replace(&end, "END").replace(&minute, "MINUTE");
    let expected = r#"Starting Perilune 0.1.0 at MINUTE
Perilune stopped: 1 IP address (1 host up) scanned in 42.47 seconds
# Perilune 0.1.0 scan initiated START as: perilune --open 127.0.0.1
# Nmap done at END -- 1 IP address (1 host up) scanned in 42.47 seconds
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<!-- Perilune 0.1.0 scan initiated START as: perilune -&#45;open 127.0.0.1 -->
<nmaprun scanner="nmap" args="perilune -&#45;open 127.0.0.1" start="1795421992" startstr="START" version="7.991" xmloutputversion="1.05">
<scaninfo type="connect" protocol="tcp" numservices="3" services="80-81,443"/>
<verbose level="0"/>
<debugging level="0"/>
<target specification="&lt;x&gt;" status="skipped" reason="invalid"/>
<prescript><script id="pre" output="a&#xa;b"/></prescript><runstats><finished time="1795422035" timestr="END" summary="Perilune done at END; 1 IP address (1 host up) scanned in 42.47 seconds" elapsed="42.47" exit="error" errormsg="it&apos;s over"/><hosts up="1" down="0" total="1"/>
</runstats>
</nmaprun>
"#;
    let expected = expected.replace("0.1.0", env!("CARGO_PKG_VERSION"));
    assert_eq!(got, expected);
}
