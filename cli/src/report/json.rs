//! Lines of JSON: every event as it happens, one object a line, and the way back.
//!
//! `docs/json-lines.md` describes the objects; `schema` in the first one changes when an object does in a way that
//! readers notice. A file cut off anywhere is good up to its last whole line, and holds all that is needed to go on.
//! Output of scripts that is no UTF-8 is written with `\xHH`, as on the screen.

use super::{Decided, Event, MessageKind, Progress, Sink, Task, text};
use perilune_scan::result::{
    Element, Exit, Hop, Host, HostState, Port, PortState, Protocol, Reason, Run, ScanInfo, ScriptResult, Times, Trace,
    Version,
};
use perilune_scan::services;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::net::IpAddr;

/// Version of the objects.
pub const SCHEMA: u64 = 1;
/// Nested tables deeper than this are cut off when read; scripts make none that deep.
const DEPTH_MAX: usize = 64;

/// Writes it.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    pub fn new(out: W) -> JsonLines<W> {
        JsonLines { out }
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let Some(value) = to_json(event) else { return Ok(()) };
        let mut line = value.to_string();
        line.push('\n');
        // One call, so that a line is rarely cut.
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}

/// An event as an object; `None` for what is of no use later.
pub fn to_json(event: &Event) -> Option<Value> {
    let mut value = match event {
        Event::Start(run) => json!({
            "event": "start", "schema": SCHEMA, "program": "perilune", "version": env!("CARGO_PKG_VERSION"),
            "args": run.args, "command_line": run.command_line, "started_at": run.started_at, "seed": run.seed,
            "verbose": run.verbose, "debugging": run.debugging,
            "scans": run.scans.iter().map(|scan| json!({
                "kind": scan.kind, "protocol": scan.protocol.as_str(), "ports": text::ranges(&scan.ports),
            })).collect::<Vec<_>>(),
        }),
        Event::TargetRejected(expression) => json!({"event": "target_rejected", "expression": expression}),
        Event::Task(task) => json!({
            "event": if task.has_ended { "task_end" } else { "task_begin" },
            "task": task.name, "time": task.time, "elapsed_ms": task.elapsed_ms, "extra": task.extra,
        }),
        Event::Progress(progress) => json!({
            "event": "progress", "task": progress.task, "time": progress.time, "percent": progress.percent,
            "remaining": progress.remaining, "etc": progress.etc, "elapsed_ms": progress.elapsed_ms,
            "hosts_done": progress.hosts_done, "hosts_up": progress.hosts_up, "hosts_now": progress.hosts_now,
        }),
        Event::HostUp(host) => with_event("host_up", host_head(host)),
        Event::Ports(decided) => {
            let mut value = with_event("ports", decided_json(decided));
            value["address"] = json!(decided.address);
            value
        }
        Event::Service { address, protocol, number, version } => json!({
            "event": "service", "address": address, "protocol": protocol.as_str(), "port": number,
            "version": version_json(version),
        }),
        Event::Script { address, port, id, result } => {
            let result = result.as_ref().map_or_else(|| json!({"id": id}), script_json);
            let mut value = with_event("script", result);
            value["address"] = json!(address);
            if let Some((protocol, number)) = port {
                (value["protocol"], value["port"]) = (json!(protocol.as_str()), json!(number));
            }
            value
        }
        Event::PreScripts(results) => json!({"event": "prescan", "scripts": scripts_json(results)}),
        Event::PostScripts(results) => json!({"event": "postscan", "scripts": scripts_json(results)}),
        Event::Host(host) => with_event("host_done", host_json(host)),
        Event::Message { kind: MessageKind::Trace, .. } => return None,
        Event::Message { kind, text } => {
            let kind = if *kind == MessageKind::Error { "error" } else { "warning" };
            json!({"event": kind, "message": text})
        }
        Event::End(run) => json!({
            "event": "summary", "ended_at": run.ended_at, "elapsed_ms": run.elapsed_ms,
            "hosts_up": run.hosts_up, "hosts_down": run.hosts_down, "hosts_total": run.hosts_total(),
            "exit": if run.exit == Exit::Success { "success" } else { "error" },
        }),
    };
    if let (Event::End(run), Value::Object(map)) = (event, &mut value)
        && let Exit::Error(message) = &run.exit
    {
        map.insert("message".into(), json!(message));
    }
    Some(value)
}

fn with_event(name: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert("event".into(), json!(name));
    if let Value::Object(rest) = value {
        map.extend(rest);
    }
    Value::Object(map)
}

/// What is known of a host before its ports are.
fn host_head(host: &Host) -> Value {
    let mut value = json!({
        "address": host.address, "state": host.state.as_str(), "reason": host.reason.as_str(),
        "ttl": host.reason_ttl,
    });
    let optional = [
        ("target", host.target_name.as_ref().map(|name| json!(name))),
        ("reverse", host.reverse_name.as_ref().map(|name| json!(name))),
        ("others", (!host.other_addresses.is_empty()).then(|| json!(host.other_addresses))),
        ("mac", host.mac.map(|mac| json!(text::mac(&mac)))),
        ("vendor", host.mac_vendor.as_ref().map(|vendor| json!(vendor))),
        (
            "times",
            host.times.map(
                |times| json!({"srtt_us": times.srtt_us, "rttvar_us": times.rttvar_us, "timeout_us": times.timeout_us}),
            ),
        ),
    ];
    for (key, optional) in optional {
        if let Some(optional) = optional {
            value[key] = optional;
        }
    }
    value
}

fn host_json(host: &Host) -> Value {
    let mut value = host_head(host);
    (value["started_at"], value["ended_at"]) = (json!(host.started_at), json!(host.ended_at));
    if host.timed_out {
        value["timed_out"] = json!(true);
    }
    if host.is_partial {
        value["partial"] = json!(true);
    }
    let is_plain = |port: &&Port| port.state != PortState::Open && port.version.is_none() && port.scripts.is_empty();
    let ports: Vec<Value> = host.ports.iter().filter(|port| !is_plain(port)).map(port_json).collect();
    value["ports"] = json!(ports);
    value["others_by_state"] =
        json!(grouped(host.address, host.ports.iter().filter(is_plain)).iter().map(decided_json).collect::<Vec<_>>());
    if !host.scripts.is_empty() {
        value["scripts"] = scripts_json(&host.scripts);
    }
    if let Some(trace) = &host.trace {
        let hops = trace.hops.iter().map(|hop| {
            let mut value = json!({"ttl": hop.ttl, "address": hop.address, "rtt_us": hop.rtt_us});
            if let Some(name) = &hop.name {
                value["name"] = json!(name);
            }
            value
        });
        let mut value_of = json!({"hops": hops.collect::<Vec<_>>()});
        if let Some((protocol, port)) = trace.port {
            (value_of["protocol"], value_of["port"]) = (json!(protocol.as_str()), json!(port));
        }
        value["trace"] = value_of;
    }
    value
}

/// Ports by protocol, state and reason.
pub fn grouped<'a>(address: IpAddr, ports: impl Iterator<Item = &'a Port>) -> Vec<Decided> {
    let mut groups: Vec<Decided> = Vec::new();
    for port in ports {
        let same = |group: &&mut Decided| {
            group.protocol == port.protocol
                && group.state == port.state
                && group.reason == port.reason
                && group.ttl == port.reason_ttl
                && group.other == port.reason_address
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.ports.push(port.number),
            None => groups.push(Decided {
                address,
                protocol: port.protocol,
                state: port.state,
                reason: port.reason,
                ttl: port.reason_ttl,
                other: port.reason_address,
                ports: vec![port.number],
            }),
        }
    }
    groups.iter_mut().for_each(|group| group.ports.sort_unstable());
    groups
}

fn decided_json(decided: &Decided) -> Value {
    let mut value = json!({
        "protocol": decided.protocol.as_str(), "state": decided.state.as_str(), "reason": decided.reason.as_str(),
        "ttl": decided.ttl, "ports": text::ranges(&decided.ports),
    });
    if let Some(other) = decided.other {
        value["from"] = json!(other);
    }
    value
}

fn port_json(port: &Port) -> Value {
    let mut value = json!({
        "port": port.number, "protocol": port.protocol.as_str(), "state": port.state.as_str(),
        "reason": port.reason.as_str(), "ttl": port.reason_ttl,
    });
    if let Some(other) = port.reason_address {
        value["from"] = json!(other);
    }
    if let Some(service) = &port.service {
        value["service"] = json!(service);
    }
    if let Some(version) = &port.version {
        value["version"] = version_json(version);
    }
    if !port.scripts.is_empty() {
        value["scripts"] = scripts_json(&port.scripts);
    }
    value
}

/// ORDER: names of a version's texts.
const VERSION_TEXTS: [&str; 8] =
    ["name", "product", "version", "extra_info", "hostname", "os_type", "device_type", "fingerprint"];

fn version_json(version: &Version) -> Value {
    let texts = [
        &version.name,
        &version.product,
        &version.version,
        &version.extra_info,
        &version.hostname,
        &version.os_type,
        &version.device_type,
        &version.fingerprint,
    ];
    let mut value = json!({"probed": version.probed, "confidence": version.confidence});
    for (key, text) in VERSION_TEXTS.into_iter().zip(texts) {
        if let Some(text) = text {
            value[key] = json!(text);
        }
    }
    if version.tls_tunnel {
        value["tunnel"] = json!("ssl");
    }
    if !version.cpes.is_empty() {
        value["cpes"] = json!(version.cpes);
    }
    value
}

fn scripts_json(results: &[ScriptResult]) -> Value {
    results.iter().map(script_json).collect()
}

fn script_json(result: &ScriptResult) -> Value {
    let mut value = json!({"id": result.id, "output": readable(&result.output)});
    if let Some(element) = &result.structured {
        value["data"] = element_json(element);
    }
    value
}

fn readable(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| text::printable(bytes))
}

/// A list for a table without keys, else an object; what has no key there gets its number.
fn element_json(element: &Element) -> Value {
    match element {
        Element::Text(text) => json!(readable(text)),
        Element::Table(pairs) if pairs.iter().all(|(key, _)| key.is_none()) => {
            pairs.iter().map(|(_, value)| element_json(value)).collect()
        }
        Element::Table(pairs) => {
            let mut map = Map::new();
            let mut number = 0;
            for (key, value) in pairs {
                number += usize::from(key.is_none());
                let key = key.as_deref().map_or_else(|| number.to_string(), readable);
                map.insert(key, element_json(value));
            }
            Value::Object(map)
        }
    }
}

/// The event of an object; `None` when it is none that this program knows.
pub fn from_json(value: &Value) -> Option<Event> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    let address = || text("address").parse().ok();
    Some(match value.get("event")?.as_str()? {
        "start" => {
            let mut run = Run::new(text("command_line"), number("started_at"));
            run.args = strings(value.get("args"));
            run.seed = number("seed");
            (run.verbose, run.debugging) = (number("verbose") as u8, number("debugging") as u8);
            run.scans = array(value.get("scans")).iter().filter_map(scan_of).collect();
            Event::Start(Box::new(run))
        }
        "target_rejected" => Event::TargetRejected(text("expression")),
        kind @ ("task_begin" | "task_end") => Event::Task(Task {
            name: text("task"),
            time: number("time"),
            has_ended: kind == "task_end",
            elapsed_ms: number("elapsed_ms"),
            extra: text("extra"),
        }),
        "progress" => Event::Progress(Progress {
            task: text("task"),
            time: number("time"),
            percent: value.get("percent").and_then(Value::as_f64).unwrap_or(0.0),
            remaining: number("remaining"),
            etc: number("etc"),
            elapsed_ms: number("elapsed_ms"),
            hosts_done: number("hosts_done"),
            hosts_up: number("hosts_up"),
            hosts_now: number("hosts_now"),
        }),
        "host_up" => Event::HostUp(Box::new(host_of(value)?)),
        "ports" => Event::Ports(decided_of(address()?, value)?),
        "service" => Event::Service {
            address: address()?,
            protocol: Protocol::from_name(&text("protocol"))?,
            number: u16::try_from(number("port")).ok()?,
            version: Box::new(version_of(value.get("version")?)),
        },
        "script" => {
            let port = Protocol::from_name(&text("protocol")).zip(u16::try_from(number("port")).ok());
            Event::Script { address: address()?, port, id: text("id"), result: script_of(value) }
        }
        "prescan" => Event::PreScripts(scripts_of(value.get("scripts"))),
        "postscan" => Event::PostScripts(scripts_of(value.get("scripts"))),
        "host_done" => Event::Host(Box::new(host_of(value)?)),
        "warning" => Event::Message { kind: MessageKind::Warning, text: text("message") },
        "error" => Event::Message { kind: MessageKind::Error, text: text("message") },
        "summary" => {
            let mut run = Run::new(String::new(), 0);
            (run.ended_at, run.elapsed_ms) = (number("ended_at"), number("elapsed_ms"));
            (run.hosts_up, run.hosts_down) = (number("hosts_up"), number("hosts_down"));
            run.exit = if text("exit") == "success" { Exit::Success } else { Exit::Error(text("message")) };
            Event::End(Box::new(run))
        }
        _ => return None,
    })
}

fn array(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    array(value).iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn scan_of(value: &Value) -> Option<ScanInfo> {
    const KINDS: [&str; 4] = ["connect", "syn", "udp", "ack"];
    let kind = KINDS.into_iter().find(|kind| value.get("kind").and_then(Value::as_str) == Some(kind))?;
    let protocol = Protocol::from_name(value.get("protocol")?.as_str()?)?;
    Some(ScanInfo { kind, protocol, ports: text::parse_ranges(value.get("ports")?.as_str()?) })
}

fn decided_of(address: IpAddr, value: &Value) -> Option<Decided> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    Some(Decided {
        address,
        protocol: Protocol::from_name(text("protocol")?)?,
        state: PortState::from_name(text("state")?)?,
        reason: Reason::from_name(text("reason")?)?,
        ttl: value.get("ttl").and_then(Value::as_u64).unwrap_or(0) as u8,
        other: text("from").and_then(|address| address.parse().ok()),
        ports: text::parse_ranges(text("ports")?),
    })
}

/// Ports with nothing known but their state.
pub fn ports_of(decided: &Decided) -> impl Iterator<Item = Port> {
    decided.ports.iter().map(|&number| Port {
        number,
        protocol: decided.protocol,
        state: decided.state,
        reason: decided.reason,
        reason_ttl: decided.ttl,
        reason_address: decided.other,
        service: services::name(decided.protocol, number).map(str::to_owned),
        version: None,
        scripts: Vec::new(),
    })
}

fn host_of(value: &Value) -> Option<Host> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut host = Host::new(text("address")?.parse().ok()?);
    host.state = HostState::from_name(text("state")?)?;
    host.reason = Reason::from_name(text("reason")?)?;
    host.reason_ttl = number(value, "ttl") as u8;
    host.target_name = text("target").map(str::to_owned);
    host.reverse_name = text("reverse").map(str::to_owned);
    host.other_addresses = strings(value.get("others")).iter().filter_map(|address| address.parse().ok()).collect();
    host.mac = text("mac").and_then(text::parse_mac);
    host.mac_vendor = text("vendor").map(str::to_owned);
    host.times = value.get("times").map(|times| Times {
        srtt_us: number(times, "srtt_us"),
        rttvar_us: number(times, "rttvar_us"),
        timeout_us: number(times, "timeout_us"),
    });
    (host.started_at, host.ended_at) = (number(value, "started_at"), number(value, "ended_at"));
    host.timed_out = value.get("timed_out").and_then(Value::as_bool).unwrap_or(false);
    host.is_partial = value.get("partial").and_then(Value::as_bool).unwrap_or(false);
    host.ports = array(value.get("ports")).iter().filter_map(port_of).collect();
    for group in array(value.get("others_by_state")) {
        if let Some(decided) = decided_of(host.address, group) {
            host.ports.extend(ports_of(&decided));
        }
    }
    host.ports.sort_by_key(|port| (port.protocol, port.number));
    host.scripts = scripts_of(value.get("scripts"));
    host.trace = value.get("trace").map(|trace| Trace {
        port: trace
            .get("protocol")
            .and_then(Value::as_str)
            .and_then(Protocol::from_name)
            .map(|protocol| (protocol, number(trace, "port") as u16)),
        hops: array(trace.get("hops"))
            .iter()
            .filter_map(|hop| {
                Some(Hop {
                    ttl: number(hop, "ttl") as u8,
                    address: hop.get("address")?.as_str()?.parse().ok()?,
                    name: hop.get("name").and_then(Value::as_str).map(str::to_owned),
                    rtt_us: number(hop, "rtt_us"),
                })
            })
            .collect(),
    });
    Some(host)
}

fn port_of(value: &Value) -> Option<Port> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    Some(Port {
        number: u16::try_from(value.get("port")?.as_u64()?).ok()?,
        protocol: Protocol::from_name(text("protocol")?)?,
        state: PortState::from_name(text("state")?)?,
        reason: Reason::from_name(text("reason")?)?,
        reason_ttl: value.get("ttl").and_then(Value::as_u64).unwrap_or(0) as u8,
        reason_address: text("from").and_then(|address| address.parse().ok()),
        service: text("service").map(str::to_owned),
        version: value.get("version").map(|version| Box::new(version_of(version))),
        scripts: scripts_of(value.get("scripts")),
    })
}

fn version_of(value: &Value) -> Version {
    let mut texts = VERSION_TEXTS.map(|key| value.get(key).and_then(Value::as_str).map(str::to_owned));
    let [name, product, version, extra_info, hostname, os_type, device_type, fingerprint] = &mut texts;
    Version {
        name: name.take(),
        product: product.take(),
        version: version.take(),
        extra_info: extra_info.take(),
        hostname: hostname.take(),
        os_type: os_type.take(),
        device_type: device_type.take(),
        fingerprint: fingerprint.take(),
        tls_tunnel: value.get("tunnel").is_some(),
        probed: value.get("probed").and_then(Value::as_bool).unwrap_or(false),
        confidence: value.get("confidence").and_then(Value::as_u64).unwrap_or(0) as u8,
        cpes: strings(value.get("cpes")),
    }
}

fn scripts_of(value: Option<&Value>) -> Vec<ScriptResult> {
    array(value).iter().filter_map(script_of).collect()
}

fn script_of(value: &Value) -> Option<ScriptResult> {
    Some(ScriptResult {
        id: value.get("id")?.as_str()?.to_owned(),
        output: value.get("output")?.as_str()?.as_bytes().to_vec(),
        structured: value.get("data").map(|data| element_of(data, 0)),
    })
}

fn element_of(value: &Value, depth: usize) -> Element {
    match value {
        _ if depth > DEPTH_MAX => Element::Text(Vec::new()),
        Value::Array(items) => Element::Table(items.iter().map(|item| (None, element_of(item, depth + 1))).collect()),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| (Some(key.as_bytes().to_vec()), element_of(value, depth + 1));
            Element::Table(map.iter().map(pair).collect())
        }
        Value::String(text) => Element::Text(text.as_bytes().to_vec()),
        other => Element::Text(other.to_string().into_bytes()),
    }
}
