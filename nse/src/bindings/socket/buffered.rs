//! `receive_buf`: reads up to a delimiter, and keeps what comes behind it for the next time.

use super::transfer::{self, Begun};
use super::{Usable, answer, receiver, refuse, usable};
use crate::shared::{Answer, success};
use crate::wait::Goal;
use perilune_vm::{Call, Kind, NativeResult, Step, Value};

/// Bytes in which a delimiter is looked for. A pattern that has not come by then will not; a function may wait for a
/// large piece.
const PATTERN_BYTES_MAX: usize = 1 << 20;
const FUNCTION_BYTES_MAX: usize = 8 << 20;

/// `socket:receive_buf(delimiter, keep) -> true, data | nil, status | false, message`.
/// Shape: `delimiter` a pattern, or a function from the buffer to the delimiter's first and last position.
/// Errors: `function/string expected`, `invalid indices for match`.
pub(super) fn receive_buf(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    if call.arg(2).as_function().is_none() && call.arg(2).as_str().is_none() {
        return Err(call.type_error(2, "function/string"));
    }
    if !matches!(call.arg(3).kind(), Kind::Boolean(_)) {
        return Err(call.type_error(3, "boolean"));
    }
    if let Usable::Refused(message) = usable(call, socket)? {
        return refuse(call, message);
    }
    let buffer = socket.borrow().leftover.clone();
    Box::new(ReceiveBuf { buffer, searching: true }).search(call)
}

/// A `receive_buf` under way.
struct ReceiveBuf {
    buffer: Vec<u8>,
    /// The results to come are of the delimiter's search; otherwise of a read.
    searching: bool,
}

impl ReceiveBuf {
    fn search(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        self.searching = true;
        let (delimiter, buffer) = (call.arg(2), call.string(&self.buffer)?);
        if delimiter.as_function().is_some() {
            return call.invoke(delimiter, &[buffer], self);
        }
        let strings = call.globals().get_str(call, b"string").as_table();
        let find = strings.map_or(Value::NIL, |strings| strings.get_str(call, b"find"));
        call.invoke(find, &[buffer, delimiter], self)
    }

    fn read(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        self.searching = false;
        let is_function = call.arg(2).as_function().is_some();
        if self.buffer.len() > if is_function { FUNCTION_BYTES_MAX } else { PATTERN_BYTES_MAX } {
            return refuse(call, b"ERROR");
        }
        match transfer::begin(call, Goal::Any)? {
            Begun::Refused(message) => refuse(call, message),
            Begun::Over(answers) => match <[Answer; 2]>::try_from(answers) {
                Ok([Answer::Boolean(true), Answer::Text(data)]) => {
                    self.buffer.extend_from_slice(&data);
                    self.search(call)
                }
                Ok(failed) => answer(call, failed.into()),
                Err(failed) => answer(call, failed),
            },
            Begun::Blocked => call.invoke_yieldable(Value::native(super::PARK), &[], self),
        }
    }

    /// The delimiter lies at these positions.
    fn found(&self, call: &mut Call<'_>, first: i64, last: i64) -> NativeResult {
        let len = self.buffer.len() as i64;
        if first > last || last > len || first < 0 {
            return Err(call.error("invalid indices for match"));
        }
        let end = last as usize;
        let kept = if call.arg(3).is_truthy() { end } else { (first - 1).max(0) as usize };
        let socket = receiver(call)?;
        socket.borrow_mut().leftover = self.buffer[end..].to_vec();
        answer(call, success(Some(self.buffer[..kept].to_vec())))
    }
}

impl Step for ReceiveBuf {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if self.searching {
            return match (call.result(1).to_integer(), call.result(2).to_integer()) {
                (Some(first), Some(last)) => self.found(call, first, last),
                _ => self.read(call),
            };
        }
        if !call.result(1).is_truthy() {
            let (ok, status) = (call.result(1), call.result(2));
            return call.ret2(ok, status);
        }
        if let Some(data) = call.result(2).as_str() {
            self.buffer.extend_from_slice(data.as_bytes());
        }
        self.search(call)
    }
}
