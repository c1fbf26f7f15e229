//! What threads wait for, and how an operation on a socket makes progress.

use crate::bindings::capture;
use crate::bindings::socket::SocketState;
use crate::resolve::Query;
use crate::shared::{Answer, Shared, failure, success};
use crate::thread::ThreadId;
use crate::trace::{self, Way};
use perilune_scan::net::{Millis, NetError, Network, Read, SocketId, Transport, Write};
use perilune_tls::Config;
use std::borrow::Cow;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

/// Bytes read at a time.
const CHUNK: usize = 8192;
/// After so many bytes a `receive` or `receive_lines` takes no further chunk.
const RECEIVE_MAX: usize = 589_823;

/// Bytes in which `receive_lines` looks for its lines, and that `receive_bytes` collects: a peer that floods a script
/// fills no more memory. What came by then is handed out, as at a time-out.
const LINES_BYTES_MAX: usize = 1 << 20;
const BYTES_MAX: usize = 8 << 20;

/// Bytes that one connection of a script takes; what comes then is its end. A script that joins all that a flood sends
/// copies it with each piece: a gigabyte, which is where memory ends, would take minutes.
const RECEIVED_MAX: usize = 128 << 20;

/// When a receive operation has enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goal {
    Any,
    Bytes(usize),
    Lines(usize),
}

/// What an operation on a socket still has to do.
#[derive(Debug)]
pub(crate) enum Operation {
    /// And then, where TLS is wanted, the handshake.
    Connect {
        ssl3_next: bool,
    },
    /// `ssl3_next`: when the server seems to know nothing newer, a second socket tries SSL 3.0.
    Handshake {
        ssl3_next: bool,
        /// TLS starts on a connection that is there.
        is_reconnect: bool,
    },
    /// To the peer, or as a datagram to someone.
    Send {
        data: Vec<u8>,
        sent: usize,
        to: Option<SocketAddr>,
    },
    Receive {
        goal: Goal,
        data: Vec<u8>,
    },
}

/// Why a thread is in `waiting`.
#[derive(Debug)]
pub(crate) enum Wait {
    /// `stdnse.sleep`.
    Sleep { until: Millis },
    /// An operation on a socket; the socket's number when it began tells whether it was closed meanwhile.
    Socket { socket: Rc<RefCell<SocketState>>, id: SocketId, operation: Operation, until: Option<Millis> },
    /// The addresses of a name, from a server.
    Resolve { query: Box<Query>, socket: SocketId, until: Millis },
    /// A packet of an interface.
    Capture { socket: Rc<RefCell<SocketState>>, id: SocketId, until: Option<Millis> },
    /// Another thread has to wake it: what it wants, and who has that.
    Lock { name: Cow<'static, str>, holder: Option<ThreadId> },
}

impl Wait {
    /// When it is over even if nothing happens.
    pub fn deadline(&self) -> Option<Millis> {
        match self {
            Wait::Sleep { until } | Wait::Resolve { until, .. } => Some(*until),
            Wait::Socket { until, .. } | Wait::Capture { until, .. } => *until,
            Wait::Lock { .. } => None,
        }
    }

    /// The sockets it depends on.
    pub fn sockets(&self) -> impl Iterator<Item = SocketId> + use<> {
        let id = match self {
            Wait::Socket { id, .. } | Wait::Resolve { socket: id, .. } | Wait::Capture { id, .. } => Some(*id),
            Wait::Sleep { .. } | Wait::Lock { .. } => None,
        };
        id.into_iter()
    }

    /// Only another thread can end it.
    pub fn is_lock(&self) -> bool {
        matches!(self, Wait::Lock { .. })
    }

    /// Who has what it waits for.
    pub fn holder(&self) -> Option<ThreadId> {
        if let Wait::Lock { holder, .. } = self { *holder } else { None }
    }

    /// What it waits for, in a few words.
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Wait::Sleep { .. } => "sleep",
            Wait::Socket { operation: Operation::Connect { .. }, .. } => "connect",
            Wait::Socket { operation: Operation::Handshake { .. }, .. } => "handshake",
            Wait::Socket { operation: Operation::Send { .. }, .. } => "send",
            Wait::Socket { operation: Operation::Receive { .. }, .. } => "receive",
            Wait::Resolve { .. } => "resolve",
            Wait::Capture { .. } => "capture",
            Wait::Lock { name, .. } => return name.clone(),
        })
    }

    /// The results at the deadline.
    pub fn expire(self, engine: &Shared) -> Vec<Answer> {
        self.release();
        match self {
            Wait::Socket { socket, operation: Operation::Receive { data, .. }, .. } if !data.is_empty() => {
                trace::data(engine, &socket.borrow(), Way::In, &data);
                success(Some(data))
            }
            Wait::Socket { socket, operation, .. } => {
                if matches!(operation, Operation::Connect { .. } | Operation::Handshake { .. }) {
                    socket.borrow_mut().has_failed = true;
                }
                finished(engine, &socket.borrow(), &operation);
                failure("TIMEOUT")
            }
            Wait::Capture { .. } => failure("TIMEOUT"),
            Wait::Resolve { .. } | Wait::Sleep { .. } | Wait::Lock { .. } => Vec::new(),
        }
    }

    /// The operation is over, or its thread: the socket is free for others.
    pub fn release(&self) {
        if let Wait::Socket { socket, .. } | Wait::Capture { socket, .. } = self {
            socket.borrow_mut().busy = None;
        }
    }

    /// When it should be looked at although its socket is quiet.
    pub fn look_again(&self) -> Option<Millis> {
        match self {
            Wait::Socket { socket, operation: Operation::Handshake { .. }, .. } => {
                socket.borrow().secure.as_ref()?.deadline()
            }
            _ => None,
        }
    }

    /// Tries to get on; the results when the operation is over. The socket may be another one afterwards.
    pub fn progress(&mut self, engine: &Shared) -> Option<Vec<Answer>> {
        let answers = match self {
            Wait::Socket { socket, id, operation, .. } => {
                let mut state = socket.borrow_mut();
                if state.id == Some(*id) {
                    advance(engine, &mut state, id, operation)
                } else {
                    Some(failure("CANCELLED"))
                }
            }
            Wait::Capture { socket, id, .. } => {
                let mut state = socket.borrow_mut();
                if state.id == Some(*id) { capture::next_packet(&mut state) } else { Some(failure("CANCELLED")) }
            }
            Wait::Resolve { query, socket, until } => query.progress(&mut **engine.network.borrow_mut(), socket, until),
            Wait::Sleep { .. } | Wait::Lock { .. } => None,
        };
        if answers.is_some() {
            self.release();
        }
        answers
    }

    /// At its deadline there may be something else to try.
    pub fn has_retry(&self) -> bool {
        matches!(self, Wait::Resolve { .. })
    }

    /// The deadline has come, but there is another way; the results if there is none.
    pub fn retry(&mut self, engine: &Shared) -> Option<Vec<Answer>> {
        match self {
            Wait::Resolve { query, socket, until } => {
                query.next_server(&mut **engine.network.borrow_mut(), socket, until)
            }
            _ => None,
        }
    }
}

/// Says that an operation is over, however it ended.
fn finished(engine: &Shared, state: &SocketState, operation: &Operation) {
    match operation {
        Operation::Connect { .. } | Operation::Handshake { is_reconnect: false, .. } => {
            trace::event(engine, state, Way::Out, "CONNECT");
        }
        Operation::Handshake { .. } => trace::event(engine, state, Way::Out, "SSL RECONNECT"),
        Operation::Send { .. } => trace::event(engine, state, Way::Out, "SEND"),
        Operation::Receive { .. } => {}
    }
}

/// Does what the socket allows of an operation; the results when it is over.
pub(crate) fn advance(
    engine: &Shared,
    state: &mut SocketState,
    id: &mut SocketId,
    operation: &mut Operation,
) -> Option<Vec<Answer>> {
    let answers = step(engine, state, id, operation)?;
    if let (Operation::Receive { .. }, [_, Answer::Text(data)]) = (&*operation, &answers[..])
        && answers[0] == Answer::Boolean(true)
    {
        trace::data(engine, state, Way::In, data);
    }
    if answers[0] != Answer::Boolean(true)
        && matches!(operation, Operation::Connect { .. } | Operation::Handshake { is_reconnect: false, .. })
    {
        state.has_failed = true;
    }
    finished(engine, state, operation);
    Some(answers)
}

fn step(engine: &Shared, state: &mut SocketState, id: &mut SocketId, operation: &mut Operation) -> Option<Vec<Answer>> {
    let network = &mut **engine.network.borrow_mut();
    loop {
        match operation {
            Operation::Connect { ssl3_next } => match network.connect_result(*id)? {
                Ok(()) if state.secure.is_some() => {
                    *operation = Operation::Handshake { ssl3_next: *ssl3_next, is_reconnect: false };
                }
                Ok(()) => return Some(success(None)),
                Err(_) => return Some(failure("ERROR")),
            },
            Operation::Handshake { ssl3_next, .. } => {
                let secure = state.secure.as_mut()?;
                let Err(error) = secure.handshake(network, *id)? else { return Some(success(None)) };
                engine.log_tls_failure(state.peer, &error);
                if !*ssl3_next || !error.suggests_ssl3() || !reopen_for_ssl3(state, id, network) {
                    return Some(failure("ERROR"));
                }
                *operation = Operation::Connect { ssl3_next: false };
            }
            Operation::Send { data, to: Some(to), .. } => return send_datagram(state, *id, data, *to, network),
            Operation::Send { data, sent, to: None } => return send(state, *id, data, sent, network),
            Operation::Receive { goal, data } => return receive(state, *id, *goal, data, network),
        }
    }
}

fn send_datagram(
    state: &mut SocketState,
    id: SocketId,
    data: &[u8],
    to: SocketAddr,
    network: &mut dyn Network,
) -> Option<Vec<Answer>> {
    state.peer = Some(to);
    match network.write_to(id, data, to) {
        Write::Written(_) => Some(success(None)),
        Write::WouldBlock => None,
        Write::Failed(_) => Some(failure("ERROR")),
    }
}

/// A new connection to the same server for SSL 3.0, whose hello must be alone; false when there is none to be had.
fn reopen_for_ssl3(state: &mut SocketState, id: &mut SocketId, network: &mut dyn Network) -> bool {
    let Ok(new) = network.open(Transport::Tcp, state.peer, None) else { return false };
    network.close(*id);
    (state.id, *id) = (Some(new), new);
    state.secure(Config::ssl3(), network.now())
}

fn send(
    state: &mut SocketState,
    id: SocketId,
    data: &[u8],
    sent: &mut usize,
    network: &mut dyn Network,
) -> Option<Vec<Answer>> {
    loop {
        let rest = &data[*sent..];
        let write = match &mut state.secure {
            // What was encrypted may still wait for the socket.
            Some(secure) if rest.is_empty() => match secure.flush(network, id) {
                true if secure.error().is_some() => Write::Failed(NetError::Other),
                true => return Some(success(None)),
                false => return None,
            },
            Some(secure) => secure.write(network, id, rest),
            None if rest.is_empty() => return Some(success(None)),
            None => network.write(id, rest),
        };
        match write {
            Write::Written(count) => *sent += count,
            Write::WouldBlock => return None,
            Write::Failed(_) => return Some(failure("ERROR")),
        }
    }
}

fn receive(
    state: &mut SocketState,
    id: SocketId,
    goal: Goal,
    data: &mut Vec<u8>,
    network: &mut dyn Network,
) -> Option<Vec<Answer>> {
    // The records that have come are taken all at once.
    let drains = state.secure.as_ref().is_some_and(|secure| !secure.is_datagram());
    let is_datagram = state.secure.is_none() && state.transport == Transport::Udp;
    loop {
        let read = match &mut state.secure {
            Some(secure) => secure.read(network, id, data, CHUNK),
            None if is_datagram => {
                let (read, sender) = network.read_from(id, data, CHUNK);
                // A datagram says who its sender is.
                state.peer = sender.or(state.peer);
                read
            }
            None => network.read(id, data, CHUNK),
        };
        match read {
            // As in the reference, an empty datagram is the end.
            Read::Data(0) if is_datagram => {
                state.eof_seen = true;
                return Some(if data.is_empty() { failure("EOF") } else { success(Some(std::mem::take(data))) });
            }
            Read::Data(count) => {
                state.received = state.received.saturating_add(count);
                if state.received > RECEIVED_MAX {
                    state.eof_seen = true;
                    return Some(success(Some(std::mem::take(data))));
                }
                let limit = if let Goal::Bytes(wanted) = goal { wanted } else { RECEIVE_MAX };
                let chunk_is_last = count < CHUNK && !drains || data.len() > limit;
                if chunk_is_last && has_enough(goal, data) {
                    return Some(success(Some(std::mem::take(data))));
                }
            }
            Read::WouldBlock => {
                return has_enough(goal, data).then(|| success(Some(std::mem::take(data))));
            }
            Read::Eof => {
                state.eof_seen = true;
                return Some(if data.is_empty() { failure("EOF") } else { success(Some(std::mem::take(data))) });
            }
            Read::Failed(_) => return Some(failure("ERROR")),
        }
    }
}

fn has_enough(goal: Goal, data: &[u8]) -> bool {
    match goal {
        Goal::Any => !data.is_empty(),
        Goal::Bytes(wanted) => data.len() >= wanted.clamp(1, BYTES_MAX),
        Goal::Lines(wanted) => {
            let lines = || data.iter().filter(|&&byte| byte == b'\n').count();
            !data.is_empty() && (data.len() > LINES_BYTES_MAX || lines() >= wanted)
        }
    }
}
