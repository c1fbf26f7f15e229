//! The Perilune virtual machine: values, heap, bytecode, interpreter.
//!
//! A Lua 5.4 virtual machine that knows no source text, no files and no network. The compiler hands it [`bytecode`],
//! libraries and embedders see the safe face in [`api`], re-exported here. Natives that call Lua, coroutine switches,
//! errors and finalisers never nest on the Rust stack: see `call` and `coroutine`.
//!
//! Most modules hold values as raw pointers and are fenced with their invariants written at the top; no safe call from
//! outside can break those.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "hands out raw values as values bound to a call")]
pub mod api;
pub mod bytecode;
#[allow(unsafe_code, reason = "frames and stacks")]
mod call;
#[allow(unsafe_code, reason = "objects with trailing parts")]
mod closure;
#[allow(unsafe_code, reason = "stacks of two coroutines at once")]
mod coroutine;
#[allow(unsafe_code, reason = "reads frames and prototypes")]
mod debug;
pub mod dump;
#[allow(unsafe_code, reason = "the dispatch loop")]
mod exec;
#[allow(unsafe_code, reason = "the heap")]
mod gc;
#[allow(unsafe_code, reason = "frames and stacks")]
mod hook;
pub mod listing;
#[allow(unsafe_code, reason = "reads objects behind values")]
mod metamethod;
pub mod number;
#[allow(unsafe_code, reason = "reads frames of a chain of coroutines")]
mod sample;
#[allow(unsafe_code, reason = "stacks that move")]
mod stack;
#[allow(unsafe_code, reason = "the coroutines' shared pointer")]
mod state;
#[allow(unsafe_code, reason = "bytes behind a header")]
mod string;
#[allow(unsafe_code, reason = "hand-made array and node parts")]
mod table;
mod userdata;
#[allow(unsafe_code, reason = "field-wise reads and writes of slots")]
mod value;
pub mod verify;

pub use api::{
    Call, Continuation, Coroutine, Function, FunctionInfo, GcAction, HookSpec, Kind, LuaError, NativeResult,
    NotEnoughMemory, Outcome, Root, Run, State, Status, Step, Str, Table, Task, Userdata, Value,
};
pub use closure::NativeFn;
pub use debug::chunk_id;
pub use sample::{SampleFn, Sampled};
pub use state::WarnFn;
