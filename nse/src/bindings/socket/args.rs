//! Arguments of socket methods: hosts, ports, protocols.

use perilune_scan::net::Transport;
use perilune_vm::{Call, Kind, LuaError, Table};

/// A host argument: an address or name, or a table with `ip` or `targetname`.
pub(super) fn host(call: &mut Call<'_>, pos: usize) -> Result<Vec<u8>, LuaError> {
    let Some(table) = call.arg(pos).as_table() else { return Ok(call.check_string(pos)?.as_bytes().to_vec()) };
    for field in ["ip", "targetname"] {
        if let Some(text) = table.get_str(call, field.as_bytes()).as_str() {
            return Ok(text.as_bytes().to_vec());
        }
    }
    Err(call.arg_error(pos, "host table lacks 'ip' or 'targetname' fields"))
}

/// The name that TLS asks for: a host table's `targetname`, or the host as it was given.
pub(super) fn server_name(call: &Call<'_>, pos: usize) -> Option<String> {
    let name = match call.arg(pos).as_table() {
        Some(table) => table.get_str(call, b"targetname").as_str(),
        None => call.arg(pos).as_str(),
    };
    name.and_then(|name| String::from_utf8(name.as_bytes().to_vec()).ok())
}

/// A port argument: a number, or a table with `number`; and that table. Only the low 16 bits count.
pub(super) fn port<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<(u16, Option<Table<'gc>>), LuaError> {
    let Some(table) = call.arg(pos).as_table() else { return Ok((call.check_integer(pos)? as u16, None)) };
    match table.get_str(call, b"number").kind() {
        Kind::Integer(number) => Ok((number as u16, Some(table))),
        _ => Err(call.arg_error(pos, "port table lacks integer 'number' field")),
    }
}

/// The transport that the third argument, the port table or the socket asks for; `None` for TLS.
pub(super) fn transport<'gc>(
    call: &mut Call<'gc>,
    table: Option<Table<'gc>>,
    default: Transport,
) -> Result<Option<Transport>, LuaError> {
    let protocol = match (call.opt_string(4)?, table) {
        (Some(protocol), _) => Some(protocol),
        (None, Some(table)) => table.get_str(call, b"protocol").as_str(),
        (None, None) => None,
    };
    match protocol.map(|protocol| protocol.as_bytes()) {
        None => Ok(Some(default)),
        Some(b"tcp") => Ok(Some(Transport::Tcp)),
        Some(b"udp") => Ok(Some(Transport::Udp)),
        Some(b"ssl") => Ok(None),
        Some(other) => Err(invalid_option(call, 4, other)),
    }
}

pub(super) fn invalid_option(call: &mut Call<'_>, pos: usize, option: &[u8]) -> LuaError {
    let message = [b"invalid option '", option, b"'"].concat();
    call.arg_error(pos, message)
}
