//! Marking: slices of gray objects, the atomic step, weak tables and finalisers.
//!
//! # Source
//! `lgc.c` for the order of the atomic step (weak values before resurrection, weak keys after it), not the code.

use super::{BLACK, GRAY_AGAIN, HAS_FINALIZER, Heap, Phase, WHITES};
use crate::closure::{Closure, LoadedProto, NativeClosure, Upvalue};
use crate::stack::{self, Coroutine};
use crate::state::RootSet;
use crate::string::Str;
use crate::table::{self, Node, Table};
use crate::userdata::Userdata;
use crate::value::{
    self, CLOSURE, COROUTINE, DEAD_KEY, Header, NATIVE_CLOSURE, NIL, PROTO, Raw, STRING, TABLE, UPVALUE, USERDATA,
};
use std::mem;

/// `Table::weak` bits.
pub(super) const WEAK_KEYS: u8 = 1;
pub(super) const WEAK_VALUES: u8 = 2;

impl Heap {
    /// Marks a value's object.
    #[inline]
    pub(super) fn mark_value(&mut self, value: Raw) {
        if value.is_object() {
            // SAFETY: V1, and marking only meets live values.
            unsafe { self.mark_object(value.as_ptr()) }
        }
    }

    #[inline]
    unsafe fn mark_if_any<T>(&mut self, object: *mut T) {
        if !object.is_null() {
            // SAFETY: the caller has a live object.
            unsafe { self.mark_object(object.cast()) }
        }
    }

    /// White to gray; what has nothing to traverse goes black at once.
    #[inline]
    unsafe fn mark_object(&mut self, object: *mut Header) {
        // SAFETY: the caller has a live object.
        unsafe {
            if (*object).marked & WHITES == 0 {
                return;
            }
            (*object).marked &= !WHITES;
            if (*object).kind <= value::LONG_STRING {
                (*object).marked |= BLACK;
            } else {
                self.gray.push(object);
            }
        }
    }

    /// Begins a cycle at the roots.
    pub(super) fn start_cycle(&mut self, roots: &RootSet<'_>) {
        debug_assert!(self.gray.is_empty() && self.gray_again.is_empty());
        self.phase = Phase::Mark;
        self.mark_roots(roots);
    }

    pub(super) fn mark_roots(&mut self, roots: &RootSet<'_>) {
        roots.for_each(|root| self.mark_value(root));
        for idx in 0..self.to_finalize.len() {
            // SAFETY: objects waiting for their finaliser are kept alive by this.
            unsafe { self.mark_object(self.to_finalize[idx]) }
        }
    }

    /// Traverses gray objects worth about `budget` bytes; answers the bytes looked at.
    pub(super) fn propagate(&mut self, budget: usize) -> usize {
        let mut work = 0;
        while work < budget {
            let Some(object) = self.gray.pop() else { break };
            // SAFETY: gray objects are alive.
            work += unsafe { self.traverse(object, false) };
        }
        work
    }

    fn propagate_all(&mut self) {
        while let Some(object) = self.gray.pop() {
            // SAFETY: gray objects are alive.
            unsafe { self.traverse(object, true) };
        }
    }

    /// Marks what the object refers to; answers the bytes looked at.
    unsafe fn traverse(&mut self, object: *mut Header, atomic: bool) -> usize {
        // SAFETY: the caller has a live gray object; the kind tells its struct.
        unsafe {
            (*object).marked |= BLACK;
            match (*object).kind {
                TABLE => self.traverse_table(object.cast(), atomic),
                CLOSURE => {
                    let closure = object.cast::<Closure>();
                    self.mark_object((*closure).proto.cast());
                    let count = (*closure).upvalue_count as usize;
                    for idx in 0..count {
                        self.mark_if_any(*Closure::upvalue(closure, idx));
                    }
                    Closure::bytes(count)
                }
                NATIVE_CLOSURE => {
                    let closure = object.cast::<NativeClosure>();
                    let count = (*closure).upvalue_count as usize;
                    for idx in 0..count {
                        self.mark_value(*NativeClosure::upvalue(closure, idx));
                    }
                    NativeClosure::bytes(count)
                }
                UPVALUE => {
                    let upvalue = object.cast::<Upvalue>();
                    if Upvalue::is_open(upvalue) {
                        self.open_upvalues.push(upvalue);
                    }
                    self.mark_value(*(*upvalue).slot);
                    size_of::<Upvalue>()
                }
                USERDATA => {
                    let userdata = object.cast::<Userdata>();
                    self.mark_if_any((*userdata).metatable);
                    self.mark_value((*userdata).user_value);
                    size_of::<Userdata>()
                }
                COROUTINE => self.traverse_coroutine(object.cast(), atomic),
                PROTO => self.traverse_proto(object.cast()),
                kind => unreachable!("kind {kind} is never gray"),
            }
        }
    }

    unsafe fn traverse_proto(&mut self, proto: *mut LoadedProto) -> usize {
        // SAFETY: the caller has a live prototype; names may be null.
        unsafe {
            let parts: *const crate::closure::ProtoParts = &*(*proto).parts;
            self.mark_if_any((*parts).source);
            for &constant in &(*parts).constants {
                self.mark_value(constant);
            }
            for &inner in &(*parts).protos {
                self.mark_object(inner.cast());
            }
            for upvalue in &(*parts).upvalues {
                self.mark_if_any(upvalue.name);
            }
            for local in &(*parts).locals {
                self.mark_if_any(local.name);
            }
            (*parts).bytes()
        }
    }

    /// A coroutine that may run stays gray for the atomic step, and in the generational mode for the next collection; a
    /// suspended one is done (G2).
    unsafe fn traverse_coroutine(&mut self, coroutine: *mut Coroutine, atomic: bool) -> usize {
        // SAFETY: slots below the top are values; those above are dead and cleared, so that none dangles later.
        unsafe {
            let active = (*coroutine).is_active();
            if active && (!atomic || self.generational) {
                (*coroutine).header.marked &= !BLACK;
                if (*coroutine).header.marked & GRAY_AGAIN == 0 {
                    (*coroutine).header.marked |= GRAY_AGAIN;
                    self.gray_again.push(coroutine.cast());
                }
            }
            if active && self.generational {
                self.make_old(coroutine.cast());
            }
            self.mark_if_any((*coroutine).resumer);
            if let Some(hook) = &(*coroutine).hook {
                let (function, native) = (hook.function, hook.native);
                self.mark_value(function);
                self.mark_value(native);
            }
            let mut slot = (*coroutine).stack;
            while slot < (*coroutine).top {
                self.mark_value(*slot);
                slot = slot.add(1);
            }
            if atomic || !active {
                let end = (*coroutine).stack_end.add(stack::EXTRA);
                while slot < end {
                    value::write(slot, Raw::NIL);
                    slot = slot.add(1);
                }
            }
            Coroutine::buffer_bytes(coroutine)
        }
    }

    unsafe fn traverse_table(&mut self, table: *mut Table, atomic: bool) -> usize {
        // SAFETY: the caller has a live table.
        unsafe {
            let metatable = (*table).metatable;
            let mut weak = 0;
            if !metatable.is_null() {
                self.mark_object(metatable.cast());
                weak = self.weakness(metatable);
            }
            (*table).weak = weak;
            match weak {
                0 => self.traverse_strong(table),
                WEAK_VALUES => self.traverse_weak_values(table, atomic),
                WEAK_KEYS => {
                    self.traverse_ephemeron(table, atomic);
                }
                _ => self.all_weak.push(table),
            }
            size_of::<Table>() + Table::buffer_bytes(table)
        }
    }

    unsafe fn weakness(&self, metatable: *mut Table) -> u8 {
        // SAFETY: the caller has a live table.
        unsafe {
            let mode = value::read(Table::get_short(metatable, self.mode_name));
            if mode.tag != STRING {
                return 0;
            }
            let mode = Str::bytes(mode.as_ptr());
            (WEAK_KEYS * mode.contains(&b'k') as u8) | (WEAK_VALUES * mode.contains(&b'v') as u8)
        }
    }

    unsafe fn traverse_strong(&mut self, table: *mut Table) {
        // SAFETY: T1.
        unsafe {
            for idx in 0..(*table).array_len as usize {
                self.mark_value(*(*table).array.add(idx));
            }
            for idx in 0..table::node_count(table) {
                let node = (*table).nodes.add(idx);
                if (*node).value_tag == NIL {
                    bury_key(node);
                } else {
                    self.mark_value(Raw { payload: (*node).key_payload, tag: (*node).key_tag });
                    self.mark_value(value::read(Node::value(node)));
                }
            }
        }
    }

    /// Keys are marked, values are looked at in the atomic step.
    unsafe fn traverse_weak_values(&mut self, table: *mut Table, atomic: bool) {
        // SAFETY: T1.
        unsafe {
            for idx in 0..table::node_count(table) {
                let node = (*table).nodes.add(idx);
                if (*node).value_tag == NIL {
                    bury_key(node);
                } else {
                    self.mark_value(Raw { payload: (*node).key_payload, tag: (*node).key_tag });
                }
            }
            if atomic {
                self.weak_values.push(table);
            } else {
                self.revisit(table);
            }
        }
    }

    /// Values of marked keys are marked; whether that marked anything new.
    unsafe fn traverse_ephemeron(&mut self, table: *mut Table, atomic: bool) -> bool {
        // SAFETY: T1.
        unsafe {
            let mut marked = false;
            for idx in 0..(*table).array_len as usize {
                let value = *(*table).array.add(idx);
                marked |= is_white(value);
                self.mark_value(value);
            }
            for idx in 0..table::node_count(table) {
                let node = (*table).nodes.add(idx);
                if (*node).value_tag == NIL {
                    bury_key(node);
                } else {
                    let key = Raw { payload: (*node).key_payload, tag: (*node).key_tag };
                    let value = value::read(Node::value(node));
                    if !self.is_cleared(key) && is_white(value) {
                        self.mark_value(value);
                        marked = true;
                    }
                }
            }
            if atomic {
                self.ephemerons.push(table);
            } else {
                self.revisit(table);
            }
            marked
        }
    }

    /// Sends a weak table to the atomic step.
    unsafe fn revisit(&mut self, table: *mut Table) {
        // SAFETY: the caller has a live table.
        unsafe {
            (*table).header.marked &= !BLACK;
            if (*table).header.marked & GRAY_AGAIN == 0 {
                (*table).header.marked |= GRAY_AGAIN;
                self.gray_again.push(table.cast());
            }
        }
    }

    /// Whether a weak entry that refers to this value must go. Strings count as plain values, and are kept.
    unsafe fn is_cleared(&mut self, value: Raw) -> bool {
        if value.is_string() {
            self.mark_value(value);
            return false;
        }
        // SAFETY: the caller has a live value.
        unsafe { is_white(value) }
    }

    /// The end of marking, in one go: everything that ran since it was scanned, weak tables, finalisers.
    pub(super) fn atomic(&mut self, roots: &RootSet<'_>) {
        roots.for_each(|root| self.mark_value(root));
        self.propagate_all();
        // SAFETY: all lists hold live objects; the mutator does not run meanwhile.
        unsafe {
            let carried = mem::take(&mut self.carried);
            for object in mem::take(&mut self.gray_again) {
                (*object).marked &= !GRAY_AGAIN;
                self.traverse(object, true);
                if self.generational {
                    self.carried.push(object);
                }
            }
            for object in carried {
                self.traverse(object, true);
            }
            self.propagate_all();
            // Upvalues of coroutines that nobody reaches any more: their slots may have changed since.
            for upvalue in mem::take(&mut self.open_upvalues) {
                self.mark_value(*(*upvalue).slot);
            }
            self.propagate_all();
            self.converge_ephemerons();
            self.clear_values();
            self.separate_finalizable();
            for idx in 0..self.to_finalize.len() {
                self.mark_object(self.to_finalize[idx]);
            }
            self.propagate_all();
            self.converge_ephemerons();
            self.clear_keys();
            self.clear_values();
        }
        self.weak_values.clear();
        self.ephemerons.clear();
        self.all_weak.clear();
        self.open_upvalues.clear();
        self.white ^= WHITES;
    }

    unsafe fn converge_ephemerons(&mut self) {
        loop {
            let mut changed = false;
            for table in mem::take(&mut self.ephemerons) {
                // SAFETY: the list holds live tables.
                if unsafe { self.traverse_ephemeron(table, true) } {
                    self.propagate_all();
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    unsafe fn clear_values(&mut self) {
        for list in [mem::take(&mut self.weak_values), mem::take(&mut self.all_weak)] {
            for table in list {
                // SAFETY: T1.
                unsafe {
                    for idx in 0..(*table).array_len as usize {
                        let slot = (*table).array.add(idx);
                        if self.is_cleared(*slot) {
                            value::write(slot, Raw::NIL);
                        }
                    }
                    for idx in 0..table::node_count(table) {
                        let node = (*table).nodes.add(idx);
                        if self.is_cleared(value::read(Node::value(node))) {
                            value::write(Node::value(node), Raw::NIL);
                        }
                        if (*node).value_tag == NIL {
                            bury_key(node);
                        }
                    }
                    if (*table).weak & WEAK_KEYS == 0 { &mut self.weak_values } else { &mut self.all_weak }.push(table);
                }
            }
        }
    }

    unsafe fn clear_keys(&mut self) {
        let ephemerons = mem::take(&mut self.ephemerons);
        let all_weak = mem::take(&mut self.all_weak);
        for &table in ephemerons.iter().chain(&all_weak) {
            // SAFETY: T1.
            unsafe {
                for idx in 0..table::node_count(table) {
                    let node = (*table).nodes.add(idx);
                    let key = Raw { payload: (*node).key_payload, tag: (*node).key_tag };
                    if key.tag != DEAD_KEY && self.is_cleared(key) {
                        value::write(Node::value(node), Raw::NIL);
                    }
                    if (*node).value_tag == NIL {
                        bury_key(node);
                    }
                }
            }
        }
        self.all_weak = all_weak;
    }

    /// Moves unreachable objects with a finaliser to `to_finalize`, the one that got its finaliser last first.
    fn separate_finalizable(&mut self) {
        // SAFETY: G5: objects in the list are not freed; the old ones are reachable for all that is known (Y2).
        let is_dead = |object: &mut *mut Header| unsafe { (**object).marked & WHITES != 0 };
        let due: Vec<_> = self.finalizable.extract_if(self.old_finalizable.., is_dead).collect();
        self.to_finalize.extend(due.into_iter().rev());
    }

    /// All objects with a finaliser are due: the state is closing.
    pub fn finalize_all(&mut self) {
        self.closing = true;
        let due = mem::take(&mut self.finalizable);
        self.old_finalizable = 0;
        self.to_finalize.extend(due.into_iter().rev());
    }

    /// Takes the next object whose finaliser is due; it may get a new finaliser meanwhile.
    pub fn next_to_finalize(&mut self) -> Option<Raw> {
        let object = self.to_finalize.pop_front()?;
        // SAFETY: the list keeps its objects alive.
        unsafe {
            (*object).marked &= !HAS_FINALIZER;
            if self.phase == Phase::Mark && (*object).marked & WHITES != 0 {
                self.mark_object(object);
            }
            Some(Raw::object((*object).kind, object))
        }
    }
}

unsafe fn is_white(value: Raw) -> bool {
    // SAFETY: the caller has a live value.
    unsafe { value.is_object() && value.tag != DEAD_KEY && (*value.as_ptr::<Header>()).marked & WHITES != 0 }
}

/// Keeps the address of an empty entry's key for `next`, but no longer as an object.
unsafe fn bury_key(node: *mut Node) {
    // SAFETY: the caller has a node of a live table.
    unsafe {
        if (*node).key_tag >= STRING {
            (*node).key_tag = DEAD_KEY;
        }
    }
}
