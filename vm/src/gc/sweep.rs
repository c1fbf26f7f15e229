//! Sweeping, pacing, and the steps that safe points take.

use super::{BLACK, GRAY_AGAIN, Heap, Phase, WHITES, large_layout, large_len};
use crate::closure::{Closure, LoadedProto, NativeClosure, Upvalue};
use crate::stack::Coroutine;
use crate::string::{DATA_OFFSET, Interned, Str};
use crate::table::Table;
use crate::userdata::Userdata;
use crate::value::{
    CLOSURE, COROUTINE, Header, LONG_STRING, NATIVE_CLOSURE, PROTO, Raw, STRING, TABLE, UPVALUE, USERDATA,
};
use std::alloc::dealloc;
use std::ptr;

/// Bytes traversed per allocated byte at a step multiplier of 100 %.
const WORK_PER_BYTE: usize = 4;
/// What sweeping a page or a large object counts as, in bytes of work.
const SWEEP_WORK: usize = 4096;
/// A cycle never starts below this.
const THRESHOLD_MIN: usize = 128 * 1024;

/// The stress build collects whenever the heap grew by this part of itself: at every allocation while it is small, and
/// seldom enough to end while it is large.
const STRESS_DIVISOR: usize = 4096;

impl Heap {
    /// Does a slice of work; called at safe points once `wants_step` holds. Answers whether a cycle ended.
    pub fn step(&mut self, roots: &[Raw]) -> bool {
        if cfg!(feature = "stress") && !self.stopped {
            self.full(roots);
            return true;
        }
        if self.stopped {
            self.threshold = usize::MAX;
            return false;
        }
        if self.bytes > self.hard_limit / 2 {
            // Natives can't collect, and give up at the limit: garbage must not bring them there.
            self.full(roots);
            return true;
        }
        let work = (self.step_size.saturating_mul(self.step_mul) / 100).saturating_mul(WORK_PER_BYTE);
        let ended = self.advance(roots, work);
        if !ended {
            self.threshold = self.bytes + self.step_size;
        }
        ended
    }

    /// Work worth `budget` bytes; whether a cycle ended.
    pub fn advance(&mut self, roots: &[Raw], budget: usize) -> bool {
        let mut work = 0;
        while work < budget {
            match self.phase {
                Phase::Pause => {
                    self.start_cycle(roots);
                    work += size_of_val(roots);
                }
                Phase::Mark => {
                    if self.propagate(budget - work) {
                        self.atomic(roots);
                        self.begin_sweep();
                    }
                    work = budget;
                }
                Phase::SweepPages => {
                    self.sweep_page();
                    work += SWEEP_WORK;
                }
                Phase::SweepLarge => {
                    if self.sweep_large() {
                        self.end_cycle();
                        return true;
                    }
                    work += SWEEP_WORK;
                }
            }
        }
        false
    }

    /// A whole cycle, after finishing one that is under way.
    pub fn full(&mut self, roots: &[Raw]) {
        if self.phase != Phase::Pause {
            self.finish(roots);
        }
        self.finish(roots);
        self.interned.shrink();
    }

    fn finish(&mut self, roots: &[Raw]) {
        while !self.advance(roots, usize::MAX) {}
    }

    fn begin_sweep(&mut self) {
        self.pages.begin_sweep();
        self.sweep_idx = self.pages.all.len();
        self.phase = Phase::SweepPages;
    }

    fn sweep_page(&mut self) {
        if self.sweep_idx == 0 {
            self.sweep_idx = self.large.len();
            self.phase = Phase::SweepLarge;
            return;
        }
        self.sweep_idx -= 1;
        let Heap { pages, interned, bytes, white, .. } = self;
        // Going down, a page that takes a freed one's place was swept before.
        pages.sweep(self.sweep_idx, |object| {
            // SAFETY: the sweeper hands over objects, and frees the block of those that are dead.
            unsafe { !survives(object, *white) && release(object, interned, bytes) }
        });
    }

    /// Sweeps a few objects that have no page; whether none is left.
    fn sweep_large(&mut self) -> bool {
        for _ in 0..16 {
            if self.sweep_idx == 0 {
                return true;
            }
            self.sweep_idx -= 1;
            let object = self.large[self.sweep_idx];
            // SAFETY: the list holds objects; a dead one leaves it.
            unsafe {
                if !survives(object, self.white) {
                    let layout = large_layout(large_len(object));
                    release(object, &mut self.interned, &mut self.bytes);
                    self.large.swap_remove(self.sweep_idx);
                    dealloc(object.cast(), layout);
                }
            }
        }
        false
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
        self.threshold = (self.estimate / 100).saturating_mul(self.pause.max(100)).max(THRESHOLD_MIN);
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

/// Whether the object is alive; if so it gets the current white for the next cycle.
unsafe fn survives(object: *mut Header, white: u8) -> bool {
    // SAFETY: the caller has an object that is not freed.
    unsafe {
        let marked = (*object).marked;
        if marked & (BLACK | white) == 0 && marked & WHITES != 0 {
            return false;
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
unsafe fn release(object: *mut Header, interned: &mut Interned, bytes: &mut usize) -> bool {
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
