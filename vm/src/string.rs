//! Strings: immutable bytes behind a header.
//!
//! Strings up to [`SHORT_LEN_MAX`] bytes are interned with their hash stored, so that equality of pointers is equality
//! of strings; longer ones are hashed when they first serve as a key. No encoding is assumed anywhere.
//!
//! # Invariants
//! - S1. The bytes follow the struct directly and never change.
//! - S2. A short string is in the intern table until it is swept.

use crate::value::{Header, LONG_STRING, Raw, STRING};
use std::ptr;

/// Longest string that is interned.
pub(crate) const SHORT_LEN_MAX: usize = 40;

/// A string object; `data` bytes follow.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Str {
    pub header: Header,
    /// Length of a short string.
    pub short_len: u8,
    /// Whether `hash` of a long string is set.
    pub hashed: bool,
    pub hash: u32,
    pub link: Link,
}

/// Second word: a short string's bucket chain, or a long string's length.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) union Link {
    pub next: *mut Str,
    pub len: usize,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

/// Bytes before the data.
pub(crate) const DATA_OFFSET: usize = size_of::<Str>();
const _: () = assert!(DATA_OFFSET == 16);

impl Str {
    /// The bytes.
    ///
    /// # Safety
    /// `this` is a live string; the slice must not outlive it.
    #[inline(always)]
    pub unsafe fn bytes<'a>(this: *const Str) -> &'a [u8] {
        // SAFETY: S1, and the caller keeps the string alive.
        unsafe { std::slice::from_raw_parts(this.cast::<u8>().add(DATA_OFFSET), Str::len(this)) }
    }

    /// Length in bytes.
    ///
    /// # Safety
    /// `this` is a live string.
    #[inline(always)]
    pub unsafe fn len(this: *const Str) -> usize {
        // SAFETY: the kind says which member of the union is set.
        unsafe { if (*this).header.kind == STRING { (*this).short_len as usize } else { (*this).link.len } }
    }

    /// Equality of two long strings.
    pub fn long_equal(a: *mut Str, b: *mut Str) -> bool {
        // SAFETY: V1: values of this tag point to live long strings.
        unsafe { ptr::eq(a, b) || Str::bytes(a) == Str::bytes(b) }
    }

    /// The value of this string.
    ///
    /// # Safety
    /// `this` is a live string.
    #[inline(always)]
    pub unsafe fn value(this: *mut Str) -> Raw {
        // SAFETY: the caller's contract.
        unsafe { Raw::object((*this).header.kind, this) }
    }

    /// Hash for use as a table key.
    ///
    /// # Safety
    /// `this` is a live long string.
    pub unsafe fn long_hash(this: *mut Str, seed: u64) -> u32 {
        // SAFETY: the caller's contract; the hash fields are only touched here.
        unsafe {
            if !(*this).hashed {
                (*this).hash = hash(Str::bytes(this), seed);
                (*this).hashed = true;
            }
            (*this).hash
        }
    }
}

/// The intern table: chains through [`Link::next`].
#[derive(Debug)]
pub(crate) struct Interned {
    buckets: Vec<*mut Str>,
    count: usize,
    /// Random per process, so that nobody can prepare colliding keys.
    pub seed: u64,
}

impl Interned {
    pub fn new(seed: u64) -> Interned {
        Interned { buckets: vec![ptr::null_mut(); 512], count: 0, seed }
    }

    /// The string with these bytes, if it is there.
    #[inline]
    pub fn find(&self, bytes: &[u8], hash: u32) -> *mut Str {
        let mut at = self.buckets[hash as usize & (self.buckets.len() - 1)];
        while !at.is_null() {
            // SAFETY: S2: chains hold strings that are not swept yet.
            unsafe {
                if (*at).hash == hash && Str::bytes(at) == bytes {
                    return at;
                }
                at = (*at).link.next;
            }
        }
        ptr::null_mut()
    }

    /// Adds a string that is not there.
    ///
    /// # Safety
    /// `string` is a short string with its hash set.
    pub unsafe fn insert(&mut self, string: *mut Str) {
        if self.count >= self.buckets.len() {
            self.resize(self.buckets.len() * 2);
        }
        // SAFETY: the caller's contract.
        unsafe { self.link(string) }
        self.count += 1;
    }

    unsafe fn link(&mut self, string: *mut Str) {
        let mask = self.buckets.len() - 1;
        // SAFETY: S2.
        unsafe {
            let bucket = &mut self.buckets[(*string).hash as usize & mask];
            (*string).link.next = *bucket;
            *bucket = string;
        }
    }

    fn resize(&mut self, len: usize) {
        let old = std::mem::replace(&mut self.buckets, vec![ptr::null_mut(); len]);
        for mut at in old {
            while !at.is_null() {
                // SAFETY: S2; the chain is read before it is overwritten.
                unsafe {
                    let next = (*at).link.next;
                    self.link(at);
                    at = next;
                }
            }
        }
    }

    /// Takes a string out that is about to be freed.
    ///
    /// # Safety
    /// `string` is a short string in the table.
    pub unsafe fn remove(&mut self, string: *mut Str) {
        let mask = self.buckets.len() - 1;
        // SAFETY: S2: the string is in the chain of its hash.
        unsafe {
            let mut at: *mut *mut Str = &mut self.buckets[(*string).hash as usize & mask];
            while *at != string {
                at = &raw mut (**at).link.next;
            }
            *at = (*string).link.next;
        }
        self.count -= 1;
    }

    /// Gives memory back after a collection that freed most strings.
    pub fn shrink(&mut self) {
        if self.buckets.len() > 1024 && self.count < self.buckets.len() / 4 {
            self.resize(self.buckets.len() / 2);
        }
    }
}

/// Hash of a byte string: folded multiplication over eight bytes at a time (the idea of wyhash). The last eight may
/// overlap the ones before them, and so may the two halves of a short string.
#[inline]
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u32 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(MIX);
    let last = if let Some(last) = bytes.last_chunk::<8>() {
        for chunk in bytes.as_chunks::<8>().0 {
            state = fold(state ^ u64::from_le_bytes(*chunk), MIX);
        }
        u64::from_le_bytes(*last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u32::from_le_bytes(*first) as u64) << 32 | u32::from_le_bytes(*last) as u64
    } else if let [first, ..] = bytes {
        (*first as u64) << 16 | (bytes[bytes.len() / 2] as u64) << 8 | bytes[bytes.len() - 1] as u64
    } else {
        0
    };
    state = fold(state ^ last, MIX ^ seed);
    (state ^ state >> 32) as u32
}

/// The two halves of a product as one word.
#[inline(always)]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

const _: () = assert!(SHORT_LEN_MAX <= u8::MAX as usize && LONG_STRING == STRING + 1);
