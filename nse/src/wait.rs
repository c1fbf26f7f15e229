//! What threads wait for, and how an operation on a socket makes progress.

use crate::bindings::socket::SocketState;
use crate::shared::{Answer, Shared, failure, success};
use perilune_scan::net::{Millis, NetError, Network, Read, SocketId, Transport, Write};
use perilune_tls::Config;
use std::cell::RefCell;
use std::rc::Rc;

/// Bytes read at a time.
const CHUNK: usize = 8192;
/// After so many bytes a `receive` or `receive_lines` takes no further chunk.
const RECEIVE_MAX: usize = 589_823;

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
    },
    Send {
        data: Vec<u8>,
        sent: usize,
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
    /// Another thread has to wake it: a mutex, a condition variable.
    Other,
}

impl Wait {
    /// When it is over even if nothing happens.
    pub fn deadline(&self) -> Option<Millis> {
        match self {
            Wait::Sleep { until } => Some(*until),
            Wait::Socket { until, .. } => *until,
            Wait::Other => None,
        }
    }

    /// The socket it depends on.
    pub fn socket(&self) -> Option<SocketId> {
        match self {
            Wait::Socket { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The results at the deadline.
    pub fn expire(self) -> Vec<Answer> {
        match self {
            Wait::Socket { operation: Operation::Receive { data, .. }, .. } if !data.is_empty() => success(Some(data)),
            Wait::Socket { .. } => failure("TIMEOUT"),
            Wait::Sleep { .. } | Wait::Other => Vec::new(),
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
        let Wait::Socket { socket, id, operation, .. } = self else { return None };
        let mut state = socket.borrow_mut();
        if state.id != Some(*id) {
            return Some(failure("CANCELLED"));
        }
        advance(engine, &mut state, id, operation)
    }
}

/// Does what the socket allows of an operation; the results when it is over.
pub(crate) fn advance(
    engine: &Shared,
    state: &mut SocketState,
    id: &mut SocketId,
    operation: &mut Operation,
) -> Option<Vec<Answer>> {
    let network = &mut **engine.network.borrow_mut();
    loop {
        match operation {
            Operation::Connect { ssl3_next } => match network.connect_result(*id)? {
                Ok(()) if state.secure.is_some() => *operation = Operation::Handshake { ssl3_next: *ssl3_next },
                Ok(()) => return Some(success(None)),
                Err(_) => return Some(failure("ERROR")),
            },
            Operation::Handshake { ssl3_next } => {
                let secure = state.secure.as_mut()?;
                let Err(error) = secure.handshake(network, *id)? else { return Some(success(None)) };
                engine.log_tls_failure(state.remote, &error);
                if !*ssl3_next || !error.suggests_ssl3() || !reopen_for_ssl3(state, id, network) {
                    return Some(failure("ERROR"));
                }
                *operation = Operation::Connect { ssl3_next: false };
            }
            Operation::Send { data, sent } => return send(state, *id, data, sent, network),
            Operation::Receive { goal, data } => return receive(state, *id, *goal, data, network),
        }
    }
}

/// A new connection to the same server for SSL 3.0, whose hello must be alone; false when there is none to be had.
fn reopen_for_ssl3(state: &mut SocketState, id: &mut SocketId, network: &mut dyn Network) -> bool {
    let Ok(new) = network.open(Transport::Tcp, state.remote, None) else { return false };
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
    loop {
        let read = match &mut state.secure {
            Some(secure) => secure.read(network, id, data, CHUNK),
            None => network.read(id, data, CHUNK),
        };
        match read {
            Read::Data(count) => {
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
        Goal::Bytes(wanted) => data.len() >= wanted.max(1),
        Goal::Lines(wanted) => !data.is_empty() && data.iter().filter(|&&byte| byte == b'\n').count() >= wanted,
    }
}
