//! XML reports read back into events: ours, and those of programs that write the same.
//!
//! Elements that say nothing a report shows are passed over. Nothing in the file makes this recurse: tables of scripts
//! are kept on a stack of its own.

use super::{Event, text, xml};
use crate::words;
use perilune_scan::result::{
    Element, Exit, Hop, Host, HostState, Port, PortState, Protocol, Reason, Run, ScanInfo, ScriptResult, Times, Trace,
    Version,
};
use perilune_scan::services;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};
use std::collections::HashMap;

/// All types of scan that the XML of Nmap's scans names.
const KINDS: [&str; 13] = [
    "connect",
    "syn",
    "udp",
    "ack",
    "bounce",
    "null",
    "xmas",
    "window",
    "maimon",
    "fin",
    "sctpinit",
    "sctpcookieecho",
    "ipproto",
];

/// Tables inside tables that are kept.
const DEPTH_MAX: usize = 64;

/// The pairs of a table.
type Pairs = Vec<(Option<Vec<u8>>, Element)>;
type Attributes = HashMap<String, String>;

/// What is being read.
#[derive(Default)]
struct State {
    events: Vec<Event>,
    run: Option<Run>,
    ended: Option<Run>,
    host: Option<Host>,
    in_hint: bool,
    port: Option<Port>,
    script: Option<ScriptResult>,
    has_children: bool,
    /// Open tables of the script, with their keys.
    tables: Vec<(Option<Vec<u8>>, Pairs)>,
    /// The key of the open `elem`.
    elem: Option<Option<Vec<u8>>>,
    in_cpe: bool,
    text: String,
    /// Results of a phase.
    phase: Vec<ScriptResult>,
    extra_state: Option<PortState>,
}

/// The events of a document.
///
/// # Errors
/// It is no well-formed XML, or no report.
pub fn events(document: &[u8]) -> Result<Vec<Event>, String> {
    let document = String::from_utf8_lossy(document);
    let mut reader = Reader::from_str(&document);
    let mut state = State::default();
    loop {
        match reader.read_event() {
            Ok(Xml::Start(start)) => {
                let attributes = attributes(&start);
                state.open(start.name().as_ref(), &attributes);
            }
            Ok(Xml::Empty(start)) => {
                let attributes = attributes(&start);
                state.open(start.name().as_ref(), &attributes);
                state.close(start.name().as_ref());
            }
            Ok(Xml::End(end)) => state.close(end.name().as_ref()),
            Ok(Xml::Text(text)) => state.text.push_str(&text),
            Ok(Xml::GeneralRef(entity)) => state.text.push_str(&resolved(&entity)),
            Ok(Xml::Eof) => break,
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    if state.run.is_none() && state.events.is_empty() {
        return Err("it is no report of a scan".to_owned());
    }
    state.events.extend(state.ended.map(|run| Event::End(Box::new(run))));
    Ok(state.events)
}

/// A character reference or an entity that XML itself defines.
fn resolved(entity: &str) -> String {
    match entity.as_bytes() {
        b"amp" => "&".into(),
        b"lt" => "<".into(),
        b"gt" => ">".into(),
        b"quot" => "\"".into(),
        b"apos" => "'".into(),
        [b'#', b'x' | b'X', digits @ ..] => character(digits, 16),
        [b'#', digits @ ..] => character(digits, 10),
        _ => String::new(),
    }
}

fn character(digits: &[u8], radix: u32) -> String {
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).map(String::from).unwrap_or_default()
}

fn attributes(start: &BytesStart<'_>) -> Attributes {
    let mut found = Attributes::new();
    for attribute in start.attributes().with_checks(false).flatten() {
        let mut value = String::new();
        let mut rest: &str = attribute.value.as_ref();
        while let Some((before, behind)) = rest.split_once('&') {
            value.push_str(before);
            let (entity, behind) = behind.split_once(';').unwrap_or((behind, ""));
            value.push_str(&resolved(entity));
            rest = behind;
        }
        value.push_str(rest);
        found.insert(attribute.key.as_ref().to_owned(), value);
    }
    found
}

fn number<T: std::str::FromStr + Default>(attributes: &Attributes, key: &str) -> T {
    attributes.get(key).and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// Bytes above ASCII were written one by one as characters.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().flat_map(|c| if (c as u32) < 256 { vec![c as u8] } else { c.to_string().into_bytes() }).collect()
}

impl State {
    fn open(&mut self, name: &str, attributes: &Attributes) {
        self.text.clear();
        let get = |key: &str| attributes.get(key).map(String::as_str);
        let own = |key: &str| attributes.get(key).cloned();
        match name {
            "nmaprun" => {
                let mut run = Run::new(own("args").unwrap_or_default(), number(attributes, "start"));
                run.args = words::split(&run.command_line).into_iter().skip(1).collect();
                self.run = Some(run);
            }
            "scaninfo" => {
                let kind = KINDS.into_iter().find(|kind| get("type") == Some(kind));
                let protocol = get("protocol").and_then(Protocol::from_name);
                if let (Some(run), Some(kind), Some(protocol)) = (&mut self.run, kind, protocol) {
                    let ports = text::parse_ranges(get("services").unwrap_or_default());
                    run.scans.push(ScanInfo { kind, protocol, ports });
                }
            }
            "verbose" => self.run.iter_mut().for_each(|run| run.verbose = number(attributes, "level")),
            "debugging" => self.run.iter_mut().for_each(|run| run.debugging = number(attributes, "level")),
            "target" => self.started(|| own("specification").map(Event::TargetRejected)),
            "hosthint" => self.in_hint = true,
            "host" => {
                let mut host = Host::new(std::net::Ipv4Addr::UNSPECIFIED.into());
                (host.started_at, host.ended_at) = (number(attributes, "starttime"), number(attributes, "endtime"));
                host.timed_out = get("timedout") == Some("true");
                host.is_partial = get("comment") == Some(xml::PARTIAL);
                self.started(|| None);
                self.host = Some(host);
            }
            "prescript" | "postscript" => self.started(|| None),
            "script" => {
                let output = bytes(get("output").unwrap_or_default());
                self.script = Some(ScriptResult { id: own("id").unwrap_or_default(), output, structured: None });
                self.tables = vec![(None, Vec::new())];
                self.has_children = false;
            }
            "table" if self.script.is_some() => {
                self.has_children = true;
                self.tables.push((get("key").map(bytes), Vec::new()));
            }
            "elem" => {
                self.has_children = true;
                self.elem = Some(get("key").map(bytes));
            }
            "finished" => {
                let mut run = Run::new(String::new(), 0);
                run.ended_at = number(attributes, "time");
                run.elapsed_ms = (number::<f64>(attributes, "elapsed") * 1000.0).round() as u64;
                run.exit = match get("exit") {
                    Some("error") => Exit::Error(own("errormsg").unwrap_or_default()),
                    _ => Exit::Success,
                };
                self.started(|| None);
                self.ended = Some(run);
            }
            "hosts" => {
                if let Some(run) = &mut self.ended {
                    (run.hosts_up, run.hosts_down) = (number(attributes, "up"), number(attributes, "down"));
                }
            }
            _ => self.open_in_host(name, attributes),
        }
    }

    /// The head of the file is over once anything but what belongs to it comes.
    fn started(&mut self, event: impl FnOnce() -> Option<Event>) {
        self.events.extend(self.run.take().map(|run| Event::Start(Box::new(run))));
        self.events.extend(event());
    }

    fn open_in_host(&mut self, name: &str, attributes: &Attributes) {
        let get = |key: &str| attributes.get(key).map(String::as_str);
        let own = |key: &str| attributes.get(key).cloned();
        let reason = || get("reason").and_then(Reason::from_name).unwrap_or(Reason::UnknownResponse);
        let Some(host) = self.host.as_mut().filter(|_| !self.in_hint) else { return };
        match name {
            "status" => {
                host.state = get("state").and_then(HostState::from_name).unwrap_or(HostState::Unknown);
                (host.reason, host.reason_ttl) = (reason(), number(attributes, "reason_ttl"));
            }
            "address" if get("addrtype") == Some("mac") => {
                host.mac = get("addr").and_then(text::parse_mac);
                host.mac_vendor = own("vendor");
            }
            "address" => host.address = get("addr").and_then(|text| text.parse().ok()).unwrap_or(host.address),
            "hostname" if get("type") == Some("user") => host.target_name = own("name"),
            "hostname" => host.reverse_name = own("name"),
            "times" => {
                host.times = Some(Times {
                    srtt_us: number(attributes, "srtt"),
                    rttvar_us: number(attributes, "rttvar"),
                    timeout_us: number(attributes, "to"),
                });
            }
            "trace" => {
                let protocol = get("proto").and_then(Protocol::from_name);
                host.trace =
                    Some(Trace { port: protocol.map(|it| (it, number(attributes, "port"))), hops: Vec::new() });
            }
            "hop" => {
                let Some(address) = get("ipaddr").and_then(|text| text.parse().ok()) else { return };
                let rtt_us = (number::<f64>(attributes, "rtt") * 1000.0).round() as u64;
                let hop = Hop { ttl: number(attributes, "ttl"), address, name: own("host"), rtt_us };
                host.trace.iter_mut().for_each(|trace| trace.hops.push(hop.clone()));
            }
            "extraports" => self.extra_state = get("state").and_then(PortState::from_name),
            "extrareasons" => {
                let (Some(state), Some(protocol)) = (self.extra_state, get("proto").and_then(Protocol::from_name))
                else {
                    return;
                };
                let ports = text::parse_ranges(get("ports").unwrap_or_default());
                host.ports.extend(ports.into_iter().map(|number| plain_port(protocol, number, state, reason())));
            }
            "port" => {
                let Some(protocol) = get("protocol").and_then(Protocol::from_name) else { return };
                let number = number(attributes, "portid");
                let mut port = plain_port(protocol, number, PortState::Filtered, Reason::UnknownResponse);
                port.service = None;
                self.port = Some(port);
            }
            "state" => {
                let Some(port) = &mut self.port else { return };
                port.state = get("state").and_then(PortState::from_name).unwrap_or(PortState::Filtered);
                (port.reason, port.reason_ttl) = (reason(), number(attributes, "reason_ttl"));
                port.reason_address = get("reason_ip").and_then(|text| text.parse().ok());
            }
            "service" => {
                let Some(port) = &mut self.port else { return };
                let probed = get("method") == Some("probed");
                let is_plain =
                    !probed && get("servicefp").is_none() && get("product").is_none() && get("tunnel").is_none();
                port.service = own("name").filter(|name| !probed && (is_plain || name != "unknown"));
                port.version = (!is_plain).then(|| Box::new(version(attributes, probed)));
            }
            "cpe" => self.in_cpe = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "elem" => {
                let text = bytes(&std::mem::take(&mut self.text));
                if let (Some(key), Some((_, pairs))) = (self.elem.take(), self.tables.last_mut()) {
                    pairs.push((key, Element::Text(text)));
                }
            }
            "table" if self.tables.len() > 1 => {
                let Some((key, pairs)) = self.tables.pop() else { return };
                if self.tables.len() < DEPTH_MAX
                    && let Some((_, outer)) = self.tables.last_mut()
                {
                    outer.push((key, Element::Table(pairs)));
                }
            }
            "script" => {
                let Some(mut script) = self.script.take() else { return };
                let pairs = self.tables.pop().map(|(_, pairs)| pairs).unwrap_or_default();
                script.structured = self.has_children.then_some(Element::Table(pairs));
                match (&mut self.port, &mut self.host) {
                    (Some(port), _) => port.scripts.push(script),
                    (None, Some(host)) => host.scripts.push(script),
                    (None, None) => self.phase.push(script),
                }
            }
            "prescript" => self.events.push(Event::PreScripts(std::mem::take(&mut self.phase))),
            "postscript" => self.events.push(Event::PostScripts(std::mem::take(&mut self.phase))),
            "cpe" => {
                self.in_cpe = false;
                let text = std::mem::take(&mut self.text);
                if let Some(version) = self.port.as_mut().and_then(|port| port.version.as_mut()) {
                    version.cpes.push(text);
                }
            }
            "port" => {
                if let (Some(port), Some(host)) = (self.port.take(), &mut self.host) {
                    host.ports.push(port);
                }
            }
            "hosthint" => self.in_hint = false,
            "host" => {
                if let Some(mut host) = self.host.take() {
                    host.ports.sort_by_key(|port| (port.protocol, port.number));
                    self.events.push(Event::Host(Box::new(host)));
                }
            }
            "nmaprun" => self.started(|| None),
            _ => {}
        }
    }
}

fn plain_port(protocol: Protocol, number: u16, state: PortState, reason: Reason) -> Port {
    Port {
        number,
        protocol,
        state,
        reason,
        reason_ttl: 0,
        reason_address: None,
        service: services::name(protocol, number).map(str::to_owned),
        version: None,
        scripts: Vec::new(),
    }
}

fn version(attributes: &Attributes, probed: bool) -> Version {
    let own = |key: &str| attributes.get(key).cloned();
    Version {
        name: own("name").filter(|_| probed),
        product: own("product"),
        version: own("version"),
        extra_info: own("extrainfo"),
        hostname: own("hostname"),
        os_type: own("ostype"),
        device_type: own("devicetype"),
        fingerprint: own("servicefp"),
        tls_tunnel: attributes.contains_key("tunnel"),
        probed,
        confidence: number(attributes, "conf"),
        cpes: Vec::new(),
    }
}
