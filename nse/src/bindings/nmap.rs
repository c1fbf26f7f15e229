//! The library `nmap`: levels, time, log, sockets.

use super::{certificate, dnet, interface, port, socket};
use crate::shared::{Channel, bind, shared};
use crate::wait::Wait;
use perilune_scan::net::Millis;
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Table, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What `get_ttl` answers without `--ttl`.
const TTL: u8 = 64;

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 40)?;
    let functions: [(&str, NativeFn); 23] = [
        ("add_targets", add_targets),
        ("address_family", |call| {
            let family = if shared(call).options.ipv6 { "inet6" } else { "inet" };
            text(call, family.as_bytes())
        }),
        ("clock", |call| call.ret1(since_epoch().as_secs_f64())),
        ("clock_ms", |call| call.ret1((since_epoch().as_secs_f64() * 1000.0).ceil())),
        ("debugging", |call| {
            let level = shared(call).options.debugging as i64;
            call.ret1(level)
        }),
        ("fetchfile", fetchfile),
        ("get_dns_servers", get_dns_servers),
        ("get_interface", |call| match shared(call).options.interface.clone() {
            Some(name) => text(call, name.as_bytes()),
            None => call.ret1(Value::NIL),
        }),
        ("get_interface_info", interface::get_interface_info),
        ("get_payload_length", |call| {
            let len = shared(call).options.payload_len as i64;
            call.ret1(len)
        }),
        ("get_random_bytes", get_random_bytes),
        ("get_ttl", |call| {
            let ttl = shared(call).options.ttl.unwrap_or(TTL);
            call.ret1(i64::from(ttl))
        }),
        ("have_ssl", |call| call.ret1(true)),
        ("is_privileged", |call| {
            let privileged = shared(call).options.privileged;
            call.ret1(privileged)
        }),
        ("list_interfaces", interface::list_interfaces),
        ("log_write", log_write),
        ("new_targets_num", |call| {
            let count = shared(call).targets.borrow().seen() as i64;
            call.ret1(count)
        }),
        ("new_try", new_try),
        ("port_is_excluded", port::port_is_excluded),
        ("resolve", socket::resolve_native),
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
    let functions: [(&str, NativeFn); 4] = [
        ("get_stats", get_stats),
        // The engine itself moves data; there is nothing to drive.
        ("loop", |call| call.ret0()),
        ("parse_ssl_certificate", certificate::parse_ssl_certificate),
        ("sleep", sleep),
    ];
    for (name, function) in functions {
        let function = bind(call, engine, function)?;
        sockets.set_str(call, name.as_bytes(), function)?;
    }
    library.set_str(call, b"socket", sockets.into())?;
    let new_dnet = dnet::open(call, engine)?;
    library.set_str(call, b"new_dnet", new_dnet)?;
    let raw = call.table(0, 2)?;
    raw.set_str(call, b"new", new_dnet)?;
    let info = library.get_str(call, b"get_interface_info");
    raw.set_str(call, b"get_interface_info", info)?;
    library.set_str(call, b"dnet", raw.into())?;
    Ok(library)
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn text(call: &mut Call<'_>, text: &[u8]) -> NativeResult {
    let text = call.string(text)?;
    call.ret1(text)
}

/// `nmap.version_intensity() -> integer`: 9 while a script runs that the user named; else the script argument
/// `script-intensity`, which is read once, or the level of version detection.
fn version_intensity(call: &mut Call<'_>) -> NativeResult {
    let engine = shared(call);
    if engine.is_named() {
        return call.ret1(9);
    }
    if let Some(level) = engine.intensity.get() {
        return call.ret1(level);
    }
    let nmap = call.registry().get_str(call, b"_LOADED").as_table().and_then(|l| l.get_str(call, b"nmap").as_table());
    let registry = nmap.and_then(|nmap| nmap.get_str(call, b"registry").as_table());
    let args = registry.and_then(|registry| registry.get_str(call, b"args").as_table());
    let wanted = args.and_then(|args| args.get_str(call, b"script-intensity").to_integer());
    let level = wanted.unwrap_or(i64::from(engine.options.version_intensity));
    if !(0..=9).contains(&level) {
        eprintln!(
            "Warning: Valid values of script arg script-intensity are between 0 and 9. Using {level} nevertheless."
        );
    }
    engine.intensity.set(Some(level));
    call.ret1(level)
}

/// `nmap.get_dns_servers() -> list of addresses`.
fn get_dns_servers(call: &mut Call<'_>) -> NativeResult {
    let servers = crate::resolve::name_servers(shared(call));
    let list = call.table(servers.len(), 0)?;
    for (idx, server) in (1..).zip(servers) {
        let server = call.string(server.ip().to_string().as_bytes())?;
        list.set_integer(call, idx, server)?;
    }
    call.ret1(list)
}

/// `nmap.add_targets(target, …) -> count | 0, message`: expressions to be scanned after those of the command line;
/// without arguments the number of those that still wait.
fn add_targets(call: &mut Call<'_>) -> NativeResult {
    let engine = shared(call);
    if call.count() == 0 {
        let waiting = engine.targets.borrow().waiting() as i64;
        return call.ret1(waiting);
    }
    let mut accepted = 0_i64;
    for pos in 1..=call.count() {
        let target = String::from_utf8_lossy(call.check_string(pos)?.as_bytes()).into_owned();
        if let Err(message) = engine.targets.borrow_mut().add(target) {
            eprintln!("ERROR: {message}");
            break;
        }
        accepted += 1;
    }
    if accepted > 0 {
        return call.ret1(accepted);
    }
    let message = call.string(b"failed to add new targets.")?;
    call.ret2(0, message)
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
    let found = shared(call).options.data.file(&name);
    match found {
        Some(path) => text(call, path.as_bytes()),
        None => call.ret1(Value::NIL),
    }
}

/// `nmap.socket.sleep(seconds)`.
/// Errors: `argument to sleep (…) must not be negative`.
fn sleep(call: &mut Call<'_>) -> NativeResult {
    let seconds = call.check_number(1)?;
    if seconds < 0.0 {
        return Err(call.error(format!("argument to sleep ({seconds:?}) must not be negative\n")));
    }
    let engine = shared(call);
    let until = engine.network.borrow().now().0.saturating_add((seconds * 1000.0).round() as u64);
    *engine.wait.borrow_mut() = Some(Wait::Sleep { until: Millis(until) });
    call.park()
}

/// `nmap.socket.get_stats() -> table`: how many threads wait for a place to connect.
fn get_stats(call: &mut Call<'_>) -> NativeResult {
    let waiting = shared(call).slots.borrow().waiting_count();
    let stats = call.table(0, 1)?;
    stats.set_str(call, b"connect_waiting", Value::integer(waiting as i64))?;
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
            eprintln!("finalizing a non-conforming function that did not first return a boolean");
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
