//! Hooks: functions that a coroutine calls at calls, returns, new lines and every so many instructions.
//!
//! The dispatch loop exists twice, and only the copy that runs while some coroutine has a hook asks [`before`] in
//! front of every instruction; natives are asked about where they are run and where they finish. A hook is called from
//! a frame of its own that belongs to no function, with [`HOOK`], above everything that the interrupted function uses.
//! Its end undoes the frame and lets the event take its course: the instruction is fetched once more, with the events
//! that it has reported already in [`Hook::reported`], or the native is run, or its results are delivered.
//!
//! # Invariants
//! - H1. A frame with [`HOOK`] has in `nresults` what it interrupted ([`INSTRUCTION`], [`NATIVE_CALL`],
//!   [`NATIVE_RETURN`]), in `saved` and in its function's slot what that needs to go on, and in `vararg_count` the
//!   values that are passed: position of the first, and their number.
//! - H2. `Hook::active` is true exactly while such a frame, or one of finalisers, is on the coroutine; no further hook
//!   is called meanwhile.
//! - H3. A native that a hook is told about has a frame below the hook's, without state.
//!
//! # Source
//! Manual §4.7 and §6.10; `ldebug.c` and `ldo.c` for when lines count as new, not the code.

use crate::bytecode::Op;
use crate::call::{self, NativeExit};
use crate::debug;
use crate::exec::X;
use crate::sample;
use crate::stack::{Coroutine, DELIVERY, Frame, HOOK, HOOKED, NATIVE_RESERVE, RETURNING, TAIL_CALLED, TO_NATIVE};
use crate::string::Str;
use crate::value::{self, Raw};

/// What a coroutine's hook is called for, and where it stands.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Nil when there is none.
    pub function: Raw,
    /// Events: [`CALL`], [`RETURN`], [`LINE`], [`COUNT`].
    pub mask: u8,
    /// Instructions between two calls.
    pub count: u32,
    /// Instructions until the next call.
    left: u32,
    /// The hook runs, or finalisers do.
    pub active: bool,
    /// What the instruction that comes has reported already.
    pub reported: u8,
    /// The native that ran last; its slot may hold a result by now.
    pub native: Raw,
    /// Frame of the instruction that was looked at last.
    last_frame: usize,
    /// Its position in the code.
    last_pc: usize,
}

pub(crate) const CALL: u8 = 1;
pub(crate) const RETURN: u8 = 2;
pub(crate) const LINE: u8 = 4;
pub(crate) const COUNT: u8 = 8;
/// In `saved`, that the frame's `pc` was moved behind the instruction.
const BEHIND: u8 = 0x80;

/// An instruction goes on: it is fetched again. `saved` has the events it reported, the slot the old top.
const INSTRUCTION: i16 = 0;
/// A native is to be run; the slot has its number of arguments.
const NATIVE_CALL: i16 = 1;
/// A native has finished; `saved` has the number of results, the slot where they lie.
const NATIVE_RETURN: i16 = 2;

impl Hook {
    pub const fn none() -> Hook {
        Hook {
            function: Raw::NIL,
            mask: 0,
            count: 0,
            left: 0,
            active: false,
            reported: 0,
            native: Raw::NIL,
            last_frame: usize::MAX,
            last_pc: 0,
        }
    }

    fn wants(&self, event: u8) -> bool {
        self.mask & event != 0 && !self.active
    }
}

/// Sets a coroutine's hook, or removes it with an empty mask. `native` is the one that does so.
///
/// # Safety
/// The coroutine lives, and a native runs.
pub(crate) unsafe fn set(co: *mut Coroutine, function: Raw, mask: u8, count: u32, native: Raw) {
    // SAFETY: K2: the frames up to the current one are alive.
    unsafe {
        let hook = (*co).hook.get_or_insert_with(|| Box::new(Hook::none()));
        let count_of_hooks = &mut (*(*co).global).hooks;
        *count_of_hooks -= (hook.mask != 0) as usize;
        *count_of_hooks += (mask != 0) as usize;
        let function = if mask != 0 { function } else { Raw::NIL };
        if hook.mask == 0 {
            hook.last_frame = usize::MAX;
        }
        (hook.function, hook.mask, hook.native) = (function, mask, native);
        (hook.count, hook.left, hook.reported) = (count, count, 0);
        // Functions that are under way are not called any more.
        let mut frame = (*co).frame;
        while frame > (*co).frames {
            (*frame).flags |= HOOKED;
            frame = frame.sub(1);
        }
        (*(*co).global).heap.touch(co.cast());
    }
}

/// Looks at the instruction that comes. A state to go on with instead means that a hook was called; ask again then.
pub(crate) unsafe fn before(x: X) -> Option<X> {
    // SAFETY: E1 to E4, but for a state that leaves the loop.
    unsafe {
        if x.is_halt() {
            return None;
        }
        sample::count(x);
        let hook = (*x.co).hook.as_mut()?;
        if hook.active || hook.mask == 0 {
            return None;
        }
        let frame = (*x.co).frame;
        if (*frame).is_native() {
            return None;
        }
        let frame_idx = frame.offset_from((*x.co).frames) as usize;
        let proto = (*frame).proto();
        let pc = x.pc.offset_from((*proto).code) as usize;
        let mut reported = std::mem::take(&mut hook.reported);
        if returns_tail_call(x) {
            reported |= COUNT | LINE;
        }
        if (*frame).flags & HOOKED == 0 {
            if pc < (*proto).is_vararg as usize {
                // A function begins once its varargs are prepared.
                return None;
            }
            (*frame).flags |= HOOKED;
            (hook.last_frame, hook.last_pc) = (frame_idx, pc);
            if hook.wants(CALL) {
                let event: &[u8] = if (*frame).flags & TAIL_CALLED != 0 { b"tail call" } else { b"call" };
                return Some(interrupt(x, 0, event, None, (1, (*proto).num_params as usize)));
            }
        }
        if hook.last_frame != frame_idx {
            // Back from a call, which was the instruction before.
            (hook.last_frame, hook.last_pc) = (frame_idx, pc.saturating_sub(1));
        }
        if reported & COUNT == 0 && hook.wants(COUNT) {
            hook.left -= 1;
            if hook.left == 0 {
                hook.left = hook.count;
                return Some(interrupt(x, reported | COUNT, b"count", None, (0, 0)));
            }
        }
        if reported & LINE == 0 && hook.wants(LINE) {
            let last_pc = std::mem::replace(&mut hook.last_pc, pc);
            let line = debug::line_at(proto, pc);
            if pc <= last_pc || line != debug::line_at(proto, last_pc) {
                return Some(interrupt(x, reported | COUNT | LINE, b"line", line, (0, 0)));
            }
        }
        if reported & RETURN == 0 && hook.wants(RETURN) {
            return before_return(x, reported);
        }
        None
    }
}

/// Whether the instruction that comes belongs to the tail call before, which called a native.
unsafe fn returns_tail_call(x: X) -> bool {
    // SAFETY: E1: a tail call and its return are never the first instruction, and the second never the last.
    unsafe {
        let first = (*(*(*x.co).frame).proto()).code.cast_const();
        (*x.pc).op() == Op::Return && x.pc > first && (*x.pc.sub(1)).op() == Op::TailCall
    }
}

/// Reports a return once nothing is left to be closed.
unsafe fn before_return(x: X, reported: u8) -> Option<X> {
    // SAFETY: as in `before`.
    unsafe {
        let i = *x.pc;
        let frame = &*(*x.co).frame;
        let (from, count) = match i.op() {
            Op::Return0 => (x.base, 0),
            Op::Return1 => (x.base.add(i.a()), 1),
            Op::Return => {
                let from = x.base.add(i.a());
                let open = || (*x.co).top.offset_from(from) as usize;
                let returning = frame.flags & RETURNING != 0;
                (from, if returning { frame.saved as usize } else { i.b().checked_sub(1).unwrap_or_else(open) })
            }
            _ => return None,
        };
        let position = Coroutine::position(x.co, x.base);
        if (*x.co).to_close.last().is_some_and(|at| *at >= position) {
            return None;
        }
        let first = from.offset_from(x.base) as usize + 1;
        Some(interrupt(x, reported | COUNT | LINE | RETURN, b"return", None, (first, count)))
    }
}

/// Calls the hook in front of an instruction.
unsafe fn interrupt(x: X, reported: u8, event: &[u8], line: Option<u32>, transfer: (usize, usize)) -> X {
    // SAFETY: as in `before`; the values up to the top are in use if the instruction before left them open.
    unsafe {
        let co = x.co;
        let i = *x.pc;
        // Looks as if the instruction ran.
        let behind = !returns_tail_call(x);
        X { pc: x.pc.add(behind as usize), ..x }.save();
        let reported = reported | if behind { BEHIND } else { 0 };
        let open = match i.op() {
            Op::Call | Op::TailCall | Op::SetList | Op::Return => i.b() == 0,
            _ => false,
        };
        let frame = &*(*co).frame;
        let in_use = open || frame.flags & RETURNING != 0;
        let at = if in_use { (*co).top.max(frame.register_end()) } else { frame.register_end() };
        let top = Coroutine::position(co, (*co).top);
        call_hook(co, at, (INSTRUCTION, reported as u32, top as i64), event, line, transfer)
    }
}

/// A native is about to run that the hook wants to know of.
pub(crate) unsafe fn wants_call(co: *mut Coroutine) -> bool {
    // SAFETY: the caller has a live coroutine.
    unsafe { (*co).hook.as_ref().is_some_and(|hook| hook.wants(CALL)) }
}

/// A native has finished that the hook wants to know of.
pub(crate) unsafe fn wants_return(co: *mut Coroutine) -> bool {
    // SAFETY: the caller has a live coroutine.
    unsafe { (*co).hook.as_ref().is_some_and(|hook| hook.wants(RETURN)) }
}

/// Calls the hook before a native is run.
pub(crate) unsafe fn native_call(co: *mut Coroutine, func: *mut Raw, nargs: usize, nresults: i16, flags: u16) -> X {
    // SAFETY: N1.
    unsafe {
        (*co).top = func.add(1 + nargs);
        call::push_plain_native_frame(co, func, nargs, nresults, flags);
        call_hook(co, (*co).top, (NATIVE_CALL, 0, nargs as i64), b"call", None, (1, nargs))
    }
}

/// Calls the hook before a native's results are delivered.
pub(crate) unsafe fn native_return(co: *mut Coroutine, function: Raw, exit: NativeExit) -> X {
    // SAFETY: N1; the results lie at or above the native's slot, with room for one more value behind them.
    unsafe {
        let NativeExit { mut from, count, func, nresults, flags } = exit;
        if from == func {
            std::ptr::copy(from, from.add(1), count);
            from = from.add(1);
        }
        value::write(func, function);
        (*co).top = from.add(count);
        let at = Coroutine::position(co, from);
        call::push_plain_native_frame(co, func, at as usize, nresults, flags);
        let first = from.offset_from(func) as usize;
        call_hook(co, (*co).top, (NATIVE_RETURN, count as u32, at as i64), b"return", None, (first, count))
    }
}

/// Pushes the hook's frame at `at`, and calls it from there.
unsafe fn call_hook(
    co: *mut Coroutine,
    at: *mut Raw,
    (kind, saved, slot): (i16, u32, i64),
    event: &[u8],
    line: Option<u32>,
    transfer: (usize, usize),
) -> X {
    // SAFETY: everything in use lies below `at`.
    unsafe {
        let func = match Coroutine::grow(co, at, 8 + NATIVE_RESERVE, false) {
            Ok(func) => func,
            Err(error) => return call::throw_stack(co, error),
        };
        let Ok(event) = (*(*co).global).heap.short_string(event) else { return call::throw_memory(co) };
        (*(*co).global).budget -= 1;
        value::write(func, Raw::integer(slot));
        call::push_frame(co, func, kind, HOOK);
        let frame = &mut *(*co).frame;
        frame.saved = saved;
        let (first, count) = if transfer.1 == 0 { (0, 0) } else { transfer };
        // Both fit 16 bits in the reference, too.
        frame.vararg_count = (first as u16 as u32) << 16 | count as u16 as u32;
        let hook = (*co).hook.as_mut().expect("a hook is called where there is one");
        hook.active = true;
        let line = line.map_or(Raw::NIL, |line| Raw::integer(line as i64));
        call::push_call(co, func.add(1), hook.function, &[Str::value(event), line]);
        call::call_value(co, func.add(1), 2, 0, TO_NATIVE)
    }
}

/// The hook returned: leaves its frame, and goes on with what it interrupted.
pub(crate) unsafe fn finished(co: *mut Coroutine) -> X {
    // SAFETY: the current frame is the hook's (H1), and may yield again.
    unsafe {
        let Frame { func, nresults: kind, saved, .. } = *(*co).frame;
        let slot = (*func).as_integer() as usize;
        (*co).frame = (*co).frame.sub(1);
        (*co).depth -= 1;
        left(co);
        if kind == INSTRUCTION {
            (*co).top = (*co).stack.add(slot);
            if let Some(hook) = &mut (*co).hook {
                hook.reported = saved as u8;
            }
            let x = X::reload(co);
            return X { pc: x.pc.sub((saved as u8 & BEHIND != 0) as usize), ..x };
        }
        // H3.
        let Frame { func, nresults, flags, .. } = *(*co).frame;
        (*co).frame = (*co).frame.sub(1);
        (*co).depth -= 1;
        if kind == NATIVE_CALL {
            return call::enter_native(co, func, slot, nresults, flags & DELIVERY);
        }
        let from = (*co).stack.add(slot);
        call::deliver(co, from, saved as usize, func, nresults, flags & DELIVERY)
    }
}

/// A hook's frame is gone, in whatever way.
pub(crate) unsafe fn left(co: *mut Coroutine) {
    // SAFETY: the caller has a live coroutine.
    unsafe {
        if let Some(hook) = &mut (*co).hook {
            hook.active = false;
            hook.reported = 0;
        }
    }
}

/// Finalisers begin to run, without hooks; answers what [`resume`] takes.
pub(crate) unsafe fn suspend(co: *mut Coroutine) -> bool {
    // SAFETY: the caller has a live coroutine.
    unsafe { (*co).hook.as_mut().is_some_and(|hook| std::mem::replace(&mut hook.active, true)) }
}

/// Finalisers have run.
pub(crate) unsafe fn resume(co: *mut Coroutine, active: bool) {
    // SAFETY: the caller has a live coroutine.
    unsafe {
        if let Some(hook) = &mut (*co).hook {
            hook.active = active;
        }
    }
}

/// The instruction that called a metamethod is fetched again, and is no news.
pub(crate) unsafe fn fetched_again(co: *mut Coroutine) {
    // SAFETY: the caller has a live coroutine.
    unsafe {
        if let Some(hook) = &mut (*co).hook {
            hook.reported = COUNT | LINE;
        }
    }
}
