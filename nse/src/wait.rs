//! What threads wait for, and how an operation on a socket makes progress.

use crate::bindings::socket::SocketState;
use crate::shared::{Answer, failure, success};
use perilune_scan::net::{Millis, Network, Read, SocketId, Write};
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
    Connect,
    Send { data: Vec<u8>, sent: usize },
    Receive { goal: Goal, data: Vec<u8> },
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

    /// Tries to get on; the results when the operation is over.
    pub fn progress(&mut self, network: &mut dyn Network) -> Option<Vec<Answer>> {
        let Wait::Socket { socket, id, operation, .. } = self else { return None };
        let mut state = socket.borrow_mut();
        if state.id != Some(*id) {
            return Some(failure("CANCELLED"));
        }
        advance(&mut state, *id, operation, network)
    }
}

/// Does what the socket allows of an operation; the results when it is over.
pub(crate) fn advance(
    state: &mut SocketState,
    id: SocketId,
    operation: &mut Operation,
    network: &mut dyn Network,
) -> Option<Vec<Answer>> {
    match operation {
        Operation::Connect => network.connect_result(id).map(|result| match result {
            Ok(()) => success(None),
            Err(_) => failure("ERROR"),
        }),
        Operation::Send { data, sent } => loop {
            if *sent == data.len() {
                return Some(success(None));
            }
            match network.write(id, &data[*sent..]) {
                Write::Written(count) => *sent += count,
                Write::WouldBlock => return None,
                Write::Failed(_) => return Some(failure("ERROR")),
            }
        },
        Operation::Receive { goal, data } => receive(state, id, *goal, data, network),
    }
}

fn receive(
    state: &mut SocketState,
    id: SocketId,
    goal: Goal,
    data: &mut Vec<u8>,
    network: &mut dyn Network,
) -> Option<Vec<Answer>> {
    loop {
        match network.read(id, data, CHUNK) {
            Read::Data(count) => {
                let limit = if let Goal::Bytes(wanted) = goal { wanted } else { RECEIVE_MAX };
                let chunk_is_last = count < CHUNK || data.len() > limit;
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
