//! Functions: loaded prototypes, Lua closures, native closures, upvalues.
//!
//! A [`LoadedProto`] is a compiled function whose strings are interned and whose constants are values. A [`Closure`] is
//! one with its upvalues. An [`Upvalue`] points into a stack while its variable lives there (open), and at its own
//! field afterwards (closed), so that access is one indirection either way.
//!
//! # Invariants
//! - C1. `Upvalue::slot` points into the stack of the coroutine whose list holds it, or at `closed` of the same object.
//! - C2. A closure has as many upvalues as its prototype says; slots are null only while the closure is being made.

use crate::bytecode::Instruction;
use crate::string::Str;
use crate::value::{Header, Raw};
use std::ptr;

/// A native function: gets the call in progress, answers what is to happen next.
pub type NativeFn = for<'a, 'gc> fn(&'a mut crate::api::Call<'gc>) -> crate::api::NativeResult;

/// A local variable's debug record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub name: *mut Str,
    pub start_pc: u32,
    pub end_pc: u32,
}

/// Where an upvalue comes from, and its name (null when stripped).
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpvalueSource {
    pub name: *mut Str,
    pub in_stack: bool,
    pub idx: u8,
}

/// A compiled function, loaded.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct LoadedProto {
    pub header: Header,
    pub num_params: u8,
    pub is_vararg: bool,
    pub stack_len_max: u8,
    pub line_defined: u32,
    pub last_line_defined: u32,
    /// First instruction and first constant, as the interpreter wants them; they point into the boxes below.
    pub code: *mut Instruction,
    pub constants: *const Raw,
    pub parts: Box<ProtoParts>,
}

/// What the interpreter's hot paths don't touch.
#[derive(Debug)]
pub(crate) struct ProtoParts {
    pub code: Box<[Instruction]>,
    pub constants: Box<[Raw]>,
    pub lines: Box<[u32]>,
    pub protos: Box<[*mut LoadedProto]>,
    pub upvalues: Box<[UpvalueSource]>,
    pub locals: Box<[Local]>,
    pub source: *mut Str,
}

impl ProtoParts {
    /// Bytes of the boxes, for the collector's books.
    pub fn bytes(&self) -> usize {
        size_of::<ProtoParts>()
            + size_of_val(&*self.code)
            + size_of_val(&*self.constants)
            + size_of_val(&*self.lines)
            + size_of_val(&*self.protos)
            + size_of_val(&*self.upvalues)
            + size_of_val(&*self.locals)
    }
}

/// A Lua function with its upvalues, which follow the struct.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Closure {
    pub header: Header,
    pub upvalue_count: u8,
    pub proto: *mut LoadedProto,
    pub upvalues: [*mut Upvalue; 0],
}

impl Closure {
    pub const fn bytes(upvalue_count: usize) -> usize {
        size_of::<Closure>() + upvalue_count * size_of::<*mut Upvalue>()
    }

    /// Address of an upvalue's slot in the closure.
    ///
    /// # Safety
    /// `idx` is below the closure's upvalue count.
    #[inline(always)]
    pub unsafe fn upvalue(this: *mut Closure, idx: usize) -> *mut *mut Upvalue {
        // SAFETY: the caller's contract; the upvalues follow the struct.
        unsafe { (&raw mut (*this).upvalues).cast::<*mut Upvalue>().add(idx) }
    }
}

/// A native function with upvalues, which follow the struct.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct NativeClosure {
    pub header: Header,
    pub upvalue_count: u8,
    pub function: NativeFn,
    pub upvalues: [Raw; 0],
}

impl NativeClosure {
    pub const fn bytes(upvalue_count: usize) -> usize {
        size_of::<NativeClosure>() + upvalue_count * size_of::<Raw>()
    }

    /// Address of an upvalue.
    ///
    /// # Safety
    /// `idx` is below the closure's upvalue count.
    #[inline(always)]
    pub unsafe fn upvalue(this: *mut NativeClosure, idx: usize) -> *mut Raw {
        // SAFETY: the caller's contract; the upvalues follow the struct.
        unsafe { (&raw mut (*this).upvalues).cast::<Raw>().add(idx) }
    }
}

/// A captured variable.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Upvalue {
    pub header: Header,
    pub slot: *mut Raw,
    /// The value once closed; while open its words are not used.
    pub closed: Raw,
    /// Next open upvalue of the coroutine, further down its stack.
    pub next: *mut Upvalue,
    /// What points at this one in that list; null once closed.
    pub previous: *mut *mut Upvalue,
}

impl Upvalue {
    /// Whether the variable still lives on a stack.
    ///
    /// # Safety
    /// `this` is a live upvalue.
    #[inline(always)]
    pub unsafe fn is_open(this: *const Upvalue) -> bool {
        // SAFETY: the caller's contract.
        unsafe { !ptr::eq((*this).slot, &raw const (*this).closed) }
    }

    /// Takes an open upvalue out of its coroutine's list.
    ///
    /// # Safety
    /// `this` is open.
    pub unsafe fn unlink(this: *mut Upvalue) {
        // SAFETY: C1: the list's neighbours are alive, since a dead one is unlinked before it is freed.
        unsafe {
            *(*this).previous = (*this).next;
            if !(*this).next.is_null() {
                (*(*this).next).previous = (*this).previous;
            }
        }
    }
}
