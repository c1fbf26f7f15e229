//! The safe face: what the other crates see of the virtual machine.
//!
//! A native function gets a [`Call`], the call in progress, and hands out [`Value`]s bound to its lifetime. No
//! collection runs while a native does, so values may be held freely until it returns; the lifetime keeps them from
//! outliving it. Whoever wants to keep a value longer makes a [`Root`]. A native that wants to call Lua ends, and says
//! in a [`Continuation`] where it goes on; see `call` for how that works without recursion. The embedder's side,
//! [`State`] and [`Task`], runs chains of coroutines until they finish, fail, yield, park, or use up their budget.
//!
//! # Invariants
//! - A1. A `Value<'gc>` is alive for `'gc`, which ends before the dispatch loop runs again.
//! - A2. All `Value`s in one `Call` belong to the same virtual machine: `'gc` is invariant and made anew for each call.
//! - A3. Positions are 1-based, as in Lua.

use crate::bytecode::Chunk;
use crate::call::ErrorKind;
use crate::closure::{Closure, NativeClosure, NativeFn};
use crate::coroutine::{self, Switch};
use crate::debug;
use crate::exec::{self, X};
use crate::gc::OutOfMemory;
use crate::metamethod::{self, Found, Stored};
use crate::number::{self, ArithError, ArithOp, Number};
use crate::stack::{Coroutine as RawCoroutine, NATIVE_RESERVE, ResumeKind, StackError, Status as RawStatus, Then};
use crate::state::{Event, Exit, Global, RootSlots, WarnFn};
use crate::string::Str as RawStr;
use crate::table::{KeyError, Table as RawTable};
use crate::userdata::Userdata as RawUserdata;
use crate::value::{
    self, CLOSURE, COROUTINE, FALSE, FLOAT, Header, INTEGER, LIGHT, LONG_STRING, NATIVE, NATIVE_CLOSURE, NIL, Raw,
    STRING, TABLE, TRUE, USERDATA,
};
use std::any::Any;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::rc::Rc;

/// Ties a value to one native call, invariantly (A2).
type Brand<'gc> = PhantomData<fn(&'gc ()) -> &'gc ()>;

/// What a native function answers.
pub type NativeResult = Result<Outcome, LuaError>;

/// How a native function ended. Made by the `ret…`, `invoke…` and similar methods of [`Call`].
#[derive(Debug)]
pub struct Outcome {
    pub(crate) kind: OutcomeKind,
    pub(crate) count: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum OutcomeKind {
    /// One result, written where the function was.
    InPlace,
    /// The last `count` values pushed.
    Pushed,
    /// `Call::next` says what to do.
    Next,
}

/// An error under way; its value lies in the state. Made by the error methods of [`Call`].
#[derive(Debug)]
pub struct LuaError {
    kind: ErrorKind,
}

const _: () = assert!(size_of::<LuaError>() == size_of::<usize>());

impl LuaError {
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Where a native goes on once the call it made is over. The arguments are still in place then; the results are in
/// [`Call::result`].
pub enum Continuation {
    /// A function, with all state in the arguments.
    Function(NativeFn),
    /// State that is no Lua value.
    State(Box<dyn Step>),
}

impl std::fmt::Debug for Continuation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Continuation::Function(_)) { "Function" } else { "State" })
    }
}

impl From<NativeFn> for Continuation {
    fn from(function: NativeFn) -> Self {
        Continuation::Function(function)
    }
}

impl<S: Step> From<Box<S>> for Continuation {
    fn from(state: Box<S>) -> Self {
        Continuation::State(state)
    }
}

impl Continuation {
    fn into_then(self) -> Then {
        match self {
            Continuation::Function(function) => Then::Function(function),
            Continuation::State(state) => Then::State(Box::into_raw(state)),
        }
    }
}

/// Rust state that lives across the calls a native makes: the output of a `gsub`, the positions of a `sort`.
pub trait Step: 'static {
    /// Goes on with the results of the call; to make another one, pass `self` on.
    ///
    /// # Errors
    /// As any native function.
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult;
}

/// What [`Call::next`] asks the caller to do.
pub(crate) enum Next {
    None,
    /// The answer is there: enter the continuation.
    Continue { then: Then },
    /// Call what was pushed behind the slots that are kept.
    Call { nargs: usize, then: Then, unyieldable: bool },
    Protected { with_handler: bool },
    Collect { result: Raw },
    Switch(Switch),
}

/// What `collectgarbage` is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GcAction {
    /// A full cycle; answers 0.
    Full,
    /// A step of so many KiB; answers whether a cycle ended.
    Step(usize),
    /// Stops the collector; answers 0.
    Stop,
    /// Restarts it; answers 0.
    Restart,
    /// Whether it runs.
    IsRunning,
    /// Incremental mode; answers the mode before. Zeros keep a parameter.
    Incremental { pause: i64, step_mul: i64, step_size: i64 },
    /// Generational mode; answers the mode before.
    Generational { minor_mul: i64, major_mul: i64 },
    /// Sets the pause; answers the one before.
    SetPause(i64),
    /// Sets the step multiplier; answers the one before.
    SetStepMul(i64),
}

/// State of a coroutine, as `coroutine.status` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Not started, or yielded.
    Suspended,
    /// The one that asks.
    Running,
    /// Resumed another one.
    Normal,
    /// Finished or failed.
    Dead,
}

/// A Lua value, bound to a native call.
#[derive(Clone, Copy)]
pub struct Value<'gc> {
    pub(crate) raw: Raw,
    brand: Brand<'gc>,
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind() {
            Kind::Nil => f.write_str("nil"),
            Kind::Boolean(value) => write!(f, "{value}"),
            Kind::Integer(value) => write!(f, "{value}"),
            Kind::Float(value) => write!(f, "{value:?}"),
            Kind::String(value) => write!(f, "{:?}", String::from_utf8_lossy(value.as_bytes())),
            _ => write!(f, "{}", self.type_name()),
        }
    }
}

/// A value by type.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'gc> {
    /// `nil`.
    Nil,
    /// `true` or `false`.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// An address that is no object.
    LightUserdata(usize),
    /// A string.
    String(Str<'gc>),
    /// A table.
    Table(Table<'gc>),
    /// A function, Lua or native.
    Function(Function<'gc>),
    /// A userdata.
    Userdata(Userdata<'gc>),
    /// A coroutine.
    Coroutine(Coroutine<'gc>),
}

macro_rules! handles {
    ($( $(#[$meta:meta])* $name:ident($raw:ty) = $tag:expr; )*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy)]
            pub struct $name<'gc> {
                pub(crate) raw: $raw,
                brand: Brand<'gc>,
            }

            impl std::fmt::Debug for $name<'_> {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    write!(f, concat!(stringify!($name), "({:?})"), Value::from(*self).address())
                }
            }

            impl<'gc> From<$name<'gc>> for Value<'gc> {
                fn from(handle: $name<'gc>) -> Value<'gc> {
                    let tag: fn($raw) -> Raw = $tag;
                    Value::new(tag(handle.raw))
                }
            }
        )*
    };
}

handles! {
    /// A string: any bytes.
    Str(*mut RawStr) = |raw| {
        // SAFETY: A1.
        unsafe { RawStr::value(raw) }
    };
    /// A table; all accesses are raw.
    Table(*mut RawTable) = |raw| Raw::table(raw);
    /// A function.
    Function(Raw) = |raw| raw;
    /// A userdata.
    Userdata(*mut RawUserdata) = |raw| Raw::object(USERDATA, raw);
    /// A coroutine.
    Coroutine(*mut RawCoroutine) = |raw| Raw::object(COROUTINE, raw);
}

impl<'gc> Value<'gc> {
    /// `nil`.
    pub const NIL: Value<'gc> = Value { raw: Raw::NIL, brand: PhantomData };

    pub(crate) fn new(raw: Raw) -> Value<'gc> {
        Value { raw, brand: PhantomData }
    }

    /// A boolean.
    pub fn boolean(value: bool) -> Self {
        Value::new(Raw::boolean(value))
    }

    /// An integer.
    #[inline]
    pub fn integer(value: i64) -> Self {
        Value::new(Raw::integer(value))
    }

    /// A float.
    #[inline]
    pub fn float(value: f64) -> Self {
        Value::new(Raw::float(value))
    }

    /// A number.
    pub fn number(value: Number) -> Self {
        Value::new(Raw::number(value))
    }

    /// A native function without upvalues.
    pub fn native(function: NativeFn) -> Self {
        Value::new(Raw { payload: function as *const () as u64, tag: NATIVE })
    }

    /// The value by type.
    #[inline]
    pub fn kind(self) -> Kind<'gc> {
        let brand = PhantomData;
        match self.raw.tag {
            NIL => Kind::Nil,
            FALSE => Kind::Boolean(false),
            TRUE => Kind::Boolean(true),
            INTEGER => Kind::Integer(self.raw.as_integer()),
            FLOAT => Kind::Float(self.raw.as_float()),
            LIGHT => Kind::LightUserdata(self.raw.payload as usize),
            STRING | LONG_STRING => Kind::String(Str { raw: self.raw.as_ptr(), brand }),
            TABLE => Kind::Table(Table { raw: self.raw.as_ptr(), brand }),
            NATIVE | CLOSURE | NATIVE_CLOSURE => Kind::Function(Function { raw: self.raw, brand }),
            USERDATA => Kind::Userdata(Userdata { raw: self.raw.as_ptr(), brand }),
            _ => Kind::Coroutine(Coroutine { raw: self.raw.as_ptr(), brand }),
        }
    }

    /// Whether it is `nil`.
    #[inline]
    pub fn is_nil(self) -> bool {
        self.raw.is_nil()
    }

    /// Whether it is neither `nil` nor `false`.
    #[inline]
    pub fn is_truthy(self) -> bool {
        !self.raw.is_falsy()
    }

    /// The number, if it is one.
    #[inline]
    pub fn as_number(self) -> Option<Number> {
        self.raw.as_number()
    }

    /// The string, if it is one.
    #[inline]
    pub fn as_str(self) -> Option<Str<'gc>> {
        self.raw.is_string().then(|| Str { raw: self.raw.as_ptr(), brand: PhantomData })
    }

    /// The table, if it is one.
    #[inline]
    pub fn as_table(self) -> Option<Table<'gc>> {
        (self.raw.tag == TABLE).then(|| Table { raw: self.raw.as_ptr(), brand: PhantomData })
    }

    /// The function, if it is one.
    pub fn as_function(self) -> Option<Function<'gc>> {
        self.raw.is_function().then_some(Function { raw: self.raw, brand: PhantomData })
    }

    /// The coroutine, if it is one.
    pub fn as_coroutine(self) -> Option<Coroutine<'gc>> {
        (self.raw.tag == COROUTINE).then(|| Coroutine { raw: self.raw.as_ptr(), brand: PhantomData })
    }

    /// The userdata, if it is one.
    pub fn as_userdata(self) -> Option<Userdata<'gc>> {
        (self.raw.tag == USERDATA).then(|| Userdata { raw: self.raw.as_ptr(), brand: PhantomData })
    }

    /// A number, or the number a string spells.
    pub fn to_number(self) -> Option<Number> {
        // SAFETY: A1.
        unsafe { metamethod::coerce_number(self.raw) }
    }

    /// An integer, or a float or string with an integer's value.
    #[inline]
    pub fn to_integer(self) -> Option<i64> {
        if self.raw.tag == INTEGER {
            return Some(self.raw.as_integer());
        }
        match self.to_number()? {
            Number::Integer(value) => Some(value),
            Number::Float(value) => number::float_to_integer(value),
        }
    }

    /// A number as a float, or the number a string spells.
    pub fn to_float(self) -> Option<f64> {
        match self.to_number()? {
            Number::Integer(value) => Some(value as f64),
            Number::Float(value) => Some(value),
        }
    }

    /// The type's name: `nil boolean number string table function userdata thread`.
    pub fn type_name(self) -> &'static str {
        self.raw.type_name()
    }

    /// Equality without metamethods.
    pub fn raw_equal(self, other: Value<'gc>) -> bool {
        self.raw.raw_equal(other.raw)
    }

    /// What tells an object from others, as `%p` shows it; 0 for values that are none.
    pub fn address(self) -> usize {
        if self.raw.is_object() || matches!(self.raw.tag, NATIVE | LIGHT) { self.raw.payload as usize } else { 0 }
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::integer(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Value::float(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::boolean(value)
    }
}

impl From<Number> for Value<'_> {
    fn from(value: Number) -> Self {
        Value::number(value)
    }
}

impl<'gc> Str<'gc> {
    /// The bytes.
    #[inline]
    pub fn as_bytes(self) -> &'gc [u8] {
        // SAFETY: A1, S1.
        unsafe { RawStr::bytes(self.raw) }
    }

    /// Length in bytes.
    #[inline]
    pub fn len(self) -> usize {
        // SAFETY: A1.
        unsafe { RawStr::len(self.raw) }
    }

    /// Whether it is the empty string.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl<'gc> Table<'gc> {
    /// The value of a key.
    pub fn get(self, call: &Call<'gc>, key: Value<'gc>) -> Value<'gc> {
        // SAFETY: A1, A2.
        unsafe { Value::new(value::read(RawTable::get(self.raw, key.raw, call.global().heap.interned.seed))) }
    }

    /// The value of an integer key.
    #[inline]
    pub fn get_integer(self, key: i64) -> Value<'gc> {
        // SAFETY: A1.
        unsafe { Value::new(value::read(RawTable::get_integer(self.raw, key))) }
    }

    /// The value of a string key.
    pub fn get_str(self, call: &Call<'gc>, key: &[u8]) -> Value<'gc> {
        // SAFETY: A1; making the key collects nothing.
        match unsafe { call.global_mut() }.heap.string(key) {
            Ok(string) => self.get(call, Str { raw: string, brand: PhantomData }.into()),
            Err(_) => Value::NIL,
        }
    }

    /// Sets a key.
    ///
    /// # Errors
    /// `table index is nil`, `table index is NaN`, memory.
    pub fn set(self, call: &mut Call<'gc>, key: Value<'gc>, value: Value<'gc>) -> Result<(), LuaError> {
        // SAFETY: A1, A2.
        let result = unsafe { call.global_mut().heap.table_set(self.raw, key.raw, value.raw) };
        result.map_err(|error| call.key_error(error))
    }

    /// Sets an integer key.
    ///
    /// # Errors
    /// Memory.
    #[inline]
    pub fn set_integer(self, call: &mut Call<'gc>, key: i64, value: Value<'gc>) -> Result<(), LuaError> {
        // SAFETY: A1, A2.
        unsafe {
            let idx = (key as u64).wrapping_sub(1);
            if idx < (*self.raw).array_len as u64 {
                value::write((*self.raw).array.add(idx as usize), value.raw);
                call.global_mut().heap.barrier_back(self.raw, value.raw);
                return Ok(());
            }
        }
        self.set(call, Value::integer(key), value)
    }

    /// Sets a string key.
    ///
    /// # Errors
    /// Memory.
    pub fn set_str(self, call: &mut Call<'gc>, key: &[u8], value: Value<'gc>) -> Result<(), LuaError> {
        let key = call.string(key)?;
        self.set(call, key, value)
    }

    /// A border: some `n` with `t[n]` set (or 0) and `t[n+1]` nil.
    pub fn raw_len(self) -> i64 {
        // SAFETY: A1.
        unsafe { RawTable::len(self.raw) }
    }

    /// The entry behind a key in traversal order; the first one for nil.
    ///
    /// # Errors
    /// `invalid key to 'next'`
    pub fn next(
        self,
        call: &mut Call<'gc>,
        key: Value<'gc>,
    ) -> Result<Option<(Value<'gc>, Value<'gc>)>, LuaError> {
        // SAFETY: A1, A2.
        unsafe {
            let seed = call.global().heap.interned.seed;
            match RawTable::position_after(self.raw, key.raw, seed) {
                Some(position) => Ok(RawTable::entry_from(self.raw, position)
                    .map(|(key, value, _)| (Value::new(key), Value::new(value)))),
                None => Err(call.bare_error("invalid key to 'next'")),
            }
        }
    }

    /// The metatable.
    pub fn metatable(self) -> Option<Table<'gc>> {
        // SAFETY: A1.
        let metatable = unsafe { (*self.raw).metatable };
        (!metatable.is_null()).then_some(Table { raw: metatable, brand: PhantomData })
    }

    /// Sets the metatable, and registers a finaliser if it has `__gc`.
    pub fn set_metatable(self, call: &mut Call<'gc>, metatable: Option<Table<'gc>>) {
        // SAFETY: A1, A2.
        unsafe {
            let raw = metatable.map_or(std::ptr::null_mut(), |table| table.raw);
            (*self.raw).metatable = raw;
            if !raw.is_null() {
                let global = call.global_mut();
                global.heap.barrier_back(self.raw, Raw::table(raw));
                if !global.fast_event(raw, Event::Gc).is_nil() {
                    global.heap.register_finalizer(self.raw.cast());
                }
            }
        }
    }

    /// Slots of the array part; each may hold nil.
    pub fn array_len(self) -> usize {
        // SAFETY: A1.
        unsafe { (*self.raw).array_len as usize }
    }

    /// Swaps two slots of the array part; false when one lies outside.
    pub fn swap_integers(self, i: i64, j: i64) -> bool {
        // SAFETY: A1, T1.
        unsafe {
            let len = (*self.raw).array_len as u64;
            let (i, j) = ((i as u64).wrapping_sub(1), (j as u64).wrapping_sub(1));
            if i >= len || j >= len {
                return false;
            }
            let (left, right) = ((*self.raw).array.add(i as usize), (*self.raw).array.add(j as usize));
            let value = value::read(left);
            value::write(left, value::read(right));
            value::write(right, value);
            true
        }
    }
}

impl<'gc> Coroutine<'gc> {
    /// What it is up to.
    pub fn status(self, _call: &Call<'gc>) -> Status {
        // SAFETY: A1.
        match unsafe { (*self.raw).status } {
            RawStatus::Fresh | RawStatus::Yielded => Status::Suspended,
            RawStatus::Running => Status::Running,
            RawStatus::Normal => Status::Normal,
            RawStatus::Dead => Status::Dead,
        }
    }
}

impl<'gc> Userdata<'gc> {
    /// The Rust value, if it has this type.
    pub fn downcast<T: 'static>(self, _call: &Call<'gc>) -> Option<&'gc T> {
        // SAFETY: A1: the box lives as long as the userdata, and only shared references to it are given out.
        unsafe { (*self.raw).data.downcast_ref() }
    }

    /// Sets the metatable, and registers a finaliser if it has `__gc`.
    pub fn set_metatable(self, call: &mut Call<'gc>, metatable: Option<Table<'gc>>) {
        // SAFETY: A1, A2.
        unsafe {
            let raw = metatable.map_or(std::ptr::null_mut(), |table| table.raw);
            (*self.raw).metatable = raw;
            if !raw.is_null() {
                let global = call.global_mut();
                global.heap.barrier(self.raw.cast::<Header>(), Raw::table(raw));
                if !global.fast_event(raw, Event::Gc).is_nil() {
                    global.heap.register_finalizer(self.raw.cast());
                }
            }
        }
    }
}

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

const NEXT: NativeResult = Ok(Outcome { kind: OutcomeKind::Next, count: 0 });
const IN_PLACE: NativeResult = Ok(Outcome { kind: OutcomeKind::InPlace, count: 1 });

impl<'gc> Call<'gc> {
    #[inline(always)]
    pub(crate) fn new(co: *mut RawCoroutine, func: *mut Raw, count: usize) -> Call<'gc> {
        Call {
            co,
            func,
            count,
            results_at: 0,
            result_count: 0,
            framed: false,
            next: Next::None,
            brand: PhantomData,
        }
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
            None if value.to_number().is_some() => {
                Err(self.arg_error(pos, "number has no integer representation"))
            }
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

    fn memory_error(&mut self) -> LuaError {
        // SAFETY: A1.
        unsafe {
            let global = self.global_mut();
            global.error = RawStr::value(global.memory_message);
        }
        LuaError { kind: ErrorKind::Memory }
    }

    fn key_error(&mut self, error: KeyError) -> LuaError {
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
    /// None today; natives that run long return whatever this does.
    pub fn charge(&mut self, units: u64) -> Result<(), LuaError> {
        // SAFETY: A1.
        let global = unsafe { self.global_mut() };
        global.budget = global.budget.saturating_sub_unsigned(units);
        Ok(())
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
            match self.global_mut().heap.string(bytes) {
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
    /// Memory.
    pub fn load(&mut self, chunk: &Chunk, env: Option<Value<'gc>>) -> Result<Value<'gc>, LuaError> {
        // SAFETY: A1.
        unsafe {
            let global = self.global_mut();
            let env = env.map_or(Raw::table(global.globals), |env| env.raw);
            let loaded = (|| {
                let proto = global.load(chunk)?;
                let count = (&(*proto).parts.upvalues).len();
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
            (pos.wrapping_sub(1) < (*closure).upvalue_count as usize)
                .then(|| NativeClosure::upvalue(closure, pos - 1))
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

    /// Sets the metatable that all strings share.
    pub fn set_string_metatable(&mut self, metatable: Table<'gc>) {
        // SAFETY: A1: the global's slots are roots.
        unsafe { self.global_mut().type_metatables[Raw::object(STRING, metatable.raw).type_idx()] = metatable.raw }
    }

    /// Tells which native `pairs` gives as its iterator, so that loops can run it without a call. It must behave as
    /// `next` does.
    pub fn set_next_function(&mut self, function: Value<'gc>) {
        // SAFETY: A1.
        unsafe { self.global_mut().next_function = function.raw.payload }
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

    // Calls

    /// Calls a value; the native ends, and `then` is entered with the results. Code that runs meanwhile can't yield.
    ///
    /// # Errors
    /// None here; those of the call pass the native by.
    pub fn invoke(
        &mut self,
        function: Value<'gc>,
        args: &[Value<'gc>],
        then: impl Into<Continuation>,
    ) -> NativeResult {
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
    pub fn index_then(
        &mut self,
        object: Value<'gc>,
        key: Value<'gc>,
        then: impl Into<Continuation>,
    ) -> NativeResult {
        // SAFETY: A1.
        match unsafe { metamethod::lookup(self.global(), object.raw, key.raw) } {
            Found::Value(found) => self.answer(Value::new(found), then.into()),
            Found::Call { function, object } => {
                self.invoke(Value::new(function), &[Value::new(object), key], then)
            }
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
        // SAFETY: A1.
        unsafe {
            let global = (*self.co).global;
            match RawCoroutine::new(&mut (*global).heap, global, function.raw) {
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
        match coroutine.status(self) {
            Status::Running => Err(self.error("cannot close a running coroutine")),
            Status::Normal => Err(self.error("cannot close a normal coroutine")),
            Status::Suspended | Status::Dead => {
                self.next = Next::Switch(Switch::Close { co: coroutine.raw });
                NEXT
            }
        }
    }

    /// What `collectgarbage` does, except for `count`.
    ///
    /// # Errors
    /// None.
    pub fn collect(&mut self, action: GcAction) -> NativeResult {
        // SAFETY: A1.
        let heap = unsafe { &mut self.global_mut().heap };
        let percent = |value: i64| usize::try_from(value).unwrap_or(0);
        match action {
            GcAction::Full | GcAction::Step(_) => {
                let is_step = matches!(action, GcAction::Step(_));
                let result = if is_step { Raw::TRUE } else { Raw::integer(0) };
                self.next = Next::Collect { result };
                NEXT
            }
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
            GcAction::Incremental { .. } | GcAction::Generational { .. } => {
                let before: &[u8] = if heap.generational { b"generational" } else { b"incremental" };
                heap.generational = matches!(action, GcAction::Generational { .. });
                if let GcAction::Incremental { pause, step_mul, step_size } = action {
                    if pause != 0 {
                        heap.pause = percent(pause);
                    }
                    if step_mul != 0 {
                        heap.step_mul = percent(step_mul);
                    }
                    if step_size != 0 {
                        heap.step_size = 1usize << step_size.clamp(0, 40);
                    }
                }
                let before = self.string(before)?;
                self.ret1(before)
            }
            GcAction::SetPause(pause) => {
                let before = std::mem::replace(&mut heap.pause, percent(pause));
                self.ret1(before as i64)
            }
            GcAction::SetStepMul(step_mul) => {
                let before = std::mem::replace(&mut heap.step_mul, percent(step_mul));
                self.ret1(before as i64)
            }
        }
    }

    /// Bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.global().heap.bytes
    }

    // Outliving the call

    /// Keeps a value alive beyond the call.
    pub fn root(&self, value: Value<'gc>) -> Root {
        let mut roots = self.global().roots.borrow_mut();
        let slot = match roots.free.pop() {
            Some(slot) => {
                roots.slots[slot] = value.raw;
                slot
            }
            None => {
                roots.slots.push(value.raw);
                roots.slots.len() - 1
            }
        };
        Root { slot, roots: Rc::clone(&self.global().roots) }
    }

    /// The value a root keeps.
    ///
    /// # Panics
    /// With a root of another virtual machine.
    pub fn rooted(&self, root: &Root) -> Value<'gc> {
        assert!(Rc::ptr_eq(&root.roots, &self.global().roots), "the root belongs to this virtual machine");
        Value::new(self.global().roots.borrow().slots[root.slot])
    }
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

/// Keeps a value alive until it is dropped.
#[derive(Debug)]
pub struct Root {
    slot: usize,
    roots: Rc<RefCell<RootSlots>>,
}

impl Drop for Root {
    fn drop(&mut self) {
        let mut roots = self.roots.borrow_mut();
        roots.slots[self.slot] = Raw::NIL;
        roots.free.push(self.slot);
    }
}

/// A virtual machine.
#[derive(Debug)]
pub struct State {
    global: Box<Global>,
}

/// A chain of coroutines that runs, parks and goes on as one.
#[derive(Debug)]
pub struct Task {
    /// The innermost coroutine, while the task is suspended. It keeps the chain of its resumers alive.
    innermost: Root,
    started: bool,
    preempted: bool,
}

/// What became of a task that was run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// Its function returned; see [`State::results`].
    Finished,
    /// An error reached its start; see [`State::results`].
    Failed,
    /// Its first coroutine yielded; see [`State::results`]. Go on with [`State::resume`].
    Yielded,
    /// A native parked it. Go on with [`State::resume`], whose values become the native's results.
    Parked,
    /// The budget is used up. Go on with [`State::resume`] without values.
    Preempted,
}

/// There is no memory for a new state or task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEnoughMemory;

impl std::fmt::Display for NotEnoughMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not enough memory")
    }
}

impl std::error::Error for NotEnoughMemory {}

impl State {
    /// A fresh virtual machine without any library. Its hash seed is random unless one is given.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(seed: Option<u64>) -> Result<State, NotEnoughMemory> {
        let seed = seed.unwrap_or_else(random_seed);
        Ok(State { global: Global::new(seed).map_err(|OutOfMemory| NotEnoughMemory)? })
    }

    /// Runs Rust code that needs values, as a native would.
    pub fn enter<R>(&mut self, body: impl for<'gc> FnOnce(&mut Call<'gc>) -> R) -> R {
        let co = self.global.main;
        // SAFETY: the main coroutine's stack above its top is free, and `current` is suspended: nothing runs.
        unsafe {
            let top = RawCoroutine::position(co, (*co).top);
            let mut func = (*co).top;
            if !RawCoroutine::has_room(co, func, 2 + NATIVE_RESERVE) {
                func = RawCoroutine::grow(co, func, 2 + NATIVE_RESERVE, true).expect("the main stack is small");
            }
            value::write(func, Raw::NIL);
            (*co).top = func.add(1);
            let result = body(&mut Call::new(co, func, 0));
            (*co).top = (*co).stack.add(top as usize);
            result
        }
    }

    /// Limits the memory, in bytes; more is the Lua error "not enough memory".
    pub fn set_memory_limit(&mut self, bytes: usize) {
        let heap = &mut self.global.heap;
        heap.hard_limit = bytes;
        heap.threshold = heap.threshold.min((heap.bytes + bytes) / 2);
    }

    /// Bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.global.heap.bytes
    }

    /// A task that will call a function. With `main` it runs on the main coroutine, which can't yield.
    ///
    /// # Errors
    /// When there is no memory for it.
    ///
    /// # Panics
    /// When a main task is under way.
    pub fn task(&mut self, function: &Root, main: bool) -> Result<Task, NotEnoughMemory> {
        let function = self.enter(|call| call.rooted(function).raw);
        let global: *mut Global = &mut *self.global;
        // SAFETY: the function is rooted.
        unsafe {
            let co = if main {
                let co = self.global.main;
                assert!((*co).status == RawStatus::Dead, "one main task at a time");
                (*co).frame = (*co).frames;
                value::write((*co).stack.add(1), function);
                (*co).top = (*co).stack.add(2);
                (*co).status = RawStatus::Fresh;
                co
            } else {
                RawCoroutine::new(&mut self.global.heap, global, function).map_err(|OutOfMemory| NotEnoughMemory)?
            };
            let value = Raw::object(COROUTINE, co);
            let innermost = self.enter(|call| call.root(Value::new(value)));
            Ok(Task { innermost, started: false, preempted: false })
        }
    }

    /// Starts a task, or goes on with one that yielded, was parked or preempted. `values` become the arguments of its
    /// function, or the results of the call that suspended it. `budget` bounds the calls, backward jumps and charged
    /// work until it is preempted.
    ///
    /// # Panics
    /// When the task has ended.
    pub fn resume(&mut self, task: &mut Task, values: &[Root], budget: u64) -> Run {
        let values: Vec<Raw> = values.iter().map(|root| self.enter(|call| call.rooted(root).raw)).collect();
        let co = self.enter(|call| call.rooted(&task.innermost).raw).as_ptr::<RawCoroutine>();
        self.global.budget = i64::try_from(budget).unwrap_or(i64::MAX);
        let preempted = task.started && task.preempted;
        // SAFETY: the coroutine is rooted by the task; the values are rooted by the caller.
        unsafe {
            assert!((*co).status != RawStatus::Dead, "the task has not ended");
            task.preempted = false;
            let x = if !task.started {
                task.started = true;
                (*co).status = RawStatus::Running;
                self.global.current = co;
                self.global.heap.touch_coroutine(co);
                coroutine::start(co, values.as_ptr(), values.len())
            } else if preempted {
                (*co).status = RawStatus::Running;
                self.global.current = co;
                self.global.heap.touch_coroutine(co);
                X::reload(co)
            } else {
                coroutine::unpark(co, &values)
            };
            if !x.is_halt() {
                x.save();
                exec::run(x.co);
            }
        }
        self.ended(task)
    }

    fn ended(&mut self, task: &mut Task) -> Run {
        let current = Raw::object(COROUTINE, self.global.current);
        task.innermost = self.enter(|call| call.root(Value::new(current)));
        match self.global.exit {
            Exit::Finished { .. } => Run::Finished,
            Exit::Failed => Run::Failed,
            Exit::Yielded { .. } => Run::Yielded,
            Exit::Parked => Run::Parked,
            Exit::Preempted => {
                // SAFETY: the coroutine is the current one.
                unsafe { (*self.global.current).status = RawStatus::Yielded };
                task.preempted = true;
                Run::Preempted
            }
        }
    }

    /// What the task that ran last gave: the results of its function, the values it yielded, or the one error value.
    pub fn results(&mut self) -> Vec<Root> {
        let global: *mut Global = &mut *self.global;
        self.enter(|call| {
            // SAFETY: the values lie on the stack of the coroutine that ran last, below its top.
            unsafe {
                let co = (*global).current;
                match (*global).exit {
                    Exit::Failed => vec![call.root(Value::new((*global).error))],
                    Exit::Finished { count } => {
                        let first = (*co).stack.add(1);
                        (0..count).map(|idx| call.root(Value::new(*first.add(idx)))).collect()
                    }
                    Exit::Yielded { count } => {
                        let first = (*co).top.sub(count);
                        (0..count).map(|idx| call.root(Value::new(*first.add(idx)))).collect()
                    }
                    Exit::Parked | Exit::Preempted => Vec::new(),
                }
            }
        })
    }

    /// Runs the finalisers of all objects that have one; the state is about to go.
    pub fn close(&mut self) {
        self.global.heap.finalize_all();
        let run: NativeFn = |call| call.collect(GcAction::Full);
        let function = self.enter(|call| {
            let function = Value::native(run);
            call.root(function)
        });
        // A failed main task has left its frames; they are of no use any more.
        // SAFETY: nothing runs.
        unsafe { (*self.global.main).status = RawStatus::Dead };
        if let Ok(mut task) = self.task(&function, true) {
            self.resume(&mut task, &[], i64::MAX as u64);
        }
    }

    /// Walks the heap and asserts its invariants; for tests.
    pub fn check(&self) {
        self.global.heap.check();
    }
}

fn random_seed() -> u64 {
    // Without a random source the addresses the system chose must do.
    getrandom::u64().unwrap_or_else(|_| Box::into_raw(Box::new(0u8)) as u64)
}

/// An error in a finaliser becomes a warning.
pub(crate) fn warn_finalizer_error(global: &mut Global, error: Raw) {
    let Some(warn) = global.warn else { return };
    let text = if error.is_string() {
        // SAFETY: the error's value is alive.
        unsafe { RawStr::bytes(error.as_ptr()).to_vec() }
    } else {
        b"error object is not a string".to_vec()
    };
    warn(&[b"error in __gc (", &text[..], b")"].concat());
}
