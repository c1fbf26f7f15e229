//! A native call: its arguments, errors, new values, results.

use super::{Brand, Coroutine, Kind, LuaError, NativeResult, Next, Outcome, OutcomeKind, Str, Table, Userdata, Value};
use crate::bytecode::Chunk;
use crate::call::ErrorKind;
use crate::closure::{Closure, NativeClosure, NativeFn};
use crate::debug;
use crate::gc::OutOfMemory;
use crate::number::{self, Number};
use crate::stack::{Coroutine as RawCoroutine, NATIVE_RESERVE, StackError};
use crate::state::{Global, WarnFn, string_work};
use crate::string::Str as RawStr;
use crate::table::KeyError;
use crate::value::{self, CLOSURE, Header, INTEGER, NATIVE_CLOSURE, Raw, STRING};
use crate::verify;
use std::any::Any;
use std::marker::PhantomData;

/// A native call in progress: arguments, ways to make values, results, errors, and calls of its own.
pub struct Call<'gc> {
    pub(crate) co: *mut RawCoroutine,
    /// The native's own slot; the arguments follow.
    pub(crate) func: *mut Raw,
    /// Slots the native keeps: its arguments.
    pub(crate) count: usize,
    /// Offset of the results from `func`, once something was called.
    pub(crate) results_at: usize,
    pub(crate) result_count: usize,
    /// Whether it has a frame.
    pub(crate) framed: bool,
    pub(crate) next: Next,
    brand: Brand<'gc>,
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("count", &self.count).finish_non_exhaustive()
    }
}

const IN_PLACE: NativeResult = Ok(Outcome { kind: OutcomeKind::InPlace, count: 1 });

impl<'gc> Call<'gc> {
    #[inline(always)]
    pub(crate) fn new(co: *mut RawCoroutine, func: *mut Raw, count: usize) -> Call<'gc> {
        Call { co, func, count, results_at: 0, result_count: 0, framed: false, next: Next::None, brand: PhantomData }
    }

    pub(crate) unsafe fn continuing(
        co: *mut RawCoroutine,
        func: *mut Raw,
        count: usize,
        results: *mut Raw,
        result_count: usize,
    ) -> Call<'gc> {
        Call {
            co,
            func,
            count,
            // SAFETY: the results lie on the same stack.
            results_at: unsafe { results.offset_from(func) } as usize,
            result_count,
            framed: true,
            next: Next::None,
            brand: PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn global(&self) -> &Global {
        // SAFETY: the global outlives its coroutines.
        unsafe { &*(*self.co).global }
    }

    /// # Safety
    /// No other reference into the global is in use.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the global is reached through a raw pointer; a call is its only user")]
    pub(crate) unsafe fn global_mut(&self) -> &mut Global {
        // SAFETY: the caller's contract.
        unsafe { &mut *(*self.co).global }
    }

    #[inline(always)]
    fn top(&self) -> *mut Raw {
        // SAFETY: the coroutine is alive.
        unsafe { (*self.co).top }
    }

    // Arguments

    /// Number of arguments.
    #[inline(always)]
    pub fn count(&self) -> usize {
        self.count
    }

    /// An argument; nil when absent.
    #[inline(always)]
    pub fn arg(&self, pos: usize) -> Value<'gc> {
        if pos.wrapping_sub(1) < self.count {
            // SAFETY: N1.
            Value::new(unsafe { value::read(self.func.add(pos)) })
        } else {
            Value::NIL
        }
    }

    /// The name of a value's type, as a string.
    pub fn type_name_of(&self, value: Value<'gc>) -> Value<'gc> {
        let name = self.global().type_names[value.raw.type_name_idx()];
        Value::new(Raw::object(STRING, name))
    }

    /// Replaces an argument, so that a value is kept across a call.
    ///
    /// # Panics
    /// When there is no such argument.
    pub fn set_arg(&mut self, pos: usize, value: Value<'gc>) {
        assert!(pos.wrapping_sub(1) < self.count, "the argument exists");
        // SAFETY: N1.
        unsafe { value::write(self.func.add(pos), value.raw) }
    }

    /// Cuts the arguments to `count`, or fills up with nil. Whatever was pushed is gone.
    pub fn set_count(&mut self, count: usize) {
        if count > self.count {
            let more = count - self.count;
            // SAFETY: N1; `push` makes room.
            unsafe { (*self.co).top = self.func.add(1 + self.count) };
            for _ in 0..more {
                self.push(Value::NIL);
            }
        }
        self.count = count;
        // SAFETY: as above.
        unsafe { (*self.co).top = self.func.add(1 + count) };
    }

    /// Adds an argument behind the others, so that a value is kept across calls. Whatever was pushed is gone.
    ///
    /// # Errors
    /// `stack overflow`, memory
    #[inline]
    pub fn append_arg(&mut self, value: Value<'gc>) -> Result<(), LuaError> {
        // SAFETY: N1; there is room for one more, or `reserve` makes it.
        unsafe {
            (*self.co).top = self.func.add(1 + self.count);
            if !RawCoroutine::has_room(self.co, self.top(), 1 + NATIVE_RESERVE) {
                self.reserve(1 + NATIVE_RESERVE)?;
            }
            value::write(self.top(), value.raw);
            (*self.co).top = self.top().add(1);
        }
        self.count += 1;
        Ok(())
    }

    /// An argument that must be there, nil included.
    ///
    /// # Errors
    /// `value expected`
    #[inline]
    pub fn check_any(&mut self, pos: usize) -> Result<Value<'gc>, LuaError> {
        if pos <= self.count { Ok(self.arg(pos)) } else { Err(self.arg_error(pos, "value expected")) }
    }

    /// An argument with an integer's value.
    ///
    /// # Errors
    /// `number expected, got …`, `number has no integer representation`
    #[inline]
    pub fn check_integer(&mut self, pos: usize) -> Result<i64, LuaError> {
        let value = self.arg(pos);
        if value.raw.tag == INTEGER {
            return Ok(value.raw.as_integer());
        }
        self.check_integer_slow(pos)
    }

    #[cold]
    fn check_integer_slow(&mut self, pos: usize) -> Result<i64, LuaError> {
        let value = self.arg(pos);
        match value.to_integer() {
            Some(integer) => Ok(integer),
            None if value.to_number().is_some() => Err(self.arg_error(pos, "number has no integer representation")),
            None => Err(self.type_error(pos, "number")),
        }
    }

    /// An argument with a number's value.
    ///
    /// # Errors
    /// `number expected, got …`
    #[inline]
    pub fn check_number(&mut self, pos: usize) -> Result<f64, LuaError> {
        match self.arg(pos).to_float() {
            Some(number) => Ok(number),
            None => Err(self.type_error(pos, "number")),
        }
    }

    /// An argument that is a string; a number becomes one, in place.
    ///
    /// # Errors
    /// `string expected, got …`, memory
    #[inline]
    pub fn check_string(&mut self, pos: usize) -> Result<Str<'gc>, LuaError> {
        let value = self.arg(pos);
        if let Some(string) = value.as_str() {
            return Ok(string);
        }
        if !value.raw.is_number() {
            return Err(self.type_error(pos, "string"));
        }
        let string = self.number_text(value)?;
        self.set_arg(pos, string);
        Ok(string.as_str().expect("the text of a number is a string"))
    }

    /// The text of a number as a string; the empty string for other values.
    ///
    /// # Errors
    /// Memory.
    pub fn number_text(&mut self, value: Value<'gc>) -> Result<Value<'gc>, LuaError> {
        let mut text = Vec::new();
        match value.as_number() {
            Some(Number::Integer(integer)) => number::format_integer(integer, &mut text),
            Some(Number::Float(float)) => number::format_float(float, &mut text),
            None => {}
        }
        self.string(&text)
    }

    /// An argument that is a table.
    ///
    /// # Errors
    /// `table expected, got …`
    #[inline]
    pub fn check_table(&mut self, pos: usize) -> Result<Table<'gc>, LuaError> {
        match self.arg(pos).as_table() {
            Some(table) => Ok(table),
            None => Err(self.type_error(pos, "table")),
        }
    }

    /// An argument that is a function.
    ///
    /// # Errors
    /// `function expected, got …`
    pub fn check_function(&mut self, pos: usize) -> Result<Value<'gc>, LuaError> {
        let value = self.arg(pos);
        if value.raw.is_function() { Ok(value) } else { Err(self.type_error(pos, "function")) }
    }

    /// An argument that is a coroutine.
    ///
    /// # Errors
    /// `coroutine expected`
    pub fn check_coroutine(&mut self, pos: usize) -> Result<Coroutine<'gc>, LuaError> {
        match self.arg(pos).as_coroutine() {
            Some(coroutine) => Ok(coroutine),
            None => Err(self.type_error(pos, "thread")),
        }
    }

    /// [`Call::check_integer`], or the default when the argument is absent or nil.
    ///
    /// # Errors
    /// As `check_integer`.
    #[inline]
    pub fn opt_integer(&mut self, pos: usize, default: i64) -> Result<i64, LuaError> {
        if self.arg(pos).is_nil() { Ok(default) } else { self.check_integer(pos) }
    }

    /// [`Call::check_number`], or the default when the argument is absent or nil.
    ///
    /// # Errors
    /// As `check_number`.
    pub fn opt_number(&mut self, pos: usize, default: f64) -> Result<f64, LuaError> {
        if self.arg(pos).is_nil() { Ok(default) } else { self.check_number(pos) }
    }

    /// [`Call::check_string`], or `None` when the argument is absent or nil.
    ///
    /// # Errors
    /// As `check_string`.
    pub fn opt_string(&mut self, pos: usize) -> Result<Option<Str<'gc>>, LuaError> {
        if self.arg(pos).is_nil() { Ok(None) } else { self.check_string(pos).map(Some) }
    }

    // Errors

    /// `bad argument #pos to 'name' (message)`
    #[cold]
    pub fn arg_error(&mut self, pos: usize, message: impl AsRef<[u8]>) -> LuaError {
        // SAFETY: N1.
        let (name, is_method) = unsafe { debug::native_name(self) };
        let message = message.as_ref();
        let mut pos = pos;
        if is_method {
            pos -= 1;
            if pos == 0 {
                return self.error([b"calling '", &name[..], b"' on bad self (", message, b")"].concat());
            }
        }
        let number = pos.to_string();
        self.error([b"bad argument #", number.as_bytes(), b" to '", &name, b"' (", message, b")"].concat())
    }

    /// `bad argument #pos to 'name' (expected expected, got type)`
    #[cold]
    pub fn type_error(&mut self, pos: usize, expected: &str) -> LuaError {
        let got = if pos > self.count {
            b"no value".to_vec()
        } else {
            // SAFETY: A1.
            unsafe { self.global().type_name_of(self.arg(pos).raw) }
        };
        self.arg_error(pos, [expected.as_bytes(), b" expected, got ", &got].concat())
    }

    /// An error with a message, and the position of the function that called the native in front.
    #[cold]
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> LuaError {
        let mut text = self.position(1);
        text.extend_from_slice(message.as_ref());
        match self.string(&text) {
            Ok(value) => self.error_value(value),
            Err(error) => error,
        }
    }

    /// An error message without a position, as the virtual machine's own errors are when a native causes them.
    #[cold]
    pub fn bare_error(&mut self, message: impl AsRef<[u8]>) -> LuaError {
        match self.string(message.as_ref()) {
            Ok(value) => self.error_value(value),
            Err(error) => error,
        }
    }

    /// An error with any value.
    #[cold]
    pub fn error_value(&mut self, value: Value<'gc>) -> LuaError {
        // SAFETY: A1: the global's slot is a root.
        unsafe { self.global_mut().error = value.raw };
        LuaError { kind: ErrorKind::Runtime }
    }

    /// The value of an error that goes no further.
    pub fn caught(&mut self, _error: LuaError) -> Value<'gc> {
        // SAFETY: A1.
        Value::new(unsafe { std::mem::replace(&mut self.global_mut().error, Raw::NIL) })
    }

    pub(super) fn memory_error(&mut self) -> LuaError {
        // SAFETY: A1.
        unsafe {
            let global = self.global_mut();
            global.error = RawStr::value(global.memory_message);
        }
        LuaError { kind: ErrorKind::Memory }
    }

    pub(super) fn key_error(&mut self, error: KeyError) -> LuaError {
        match error {
            KeyError::Nil => self.bare_error("table index is nil"),
            KeyError::NaN => self.bare_error("table index is NaN"),
            KeyError::Memory => self.memory_error(),
        }
    }

    /// `chunk:line: ` of the function at a level of the call stack, 0 being this native; empty for natives.
    pub fn position(&mut self, level: usize) -> Vec<u8> {
        // SAFETY: N1.
        unsafe { debug::position(self, level) }
    }

    /// A traceback of this coroutine, as `debug.traceback` makes it; level 0 is this native.
    pub fn traceback(&mut self, message: Option<&[u8]>, level: usize) -> Vec<u8> {
        // SAFETY: N1.
        unsafe {
            let running = if self.framed { None } else { Some(*self.func) };
            debug::traceback(self.co, running, message, level)
        }
    }

    /// Counts work that takes long against the budget: about one unit per few nanoseconds.
    ///
    /// # Errors
    /// `too much work in one call`, when the budget is overdrawn by the work limit.
    pub fn charge(&mut self, units: u64) -> Result<(), LuaError> {
        // SAFETY: A1.
        let global = unsafe { self.global_mut() };
        global.budget = global.budget.saturating_sub_unsigned(units);
        if global.budget < 0i64.saturating_sub_unsigned(global.work_limit) {
            return Err(self.bare_error("too much work in one call"));
        }
        Ok(())
    }

    /// Units of work that one native may do before it gives up, as set with [`State::set_work_limit`].
    ///
    /// [`State::set_work_limit`]: crate::State::set_work_limit
    pub fn work_limit(&self) -> u64 {
        self.global().work_limit
    }

    /// Refuses a buffer that would pass the memory limit.
    ///
    /// # Errors
    /// `not enough memory`
    pub fn check_size(&mut self, bytes: usize) -> Result<(), LuaError> {
        self.global().heap.check_room(bytes).map_err(|OutOfMemory| self.memory_error())
    }

    // Making values

    /// A string.
    ///
    /// # Errors
    /// Memory.
    #[inline]
    pub fn string(&mut self, bytes: &[u8]) -> Result<Value<'gc>, LuaError> {
        // SAFETY: A1.
        unsafe {
            let global = self.global_mut();
            global.budget -= string_work(bytes.len());
            match global.heap.string(bytes) {
                Ok(string) => Ok(Value::new(RawStr::value(string))),
                Err(OutOfMemory) => Err(self.memory_error()),
            }
        }
    }

    /// A table with room for so many list items and fields.
    ///
    /// # Errors
    /// Memory.
    pub fn table(&mut self, items: usize, fields: usize) -> Result<Table<'gc>, LuaError> {
        // SAFETY: A1.
        match unsafe { self.global_mut().heap.table_with(items, fields) } {
            Ok(raw) => Ok(Table { raw, brand: PhantomData }),
            Err(OutOfMemory) => Err(self.memory_error()),
        }
    }

    /// A native function with upvalues.
    ///
    /// # Errors
    /// Memory.
    ///
    /// # Panics
    /// With more than 255 upvalues.
    pub fn closure(&mut self, function: NativeFn, upvalues: &[Value<'gc>]) -> Result<Value<'gc>, LuaError> {
        assert!(upvalues.len() <= 255, "a closure has 255 upvalues at most");
        let upvalues: smallvec::SmallVec<[Raw; 8]> = upvalues.iter().map(|value| value.raw).collect();
        // SAFETY: A1.
        match unsafe { self.global_mut().heap.native_closure(function, &upvalues) } {
            Ok(raw) => Ok(Value::new(Raw::object(NATIVE_CLOSURE, raw))),
            Err(OutOfMemory) => Err(self.memory_error()),
        }
    }

    /// A userdata that owns a Rust value.
    ///
    /// # Errors
    /// Memory.
    pub fn userdata<T: 'static>(&mut self, data: T) -> Result<Userdata<'gc>, LuaError> {
        let data: Box<dyn Any> = Box::new(data);
        // SAFETY: A1.
        match unsafe { self.global_mut().heap.userdata(data) } {
            Ok(raw) => Ok(Userdata { raw, brand: PhantomData }),
            Err(OutOfMemory) => Err(self.memory_error()),
        }
    }

    /// The main function of a compiled chunk; its first upvalue is `env`, or the globals.
    ///
    /// # Errors
    /// Memory; `bad binary format` for a chunk that the verifier refuses, which no compiled source is.
    pub fn load(&mut self, chunk: &Chunk, env: Option<Value<'gc>>) -> Result<Value<'gc>, LuaError> {
        if let Err(error) = verify::verify(chunk) {
            let name = debug::chunk_id(&chunk.source);
            return Err(self.bare_error([&name[..], format!(": bad binary format ({error})").as_bytes()].concat()));
        }
        // SAFETY: A1; the chunk is verified.
        unsafe {
            let global = self.global_mut();
            let env = env.map_or(Raw::table(global.globals), |env| env.raw);
            let loaded = (|| {
                let proto = global.load(chunk)?;
                let parts = &(*proto).parts;
                let count = parts.upvalues.len();
                let closure = global.heap.closure(proto, count)?;
                for idx in 0..count {
                    let upvalue = global.heap.upvalue(std::ptr::null_mut())?;
                    if idx == 0 {
                        (*upvalue).closed = env;
                    }
                    *Closure::upvalue(closure, idx) = upvalue;
                }
                Ok(closure)
            })();
            match loaded {
                Ok(closure) => Ok(Value::new(Raw::object(CLOSURE, closure))),
                Err(OutOfMemory) => Err(self.memory_error()),
            }
        }
    }

    /// An upvalue of the native closure that runs; nil when there is none.
    #[inline]
    pub fn upvalue(&self, pos: usize) -> Value<'gc> {
        // SAFETY: N1.
        unsafe {
            match self.own_upvalue(pos) {
                Some(slot) => Value::new(*slot),
                None => Value::NIL,
            }
        }
    }

    /// Sets an upvalue of the native closure that runs.
    ///
    /// # Panics
    /// When there is none.
    pub fn set_upvalue(&mut self, pos: usize, value: Value<'gc>) {
        // SAFETY: N1.
        unsafe {
            let slot = self.own_upvalue(pos).expect("the upvalue exists");
            value::write(slot, value.raw);
            let closure = (*self.func).as_ptr::<Header>();
            self.global_mut().heap.barrier(closure, value.raw);
        }
    }

    unsafe fn own_upvalue(&self, pos: usize) -> Option<*mut Raw> {
        // SAFETY: N1.
        unsafe {
            let function = *self.func;
            if function.tag != NATIVE_CLOSURE {
                return None;
            }
            let closure = function.as_ptr::<NativeClosure>();
            (pos.wrapping_sub(1) < (*closure).upvalue_count as usize).then(|| NativeClosure::upvalue(closure, pos - 1))
        }
    }

    /// The table of globals.
    pub fn globals(&self) -> Table<'gc> {
        Table { raw: self.global().globals, brand: PhantomData }
    }

    /// The registry: a table scripts don't see.
    pub fn registry(&self) -> Table<'gc> {
        Table { raw: self.global().registry, brand: PhantomData }
    }

    /// A value's metatable.
    pub fn metatable(&self, value: Value<'gc>) -> Option<Table<'gc>> {
        // SAFETY: A1.
        let metatable = unsafe { self.global().metatable(value.raw) };
        (!metatable.is_null()).then_some(Table { raw: metatable, brand: PhantomData })
    }

    /// Sets a value's metatable: that of one table or userdata, or that of all values of its type.
    pub fn set_metatable(&mut self, value: Value<'gc>, metatable: Option<Table<'gc>>) {
        match value.kind() {
            Kind::Table(table) => table.set_metatable(self, metatable),
            Kind::Userdata(userdata) => userdata.set_metatable(self, metatable),
            _ => {
                let raw = metatable.map_or(std::ptr::null_mut(), |table| table.raw);
                // SAFETY: A1: the global's slots are roots.
                unsafe { self.global_mut().type_metatables[value.raw.type_idx()] = raw }
            }
        }
    }

    /// Tells which native `pairs` gives as its iterator, so that loops can run it without a call. It must behave as
    /// `next` does.
    pub fn set_next_function(&mut self, function: Value<'gc>) {
        // SAFETY: A1.
        unsafe { self.global_mut().next_function = function.raw.payload }
    }

    /// Gives a warning to whoever takes them; `@on` and `@off` say whether warnings are wanted, which at first they are
    /// not.
    pub fn warn(&mut self, text: &[u8]) {
        // SAFETY: A1.
        let global = unsafe { self.global_mut() };
        match text {
            b"@on" => global.warns = true,
            b"@off" => global.warns = false,
            // Other control messages are for other receivers.
            [b'@', ..] => {}
            _ => {
                if let Some(warn) = global.warn.filter(|_| global.warns) {
                    warn(text);
                }
            }
        }
    }

    /// Sets who takes warnings; `None` drops them.
    pub fn set_warn(&mut self, warn: Option<WarnFn>) {
        // SAFETY: A1.
        unsafe { self.global_mut().warn = warn }
    }

    /// A value's metamethod, or nil.
    pub fn metamethod(&self, value: Value<'gc>, event: &str) -> Value<'gc> {
        match self.metatable(value) {
            Some(metatable) => metatable.get_str(self, event.as_bytes()),
            None => Value::NIL,
        }
    }

    // Results

    /// No result.
    ///
    /// # Errors
    /// None; as all `ret…` methods it gives the native's answer.
    #[inline]
    pub fn ret0(&mut self) -> NativeResult {
        Ok(Outcome { kind: OutcomeKind::Pushed, count: 0 })
    }

    /// One result.
    ///
    /// # Errors
    /// None.
    #[inline(always)]
    pub fn ret1(&mut self, value: impl Into<Value<'gc>>) -> NativeResult {
        // SAFETY: N1: the function's own slot takes the result.
        unsafe { value::write(self.func, value.into().raw) };
        IN_PLACE
    }

    /// Two results.
    ///
    /// # Errors
    /// None.
    pub fn ret2(&mut self, first: impl Into<Value<'gc>>, second: impl Into<Value<'gc>>) -> NativeResult {
        self.push(first);
        self.push(second);
        self.ret_pushed(2)
    }

    /// Three results.
    ///
    /// # Errors
    /// None.
    pub fn ret3(
        &mut self,
        first: impl Into<Value<'gc>>,
        second: impl Into<Value<'gc>>,
        third: impl Into<Value<'gc>>,
    ) -> NativeResult {
        self.push(first);
        self.push(second);
        self.push(third);
        self.ret_pushed(3)
    }

    /// The arguments from a position on.
    ///
    /// # Errors
    /// None.
    pub fn ret_args(&mut self, from: usize) -> NativeResult {
        // SAFETY: N1.
        unsafe { (*self.co).top = self.func.add(1 + self.count) };
        self.ret_pushed((self.count + 1).saturating_sub(from))
    }

    /// Makes room for `count` pushes.
    ///
    /// # Errors
    /// `stack overflow`, memory.
    pub fn reserve(&mut self, count: usize) -> Result<(), LuaError> {
        // SAFETY: N1; the call's own pointer is corrected.
        unsafe {
            let top = self.top();
            if RawCoroutine::has_room(self.co, top, count) {
                return Ok(());
            }
            let offset = self.func.offset_from((*self.co).stack);
            let grown = RawCoroutine::grow(self.co, top, count, false);
            self.func = (*self.co).stack.offset(offset);
            match grown {
                Ok(_) => Ok(()),
                Err(StackError::Overflow) => Err(self.bare_error("stack overflow")),
                Err(StackError::Memory) => Err(self.memory_error()),
            }
        }
    }

    /// Pushes a value, to be returned or passed on.
    ///
    /// # Panics
    /// When more than 20 values are pushed without [`Call::reserve`] and the stack can't grow.
    #[inline]
    pub fn push(&mut self, value: impl Into<Value<'gc>>) {
        let value = value.into();
        // SAFETY: there is room, or `reserve` makes it.
        unsafe {
            if self.top() >= (*self.co).stack_end {
                assert!(self.reserve(NATIVE_RESERVE).is_ok(), "room for more values is reserved");
            }
            value::write(self.top(), value.raw);
            (*self.co).top = self.top().add(1);
        }
    }

    /// The last `count` values pushed.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// When fewer were pushed.
    #[inline]
    pub fn ret_pushed(&mut self, count: usize) -> NativeResult {
        // SAFETY: N1.
        let available = unsafe { self.top().offset_from(self.func) } as usize - 1;
        assert!(count <= available, "as many values were pushed");
        Ok(Outcome { kind: OutcomeKind::Pushed, count: count as u32 })
    }
}
