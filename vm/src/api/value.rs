//! Values as other crates see them, and what can be done with one by itself.

use super::{Brand, Call, LuaError, Status};
use crate::closure::NativeFn;
use crate::metamethod;
use crate::number::{self, Number};
use crate::stack::{Coroutine as RawCoroutine, Status as RawStatus};
use crate::state::Event;
use crate::string::Str as RawStr;
use crate::table::Table as RawTable;
use crate::userdata::Userdata as RawUserdata;
use crate::value::{
    self, CLOSURE, COROUTINE, FALSE, FLOAT, Header, INTEGER, LIGHT, LONG_STRING, NATIVE, NATIVE_CLOSURE, NIL, Raw,
    STRING, TABLE, TRUE, USERDATA,
};
use std::marker::PhantomData;

/// A Lua value, bound to a native call.
#[derive(Clone, Copy)]
pub struct Value<'gc> {
    pub(crate) raw: Raw,
    pub(super) brand: Brand<'gc>,
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
                pub(super) brand: Brand<'gc>,
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

    /// An address that is no object.
    pub fn light_userdata(address: usize) -> Self {
        Value::new(Raw { payload: address as u64, tag: LIGHT })
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
    pub fn next(self, call: &mut Call<'gc>, key: Value<'gc>) -> Result<Option<(Value<'gc>, Value<'gc>)>, LuaError> {
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
            RawStatus::Fresh | RawStatus::Yielded | RawStatus::Parked => Status::Suspended,
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

    /// The Lua value that lives as long as the userdata; nil unless it was set.
    pub fn user_value(self, _call: &Call<'gc>) -> Value<'gc> {
        // SAFETY: A1.
        unsafe { Value::new((*self.raw).user_value) }
    }

    /// Sets the value that lives as long as the userdata.
    pub fn set_user_value(self, call: &mut Call<'gc>, value: Value<'gc>) {
        // SAFETY: A1, A2.
        unsafe {
            (*self.raw).user_value = value.raw;
            call.global_mut().heap.barrier(self.raw.cast::<Header>(), value.raw);
        }
    }

    /// Tells how many bytes the Rust value owns elsewhere, so that they count as memory of the machine.
    ///
    /// # Errors
    /// `not enough memory`; the number is kept all the same.
    pub fn set_extra_bytes(self, call: &mut Call<'gc>, bytes: usize) -> Result<(), LuaError> {
        // SAFETY: A1.
        let before = unsafe { std::mem::replace(&mut (*self.raw).extra_bytes, bytes) };
        // SAFETY: A1.
        let heap = unsafe { &mut call.global_mut().heap };
        heap.charge_growth(bytes as isize - before as isize);
        call.check_size(0)
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
