//! `send`, `sendto` and the receiving methods without a delimiter.

use super::{Tried, Usable, answer, args, attempt, receiver, refuse, usable};
use crate::resolve::{self, Lookup};
use crate::shared::{failure, shared};
use crate::trace::{self, Way};
use crate::wait::{Goal, Operation};
use perilune_scan::net::Transport;
use perilune_vm::{Call, NativeResult, Step, Value};
use std::net::{IpAddr, SocketAddr};

/// `socket:send(data) -> true | nil, status | false, message`.
pub(super) fn send(call: &mut Call<'_>) -> NativeResult {
    receiver(call)?;
    let data = call.check_string(2)?.as_bytes().to_vec();
    transmit(call, data, None)
}

/// Sends to the peer, or as a datagram to someone.
fn transmit(call: &mut Call<'_>, data: Vec<u8>, to: Option<SocketAddr>) -> NativeResult {
    let socket = receiver(call)?;
    let id = match usable(call, socket)? {
        Usable::Open(id) => id,
        Usable::Broken => return answer(call, failure("ERROR")),
        Usable::Refused(message) => return refuse(call, message),
    };
    let engine = shared(call);
    trace::data(engine, &socket.borrow(), Way::Out, &data);
    match attempt(engine, socket, id, Operation::Send { data, sent: 0, to }) {
        Tried::Over(answers) => answer(call, answers),
        Tried::Blocked => call.park(),
    }
}

/// `socket:sendto(host, port, data) -> true | nil, status | false, message`: a datagram to anyone.
pub(super) fn sendto(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let host = args::host(call, 2)?;
    args::port(call, 3)?;
    call.check_string(4)?;
    if let Usable::Refused(message) = usable(call, socket)? {
        return refuse(call, message);
    }
    let engine = shared(call);
    match resolve::start(engine, &host, resolve::Family::Any) {
        Lookup::Known(addresses) => match addresses.first() {
            Some(&address) => send_to(call, address),
            None => refuse(call, resolve::NOT_KNOWN.as_bytes()),
        },
        Lookup::Failed(reason) => refuse(call, reason.as_bytes()),
        Lookup::UnderWay(wait) => {
            *engine.wait.borrow_mut() = Some(wait);
            call.invoke_yieldable(Value::native(super::PARK), &[], Box::new(AfterLookup))
        }
    }
}

struct AfterLookup;

impl Step for AfterLookup {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if !call.result(1).is_truthy() {
            let message = call.result(2);
            return call.ret2(false, message);
        }
        let first = call.result(2).as_table().and_then(|list| list.get_integer(1).as_str());
        match first.and_then(|text| std::str::from_utf8(text.as_bytes()).ok()?.parse().ok()) {
            Some(address) => send_to(call, address),
            None => refuse(call, resolve::NOT_KNOWN.as_bytes()),
        }
    }
}

fn send_to(call: &mut Call<'_>, address: IpAddr) -> NativeResult {
    let to = SocketAddr::new(address, args::port(call, 3)?.0);
    let data = call.check_string(4)?.as_bytes().to_vec();
    let is_udp = receiver(call)?.borrow().transport == Transport::Udp;
    transmit(call, data, is_udp.then_some(to))
}

/// `socket:receive()`, `receive_bytes(n)`, `receive_lines(n)`: everything read once there is enough.
pub(super) fn receive(call: &mut Call<'_>, goal: Goal) -> NativeResult {
    match begin(call, goal)? {
        Begun::Over(answers) => answer(call, answers),
        Begun::Refused(message) => refuse(call, message),
        Begun::Blocked => call.park(),
    }
}

/// A read that was tried.
pub(super) enum Begun {
    Over(Vec<crate::shared::Answer>),
    Refused(&'static [u8]),
    Blocked,
}

/// Tries a read.
pub(super) fn begin(call: &mut Call<'_>, goal: Goal) -> Result<Begun, perilune_vm::LuaError> {
    let socket = receiver(call)?;
    let usable = usable(call, socket)?;
    let engine = shared(call);
    if socket.borrow().eof_seen && !matches!(usable, Usable::Refused(_)) {
        trace::event(engine, &socket.borrow(), Way::In, "EOF");
        return Ok(Begun::Refused(b"EOF"));
    }
    let id = match usable {
        Usable::Open(id) => id,
        Usable::Broken => {
            socket.borrow_mut().eof_seen = true;
            return Ok(Begun::Over(failure("EOF")));
        }
        Usable::Refused(message) => return Ok(Begun::Refused(message)),
    };
    Ok(match attempt(engine, socket, id, Operation::Receive { goal, data: Vec::new() }) {
        Tried::Over(answers) => Begun::Over(answers),
        Tried::Blocked => Begun::Blocked,
    })
}
