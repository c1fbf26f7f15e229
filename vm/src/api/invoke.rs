//! What a native ends with to have something done: calls, operations that may run Lua code, switches, collections.

use super::{
    Call, Collection, Continuation, Coroutine, GcAction, Kind, LuaError, NativeResult, Next, Outcome, OutcomeKind,
    Status, Step, Value,
};
use crate::closure::NativeFn;
use crate::coroutine::Switch;
use crate::gc::OutOfMemory;
use crate::metamethod::{self, Found, Stored};
use crate::number::{ArithError, ArithOp};
use crate::stack::{Coroutine as RawCoroutine, ResumeKind, Status as RawStatus};
use crate::state::Event;
use crate::string::Str as RawStr;
use crate::value::{self, Raw};
use std::cmp::Ordering;
use std::marker::PhantomData;

/// The answer of a native that left word in [`Call::next`].
const NEXT: NativeResult = Ok(Outcome { kind: OutcomeKind::Next, count: 0 });

impl<'gc> Call<'gc> {
    /// Calls a value; the native ends, and `then` is entered with the results. Code that runs meanwhile can't yield.
    ///
    /// # Errors
    /// None here; those of the call pass the native by.
    pub fn invoke(&mut self, function: Value<'gc>, args: &[Value<'gc>], then: impl Into<Continuation>) -> NativeResult {
        self.start(function, args, then.into(), true)
    }

    /// As [`Call::invoke`], for calls that may yield.
    ///
    /// # Errors
    /// None here.
    pub fn invoke_yieldable(
        &mut self,
        function: Value<'gc>,
        args: &[Value<'gc>],
        then: impl Into<Continuation>,
    ) -> NativeResult {
        self.start(function, args, then.into(), false)
    }

    /// Calls a value and returns whatever it returns.
    ///
    /// # Errors
    /// None here.
    pub fn tail_call(&mut self, function: Value<'gc>, args: &[Value<'gc>]) -> NativeResult {
        let then: NativeFn = |call| call.ret_results();
        self.start(function, args, Continuation::Function(then), true)
    }

    fn start(
        &mut self,
        function: Value<'gc>,
        args: &[Value<'gc>],
        then: Continuation,
        unyieldable: bool,
    ) -> NativeResult {
        // SAFETY: N1: the slots that are kept end here.
        unsafe { (*self.co).top = self.func.add(1 + self.count) };
        self.reserve(args.len() + 1)?;
        self.push(function);
        for &arg in args {
            self.push(arg);
        }
        self.next = Next::Call { nargs: args.len(), then: then.into_then(), unyieldable };
        NEXT
    }

    /// Number of results of the call that just ended.
    pub fn result_count(&self) -> usize {
        self.result_count
    }

    /// A result of the call that just ended; nil when absent.
    #[inline]
    pub fn result(&self, pos: usize) -> Value<'gc> {
        if pos.wrapping_sub(1) < self.result_count {
            // SAFETY: the results lie there until the native calls again or ends.
            Value::new(unsafe { value::read(self.func.add(self.results_at + pos - 1)) })
        } else {
            Value::NIL
        }
    }

    /// Returns all results of the call that just ended.
    ///
    /// # Errors
    /// None.
    pub fn ret_results(&mut self) -> NativeResult {
        // SAFETY: as in `result`.
        unsafe { (*self.co).top = self.func.add(self.results_at + self.result_count) };
        Ok(Outcome { kind: OutcomeKind::Pushed, count: self.result_count as u32 })
    }

    /// Enters `then` with one value as the result, as if a call had given it.
    fn answer(&mut self, value: Value<'gc>, then: Continuation) -> NativeResult {
        // SAFETY: N1: the slots that are kept end here.
        unsafe { (*self.co).top = self.func.add(1 + self.count) };
        self.push(value);
        self.result_count = 1;
        self.next = Next::Continue { then: then.into_then() };
        NEXT
    }

    /// `object[key]`.
    ///
    /// # Errors
    /// `attempt to index …`
    pub fn index_then(&mut self, object: Value<'gc>, key: Value<'gc>, then: impl Into<Continuation>) -> NativeResult {
        // SAFETY: A1.
        match unsafe { metamethod::lookup(self.global(), object.raw, key.raw) } {
            Found::Value(found) => self.answer(Value::new(found), then.into()),
            Found::Call { function, object } => self.invoke(Value::new(function), &[Value::new(object), key], then),
            Found::NotIndexable { object, .. } => Err(self.operand_error("index", object)),
            Found::TooLong => Err(self.bare_error("'__index' chain too long; possible loop")),
        }
    }

    /// `object[key] = value`.
    ///
    /// # Errors
    /// `attempt to index …`, those of [`Table::set`]
    pub fn set_index_then(
        &mut self,
        object: Value<'gc>,
        key: Value<'gc>,
        value: Value<'gc>,
        then: impl Into<Continuation>,
    ) -> NativeResult {
        // SAFETY: A1.
        match unsafe { metamethod::store(self.global_mut(), object.raw, key.raw, value.raw) } {
            Stored::Done => self.answer(Value::NIL, then.into()),
            Stored::Call { function, object } => {
                self.invoke(Value::new(function), &[Value::new(object), key, value], then)
            }
            Stored::NotIndexable { object, .. } => Err(self.operand_error("index", object)),
            Stored::Key(error) => Err(self.key_error(error)),
            Stored::TooLong => Err(self.bare_error("'__newindex' chain too long; possible loop")),
        }
    }

    /// `attempt to WHAT a TYPE value`, for operations that natives do.
    fn operand_error(&mut self, what: &str, culprit: Raw) -> LuaError {
        // SAFETY: A1.
        let name = unsafe { self.global().type_name_of(culprit) };
        let text = [b"attempt to ", what.as_bytes(), b" a ", &name, b" value"].concat();
        // The native is what runs, and has no position.
        match self.string(&text) {
            Ok(value) => self.error_value(value),
            Err(error) => error,
        }
    }

    /// `#object`.
    ///
    /// # Errors
    /// `attempt to get length of …`
    pub fn len_then(&mut self, object: Value<'gc>, then: impl Into<Continuation>) -> NativeResult {
        // SAFETY: A1.
        let handler = unsafe { self.global().metamethod(object.raw, Event::Len) };
        match object.kind() {
            Kind::String(string) => self.answer(Value::integer(string.len() as i64), then.into()),
            Kind::Table(table) if handler.is_nil() => self.answer(Value::integer(table.raw_len()), then.into()),
            _ if handler.is_nil() => Err(self.operand_error("get length of", object.raw)),
            _ => self.invoke(Value::new(handler), &[object, object], then),
        }
    }

    /// `a < b` when it takes no metamethod.
    #[inline]
    pub fn try_less(&mut self, a: Value<'gc>, b: Value<'gc>) -> Option<bool> {
        // SAFETY: A1.
        unsafe { metamethod::raw_order(a.raw, b.raw).map(|order| order == Some(Ordering::Less)) }
    }

    /// `a < b`; the result is a boolean.
    ///
    /// # Errors
    /// `attempt to compare …`
    pub fn less_then(&mut self, a: Value<'gc>, b: Value<'gc>, then: impl Into<Continuation>) -> NativeResult {
        if let Some(less) = self.try_less(a, b) {
            return self.answer(Value::boolean(less), then.into());
        }
        // SAFETY: A1.
        match unsafe { metamethod::binary_handler(self.global(), a.raw, b.raw, Event::Lt) } {
            Some(handler) => self.invoke(Value::new(handler), &[a, b], then),
            None => {
                // SAFETY: A1.
                let message = unsafe { metamethod::compare_message(self.global(), a.raw, b.raw) };
                let value = self.string(&message)?;
                Err(self.error_value(value))
            }
        }
    }

    /// `a == b`; the result counts as a boolean.
    ///
    /// # Errors
    /// None here.
    pub fn equal_then(&mut self, a: Value<'gc>, b: Value<'gc>, then: impl Into<Continuation>) -> NativeResult {
        // SAFETY: A1.
        let handler = unsafe { metamethod::equal_handler(self.global(), a.raw, b.raw) };
        match handler {
            Some(handler) if !a.raw_equal(b) => self.invoke(Value::new(handler), &[a, b], then),
            _ => self.answer(Value::boolean(a.raw_equal(b)), then.into()),
        }
    }

    /// Arithmetic on numbers, or by metamethods.
    ///
    /// # Errors
    /// `attempt to perform …`
    pub fn arith_then(
        &mut self,
        op: ArithOp,
        a: Value<'gc>,
        b: Value<'gc>,
        then: impl Into<Continuation>,
    ) -> NativeResult {
        // SAFETY: A1.
        unsafe {
            match metamethod::raw_arith(op, a.raw, b.raw) {
                Some(Ok(value)) => return self.answer(Value::new(value), then.into()),
                Some(Err(ArithError::DivideByZero)) => return Err(self.bare_error("attempt to divide by zero")),
                Some(Err(ArithError::ModuloByZero)) => return Err(self.bare_error("attempt to perform 'n%0'")),
                Some(Err(ArithError::NoInteger)) => {
                    return Err(self.bare_error("number has no integer representation"));
                }
                None => {}
            }
            match metamethod::binary_handler(self.global(), a.raw, b.raw, metamethod::arith_event(op)) {
                Some(handler) => self.invoke(Value::new(handler), &[a, b], then),
                None => {
                    let (culprit, _, what) = metamethod::arith_culprit(op, a.raw, b.raw);
                    Err(self.operand_error(what, culprit))
                }
            }
        }
    }

    /// The text of a value that has no `__tostring`; `None` if it has.
    ///
    /// # Errors
    /// Memory.
    pub fn try_text(&mut self, value: Value<'gc>) -> Result<Option<Value<'gc>>, LuaError> {
        // SAFETY: A1.
        if !unsafe { self.global().metamethod(value.raw, Event::ToString) }.is_nil() {
            return Ok(None);
        }
        let text = match value.kind() {
            Kind::String(_) => value,
            Kind::Nil => self.string(b"nil")?,
            Kind::Boolean(true) => self.string(b"true")?,
            Kind::Boolean(false) => self.string(b"false")?,
            Kind::Integer(_) | Kind::Float(_) => self.number_text(value)?,
            _ => {
                // SAFETY: A1.
                let name = unsafe {
                    let name = self.global().metamethod(value.raw, Event::Name);
                    if name.is_string() {
                        RawStr::bytes(name.as_ptr()).to_vec()
                    } else {
                        value.type_name().as_bytes().to_vec()
                    }
                };
                let address = format!(": {:#x}", value.address());
                self.string(&[&name[..], address.as_bytes()].concat())?
            }
        };
        Ok(Some(text))
    }

    /// The text of any value, as `tostring` gives it; the result is a string.
    ///
    /// # Errors
    /// `'__tostring' must return a string`, memory
    pub fn to_text_then(&mut self, value: Value<'gc>, then: impl Into<Continuation>) -> NativeResult {
        if let Some(text) = self.try_text(value)? {
            return self.answer(text, then.into());
        }
        // SAFETY: A1.
        let handler = unsafe { self.global().metamethod(value.raw, Event::ToString) };
        self.invoke(Value::new(handler), &[value], Box::new(CheckText { then: then.into() }))
    }

    // Protected calls, coroutines, collector

    /// `pcall`: calls the first argument with the others.
    ///
    /// # Errors
    /// None: the error becomes a result.
    ///
    /// # Panics
    /// Without an argument, or with a position other than 1.
    pub fn protected_call(&mut self, function_pos: usize) -> NativeResult {
        assert!(function_pos == 1 && self.count >= 1, "there is a function to call");
        self.next = Next::Protected { with_handler: false };
        NEXT
    }

    /// `xpcall`: calls the first argument with those behind the second, which is the message handler.
    ///
    /// # Errors
    /// None: the error becomes a result.
    ///
    /// # Panics
    /// With fewer than two arguments.
    pub fn protected_call_with(&mut self, handler: Value<'gc>) -> NativeResult {
        assert!(self.count >= 2, "there are a function and a handler");
        self.set_arg(2, handler);
        self.next = Next::Protected { with_handler: true };
        NEXT
    }

    /// A new coroutine that will run a function.
    ///
    /// # Errors
    /// Memory.
    pub fn coroutine(&mut self, function: Value<'gc>) -> Result<Coroutine<'gc>, LuaError> {
        self.coroutine_with_room(function, 0)
    }

    /// A new coroutine whose stack has room for so many slots from the start.
    ///
    /// # Errors
    /// Memory.
    pub fn coroutine_with_room(&mut self, function: Value<'gc>, slots: usize) -> Result<Coroutine<'gc>, LuaError> {
        // SAFETY: A1.
        unsafe {
            let global = (*self.co).global;
            match RawCoroutine::with_room(&mut (*global).heap, global, function.raw, slots) {
                Ok(raw) => Ok(Coroutine { raw, brand: PhantomData }),
                Err(OutOfMemory) => Err(self.memory_error()),
            }
        }
    }

    /// `coroutine.resume` with the arguments from a position on.
    ///
    /// # Errors
    /// None: errors become results.
    pub fn resume(&mut self, coroutine: Coroutine<'gc>, from: usize) -> NativeResult {
        self.next = Next::Switch(Switch::Resume { co: coroutine.raw, from, kind: ResumeKind::Plain });
        NEXT
    }

    /// What a function made by `coroutine.wrap` does, with all arguments.
    ///
    /// # Errors
    /// None here; those of the coroutine go on in the caller.
    pub fn resume_wrapped(&mut self, coroutine: Coroutine<'gc>) -> NativeResult {
        self.next = Next::Switch(Switch::Resume { co: coroutine.raw, from: 1, kind: ResumeKind::Wrap });
        NEXT
    }

    /// `coroutine.yield` with all arguments.
    ///
    /// # Errors
    /// `attempt to yield …` where that is not possible
    pub fn yield_args(&mut self) -> NativeResult {
        // SAFETY: the coroutine is alive.
        unsafe {
            if (*self.co).unyieldable > 0 {
                return Err(if self.co == self.global().main {
                    self.bare_error("attempt to yield from outside a coroutine")
                } else {
                    self.bare_error("attempt to yield across a C-call boundary")
                });
            }
        }
        self.next = Next::Switch(Switch::Yield);
        NEXT
    }

    /// Parks the whole task. The embedder sees [`Run::Parked`], and gives the results to [`Task::unpark`]; the native
    /// answers them as its own.
    ///
    /// # Errors
    /// None.
    pub fn park(&mut self) -> NativeResult {
        self.next = Next::Switch(Switch::Park);
        NEXT
    }

    /// The coroutine that runs, and whether it is the main one.
    pub fn running(&self) -> (Coroutine<'gc>, bool) {
        (Coroutine { raw: self.co, brand: PhantomData }, self.co == self.global().main)
    }

    /// Whether the running coroutine may yield.
    pub fn is_yieldable(&self) -> bool {
        // SAFETY: the coroutine is alive.
        unsafe { (*self.co).unyieldable == 0 }
    }

    /// Whether a coroutine may yield.
    pub fn is_yieldable_in(&self, coroutine: Coroutine<'gc>) -> bool {
        // SAFETY: A1.
        unsafe { (*coroutine.raw).unyieldable == 0 }
    }

    /// `coroutine.close`.
    ///
    /// # Errors
    /// `cannot close a running coroutine`, or a normal one
    pub fn close_coroutine(&mut self, coroutine: Coroutine<'gc>) -> NativeResult {
        // SAFETY: A1.
        if unsafe { (*coroutine.raw).status } == RawStatus::Parked {
            return Err(self.error("cannot close a normal coroutine"));
        }
        match coroutine.status(self) {
            Status::Running => Err(self.error("cannot close a running coroutine")),
            Status::Normal => Err(self.error("cannot close a normal coroutine")),
            Status::Suspended | Status::Dead => {
                self.next = Next::Switch(Switch::Close { co: coroutine.raw });
                NEXT
            }
        }
    }

    /// Gives up everything the task runs: the variables of its first coroutine are closed, as `coroutine.close` does,
    /// those of the others are not. The task goes on with `function(arg)`, whose results are its own.
    pub fn replace_task(&mut self, function: NativeFn, arg: Value<'gc>) -> NativeResult {
        self.next = Next::Switch(Switch::Replace { function, arg: arg.raw });
        NEXT
    }

    /// What `collectgarbage` does, except for `count`.
    ///
    /// # Errors
    /// None.
    pub fn collect(&mut self, action: GcAction) -> NativeResult {
        // SAFETY: A1.
        let heap = unsafe { &mut self.global_mut().heap };
        // Finalisers can't steer the collector that runs them.
        if heap.finalizing {
            return self.ret1(Value::NIL);
        }
        match action {
            GcAction::Full => self.ask_collection(Collection::Full),
            GcAction::Step(kib) => self.ask_collection(Collection::Step(kib)),
            GcAction::Stop => {
                heap.stopped = true;
                heap.threshold = usize::MAX;
                self.ret1(0i64)
            }
            GcAction::Restart => {
                heap.stopped = false;
                heap.set_threshold();
                self.ret1(0i64)
            }
            GcAction::IsRunning => {
                let running = !heap.stopped;
                self.ret1(running)
            }
            GcAction::Incremental { pause, step_mul, step_size } => {
                set_percent(&mut heap.pause, pause);
                set_percent(&mut heap.step_mul, step_mul);
                if step_size != 0 {
                    heap.step_size = 1usize << step_size.clamp(0, 40);
                }
                self.ask_collection(Collection::Generational(false))
            }
            GcAction::Generational { minor_mul, major_mul } => {
                if minor_mul != 0 {
                    heap.minor_mul = usize::from(minor_mul as u8);
                }
                set_percent(&mut heap.major_mul, major_mul);
                self.ask_collection(Collection::Generational(true))
            }
            GcAction::SetPause(pause) => {
                let before = std::mem::replace(&mut heap.pause, stored_percent(pause));
                self.ret1(before as i64)
            }
            GcAction::SetStepMul(step_mul) => {
                let before = std::mem::replace(&mut heap.step_mul, stored_percent(step_mul));
                self.ret1(before as i64)
            }
        }
    }

    fn ask_collection(&mut self, collection: Collection) -> NativeResult {
        self.next = Next::Collect(collection);
        NEXT
    }

    /// Makes the finalisers of all objects due, as at the end of the state; the next collection runs them.
    pub fn finalize_all(&mut self) {
        // SAFETY: A1.
        unsafe { self.global_mut().heap.finalize_all() }
    }

    /// Whether a finaliser runs, for which the collector answers nothing.
    pub fn is_finalizing(&self) -> bool {
        self.global().heap.finalizing
    }

    /// Bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.global().heap.bytes
    }
}

/// Sets a parameter of the collector; 0 keeps it.
fn set_percent(parameter: &mut usize, value: i64) {
    if value != 0 {
        *parameter = stored_percent(value);
    }
}

/// A parameter of the collector as scripts see it again: the reference stores a quarter of it in a byte.
fn stored_percent(value: i64) -> usize {
    usize::from((value as i32 / 4) as u8) * 4
}

/// Makes sure that `__tostring` gave a string.
struct CheckText {
    then: Continuation,
}

impl Step for CheckText {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let text = call.result(1);
        if text.as_str().is_none() && !text.raw.is_number() {
            return Err(call.error("'__tostring' must return a string"));
        }
        let text = if text.raw.is_number() { call.number_text(text)? } else { text };
        call.answer(text, self.then)
    }
}
