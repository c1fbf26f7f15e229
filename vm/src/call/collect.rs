//! The collector's safe points, finalisers, and collections that a script asks for.

use super::throw::throw_memory;
use super::{NativeExit, call_value, finish_exit, push_call, push_frame, release_frame};
use crate::api::{Call, Collection};
use crate::exec::{self, X};
use crate::gc::OutOfMemory;
use crate::hook;
use crate::stack::{Coroutine, DELIVERY, FINALIZER, NATIVE_RESERVE, PROTECTED, TO_NATIVE, UNYIELDABLE};
use crate::state::Event;
use crate::value::{self, Raw};

/// A point where the collector may run: everything alive lies below `limit` or is reachable otherwise.
#[inline(always)]
pub(crate) unsafe fn safe_point(x: X, limit: *mut Raw) -> X {
    // SAFETY: the caller's contract.
    unsafe { if x.global().heap.wants_step() { exec::slow_with(x, |x| collect_step(x, limit)) } else { x } }
}

/// A safe point behind an instruction that set R[A], where the registers above are dead.
#[inline(always)]
pub(crate) unsafe fn safe_point_behind(x: X) -> X {
    // SAFETY: the caller's contract.
    unsafe {
        if x.global().heap.wants_step() { exec::slow(x, |x, i| collect_step(x, x.base.add(i.a() + 1))) } else { x }
    }
}

#[cold]
#[inline(never)]
pub(super) unsafe fn collect_step(x: X, limit: *mut Raw) -> X {
    // SAFETY: the frame's `pc` is saved here; `limit` bounds what is alive on the running stack.
    unsafe {
        let co = x.co;
        let top = (*co).top;
        (*co).top = limit;
        let global = &mut *(*co).global;
        let (heap, roots) = global.collector();
        heap.step(&roots);
        if heap.bytes > heap.hard_limit {
            heap.full(&roots);
            if heap.bytes > heap.hard_limit {
                return throw_memory(co);
            }
        }
        if cfg!(feature = "stress") {
            Coroutine::check(co);
        }
        if !global.heap.to_finalize.is_empty() && !global.heap.finalizing && !(*(*co).frame).is_native() {
            return start_finalizers(co, limit, top);
        }
        (*co).top = top;
        x
    }
}

/// Looks at memory after an instruction that may have grown a table, but has no safe limit at hand: only arms.
#[inline(always)]
pub(crate) unsafe fn check_memory(x: X) -> X {
    // SAFETY: the caller's contract: all of the frame's registers are taken as alive.
    unsafe {
        if x.global().heap.bytes > x.global().heap.hard_limit {
            return throw_memory(x.co);
        }
        x
    }
}

/// Calls due finalisers in a frame of their own above `limit`; the instruction that was interrupted goes on afterwards.
unsafe fn start_finalizers(co: *mut Coroutine, limit: *mut Raw, top: *mut Raw) -> X {
    // SAFETY: everything alive lies below `limit`.
    unsafe {
        let old_top = Coroutine::position(co, top);
        let func = match Coroutine::grow(co, limit, 4 + NATIVE_RESERVE, true) {
            Ok(func) => func,
            Err(_) => {
                (*co).top = top;
                return X::reload(co);
            }
        };
        // The multiple results of a call may still wait for their instruction below `limit`: the top comes back later.
        value::write(func, Raw::integer(old_top as i64));
        push_finalizer_frame(co, func, 0, 0);
        next_finalizer(co)
    }
}

unsafe fn push_finalizer_frame(co: *mut Coroutine, func: *mut Raw, nresults: i16, flags: u16) {
    // SAFETY: as above.
    unsafe {
        push_frame(co, func, nresults, flags | PROTECTED | FINALIZER);
        (*(*co).frame).saved = hook::suspend(co) as u32;
        (*(*co).global).heap.finalizing = true;
    }
}

/// Calls the next due finaliser from the frame of finalisers, or leaves that frame.
pub(super) unsafe fn next_finalizer(co: *mut Coroutine) -> X {
    // SAFETY: the current frame is the one of finalisers.
    unsafe {
        let global = &mut *(*co).global;
        let frame = &mut *(*co).frame;
        while let Some(object) = global.heap.next_to_finalize() {
            let handler = global.metamethod(object, Event::Gc);
            if !handler.is_function() {
                continue;
            }
            let first = frame.func.add(1);
            value::write(first, Raw::NIL);
            push_call(co, first.add(1), handler, &[object]);
            if frame.flags & UNYIELDABLE == 0 {
                frame.flags |= UNYIELDABLE;
                (*co).unyieldable += 1;
            }
            return call_value(co, first.add(1), 1, 0, TO_NATIVE);
        }
        global.heap.finalizing = false;
        if frame.flags & UNYIELDABLE != 0 {
            (*co).unyieldable -= 1;
        }
        let (func, nresults, flags) = (frame.func, frame.nresults, frame.flags);
        hook::resume(co, frame.saved != 0);
        (*co).frame = (*co).frame.sub(1);
        (*co).depth -= 1;
        if flags & COLLECTING == 0 {
            // At a safe point: nothing to deliver.
            (*co).top = (*co).stack.add((*func).as_integer() as usize);
            return X::reload(co);
        }
        finish_collect(co, func.sub(1), func, nresults, flags & DELIVERY)
    }
}

/// A native asked for a collection: does it, runs the finalisers, then delivers the result.
pub(super) unsafe fn start_collect(call: &mut Call<'_>, collection: Collection, nresults: i16, flags: u16) -> X {
    // SAFETY: N1; the native's arguments are dead.
    unsafe {
        let co = call.co;
        let (nresults, flags) = release_frame(call, nresults, flags);
        let func = call.func;
        (*co).top = func.add(1);
        let global = &mut *(*co).global;
        let (heap, roots) = global.collector();
        let result = match collection {
            Collection::Full => {
                heap.full(&roots);
                heap.set_threshold();
                Raw::integer(0)
            }
            Collection::Step(kib) => Raw::boolean(heap.step_by(kib, &roots)),
            Collection::Generational(on) => {
                let before: &[u8] = if heap.generational { b"generational" } else { b"incremental" };
                heap.set_generational(on, &roots);
                match heap.short_string(before) {
                    Ok(before) => Raw::object(value::STRING, before),
                    Err(OutOfMemory) => return throw_memory(co),
                }
            }
        };
        if cfg!(feature = "stress") {
            heap.check();
        }
        let at = func.add(1);
        value::write(at, result);
        (*co).top = at.add(1);
        if heap.to_finalize.is_empty() || heap.finalizing {
            return finish_collect(co, func, at, nresults, flags);
        }
        // A result in place of a position: the frame's end delivers it.
        let at = match Coroutine::grow(co, at, 4 + NATIVE_RESERVE, true) {
            Ok(at) => at,
            Err(_) => return finish_collect(co, func, at, nresults, flags),
        };
        push_finalizer_frame(co, at, nresults, flags | COLLECTING);
        next_finalizer(co)
    }
}

/// The native that asked for a collection has its one result.
unsafe fn finish_collect(co: *mut Coroutine, func: *mut Raw, from: *mut Raw, nresults: i16, flags: u16) -> X {
    // SAFETY: N1: the native is still in its slot.
    unsafe { finish_exit(co, *func, NativeExit { from, count: 1, func, nresults, flags }) }
}

/// Flag of a finaliser frame whose function slot holds a result to deliver, not a position.
const COLLECTING: u16 = 0x2000;
