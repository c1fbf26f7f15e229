//! What the engine adds to the library `stdnse`: workers, and what a script may know of its own thread.

use crate::shared::{Spawned, bind, shared};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Root, Status, Table, Value};
use std::rc::Rc;

/// Sets the members.
pub(crate) fn install<'gc>(call: &mut Call<'gc>, stdnse: Table<'gc>, engine: Value<'gc>) -> Result<(), LuaError> {
    let functions: [(&str, NativeFn); 6] = [
        ("base", base),
        ("gethostport", gethostport),
        ("getid", getid),
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
    let current = shared(call).current.borrow().clone();
    let coroutine = current.map_or(Value::NIL, |current| call.rooted(&current.coroutine));
    call.ret1(coroutine)
}

/// `stdnse.getid() -> id of the running script | nil`.
fn getid(call: &mut Call<'_>) -> NativeResult {
    let current = shared(call).current.borrow().clone();
    let id = match current {
        Some(current) => call.string(current.script.id.as_bytes())?,
        None => Value::NIL,
    };
    call.ret1(id)
}

/// `stdnse.gettid() -> text that tells threads apart | nil`.
fn gettid(call: &mut Call<'_>) -> NativeResult {
    let current = shared(call).current.borrow().clone();
    let Some(current) = current else { return call.ret1(Value::NIL) };
    let coroutine = call.rooted(&current.coroutine);
    let text = call.try_text(coroutine)?.unwrap_or(Value::NIL);
    call.ret1(text)
}

/// `stdnse.gethostport() -> host, port`: the tables of the running instance.
fn gethostport(call: &mut Call<'_>) -> NativeResult {
    let current = shared(call).current.borrow().clone();
    let Some(current) = current else { return call.ret0() };
    let value = |root: &Option<Rc<Root>>| root.as_deref().map_or(Value::NIL, |root| call.rooted(root));
    let (host, port) = (value(&current.host), value(&current.port));
    call.ret2(host, port)
}

/// `stdnse.isworker() -> boolean`.
fn isworker(call: &mut Call<'_>) -> NativeResult {
    let is_worker = shared(call).current.borrow().as_ref().is_some_and(|current| current.is_worker);
    call.ret1(is_worker)
}

/// `stdnse.new_thread(main, ...) -> coroutine, function -> status`: a worker, started in the next round.
/// Errors: `function expected`, `stdnse.new_thread can only be run from an active script`.
fn new_thread(call: &mut Call<'_>) -> NativeResult {
    let main = call.arg(1);
    if main.as_function().is_none() {
        return Err(call.error("function expected"));
    }
    let Some(parent) = shared(call).current.borrow().clone() else {
        return Err(call.error("stdnse.new_thread can only be run from an active script"));
    };
    let coroutine = call.coroutine(main)?;
    let args = (2..=call.count()).map(|pos| call.root(call.arg(pos))).collect();
    let root = Rc::new(call.root(coroutine.into()));
    shared(call).spawned.borrow_mut().push(Spawned { coroutine: root, args, parent });
    let engine = call.upvalue(1);
    let info = call.closure(worker_status, &[engine, coroutine.into()])?;
    call.ret2(coroutine, info)
}

/// What `new_thread` gives second.
fn worker_status(call: &mut Call<'_>) -> NativeResult {
    let Some(coroutine) = call.upvalue(2).as_coroutine() else { return call.ret0() };
    let status = match coroutine.status(call) {
        Status::Suspended => "suspended",
        Status::Running => "running",
        Status::Normal => "normal",
        Status::Dead => "dead",
    };
    let status = call.string(status.as_bytes())?;
    call.ret2(status, Value::NIL)
}
