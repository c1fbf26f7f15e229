//! The program's allocator: free lists by size over slabs, the system's allocator for what is large.
//!
//! A run of scripts allocates and frees a thousand small blocks per host, most of them parts of Lua tables. The
//! system's allocator merges and splits neighbours all the time, and reads memory that is long out of the cache to do
//! so. Here a block that was freed goes on the list of its size and comes back from there; what no list has is cut off
//! a slab. Slabs are never given back: how much small memory there is at once is what a program has at its fullest
//! moment. Blocks above [`SMALL_MAX`], and those that must lie on special borders, go to the system and back.
//!
//! All threads share one set of lists under a lock that is held for a few instructions. The work of this program is
//! done by one thread, which finds the lock free.
//!
//! # Invariants
//! - A1. A block on list `c` has at least `size_of(c)` bytes, is aligned to [`STEP`] and used by nobody; its first word
//!   is the next block of the list or null.
//! - A2. `at..end` is unused memory of one slab, both ends aligned to [`STEP`].
//! - A3. Whether a block is small follows from its layout alone, so it goes back where it came from.
//! - A4. The lists are only touched by who set `is_taken`.
//!
//! # Source
//! Segregated free lists as in Bonwick's slab allocator; no code was taken over.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Sizes of blocks are multiples of this, and so is their place.
const STEP: usize = 16;
/// Blocks above are the system's: it merges them, and with lists for them, too, programs were no faster but larger.
const SMALL_MAX: usize = 1024;
const LIST_COUNT: usize = SMALL_MAX / STEP;
/// Taken from the system at once: whole pages.
const SLAB_LEN: usize = 256 << 10;
/// Length of slabs once there is much small memory; the kernel backs each with one page.
const HUGE_LEN: usize = 2 << 20;
/// Small memory from which on slabs are huge, so that what is unused of one does not count.
const HUGE_FROM: usize = 32 << 20;
/// Looks at a taken lock before the processor is left to others.
const SPINS: u32 = 100;

/// The allocator, to be made the global one.
#[derive(Debug)]
pub struct Allocator {
    is_taken: AtomicBool,
    lists: UnsafeCell<Lists>,
}

// SAFETY: By A4 one thread at a time touches the lists, and taking the lock orders what it sees after what the one
// before it did.
#[allow(unsafe_code, reason = "a lock makes it shareable")]
unsafe impl Sync for Allocator {}

#[derive(Debug)]
struct Lists {
    heads: [*mut Block; LIST_COUNT],
    at: *mut u8,
    end: *mut u8,
    /// Bytes of all slabs.
    total: usize,
}

/// A block that nobody uses.
#[derive(Debug)]
struct Block {
    next: *mut Block,
}

/// The list of blocks for a layout; none where the system serves it. Layouts have a size.
fn list_of(layout: Layout) -> Option<usize> {
    let is_small = layout.align() <= STEP && layout.size() <= SMALL_MAX;
    is_small.then(|| layout.size().saturating_sub(1) / STEP)
}

/// Length of the blocks of a list.
fn size_of(list: usize) -> usize {
    (list + 1) * STEP
}

/// Blocks from here on are mapped and unmapped one by one; the system's allocator takes no higher limit.
const MAPPED_MIN: libc::c_int = 32 << 20;
/// Unused memory at the heap's end that is kept for the next block.
const KEPT_MAX: libc::c_int = 64 << 20;

/// Has the system's allocator keep the large blocks that are freed, where it would return them to the kernel and take
/// them anew, page by page: programs that grow and drop tables take 0.85 to 1 of the time, in the same memory.
/// [`give_back`] returns them. For the beginning of the program.
#[allow(unsafe_code, reason = "the allocator is the C library's")]
pub fn keep_large() {
    // SAFETY: The calls take numbers and may be made at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_MIN);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_MAX);
    }
}

/// Gives the system back what its allocator keeps of large blocks that were freed.
#[allow(unsafe_code, reason = "the allocator is the C library's")]
pub fn give_back() {
    // SAFETY: The call takes a number and may be made at any time.
    unsafe { libc::malloc_trim(0) };
}

/// Memory of so many bytes from the kernel. A slab among the blocks of the system's allocator would keep what lies
/// below it from being given back.
#[allow(unsafe_code, reason = "memory is the system's")]
fn map(len: usize) -> Option<*mut u8> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: The call takes no memory of ours.
    let start = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, -1, 0) };
    (start != libc::MAP_FAILED).then(|| start.cast())
}

/// A slab of [`HUGE_LEN`] on a border of its length, as huge pages want it.
#[allow(unsafe_code, reason = "memory is the system's")]
fn huge_slab() -> Option<*mut u8> {
    let start = map(2 * HUGE_LEN)?;
    let before = start.align_offset(HUGE_LEN);
    // SAFETY: All of it lies in what was just mapped: the slab, what is in front of it and what is behind.
    unsafe {
        let slab = start.add(before);
        if before > 0 {
            libc::munmap(start.cast(), before);
        }
        libc::munmap(slab.add(HUGE_LEN).cast(), HUGE_LEN - before);
        // Without huge pages it is a slab all the same.
        libc::madvise(slab.cast(), HUGE_LEN, libc::MADV_HUGEPAGE);
        Some(slab)
    }
}

impl Lists {
    /// A block of a list; null when the system has no memory.
    ///
    /// # Safety
    /// The lock is held.
    #[allow(unsafe_code, reason = "lists of raw memory")]
    #[inline]
    unsafe fn take(&mut self, list: usize) -> *mut u8 {
        let head = self.heads[list];
        if head.is_null() {
            // SAFETY: The lock is held, says the caller.
            return unsafe { self.cut(list) };
        }
        // SAFETY: A1: the block is unused memory with a link in it.
        self.heads[list] = unsafe { (*head).next };
        head.cast()
    }

    /// Puts a block on a list.
    ///
    /// # Safety
    /// The lock is held, and the block is unused memory as A1 says.
    #[allow(unsafe_code, reason = "lists of raw memory")]
    #[inline]
    unsafe fn put(&mut self, list: usize, block: *mut u8) {
        let block = block.cast::<Block>();
        // SAFETY: The block is ours, has room for a link and is aligned to `STEP`.
        unsafe { block.write(Block { next: self.heads[list] }) };
        self.heads[list] = block;
    }

    /// Cuts a block off the slab, or off a new one.
    ///
    /// # Safety
    /// The lock is held.
    #[allow(unsafe_code, reason = "lists of raw memory")]
    #[cold]
    unsafe fn cut(&mut self, list: usize) -> *mut u8 {
        let size = size_of(list);
        if (self.end as usize) - (self.at as usize) < size {
            let is_huge = self.total >= HUGE_FROM;
            let (slab, len) = if is_huge { (huge_slab(), HUGE_LEN) } else { (map(SLAB_LEN), SLAB_LEN) };
            let Some(start) = slab else { return ptr::null_mut() };
            // SAFETY: The lock is held.
            unsafe { self.keep_rest() };
            self.at = start;
            // SAFETY: The slab ends there.
            self.end = unsafe { start.add(len) };
            self.total += len;
        }
        let block = self.at;
        // SAFETY: There are `size` bytes left up to `end`.
        self.at = unsafe { block.add(size) };
        block
    }

    /// What is left of a slab becomes blocks, the largest first.
    ///
    /// # Safety
    /// The lock is held.
    #[allow(unsafe_code, reason = "lists of raw memory")]
    unsafe fn keep_rest(&mut self) {
        loop {
            let left = (self.end as usize) - (self.at as usize);
            if left < STEP {
                return;
            }
            let list = (left / STEP).min(LIST_COUNT) - 1;
            let block = self.at;
            // SAFETY: The block is the front of what is unused (A2), and as long as the list wants.
            unsafe {
                self.at = block.add(size_of(list));
                self.put(list, block);
            }
        }
    }
}

impl Allocator {
    #[allow(clippy::new_without_default, reason = "a static is made of it")]
    pub const fn new() -> Allocator {
        let lists = Lists { heads: [ptr::null_mut(); LIST_COUNT], at: ptr::null_mut(), end: ptr::null_mut(), total: 0 };
        Allocator { is_taken: AtomicBool::new(false), lists: UnsafeCell::new(lists) }
    }

    /// Does something with the lists, which must not allocate.
    #[allow(unsafe_code, reason = "a lock over raw lists")]
    #[inline]
    fn with<R>(&self, action: impl FnOnce(&mut Lists) -> R) -> R {
        while self.is_taken.swap(true, Ordering::Acquire) {
            self.wait();
        }
        // SAFETY: A4: the lock was free and is ours now; nothing in this module takes it twice.
        let result = action(unsafe { &mut *self.lists.get() });
        self.is_taken.store(false, Ordering::Release);
        result
    }

    /// Waits until the lock looks free.
    #[cold]
    fn wait(&self) {
        let mut spins = 0;
        while self.is_taken.load(Ordering::Relaxed) {
            spins += 1;
            if spins % SPINS == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

// SAFETY: A block is handed out by `take` once and comes back through `put`; A1 and A2 give it size and alignment. What
// is not small is the system's from first to last (A3).
#[allow(unsafe_code, reason = "the trait is unsafe")]
unsafe impl GlobalAlloc for Allocator {
    // Inlined everywhere it makes the program a seventh larger.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match list_of(layout) {
            // SAFETY: `with` holds the lock.
            Some(list) => self.with(|lists| unsafe { lists.take(list) }),
            // SAFETY: The caller keeps the contract of the trait.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match list_of(layout) {
            // SAFETY: `with` holds the lock; the block came from the same list (A3) and is not used any more.
            Some(list) => self.with(|lists| unsafe { lists.put(list, block) }),
            // SAFETY: The caller keeps the contract of the trait.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if list_of(layout).is_none() {
            // SAFETY: The caller keeps the contract of the trait.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: The caller keeps the contract of the trait.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: The block is new and has that many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(new_size, layout.align()) else { return ptr::null_mut() };
        match (list_of(layout), list_of(new)) {
            (Some(before), Some(after)) if before == after => block,
            // SAFETY: The caller keeps the contract of the trait.
            (None, None) => unsafe { System.realloc(block, layout, new_size) },
            _ => {
                // SAFETY: The new block is another one, both have so many bytes, and the old one is not used any more.
                unsafe {
                    let moved = self.alloc(new);
                    if !moved.is_null() {
                        ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "the trait is unsafe")]
mod tests {
    use super::*;

    #[test]
    fn lists_cover_all_sizes() {
        for size in 1..=SMALL_MAX {
            let list = list_of(Layout::from_size_align(size, 8).unwrap()).unwrap();
            assert!(list < LIST_COUNT && size_of(list) >= size && size_of(list) < size + STEP, "{size}");
        }
        assert_eq!(list_of(Layout::from_size_align(SMALL_MAX + 1, 8).unwrap()), None);
        assert_eq!(list_of(Layout::from_size_align(8, 2 * STEP).unwrap()), None);
    }

    #[test]
    fn blocks_do_not_overlap_and_come_back() {
        let allocator = Allocator::new();
        let mut blocks = Vec::new();
        // Sizes of all lists and of the system, in an order that leaves rests of slabs.
        for round in 0..3 {
            for step in 1..700_usize {
                let size = 1 + (step * 7919 + round * 31) % (SMALL_MAX + 500);
                let layout = Layout::from_size_align(size, if step % 50 == 0 { 64 } else { 8 }).unwrap();
                // SAFETY: The layout has a size; the block is written within it.
                let block = unsafe {
                    let block = allocator.alloc(layout);
                    assert!(!block.is_null() && (block as usize).is_multiple_of(layout.align()));
                    block.write_bytes(step as u8, size);
                    block
                };
                blocks.push((block, layout, step as u8));
                if step % 3 == 0 {
                    let (block, layout, byte) = blocks.swap_remove(step % blocks.len());
                    check_and_free(&allocator, block, layout, byte);
                }
                if step % 5 == 0 {
                    let at = step % blocks.len();
                    let (block, layout, byte) = blocks[at];
                    let new = layout.size() * 3 / 2;
                    // SAFETY: The block is one of this allocator's with that layout.
                    let moved = unsafe { allocator.realloc(block, layout, new) };
                    check(moved, layout.size(), byte);
                    // SAFETY: It has so many bytes now.
                    unsafe { moved.write_bytes(byte, new) };
                    blocks[at] = (moved, Layout::from_size_align(new, layout.align()).unwrap(), byte);
                }
            }
        }
        for (block, layout, byte) in blocks {
            check_and_free(&allocator, block, layout, byte);
        }
    }

    fn check(block: *mut u8, len: usize, byte: u8) {
        // SAFETY: The tests wrote so many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(block, len) };
        assert!(bytes.iter().all(|&other| other == byte));
    }

    fn check_and_free(allocator: &Allocator, block: *mut u8, layout: Layout, byte: u8) {
        check(block, layout.size(), byte);
        // SAFETY: The block is one of this allocator's with that layout.
        unsafe { allocator.dealloc(block, layout) };
    }

    #[test]
    fn freed_blocks_are_used_again() {
        let allocator = Allocator::new();
        let layout = Layout::from_size_align(100, 8).unwrap();
        // SAFETY: The layout has a size, and the block is freed once.
        unsafe {
            let first = allocator.alloc(layout);
            allocator.dealloc(first, layout);
            assert_eq!(allocator.alloc_zeroed(layout), first);
            check(first, 100, 0);
        }
    }

    #[test]
    fn threads_share_it() {
        static SHARED: Allocator = Allocator::new();
        let work = |byte: u8| {
            move || {
                for size in 1..2000 {
                    let layout = Layout::from_size_align(size, 8).unwrap();
                    // SAFETY: The layout has a size.
                    let block = unsafe { SHARED.alloc(layout) };
                    // SAFETY: The block has so many bytes.
                    unsafe { block.write_bytes(byte, size) };
                    std::thread::yield_now();
                    check_and_free(&SHARED, block, layout, byte);
                }
            }
        };
        std::thread::scope(|scope| {
            for byte in 1..5 {
                scope.spawn(work(byte));
            }
        });
    }
}
