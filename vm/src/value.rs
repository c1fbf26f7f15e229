//! The value representation and the header every collected object starts with.
//!
//! A [`Raw`] is a payload word and a tag byte. It is `Copy`, holds integers, floats and natives unboxed, and objects as
//! raw pointers; whether such a pointer is alive is the collector's business (`gc`), so `Raw` stays inside this crate
//! and the safe face wraps it as `Value<'gc>`. Values are read and written as two fields, never as 16 bytes: a wide
//! load behind two narrow stores stalls, and a hash slot keeps other data in the bytes behind the tag.
//!
//! # Invariants
//! - V1. A tag from [`STRING`] on means that the payload is a pointer to an object of that kind.
//! - V2. Short strings are interned, so two of them are equal exactly when their pointers are.

use crate::bytecode::Constant;
use crate::number::Number;
use crate::string::Str;
use crate::table::Table;

pub(crate) const NIL: u8 = 0;
pub(crate) const FALSE: u8 = 1;
pub(crate) const TRUE: u8 = 2;
pub(crate) const INTEGER: u8 = 3;
pub(crate) const FLOAT: u8 = 4;
pub(crate) const LIGHT: u8 = 5;
/// A native function without upvalues; the payload is the function's address.
pub(crate) const NATIVE: u8 = 6;
/// A short string, interned. The first collected kind.
pub(crate) const STRING: u8 = 7;
/// A string longer than [`crate::string::SHORT_LEN_MAX`].
pub(crate) const LONG_STRING: u8 = 8;
pub(crate) const TABLE: u8 = 9;
pub(crate) const CLOSURE: u8 = 10;
pub(crate) const NATIVE_CLOSURE: u8 = 11;
pub(crate) const USERDATA: u8 = 12;
pub(crate) const COROUTINE: u8 = 13;
/// Kinds below are objects but never values.
pub(crate) const PROTO: u8 = 14;
pub(crate) const UPVALUE: u8 = 15;
/// Tag of a key whose entry is empty and whose object may be gone; only its address is looked at.
pub(crate) const DEAD_KEY: u8 = 16;
/// Kind of a block that holds no object.
pub(crate) const FREE: u8 = 0;

/// What every collected object starts with.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    /// Kind: one of the tags above.
    pub kind: u8,
    /// Colour bits, see `gc`.
    pub marked: u8,
}

/// A Lua value as the interpreter sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    /// Integer, float bits, address or object pointer.
    pub payload: u64,
    /// One of the tags above.
    pub tag: u8,
}

const _: () = assert!(size_of::<Raw>() == 16);

impl Raw {
    pub const NIL: Raw = Raw { payload: 0, tag: NIL };
    pub const TRUE: Raw = Raw { payload: 0, tag: TRUE };
    pub const FALSE: Raw = Raw { payload: 0, tag: FALSE };

    #[inline(always)]
    pub const fn boolean(value: bool) -> Raw {
        Raw { payload: 0, tag: FALSE + value as u8 }
    }

    #[inline(always)]
    pub const fn integer(value: i64) -> Raw {
        Raw { payload: value as u64, tag: INTEGER }
    }

    #[inline(always)]
    pub const fn float(value: f64) -> Raw {
        Raw { payload: value.to_bits(), tag: FLOAT }
    }

    #[inline(always)]
    pub fn number(value: Number) -> Raw {
        match value {
            Number::Integer(value) => Raw::integer(value),
            Number::Float(value) => Raw::float(value),
        }
    }

    #[inline(always)]
    pub fn object<T>(tag: u8, object: *mut T) -> Raw {
        Raw { payload: object as u64, tag }
    }

    #[inline(always)]
    pub fn table(table: *mut Table) -> Raw {
        Raw::object(TABLE, table)
    }

    #[inline(always)]
    pub fn is_nil(self) -> bool {
        self.tag == NIL
    }

    #[inline(always)]
    pub fn is_falsy(self) -> bool {
        self.tag <= FALSE
    }

    #[inline(always)]
    pub fn is_number(self) -> bool {
        self.tag == INTEGER || self.tag == FLOAT
    }

    #[inline(always)]
    pub fn is_string(self) -> bool {
        self.tag == STRING || self.tag == LONG_STRING
    }

    #[inline(always)]
    pub fn is_function(self) -> bool {
        matches!(self.tag, NATIVE | CLOSURE | NATIVE_CLOSURE)
    }

    #[inline(always)]
    pub fn is_object(self) -> bool {
        self.tag >= STRING
    }

    #[inline(always)]
    pub const fn as_integer(self) -> i64 {
        self.payload as i64
    }

    #[inline(always)]
    pub const fn as_float(self) -> f64 {
        f64::from_bits(self.payload)
    }

    #[inline(always)]
    pub fn as_ptr<T>(self) -> *mut T {
        self.payload as *mut T
    }

    /// The number, if it is one; no coercion.
    #[inline(always)]
    pub fn as_number(self) -> Option<Number> {
        match self.tag {
            INTEGER => Some(Number::Integer(self.as_integer())),
            FLOAT => Some(Number::Float(self.as_float())),
            _ => None,
        }
    }

    /// The name of the value's type, as `type` gives it.
    pub fn type_name(self) -> &'static str {
        TYPE_NAMES[self.type_name_idx()]
    }

    /// Index of the value's type among [`TYPE_NAMES`].
    pub fn type_name_idx(self) -> usize {
        match self.tag {
            NIL => 0,
            FALSE | TRUE => 1,
            INTEGER | FLOAT => 2,
            STRING | LONG_STRING => 3,
            TABLE => 4,
            NATIVE | CLOSURE | NATIVE_CLOSURE => 5,
            COROUTINE => 6,
            _ => 7,
        }
    }

    /// [`Raw::type_idx`] of strings.
    pub const STRING_TYPE: usize = 3;

    /// Index of the value's type among the metatables by type; `None` for tables and userdata, which have their own.
    pub fn type_idx(self) -> usize {
        match self.tag {
            NIL => 0,
            FALSE | TRUE => 1,
            INTEGER | FLOAT => 2,
            STRING | LONG_STRING => Raw::STRING_TYPE,
            NATIVE | CLOSURE | NATIVE_CLOSURE => 4,
            COROUTINE => 5,
            _ => 6,
        }
    }

    /// Primitive equality, as `rawequal`.
    #[inline(always)]
    pub fn raw_equal(self, other: Raw) -> bool {
        if self.tag == other.tag {
            match self.tag {
                NIL | FALSE | TRUE => true,
                FLOAT => self.as_float() == other.as_float(),
                LONG_STRING => Str::long_equal(self.as_ptr(), other.as_ptr()),
                _ => self.payload == other.payload,
            }
        } else {
            self.mixed_equal(other)
        }
    }

    fn mixed_equal(self, other: Raw) -> bool {
        match (self.tag, other.tag) {
            (INTEGER, FLOAT) => self.as_integer() as f64 == other.as_float() && int_survives(self.as_integer(), other),
            (FLOAT, INTEGER) => other.as_integer() as f64 == self.as_float() && int_survives(other.as_integer(), self),
            _ => false,
        }
    }
}

/// Whether the float holds exactly this integer, and not one that rounds to it.
fn int_survives(integer: i64, float: Raw) -> bool {
    crate::number::float_to_integer(float.as_float()) == Some(integer)
}

/// What `type` answers. ORDER: [`Raw::type_name_idx`].
pub(crate) const TYPE_NAMES: [&str; 8] =
    ["nil", "boolean", "number", "string", "table", "function", "thread", "userdata"];

/// Number of metatables by type: see [`Raw::type_idx`].
pub(crate) const TYPE_COUNT: usize = 7;

/// The value of a constant that is no string.
pub(crate) fn constant(constant: Constant) -> Option<Raw> {
    match constant {
        Constant::Nil => Some(Raw::NIL),
        Constant::Boolean(value) => Some(Raw::boolean(value)),
        Constant::Integer(value) => Some(Raw::integer(value)),
        Constant::Float(value) => Some(Raw::float(value)),
        Constant::String(_) => None,
    }
}

/// Writes a value field by field, so that nothing behind the tag is touched.
///
/// # Safety
/// `slot` is valid for writing eight bytes and a tag.
#[inline(always)]
pub(crate) unsafe fn write(slot: *mut Raw, value: Raw) {
    // SAFETY: the caller's contract.
    unsafe {
        (&raw mut (*slot).payload).write(value.payload);
        (&raw mut (*slot).tag).write(value.tag);
    }
}

/// Reads a value field by field.
///
/// # Safety
/// `slot` holds a value.
#[inline(always)]
pub(crate) unsafe fn read(slot: *const Raw) -> Raw {
    // SAFETY: the caller's contract.
    unsafe { Raw { payload: (&raw const (*slot).payload).read(), tag: (&raw const (*slot).tag).read() } }
}
