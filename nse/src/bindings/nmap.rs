//! The library `nmap`: levels, time, log, sockets.

use super::{certificate, port, socket};
use crate::shared::{Channel, bind, shared};
use crate::wait::Wait;
use perilune_scan::net::Millis;
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Table, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 40)?;
    let functions: [(&str, NativeFn); 15] = [
        ("address_family", |call| text(call, b"inet")),
        ("clock", |call| call.ret1(since_epoch().as_secs_f64())),
        ("clock_ms", |call| call.ret1((since_epoch().as_secs_f64() * 1000.0).ceil())),
        ("debugging", |call| {
            let level = shared(call).options.debugging as i64;
            call.ret1(level)
        }),
        ("fetchfile", fetchfile),
        ("get_random_bytes", get_random_bytes),
        ("have_ssl", |call| call.ret1(true)),
        ("is_privileged", |call| call.ret1(false)),
        ("log_write", log_write),
        ("new_try", new_try),
        ("port_is_excluded", |call| call.ret1(false)),
        ("resolve", resolve),
        ("timing_level", |call| {
            let level = shared(call).options.timing_level as i64;
            call.ret1(level)
        }),
        ("verbosity", |call| {
            let level = shared(call).verbosity();
            call.ret1(level)
        }),
        ("version_intensity", version_intensity),
    ];
    for (name, function) in functions.into_iter().chain(port::FUNCTIONS) {
        let function = bind(call, engine, function)?;
        library.set_str(call, name.as_bytes(), function)?;
    }
    let (registry, args) = (call.table(0, 0)?, call.table(0, 0)?);
    registry.set_str(call, b"args", args.into())?;
    library.set_str(call, b"registry", registry.into())?;
    let new_socket = socket::open(call, engine)?;
    library.set_str(call, b"new_socket", new_socket)?;
    let sockets = call.table(0, 4)?;
    sockets.set_str(call, b"new", new_socket)?;
    let functions: [(&str, NativeFn); 3] =
        [("sleep", sleep), ("get_stats", get_stats), ("parse_ssl_certificate", certificate::parse_ssl_certificate)];
    for (name, function) in functions {
        let function = bind(call, engine, function)?;
        sockets.set_str(call, name.as_bytes(), function)?;
    }
    library.set_str(call, b"socket", sockets.into())?;
    Ok(library)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn text(call: &mut Call<'_>, text: &[u8]) -> NativeResult {
    let text = call.string(text)?;
    call.ret1(text)
}

/// `nmap.version_intensity() -> integer`: 9 while a script runs that the user named.
fn version_intensity(call: &mut Call<'_>) -> NativeResult {
    let engine = shared(call);
    let named = engine.current.borrow().as_ref().is_some_and(|current| current.script.selected_by_name);
    let level = if named { 9 } else { engine.options.version_intensity as i64 };
    call.ret1(level)
}

/// `nmap.log_write("stdout" | "stderr", text)`: a line for the user.
/// Errors: `invalid option '…'`.
fn log_write(call: &mut Call<'_>) -> NativeResult {
    let channel = match call.check_string(1)?.as_bytes() {
        b"stdout" => Channel::Stdout,
        b"stderr" => Channel::Stderr,
        other => {
            let message = [b"invalid option '", other, b"'"].concat();
            return Err(call.arg_error(1, message));
        }
    };
    let line = call.check_string(2)?.as_bytes();
    shared(call).log(channel, line);
    call.ret0()
}

/// `nmap.get_random_bytes(n) -> string`.
fn get_random_bytes(call: &mut Call<'_>) -> NativeResult {
    let count = call.check_integer(1)?;
    let Ok(count) = usize::try_from(count) else {
        return Err(call.error("Invalid length argument to get_random_bytes."));
    };
    call.check_size(count)?;
    let mut bytes = vec![0; count];
    if getrandom::fill(&mut bytes).is_err() {
        return Err(call.error("Error in nbase's get_random_bytes."));
    }
    text(call, &bytes)
}

/// `nmap.fetchfile(name) -> path | nil`: looks along the data folders.
fn fetchfile(call: &mut Call<'_>) -> NativeResult {
    let name = String::from_utf8_lossy(call.check_string(1)?.as_bytes()).into_owned();
    let found = shared(call).options.data_dirs.iter().map(|folder| folder.join(&name)).find(|path| path.exists());
    match found {
        Some(path) => text(call, path.to_string_lossy().as_bytes()),
        None => call.ret1(Value::NIL),
    }
}

/// `nmap.resolve(name) -> true, addresses | false, message`.
fn resolve(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let Some(address) = socket::resolve(name) else {
        let message = call.string(b"Name or service not known")?;
        return call.ret2(false, message);
    };
    let list = call.table(1, 0)?;
    let address = call.string(address.to_string().as_bytes())?;
    list.set_integer(call, 1, address)?;
    call.ret2(true, list)
}

/// `nmap.socket.sleep(seconds)`.
/// Errors: `argument to sleep (…) must not be negative`.
fn sleep(call: &mut Call<'_>) -> NativeResult {
    let seconds = call.check_number(1)?;
    if seconds < 0.0 {
        return Err(call.error(format!("argument to sleep ({seconds}) must not be negative")));
    }
    let engine = shared(call);
    let until = engine.network.borrow().now().0.saturating_add((seconds * 1000.0).round() as u64);
    *engine.wait.borrow_mut() = Some(Wait::Sleep { until: Millis(until) });
    call.park()
}

/// `nmap.socket.get_stats() -> table`: no thread waits for a slot to connect.
fn get_stats(call: &mut Call<'_>) -> NativeResult {
    let stats = call.table(0, 1)?;
    stats.set_str(call, b"connect_waiting", Value::integer(0))?;
    call.ret1(stats)
}

/// `nmap.new_try([handler]) -> function` that passes results on, or calls the handler and throws.
fn new_try(call: &mut Call<'_>) -> NativeResult {
    let (engine, handler) = (call.upvalue(1), call.arg(1));
    let checked = call.closure(checked, &[engine, handler])?;
    call.ret1(checked)
}

/// What `new_try` made: its arguments without the first, if that is true.
fn checked(call: &mut Call<'_>) -> NativeResult {
    let status = call.arg(1);
    if status.is_truthy() {
        if !matches!(status.kind(), Kind::Boolean(_)) {
            let line = b"finalizing a non-conforming function that did not first return a boolean";
            shared(call).log(Channel::Stderr, line);
        }
        return call.ret_args(2);
    }
    let handler = call.upvalue(2);
    if handler.is_nil() {
        return throw_tried(call);
    }
    let then: NativeFn = throw_tried;
    call.invoke_yieldable(handler, &[], then)
}

fn throw_tried(call: &mut Call<'_>) -> NativeResult {
    let error = call.table(0, 2)?;
    let kind = call.string(b"nmap.new_try")?;
    error.set_str(call, b"errtype", kind)?;
    let message = call.arg(2);
    error.set_str(call, b"message", message)?;
    Err(call.error_value(error.into()))
}
