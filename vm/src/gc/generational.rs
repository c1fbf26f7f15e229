//! The generational mode: an object that survived two collections is old, and a young collection looks only at what
//! is not, and at the old that changed.
//!
//! Between two collections the heap stays in the marking phase, with the old black and the young white. So the barriers
//! of G1 and G2 note what a young collection has to look at: old tables written to and coroutines that ran are gray
//! again, values written to other old objects are promoted. Their referents may be young for one collection more, so
//! they are looked at in the next one too, as is what just became old. Only a full collection frees the old; it comes
//! when the heap grew by `major_mul` percent since the last one.
//!
//! # Invariants
//! - Y1. Between collections every object is white and not old, or old and black, or gray and in `gray` or
//!   `gray_again`.
//! - Y2. An old object that refers to a young one is in `gray_again` or `carried`.
//! - Y3. A young object has no page, or lies in a page that is marked young.
//! - Y4. The first `old_finalizable` objects with a finaliser, and the first `old_large` without a page, are old.

use super::sweep::release;
use super::{BLACK, GRAY_AGAIN, Heap, Phase, WHITES};
use crate::state::RootSet;
use crate::table::Table;
use crate::value::{self, DEAD_KEY, Header, Raw, TABLE};
use std::collections::HashSet;

/// The object survived one collection.
const SURVIVED: u8 = 0b10_0000;
/// It survived two, or a full one.
pub(super) const OLD: u8 = 0b100_0000;

/// A young collection never starts before so many bytes came.
const YOUNG_BYTES_MIN: usize = 64 * 1024;
/// The stress build, where everything becomes old at once, does a full collection after so many young ones.
const STRESS_YOUNG_MAX: usize = 16;

impl Heap {
    /// Changes the mode, with a full collection on the way to the generational one.
    pub fn set_generational(&mut self, generational: bool, roots: &RootSet<'_>) {
        if generational == self.generational {
            return;
        }
        self.generational = generational;
        if generational {
            self.collect_old(roots);
        } else {
            self.whiten();
            self.estimate = self.bytes;
            self.set_threshold();
        }
    }

    /// A young or a full collection, as the heap's growth asks for.
    pub(super) fn step_generational(&mut self, roots: &RootSet<'_>) {
        let due = cfg!(feature = "stress") && self.young_count >= STRESS_YOUNG_MAX;
        if due {
            self.check_ages();
        }
        if due || self.bytes > self.major_threshold() || self.bytes > self.hard_limit / 2 {
            self.full(roots);
        } else {
            self.collect_young(roots);
        }
    }

    /// Frees what is unreachable among the young.
    fn collect_young(&mut self, roots: &RootSet<'_>) {
        debug_assert!(self.generational && self.phase == Phase::Mark);
        self.mark_roots(roots);
        self.atomic(roots);
        self.sweep_young();
        self.young_count += 1;
        self.end_generational();
    }

    /// A full collection, after which all that is left is old.
    pub(super) fn collect_old(&mut self, roots: &RootSet<'_>) {
        self.whiten();
        self.start_cycle(roots);
        self.atomic(roots);
        self.begin_sweep();
        self.finish(roots);
        self.carried.clear();
        self.young_count = 0;
        self.end_generational();
    }

    fn end_generational(&mut self) {
        self.phase = Phase::Mark;
        // SAFETY: the lists hold objects.
        let is_old = |&&object: &&*mut Header| unsafe { (*object).marked & OLD != 0 };
        self.old_finalizable += self.finalizable[self.old_finalizable..].iter().take_while(is_old).count();
        self.old_large += self.large[self.old_large..].iter().take_while(is_old).count();
        self.set_threshold();
    }

    /// Makes every object white and new, and forgets what was gray.
    fn whiten(&mut self) {
        let white = self.white;
        let whiten = |object: *mut Header| {
            // SAFETY: the walks meet objects only.
            unsafe { (*object).marked = (*object).marked & !(BLACK | WHITES | GRAY_AGAIN | SURVIVED | OLD) | white }
        };
        self.pages.for_each(whiten);
        self.large.iter().copied().for_each(whiten);
        self.gray.clear();
        self.gray_again.clear();
        self.carried.clear();
        self.open_upvalues.clear();
        self.old_finalizable = 0;
        self.old_large = 0;
        self.phase = Phase::Pause;
    }

    /// Makes a young object old that an old one refers to from now on, and has it looked at.
    ///
    /// # Safety
    /// `object` is alive and white.
    pub(super) unsafe fn promote(&mut self, object: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe {
            (*object).marked = (*object).marked & !(WHITES | SURVIVED) | OLD | BLACK;
            if has_referents(object) {
                self.make_gray_again(object);
            }
        }
    }

    /// A coroutine that may run is old at once: it stays gray.
    ///
    /// # Safety
    /// `coroutine` is alive.
    pub(super) unsafe fn make_old(&self, coroutine: *mut Header) {
        // SAFETY: the caller's contract.
        unsafe { (*coroutine).marked = (*coroutine).marked & !SURVIVED | OLD }
    }

    fn sweep_young(&mut self) {
        self.pages.begin_sweep();
        for idx in (0..self.pages.all.len()).rev() {
            if self.pages.is_young(idx) {
                self.sweep_young_page(idx);
            } else {
                self.pages.list(idx);
            }
        }
        for object in self.large.split_off(self.old_large) {
            // SAFETY: the list holds objects; a dead one leaves it.
            unsafe {
                if grow_older(object, self.white, &mut self.carried) == Age::Dead {
                    self.free_large(object);
                } else {
                    self.large.push(object);
                }
            }
        }
    }

    fn sweep_young_page(&mut self, idx: usize) {
        let Heap { pages, interned, bytes, white, carried, .. } = self;
        let mut young = false;
        let gone = pages.sweep(idx, |object| {
            // SAFETY: the sweeper hands over objects, and frees the block of those that are dead.
            unsafe {
                let age = grow_older(object, *white, carried);
                young |= age == Age::Young;
                age == Age::Dead && release(object, interned, bytes)
            }
        });
        if young && !gone {
            pages.mark_young(idx);
        }
    }

    /// Asserts Y2 for tables, by walking every object.
    pub(super) fn check_ages(&self) {
        if !self.generational {
            return;
        }
        let carried: HashSet<_> = self.carried.iter().copied().collect();
        self.pages.for_each(|object| {
            // SAFETY: the walk meets objects only; entries of a live table are alive.
            unsafe {
                if (*object).kind == TABLE && (*object).marked & BLACK != 0 && !carried.contains(&object) {
                    let is_young = |value: Raw| {
                        value.is_object()
                            && value.tag != DEAD_KEY
                            && (*value.as_ptr::<Header>()).marked & (WHITES | OLD) == self.white
                    };
                    assert!(!Table::any(object.cast(), is_young), "Y2: an old table refers to nothing young");
                }
            }
        });
    }

    /// At so many bytes a collection is a full one.
    fn major_threshold(&self) -> usize {
        self.estimate.saturating_add((self.estimate / 100).saturating_mul(self.major_mul)).max(YOUNG_BYTES_MIN)
    }

    pub(super) fn young_threshold(&self) -> usize {
        self.bytes + (self.bytes / 100).saturating_mul(self.minor_mul).max(YOUNG_BYTES_MIN)
    }
}

/// What a collection found an object to be.
#[derive(PartialEq)]
enum Age {
    Dead,
    Young,
    Old,
}

/// Makes an object one collection older; one that became old is looked at once more, so it goes to `carried`.
unsafe fn grow_older(object: *mut Header, white: u8, carried: &mut Vec<*mut Header>) -> Age {
    // SAFETY: the caller has an object that is not freed.
    unsafe {
        let marked = (*object).marked;
        if marked & WHITES != 0 {
            return Age::Dead;
        }
        if marked & OLD != 0 {
            return Age::Old;
        }
        if marked & SURVIVED != 0 {
            (*object).marked = marked & !SURVIVED | OLD;
            if has_referents(object) {
                carried.push(object);
            }
            return Age::Old;
        }
        (*object).marked = marked & !BLACK | SURVIVED | white;
        Age::Young
    }
}

/// Whether the object refers to others.
unsafe fn has_referents(object: *mut Header) -> bool {
    // SAFETY: the caller has an object that is not freed.
    unsafe { (*object).kind > value::LONG_STRING }
}
