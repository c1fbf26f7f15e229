//! What the engine adds to the library `stdnse`: workers, and what a script may know of its own thread.

use super::{host, port};
use crate::shared::{Place, Spawned, bind, shared};
use crate::thread::ThreadInfo;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Status, Table, Value};
use std::rc::Rc;

/// Sets the members.
pub(crate) fn install<'gc>(call: &mut Call<'gc>, stdnse: Table<'gc>, engine: Value<'gc>) -> Result<(), LuaError> {
    let functions: [(&str, NativeFn); 7] = [
        ("base", base),
        ("gethostport", gethostport),
        ("getid", getid),
        ("getinfo", getinfo),
        ("gettid", gettid),
        ("isworker", isworker),
        ("new_thread", new_thread),
    ];
    for (name, function) in functions {
        let function = bind(call, engine, function)?;
        stdnse.set_str(call, name.as_bytes(), function)?;
    }
    Ok(())
}

/// `stdnse.base() -> base coroutine of the running thread | nil`.
fn base(call: &mut Call<'_>) -> NativeResult {
    let coroutine = shared(call).current().map_or(Value::NIL, |info| call.rooted(&info.coroutine));
    call.ret1(coroutine)
}

/// A text about the running thread, nil when there is none.
fn told(call: &mut Call<'_>, tell: impl FnOnce(&ThreadInfo) -> String) -> NativeResult {
    let text = match shared(call).current() {
        Some(info) => call.string(tell(&info).as_bytes())?,
        None => Value::NIL,
    };
    call.ret1(text)
}

/// `stdnse.getid() -> id of the running script | nil`.
fn getid(call: &mut Call<'_>) -> NativeResult {
    told(call, |info| info.instance.script.id.clone())
}

/// `stdnse.getinfo() -> id and number of the running thread | nil`.
fn getinfo(call: &mut Call<'_>) -> NativeResult {
    told(call, ThreadInfo::info)
}

/// `stdnse.gettid() -> text that tells instances apart | nil`; a worker has its script's.
fn gettid(call: &mut Call<'_>) -> NativeResult {
    told(call, |info| format!("thread: {:#x}", info.instance.address))
}

/// A table of the engine's own, made when it is first asked for.
fn original<'gc>(
    call: &mut Call<'gc>,
    key: Place,
    make: impl FnOnce(&mut Call<'gc>) -> Result<Table<'gc>, LuaError>,
) -> Result<Value<'gc>, LuaError> {
    let engine = shared(call);
    if let Some(known) = engine.originals.borrow().get(&key) {
        return Ok(call.rooted(known));
    }
    let table = Value::from(make(call)?);
    engine.originals.borrow_mut().insert(key, call.root(table));
    Ok(table)
}

/// `stdnse.gethostport() -> host, port`: tables of what the running instance is for, the same ones for all scripts;
/// what a script writes into its own does not show there.
fn gethostport(call: &mut Call<'_>) -> NativeResult {
    let engine = shared(call);
    let Some(info) = engine.current() else { return call.ret2(Value::NIL, Value::NIL) };
    let Some(idx) = info.instance.target.host() else { return call.ret2(Value::NIL, Value::NIL) };
    let (hosts, registries) = (engine.hosts.borrow(), engine.registries.borrow());
    let registry = registries.get(idx).map_or(Value::NIL, |root| call.rooted(root));
    let routes = engine.routes.borrow();
    let route = routes.get(idx).and_then(Option::as_ref);
    let host = original(call, (idx, None), |call| host::host_table(call, idx, &hosts[idx], route, registry))?;
    let Some(port) = &info.instance.port else { return call.ret2(host, Value::NIL) };
    let port = original(call, (idx, Some((port.number, port.protocol))), |call| port::port_table(call, port))?;
    call.ret2(host, port)
}

/// `stdnse.isworker() -> boolean`.
fn isworker(call: &mut Call<'_>) -> NativeResult {
    let is_worker = shared(call).current().is_some_and(|info| info.is_worker());
    call.ret1(is_worker)
}

/// Stack of a worker, in slots: enough for a small function to wait in a native. Many workers are made before the first
/// one runs; stacks that all grow then would leave as many holes.
const WORKER_SLOTS: usize = 40;

/// `stdnse.new_thread(main, ...) -> coroutine, function -> status, error`: a worker, started in the next round.
/// Errors: `function expected`, `stdnse.new_thread can only be run from an active script`.
fn new_thread(call: &mut Call<'_>) -> NativeResult {
    let main = call.arg(1);
    if main.as_function().is_none() {
        return Err(call.error("function expected"));
    }
    let engine = shared(call);
    let Some(parent) = engine.current() else {
        return Err(call.error("stdnse.new_thread can only be run from an active script"));
    };
    let coroutine = Value::from(call.coroutine_with_room(main, WORKER_SLOTS)?);
    let args = (2..=call.count()).map(|pos| call.root(call.arg(pos))).collect();
    let outcome = call.table(0, 1)?;
    let info = ThreadInfo {
        id: engine.next_thread(),
        instance: Rc::clone(&parent.instance),
        coroutine: call.root(coroutine),
        address: coroutine.address(),
        parent: Some(parent.id),
        outcome: Some(call.root(outcome.into())),
    };
    engine.debug_with(2, || format!("{} spawning new thread (thread: 0x{:014x}).", parent.info(), info.address));
    engine.spawned.borrow_mut().push(Spawned { info: Rc::new(info), args });
    let status = call.closure(worker_status, &[coroutine, outcome.into()])?;
    call.ret2(coroutine, status)
}

/// What `new_thread` gives second.
fn worker_status(call: &mut Call<'_>) -> NativeResult {
    let Some(coroutine) = call.upvalue(1).as_coroutine() else { return call.ret0() };
    let error = call.upvalue(2).as_table().map_or(Value::NIL, |outcome| outcome.get_str(call, b"error"));
    let status = match coroutine.status(call) {
        Status::Suspended => "suspended",
        Status::Running => "running",
        Status::Normal => "normal",
        Status::Dead => "dead",
    };
    let status = call.string(status.as_bytes())?;
    call.ret2(status, error)
}
