//! The coroutine library, manual §6.2. The switching itself is the virtual machine's.

use crate::set_functions;
use perilune_vm::{Call, LuaError, NativeResult, Status, Table};

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 8)?;
    set_functions(
        call,
        library,
        &[
            ("close", close),
            ("create", create),
            ("isyieldable", isyieldable),
            ("resume", resume),
            ("running", running),
            ("status", status),
            ("wrap", wrap),
            ("yield", yield_),
        ],
    )?;
    Ok(library)
}

/// `coroutine.close(co) -> true | false, error`.
/// Errors: `cannot close a running coroutine`, or a normal one.
fn close(call: &mut Call<'_>) -> NativeResult {
    let coroutine = call.check_coroutine(1)?;
    call.close_coroutine(coroutine)
}

/// `coroutine.create(f) -> coroutine`.
fn create(call: &mut Call<'_>) -> NativeResult {
    let function = call.check_function(1)?;
    let coroutine = call.coroutine(function)?;
    call.ret1(coroutine)
}

/// `coroutine.isyieldable([co]) -> boolean`.
fn isyieldable(call: &mut Call<'_>) -> NativeResult {
    let yieldable = match call.arg(1).as_coroutine() {
        Some(coroutine) => call.is_yieldable_in(coroutine),
        None => call.is_yieldable(),
    };
    call.ret1(yieldable)
}

/// `coroutine.resume(co, ...) -> true, values | false, error`.
fn resume(call: &mut Call<'_>) -> NativeResult {
    let coroutine = call.check_coroutine(1)?;
    call.resume(coroutine, 2)
}

/// `coroutine.running() -> coroutine, whether it is the main one`.
fn running(call: &mut Call<'_>) -> NativeResult {
    let (coroutine, is_main) = call.running();
    call.ret2(coroutine, is_main)
}

/// `coroutine.status(co) -> "suspended" | "running" | "normal" | "dead"`.
fn status(call: &mut Call<'_>) -> NativeResult {
    let name = match call.check_coroutine(1)?.status(call) {
        Status::Suspended => "suspended",
        Status::Running => "running",
        Status::Normal => "normal",
        Status::Dead => "dead",
    };
    let name = call.string(name.as_bytes())?;
    call.ret1(name)
}

/// The function that `wrap` makes.
fn wrapped(call: &mut Call<'_>) -> NativeResult {
    let coroutine = call.upvalue(1).as_coroutine().expect("`wrap` made this function with a coroutine");
    call.resume_wrapped(coroutine)
}

/// `coroutine.wrap(f) -> function`.
fn wrap(call: &mut Call<'_>) -> NativeResult {
    let function = call.check_function(1)?;
    let coroutine = call.coroutine(function)?;
    let wrapped = call.closure(wrapped, &[coroutine.into()])?;
    call.ret1(wrapped)
}

/// `coroutine.yield(...) -> arguments of the next resume`.
/// Errors: `attempt to yield from outside a coroutine`, `attempt to yield across a C-call boundary`.
fn yield_(call: &mut Call<'_>) -> NativeResult {
    call.yield_args()
}
