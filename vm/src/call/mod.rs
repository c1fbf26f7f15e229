//! Calls, returns, continuations of natives, errors and unwinding, finalisers: everything between two frames.
//!
//! Nothing here recurses: a call pushes a frame, and a return or a native's answer is *delivered* to whatever lies
//! below it, which may be a Lua frame that goes on, an instruction that is finished with a metamethod's result, a
//! native's continuation, or the end of a coroutine. Each step answers an [`X`], the place where the dispatch loop goes
//! on. A native runs without a frame of its own until it calls something or fails; then it gets one.
//!
//! # Invariants
//! - N1. While a native runs, its function lies at `Call::func` and its arguments behind it; the frame below has its
//!   `pc` saved.
//! - N2. `Coroutine::depth` is the number of its native frames and of its Lua frames with [`FINISH`].
//! - N3. `Coroutine::handlers` counts frames with [`HANDLER`], `unyieldable` those with [`UNYIELDABLE`], one for a
//!   coroutine that is being closed, and one for the main coroutine.

mod collect;
mod throw;

use crate::api::{Call, NativeResult, Next, OutcomeKind};
use crate::bytecode::{Op, RETURN_CLOSE};
use crate::closure::{Closure, NativeClosure, NativeFn};
use crate::coroutine;
use crate::debug;
use crate::exec::{self, X};
use crate::hook;
use crate::metamethod;
use crate::stack::{
    BOTTOM, Coroutine, DELIVERY, FINALIZER, FINISH, Frame, HANDLER, HANDLER_DEPTH_MAX, HOOK, NATIVE_DEPTH_MAX,
    NATIVE_FRAME, NATIVE_RESERVE, PROTECTED, RETURNING, StackError, TAIL_CALLED, TO_NATIVE, Then, UNWINDING,
    UNYIELDABLE, WITH_HANDLER,
};
use crate::state::{Event, Exit};
use crate::string::Str;
use crate::value::{self, CLOSURE, NATIVE, NATIVE_CLOSURE, Raw};
pub(crate) use collect::{check_memory, safe_point, safe_point_behind};
use collect::{collect_step, next_finalizer, start_collect};
use std::mem;
use throw::unwind;
pub(crate) use throw::{throw, throw_key_error, throw_memory, throw_message, throw_type_error, unwind_step};

/// What kind of error is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum ErrorKind {
    /// Any value; a message handler sees it.
    Runtime = 1,
    /// Memory is short: no handler runs.
    Memory,
    /// An error in a message handler: no further handler runs.
    InHandler,
}

/// First free slot above everything the coroutine uses now.
pub(crate) unsafe fn scratch_top(co: *mut Coroutine) -> *mut Raw {
    // SAFETY: the caller has a live coroutine, as for all functions here.
    unsafe {
        let frame = &*(*co).frame;
        if frame.is_native() { (*co).top } else { frame.register_end() }
    }
}

/// Calls a metamethod for the instruction that just ran: pushes it with its arguments above the frame's registers. Its
/// first result goes to [`finish_instruction`].
pub(crate) unsafe fn call_metamethod(co: *mut Coroutine, function: Raw, args: &[Raw]) -> X {
    // SAFETY: the frame's `pc` is saved; K3 leaves room for natives, and so for a metamethod with its arguments.
    unsafe {
        let func = scratch_top(co);
        push_call(co, func, function, args);
        call_value(co, func, args.len(), 1, FINISH)
    }
}

/// Writes a function and its arguments at `func`, and the top behind them.
pub(crate) unsafe fn push_call(co: *mut Coroutine, func: *mut Raw, function: Raw, args: &[Raw]) {
    // SAFETY: the caller has room for them.
    unsafe {
        value::write(func, function);
        for (idx, &arg) in args.iter().enumerate() {
            value::write(func.add(1 + idx), arg);
        }
        (*co).top = func.add(1 + args.len());
    }
}

/// Calls the value at `func` with the `nargs` values behind it. `flags` says how the results are delivered.
pub(crate) unsafe fn call_value(co: *mut Coroutine, func: *mut Raw, nargs: usize, nresults: i16, flags: u16) -> X {
    // SAFETY: the caller has function and arguments in place, and the frame's `pc` saved.
    unsafe {
        let mut func = func;
        let mut nargs = nargs;
        loop {
            match (*func).tag {
                CLOSURE => return enter_closure(co, func, nargs, nresults, flags),
                NATIVE | NATIVE_CLOSURE if hook::wants_call(co) => {
                    return hook::native_call(co, func, nargs, nresults, flags);
                }
                NATIVE | NATIVE_CLOSURE => return enter_native(co, func, nargs, nresults, flags),
                _ => {}
            }
            let handler = (*(*co).global).metamethod(*func, Event::Call);
            if handler.is_nil() {
                // Arguments of the failed call are dead; what is called lies at `func`.
                return throw_type_error(co, *func, "call", debug::called_operand(co, func, flags));
            }
            (*co).top = func.add(1 + nargs);
            func = match ensure(co, func, nargs + 2 + NATIVE_RESERVE) {
                Ok(func) => func,
                Err(x) => return x,
            };
            let mut slot = func.add(nargs + 1);
            while slot > func {
                value::write(slot, *slot.sub(1));
                slot = slot.sub(1);
            }
            value::write(func, handler);
            nargs += 1;
            (*co).top = func.add(1 + nargs);
        }
    }
}

/// The native function a payload is the address of.
#[inline(always)]
pub(crate) unsafe fn native_of(payload: u64) -> NativeFn {
    // SAFETY: V1: values with the tag NATIVE are made from function pointers only.
    unsafe { mem::transmute::<*const (), NativeFn>(payload as *const ()) }
}

/// Room for `slots` behind `from`, or the error that there is none, thrown.
unsafe fn ensure(co: *mut Coroutine, from: *mut Raw, slots: usize) -> Result<*mut Raw, X> {
    // SAFETY: the caller's contract.
    unsafe {
        if Coroutine::has_room(co, from, slots) {
            return Ok(from);
        }
        Coroutine::grow(co, from, slots, false).map_err(|error| throw_stack(co, error))
    }
}

#[cold]
pub(crate) unsafe fn throw_stack(co: *mut Coroutine, error: StackError) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        match error {
            StackError::Overflow if (*co).handlers > 0 => throw_in_handler(co),
            StackError::Overflow => throw_message(co, b"stack overflow"),
            StackError::Memory => throw_memory(co),
        }
    }
}

/// An error while an error is handled: the end of handling it.
#[cold]
unsafe fn throw_in_handler(co: *mut Coroutine) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        let global = &mut *(*co).global;
        match global.heap.short_string(b"error in error handling") {
            Ok(message) => {
                global.error = Str::value(message);
                throw(co, ErrorKind::InHandler)
            }
            Err(_) => throw_memory(co),
        }
    }
}

/// Whether one more native frame or metamethod call would be too many, and a native's frame that was just pushed is
/// one too many with `more` = 0. A message handler may go on a little beyond the limit.
unsafe fn is_too_deep(co: *mut Coroutine, more: u32) -> bool {
    // SAFETY: the caller's contract.
    unsafe {
        let depth = (*co).depth + (*co).inherited_depth + more;
        depth >= if (*co).handlers > 0 { HANDLER_DEPTH_MAX } else { NATIVE_DEPTH_MAX }
    }
}

#[cold]
unsafe fn throw_too_deep(co: *mut Coroutine) -> X {
    // SAFETY: the caller's contract.
    unsafe { if (*co).handlers > 0 { throw_in_handler(co) } else { throw_message(co, b"C stack overflow") } }
}

unsafe fn enter_closure(co: *mut Coroutine, func: *mut Raw, nargs: usize, nresults: i16, flags: u16) -> X {
    // SAFETY: `func` holds a closure, its arguments follow.
    unsafe {
        if flags & FINISH != 0 && is_too_deep(co, 1) {
            return throw_too_deep(co);
        }
        (*co).top = func.add(1 + nargs);
        let proto = (*(*func).as_ptr::<Closure>()).proto;
        let need = 1 + (*proto).stack_len_max as usize + NATIVE_RESERVE;
        let func = match ensure(co, func, need.max(nargs + 1)) {
            Ok(func) => func,
            Err(x) => {
                return x;
            }
        };
        let frame = Coroutine::next_frame(co);
        let base = func.add(1);
        (*frame).func = func;
        (*frame).base = base;
        (*frame).pc = (*proto).code;
        (*frame).k = (*proto).constants;
        (*frame).nresults = nresults;
        (*frame).flags = flags;
        (*frame).vararg_count = 0;
        (*co).frame = frame;
        (*co).depth += (flags & FINISH != 0) as u32;
        for idx in nargs..(*proto).num_params as usize {
            value::write(base.add(idx), Raw::NIL);
        }
        let x = X { pc: (*proto).code, base, k: (*proto).constants, co };
        x.spend()
    }
}

/// Runs a native without a frame, and deals with its answer.
pub(crate) unsafe fn enter_native(co: *mut Coroutine, func: *mut Raw, nargs: usize, nresults: i16, flags: u16) -> X {
    // SAFETY: N1: `func` holds a native.
    unsafe {
        let function = match (*func).tag {
            NATIVE => native_of((*func).payload),
            _ => (*(*func).as_ptr::<NativeClosure>()).function,
        };
        (*co).top = func.add(1 + nargs);
        let func = match ensure(co, func, 1 + nargs + NATIVE_RESERVE) {
            Ok(func) => func,
            Err(x) => return x,
        };
        note_native(co, func);
        let mut call = Call::new(co, func, nargs);
        let result = function(&mut call);
        native_answer(&mut call, result, nresults, flags)
    }
}

/// Remembers for the hook which native runs: its result may take its place.
unsafe fn note_native(co: *mut Coroutine, func: *mut Raw) {
    // SAFETY: N1.
    unsafe {
        if let Some(hook) = &mut (*co).hook {
            hook.native = *func;
        }
    }
}

/// Deals with what a native answered; `nresults` and `flags` are of its call, and the frame's if it has one.
#[inline(never)]
pub(crate) unsafe fn native_answer(call: &mut Call<'_>, mut result: NativeResult, nresults: i16, flags: u16) -> X {
    // SAFETY: N1; the call describes the native that just ran.
    unsafe {
        let co = call.co;
        loop {
            let outcome = match result {
                Ok(outcome) => outcome,
                Err(error) => {
                    // The frame shows up in tracebacks.
                    if !call.framed {
                        push_native_frame(call, Then::None, nresults, flags);
                    }
                    return throw(co, error.kind());
                }
            };
            match outcome.kind {
                OutcomeKind::InPlace => return finish_native(call, call.func, 1, nresults, flags),
                OutcomeKind::Pushed => {
                    let count = outcome.count as usize;
                    return finish_native(call, (*co).top.sub(count), count, nresults, flags);
                }
                OutcomeKind::Next => {}
            }
            match mem::replace(&mut call.next, Next::None) {
                Next::None => unreachable!("a native that goes on says how"),
                Next::Continue { then } => {
                    call.results_at = call.count + 1;
                    result = enter_then(call, then);
                }
                Next::Call { nargs, then, unyieldable } => {
                    return start_call(call, nargs, then, unyieldable, nresults, flags);
                }
                Next::Protected { with_handler } => return start_protected(call, with_handler, nresults, flags),
                Next::Collect(collection) => return start_collect(call, collection, nresults, flags),
                Next::Switch(switch) => {
                    let frame = release_frame(call, nresults, flags);
                    (*co).pending_func = call.func;
                    (*co).pending_nresults = frame.0;
                    (*co).pending_flags = frame.1;
                    return coroutine::switch(call, switch);
                }
                Next::Hooks => {
                    let x = finish_native(call, call.func, 0, nresults, flags);
                    if x.is_halt() {
                        return x;
                    }
                    x.save();
                    return leave(x.co, Exit::Hooks);
                }
            }
        }
    }
}

/// Enters a continuation; the results lie behind the slots the native keeps.
unsafe fn enter_then(call: &mut Call<'_>, then: Then) -> NativeResult {
    match then {
        Then::None => unreachable!("a native that calls something goes on somewhere"),
        Then::Function(function) => function(call),
        // SAFETY: the native owned it and gives it up here.
        Then::State(state) => unsafe { Box::from_raw(state) }.step(call),
    }
}

/// Takes the native's frame away if it has one; answers how its results are delivered.
unsafe fn release_frame(call: &Call<'_>, nresults: i16, flags: u16) -> (i16, u16) {
    // SAFETY: a framed call's frame is the current one.
    unsafe {
        if !call.framed {
            return (nresults, flags & DELIVERY);
        }
        let co = call.co;
        let frame = &mut *(*co).frame;
        frame.drop_state();
        let answer = (frame.nresults, frame.flags & DELIVERY);
        (*co).frame = (*co).frame.sub(1);
        (*co).depth -= 1;
        answer
    }
}

#[inline(always)]
unsafe fn finish_native(call: &Call<'_>, from: *mut Raw, count: usize, nresults: i16, flags: u16) -> X {
    // SAFETY: the results lie at `from`.
    unsafe {
        let (nresults, flags) = release_frame(call, nresults, flags);
        if hook::wants_return(call.co) {
            return finish_hooked(call.co, NativeExit { from, count, func: call.func, nresults, flags });
        }
        deliver(call.co, from, count, call.func, nresults, flags)
    }
}

/// A native's results and where they go.
pub(crate) struct NativeExit {
    pub from: *mut Raw,
    pub count: usize,
    pub func: *mut Raw,
    pub nresults: i16,
    pub flags: u16,
}

/// Delivers a native's results; the hook is told first if it wants to know.
unsafe fn finish_exit(co: *mut Coroutine, function: Raw, exit: NativeExit) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        if hook::wants_return(co) {
            return hook::native_return(co, function, exit);
        }
        deliver(co, exit.from, exit.count, exit.func, exit.nresults, exit.flags)
    }
}

#[cold]
unsafe fn finish_hooked(co: *mut Coroutine, exit: NativeExit) -> X {
    // SAFETY: the native that just ran was noted.
    unsafe {
        let native = (*co).hook.as_ref().map_or(Raw::NIL, |hook| hook.native);
        hook::native_return(co, native, exit)
    }
}

/// A native that left its coroutine fails after all: it gets a frame again, for tracebacks.
pub(crate) unsafe fn push_failed_native(co: *mut Coroutine, func: *mut Raw) {
    // SAFETY: the caller left the function in its slot.
    unsafe {
        (*co).top = func.add(1);
        let mut call = Call::new(co, func, 0);
        push_native_frame(&mut call, Then::None, 0, 0);
    }
}

/// A frame for a native as it stands, with nothing to go on with.
pub(crate) unsafe fn push_plain_native_frame(
    co: *mut Coroutine,
    func: *mut Raw,
    saved: usize,
    nresults: i16,
    flags: u16,
) {
    // SAFETY: N1.
    unsafe { push_native_frame(&mut Call::new(co, func, saved), Then::None, nresults, flags) }
}

unsafe fn push_native_frame(call: &mut Call<'_>, then: Then, nresults: i16, flags: u16) {
    // SAFETY: N1.
    unsafe {
        let co = call.co;
        let frame = Coroutine::next_frame(co);
        frame.write(Frame {
            func: call.func,
            base: call.func.add(1),
            pc: std::ptr::null(),
            k: std::ptr::null(),
            nresults,
            flags: flags | NATIVE_FRAME,
            vararg_count: 0,
            saved: call.count as u32,
            then,
        });
        (*co).frame = frame;
        (*co).depth += 1;
        call.framed = true;
    }
}

/// A native calls something, pushed behind the slots it keeps.
unsafe fn start_call(call: &mut Call<'_>, nargs: usize, then: Then, unyieldable: bool, nresults: i16, flags: u16) -> X {
    // SAFETY: N1; the frame owns the state from here on.
    unsafe {
        let co = call.co;
        if call.framed {
            let frame = &mut *(*co).frame;
            frame.drop_state();
            frame.then = then;
            frame.saved = call.count as u32;
        } else {
            push_native_frame(call, then, nresults, flags);
            if is_too_deep(co, 0) {
                return throw_too_deep(co);
            }
        }
        if unyieldable {
            (*(*co).frame).flags |= UNYIELDABLE;
            (*co).unyieldable += 1;
        }
        call_value(co, call.func.add(1 + call.count), nargs, -1, TO_NATIVE)
    }
}

/// `pcall` and `xpcall`.
unsafe fn start_protected(call: &mut Call<'_>, with_handler: bool, nresults: i16, flags: u16) -> X {
    // SAFETY: N1; the api checked that the arguments are there.
    unsafe {
        let co = call.co;
        let nargs = call.count;
        call.count = 0;
        push_native_frame(call, Then::None, nresults, flags | PROTECTED);
        if is_too_deep(co, 0) {
            // The frame must not catch its own error.
            (*(*co).frame).flags &= !PROTECTED;
            return throw_too_deep(co);
        }
        let first = call.func.add(1);
        if with_handler {
            (*(*co).frame).flags |= WITH_HANDLER;
            let function = *first;
            value::write(first, *first.add(1));
            value::write(first.add(1), function);
            call_value(co, first.add(1), nargs - 2, -1, TO_NATIVE)
        } else {
            call_value(co, first, nargs - 1, -1, TO_NATIVE)
        }
    }
}

/// Moves results to where they are wanted and goes on with whatever is below.
pub(crate) unsafe fn deliver(
    co: *mut Coroutine,
    from: *mut Raw,
    count: usize,
    func: *mut Raw,
    nresults: i16,
    flags: u16,
) -> X {
    // SAFETY: results and destination lie in the stack, which has room for what a call wants (K3).
    unsafe {
        let wanted = if nresults < 0 { count } else { nresults as usize };
        let moved = wanted.min(count);
        if from != func {
            for idx in 0..moved {
                value::write(func.add(idx), value::read(from.add(idx)));
            }
        }
        for idx in moved..wanted {
            value::write(func.add(idx), Raw::NIL);
        }
        (*co).top = func.add(wanted);
        if flags & DELIVERY == 0 {
            return safe_point(X::reload(co), (*co).top);
        }
        if flags & FINISH != 0 {
            return finish_instruction(co, value::read(func));
        }
        if flags & TO_NATIVE != 0 {
            return continue_native(co, func, wanted);
        }
        debug_assert!(flags & BOTTOM != 0);
        coroutine::finished(co, func, wanted)
    }
}

/// A Lua frame returns `count` values from `from`, and is not of the plain kind.
#[inline(never)]
pub(crate) unsafe fn return_slow(co: *mut Coroutine, from: *mut Raw, count: usize) -> X {
    // SAFETY: the frame is the current one.
    unsafe {
        let frame = &*(*co).frame;
        if frame.flags & FINISH != 0 {
            (*co).depth -= 1;
        }
        (*co).frame = (*co).frame.sub(1);
        deliver(co, from, count, frame.func, frame.nresults, frame.flags & DELIVERY)
    }
}

/// The results of a call that a native made lie at `results`, up to the top. The dispatch loop goes on with the native,
/// not this function: a native that calls natives over and over would pile up Rust frames.
unsafe fn continue_native(co: *mut Coroutine, results: *mut Raw, count: usize) -> X {
    // SAFETY: the current frame is the native's.
    unsafe {
        let frame = &mut *(*co).frame;
        if frame.flags & UNYIELDABLE != 0 {
            frame.flags &= !UNYIELDABLE;
            (*co).unyieldable -= 1;
        }
        if frame.flags & (PROTECTED | UNWINDING | FINALIZER | HANDLER) == PROTECTED {
            let (first, func, function) = (results.sub(1), frame.func, *frame.func);
            value::write(first, Raw::TRUE);
            (*co).frame = (*co).frame.sub(1);
            (*co).depth -= 1;
            let (count, nresults, flags) = (count + 1, frame.nresults, frame.flags & DELIVERY);
            return finish_exit(co, function, NativeExit { from: first, count, func, nresults, flags });
        }
        frame.base = results;
        frame.pc = exec::CONTINUE.as_ptr();
        X { pc: frame.pc, base: results, k: frame.k, co }
    }
}

/// `Continue`: the native of the current frame goes on with the results at the frame's base. Here long work of natives
/// is interrupted, and the collector runs between two of their calls.
pub(crate) unsafe fn resume_native(co: *mut Coroutine) -> X {
    // SAFETY: `continue_native` left the results between base and top.
    unsafe {
        let frame = &mut *(*co).frame;
        frame.pc = exec::CONTINUE.as_ptr();
        if frame.flags & UNWINDING != 0 {
            return unwind_step(co);
        }
        if frame.flags & FINALIZER != 0 {
            return next_finalizer(co);
        }
        if frame.flags & HOOK != 0 {
            return hook::finished(co);
        }
        let global = &mut *(*co).global;
        if frame.flags & HANDLER != 0 {
            global.error = if (*co).top > frame.base { *frame.base } else { Raw::NIL };
            return unwind(co);
        }
        global.budget -= 1;
        if global.budget < 0 {
            return leave(co, Exit::Preempted);
        }
        if global.heap.wants_step() {
            let x = collect_step(X::reload(co), (*co).top);
            if x.pc != exec::CONTINUE.as_ptr() {
                return x;
            }
            return enter_continuation(x.co);
        }
        enter_continuation(co)
    }
}

unsafe fn enter_continuation(co: *mut Coroutine) -> X {
    // SAFETY: as in `resume_native`.
    unsafe {
        let frame = &mut *(*co).frame;
        let (func, nresults, flags, results) = (frame.func, frame.nresults, frame.flags, frame.base);
        let count = (*co).top.offset_from(results) as usize;
        let then = mem::replace(&mut frame.then, Then::None);
        let mut call = Call::continuing(co, func, frame.saved as usize, results, count);
        if let Err(error) = call.reserve(NATIVE_RESERVE) {
            return throw(co, error.kind());
        }
        note_native(co, call.func);
        let result = enter_then(&mut call, then);
        native_answer(&mut call, result, nresults, flags)
    }
}

/// Finishes the instruction that called a metamethod, with the metamethod's first result.
#[inline(never)]
unsafe fn finish_instruction(co: *mut Coroutine, result: Raw) -> X {
    // SAFETY: the current frame is the Lua frame whose last instruction made the call.
    unsafe {
        let mut x = X::reload(co);
        let i = *x.pc.sub(1);
        if let Some(expected) = metamethod::comparison_outcome(i.op()) {
            let swapped = metamethod::is_or_equal(i.op()) && (*(*co).frame).saved == metamethod::SWAPPED;
            return if result.is_falsy() != (expected ^ swapped) { x.jump(i) } else { x };
        }
        match i.op() {
            Op::SetTabUp | Op::SetTable | Op::SetI | Op::SetField => {}
            Op::Close | Op::Return | Op::Return0 | Op::Return1 => {
                hook::fetched_again(co);
                x.pc = x.pc.sub(1);
            }
            Op::Concat => {
                let count = (*(*co).frame).saved as usize;
                value::write(x.base.add(i.a() + count - 2), result);
                return metamethod::concat(x, i.a(), count - 1);
            }
            _ => x.set(i.a(), result),
        }
        x
    }
}

/// Calls the pending `__close` methods of the frame's variables from `level` up: the next one, if there is any, with
/// the instruction to be run again afterwards.
pub(crate) unsafe fn close_next(x: X, level: *mut Raw) -> Option<X> {
    // SAFETY: K5; the frame's `pc` is saved by the caller.
    unsafe {
        let co = x.co;
        let position = Coroutine::position(co, level);
        let at = (*co).to_close.pop_if(|at| *at >= position)?;
        let variable = *(*co).stack.add(at as usize);
        let handler = (*(*co).global).metamethod(variable, Event::Close);
        let func = (*co).top.max(scratch_top(co));
        let func = match ensure(co, func, 4 + NATIVE_RESERVE) {
            Ok(func) => func,
            Err(x) => return Some(x),
        };
        push_call(co, func, handler, &[variable, Raw::NIL]);
        Some(call_value(co, func, 2, 0, FINISH))
    }
}

/// `Return` of a frame with something to close: returns here again after each `__close`.
#[inline(never)]
pub(crate) unsafe fn return_closing(x: X, a: usize, b: usize) -> X {
    // SAFETY: the frame is the current one and its `pc` gets saved.
    unsafe {
        x.save();
        let co = x.co;
        let frame = (*co).frame;
        let from = x.base.add(a);
        if (*frame).flags & RETURNING == 0 {
            let count = if b == 0 { (*co).top.offset_from(from) as usize } else { b - 1 };
            (*frame).saved = count as u32;
            (*frame).flags |= RETURNING;
            Coroutine::close_upvalues(co, x.base, Some(&mut x.global().heap));
        }
        let count = (*frame).saved as usize;
        // The results stay where they are while close methods run above them.
        (*co).top = from.add(count);
        if let Some(x) = close_next(x, x.base) {
            return x;
        }
        (*frame).flags &= !RETURNING;
        return_slow(co, from, count)
    }
}

/// Pushes a frame that belongs to no function: finalisers and message handlers are called from it, and may not yield.
pub(crate) unsafe fn push_frame(co: *mut Coroutine, func: *mut Raw, nresults: i16, flags: u16) {
    // SAFETY: there is room behind `func`.
    unsafe {
        let frame = Coroutine::next_frame(co);
        frame.write(Frame {
            func,
            base: func.add(1),
            pc: std::ptr::null(),
            k: std::ptr::null(),
            nresults,
            flags: flags | NATIVE_FRAME | UNYIELDABLE,
            vararg_count: 0,
            saved: 0,
            then: Then::None,
        });
        (*co).frame = frame;
        (*co).depth += 1;
        (*co).unyieldable += 1;
        (*co).top = func.add(2);
    }
}

/// Leaves the interpreter, to be entered again by a reload.
pub(crate) unsafe fn leave(co: *mut Coroutine, exit: Exit) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        (*(*co).global).exit = exit;
        X::halt(co)
    }
}

const _: () = assert!(RETURN_CLOSE == 1 && TAIL_CALLED & DELIVERY == 0);
