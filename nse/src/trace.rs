//! `--script-trace`: a line for whatever a script's sockets do.

use crate::bindings::socket::SocketState;
use crate::shared::{Channel, Shared};
use perilune_scan::net::Transport;
use std::net::SocketAddr;

/// Which way data went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Out,
    In,
}

/// Says what happened to a socket, if the user wants to know.
pub(crate) fn event(engine: &Shared, state: &SocketState, way: Way, message: &str) {
    if engine.options.script_trace {
        line(engine, state, way, message.as_bytes());
    }
}

/// Shows data that was sent or received.
pub(crate) fn data(engine: &Shared, state: &SocketState, way: Way, data: &[u8]) {
    if engine.options.script_trace {
        line(engine, state, way, &shown(data));
    }
}

fn line(engine: &Shared, state: &SocketState, way: Way, message: &[u8]) {
    let local = state.id.and_then(|id| engine.network.borrow().local_addr(id));
    let place = |address: Option<SocketAddr>| match address {
        Some(address) => format!("{}:{}", address.ip(), address.port()),
        None => "unknown protocol:0".to_owned(),
    };
    let protocol = match (state.peer, state.transport) {
        (None, _) => "N/A",
        (_, Transport::Tcp) => "TCP",
        (_, Transport::Udp) => "UDP",
    };
    let local = if state.peer.is_some() { local } else { None };
    let arrow = if way == Way::Out { '>' } else { '<' };
    let head = format!("{protocol} {} {arrow} {} | ", place(local), place(state.peer));
    engine.log(Channel::Stdout, &[head.as_bytes(), message].concat());
}

/// Text as it is, anything else as a dump.
fn shown(data: &[u8]) -> Vec<u8> {
    let printable = data.iter().filter(|byte| (b' '..=b'~').contains(*byte)).count();
    if printable * 100 < data.len() * 95 {
        return dump(data);
    }
    let mut text = Vec::with_capacity(data.len());
    for &byte in data {
        match byte {
            b' '..=b'~' | b'\t'..=b'\r' => text.push(byte),
            _ => text.extend_from_slice(format!("  \\{byte}").as_bytes()),
        }
    }
    text
}

fn dump(data: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for (idx, row) in data.chunks(16).enumerate() {
        text.push_str(&format!("{:08x}: ", idx * 16));
        for pos in 0..16 {
            text.push_str(&row.get(pos).map_or("   ".to_owned(), |byte| format!("{byte:02x} ")));
        }
        text.extend(row.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }));
        text.push('\n');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_text_or_a_dump() {
        let mut text = b"GET / HTTP/1.1 and so on, long enough for the line ends not to count".to_vec();
        text.extend_from_slice(b"\r\n\x05");
        assert!(shown(&text).ends_with(b"count\r\n  \\5"));
        let dumped = String::from_utf8(shown(b"\x00\x01ab\xff")).expect("a dump is text");
        assert_eq!(dumped, format!("00000000: 00 01 61 62 ff {}  ab \n", "   ".repeat(11)));
        assert_eq!(shown(b""), b"");
    }
}
