//! Hosts and ports as scripts see them, and the functions of `nmap` that read and change the scan's record.

use crate::shared::shared;
use perilune_scan::result::{Hop, Host, Port, PortState, Protocol, Reason, Version};
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Table, Value};
use std::net::IpAddr;

/// Members of `nmap`.
pub(crate) const FUNCTIONS: [(&str, NativeFn); 4] = [
    ("get_port_state", get_port_state),
    ("get_ports", get_ports),
    ("set_port_state", set_port_state),
    ("set_port_version", set_port_version),
];

/// Sets string fields that are there.
fn set_texts<'gc>(call: &mut Call<'gc>, table: Table<'gc>, fields: &[(&str, Option<&str>)]) -> Result<(), LuaError> {
    for (name, value) in fields {
        if let Some(value) = value {
            let value = call.string(value.as_bytes())?;
            table.set_str(call, name.as_bytes(), value)?;
        }
    }
    Ok(())
}

/// A host as scripts see it; `registry` is shared by all instances of the host.
pub(crate) fn host_table<'gc>(
    call: &mut Call<'gc>,
    idx: usize,
    host: &Host,
    registry: Value<'gc>,
) -> Result<Table<'gc>, LuaError> {
    let table = call.table(0, 12)?;
    let address = host.address.to_string();
    let texts = [
        ("ip", Some(address.as_str())),
        ("name", Some(host.reverse_name.as_deref().unwrap_or(""))),
        ("targetname", host.target_name.as_deref()),
        ("reason", Some(host.reason.as_str())),
    ];
    set_texts(call, table, &texts)?;
    let bytes = match host.address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bytes = call.string(&bytes)?;
    table.set_str(call, b"bin_ip", bytes)?;
    if let Some(mac) = host.mac {
        let mac = call.string(&mac)?;
        table.set_str(call, b"mac_addr", mac)?;
    }
    if let Some(trace) = host.trace.as_ref().filter(|trace| !trace.hops.is_empty()) {
        let hops = traceroute(call, &trace.hops)?;
        table.set_str(call, b"traceroute", hops.into())?;
    }
    table.set_str(call, b"reason_ttl", Value::integer(host.reason_ttl as i64))?;
    table.set_str(call, b"interface_mtu", Value::integer(0))?;
    table.set_str(call, b"_Target", Value::light_userdata(idx + 1))?;
    table.set_str(call, b"registry", registry)?;
    let seconds = |us: u64| us as f64 / 1e6;
    let times = host.times.map_or([-1e-6, -1e-6, 1.0], |times| {
        [seconds(times.srtt_us), seconds(times.rttvar_us), seconds(times.timeout_us).max(0.1)]
    });
    let measured = call.table(0, 3)?;
    for (name, value) in ["srtt", "rttvar", "timeout"].into_iter().zip(times) {
        measured.set_str(call, name.as_bytes(), Value::float(value))?;
    }
    table.set_str(call, b"times", measured.into())?;
    Ok(table)
}

/// The way to a host, one table per hop; those that did not answer are empty.
fn traceroute<'gc>(call: &mut Call<'gc>, hops: &[Hop]) -> Result<Table<'gc>, LuaError> {
    let list = call.table(hops.len(), 0)?;
    for ttl in 1..=hops.last().map_or(0, |hop| hop.ttl) {
        let entry = call.table(0, 3)?;
        if let Some(hop) = hops.iter().find(|hop| hop.ttl == ttl) {
            let address = hop.address.to_string();
            set_texts(call, entry, &[("ip", Some(address.as_str())), ("name", hop.name.as_deref())])?;
            entry.set_str(call, b"srtt", Value::float(hop.rtt_us as f64 / 1e6))?;
        }
        list.set_integer(call, i64::from(ttl), entry.into())?;
    }
    Ok(list)
}

/// A port as scripts see it.
pub(crate) fn port_table<'gc>(call: &mut Call<'gc>, port: &Port) -> Result<Table<'gc>, LuaError> {
    let table = call.table(0, 8)?;
    table.set_str(call, b"number", Value::integer(port.number as i64))?;
    table.set_str(call, b"reason_ttl", Value::integer(port.reason_ttl as i64))?;
    let texts = [
        ("protocol", Some(port.protocol.as_str())),
        ("state", Some(port.state.as_str())),
        ("reason", Some(port.reason.as_str())),
        ("service", port.service_name()),
    ];
    set_texts(call, table, &texts)?;
    let version = version_table(call, port)?;
    table.set_str(call, b"version", version.into())?;
    Ok(table)
}

fn version_table<'gc>(call: &mut Call<'gc>, port: &Port) -> Result<Table<'gc>, LuaError> {
    let from_table = Version { confidence: 3, ..Version::default() };
    let version = port.version.as_deref().unwrap_or(&from_table);
    let table = call.table(0, 12)?;
    table.set_str(call, b"name_confidence", Value::float(version.confidence as f64))?;
    let texts = [
        ("name", port.service_name()),
        ("product", version.product.as_deref()),
        ("version", version.version.as_deref()),
        ("extrainfo", version.extra_info.as_deref()),
        ("hostname", version.hostname.as_deref()),
        ("ostype", version.os_type.as_deref()),
        ("devicetype", version.device_type.as_deref()),
        ("service_fp", version.fingerprint.as_deref()),
        ("service_tunnel", Some(if version.tls_tunnel { "ssl" } else { "none" })),
        ("service_dtype", Some(if version.probed { "probed" } else { "table" })),
    ];
    set_texts(call, table, &texts)?;
    let cpes = call.table(version.cpes.len(), 0)?;
    for (idx, cpe) in version.cpes.iter().enumerate() {
        let cpe = call.string(cpe.as_bytes())?;
        cpes.set_integer(call, idx as i64 + 1, cpe)?;
    }
    table.set_str(call, b"cpe", cpes.into())?;
    Ok(table)
}

/// The host argument as an index into the group.
/// Errors: `host is not being processed right now`, `host table does not have a 'ip' or 'targetname' field`.
fn host_idx(call: &mut Call<'_>) -> Result<usize, LuaError> {
    let host = call.check_table(1)?;
    let ip = text_field(call, host, "ip");
    let Some(name) = ip.or_else(|| text_field(call, host, "targetname")) else {
        return Err(call.error("host table does not have a 'ip' or 'targetname' field"));
    };
    let is_meant = |host: &Host| host.address.to_string() == name || host.target_name.as_ref() == Some(&name);
    let found = shared(call).hosts.borrow().iter().position(is_meant);
    found.ok_or_else(|| call.arg_error(1, "host is not being processed right now"))
}

fn text_field<'gc>(call: &Call<'gc>, table: Table<'gc>, name: &str) -> Option<String> {
    let text = table.get_str(call, name.as_bytes()).as_str()?;
    Some(String::from_utf8_lossy(text.as_bytes()).into_owned())
}

/// The port argument: number and protocol.
fn port_key(call: &mut Call<'_>) -> Result<(u16, Protocol), LuaError> {
    let port = call.check_table(2)?;
    let Kind::Integer(number) = port.get_str(call, b"number").kind() else {
        return Err(call.error("port 'number' field must be an integer"));
    };
    let Some(protocol) = text_field(call, port, "protocol") else {
        return Err(call.error("port 'protocol' field must be a string"));
    };
    match Protocol::from_name(&protocol) {
        Some(protocol @ (Protocol::Tcp | Protocol::Udp | Protocol::Sctp)) => Ok((number as u16, protocol)),
        _ => Err(call.error("port 'protocol' field must be \"udp\", \"sctp\" or \"tcp\"")),
    }
}

/// Does something with the scan's record of the port that the arguments name, if there is one.
fn with_port<R>(call: &mut Call<'_>, action: impl FnOnce(&mut Port) -> R) -> Result<Option<R>, LuaError> {
    let (host, (number, protocol)) = (host_idx(call)?, port_key(call)?);
    let mut hosts = shared(call).hosts.borrow_mut();
    let mut ports = hosts[host].ports.iter_mut();
    Ok(ports.find(|port| port.number == number && port.protocol == protocol).map(action))
}

/// `nmap.port_is_excluded(number, protocol) -> boolean`: whether version detection leaves the port alone.
pub(super) fn port_is_excluded(call: &mut Call<'_>) -> NativeResult {
    let number = call.check_integer(1)?;
    let protocol = option(call, 2, Protocol::from_name)?;
    let excluded = shared(call).options.is_excluded;
    let answer = u16::try_from(number).is_ok_and(|number| excluded.is_some_and(|excluded| excluded(number, protocol)));
    call.ret1(answer)
}

fn port_or_nil(call: &mut Call<'_>, port: Option<Port>) -> NativeResult {
    match port {
        Some(port) => {
            let table = port_table(call, &port)?;
            call.ret1(table)
        }
        None => call.ret1(Value::NIL),
    }
}

/// `nmap.get_port_state(host, port) -> port table | nil`.
fn get_port_state(call: &mut Call<'_>) -> NativeResult {
    let port = with_port(call, |port| port.clone())?;
    port_or_nil(call, port)
}

/// `nmap.get_ports(host, previous, protocol, state) -> port table | nil`: the next one, ascending.
fn get_ports(call: &mut Call<'_>) -> NativeResult {
    let host = host_idx(call)?;
    let previous = if call.arg(2).as_table().is_some() { Some(port_key(call)?.0) } else { None };
    let protocol = option(call, 3, Protocol::from_name)?;
    let state = option(call, 4, PortState::from_name)?;
    let fits = |port: &&Port| {
        port.protocol == protocol && port.state == state && previous.is_none_or(|previous| port.number > previous)
    };
    let found = shared(call).hosts.borrow()[host].ports.iter().filter(fits).min_by_key(|port| port.number).cloned();
    port_or_nil(call, found)
}

/// An argument that is one of some names.
fn option<T>(call: &mut Call<'_>, pos: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, LuaError> {
    let name = String::from_utf8_lossy(call.check_string(pos)?.as_bytes()).into_owned();
    parse(&name).ok_or_else(|| call.arg_error(pos, format!("invalid option '{name}'")))
}

/// `nmap.set_port_state(host, port, state)`: `open` or `closed`.
/// Errors: `invalid option '…'`.
fn set_port_state(call: &mut Call<'_>) -> NativeResult {
    let settable =
        |name: &str| PortState::from_name(name).filter(|state| matches!(state, PortState::Open | PortState::Closed));
    let state = option(call, 3, settable)?;
    with_port(call, |port| {
        if port.state != state {
            (port.state, port.reason, port.reason_ttl) = (state, Reason::ScriptSet, 0);
        }
    })?;
    call.ret0()
}

/// `nmap.set_port_version(host, port [, probestate])`: replaces what is known of the service by `port.version`.
/// Errors: `port 'version' field must be a table`, `invalid value for port.version.service_tunnel`, `invalid option`.
fn set_port_version(call: &mut Call<'_>) -> NativeResult {
    let probe_state = |name: &str| match name {
        "hardmatched" => Some((10, true, false)),
        "softmatched" => Some((10, true, true)),
        "tcpwrapped" => Some((8, true, true)),
        "nomatch" | "incomplete" => Some((3, false, true)),
        _ => None,
    };
    let (confidence, probed, keeps_fingerprint) =
        if call.arg(3).is_nil() { (10, true, false) } else { option(call, 3, probe_state)? };
    let Some(table) = call.check_table(2)?.get_str(call, b"version").as_table() else {
        return Err(call.error("port 'version' field must be a table"));
    };
    let tunnel = text_field(call, table, "service_tunnel");
    if !matches!(tunnel.as_deref(), None | Some("none" | "ssl")) {
        return Err(call.arg_error(2, "invalid value for port.version.service_tunnel"));
    }
    let mut version = Version {
        name: text_field(call, table, "name"),
        product: text_field(call, table, "product"),
        version: text_field(call, table, "version"),
        extra_info: text_field(call, table, "extrainfo"),
        hostname: text_field(call, table, "hostname"),
        os_type: text_field(call, table, "ostype"),
        device_type: text_field(call, table, "devicetype"),
        fingerprint: text_field(call, table, "service_fp").filter(|_| keeps_fingerprint),
        tls_tunnel: tunnel.as_deref() == Some("ssl"),
        probed,
        confidence,
        cpes: Vec::new(),
    };
    if let Some(cpes) = table.get_str(call, b"cpe").as_table() {
        let texts = (1..=cpes.raw_len()).filter_map(|idx| cpes.get_integer(idx).as_str());
        version.cpes = texts.map(|cpe| String::from_utf8_lossy(cpe.as_bytes()).into_owned()).collect();
    }
    with_port(call, |port| port.version = Some(Box::new(version)))?;
    call.ret0()
}
