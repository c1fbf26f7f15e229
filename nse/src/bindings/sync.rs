//! `nmap.mutex` and `nmap.condvar`: what `sync.lua` needs from the engine.

use crate::shared::{bind, shared};
use crate::thread::ThreadId;
use crate::wait::Wait;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Root, Value};

/// Chunk that takes [`natives`] and answers `mutex`, `condvar`, and the function to call when a thread has ended.
pub(crate) const SOURCE: &str = include_str!("../sync.lua");

/// The natives, in the order of the chunk's parameters.
pub(crate) fn natives<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Vec<Root>, LuaError> {
    let functions: [NativeFn; 4] = [park, wake, thread_id, register];
    let mut roots = Vec::new();
    for function in functions {
        let function = bind(call, engine, function)?;
        roots.push(call.root(function));
    }
    Ok(roots)
}

/// So much is shown of the name of a mutex.
const NAME_LEN_MAX: usize = 60;

/// Parks the thread until another one wakes it; told what it waits for, and the number of who has that.
fn park(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let name = name[..name.len().min(NAME_LEN_MAX)].escape_ascii().to_string();
    let holder = call.arg(2).to_integer().map(|id| ThreadId(id as u64));
    *shared(call).wait.borrow_mut() = Some(Wait::Lock { name: name.into(), holder });
    call.park()
}

/// Wakes a parked thread by its number; whether it still lives.
fn wake(call: &mut Call<'_>) -> NativeResult {
    let id = ThreadId(call.check_integer(1)? as u64);
    let engine = shared(call);
    let lives = engine.locked.borrow().contains(&id);
    engine.woken.borrow_mut().push((id, Vec::new()));
    call.ret1(lives)
}

/// Number of the running thread.
fn thread_id(call: &mut Call<'_>) -> NativeResult {
    let id = shared(call).current.borrow().as_ref().map(|current| current.id);
    match id {
        Some(ThreadId(id)) => call.ret1(id as i64),
        None => Err(call.error("no script is running")),
    }
}

/// Has the engine tell when the running thread has ended.
fn register(call: &mut Call<'_>) -> NativeResult {
    let engine = shared(call);
    let id = engine.current.borrow().as_ref().map(|current| current.id);
    engine.observed.borrow_mut().extend(id);
    call.ret0()
}
