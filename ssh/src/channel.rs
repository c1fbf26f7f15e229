//! One channel: windows, data that waits, and how far it is closed.

use std::collections::VecDeque;

/// What we let the server send before we have read.
pub(crate) const WINDOW: u32 = 2 << 20;
/// Largest piece of data we take.
pub(crate) const PIECE_MAX: u32 = 32 << 10;

/// How opening went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Opening {
    Asked,
    Open,
    Refused,
}

/// A session channel.
#[derive(Debug)]
pub struct Channel {
    pub(crate) opening: Opening,
    pub(crate) theirs: u32,
    /// What we may still send, and at most in one piece.
    pub(crate) send_window: u32,
    pub(crate) send_max: u32,
    /// What they may still send.
    pub(crate) receive_window: u32,
    pub(crate) data: [VecDeque<u8>; 2],
    /// Answers to requests, first come, first served.
    pub(crate) answers: VecDeque<bool>,
    pub(crate) eof: bool,
    pub(crate) closed: bool,
    pub(crate) close_sent: bool,
    pub(crate) eof_sent: bool,
}

impl Channel {
    pub(crate) fn new() -> Channel {
        Channel {
            opening: Opening::Asked,
            theirs: 0,
            send_window: 0,
            send_max: 0,
            receive_window: WINDOW,
            data: [VecDeque::new(), VecDeque::new()],
            answers: VecDeque::new(),
            eof: false,
            closed: false,
            close_sent: false,
            eof_sent: false,
        }
    }

    /// Whether nothing more will come and all that came has been read.
    pub fn at_end(&self) -> bool {
        (self.eof || self.closed) && self.data.iter().all(VecDeque::is_empty)
    }

    /// Whether no more data will arrive.
    pub fn is_finished(&self) -> bool {
        self.eof || self.closed
    }

    /// Whether the server has closed it.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it was opened, once that is known.
    pub fn is_open(&self) -> Option<bool> {
        match self.opening {
            Opening::Asked => None,
            Opening::Open => Some(true),
            Opening::Refused => Some(false),
        }
    }

    /// The answer to the earliest request that has not been asked for.
    pub fn take_answer(&mut self) -> Option<bool> {
        // A channel that is gone answers nothing any more.
        self.answers.pop_front().or(self.closed.then_some(false))
    }
}
