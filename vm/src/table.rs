//! Tables: an array part for keys 1..=n and a hash part with chained scatter.
//!
//! The hash part keeps colliding entries in chains inside the node array, and moves an entry that sits in another's
//! main position (Brent's variation), so that a load factor of one still gives short chains. Short strings compare by
//! pointer. A nil value marks an empty entry; its key stays for `next` and the chain, and is turned into a dead key by
//! the collector when its object may go. All functions here are raw: no metamethods, no barrier (the callers in
//! `exec`, `metamethod` and `api` do both).
//!
//! # Invariants
//! - T1. `array` has `array_len` initialised values; `nodes` has `mask + 1` nodes, or is the shared dummy with mask 0.
//! - T2. Every key is reachable from its main position by `next` links, which are relative and 0 at the end.
//! - T3. No key is nil or NaN, and no float key has an integer value.
//! - T4. The dummy node is never written: its value is nil and its key matches nothing.
//! - T5. A flag bit of `absent` set means that the table has no such metamethod; any new key clears all.
//!
//! # Source
//! `ltable.c` for the idea (array and hash part, Brent's variation, border search), not the code.
//! Differences: a length hint instead of a virtual array limit; the array grows when its next key is set.

use crate::number;
use crate::string::{self, Str};
use crate::value::{self, DEAD_KEY, FALSE, FLOAT, Header, INTEGER, LONG_STRING, NIL, Raw, STRING, TRUE};
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// A hash entry. A value as [`Raw`] begins it: reads and writes go field by field (`value::write`).
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Node {
    pub value_payload: u64,
    pub value_tag: u8,
    pub key_tag: u8,
    /// Distance to the next node of the chain; 0 ends it.
    pub next: i32,
    pub key_payload: u64,
}

const _: () = assert!(size_of::<Node>() == 24);

impl Node {
    #[inline(always)]
    pub fn value(this: *mut Node) -> *mut Raw {
        this.cast()
    }

    #[inline(always)]
    unsafe fn key(this: *const Node) -> Raw {
        // SAFETY: the caller has a node of a live table.
        unsafe { Raw { payload: (*this).key_payload, tag: (*this).key_tag } }
    }
}

struct Shared(Node);
// SAFETY: T4: the dummy is never written.
unsafe impl Sync for Shared {}
static DUMMY: Shared = Shared(Node { value_payload: 0, value_tag: NIL, key_tag: NIL, next: 0, key_payload: 0 });

/// What lookups of absent keys point at; never written.
struct SharedRaw(Raw);
// SAFETY: never written: callers test for nil and insert instead.
unsafe impl Sync for SharedRaw {}
static ABSENT: SharedRaw = SharedRaw(Raw::NIL);

/// The slot that stands for "no such key".
#[inline(always)]
pub(crate) fn absent() -> *mut Raw {
    (&raw const ABSENT.0).cast_mut()
}

/// A table object.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Table {
    pub header: Header,
    /// Bit per metamethod that was looked for and not found (T5).
    pub absent: u8,
    /// Weakness found at the last traversal; used by the collector only.
    pub weak: u8,
    pub array_len: u32,
    pub array: *mut Raw,
    pub nodes: *mut Node,
    /// Number of nodes - 1.
    pub mask: u32,
    /// Nodes from this index on were found used; the search for a free one goes down from here.
    pub last_free: u32,
    pub metatable: *mut Table,
    /// A recent border in the array part: where `#` looks first.
    pub len_hint: u32,
}

const _: () = assert!(size_of::<Table>() <= 48 + 8);

/// Largest array part.
const ARRAY_LEN_MAX: u64 = 1 << 27;
/// Largest number of nodes as a power of two.
const NODE_BITS_MAX: u32 = 26;

/// Why a key can't be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyError {
    Nil,
    NaN,
    Memory,
}

/// Seed for keys that are no strings, one for all machines of the process: lookups by integer carry none.
static WORD_SEED: AtomicU64 = AtomicU64::new(0);

/// The first machine's seed becomes that of words, so that nobody can prepare integers or floats that collide.
pub(crate) fn seed_words(seed: u64) {
    // Another machine may have been first; its seed is as good.
    _ = WORD_SEED.compare_exchange(0, seed, Ordering::Relaxed, Ordering::Relaxed);
}

#[inline(always)]
fn hash_word(word: u64) -> u32 {
    string::fold(word ^ WORD_SEED.load(Ordering::Relaxed), 0x9e37_79b9_7f4a_7c15) as u32
}

/// Growth of a table's parts, in bytes, for the collector's books.
pub(crate) type Growth = isize;

impl Table {
    /// Prepares a fresh block as an empty table.
    ///
    /// # Safety
    /// `this` is a block of the right size with its header written.
    pub unsafe fn init(this: *mut Table) {
        // SAFETY: the caller's contract.
        unsafe {
            (*this).absent = 0;
            (*this).weak = 0;
            (*this).array_len = 0;
            (*this).array = ptr::null_mut();
            (*this).nodes = dummy();
            (*this).mask = 0;
            (*this).last_free = 0;
            (*this).metatable = ptr::null_mut();
            (*this).len_hint = 0;
        }
    }

    /// Bytes of the array and hash part.
    ///
    /// # Safety
    /// `this` is a live table; as for all functions below.
    pub unsafe fn buffer_bytes(this: *const Table) -> usize {
        // SAFETY: the caller's contract.
        unsafe { (*this).array_len as usize * size_of::<Raw>() + node_count(this) * size_of::<Node>() }
    }

    /// Frees the array and hash part.
    pub unsafe fn release(this: *mut Table) {
        // SAFETY: T1: the parts were allocated with these sizes.
        unsafe {
            free_array((*this).array, (*this).array_len);
            free_nodes((*this).nodes, (*this).mask);
        }
    }

    /// Slot of a short string key, or [`absent`].
    #[inline(always)]
    pub unsafe fn get_short(this: *const Table, key: *mut Str) -> *mut Raw {
        // SAFETY: T1, T2.
        unsafe {
            let mut node = (*this).nodes.add(((*key).hash & (*this).mask) as usize);
            loop {
                if (*node).key_payload == key as u64 && (*node).key_tag == STRING {
                    return Node::value(node);
                }
                let next = (*node).next;
                if next == 0 {
                    return absent();
                }
                node = node.offset(next as isize);
            }
        }
    }

    /// Whether a look at one node shows that a short string is no key; false says nothing.
    #[inline(always)]
    pub unsafe fn lacks_short(this: *const Table, key: *mut Str) -> bool {
        // SAFETY: T1, T2: a key that is there can be reached from this node.
        unsafe {
            let node = (*this).nodes.add(((*key).hash & (*this).mask) as usize);
            (*node).next == 0 && ((*node).key_payload != key as u64 || (*node).key_tag != STRING)
        }
    }

    /// Slot of an integer key, or [`absent`].
    #[inline(always)]
    pub unsafe fn get_integer(this: *const Table, key: i64) -> *mut Raw {
        // SAFETY: T1.
        unsafe {
            let idx = (key as u64).wrapping_sub(1);
            if idx < (*this).array_len as u64 {
                return (*this).array.add(idx as usize);
            }
            Table::get_integer_hashed(this, key)
        }
    }

    #[inline]
    unsafe fn get_integer_hashed(this: *const Table, key: i64) -> *mut Raw {
        // SAFETY: T1, T2.
        unsafe {
            let mut node = (*this).nodes.add((hash_word(key as u64) & (*this).mask) as usize);
            loop {
                if (*node).key_payload == key as u64 && (*node).key_tag == INTEGER {
                    return Node::value(node);
                }
                let next = (*node).next;
                if next == 0 {
                    return absent();
                }
                node = node.offset(next as isize);
            }
        }
    }

    /// Slot of any key, or [`absent`].
    #[inline]
    pub unsafe fn get(this: *const Table, key: Raw, seed: u64) -> *mut Raw {
        // SAFETY: the caller's contract.
        unsafe {
            match key.tag {
                STRING => Table::get_short(this, key.as_ptr()),
                INTEGER => Table::get_integer(this, key.as_integer()),
                NIL => absent(),
                FLOAT => match number::float_to_integer(key.as_float()) {
                    Some(integer) => Table::get_integer(this, integer),
                    None => Table::get_generic(this, key, seed),
                },
                _ => Table::get_generic(this, key, seed),
            }
        }
    }

    unsafe fn get_generic(this: *const Table, key: Raw, seed: u64) -> *mut Raw {
        // SAFETY: T1, T2.
        unsafe {
            let mut node = (*this).nodes.add((hash_key(key, seed) & (*this).mask) as usize);
            loop {
                if Node::key(node).raw_equal(key) {
                    return Node::value(node);
                }
                let next = (*node).next;
                if next == 0 {
                    return absent();
                }
                node = node.offset(next as isize);
            }
        }
    }

    /// Index of the node whose value slot this is; only for slots that [`Table::get_short`] found.
    #[inline(always)]
    pub unsafe fn node_idx(this: *const Table, slot: *mut Raw) -> usize {
        // SAFETY: both point into the node array.
        unsafe { slot.cast::<Node>().offset_from((*this).nodes) as usize }
    }

    /// Sets a key that has no entry yet, or an entry anywhere.
    ///
    /// # Errors
    /// See [`KeyError`].
    #[inline]
    pub unsafe fn set(this: *mut Table, key: Raw, value: Raw, seed: u64) -> Result<Growth, KeyError> {
        // SAFETY: the caller's contract; a slot that is not `absent` belongs to the table.
        unsafe {
            let slot = Table::get(this, key, seed);
            if slot != absent() {
                value::write(slot, value);
                return Ok(0);
            }
            Table::insert(this, key, value, seed)
        }
    }

    /// Adds a key that is not there. A nil value adds nothing.
    #[cold]
    #[inline(never)]
    pub unsafe fn insert(this: *mut Table, key: Raw, value: Raw, seed: u64) -> Result<Growth, KeyError> {
        // SAFETY: the caller's contract.
        unsafe {
            let mut key = key;
            match key.tag {
                NIL => return Err(KeyError::Nil),
                FLOAT => {
                    let float = key.as_float();
                    if let Some(integer) = number::float_to_integer(float) {
                        key = Raw::integer(integer);
                    } else if float.is_nan() {
                        return Err(KeyError::NaN);
                    }
                }
                _ => {}
            }
            if value.is_nil() {
                return Ok(0);
            }
            (*this).absent = 0;
            if key.tag == INTEGER && key.as_integer() == (*this).array_len as i64 + 1 {
                return Table::append(this, value, seed);
            }
            Table::insert_node(this, key, value, seed)
        }
    }

    /// Sets the key just behind the array part by growing it, when the part is full enough to deserve it.
    unsafe fn append(this: *mut Table, value: Raw, seed: u64) -> Result<Growth, KeyError> {
        // SAFETY: T1.
        unsafe {
            let len = (*this).array_len;
            let key = Raw::integer(len as i64 + 1);
            // A full array part is dense by construction; an empty one starts with the first key.
            if len > 0 && (*(*this).array.add(len as usize - 1)).is_nil() {
                return Table::insert_node(this, key, value, seed);
            }
            let new_len = if len < 4 { 4 } else { len as u64 * 2 };
            let growth = Table::resize_array(this, new_len)?;
            value::write((*this).array.add(len as usize), value);
            if (*this).nodes != dummy() {
                // Keys that the array part now covers move over from the hash part.
                for idx in len as u64 + 1..new_len {
                    let slot = Table::get_integer_hashed(this, idx as i64 + 1);
                    if slot != absent() && !(*slot).is_nil() {
                        value::write((*this).array.add(idx as usize), value::read(slot));
                        value::write(slot, Raw::NIL);
                    }
                }
            }
            Ok(growth)
        }
    }

    unsafe fn insert_node(this: *mut Table, key: Raw, value: Raw, seed: u64) -> Result<Growth, KeyError> {
        // SAFETY: T1, T2; the barrier is the caller's.
        unsafe {
            let mut main = (*this).nodes.add((hash_key(key, seed) & (*this).mask) as usize);
            if (*main).value_tag != NIL || (*this).nodes == dummy() {
                let free = Table::free_node(this);
                if free.is_null() {
                    let growth = Table::rehash(this, key, seed)?;
                    let slot = Table::get(this, key, seed);
                    if slot != absent() {
                        value::write(slot, value);
                        return Ok(growth);
                    }
                    return Ok(growth + Table::insert_node(this, key, value, seed)?);
                }
                let other_key = Node::key(main);
                let other = (*this).nodes.add((hash_node_key(other_key, seed) & (*this).mask) as usize);
                if other != main {
                    // The entry here belongs to another chain: move it to the free node.
                    let mut before = other;
                    while before.offset((*before).next as isize) != main {
                        before = before.offset((*before).next as isize);
                    }
                    (*before).next = free.offset_from(before) as i32;
                    ptr::copy_nonoverlapping(main, free, 1);
                    if (*main).next != 0 {
                        (*free).next += main.offset_from(free) as i32;
                        (*main).next = 0;
                    }
                    (*main).value_tag = NIL;
                } else {
                    // The new entry goes to the free node, behind the one in its main position.
                    (*free).next =
                        if (*main).next != 0 { main.offset((*main).next as isize).offset_from(free) as i32 } else { 0 };
                    (*main).next = free.offset_from(main) as i32;
                    main = free;
                }
            }
            (*main).key_payload = key.payload;
            (*main).key_tag = key.tag;
            value::write(Node::value(main), value);
            Ok(0)
        }
    }

    unsafe fn free_node(this: *mut Table) -> *mut Node {
        // SAFETY: T1.
        unsafe {
            if (*this).nodes == dummy() {
                return ptr::null_mut();
            }
            while (*this).last_free > 0 {
                (*this).last_free -= 1;
                let node = (*this).nodes.add((*this).last_free as usize);
                if (*node).key_tag == NIL {
                    return node;
                }
            }
            ptr::null_mut()
        }
    }

    /// Makes room for one more key: finds the array size that is more than half used, and the hash size for the rest.
    unsafe fn rehash(this: *mut Table, extra: Raw, seed: u64) -> Result<Growth, KeyError> {
        // SAFETY: T1.
        unsafe {
            let mut counts = [0u32; 64];
            let mut total = 0u64;
            let mut integers = 0u64;
            let mut count = |key: i64| {
                if key >= 1 && key as u64 <= ARRAY_LEN_MAX {
                    counts[(64 - (key as u64 - 1).leading_zeros()) as usize] += 1;
                    integers += 1;
                }
            };
            for idx in 0..(*this).array_len as usize {
                if !(*(*this).array.add(idx)).is_nil() {
                    count(idx as i64 + 1);
                    total += 1;
                }
            }
            for idx in 0..node_count(this) {
                let node = (*this).nodes.add(idx);
                if (*node).value_tag != NIL {
                    if (*node).key_tag == INTEGER {
                        count((*node).key_payload as i64);
                    }
                    total += 1;
                }
            }
            if extra.tag == INTEGER {
                count(extra.as_integer());
            }
            total += 1;
            let (array_len, in_array) = best_array_len(&counts, integers);
            Table::resize(this, array_len, total - in_array, seed)
        }
    }

    /// Gives the table room for so many array items and fields, moving what is there.
    ///
    /// # Errors
    /// [`KeyError::Memory`], with the table as it was.
    pub unsafe fn resize(this: *mut Table, array_len: u64, fields: u64, seed: u64) -> Result<Growth, KeyError> {
        // SAFETY: T1; the old parts are read before they are freed.
        unsafe {
            let bytes_before = Table::buffer_bytes(this) as isize;
            let (nodes, mask) = new_nodes(fields)?;
            let old_len = (*this).array_len as u64;
            let (old_nodes, old_mask) = ((*this).nodes, (*this).mask);
            if array_len > old_len
                && let Err(error) = Table::resize_array(this, array_len)
            {
                free_nodes(nodes, mask);
                return Err(error);
            }
            (*this).nodes = nodes;
            (*this).mask = mask;
            (*this).last_free = if nodes == dummy() { 0 } else { mask + 1 };
            if array_len < old_len {
                for idx in array_len..old_len {
                    let value = *(*this).array.add(idx as usize);
                    if !value.is_nil() {
                        Table::insert_node(this, Raw::integer(idx as i64 + 1), value, seed)?;
                    }
                }
                Table::resize_array(this, array_len)?;
            }
            if old_nodes != dummy() {
                for idx in 0..old_mask as usize + 1 {
                    let node = old_nodes.add(idx);
                    if (*node).value_tag != NIL {
                        let (key, value) = (Node::key(node), value::read(Node::value(node)));
                        if key.tag == INTEGER && (key.payload.wrapping_sub(1)) < (*this).array_len as u64 {
                            value::write((*this).array.add(key.payload as usize - 1), value);
                        } else {
                            Table::insert_node(this, key, value, seed)?;
                        }
                    }
                }
                free_nodes(old_nodes, old_mask);
            }
            Ok(Table::buffer_bytes(this) as isize - bytes_before)
        }
    }

    /// Changes the array part's length; new slots are nil, cut ones are gone.
    unsafe fn resize_array(this: *mut Table, new_len: u64) -> Result<Growth, KeyError> {
        if new_len > ARRAY_LEN_MAX {
            return Err(KeyError::Memory);
        }
        // SAFETY: T1: the old part has its length's layout.
        unsafe {
            let old_len = (*this).array_len as usize;
            let new_len = new_len as usize;
            let array = if new_len == 0 {
                free_array((*this).array, old_len as u32);
                ptr::null_mut()
            } else if old_len == 0 {
                alloc(array_layout(new_len)).cast::<Raw>()
            } else {
                realloc((*this).array.cast(), array_layout(old_len), new_len * size_of::<Raw>()).cast::<Raw>()
            };
            if array.is_null() && new_len > 0 {
                return Err(KeyError::Memory);
            }
            for idx in old_len..new_len {
                array.add(idx).write(Raw::NIL);
            }
            (*this).array = array;
            (*this).array_len = new_len as u32;
            // A fresh array part is taken as full, as its constructor wants it.
            (*this).len_hint = if old_len == 0 { new_len as u32 } else { (*this).len_hint.min(new_len as u32) };
            Ok((new_len as isize - old_len as isize) * size_of::<Raw>() as isize)
        }
    }

    /// A border: an `n` with `t[n]` set (or n = 0) and `t[n+1]` nil.
    #[inline]
    pub unsafe fn len(this: *mut Table) -> i64 {
        // SAFETY: T1.
        unsafe {
            let len = (*this).array_len as usize;
            let hint = (*this).len_hint as usize;
            if hint < len
                && (*(*this).array.add(hint)).is_nil()
                && (hint == 0 || !(*(*this).array.add(hint - 1)).is_nil())
            {
                return hint as i64;
            }
            Table::len_search(this)
        }
    }

    #[inline(never)]
    unsafe fn len_search(this: *mut Table) -> i64 {
        // SAFETY: T1; indices stay below `array_len`.
        unsafe {
            let len = (*this).array_len as usize;
            let is_nil = |idx: usize| (*(*this).array.add(idx)).is_nil();
            if len == 0 || !is_nil(len - 1) {
                if (*this).nodes == dummy() {
                    return len as i64;
                }
                return Table::len_hashed(this, len as i64);
            }
            // Item `low` is set or low is 0; item `high` is nil. Items count from 1.
            let hint = (*this).len_hint as usize;
            // Where several borders are, the reference's order of search finds the same one.
            let (mut low, mut high) = (0, len);
            if len > 1 && !is_nil(len - 2) {
                low = len - 1;
                high = low;
            } else if hint < len {
                if is_nil(hint) {
                    high = hint;
                    if hint > 1 && !is_nil(hint - 2) {
                        low = hint - 1;
                    }
                } else {
                    low = hint + 1;
                    if is_nil(low) {
                        high = low + 1;
                    }
                }
            }
            while low + 1 < high {
                let middle = (low + high) / 2;
                if is_nil(middle - 1) {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            (*this).len_hint = low as u32;
            low as i64
        }
    }

    /// Border search in the hash part, above an array part that is full.
    unsafe fn len_hashed(this: *mut Table, start: i64) -> i64 {
        // SAFETY: T1, T2.
        unsafe {
            let is_nil = |key: i64| (*Table::get_integer(this, key)).is_nil();
            if is_nil(start + 1) {
                return start;
            }
            let mut low = start + 1;
            let mut high = low;
            loop {
                if high > i64::MAX / 2 {
                    if !is_nil(i64::MAX) {
                        return i64::MAX;
                    }
                    high = i64::MAX;
                    break;
                }
                high *= 2;
                if is_nil(high) {
                    break;
                }
                low = high;
            }
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if is_nil(middle) {
                    high = middle;
                } else {
                    low = middle;
                }
            }
            low
        }
    }

    /// Position of a key in traversal order, one past it: where `next` goes on. `None` for a key that is not there.
    pub unsafe fn position_after(this: *const Table, key: Raw, seed: u64) -> Option<usize> {
        // SAFETY: T1, T2.
        unsafe {
            if key.is_nil() {
                return Some(0);
            }
            let mut key = key;
            if key.tag == FLOAT
                && let Some(integer) = number::float_to_integer(key.as_float())
            {
                key = Raw::integer(integer);
            }
            if key.tag == INTEGER && key.payload.wrapping_sub(1) < (*this).array_len as u64 {
                return Some(key.payload as usize);
            }
            let mut node = (*this).nodes.add((hash_key(key, seed) & (*this).mask) as usize);
            loop {
                let found = Node::key(node);
                if found.raw_equal(key) || found.tag == DEAD_KEY && key.is_object() && found.payload == key.payload {
                    let idx = node.offset_from((*this).nodes) as usize;
                    return Some((*this).array_len as usize + idx + 1);
                }
                if (*node).next == 0 {
                    return None;
                }
                node = node.offset((*node).next as isize);
            }
        }
    }

    /// The first entry at or behind a position in traversal order, and the position behind it.
    #[inline]
    pub unsafe fn entry_from(this: *const Table, position: usize) -> Option<(Raw, Raw, usize)> {
        // SAFETY: T1.
        unsafe {
            let array_len = (*this).array_len as usize;
            let mut at = position;
            while at < array_len {
                let value = *(*this).array.add(at);
                at += 1;
                if !value.is_nil() {
                    return Some((Raw::integer(at as i64), value, at));
                }
            }
            let count = node_count(this);
            let mut idx = at - array_len;
            while idx < count {
                let node = (*this).nodes.add(idx);
                idx += 1;
                if (*node).value_tag != NIL {
                    return Some((Node::key(node), value::read(Node::value(node)), array_len + idx));
                }
            }
            None
        }
    }

    /// Whether this holds for a value of the list, or a key or value of another entry; for checks.
    pub unsafe fn any(this: *const Table, holds: impl Fn(Raw) -> bool) -> bool {
        // SAFETY: T1.
        unsafe {
            let in_list = (0..(*this).array_len as usize).any(|idx| holds(*(*this).array.add(idx)));
            in_list
                || (0..node_count(this)).map(|idx| (*this).nodes.add(idx)).any(|node| {
                    (*node).value_tag != NIL && (holds(Node::key(node)) || holds(value::read(Node::value(node))))
                })
        }
    }

    /// Walks everything and asserts T1 to T3; for tests and the stress build.
    pub unsafe fn check(this: *const Table, seed: u64) {
        // SAFETY: T1, T2.
        unsafe {
            for idx in 0..node_count(this) {
                let node = (*this).nodes.add(idx);
                if (*node).value_tag == NIL {
                    continue;
                }
                let key = Node::key(node);
                assert!(key.tag != NIL && key.tag != DEAD_KEY, "a set entry has a key");
                assert!(key.tag != FLOAT || !key.as_float().is_nan(), "T3: no NaN key");
                assert!(Table::get(this, key, seed) == Node::value(node), "T2: key reachable from its main position");
            }
        }
    }
}

fn dummy() -> *mut Node {
    (&raw const DUMMY.0).cast_mut()
}

/// Number of real nodes.
#[inline(always)]
pub(crate) unsafe fn node_count(table: *const Table) -> usize {
    // SAFETY: the caller has a live table.
    unsafe { if (*table).nodes == dummy() { 0 } else { (*table).mask as usize + 1 } }
}

unsafe fn hash_key(key: Raw, seed: u64) -> u32 {
    // SAFETY: V1: string tags point to strings.
    unsafe {
        match key.tag {
            STRING => (*key.as_ptr::<Str>()).hash,
            LONG_STRING => Str::long_hash(key.as_ptr(), seed),
            FALSE => 1,
            TRUE => 2,
            _ => hash_word(key.payload),
        }
    }
}

/// Hash of a key found in a node, which may be dead: a dead key's main position is not known, and not needed.
unsafe fn hash_node_key(key: Raw, seed: u64) -> u32 {
    debug_assert!(key.tag != DEAD_KEY, "a dead key's entry is empty, so nothing collides with it");
    // SAFETY: the caller's contract.
    unsafe { hash_key(key, seed) }
}

/// The largest power of two such that more than half of the slots up to it are used, and how many keys it takes.
fn best_array_len(counts: &[u32; 64], integers: u64) -> (u64, u64) {
    let (mut len, mut taken) = (0, 0);
    let mut below = 0;
    let mut power = 1u64;
    for &count in counts {
        if power / 2 >= integers {
            break;
        }
        below += count as u64;
        if below > power / 2 {
            len = power;
            taken = below;
        }
        power *= 2;
    }
    (len, taken)
}

fn array_layout(len: usize) -> Layout {
    Layout::array::<Raw>(len).expect("array parts are below ARRAY_LEN_MAX")
}

unsafe fn free_array(array: *mut Raw, len: u32) {
    if len > 0 {
        // SAFETY: T1: allocated with this layout.
        unsafe { dealloc(array.cast(), array_layout(len as usize)) }
    }
}

fn node_layout(count: usize) -> Layout {
    Layout::array::<Node>(count).expect("hash parts are below 2^26 nodes")
}

unsafe fn free_nodes(nodes: *mut Node, mask: u32) {
    if nodes != dummy() {
        // SAFETY: T1: allocated with this layout.
        unsafe { dealloc(nodes.cast(), node_layout(mask as usize + 1)) }
    }
}

/// A node array with room for so many fields, and its mask.
fn new_nodes(fields: u64) -> Result<(*mut Node, u32), KeyError> {
    if fields == 0 {
        return Ok((dummy(), 0));
    }
    let count = fields.next_power_of_two();
    if count > 1 << NODE_BITS_MAX {
        return Err(KeyError::Memory);
    }
    // SAFETY: the layout is not empty; every node is written before use.
    unsafe {
        let nodes = alloc(node_layout(count as usize)).cast::<Node>();
        if nodes.is_null() {
            return Err(KeyError::Memory);
        }
        for idx in 0..count as usize {
            nodes.add(idx).write(Node { value_payload: 0, value_tag: NIL, key_tag: NIL, next: 0, key_payload: 0 });
        }
        Ok((nodes, count as u32 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words in the fullest of 4,096 places.
    fn fullest(words: impl Iterator<Item = u64>) -> usize {
        let mut places = vec![0; 4096];
        words.for_each(|word| places[hash_word(word) as usize & 4095] += 1);
        places.into_iter().max().unwrap_or(0)
    }

    #[test]
    fn words_made_to_collide_are_spread() {
        seed_words(0x5eed_5eed_5eed_5eed);
        // Multiplied by the constant of the hash they give 0 to 4095, alike in the upper half.
        let inverse = 0xf1de_83e1_9937_733d_u64;
        assert_eq!(inverse.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1);
        assert!(fullest((0..4096).map(|idx| inverse.wrapping_mul(idx))) < 16);
        // Alike in all but the upper bits, as floats with few digits are.
        assert!(fullest((0..4096).map(|idx| idx << 48)) < 16);
        assert!(fullest((0..4096).map(|idx| (f64::from(idx as u32) + 0.5).to_bits())) < 16);
    }
}
