//! The embedder's side: virtual machines, tasks, roots.

use super::{Call, GcAction, Value};
use crate::call;
use crate::closure::NativeFn;
use crate::coroutine;
use crate::exec::{self, X};
use crate::gc::OutOfMemory;
use crate::sample::SampleFn;
use crate::stack::{Coroutine as RawCoroutine, NATIVE_RESERVE, Status as RawStatus};
use crate::state::{Exit, Global, RootSlots};
use crate::string::Str as RawStr;
use crate::value::{self, COROUTINE, Raw};
use std::cell::RefCell;
use std::rc::Rc;

/// Keeps a value alive until it is dropped.
#[derive(Debug)]
pub struct Root {
    slot: usize,
    roots: Rc<RefCell<RootSlots>>,
}

impl<'gc> Call<'gc> {
    /// Keeps a value alive beyond the call.
    pub fn root(&self, value: Value<'gc>) -> Root {
        let mut roots = self.global().roots.borrow_mut();
        let slot = match roots.free.pop() {
            Some(slot) => {
                roots.slots[slot] = value.raw;
                slot
            }
            None => {
                roots.slots.push(value.raw);
                roots.slots.len() - 1
            }
        };
        Root { slot, roots: Rc::clone(&self.global().roots) }
    }

    /// The value a root keeps.
    ///
    /// # Panics
    /// With a root of another virtual machine.
    pub fn rooted(&self, root: &Root) -> Value<'gc> {
        assert!(Rc::ptr_eq(&root.roots, &self.global().roots), "the root belongs to this virtual machine");
        Value::new(self.global().roots.borrow().slots[root.slot])
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let mut roots = self.roots.borrow_mut();
        roots.slots[self.slot] = Raw::NIL;
        roots.free.push(self.slot);
    }
}

/// A virtual machine.
#[derive(Debug)]
pub struct State {
    global: Box<Global>,
}

/// A chain of coroutines that runs, parks and goes on as one.
#[derive(Debug)]
pub struct Task {
    /// The innermost coroutine, while the task is suspended. It keeps the chain of its resumers alive.
    innermost: Root,
    started: bool,
    /// The top that the interrupted instruction counts on, while the task is preempted.
    preempted_top: Option<u32>,
}

/// What became of a task that was run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// Its function returned; see [`State::results`].
    Finished,
    /// An error reached its start; see [`State::results`].
    Failed,
    /// Its first coroutine yielded; see [`State::results`]. Go on with [`State::resume`].
    Yielded,
    /// A native parked it. Go on with [`State::resume`], whose values become the native's results.
    Parked,
    /// The budget is used up. Go on with [`State::resume`] without values.
    Preempted,
}

/// Memory that should be free when Rust code enters a virtual machine.
const ENTER_BYTES: usize = 64 << 10;

/// There is no memory for a new state or task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEnoughMemory;

impl std::fmt::Display for NotEnoughMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not enough memory")
    }
}

impl std::error::Error for NotEnoughMemory {}

impl State {
    /// A fresh virtual machine without any library. Its hash seed is random unless one is given.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(seed: Option<u64>) -> Result<State, NotEnoughMemory> {
        let seed = seed.unwrap_or_else(random_seed);
        Ok(State { global: Global::new(seed).map_err(|OutOfMemory| NotEnoughMemory)? })
    }

    /// Has `sink` called with the stack every so many instructions, for a profiler. Must be set before what is to be
    /// sampled runs; costs a test per instruction from then on.
    pub fn sample(&mut self, every: u32, sink: SampleFn) {
        self.global.sample(every, sink);
    }

    /// Runs Rust code that needs values, as a native would.
    pub fn enter<R>(&mut self, body: impl for<'gc> FnOnce(&mut Call<'gc>) -> R) -> R {
        let heap = &mut self.global.heap;
        if heap.bytes.saturating_add(ENTER_BYTES) > heap.hard_limit {
            // Nothing is collected while the body runs.
            let (heap, roots) = self.global.collector();
            heap.full(&roots);
        }
        let co = self.global.main;
        // SAFETY: the main coroutine's stack above its top is free, and `current` is suspended: nothing runs.
        unsafe {
            let top = RawCoroutine::position(co, (*co).top);
            let mut func = (*co).top;
            if !RawCoroutine::has_room(co, func, 2 + NATIVE_RESERVE) {
                func = RawCoroutine::grow(co, func, 2 + NATIVE_RESERVE, true).expect("the main stack is small");
            }
            value::write(func, Raw::NIL);
            (*co).top = func.add(1);
            let result = body(&mut Call::new(co, func, 0));
            (*co).top = (*co).stack.add(top as usize);
            result
        }
    }

    /// Limits the memory, in bytes; more is the Lua error "not enough memory".
    pub fn set_memory_limit(&mut self, bytes: usize) {
        let heap = &mut self.global.heap;
        heap.hard_limit = bytes;
        heap.threshold = heap.threshold.min(heap.bytes + bytes.saturating_sub(heap.bytes) / 4);
    }

    /// Limits what a native does that cannot be interrupted, such as one search for a pattern, in units of the budget
    /// of [`State::resume`].
    pub fn set_work_limit(&mut self, units: u64) {
        self.global.work_limit = units;
    }

    /// What is left of the budget of the task that ran last; negative when natives overdrew it.
    pub fn budget_left(&self) -> i64 {
        self.global.budget
    }

    /// Bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.global.heap.bytes
    }

    /// A task that will call a function. With `main` it runs on the main coroutine, which can't yield.
    ///
    /// # Errors
    /// When there is no memory for it.
    ///
    /// # Panics
    /// When a main task is under way.
    pub fn task(&mut self, function: &Root, main: bool) -> Result<Task, NotEnoughMemory> {
        let function = self.enter(|call| call.rooted(function).raw);
        let global: *mut Global = &mut *self.global;
        // SAFETY: the function is rooted.
        unsafe {
            let co = if main {
                let co = self.global.main;
                assert!((*co).status == RawStatus::Dead, "one main task at a time");
                coroutine::abandon(co);
                // The reference's interpreter has a call of its own around a script.
                (*co).inherited_depth = 1;
                value::write((*co).stack.add(1), function);
                (*co).top = (*co).stack.add(2);
                co
            } else {
                RawCoroutine::new(&mut self.global.heap, global, function).map_err(|OutOfMemory| NotEnoughMemory)?
            };
            (*co).status = RawStatus::Parked;
            let value = Raw::object(COROUTINE, co);
            let innermost = self.enter(|call| call.root(Value::new(value)));
            Ok(Task { innermost, started: false, preempted_top: None })
        }
    }

    /// A task that will run a fresh coroutine.
    ///
    /// # Panics
    /// When the coroutine has begun, or belongs to another virtual machine.
    pub fn task_of(&mut self, coroutine: &Root) -> Task {
        let innermost = self.enter(|call| {
            let value = call.rooted(coroutine);
            let raw = value.as_coroutine().expect("the root keeps a coroutine").raw;
            // SAFETY: A1.
            assert!(unsafe { (*raw).status } == RawStatus::Fresh, "the coroutine has not begun");
            // SAFETY: A1. Nobody else begins it now.
            unsafe { (*raw).status = RawStatus::Parked };
            call.root(value)
        });
        Task { innermost, started: false, preempted_top: None }
    }

    /// Starts a task, or goes on with one that yielded, was parked or preempted. `values` become the arguments of its
    /// function, or the results of the call that suspended it. `budget` bounds the calls, backward jumps and charged
    /// work until it is preempted.
    ///
    /// # Panics
    /// When the task has ended.
    pub fn resume(&mut self, task: &mut Task, values: &[Root], budget: u64) -> Run {
        let values: Vec<Raw> = values.iter().map(|root| self.enter(|call| call.rooted(root).raw)).collect();
        let co = self.enter(|call| call.rooted(&task.innermost).raw).as_ptr::<RawCoroutine>();
        self.global.budget = i64::try_from(budget).unwrap_or(i64::MAX);
        // SAFETY: the coroutine is rooted by the task; the values are rooted by the caller.
        unsafe {
            assert!((*co).status != RawStatus::Dead, "the task has not ended");
            let x = if !task.started {
                task.started = true;
                (*co).status = RawStatus::Running;
                self.global.current = co;
                self.global.heap.touch(co.cast());
                coroutine::start(co, values.as_ptr(), values.len())
            } else if let Some(top) = task.preempted_top.take() {
                (*co).top = (*co).stack.add(top as usize);
                (*co).status = RawStatus::Running;
                self.global.current = co;
                self.global.heap.touch(co.cast());
                X::reload(co)
            } else {
                coroutine::unpark(co, &values)
            };
            if !x.is_halt() {
                x.save();
                exec::run(x.co);
            }
        }
        self.ended(task)
    }

    /// Gives a task up that has not ended. Its variables are not closed; a main task makes room for another one.
    ///
    /// # Panics
    /// When the task belongs to another virtual machine.
    pub fn abandon(&mut self, task: Task) {
        let mut co = self.enter(|call| call.rooted(&task.innermost).raw).as_ptr::<RawCoroutine>();
        // SAFETY: the chain of resumers is alive with its innermost coroutine; nothing runs.
        unsafe {
            while !co.is_null() && (*co).status != RawStatus::Dead {
                let resumer = (*co).resumer;
                coroutine::abandon(co);
                co = resumer;
            }
        }
        self.global.current = self.global.main;
    }

    /// The task left the dispatch loop: keeps its results, and lets go of its coroutine if it is over.
    fn ended(&mut self, task: &mut Task) -> Run {
        let co = self.global.current;
        if self.global.exit == Exit::Preempted {
            // The registers of a function that was interrupted are all in use.
            // SAFETY: the coroutine is the current one.
            unsafe {
                task.preempted_top = Some(RawCoroutine::position(co, (*co).top));
                (*co).top = (*co).top.max(call::scratch_top(co));
            }
        }
        task.innermost = self.enter(|call| call.root(Value::new(Raw::object(COROUTINE, co))));
        let global = &mut *self.global;
        global.results.clear();
        // SAFETY: the coroutine is the current one; what it gave lies on its stack below its top.
        unsafe {
            match global.exit {
                Exit::Finished { count } => {
                    let results = std::slice::from_raw_parts((*co).stack.add(1), count);
                    global.results.extend_from_slice(results);
                    (*co).top = (*co).stack.add(1);
                    global.current = global.main;
                    Run::Finished
                }
                Exit::Failed => {
                    global.results.push(std::mem::replace(&mut global.error, Raw::NIL));
                    global.current = global.main;
                    Run::Failed
                }
                Exit::Yielded { count } => {
                    let results = std::slice::from_raw_parts((*co).top.sub(count), count);
                    global.results.extend_from_slice(results);
                    Run::Yielded
                }
                Exit::Hooks => unreachable!("the dispatch loops hand over to each other"),
                Exit::Parked => Run::Parked,
                Exit::Preempted => {
                    (*co).status = RawStatus::Parked;
                    // No native let go of it.
                    (*co).pending_func = (*co).stack;
                    Run::Preempted
                }
            }
        }
    }

    /// What the task that ran last gave: the results of its function, the values it yielded, or the one error value.
    pub fn results(&mut self) -> Vec<Root> {
        self.enter(|call| {
            // SAFETY: A1: nothing is collected until they are rooted.
            let results = std::mem::take(unsafe { &mut call.global_mut().results });
            results.into_iter().map(|value| call.root(Value::new(value))).collect()
        })
    }

    /// Changes the collector's mode, as `collectgarbage` does.
    pub fn set_generational(&mut self, generational: bool) {
        let (heap, roots) = self.global.collector();
        heap.set_generational(generational, &roots);
    }

    /// Runs the finalisers of all objects that have one; the state is about to go.
    pub fn close(&mut self) {
        self.global.heap.finalize_all();
        let run: NativeFn = |call| call.collect(GcAction::Full);
        let function = self.enter(|call| {
            let function = Value::native(run);
            call.root(function)
        });
        // A failed main task has left its frames; they are of no use any more.
        // SAFETY: nothing runs.
        unsafe { coroutine::abandon(self.global.main) };
        if let Ok(mut task) = self.task(&function, true) {
            self.resume(&mut task, &[], i64::MAX as u64);
        }
    }

    /// Walks the heap and asserts its invariants; for tests.
    pub fn check(&self) {
        self.global.heap.check();
    }
}

fn random_seed() -> u64 {
    // Without a random source the addresses the system chose must do.
    getrandom::u64().unwrap_or_else(|_| Box::into_raw(Box::new(0u8)) as u64)
}

/// An error in a finaliser becomes a warning.
pub(crate) fn warn_finalizer_error(global: &mut Global, error: Raw) {
    let Some(warn) = global.warn.filter(|_| global.warns) else { return };
    let text = if error.is_string() {
        // SAFETY: the error's value is alive.
        unsafe { RawStr::bytes(error.as_ptr()).to_vec() }
    } else {
        b"error object is not a string".to_vec()
    };
    warn(&[b"error in __gc (", &text[..], b")"].concat());
}
