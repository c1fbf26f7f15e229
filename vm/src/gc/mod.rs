//! The heap: allocation, books, and an incremental tri-colour mark-and-sweep collector that never moves an object.
//!
//! A cycle marks from the roots in slices, finishes in one atomic step (stacks that ran, weak tables, finalisers), and
//! sweeps page by page. It advances only at **safe points** of the dispatch loop, when every live value lies in a
//! register below the given limit, in an object reachable from the roots, or in a root slot. Native functions never
//! meet a collection, so a value they hold stays alive until they return:
//!
//! - wrong: keeping a `Raw` in a Rust variable across something that runs the dispatch loop;
//! - right: leaving it in a stack slot below the top, an upvalue, a table, or a `Root`.
//!
//! # Invariants
//! - G1. While marking, no black object points to a white one. Writers to tables call [`Heap::barrier_back`], writers
//!   to other objects [`Heap::barrier`]. Stacks have no barrier: a coroutine that may run is gray until the atomic
//!   step.
//! - G2. A suspended coroutine that was scanned is black; resuming it makes it gray again.
//! - G3. While sweeping, an object of the other white is dead; new ones have the current white.
//! - G4. `bytes` counts blocks and what the objects own besides; it never goes below what is allocated.
//! - G5. An object with a finaliser is in `finalizable` or `to_finalize`, once.

mod generational;
mod mark;
mod pages;
mod sweep;

use crate::closure::{Closure, LoadedProto, NativeClosure, NativeFn, ProtoParts, Upvalue};
use crate::stack::Coroutine;
use crate::string::{self, DATA_OFFSET, Interned, Link, SHORT_LEN_MAX, Str};
use crate::table::{Growth, KeyError, Table};
use crate::userdata::Userdata;
use crate::value::{
    CLOSURE, COROUTINE, Header, LONG_STRING, NATIVE_CLOSURE, PROTO, Raw, STRING, TABLE, UPVALUE, USERDATA,
};
use pages::{BLOCK_LEN_MAX, Pages};
use std::alloc::{Layout, alloc};
use std::collections::VecDeque;
use std::ptr;

/// The two whites: one is current, the other is dead while sweeping.
const WHITES: u8 = 0b011;
const BLACK: u8 = 0b100;
/// The object has a `__gc` finaliser, and is in one of the heap's lists of such.
pub(crate) const HAS_FINALIZER: u8 = 0b1000;
/// The object is in `gray_again`.
const GRAY_AGAIN: u8 = 0b1_0000;

/// Where a cycle stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Nothing going on; the next step marks the roots.
    Pause,
    /// Marking in slices.
    Mark,
    /// Sweeping pages, from the last to the first.
    SweepPages,
    /// Sweeping the objects that have no page.
    SweepLarge,
}

/// No memory, or the hard limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OutOfMemory;

/// Objects, their memory, and the collector's state.
pub(crate) struct Heap {
    pages: Pages,
    large: Vec<*mut Header>,
    pub interned: Interned,
    /// Bytes in use (G4).
    pub bytes: usize,
    /// At this many bytes the next safe point works for the collector.
    pub threshold: usize,
    /// More is "not enough memory".
    pub hard_limit: usize,
    white: u8,
    phase: Phase,
    gray: Vec<*mut Header>,
    gray_again: Vec<*mut Header>,
    /// Old objects that may refer to young ones without having changed since the last young collection (Y2).
    carried: Vec<*mut Header>,
    weak_values: Vec<*mut Table>,
    ephemerons: Vec<*mut Table>,
    all_weak: Vec<*mut Table>,
    open_upvalues: Vec<*mut Upvalue>,
    /// Objects with a finaliser, in the order they got it.
    finalizable: Vec<*mut Header>,
    /// Unreachable ones whose finaliser is due, first come first.
    pub to_finalize: VecDeque<*mut Header>,
    sweep_idx: usize,
    /// Bytes that were in use after the last cycle.
    estimate: usize,
    /// The name `__mode`, once it is interned.
    pub mode_name: *mut Str,
    /// Whether `collectgarbage("stop")` holds.
    pub stopped: bool,
    /// The state closes: no object gets a finaliser any more, or they might never end.
    pub closing: bool,
    /// Whether a finaliser runs, which holds back further ones.
    pub finalizing: bool,
    /// Percentage of `estimate` at which a new cycle starts.
    pub pause: usize,
    /// Work per allocated byte, in percent.
    pub step_mul: usize,
    /// Bytes between two steps.
    pub step_size: usize,
    /// Whether collections are young or full ones, in one go each, in place of incremental cycles.
    pub generational: bool,
    /// Percentage of the heap that has to come before a young collection.
    pub minor_mul: usize,
    /// Percentage of `estimate` that has to come before a full one.
    pub major_mul: usize,
    /// Young collections since the last full one.
    young_count: usize,
    /// How many objects at the start of `finalizable` are old (Y4).
    old_finalizable: usize,
    /// How many objects at the start of `large` are old (Y4).
    old_large: usize,
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Heap").field("bytes", &self.bytes).field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Heap {
    pub fn new(seed: u64) -> Heap {
        Heap {
            pages: Pages::new(),
            large: Vec::new(),
            interned: Interned::new(seed),
            bytes: 0,
            threshold: if cfg!(feature = "stress") { 0 } else { 256 * 1024 },
            hard_limit: usize::MAX,
            white: 0b01,
            phase: Phase::Pause,
            gray: Vec::new(),
            gray_again: Vec::new(),
            carried: Vec::new(),
            weak_values: Vec::new(),
            ephemerons: Vec::new(),
            all_weak: Vec::new(),
            open_upvalues: Vec::new(),
            finalizable: Vec::new(),
            to_finalize: VecDeque::new(),
            sweep_idx: 0,
            estimate: 0,
            mode_name: ptr::null_mut(),
            stopped: false,
            closing: false,
            finalizing: false,
            pause: 200,
            step_mul: 100,
            step_size: 1 << 13,
            generational: false,
            minor_mul: 20,
            major_mul: 100,
            young_count: 0,
            old_finalizable: 0,
            old_large: 0,
        }
    }

    /// A fresh white block for an object of this kind. The caller fills in everything but the header.
    #[inline(always)]
    fn allocate<T>(&mut self, kind: u8, len: usize) -> Result<*mut T, OutOfMemory> {
        let block = if len <= BLOCK_LEN_MAX { self.pages.alloc(len) } else { self.allocate_large(len)? };
        if block.is_null() {
            return Err(OutOfMemory);
        }
        self.charge(len);
        // SAFETY: the block is fresh and large enough for a header.
        unsafe { block.cast::<Header>().write(Header { kind, marked: self.white }) };
        Ok(block.cast())
    }

    #[cold]
    #[inline(never)]
    fn allocate_large(&mut self, len: usize) -> Result<*mut u8, OutOfMemory> {
        self.check_room(len)?;
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(large_layout(len)) };
        if !block.is_null() {
            self.large.push(block.cast());
        }
        Ok(block)
    }

    /// Refuses a request that would pass the hard limit.
    #[inline]
    pub fn check_room(&self, len: usize) -> Result<(), OutOfMemory> {
        if len > isize::MAX as usize / 2 || self.bytes.saturating_add(len) > self.hard_limit {
            return Err(OutOfMemory);
        }
        Ok(())
    }

    /// Books `len` more bytes.
    #[inline(always)]
    pub fn charge(&mut self, len: usize) {
        self.bytes += len;
    }

    /// Books a table's growth or shrinkage.
    #[inline(always)]
    pub fn charge_growth(&mut self, growth: Growth) {
        self.bytes = self.bytes.wrapping_add_signed(growth);
    }

    /// Whether the next safe point has something to do.
    #[inline(always)]
    pub fn wants_step(&self) -> bool {
        self.bytes >= self.threshold
    }

    /// A string of these bytes: interned when short.
    pub fn string(&mut self, bytes: &[u8]) -> Result<*mut Str, OutOfMemory> {
        if bytes.len() <= SHORT_LEN_MAX { self.short_string(bytes) } else { self.long_string(&[bytes], bytes.len()) }
    }

    /// An interned string.
    #[inline]
    pub fn short_string(&mut self, bytes: &[u8]) -> Result<*mut Str, OutOfMemory> {
        let hash = string::hash(bytes, self.interned.seed);
        let found = self.interned.find(bytes, hash);
        if !found.is_null() {
            // SAFETY: S2.
            unsafe { self.resurrect(found.cast()) };
            return Ok(found);
        }
        let string: *mut Str = self.allocate(STRING, DATA_OFFSET + bytes.len())?;
        // SAFETY: the block has room for the struct and the bytes.
        unsafe {
            (*string).short_len = bytes.len() as u8;
            (*string).hashed = true;
            (*string).hash = hash;
            ptr::copy_nonoverlapping(bytes.as_ptr(), string.cast::<u8>().add(DATA_OFFSET), bytes.len());
            self.interned.insert(string);
        }
        Ok(string)
    }

    /// A long string from pieces of `len` bytes together.
    pub fn long_string(&mut self, pieces: &[&[u8]], len: usize) -> Result<*mut Str, OutOfMemory> {
        let string = self.blank_string(len)?;
        // SAFETY: the block has room for all pieces.
        unsafe {
            let mut at = string.cast::<u8>().add(DATA_OFFSET);
            for piece in pieces {
                ptr::copy_nonoverlapping(piece.as_ptr(), at, piece.len());
                at = at.add(piece.len());
            }
        }
        Ok(string)
    }

    /// A long string whose bytes the caller writes at once.
    pub fn blank_string(&mut self, len: usize) -> Result<*mut Str, OutOfMemory> {
        debug_assert!(len > SHORT_LEN_MAX);
        self.check_room(len)?;
        let string: *mut Str = self.allocate(LONG_STRING, DATA_OFFSET + len)?;
        // SAFETY: the block has room for the struct.
        unsafe {
            (*string).short_len = 0;
            (*string).hashed = false;
            (*string).hash = 0;
            (*string).link = Link { len };
        }
        Ok(string)
    }

    /// An empty table.
    #[inline]
    pub fn table(&mut self) -> Result<*mut Table, OutOfMemory> {
        let table: *mut Table = self.allocate(TABLE, size_of::<Table>())?;
        // SAFETY: the block is fresh.
        unsafe { Table::init(table) };
        Ok(table)
    }

    /// A table with room for so many list items and fields.
    pub fn table_with(&mut self, items: usize, fields: usize) -> Result<*mut Table, OutOfMemory> {
        let table = self.table()?;
        if items > 0 || fields > 0 {
            self.check_room(items.saturating_mul(size_of::<Raw>()))?;
            // SAFETY: the table is alive.
            let growth = unsafe { Table::resize(table, items as u64, fields as u64, self.interned.seed) };
            self.charge_growth(growth.map_err(|_| OutOfMemory)?);
        }
        Ok(table)
    }

    /// Sets a key of a table, with books and barrier.
    ///
    /// # Safety
    /// Table, key and value are alive.
    #[inline]
    pub unsafe fn table_set(&mut self, table: *mut Table, key: Raw, value: Raw) -> Result<(), KeyError> {
        // SAFETY: the caller's contract.
        unsafe {
            let growth = Table::set(table, key, value, self.interned.seed)?;
            self.charge_growth(growth);
            self.barrier_back(table, key);
            self.barrier_back(table, value);
        }
        Ok(())
    }

    /// A Lua closure with its upvalue slots null.
    #[inline]
    pub fn closure(&mut self, proto: *mut LoadedProto, upvalue_count: usize) -> Result<*mut Closure, OutOfMemory> {
        let closure: *mut Closure = self.allocate(CLOSURE, Closure::bytes(upvalue_count))?;
        // SAFETY: the block has room for the struct and the slots.
        unsafe {
            (*closure).upvalue_count = upvalue_count as u8;
            (*closure).proto = proto;
            for idx in 0..upvalue_count {
                Closure::upvalue(closure, idx).write(ptr::null_mut());
            }
        }
        Ok(closure)
    }

    /// A native closure.
    pub fn native_closure(&mut self, function: NativeFn, upvalues: &[Raw]) -> Result<*mut NativeClosure, OutOfMemory> {
        let closure: *mut NativeClosure = self.allocate(NATIVE_CLOSURE, NativeClosure::bytes(upvalues.len()))?;
        // SAFETY: the block has room for the struct and the values.
        unsafe {
            (*closure).upvalue_count = upvalues.len() as u8;
            (&raw mut (*closure).function).write(function);
            for (idx, &value) in upvalues.iter().enumerate() {
                NativeClosure::upvalue(closure, idx).write(value);
            }
        }
        Ok(closure)
    }

    /// An upvalue that points at `slot`; null makes it closed, holding nil.
    #[inline]
    pub fn upvalue(&mut self, slot: *mut Raw) -> Result<*mut Upvalue, OutOfMemory> {
        let upvalue: *mut Upvalue = self.allocate(UPVALUE, size_of::<Upvalue>())?;
        // SAFETY: the block is fresh.
        unsafe {
            (*upvalue).slot = if slot.is_null() { &raw mut (*upvalue).closed } else { slot };
            (*upvalue).closed = Raw::NIL;
            (*upvalue).next = ptr::null_mut();
            (*upvalue).previous = ptr::null_mut();
        }
        Ok(upvalue)
    }

    /// A loaded function.
    pub fn proto(&mut self, proto: LoadedProto) -> Result<*mut LoadedProto, OutOfMemory> {
        let extra = proto.parts.bytes();
        let block: *mut LoadedProto = self.allocate(PROTO, size_of::<LoadedProto>())?;
        self.charge(extra);
        // SAFETY: the block is fresh; its header is kept.
        unsafe {
            let header = ptr::read(block.cast::<Header>());
            block.write(proto);
            block.cast::<Header>().write(header);
        }
        Ok(block)
    }

    /// A userdata.
    pub fn userdata(&mut self, data: Box<dyn std::any::Any>) -> Result<*mut Userdata, OutOfMemory> {
        let block: *mut Userdata = self.allocate(USERDATA, size_of::<Userdata>())?;
        // SAFETY: the block is fresh; its header is kept.
        unsafe {
            let header = ptr::read(block.cast::<Header>());
            block.write(Userdata { header, metatable: ptr::null_mut(), data, extra_bytes: 0, user_value: Raw::NIL });
        }
        Ok(block)
    }

    /// A coroutine's block; `stack` fills it in.
    pub fn coroutine_block(&mut self) -> Result<*mut Coroutine, OutOfMemory> {
        self.allocate(COROUTINE, size_of::<Coroutine>())
    }

    /// Puts an object on the list of those with a finaliser (G5).
    ///
    /// # Safety
    /// `object` is a live table or userdata.
    pub unsafe fn register_finalizer(&mut self, object: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe {
            if (*object).marked & HAS_FINALIZER == 0 && !self.closing {
                (*object).marked |= HAS_FINALIZER;
                self.finalizable.push(object);
            }
        }
    }

    /// Keeps G1 after a value was written into a table.
    ///
    /// # Safety
    /// `table` and `value` are alive.
    #[inline(always)]
    pub unsafe fn barrier_back(&mut self, table: *mut Table, value: Raw) {
        // SAFETY: the caller's contract.
        unsafe {
            if value.is_object()
                && (*table).header.marked & BLACK != 0
                && (*value.as_ptr::<Header>()).marked & WHITES != 0
            {
                self.make_gray_again(table.cast());
            }
        }
    }

    /// Keeps G1 after a value was written into an object that is no table.
    ///
    /// # Safety
    /// `object` and `value` are alive.
    #[inline(always)]
    pub unsafe fn barrier(&mut self, object: *mut Header, value: Raw) {
        // SAFETY: the caller's contract.
        unsafe {
            if value.is_object() && (*object).marked & BLACK != 0 && (*value.as_ptr::<Header>()).marked & WHITES != 0 {
                self.barrier_slow(object, value);
            }
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn barrier_slow(&mut self, object: *mut Header, value: Raw) {
        if self.generational {
            // SAFETY: the value is alive, and white by what `barrier` checked.
            unsafe { self.promote(value.as_ptr()) }
        } else if self.phase == Phase::Mark {
            self.mark_value(value);
        } else {
            // SAFETY: a black object while sweeping is alive and not swept: white is what the sweep would make it.
            unsafe { (*object).marked = (*object).marked & !(BLACK | WHITES) | self.white }
        }
    }

    /// Keeps G1 after a value was written through an upvalue. An open one belongs to a stack whose colour is not known
    /// here, so the value is marked whenever a cycle is marking.
    ///
    /// # Safety
    /// `upvalue` and `value` are alive.
    #[inline(always)]
    pub unsafe fn barrier_upvalue(&mut self, upvalue: *mut Upvalue, value: Raw) {
        // SAFETY: the caller's contract.
        unsafe {
            if value.is_object() && (*value.as_ptr::<Header>()).marked & WHITES != 0 {
                if self.phase == Phase::Mark {
                    if (*upvalue).header.marked & BLACK != 0 || Upvalue::is_open(upvalue) {
                        self.barrier_slow(upvalue.cast(), value);
                    }
                } else if (*upvalue).header.marked & BLACK != 0 {
                    self.barrier_slow(upvalue.cast(), value);
                }
            }
        }
    }

    /// Makes a black object gray until the atomic step, or white when the sweep is under way.
    ///
    /// # Safety
    /// `object` is alive.
    #[cold]
    #[inline(never)]
    pub unsafe fn make_gray_again(&mut self, object: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe {
            if self.phase == Phase::Mark {
                (*object).marked &= !BLACK;
                if (*object).marked & GRAY_AGAIN == 0 {
                    (*object).marked |= GRAY_AGAIN;
                    self.gray_again.push(object);
                }
            } else {
                (*object).marked = (*object).marked & !(BLACK | WHITES) | self.white;
            }
        }
    }

    /// Turns an object gray that changes without a barrier: a coroutine that is about to run (G2).
    ///
    /// # Safety
    /// `object` is alive.
    #[inline(always)]
    pub unsafe fn touch(&mut self, object: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe {
            if (*object).marked & BLACK != 0 {
                self.make_gray_again(object);
            }
        }
    }

    /// Brings an object back to life that is dead and not swept yet; for those in lists that keep nothing alive.
    ///
    /// # Safety
    /// `object` is not freed.
    #[inline]
    pub unsafe fn resurrect(&self, object: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe {
            if self.is_dead(object) {
                (*object).marked ^= WHITES;
            }
        }
    }

    unsafe fn is_dead(&self, object: *mut Header) -> bool {
        // SAFETY: the caller has an object that is not freed.
        unsafe {
            matches!(self.phase, Phase::SweepPages | Phase::SweepLarge) && (*object).marked & WHITES & !self.white != 0
        }
    }
}

fn large_layout(len: usize) -> Layout {
    Layout::from_size_align(len, 16).expect("object sizes are below half the address space")
}

/// Size of the block of an object that has no page.
unsafe fn large_len(object: *mut Header) -> usize {
    // SAFETY: the kind tells the struct.
    unsafe {
        match (*object).kind {
            LONG_STRING => DATA_OFFSET + Str::len(object.cast()),
            CLOSURE => Closure::bytes((*object.cast::<Closure>()).upvalue_count as usize),
            NATIVE_CLOSURE => NativeClosure::bytes((*object.cast::<NativeClosure>()).upvalue_count as usize),
            kind => unreachable!("objects of kind {kind} fit into a page"),
        }
    }
}

const _: () = assert!(size_of::<Coroutine>() <= BLOCK_LEN_MAX && size_of::<LoadedProto>() <= BLOCK_LEN_MAX);
const _: () = assert!(size_of::<ProtoParts>() > 0);
