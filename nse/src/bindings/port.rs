//! Ports as scripts see them, and the functions of `nmap` that read and change the scan's record.

use crate::shared::shared;
use perilune_scan::result::{Host, Port, PortState, Protocol, Reason, Version};
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Str, Table, Value};

/// Members of `nmap`.
pub(crate) const FUNCTIONS: [(&str, NativeFn); 4] = [
    ("get_port_state", get_port_state),
    ("get_ports", get_ports),
    ("set_port_state", set_port_state),
    ("set_port_version", set_port_version),
];

/// Longest texts of most fields of a version, in bytes.
const NAME_LEN_MAX: usize = 80;
/// Fields of a version that scripts set, and how many of their bytes are taken.
const VERSION_FIELDS: [(&str, usize); 7] = [
    ("name", usize::MAX),
    ("product", NAME_LEN_MAX),
    ("version", NAME_LEN_MAX),
    ("extrainfo", 256),
    ("hostname", NAME_LEN_MAX),
    ("ostype", 32),
    ("devicetype", 32),
];
/// How sure a service that takes connections and says nothing is known.
const WRAPPED: u8 = 8;

/// So much of a text, with a dot for each byte that cannot be printed.
fn printable(text: &[u8], len_max: usize) -> String {
    let shown = |&byte: &u8| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' };
    text.iter().take(len_max).map(shown).collect()
}

/// Sets string fields that are there.
pub(super) fn set_texts<'gc>(
    call: &mut Call<'gc>,
    table: Table<'gc>,
    fields: &[(&str, Option<&str>)],
) -> Result<(), LuaError> {
    for (name, value) in fields {
        if let Some(value) = value {
            let value = call.string(value.as_bytes())?;
            table.set_str(call, name.as_bytes(), value)?;
        }
    }
    Ok(())
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
        ("service", service_name(port)),
    ];
    set_texts(call, table, &texts)?;
    let version = version_table(call, port)?;
    table.set_str(call, b"version", version.into())?;
    Ok(table)
}

/// The service's name as scripts see it: who asked the service and has no name for it has none of the table's either.
fn service_name(port: &Port) -> Option<&str> {
    match port.version.as_deref() {
        Some(version) if version.probed => version.name.as_deref(),
        _ => port.service_name(),
    }
}

fn version_table<'gc>(call: &mut Call<'gc>, port: &Port) -> Result<Table<'gc>, LuaError> {
    let from_table = Version { confidence: 3, ..Version::default() };
    let version = port.version.as_deref().unwrap_or(&from_table);
    let table = call.table(0, 12)?;
    table.set_str(call, b"name_confidence", Value::float(version.confidence as f64))?;
    let texts = [
        ("name", service_name(port)),
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
    // A host table that was kept from another group names a host of its own.
    let target = match host.get_str(call, b"_Target").kind() {
        Kind::LightUserdata(number) => Some(number),
        _ => None,
    };
    let ip = text_field(call, host, "ip");
    let Some(name) = ip.or_else(|| text_field(call, host, "targetname")) else {
        return Err(call.error("host table does not have a 'ip' or 'targetname' field"));
    };
    let is_meant = |host: &Host| host.address.to_string() == name || host.target_name.as_ref() == Some(&name);
    let hosts = shared(call).hosts.borrow();
    let at = target.and_then(|number| number.checked_sub(1)).filter(|&at| hosts.get(at).is_some_and(is_meant));
    let found = at.or_else(|| hosts.iter().position(is_meant));
    drop(hosts);
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
    let engine = shared(call);
    let excluded = engine.options.excluded.of(protocol);
    let answer = u16::try_from(number).is_ok_and(|number| excluded.contains(&number));
    if answer && engine.options.debugging > 0 {
        println!("EXCLUDING {number}/{protocol}");
    }
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
    let previous = if call.arg(2).as_table().is_some() { Some(port_key(call)?) } else { None };
    let protocol = option(call, 3, Protocol::from_name)?;
    let state = option(call, 4, PortState::from_name)?;
    let hosts = shared(call).hosts.borrow();
    let ports = &hosts[host].ports;
    // One that was not scanned is no place to go on from.
    let is_scanned = |key: &(u16, Protocol)| ports.iter().any(|port| (port.number, port.protocol) == *key);
    let after = previous.filter(is_scanned).map(|(number, _)| number);
    let fits = |port: &&Port| {
        port.protocol == protocol && port.state == state && after.is_none_or(|after| port.number > after)
    };
    let found = ports.iter().filter(fits).min_by_key(|port| port.number).cloned();
    drop(hosts);
    port_or_nil(call, found)
}

/// An argument that is one of some names.
fn option<T>(call: &mut Call<'_>, pos: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, LuaError> {
    let name = String::from_utf8_lossy(call.check_string(pos)?.as_bytes()).into_owned();
    parse(&name).ok_or_else(|| call.arg_error(pos, format!("invalid option '{name}'")))
}

/// `nmap.set_port_state(host, port, state)`: `open` or `closed`; nothing for a port that was not scanned.
/// Errors: `invalid option '…'`.
fn set_port_state(call: &mut Call<'_>) -> NativeResult {
    if with_port(call, |_| ())?.is_none() {
        return call.ret0();
    }
    let settable =
        |name: &str| PortState::from_name(name).filter(|state| matches!(state, PortState::Open | PortState::Closed));
    let state = option(call, 3, settable)?;
    let changed = with_port(call, |port| {
        let changes = port.state != state;
        if changes {
            (port.state, port.reason, port.reason_ttl) = (state, Reason::ScriptSet, 0);
        }
        changes.then_some((port.number, port.protocol))
    })?;
    if let Some(Some((number, protocol))) = changed {
        let (engine, host) = (shared(call), host_idx(call)?);
        let options = &engine.options;
        if state == PortState::Open && options.verbosity > 0 || options.debugging > 1 {
            let address = engine.hosts.borrow()[host].address;
            println!("Discovered {state} port {number}/{protocol} on {address}");
        }
    }
    call.ret0()
}

/// A text, or the text of a number; of anything else none.
fn text_of<'gc>(call: &mut Call<'gc>, value: Value<'gc>) -> Result<Option<Str<'gc>>, LuaError> {
    let value = if value.as_number().is_some() { call.number_text(value)? } else { value };
    Ok(value.as_str())
}

/// `nmap.set_port_version(host, port [, probestate])`: replaces what is known of the service by `port.version`.
/// Errors: `port 'version' field must be a table`, `invalid value for port.version.service_tunnel`, `invalid option`.
fn set_port_version(call: &mut Call<'_>) -> NativeResult {
    let probe_state = |name: &str| match name {
        "hardmatched" => Some((10, true, false)),
        "softmatched" => Some((10, true, true)),
        "tcpwrapped" => Some((WRAPPED, true, true)),
        "nomatch" | "incomplete" => Some((3, false, true)),
        _ => None,
    };
    let (confidence, probed, keeps_fingerprint) =
        if call.arg(3).is_nil() { (10, true, false) } else { option(call, 3, probe_state)? };
    let Some(table) = call.check_table(2)?.get_str(call, b"version").as_table() else {
        return Err(call.error("port 'version' field must be a table"));
    };
    let tunnel = text_field(call, table, "service_tunnel");
    let mut fields = [None, None, None, None, None, None, None];
    for (field, (name, len_max)) in fields.iter_mut().zip(VERSION_FIELDS) {
        let value = table.get_str(call, name.as_bytes());
        *field = text_of(call, value)?.map(|text| printable(text.as_bytes(), len_max));
    }
    let [name, product, version, extra_info, hostname, os_type, device_type] = fields;
    if !matches!(tunnel.as_deref(), None | Some("none" | "ssl")) {
        return Err(call.arg_error(2, "invalid value for port.version.service_tunnel"));
    }
    let mut version = Version {
        name: name.or_else(|| (confidence == WRAPPED).then(|| "tcpwrapped".to_owned())),
        product,
        version,
        extra_info,
        hostname,
        os_type,
        device_type,
        fingerprint: text_field(call, table, "service_fp").filter(|_| keeps_fingerprint),
        tls_tunnel: tunnel.as_deref() == Some("ssl"),
        probed,
        confidence,
        cpes: Vec::new(),
    };
    let cpes = table.get_str(call, b"cpe");
    if let Some(cpes) = cpes.as_table() {
        for idx in 1..=cpes.raw_len() {
            let cpe = text_of(call, cpes.get_integer(idx))?;
            version.cpes.extend(cpe.map(|text| printable(text.as_bytes(), NAME_LEN_MAX)));
        }
    } else if !cpes.is_nil() {
        return Err(call.error("port.version 'cpe' field must be a table"));
    }
    with_port(call, |port| port.version = Some(Box::new(version)))?;
    call.ret0()
}
