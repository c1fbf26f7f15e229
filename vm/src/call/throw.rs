//! Errors: thrown, and unwinding to what catches them.

use super::collect::next_finalizer;
use super::{ErrorKind, NativeExit, call_value, finish_exit, push_call, push_frame, scratch_top, throw_in_handler};
use crate::coroutine;
use crate::debug::{self, Operand};
use crate::exec::X;
use crate::hook;
use crate::stack::{
    CLOSING, Coroutine, DELIVERY, FINALIZER, FINISH, Frame, HANDLER, HANDLER_DEPTH_MAX, HOOK, NATIVE_RESERVE,
    PROTECTED, TO_NATIVE, UNWINDING, UNYIELDABLE, WITH_HANDLER,
};
use crate::state::Event;
use crate::string::Str;
use crate::table::KeyError;
use crate::value::{self, Raw};

/// Throws a message with the position of the Lua function that runs in front.
#[cold]
#[inline(never)]
pub(crate) unsafe fn throw_message(co: *mut Coroutine, message: &[u8]) -> X {
    // SAFETY: the frame's `pc` is saved.
    unsafe {
        let mut text = debug::current_position(co);
        text.extend_from_slice(message);
        let global = &mut *(*co).global;
        match global.heap.string(&text) {
            Ok(string) => {
                global.error = Str::value(string);
                throw(co, ErrorKind::Runtime)
            }
            Err(_) => throw_memory(co),
        }
    }
}

/// `attempt to WHAT a TYPE value (VARIABLE)`
#[cold]
#[inline(never)]
pub(crate) unsafe fn throw_type_error(co: *mut Coroutine, culprit: Raw, what: &str, operand: Operand) -> X {
    // SAFETY: the frame's `pc` is saved.
    unsafe {
        let type_name = (*(*co).global).type_name_of(culprit);
        let name = debug::operand_name(co, operand, culprit);
        throw_message(co, &[b"attempt to ", what.as_bytes(), b" a ", &type_name, b" value", &name].concat())
    }
}

/// Throws "not enough memory", without making anything.
#[cold]
#[inline(never)]
pub(crate) unsafe fn throw_memory(co: *mut Coroutine) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        let global = &mut *(*co).global;
        global.error = Str::value(global.memory_message);
        throw(co, ErrorKind::Memory)
    }
}

/// The error of a table key that can't be.
#[cold]
pub(crate) unsafe fn throw_key_error(co: *mut Coroutine, error: KeyError) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        match error {
            KeyError::Nil => throw_message(co, b"table index is nil"),
            KeyError::NaN => throw_message(co, b"table index is NaN"),
            KeyError::Memory => throw_memory(co),
        }
    }
}

/// The innermost frame that errors stop at.
unsafe fn protected_frame(co: *mut Coroutine) -> Option<*mut Frame> {
    // SAFETY: K2.
    unsafe {
        let mut frame = (*co).frame;
        while frame >= (*co).frames {
            if (*frame).flags & (PROTECTED | CLOSING) != 0 {
                return Some(frame);
            }
            frame = frame.sub(1);
        }
        None
    }
}

/// An error is raised, its value in `Global::error`: runs the message handler if there is one, then unwinds.
#[cold]
#[inline(never)]
pub(crate) unsafe fn throw(co: *mut Coroutine, kind: ErrorKind) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        if let Some(frame) = protected_frame(co)
            && (*frame).flags & WITH_HANDLER != 0
            && kind == ErrorKind::Runtime
        {
            if (*co).handlers > 0 && (*co).depth + (*co).inherited_depth >= HANDLER_DEPTH_MAX {
                return throw_in_handler(co);
            }
            let handler = *(*frame).func.add(1);
            let func = match Coroutine::grow(co, scratch_top(co), 6 + NATIVE_RESERVE, true) {
                Ok(func) => func,
                Err(_) => return throw_in_handler(co),
            };
            push_frame(co, func, 0, HANDLER);
            (*co).handlers += 1;
            push_call(co, func.add(1), handler, &[(*(*co).global).error]);
            return call_value(co, func.add(1), 1, 1, TO_NATIVE);
        }
        unwind(co)
    }
}

/// Where a protected frame that unwinds keeps the error: behind its message handler, if it has one.
unsafe fn error_slot(frame: &Frame) -> *mut Raw {
    // SAFETY: a protected frame has called something from these slots.
    unsafe { frame.func.add(1 + (frame.flags & WITH_HANDLER != 0) as usize) }
}

/// Leaves all frames above the innermost protected one, and closes their variables.
pub(super) unsafe fn unwind(co: *mut Coroutine) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        let Some(target) = protected_frame(co) else { return coroutine::failed(co) };
        while (*co).frame > target {
            let frame = &mut *(*co).frame;
            if frame.flags & UNYIELDABLE != 0 {
                (*co).unyieldable -= 1;
            }
            if frame.flags & FINISH != 0 || frame.is_native() {
                (*co).depth -= 1;
            }
            (*co).handlers -= (frame.flags & HANDLER != 0) as u16;
            if frame.flags & HOOK != 0 {
                hook::left(co);
            }
            frame.drop_state();
            (*co).frame = (*co).frame.sub(1);
        }
        let frame = &mut *target;
        if frame.flags & UNYIELDABLE != 0 {
            frame.flags &= !UNYIELDABLE;
            (*co).unyieldable -= 1;
        }
        frame.flags |= UNWINDING;
        if frame.flags & CLOSING != 0 {
            frame.saved = 1;
        }
        let global = &mut *(*co).global;
        Coroutine::close_upvalues(co, frame.func.add(1), Some(&mut global.heap));
        let slot = error_slot(frame);
        value::write(slot, global.error);
        global.error = Raw::NIL;
        (*co).top = slot.add(1);
        unwind_step(co)
    }
}

/// Closes the next variable of a frame that is unwinding; when there is none, the error is delivered.
pub(crate) unsafe fn unwind_step(co: *mut Coroutine) -> X {
    // SAFETY: the current frame is the one that unwinds; the error's value lies behind its function.
    unsafe {
        let frame = &mut *(*co).frame;
        let func = frame.func;
        let error = value::read(error_slot(frame));
        let position = Coroutine::position(co, func);
        if let Some(at) = (*co).to_close.pop_if(|at| *at > position) {
            let slot = (*co).stack.add(at as usize);
            let variable = *slot;
            let handler = (*(*co).global).metamethod(variable, Event::Close);
            push_call(co, slot.add(1), handler, &[variable, error]);
            return call_value(co, slot.add(1), 2, 0, TO_NATIVE);
        }
        value::write(func.add(1), error);
        (*co).top = func.add(2);
        if frame.flags & CLOSING != 0 {
            return coroutine::closed(co);
        }
        if frame.flags & FINALIZER != 0 {
            frame.flags &= !UNWINDING;
            crate::api::warn_finalizer_error(&mut *(*co).global, error);
            return next_finalizer(co);
        }
        let (nresults, flags) = (frame.nresults, frame.flags);
        (*co).frame = (*co).frame.sub(1);
        (*co).depth -= 1;
        Coroutine::shrink(co);
        let func = (*co).stack.add(position as usize);
        let (function, flags) = (*func, flags & DELIVERY);
        value::write(func, Raw::FALSE);
        finish_exit(co, function, NativeExit { from: func, count: 2, func, nresults, flags })
    }
}
