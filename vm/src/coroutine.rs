//! Switching between coroutines: resume, yield, end, close, and the task as a whole.
//!
//! A switch swaps which coroutine the dispatch loop works on; nothing is nested. Before leaving, a coroutine notes
//! where the results of the call that switched away go (`pending_*`), so that whoever comes back delivers them as if
//! the native had just returned. A task is the chain from a coroutine that the embedder runs down to the one that is
//! current; parking leaves the chain as it is.

use crate::api::{Call, Value};
use crate::call::{self, ErrorKind, NativeExit, call_value, deliver, throw};
use crate::closure::NativeFn;
use crate::debug;
use crate::exec::X;
use crate::hook;
use crate::stack::{
    BOTTOM, CLOSING, Coroutine, FINALIZER, NATIVE_DEPTH_MAX, NATIVE_RESERVE, ResumeKind, STACK_LEN_MAX, Status,
    UNWINDING,
};
use crate::state::Exit;
use crate::string::Str;
use crate::value::{self, Raw};

/// What a native that leaves its coroutine asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Switch {
    /// Resume `co` with the arguments from position `from` (1-based) on.
    Resume { co: *mut Coroutine, from: usize, kind: ResumeKind },
    /// Yield all arguments.
    Yield,
    /// `coroutine.close`.
    Close { co: *mut Coroutine },
    /// Park the whole task; the embedder delivers the results.
    Park,
    /// Leave everything the task runs, closing the variables of its first coroutine, and go on with this call there.
    Replace { function: NativeFn, arg: Raw },
}

/// The native's frame is gone and its coroutine has noted where results go.
pub(crate) unsafe fn switch(call: &Call<'_>, switch: Switch) -> X {
    // SAFETY: N1 of `call`; all coroutines involved are alive, since stacks or `current` refer to them.
    unsafe {
        match switch {
            Switch::Resume { co, from, kind } => {
                let args = call.func.add(from);
                resume(call.co, co, args, (call.count + 1).saturating_sub(from), kind)
            }
            Switch::Yield => yield_values(call.co, call.func.add(1), call.count),
            Switch::Close { co } => close(call.co, co),
            Switch::Park => {
                (*call.co).top = call.func.add(1);
                (*call.co).status = Status::Parked;
                call::leave(call.co, Exit::Parked)
            }
            Switch::Replace { function, arg } => replace(call.co, function, arg),
        }
    }
}

/// Delivers values as the results of the call that switched away from `co`; `first` goes in front of them.
unsafe fn deliver_pending(co: *mut Coroutine, first: Option<Raw>, from: *const Raw, count: usize) -> X {
    // SAFETY: `from` does not lie in the part of `co`'s stack that is written.
    unsafe {
        let mut func = (*co).pending_func;
        if !Coroutine::has_room(co, func, count + 2 + NATIVE_RESERVE) {
            func = match Coroutine::grow(co, func, count + 2 + NATIVE_RESERVE, false) {
                Ok(func) => func,
                Err(error) => return call::throw_stack(co, error),
            };
        }
        let hooked = hook::wants_return(co);
        let function = value::read(func);
        // A native that the hook is told about stays in its slot.
        let start = func.add(hooked as usize);
        let mut to = start;
        if let Some(first) = first {
            value::write(to, first);
            to = to.add(1);
        }
        for idx in 0..count {
            value::write(to.add(idx), value::read(from.add(idx)));
        }
        let count = count + first.is_some() as usize;
        let (nresults, flags) = ((*co).pending_nresults, (*co).pending_flags);
        if hooked {
            return hook::native_return(co, function, NativeExit { from: start, count, func, nresults, flags });
        }
        deliver(co, func, count, func, nresults, flags)
    }
}

/// Makes `co` the coroutine that runs.
unsafe fn activate(co: *mut Coroutine) {
    // SAFETY: the caller's contract.
    unsafe {
        let global = &mut *(*co).global;
        global.current = co;
        (*co).status = Status::Running;
        global.heap.touch(co.cast());
    }
}

unsafe fn resume(from_co: *mut Coroutine, co: *mut Coroutine, args: *mut Raw, count: usize, kind: ResumeKind) -> X {
    // SAFETY: the arguments lie on the resumer's stack, above its pending call.
    unsafe {
        let message: &[u8] = match (*co).status {
            Status::Dead => b"cannot resume dead coroutine",
            Status::Running | Status::Normal | Status::Parked => b"cannot resume non-suspended coroutine",
            Status::Fresh | Status::Yielded
                if (*from_co).depth + (*from_co).inherited_depth + 1 >= NATIVE_DEPTH_MAX =>
            {
                b"C stack overflow"
            }
            Status::Fresh | Status::Yielded if !fits(co, count) => b"too many arguments to resume",
            Status::Fresh | Status::Yielded => return transfer(from_co, co, args, count, kind),
        };
        let global = &mut *(*co).global;
        let Ok(string) = global.heap.string(message) else { return call::throw_memory(from_co) };
        let error = Str::value(string);
        refuse(from_co, error, kind)
    }
}

/// Whether the coroutine's stack may grow to take `count` more values.
unsafe fn fits(co: *mut Coroutine, count: usize) -> bool {
    // SAFETY: the caller has a live coroutine.
    unsafe { Coroutine::position(co, (*co).top) as usize + count + 4 + NATIVE_RESERVE <= STACK_LEN_MAX }
}

/// Gives the values that `co` yielded or returned to the coroutine that resumed it.
unsafe fn hand_back(co: *mut Coroutine, resumer: *mut Coroutine, from: *const Raw, count: usize) -> X {
    // SAFETY: the values lie on the stack of `co`; the resumer's is another one.
    unsafe {
        (*co).resumer = std::ptr::null_mut();
        activate(resumer);
        let kind = (*co).resume_kind;
        if !fits(resumer, count) {
            let global = &mut *(*co).global;
            let Ok(message) = global.heap.string(b"too many results to resume") else {
                return call::throw_memory(resumer);
            };
            return refuse(resumer, Str::value(message), kind);
        }
        let first = if kind == ResumeKind::Plain { Some(Raw::TRUE) } else { None };
        deliver_pending(resumer, first, from, count)
    }
}

/// Reports an error to the coroutine that resumed.
unsafe fn refuse(to: *mut Coroutine, error: Raw, kind: ResumeKind) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        match kind {
            ResumeKind::Wrap => throw_wrapped(to, error),
            ResumeKind::Plain | ResumeKind::Close => deliver_pending(to, Some(Raw::FALSE), &raw const error, 1),
        }
    }
}

/// An error that leaves a wrapped coroutine gets the position of the call in front when it is a string,
/// other than "not enough memory".
unsafe fn throw_wrapped(to: *mut Coroutine, error: Raw) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        (*to).top = (*to).pending_func.add(1);
        let global = &mut *(*to).global;
        if error.is_string() && error.as_ptr() == global.memory_message {
            return call::throw_memory(to);
        }
        let mut error = error;
        if error.is_string() {
            let mut text = debug::current_position(to);
            text.extend_from_slice(Str::bytes(error.as_ptr()));
            match global.heap.string(&text) {
                Ok(string) => error = Str::value(string),
                Err(_) => return call::throw_memory(to),
            }
        }
        global.error = error;
        call::push_failed_native(to, (*to).pending_func);
        throw(to, ErrorKind::Runtime)
    }
}

unsafe fn transfer(from_co: *mut Coroutine, co: *mut Coroutine, args: *mut Raw, count: usize, kind: ResumeKind) -> X {
    // SAFETY: as in `resume`.
    unsafe {
        let fresh = (*co).status == Status::Fresh;
        (*from_co).top = (*from_co).pending_func.add(1);
        (*from_co).status = Status::Normal;
        (*co).resumer = from_co;
        (*co).resume_kind = kind;
        (*co).inherited_depth = (*from_co).depth + (*from_co).inherited_depth + 1;
        activate(co);
        if fresh { start(co, args, count) } else { deliver_pending(co, None, args, count) }
    }
}

/// Calls a fresh coroutine's function, which lies at `stack[1]`.
pub(crate) unsafe fn start(co: *mut Coroutine, args: *const Raw, count: usize) -> X {
    // SAFETY: as in `resume`.
    unsafe {
        let mut func = (*co).stack.add(1);
        if !Coroutine::has_room(co, func, count + 2 + NATIVE_RESERVE) {
            func = match Coroutine::grow(co, func, count + 2 + NATIVE_RESERVE, false) {
                Ok(func) => func,
                Err(error) => return call::throw_stack(co, error),
            };
        }
        for idx in 0..count {
            value::write(func.add(1 + idx), value::read(args.add(idx)));
        }
        (*co).top = func.add(1 + count);
        call_value(co, func, count, -1, BOTTOM)
    }
}

unsafe fn yield_values(co: *mut Coroutine, args: *mut Raw, count: usize) -> X {
    // SAFETY: the arguments lie on this stack; the resumer's is another one.
    unsafe {
        (*co).status = Status::Yielded;
        let resumer = (*co).resumer;
        if resumer.is_null() {
            (*co).status = Status::Parked;
            // The task's own coroutine: the values stay below its top for the embedder.
            (*co).top = args.add(count);
            return call::leave(co, Exit::Yielded { count });
        }
        (*co).top = (*co).pending_func.add(1);
        hand_back(co, resumer, args, count)
    }
}

/// The coroutine's first function returned.
pub(crate) unsafe fn finished(co: *mut Coroutine, results: *mut Raw, count: usize) -> X {
    // SAFETY: the results lie on this stack; the resumer's is another one.
    unsafe {
        (*co).status = Status::Dead;
        let resumer = (*co).resumer;
        if resumer.is_null() {
            return call::leave(co, Exit::Finished { count });
        }
        (*co).top = (*co).stack.add(1);
        hand_back(co, resumer, results, count)
    }
}

/// An error found no protected frame in the coroutine. Its frames stay, for tracebacks and `coroutine.close`.
pub(crate) unsafe fn failed(co: *mut Coroutine) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        let global = &mut *(*co).global;
        let error = global.error;
        (*co).status = Status::Dead;
        (*co).top = call::scratch_top(co);
        let resumer = (*co).resumer;
        if resumer.is_null() {
            return call::leave(co, Exit::Failed);
        }
        if (*co).resume_kind == ResumeKind::Wrap {
            // The coroutine is closed in its own right before the error goes on.
            return begin_closing(co, Some(error));
        }
        // Kept for `coroutine.close`, which reports it once more.
        value::write((*co).stack, error);
        (*co).to_close.shrink_to_fit();
        (*co).resumer = std::ptr::null_mut();
        global.error = Raw::NIL;
        activate(resumer);
        refuse(resumer, error, ResumeKind::Plain)
    }
}

unsafe fn close(from_co: *mut Coroutine, co: *mut Coroutine) -> X {
    // SAFETY: the api checked the status.
    unsafe {
        if (*from_co).depth + (*from_co).inherited_depth + 1 >= NATIVE_DEPTH_MAX {
            let global = &mut *(*co).global;
            let Ok(message) = global.heap.string(b"C stack overflow") else { return call::throw_memory(from_co) };
            return refuse(from_co, Str::value(message), ResumeKind::Close);
        }
        (*from_co).top = (*from_co).pending_func.add(1);
        (*from_co).status = Status::Normal;
        let error = if (*co).status == Status::Dead { *(*co).stack } else { Raw::NIL };
        let failed_before = (*co).status == Status::Dead && (*co).frame > (*co).frames;
        (*co).resumer = from_co;
        (*co).resume_kind = ResumeKind::Close;
        (*co).inherited_depth = (*from_co).depth + (*from_co).inherited_depth + 1;
        activate(co);
        begin_closing(co, failed_before.then_some(error))
    }
}

unsafe fn replace(mut co: *mut Coroutine, function: NativeFn, arg: Raw) -> X {
    // SAFETY: the chain of resumers is alive with its innermost coroutine.
    unsafe {
        while !(*co).resumer.is_null() {
            let resumer = (*co).resumer;
            abandon(co);
            co = resumer;
        }
        let global = &mut *(*co).global;
        global.heap.finalizing = false;
        global.replacement = Some((function, arg));
        activate(co);
        begin_closing(co, None)
    }
}

/// Leaves all frames and closes all variables; [`closed`] follows. Without an error the slot behind the base frame's
/// function holds nil, and `saved` 0.
unsafe fn begin_closing(co: *mut Coroutine, error: Option<Raw>) -> X {
    // SAFETY: K2: the base frame stays.
    unsafe {
        hook::left(co);
        while (*co).frame > (*co).frames {
            (*(*co).frame).drop_state();
            (*co).frame = (*co).frame.sub(1);
        }
        (*co).depth = 0;
        (*co).unyieldable = 1;
        let base = &mut *(*co).frames;
        base.flags |= CLOSING | UNWINDING;
        base.saved = error.is_some() as u32;
        let global = &mut *(*co).global;
        global.error = Raw::NIL;
        Coroutine::close_upvalues(co, (*co).stack, Some(&mut global.heap));
        value::write((*co).stack.add(1), error.unwrap_or(Raw::NIL));
        (*co).top = (*co).stack.add(2);
        call::unwind_step(co)
    }
}

/// Leaves all frames of a coroutine that nobody goes on with, without closing its variables.
pub(crate) unsafe fn abandon(co: *mut Coroutine) {
    // SAFETY: K2, K4: nothing runs.
    unsafe {
        hook::left(co);
        let global = &mut *(*co).global;
        while (*co).frame > (*co).frames {
            let frame = &mut *(*co).frame;
            if frame.flags & FINALIZER != 0 {
                // The other finalisers that are due get their turn all the same.
                global.heap.finalizing = false;
            }
            frame.drop_state();
            (*co).frame = (*co).frame.sub(1);
        }
        Coroutine::close_upvalues(co, (*co).stack, Some(&mut global.heap));
        (*co).to_close.clear();
        (*co).depth = 0;
        (*co).handlers = 0;
        (*co).unyieldable = (co == global.main) as u32;
        (*co).resumer = std::ptr::null_mut();
        (*co).status = Status::Dead;
        value::write((*co).stack, Raw::NIL);
        (*co).top = (*co).stack.add(1);
    }
}

/// All variables of a coroutine that is being closed are closed.
pub(crate) unsafe fn closed(co: *mut Coroutine) -> X {
    // SAFETY: the error's value, if any, lies behind the base frame's function.
    unsafe {
        let base = &mut *(*co).frames;
        base.flags &= !(CLOSING | UNWINDING);
        let error = *(*co).stack.add(1);
        let is_error = base.saved != 0;
        if (*co).resumer.is_null()
            && let Some((function, arg)) = (*(*co).global).replacement.take()
        {
            value::write((*co).stack.add(1), Value::native(function).raw);
            return start(co, &raw const arg, 1);
        }
        (*co).unyieldable = 0;
        (*co).status = Status::Dead;
        value::write((*co).stack, Raw::NIL);
        (*co).top = (*co).stack.add(1);
        let resumer = (*co).resumer;
        (*co).resumer = std::ptr::null_mut();
        activate(resumer);
        match (*co).resume_kind {
            ResumeKind::Wrap => throw_wrapped(resumer, error),
            _ if is_error => refuse(resumer, error, ResumeKind::Close),
            _ => {
                let yes = Raw::TRUE;
                deliver_pending(resumer, None, &raw const yes, 1)
            }
        }
    }
}

/// The chain of a parked or preempted task goes on: values are delivered to its innermost coroutine.
pub(crate) unsafe fn unpark(co: *mut Coroutine, values: &[Raw]) -> X {
    // SAFETY: the embedder has the values rooted.
    unsafe {
        activate(co);
        deliver_pending(co, None, values.as_ptr(), values.len())
    }
}
