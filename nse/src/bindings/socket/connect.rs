//! `connect` and `reconnect_ssl`.

use super::{SocketState, Tried, Usable, answer, args, attempt, check_free, deadline, receiver, refuse, usable};
use crate::resolve::{self, Lookup};
use crate::shared::{Answer, failure, shared, success};
use crate::trace::{self, Way};
use crate::wait::{Operation, Wait};
use perilune_scan::net::{NetError, Transport};
use perilune_tls::Config;
use perilune_vm::{Call, NativeResult, Step, Value};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// `socket:connect(host, port [, protocol]) -> true | nil, status | false, message`.
/// Shape: `host` text or host table; `port` number or port table; `protocol` `tcp`, `udp` or `ssl`.
/// Errors: `host table lacks …`, `port table lacks …`, `invalid option '…'`.
pub(super) fn connect(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let host = args::host(call, 2)?;
    let (_, table) = args::port(call, 3)?;
    let default = socket.borrow().transport;
    args::transport(call, table, default)?;
    check_free(call, socket)?;
    let engine = shared(call);
    if let Some(info) = engine.current()
        && !engine.slots.borrow_mut().take(info.id)
    {
        *engine.wait.borrow_mut() = Some(Wait::Lock { name: "a place to connect".into(), holder: None });
        return call.invoke_yieldable(Value::native(super::PARK), &[], Box::new(Connect::AfterSlot));
    }
    look_up(call, &host)
}

/// A `connect` that had to wait.
enum Connect {
    AfterSlot,
    /// For the addresses of a name.
    AfterLookup,
}

impl Step for Connect {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        match *self {
            Connect::AfterSlot => {
                let host = args::host(call, 2)?;
                look_up(call, &host)
            }
            Connect::AfterLookup => {
                if !call.result(1).is_truthy() {
                    let message = call.result(2);
                    return call.ret2(false, message);
                }
                let first = call.result(2).as_table().and_then(|list| list.get_integer(1).as_str());
                let address = first.and_then(|text| std::str::from_utf8(text.as_bytes()).ok()?.parse().ok());
                match address {
                    Some(address) => open(call, address),
                    None => refuse(call, resolve::NOT_KNOWN.as_bytes()),
                }
            }
        }
    }
}

/// Finds the address of the host, then goes on.
fn look_up(call: &mut Call<'_>, host: &[u8]) -> NativeResult {
    let engine = shared(call);
    let numeric = std::str::from_utf8(host).ok().and_then(|host| host.parse().ok());
    if let Some(address) = numeric {
        return open(call, address);
    }
    match resolve::start(engine, host, resolve::Family::of_scan(engine)) {
        Lookup::Known(addresses) => match addresses.first() {
            Some(&address) => open(call, address),
            None => refuse(call, resolve::NOT_KNOWN.as_bytes()),
        },
        Lookup::Failed(reason) => refuse(call, reason.as_bytes()),
        Lookup::UnderWay(wait) => {
            *engine.wait.borrow_mut() = Some(wait);
            call.invoke_yieldable(Value::native(super::PARK), &[], Box::new(Connect::AfterLookup))
        }
    }
}

/// Opens the connection.
fn open(call: &mut Call<'_>, address: IpAddr) -> NativeResult {
    let socket = receiver(call)?;
    let (port, table) = args::port(call, 3)?;
    let default = socket.borrow().transport;
    let protocol = args::transport(call, table, default)?;
    // TLS runs over what the socket is; over UDP it is DTLS.
    let transport = protocol.unwrap_or(default);
    let server_name = args::server_name(call, 2);
    let engine = shared(call);
    let peer = SocketAddr::new(address, port);
    let opened = {
        let mut state = socket.borrow_mut();
        state.hang_up(engine);
        (state.transport, state.eof_seen, state.has_failed) = (transport, false, false);
        state.received = 0;
        (state.server_name, state.is_open) = (server_name, true);
        state.peer = Some(peer);
        let of_family = |local: &SocketAddr| local.is_ipv6() == peer.is_ipv6();
        let local = state.bound.filter(of_family).or(engine.options.source.map(|ip| SocketAddr::new(ip, 0)));
        engine.network.borrow_mut().open(transport, Some(peer), local)
    };
    engine.own(socket);
    let id = match opened {
        Ok(id) => id,
        Err(error) => return not_opened(call, socket, error),
    };
    {
        let mut state = socket.borrow_mut();
        state.id = Some(id);
        let now = engine.network.borrow().now();
        if protocol.is_none() && !state.secure(Config::default(), now) {
            state.has_failed = true;
            drop(state);
            return refuse(call, b"ERROR");
        }
        if protocol == Some(Transport::Udp) {
            trace::event(engine, &state, Way::Out, "CONNECT");
            drop(state);
            return answer(call, success(None));
        }
    }
    let operation = match transport {
        Transport::Tcp => Operation::Connect { ssl3_next: protocol.is_none() },
        Transport::Udp => Operation::Handshake { ssl3_next: false, is_reconnect: false },
    };
    if transport == Transport::Udp {
        return match attempt(engine, socket, id, operation) {
            Tried::Over(answers) => answer(call, answers),
            Tried::Blocked => call.park(),
        };
    }
    let mut state = socket.borrow_mut();
    let until = deadline(engine, state.timeout_ms);
    state.busy = engine.current().map(|info| info.id);
    *engine.wait.borrow_mut() = Some(Wait::Socket { socket: Rc::clone(socket), id, operation, until });
    call.park()
}

/// A refusal is the peer's word, which the reference hears of only later; anything else the system said at once.
fn not_opened(call: &mut Call<'_>, socket: &Rc<RefCell<SocketState>>, error: NetError) -> NativeResult {
    let mut state = socket.borrow_mut();
    state.has_failed = true;
    let is_refusal = matches!(error, NetError::Refused | NetError::Reset | NetError::TimedOut);
    trace::event(shared(call), &state, Way::Out, if is_refusal { "CONNECT" } else { "PRECONNECT" });
    drop(state);
    if is_refusal { answer(call, failure("ERROR")) } else { refuse(call, b"ERROR") }
}

/// `socket:reconnect_ssl() -> true | nil, status | false, message`: TLS on the connection that is there.
pub(super) fn reconnect_ssl(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    if socket.borrow().transport == Transport::Udp {
        return refuse(call, b"TLS cannot start on an open UDP socket");
    }
    let id = match usable(call, socket)? {
        Usable::Open(id) => id,
        Usable::Broken => return answer(call, failure("ERROR")),
        Usable::Refused(message) => return refuse(call, message),
    };
    if socket.borrow().secure.is_some() {
        return call.ret1(true);
    }
    let engine = shared(call);
    let now = engine.network.borrow().now();
    if !socket.borrow_mut().secure(Config::default(), now) {
        return refuse(call, b"ERROR");
    }
    match attempt(engine, socket, id, Operation::Handshake { ssl3_next: false, is_reconnect: true }) {
        Tried::Over(answers) => answer(call, answers),
        Tried::Blocked => call.park(),
    }
}

/// `nmap.resolve(name [, family]) -> true, addresses | false, message`.
/// Errors: `invalid option '…'`.
pub(crate) fn resolve_native(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes().to_vec();
    let family = match call.opt_string(2)?.map_or(&b"unspec"[..], |text| text.as_bytes()) {
        b"inet" => resolve::Family::V4,
        b"inet6" => resolve::Family::V6,
        b"unspec" => resolve::Family::Any,
        other => return Err(args::invalid_option(call, 2, other)),
    };
    let engine = shared(call);
    match resolve::start(engine, &name, family) {
        Lookup::Known(addresses) => {
            let list = addresses.iter().map(|address| address.to_string().into_bytes()).collect();
            answer(call, vec![Answer::Boolean(true), Answer::List(list)])
        }
        Lookup::Failed(reason) => resolution_failed(call, &name, &reason),
        Lookup::UnderWay(wait) => {
            *engine.wait.borrow_mut() = Some(wait);
            call.invoke_yieldable(Value::native(super::PARK), &[], Box::new(Resolve { name }))
        }
    }
}

struct Resolve {
    name: Vec<u8>,
}

impl Step for Resolve {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if call.result(1).is_truthy() {
            return call.ret_results();
        }
        let reason = call.result(2).as_str().map_or_else(Vec::new, |text| text.as_bytes().to_vec());
        resolution_failed(call, &self.name, &String::from_utf8_lossy(&reason))
    }
}

fn resolution_failed(call: &mut Call<'_>, name: &[u8], reason: &str) -> NativeResult {
    eprintln!("Error resolving {}: {reason}", String::from_utf8_lossy(name));
    refuse(call, b"Failed to resolve")
}
