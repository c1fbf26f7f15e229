//! The safe face: what the other crates see of the virtual machine.
//!
//! A native function gets a [`Call`], the call in progress, and hands out [`Value`]s bound to its lifetime. No
//! collection runs while a native does, so values may be held freely until it returns; the lifetime keeps them from
//! outliving it. Whoever wants to keep a value longer makes a [`Root`]. A native that wants to call Lua ends, and says
//! in a [`Continuation`] where it goes on; see `call` for how that works without recursion. The embedder's side,
//! [`State`] and [`Task`], runs chains of coroutines until they finish, fail, yield, park, or use up their budget.
//!
//! # Invariants
//! - A1. A `Value<'gc>` is alive for `'gc`, which ends before the dispatch loop runs again.
//! - A2. All `Value`s in one `Call` belong to the same virtual machine: `'gc` is invariant and made anew for each call.
//! - A3. Positions are 1-based, as in Lua.

mod call;
mod inspect;
mod invoke;
mod state;
mod value;

pub use call::Call;
pub use inspect::{FunctionInfo, HookSpec};
pub(crate) use state::warn_finalizer_error;
pub use state::{NotEnoughMemory, Root, Run, State, Task};
pub use value::{Coroutine, Function, Kind, Str, Table, Userdata, Value};

use crate::call::ErrorKind;
use crate::closure::NativeFn;
use crate::coroutine::Switch;
use crate::stack::Then;
use std::marker::PhantomData;

/// Ties a value to one native call, invariantly (A2).
type Brand<'gc> = PhantomData<fn(&'gc ()) -> &'gc ()>;

/// What a native function answers.
pub type NativeResult = Result<Outcome, LuaError>;

/// How a native function ended. Made by the `ret…`, `invoke…` and similar methods of [`Call`].
#[derive(Debug)]
pub struct Outcome {
    pub(crate) kind: OutcomeKind,
    pub(crate) count: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum OutcomeKind {
    /// One result, written where the function was.
    InPlace,
    /// The last `count` values pushed.
    Pushed,
    /// `Call::next` says what to do.
    Next,
}

/// An error under way; its value lies in the state. Made by the error methods of [`Call`].
#[derive(Debug)]
pub struct LuaError {
    kind: ErrorKind,
}

// What a native answers fits into a register.
const _: () = assert!(size_of::<NativeResult>() == size_of::<u64>());

impl LuaError {
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Where a native goes on once the call it made is over. The arguments are still in place then; the results are in
/// [`Call::result`].
pub enum Continuation {
    /// A function, with all state in the arguments.
    Function(NativeFn),
    /// State that is no Lua value.
    State(Box<dyn Step>),
}

impl std::fmt::Debug for Continuation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Continuation::Function(_)) { "Function" } else { "State" })
    }
}

impl From<NativeFn> for Continuation {
    fn from(function: NativeFn) -> Self {
        Continuation::Function(function)
    }
}

impl<S: Step> From<Box<S>> for Continuation {
    fn from(state: Box<S>) -> Self {
        Continuation::State(state)
    }
}

impl Continuation {
    fn into_then(self) -> Then {
        match self {
            Continuation::Function(function) => Then::Function(function),
            Continuation::State(state) => Then::State(Box::into_raw(state)),
        }
    }
}

/// Rust state that lives across the calls a native makes: the output of a `gsub`, the positions of a `sort`.
pub trait Step: 'static {
    /// Goes on with the results of the call; to make another one, pass `self` on.
    ///
    /// # Errors
    /// As any native function.
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult;
}

/// What [`Call::next`] asks the caller to do.
pub(crate) enum Next {
    None,
    /// The answer is there: enter the continuation.
    Continue {
        then: Then,
    },
    /// Call what was pushed behind the slots that are kept.
    Call {
        nargs: usize,
        then: Then,
        unyieldable: bool,
    },
    Protected {
        with_handler: bool,
    },
    Collect(Collection),
    Switch(Switch),
    /// Hooks were set or removed: return nothing, and look which dispatch loop goes on.
    Hooks,
}

/// Work for the collector that a native asked for; the loop does it and answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Collection {
    /// A full collection; answers 0.
    Full,
    /// A step of so many KiB; answers whether a cycle ended.
    Step(usize),
    /// Changes the mode; answers the one before.
    Generational(bool),
}

/// What `collectgarbage` is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GcAction {
    /// A full cycle; answers 0.
    Full,
    /// A step of so many KiB; answers whether a cycle ended.
    Step(usize),
    /// Stops the collector; answers 0.
    Stop,
    /// Restarts it; answers 0.
    Restart,
    /// Whether it runs.
    IsRunning,
    /// Incremental mode; answers the mode before. Zeros keep a parameter.
    Incremental { pause: i64, step_mul: i64, step_size: i64 },
    /// Generational mode; answers the mode before. Zeros keep a parameter.
    Generational { minor_mul: i64, major_mul: i64 },
    /// Sets the pause; answers the one before.
    SetPause(i64),
    /// Sets the step multiplier; answers the one before.
    SetStepMul(i64),
}

/// State of a coroutine, as `coroutine.status` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Not started, or yielded.
    Suspended,
    /// The one that asks.
    Running,
    /// Resumed another one.
    Normal,
    /// Finished or failed.
    Dead,
}
