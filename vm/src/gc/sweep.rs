//! Sweeping, pacing, and the steps that safe points take.

use super::generational::OLD;
use super::{BLACK, GRAY_AGAIN, Heap, Phase, WHITES, large_layout, large_len};
use crate::closure::{Closure, LoadedProto, NativeClosure, Upvalue};
use crate::stack::Coroutine;
use crate::state::RootSet;
use crate::string::{DATA_OFFSET, Interned, Str};
use crate::table::Table;
use crate::userdata::Userdata;
use crate::value::{CLOSURE, COROUTINE, Header, LONG_STRING, NATIVE_CLOSURE, PROTO, STRING, TABLE, UPVALUE, USERDATA};
use std::alloc::dealloc;
use std::ptr;

/// Bytes traversed per allocated byte at a step multiplier of 100 %.
const WORK_PER_BYTE: usize = 4;
/// How much more a step does that a script asks for without a size, so that as few make a cycle as with the reference.
const ASKED_WORK: usize = 50;
/// What sweeping a page, or `LARGE_PER_STEP` large objects, counts as, in bytes of work.
const SWEEP_WORK: usize = 4096;
const LARGE_PER_STEP: usize = 16;
/// A cycle never starts below this.
const THRESHOLD_MIN: usize = 128 * 1024;

/// The stress build collects whenever the heap grew by this part of itself: at every allocation while it is small, and
/// seldom enough to end while it is large.
const STRESS_DIVISOR: usize = 4096;

/// What the start of a cycle is worth, in bytes of work.
const START_WORK: usize = 4096;

impl Heap {
    /// Does a slice of work; called at safe points once `wants_step` holds. Answers whether a cycle ended.
    pub fn step(&mut self, roots: &RootSet<'_>) -> bool {
        if cfg!(feature = "stress") && !self.stopped && !self.generational {
            self.full(roots);
            return true;
        }
        if self.stopped {
            self.threshold = usize::MAX;
            return false;
        }
        if self.generational {
            self.step_generational(roots);
            return true;
        }
        if self.bytes > self.hard_limit / 2 {
            // Natives can't collect, and give up at the limit: garbage must not bring them there.
            self.full(roots);
            return true;
        }
        // A few large objects may have come at once: what is over the threshold is worked for, too.
        let over = self.bytes.saturating_sub(self.threshold);
        let ended = self.advance(roots, self.work(self.step_size.saturating_add(over)));
        if !ended {
            self.threshold = self.bytes + self.step_size;
        }
        ended
    }

    /// The step that a script asks for, of `kib` KiB beyond the usual; whether a cycle ended. It goes on while the
    /// collector is stopped.
    pub fn step_by(&mut self, kib: usize, roots: &RootSet<'_>) -> bool {
        if self.generational {
            self.step_generational(roots);
            return false;
        }
        let budget = match kib {
            0 => self.work(self.step_size).saturating_mul(ASKED_WORK),
            _ => self.work(kib.saturating_mul(1024)) / WORK_PER_BYTE,
        };
        let ended = self.advance(roots, budget);
        if !ended && !self.stopped {
            self.threshold = self.bytes + self.step_size;
        }
        ended
    }

    /// What `size` allocated bytes are worth, in bytes of work.
    fn work(&self, size: usize) -> usize {
        (size.saturating_mul(self.step_mul.max(1)) / 100).saturating_mul(WORK_PER_BYTE)
    }

    /// Work worth `budget` bytes; whether a cycle ended.
    pub fn advance(&mut self, roots: &RootSet<'_>, budget: usize) -> bool {
        let mut work = 0;
        while work < budget {
            match self.phase {
                Phase::Pause => {
                    self.start_cycle(roots);
                    work += START_WORK;
                }
                Phase::Mark => {
                    work += self.propagate(budget - work);
                    if self.gray.is_empty() {
                        self.atomic(roots);
                        self.begin_sweep();
                    }
                }
                Phase::SweepPages => {
                    match self.sweep_idx.checked_sub(1) {
                        Some(idx) => {
                            self.sweep_idx = idx;
                            self.sweep_page(idx);
                        }
                        None => {
                            self.sweep_idx = self.large.len();
                            self.phase = Phase::SweepLarge;
                        }
                    }
                    work += SWEEP_WORK;
                }
                Phase::SweepLarge => {
                    for _ in 0..LARGE_PER_STEP {
                        let Some(idx) = self.sweep_idx.checked_sub(1) else {
                            self.end_cycle();
                            return true;
                        };
                        self.sweep_idx = idx;
                        self.sweep_large(idx);
                    }
                    work += SWEEP_WORK;
                }
            }
        }
        false
    }

    /// A whole cycle, after finishing one that is under way.
    pub fn full(&mut self, roots: &RootSet<'_>) {
        if self.generational {
            self.collect_old(roots);
            self.interned.shrink();
            return;
        }
        if self.phase != Phase::Pause {
            self.finish(roots);
        }
        self.finish(roots);
        self.interned.shrink();
    }

    pub(super) fn finish(&mut self, roots: &RootSet<'_>) {
        while !self.advance(roots, usize::MAX) {}
    }

    pub(super) fn begin_sweep(&mut self) {
        self.pages.begin_sweep();
        self.sweep_idx = self.pages.all.len();
        self.phase = Phase::SweepPages;
    }

    /// Sweeps the page at `idx`. Going down, a page that takes a freed one's place was swept before.
    fn sweep_page(&mut self, idx: usize) {
        let Heap { pages, interned, bytes, white, generational, .. } = self;
        pages.sweep(idx, |object| {
            // SAFETY: the sweeper hands over objects, and frees the block of those that are dead.
            unsafe { !survives(object, *white, *generational) && release(object, interned, bytes) }
        });
    }

    /// Sweeps the object at `idx` of those that have no page, going down too.
    fn sweep_large(&mut self, idx: usize) {
        let object = self.large[idx];
        // SAFETY: the list holds objects; a dead one leaves it.
        unsafe {
            if !survives(object, self.white, self.generational) {
                self.large.swap_remove(idx);
                self.free_large(object);
            }
        }
    }

    /// Frees a dead object that has no page.
    pub(super) unsafe fn free_large(&mut self, object: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe {
            let layout = large_layout(large_len(object));
            release(object, &mut self.interned, &mut self.bytes);
            dealloc(object.cast(), layout);
        }
    }

    fn end_cycle(&mut self) {
        self.phase = Phase::Pause;
        self.estimate = self.bytes;
        self.set_threshold();
        if self.gray.capacity() > 64 * 1024 {
            self.gray = Vec::new();
        }
    }

    /// Sets when the next cycle starts, from what is in use now.
    pub fn set_threshold(&mut self) {
        if cfg!(feature = "stress") {
            self.threshold = self.bytes + self.bytes / STRESS_DIVISOR;
            return;
        }
        self.threshold = if self.generational {
            self.young_threshold()
        } else {
            (self.estimate / 100).saturating_mul(self.pause.max(100)).max(THRESHOLD_MIN)
        };
        // Near the hard limit collect early, so that garbage takes a quarter of what is free at most.
        if self.hard_limit != usize::MAX {
            self.threshold = self.threshold.min(self.bytes + self.hard_limit.saturating_sub(self.bytes) / 4);
        }
    }

    /// Walks every object and asserts the invariants that a walk can see; for tests and the stress build.
    pub fn check(&self) {
        let mut booked = 0;
        let mut visit = |object: *mut Header| {
            // SAFETY: the walk meets objects only.
            unsafe {
                booked += object_bytes(object);
                if (*object).kind == TABLE {
                    Table::check(object.cast(), self.interned.seed);
                }
                assert!((*object).marked & WHITES != WHITES, "an object has one white at most");
            }
        };
        self.pages.for_each(&mut visit);
        self.large.iter().for_each(|&object| visit(object));
        assert_eq!(booked, self.bytes, "G4: the books agree with the heap");
        self.check_ages();
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let Heap { pages, interned, bytes, large, .. } = self;
        // SAFETY: nobody uses the heap any more; every object is released once. Coroutines go first: they close their
        // upvalues.
        unsafe {
            pages.for_each(|object| {
                if (*object).kind == COROUTINE {
                    Coroutine::release(object.cast());
                }
            });
            pages.for_each(|object| {
                if !matches!((*object).kind, COROUTINE | STRING | UPVALUE) {
                    release(object, interned, bytes);
                }
            });
            for &object in large.iter() {
                dealloc(object.cast(), large_layout(large_len(object)));
            }
        }
    }
}

/// Whether the object is alive; if so it gets the current white for the next cycle, or is old.
unsafe fn survives(object: *mut Header, white: u8, generational: bool) -> bool {
    // SAFETY: the caller has an object that is not freed.
    unsafe {
        let marked = (*object).marked;
        if marked & (BLACK | white) == 0 && marked & WHITES != 0 {
            return false;
        }
        if generational {
            (*object).marked = marked | OLD;
            return true;
        }
        (*object).marked = marked & !(BLACK | WHITES | GRAY_AGAIN) | white;
        true
    }
}

/// Bytes an object is booked with.
unsafe fn object_bytes(object: *mut Header) -> usize {
    // SAFETY: the kind tells the struct.
    unsafe {
        match (*object).kind {
            STRING | LONG_STRING => DATA_OFFSET + Str::len(object.cast()),
            TABLE => size_of::<Table>() + Table::buffer_bytes(object.cast()),
            CLOSURE => Closure::bytes((*object.cast::<Closure>()).upvalue_count as usize),
            NATIVE_CLOSURE => NativeClosure::bytes((*object.cast::<NativeClosure>()).upvalue_count as usize),
            UPVALUE => size_of::<Upvalue>(),
            USERDATA => size_of::<Userdata>() + (*object.cast::<Userdata>()).extra_bytes,
            COROUTINE => size_of::<Coroutine>() + Coroutine::buffer_bytes(object.cast()),
            PROTO => size_of::<LoadedProto>() + (*object.cast::<LoadedProto>()).parts.bytes(),
            kind => unreachable!("no object has kind {kind}"),
        }
    }
}

/// Gives back what a dead object owns besides its block, and takes it off the books. Always true, for the sweeper.
pub(super) unsafe fn release(object: *mut Header, interned: &mut Interned, bytes: &mut usize) -> bool {
    // SAFETY: the kind tells the struct, and nobody uses the object any more.
    unsafe {
        *bytes -= object_bytes(object);
        match (*object).kind {
            STRING => interned.remove(object.cast()),
            TABLE => Table::release(object.cast()),
            UPVALUE => {
                let upvalue = object.cast::<Upvalue>();
                if Upvalue::is_open(upvalue) {
                    Upvalue::unlink(upvalue);
                }
            }
            USERDATA => ptr::drop_in_place(&raw mut (*object.cast::<Userdata>()).data),
            COROUTINE => Coroutine::release(object.cast()),
            PROTO => ptr::drop_in_place(&raw mut (*object.cast::<LoadedProto>()).parts),
            _ => {}
        }
    }
    true
}
