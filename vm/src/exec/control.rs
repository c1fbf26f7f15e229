//! Calls, returns, loops, closures, varargs.

use super::{X, ops, slow, slow_with};
use crate::api::{Call, OutcomeKind};
use crate::bytecode::{Instruction, RETURN_CLOSE};
use crate::call::{self, call_value, native_answer, native_of, return_closing, return_slow, safe_point, throw_message};
use crate::closure::{Closure, NativeClosure, NativeFn};
use crate::debug;
use crate::metamethod;
use crate::number::{self, Number};
use crate::stack::{Coroutine, DELIVERY, NATIVE_RESERVE, TAIL_CALLED};
use crate::state::Event;
use crate::value::{self, CLOSURE, FLOAT, INTEGER, NATIVE, NATIVE_CLOSURE, NIL, Raw, TABLE};

ops! {
    fn call(x, i) {
        let func = x.base.add(i.a());
        let nargs = arg_count(x, i, func);
        let nresults = i.c() as i16 - 1;
        match (*func).tag {
            CLOSURE => {
                let proto = (*(*func).as_ptr::<Closure>()).proto;
                let co = x.co;
                x.save();
                let need = 1 + (*proto).stack_len_max as usize + NATIVE_RESERVE;
                if !Coroutine::has_room(co, func, need) {
                    return slow(x, |x, i| call_other(x, i));
                }
                let frame = Coroutine::next_frame(co);
                let base = func.add(1);
                let (code, constants) = ((*proto).code, (*proto).constants);
                (*frame).func = func;
                (*frame).base = base;
                (*frame).k = constants;
                (*frame).nresults = nresults;
                (*frame).flags = 0;
                (*frame).vararg_count = 0;
                (*co).frame = frame;
                let params = (*proto).num_params as usize;
                let mut idx = nargs;
                while idx < params {
                    value::write(base.add(idx), Raw::NIL);
                    idx += 1;
                }
                if (*proto).is_vararg {
                    (*co).top = base.add(nargs);
                }
                X { pc: code, base, k: constants, co }.spend()
            }
            NATIVE => call_native(x, native_of((*func).payload), func, nargs, nresults),
            NATIVE_CLOSURE => {
                call_native(x, (*(*func).as_ptr::<NativeClosure>()).function, func, nargs, nresults)
            }
            _ => slow(x, |x, i| call_other(x, i)),
        }
    }
    fn call_hooked(x, i) { slow(x, |x, i| call_other(x, i)) }
    fn tfor_call_hooked(x, i) { slow(x, |x, i| call_iterator(x, i)) }
    fn tail_call(x, i) { slow(x, |x, i| tail_call_slow(x, i)) }
    fn ret(x, i) {
        if i.d() as u16 & RETURN_CLOSE != 0 {
            return slow(x, |x, i| return_closing(x, i.a(), i.b()));
        }
        let from = x.base.add(i.a());
        let count = if i.b() == 0 { (*x.co).top.offset_from(from) as usize } else { i.b() - 1 };
        return_many(x, from, count)
    }
    fn ret0(x, _i) {
        let co = x.co;
        let frame = (*co).frame;
        if (*frame).flags & DELIVERY != 0 {
            return slow(x, |x, _| return_slow(x.co, x.base, 0));
        }
        let (func, nresults) = ((*frame).func, (*frame).nresults);
        (*co).frame = frame.sub(1);
        if nresults < 0 {
            (*co).top = func;
        } else {
            for idx in 0..nresults as usize {
                value::write(func.add(idx), Raw::NIL);
            }
        }
        X::reload(co)
    }
    fn ret1(x, i) {
        let co = x.co;
        let frame = (*co).frame;
        let from = x.base.add(i.a());
        if (*frame).flags & DELIVERY != 0 {
            return slow(x, |x, i| return_slow(x.co, x.base.add(i.a()), 1));
        }
        let (func, nresults) = ((*frame).func, (*frame).nresults);
        (*co).frame = frame.sub(1);
        value::write(func, value::read(from));
        if nresults != 1 {
            (*co).top = func.add(1);
            for idx in 1..nresults.max(1) as usize {
                value::write(func.add(idx), Raw::NIL);
            }
        }
        X::reload(co)
    }
    fn jmp(x, i) {
        let x = x.jump(i);
        if i.sbx() < 0 { x.spend() } else { x }
    }
    fn for_loop(x, i) {
        let a = i.a();
        let step = x.reg(a + 2);
        if step.tag == INTEGER {
            let count = x.reg(a + 1).payload;
            if count == 0 {
                return x;
            }
            let index = x.reg(a).as_integer().wrapping_add(step.as_integer());
            x.set(a + 1, Raw::integer((count - 1) as i64));
            x.set(a, Raw::integer(index));
            x.set(a + 3, Raw::integer(index));
        } else {
            let index = x.reg(a).as_float() + step.as_float();
            let limit = x.reg(a + 1).as_float();
            let goes_on = if step.as_float() > 0.0 { index <= limit } else { limit <= index };
            if !goes_on {
                return x;
            }
            x.set(a, Raw::float(index));
            x.set(a + 3, Raw::float(index));
        }
        x.jump(i).spend()
    }
    fn for_prep(x, i) { slow(x, |x, i| for_prep_slow(x, i)) }
    fn tfor_prep(x, i) {
        if x.reg(i.a() + 3).is_falsy() {
            return x.jump(i);
        }
        slow(x, |x, i| mark_to_close(x, i.a() + 3).unwrap_or_else(|| x.jump(i)))
    }
    fn tfor_call(x, i) {
        let a = i.a();
        let function = x.reg(a);
        if function.tag == NATIVE && function.payload == x.global().next_function && x.reg(a + 1).tag == TABLE {
            return slow(x, |x, i| traverse(x, i));
        }
        slow(x, |x, i| call_iterator(x, i))
    }
    fn tfor_loop(x, i) {
        let control = x.reg(i.a() + 4);
        if control.tag == NIL {
            return x;
        }
        x.set(i.a() + 2, control);
        x.jump(i).spend()
    }
    fn closure(x, i) { slow(x, |x, i| make_closure(x, i)) }
    fn vararg(x, i) { slow(x, |x, i| get_varargs(x, i)) }
    fn vararg_prep(x, i) { slow(x, |x, i| prepare_varargs(x, i)) }
    fn close(x, i) { slow(x, |x, i| close_block(x, i)) }
    fn tbc(x, i) { slow(x, |x, i| mark_to_close(x, i.a()).unwrap_or(x)) }
    fn continue_native(x, i) { slow(x, |x, _| call::resume_native(x.co)) }
}

/// Arguments of a call: as many as the instruction says, or all up to the top.
#[inline(always)]
unsafe fn arg_count(x: X, i: Instruction, func: *mut Raw) -> usize {
    // SAFETY: E1: with B = 0 the instruction before left the top behind the arguments.
    unsafe { if i.b() != 0 { i.b() - 1 } else { (*x.co).top.offset_from(func) as usize - 1 } }
}

/// What copying so many values counts as, in units of the budget.
#[inline(always)]
fn copy_work(count: usize) -> i64 {
    (count >> 4) as i64
}

/// A call that needs a larger stack, of a value with `__call`, or that a hook may want to know of.
unsafe fn call_other(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let func = x.base.add(i.a());
        let nargs = arg_count(x, i, func);
        (*x.co).top = func.add(1 + nargs);
        call_value(x.co, func, nargs, i.c() as i16 - 1, 0)
    }
}

/// Calls the iterator of a generic `for` behind its four slots.
unsafe fn call_iterator(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let a = i.a();
        let func = x.base.add(a + 4);
        for idx in 0..3 {
            value::write(func.add(idx), x.reg(a + idx));
        }
        (*x.co).top = func.add(3);
        call_value(x.co, func, 2, i.c() as i16, 0)
    }
}

/// Closes the block's upvalues, then calls its `__close` methods one by one: the instruction runs again after each.
unsafe fn close_block(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let level = x.base.add(i.a());
        Coroutine::close_upvalues(x.co, level, Some(&mut x.global().heap));
        (*x.co).top = level;
        call::close_next(x, level).unwrap_or(x)
    }
}

/// Calls a native from Lua code. Most answer with one result in place, and cost no frame.
#[inline(always)]
unsafe fn call_native(x: X, function: NativeFn, func: *mut Raw, nargs: usize, nresults: i16) -> X {
    // SAFETY: E1 to E4, N1; K3 leaves room for a native behind the registers.
    unsafe {
        x.save();
        let co = x.co;
        if cfg!(feature = "stress") || !Coroutine::has_room(co, func, 1 + nargs + NATIVE_RESERVE) {
            return slow(x, |x, i| call_other(x, i));
        }
        (*co).top = func.add(1 + nargs);
        let mut call = Call::new(co, func, nargs);
        let result = function(&mut call);
        if let Ok(outcome) = &result
            && outcome.kind == OutcomeKind::InPlace
            && nresults == 1
        {
            let x = X { base: (*(*co).frame).base, ..x };
            return call::safe_point_behind(x);
        }
        slow_with(x, |_| native_answer(&mut call, result, nresults, 0))
    }
}

/// A plain frame returns any number of values.
#[inline(always)]
unsafe fn return_many(x: X, from: *mut Raw, count: usize) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let co = x.co;
        let frame = (*co).frame;
        if (*frame).flags & DELIVERY != 0 {
            return slow_with(x, |x| return_slow(x.co, from, count));
        }
        let (func, nresults) = ((*frame).func, (*frame).nresults);
        (*co).frame = frame.sub(1);
        let wanted = if nresults < 0 { count } else { nresults as usize };
        let moved = wanted.min(count);
        x.global().budget -= copy_work(moved);
        for idx in 0..moved {
            value::write(func.add(idx), value::read(from.add(idx)));
        }
        for idx in moved..wanted {
            value::write(func.add(idx), Raw::NIL);
        }
        (*co).top = func.add(wanted);
        X::reload(co)
    }
}

/// The callee takes the frame's place; a native runs as in a plain call, and the `Return` behind returns its results.
unsafe fn tail_call_slow(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let co = x.co;
        x.save();
        let mut from = x.base.add(i.a());
        let mut nargs = if i.b() != 0 { i.b() - 1 } else { (*co).top.offset_from(from) as usize - 1 };
        (*co).top = from.add(1 + nargs);
        if i.d() as u16 & RETURN_CLOSE != 0 {
            Coroutine::close_upvalues(co, x.base, Some(&mut x.global().heap));
        }
        while !(*from).is_function() {
            let handler = x.global().metamethod(*from, Event::Call);
            if handler.is_nil() {
                return call_value(co, from, nargs, -1, 0);
            }
            // K3 leaves room for one more argument at least.
            from = match Coroutine::grow(co, from, nargs + 2 + NATIVE_RESERVE, false) {
                Ok(from) => from,
                Err(error) => return call::throw_stack(co, error),
            };
            for idx in (0..=nargs).rev() {
                value::write(from.add(idx + 1), value::read(from.add(idx)));
            }
            value::write(from, handler);
            nargs += 1;
            (*co).top = from.add(1 + nargs);
        }
        if (*from).tag != CLOSURE {
            return call_value(co, from, nargs, -1, 0);
        }
        x.global().budget -= copy_work(nargs);
        let frame = &mut *(*co).frame;
        let (func, nresults, flags) = (frame.func, frame.nresults, frame.flags);
        for idx in 0..=nargs {
            value::write(func.add(idx), value::read(from.add(idx)));
        }
        (*co).frame = (*co).frame.sub(1);
        (*co).top = func.add(1 + nargs);
        if flags & crate::stack::FINISH != 0 {
            // The frame that goes is counted; the one that comes is counted again.
            (*co).depth -= 1;
        }
        call_value(co, func, nargs, nresults, flags & DELIVERY | TAIL_CALLED)
    }
}

unsafe fn for_prep_slow(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        x.save();
        let a = i.a();
        let (start, limit, step) = (x.reg(a), x.reg(a + 1), x.reg(a + 2));
        if start.tag == INTEGER && step.tag == INTEGER {
            let (first, by) = (start.as_integer(), step.as_integer());
            if by == 0 {
                return throw_message(x.co, b"'for' step is zero");
            }
            let last = match integer_limit(limit, by) {
                Some(Some(last)) => last,
                Some(None) => return x.jump(i),
                None => return throw_for_error(x, limit, "limit"),
            };
            if if by > 0 { first > last } else { first < last } {
                return x.jump(i);
            }
            let count = if by > 0 {
                (last as u64).wrapping_sub(first as u64) / by as u64
            } else {
                (first as u64).wrapping_sub(last as u64) / ((-(by + 1)) as u64 + 1)
            };
            x.set(a + 1, Raw::integer(count as i64));
            x.set(a + 3, start);
            return x;
        }
        let Some(last) = metamethod::coerce_number(limit) else { return throw_for_error(x, limit, "limit") };
        let Some(by) = metamethod::coerce_number(step) else { return throw_for_error(x, step, "step") };
        let Some(first) = metamethod::coerce_number(start) else { return throw_for_error(x, start, "initial value") };
        let (first, last, by) = (to_float(first), to_float(last), to_float(by));
        if by == 0.0 {
            return throw_message(x.co, b"'for' step is zero");
        }
        if if by > 0.0 { last < first } else { first < last } {
            return x.jump(i);
        }
        x.set(a, Raw::float(first));
        x.set(a + 1, Raw::float(last));
        x.set(a + 2, Raw::float(by));
        x.set(a + 3, Raw::float(first));
        x
    }
}

fn to_float(number: Number) -> f64 {
    match number {
        Number::Integer(value) => value as f64,
        Number::Float(value) => value,
    }
}

/// The limit of an integer loop clipped to integers: `None` if it is no number, `Some(None)` if the loop does not run.
unsafe fn integer_limit(limit: Raw, step: i64) -> Option<Option<i64>> {
    // SAFETY: the caller has a live value.
    let float = match unsafe { metamethod::coerce_number(limit) }? {
        Number::Integer(value) => return Some(Some(value)),
        Number::Float(value) => value,
    };
    let rounded = if step > 0 { number::float_floor_to_integer(float) } else { number::float_ceil_to_integer(float) };
    Some(match rounded {
        Some(value) => Some(value),
        None if float > 0.0 => (step > 0).then_some(i64::MAX),
        // Negative, or NaN.
        None => (step < 0).then_some(i64::MIN),
    })
}

#[cold]
unsafe fn throw_for_error(x: X, culprit: Raw, what: &str) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let name = x.global().type_name_of(culprit);
        let message = [b"bad 'for' ", what.as_bytes(), b" (number expected, got ", &name, b")"].concat();
        throw_message(x.co, &message)
    }
}

/// `for ... in pairs(t)`, with `next` run right here; a hit goes straight to the body.
unsafe fn traverse(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4; `TForLoop` always follows.
    unsafe {
        let a = i.a();
        let table = x.reg(a + 1).as_ptr::<crate::table::Table>();
        let key = x.reg(a + 2);
        let seed = x.global().heap.interned.seed;
        let Some(position) = crate::table::Table::position_after(table, key, seed) else {
            x.save();
            return throw_message(x.co, b"invalid key to 'next'");
        };
        match crate::table::Table::entry_from(table, position) {
            Some((key, value, _)) => {
                x.set(a + 4, key);
                x.set(a + 5, value);
                for idx in 2..i.c() {
                    x.set(a + 4 + idx, Raw::NIL);
                }
            }
            None => x.set(a + 4, Raw::NIL),
        }
        x
    }
}

/// Registers a to-be-closed variable; nil and false need no closing. A state is that of an error.
unsafe fn mark_to_close(x: X, idx: usize) -> Option<X> {
    // SAFETY: E1 to E4.
    unsafe {
        let value = x.reg(idx);
        if value.is_falsy() {
            return None;
        }
        x.save();
        if x.global().metamethod(value, Event::Close).is_nil() {
            let name = debug::local_name(x.co, idx).unwrap_or_else(|| b"?".to_vec());
            let message = [b"variable '", &name[..], b"' got a non-closable value"].concat();
            return Some(throw_message(x.co, &message));
        }
        let position = Coroutine::position(x.co, x.base.add(idx));
        (*x.co).to_close.push(position);
        None
    }
}

unsafe fn make_closure(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4.
    unsafe {
        let co = x.co;
        let outer = (*x.base.sub(1)).as_ptr::<Closure>();
        let proto = (&(*(*outer).proto).parts.protos)[i.bx()];
        let sources = &(*proto).parts.upvalues;
        let heap = &mut x.global().heap;
        let Ok(closure) = heap.closure(proto, sources.len()) else {
            x.save();
            return call::throw_memory(co);
        };
        for (idx, source) in sources.iter().enumerate() {
            let upvalue = if source.in_stack {
                match Coroutine::find_upvalue(co, x.base.add(source.idx as usize)) {
                    Ok(upvalue) => upvalue,
                    Err(_) => {
                        x.save();
                        return call::throw_memory(co);
                    }
                }
            } else {
                *Closure::upvalue(outer, source.idx as usize)
            };
            *Closure::upvalue(closure, idx) = upvalue;
        }
        x.set(i.a(), Raw::object(CLOSURE, closure));
        safe_point(x, x.base.add(i.a() + 1))
    }
}

unsafe fn get_varargs(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4; the varargs lie right below the copied function.
    unsafe {
        let co = x.co;
        let count = (*(*co).frame).vararg_count as usize;
        let wanted = if i.c() == 0 { count } else { i.c() - 1 };
        x.global().budget -= copy_work(wanted);
        let mut to = x.base.add(i.a());
        x.save();
        if !Coroutine::has_room(co, to, wanted + NATIVE_RESERVE) {
            (*co).top = to;
            to = match Coroutine::grow(co, to, wanted + NATIVE_RESERVE, false) {
                Ok(to) => to,
                Err(error) => return call::throw_stack(co, error),
            };
        }
        let base = (*(*co).frame).base;
        let from = base.sub(1 + count);
        for idx in 0..wanted.min(count) {
            value::write(to.add(idx), value::read(from.add(idx)));
        }
        for idx in count..wanted {
            value::write(to.add(idx), Raw::NIL);
        }
        if i.c() == 0 {
            (*co).top = to.add(count);
        }
        X { base, ..x }
    }
}

/// Moves the function and its fixed parameters above the varargs. Without any, nothing moves.
unsafe fn prepare_varargs(x: X, i: Instruction) -> X {
    // SAFETY: E1 to E4; the call left the top behind the arguments.
    unsafe {
        let co = x.co;
        let params = i.a();
        let nargs = (*co).top.offset_from(x.base) as usize;
        if nargs <= params {
            return x;
        }
        x.global().budget -= copy_work(nargs);
        let proto = (*(*x.base.sub(1)).as_ptr::<Closure>()).proto;
        let need = 1 + (*proto).stack_len_max as usize + NATIVE_RESERVE;
        let mut end = x.base.add(nargs);
        x.save();
        if !Coroutine::has_room(co, end, need) {
            (*co).top = end;
            end = match Coroutine::grow(co, end, need, false) {
                Ok(end) => end,
                Err(error) => return call::throw_stack(co, error),
            };
        }
        let old_base = end.sub(nargs);
        value::write(end, *old_base.sub(1));
        for idx in 0..params {
            value::write(end.add(1 + idx), value::read(old_base.add(idx)));
            value::write(old_base.add(idx), Raw::NIL);
        }
        let frame = &mut *(*co).frame;
        // The varargs end up right below the copied function.
        frame.base = end.add(1);
        frame.vararg_count = (nargs - params) as u32;
        X { base: frame.base, ..x }
    }
}

const _: () = assert!(FLOAT == INTEGER + 1);
