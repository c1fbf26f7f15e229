//! Blocks for objects: size classes of 16 bytes, in pages that the sweeper walks block by block.
//!
//! A page holds blocks of one size and has its own list of free ones, so that an allocation is a pop and a page whose
//! blocks are all free goes back to the system. Objects need no link to one another: the page is the list.
//!
//! # Invariants
//! - P1. A block below `Page::bump` is either free (kind `FREE`, linked from `Page::free`) or an object.
//! - P2. `Page::live` counts the objects.
//! - P3. A page in `Pages::current` is marked young.

use crate::value::{FREE, Header};
use std::alloc::{Layout, alloc, dealloc};
use std::ptr;

/// Bytes of a page.
const PAGE_BYTES: usize = 16 * 1024;
/// Largest block that pages serve; larger objects are allocated one by one.
pub(crate) const BLOCK_LEN_MAX: usize = 512;
const CLASS_COUNT: usize = BLOCK_LEN_MAX / 16 + 1;
/// Bytes carved into free blocks at a time, so that a fresh page is not touched as a whole.
const CARVE_BYTES: usize = 1024;

#[repr(C)]
struct FreeBlock {
    header: Header,
    next: *mut FreeBlock,
}

/// Start of a page; the blocks follow.
#[repr(C)]
pub(crate) struct Page {
    free: *mut FreeBlock,
    bump: *mut u8,
    end: *mut u8,
    block_len: usize,
    live: usize,
    /// Next page of the class with free blocks.
    next: *mut Page,
    /// Whether it is in that list.
    listed: bool,
    /// Whether it may hold objects that are young for the generational mode.
    young: bool,
}

const PAGE_HEADER: usize = size_of::<Page>().next_multiple_of(16);
const PAGE_LAYOUT: Layout = match Layout::from_size_align(PAGE_BYTES, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("a page's layout is valid"),
};

/// All pages of a heap.
pub(crate) struct Pages {
    /// Per class the page that serves allocations; null at first.
    current: [*mut Page; CLASS_COUNT],
    /// Per class the pages with free blocks, found by the last sweep.
    available: [*mut Page; CLASS_COUNT],
    pub all: Vec<*mut Page>,
}

impl Pages {
    pub fn new() -> Pages {
        Pages { current: [ptr::null_mut(); CLASS_COUNT], available: [ptr::null_mut(); CLASS_COUNT], all: Vec::new() }
    }

    /// A block of at least `len` bytes, or null when the system has no memory.
    #[inline(always)]
    pub fn alloc(&mut self, len: usize) -> *mut u8 {
        let class = len.div_ceil(16);
        let page = self.current[class];
        // SAFETY: P1: the list holds free blocks of the page.
        unsafe {
            if !page.is_null() {
                let block = (*page).free;
                if !block.is_null() {
                    (*page).free = (*block).next;
                    (*page).live += 1;
                    return block.cast();
                }
            }
        }
        self.alloc_slow(class)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&mut self, class: usize) -> *mut u8 {
        // SAFETY: pages in `current` and `available` are alive.
        unsafe {
            let mut page = self.current[class];
            if page.is_null() || (*page).bump == (*page).end {
                page = self.available[class];
                if page.is_null() {
                    page = self.new_page(class * 16);
                    if page.is_null() {
                        return ptr::null_mut();
                    }
                } else {
                    self.available[class] = (*page).next;
                    (*page).listed = false;
                }
                (*page).young = true;
                self.current[class] = page;
            }
            if (*page).free.is_null() {
                carve(page);
            }
            let block = (*page).free;
            (*page).free = (*block).next;
            (*page).live += 1;
            block.cast()
        }
    }

    fn new_page(&mut self, block_len: usize) -> *mut Page {
        // SAFETY: the layout is not empty; the header is written before use.
        unsafe {
            let page = alloc(PAGE_LAYOUT).cast::<Page>();
            if page.is_null() {
                return page;
            }
            let start = page.cast::<u8>().add(PAGE_HEADER);
            let blocks = (PAGE_BYTES - PAGE_HEADER) / block_len;
            page.write(Page {
                free: ptr::null_mut(),
                bump: start,
                end: start.add(blocks * block_len),
                block_len,
                live: 0,
                next: ptr::null_mut(),
                listed: false,
                young: true,
            });
            self.all.push(page);
            page
        }
    }

    /// Forgets which pages have free blocks: a sweep begins, and will find out again.
    pub fn begin_sweep(&mut self) {
        for list in &mut self.available {
            let mut page = *list;
            while !page.is_null() {
                // SAFETY: listed pages are alive.
                unsafe {
                    (*page).listed = false;
                    page = (*page).next;
                }
            }
            *list = ptr::null_mut();
        }
    }

    pub fn mark_young(&mut self, idx: usize) {
        // SAFETY: the list holds pages.
        unsafe { (*self.all[idx]).young = true }
    }

    /// Whether the page at `idx` may hold young objects.
    pub fn is_young(&self, idx: usize) -> bool {
        // SAFETY: the list holds pages.
        unsafe { (*self.all[idx]).young }
    }

    /// Frees the blocks of the page at `idx` that `dead` tells of (it also recolours the living). Answers whether the
    /// page itself is gone, with the last page moved to its index.
    pub fn sweep(&mut self, idx: usize, mut dead: impl FnMut(*mut Header) -> bool) -> bool {
        let page = self.all[idx];
        // SAFETY: P1, P2.
        unsafe {
            let block_len = (*page).block_len;
            let mut at = page.cast::<u8>().add(PAGE_HEADER);
            while at < (*page).bump {
                let header = at.cast::<Header>();
                if (*header).kind != FREE && dead(header) {
                    if cfg!(feature = "stress") {
                        ptr::write_bytes(at, 0xdb, block_len);
                    }
                    free_block(page, at);
                    (*page).live -= 1;
                }
                at = at.add(block_len);
            }
            let class = block_len / 16;
            if self.current[class] == page {
                return false;
            }
            (*page).young = false;
            if (*page).live == 0 {
                self.all.swap_remove(idx);
                dealloc(page.cast(), PAGE_LAYOUT);
                return true;
            }
        }
        self.list(idx);
        false
    }

    /// Puts the page at `idx` into the list of its class if it has free blocks and serves no allocations yet.
    pub fn list(&mut self, idx: usize) {
        let page = self.all[idx];
        // SAFETY: the list holds pages.
        unsafe {
            let class = (*page).block_len / 16;
            if self.current[class] != page
                && !(*page).listed
                && (!(*page).free.is_null() || (*page).bump != (*page).end)
            {
                (*page).listed = true;
                (*page).next = self.available[class];
                self.available[class] = page;
            }
        }
    }

    /// Calls `visit` with every object in pages.
    pub fn for_each(&self, mut visit: impl FnMut(*mut Header)) {
        for &page in &self.all {
            // SAFETY: P1.
            unsafe {
                let mut at = page.cast::<u8>().add(PAGE_HEADER);
                while at < (*page).bump {
                    let header = at.cast::<Header>();
                    if (*header).kind != FREE {
                        visit(header);
                    }
                    at = at.add((*page).block_len);
                }
            }
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for &page in &self.all {
            // SAFETY: allocated with this layout, and nobody uses the heap any more.
            unsafe { dealloc(page.cast(), PAGE_LAYOUT) }
        }
    }
}

unsafe fn free_block(page: *mut Page, at: *mut u8) {
    let block = at.cast::<FreeBlock>();
    // SAFETY: the block belongs to the page and holds no object any more.
    unsafe {
        (*block).header.kind = FREE;
        (*block).next = (*page).free;
        (*page).free = block;
    }
}

unsafe fn carve(page: *mut Page) {
    // SAFETY: there is room between `bump` and `end`.
    unsafe {
        let count = (CARVE_BYTES / (*page).block_len).max(1);
        let rest = (*page).end.offset_from((*page).bump) as usize / (*page).block_len;
        let count = count.min(rest);
        for idx in (0..count).rev() {
            free_block(page, (*page).bump.add(idx * (*page).block_len));
        }
        (*page).bump = (*page).bump.add(count * (*page).block_len);
    }
}
