//! The debug library, manual §6.10. What it looks at comes from the virtual machine's safe face.

use crate::set_functions;
use perilune_vm::{Call, Coroutine, Function, FunctionInfo, HookSpec, Kind, LuaError, NativeResult, Table, Value};

/// Nested native calls that are allowed, which `setcstacklimit` answers.
const NATIVE_DEPTH_MAX: i64 = 200;

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 16)?;
    set_functions(
        call,
        library,
        &[
            ("gethook", gethook),
            ("getinfo", getinfo),
            ("getlocal", getlocal),
            ("getmetatable", getmetatable),
            ("getregistry", getregistry),
            ("getupvalue", getupvalue),
            ("getuservalue", getuservalue),
            ("setcstacklimit", setcstacklimit),
            ("sethook", sethook),
            ("setlocal", setlocal),
            ("setmetatable", setmetatable),
            ("setupvalue", setupvalue),
            ("setuservalue", setuservalue),
            ("traceback", traceback),
            ("upvalueid", upvalueid),
            ("upvaluejoin", upvaluejoin),
        ],
    )?;
    Ok(library)
}

/// The coroutine that the first argument may be, and how many arguments that takes.
fn subject<'gc>(call: &Call<'gc>) -> (Option<Coroutine<'gc>>, usize) {
    match call.arg(1).as_coroutine() {
        Some(coroutine) => (Some(coroutine), 1),
        None => (None, 0),
    }
}

/// A level argument; negative ones are no level.
fn level(call: &mut Call<'_>, pos: usize) -> Result<Option<usize>, LuaError> {
    Ok(usize::try_from(call.check_integer(pos)?).ok())
}

/// `debug.getinfo([thread,] f [, what]) -> table | nil (fail)`.
/// Shape: `f` a function or a level; `what` selects from `flnSrtuL`.
/// Errors: `invalid option`, `invalid option '>'`.
fn getinfo(call: &mut Call<'_>) -> NativeResult {
    let (of, shift) = subject(call);
    let options = call.opt_string(shift + 2)?.map_or(&b"flnSrtu"[..], |options| options.as_bytes());
    if options.first() == Some(&b'>') {
        return Err(call.arg_error(shift + 2, "invalid option '>'"));
    }
    let info = match call.arg(shift + 1).as_function() {
        Some(function) => Some(function.info(call)),
        None => level(call, shift + 1)?.and_then(|level| call.info_at(of, level)),
    };
    let Some(info) = info else { return call.ret1(Value::NIL) };
    if options.iter().any(|option| !b"SlnrutLf".contains(option)) {
        return Err(call.arg_error(shift + 2, "invalid option"));
    }
    let table = call.table(0, 16)?;
    for (option, fields) in FIELDS {
        if options.contains(option) {
            fields(call, table, &info)?;
        }
    }
    call.ret1(table)
}

type Fields = for<'gc> fn(&mut Call<'gc>, Table<'gc>, &FunctionInfo<'gc>) -> Result<(), LuaError>;

/// What each option of `getinfo` sets.
const FIELDS: &[(u8, Fields)] = &[
    (b'S', |call, table, info| {
        for (key, text) in
            [("source", &info.source[..]), ("short_src", &info.short_source), ("what", info.what.as_bytes())]
        {
            let text = call.string(text)?;
            table.set_str(call, key.as_bytes(), text)?;
        }
        table.set_str(call, b"linedefined", Value::integer(info.line_defined))?;
        table.set_str(call, b"lastlinedefined", Value::integer(info.last_line_defined))
    }),
    (b'l', |call, table, info| table.set_str(call, b"currentline", Value::integer(info.current_line))),
    (b'u', |call, table, info| {
        table.set_str(call, b"nups", Value::integer(info.upvalue_count as i64))?;
        table.set_str(call, b"nparams", Value::integer(info.param_count as i64))?;
        table.set_str(call, b"isvararg", Value::boolean(info.is_vararg))
    }),
    (b'n', |call, table, info| {
        if let Some((_, name)) = &info.name {
            let name = call.string(name)?;
            table.set_str(call, b"name", name)?;
        }
        let kind = call.string(info.name.as_ref().map_or("", |(kind, _)| kind).as_bytes())?;
        table.set_str(call, b"namewhat", kind)
    }),
    (b'r', |call, table, info| {
        table.set_str(call, b"ftransfer", Value::integer(info.transfer.0 as i64))?;
        table.set_str(call, b"ntransfer", Value::integer(info.transfer.1 as i64))
    }),
    (b't', |call, table, info| table.set_str(call, b"istailcall", Value::boolean(info.is_tail_call))),
    (b'L', |call, table, info| {
        let lines = match info.function.as_function() {
            Some(function) => function.active_lines(call)?,
            None => None,
        };
        table.set_str(call, b"activelines", lines.map_or(Value::NIL, Value::from))
    }),
    (b'f', |call, table, info| table.set_str(call, b"func", info.function)),
];

/// `debug.getlocal([thread,] f, local) -> name, value | name | nil (fail)`.
/// Shape: `f` a level, or a function whose parameters are named; negative positions are varargs.
/// Errors: `level out of range`.
fn getlocal(call: &mut Call<'_>) -> NativeResult {
    let (of, shift) = subject(call);
    let pos = call.check_integer(shift + 2)?;
    if let Some(function) = call.arg(shift + 1).as_function() {
        let name = match function.param_name(call, pos) {
            Some(name) => call.string(&name)?,
            None => Value::NIL,
        };
        return call.ret1(name);
    }
    let level = existing_level(call, of, shift + 1)?;
    match call.local_at(of, level, pos) {
        Some((name, value)) => {
            let name = call.string(&name)?;
            call.ret2(name, value)
        }
        None => call.ret1(Value::NIL),
    }
}

fn existing_level<'gc>(call: &mut Call<'gc>, of: Option<Coroutine<'gc>>, pos: usize) -> Result<usize, LuaError> {
    match level(call, pos)? {
        Some(level) if call.has_level(of, level) => Ok(level),
        _ => Err(call.arg_error(pos, "level out of range")),
    }
}

/// `debug.setlocal([thread,] level, local, value) -> name | nil (fail)`.
/// Errors: `level out of range`.
fn setlocal(call: &mut Call<'_>) -> NativeResult {
    let (of, shift) = subject(call);
    let level = existing_level(call, of, shift + 1)?;
    let pos = call.check_integer(shift + 2)?;
    let value = call.check_any(shift + 3)?;
    let name = match call.set_local_at(of, level, pos, value) {
        Some(name) => call.string(&name)?,
        None => Value::NIL,
    };
    call.ret1(name)
}

/// `debug.getmetatable(value) -> table | nil`, whatever `__metatable` says.
fn getmetatable(call: &mut Call<'_>) -> NativeResult {
    let value = call.check_any(1)?;
    let metatable = call.metatable(value).map_or(Value::NIL, Value::from);
    call.ret1(metatable)
}

/// `debug.setmetatable(value, table | nil) -> value`: of any value, whatever `__metatable` says.
fn setmetatable(call: &mut Call<'_>) -> NativeResult {
    let metatable = call.arg(2).as_table();
    if metatable.is_none() && (!call.arg(2).is_nil() || call.count() < 2) {
        return Err(call.type_error(2, "nil or table"));
    }
    let value = call.arg(1);
    call.set_metatable(value, metatable);
    call.ret1(value)
}

/// `debug.getregistry() -> table`.
fn getregistry(call: &mut Call<'_>) -> NativeResult {
    let registry = call.registry();
    call.ret1(registry)
}

/// A function argument and the position of one of its upvalues.
fn function_and_upvalue<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<(Function<'gc>, i64), LuaError> {
    let upvalue = call.check_integer(pos + 1)?;
    match call.arg(pos).as_function() {
        Some(function) => Ok((function, upvalue)),
        None => Err(call.type_error(pos, "function")),
    }
}

/// `debug.getupvalue(f, up) -> name, value`, or nothing when there is no such upvalue.
fn getupvalue(call: &mut Call<'_>) -> NativeResult {
    let (function, pos) = function_and_upvalue(call, 1)?;
    match function.upvalue(call, pos) {
        Some((name, value)) => {
            let name = call.string(&name)?;
            call.ret2(name, value)
        }
        None => call.ret0(),
    }
}

/// `debug.setupvalue(f, up, value) -> name`, or nothing when there is no such upvalue.
fn setupvalue(call: &mut Call<'_>) -> NativeResult {
    let value = call.check_any(3)?;
    let (function, pos) = function_and_upvalue(call, 1)?;
    match function.set_upvalue(call, pos, value) {
        Some(name) => {
            let name = call.string(&name)?;
            call.ret1(name)
        }
        None => call.ret0(),
    }
}

/// `debug.upvalueid(f, n) -> light userdata | nil (fail)`.
fn upvalueid(call: &mut Call<'_>) -> NativeResult {
    let (function, pos) = function_and_upvalue(call, 1)?;
    let id = function.upvalue_id(call, pos).map_or(Value::NIL, Value::light_userdata);
    call.ret1(id)
}

/// `debug.upvaluejoin(f1, n1, f2, n2)`: makes the one upvalue refer to the other.
/// Errors: `invalid upvalue index`, `Lua function expected`.
fn upvaluejoin(call: &mut Call<'_>) -> NativeResult {
    let mut sides = [None; 2];
    for (side, pos) in sides.iter_mut().zip([1, 3]) {
        let (function, upvalue) = function_and_upvalue(call, pos)?;
        if function.upvalue_id(call, upvalue).is_none() {
            return Err(call.arg_error(pos + 1, "invalid upvalue index"));
        }
        *side = Some((function, upvalue));
    }
    let [Some((first, first_pos)), Some((second, second_pos))] = sides else { return call.ret0() };
    for (function, pos) in [(first, 1), (second, 3)] {
        if !function.is_lua() {
            return Err(call.arg_error(pos, "Lua function expected"));
        }
    }
    first.join_upvalue(call, first_pos, second, second_pos);
    call.ret0()
}

/// `debug.getuservalue(u, n) -> nil`: userdata of this machine have no user values.
fn getuservalue(call: &mut Call<'_>) -> NativeResult {
    call.opt_integer(2, 1)?;
    call.ret1(Value::NIL)
}

/// `debug.setuservalue(udata, value, n) -> nil (fail)`: userdata of this machine have no user values.
fn setuservalue(call: &mut Call<'_>) -> NativeResult {
    if !matches!(call.arg(1).kind(), Kind::Userdata(_)) {
        return Err(call.type_error(1, "userdata"));
    }
    call.check_any(2)?;
    call.opt_integer(3, 1)?;
    call.ret1(Value::NIL)
}

/// `debug.setcstacklimit(limit) -> the limit`, which does not change.
fn setcstacklimit(call: &mut Call<'_>) -> NativeResult {
    call.check_integer(1)?;
    call.ret1(NATIVE_DEPTH_MAX)
}

/// `debug.sethook([thread,] hook, mask [, count])`, or without a hook to remove the one that is there.
/// Shape: `hook(event, line)` with event `call`, `tail call`, `return`, `line` or `count`; `mask` has any of `c`, `r`,
/// `l`.
/// Units: `count` in instructions of the virtual machine; not above 0 means no such event.
fn sethook(call: &mut Call<'_>) -> NativeResult {
    let (of, shift) = subject(call);
    if call.arg(shift + 1).is_nil() {
        note_hook(call, of, Value::NIL)?;
        return call.set_hook(of, None);
    }
    let mask = call.check_string(shift + 2)?.as_bytes();
    let function = call.check_function(shift + 1)?;
    // Cut to a C `int`, as the reference does.
    let count = u32::try_from(call.opt_integer(shift + 3, 0)? as i32).unwrap_or(0);
    let [on_call, on_return, on_line] = [b'c', b'r', b'l'].map(|event| mask.contains(&event));
    note_hook(call, of, function)?;
    call.set_hook(of, Some(HookSpec { function, on_call, on_return, on_line, count }))
}

/// Key of the registry's table of hooks by coroutine.
const HOOK_KEY: &[u8] = b"_HOOKKEY";

/// Enters a hook in the registry's table, where programs look for it; it does not keep coroutines alive.
fn note_hook<'gc>(call: &mut Call<'gc>, of: Option<Coroutine<'gc>>, function: Value<'gc>) -> Result<(), LuaError> {
    let registry = call.registry();
    let hooks = match registry.get_str(call, HOOK_KEY).as_table() {
        Some(hooks) => hooks,
        None => {
            let hooks = call.table(0, 0)?;
            let mode = call.string(b"k")?;
            hooks.set_str(call, b"__mode", mode)?;
            call.set_metatable(hooks.into(), Some(hooks));
            registry.set_str(call, HOOK_KEY, hooks.into())?;
            hooks
        }
    };
    let coroutine = of.unwrap_or_else(|| call.running().0);
    hooks.set(call, coroutine.into(), function)
}

/// `debug.gethook([thread]) -> hook, mask, count`, or nil (fail) when there is none.
fn gethook(call: &mut Call<'_>) -> NativeResult {
    let (of, _) = subject(call);
    let Some(hook) = call.hook(of) else { return call.ret1(Value::NIL) };
    let events = [(hook.on_call, b'c'), (hook.on_return, b'r'), (hook.on_line, b'l')];
    let mask: Vec<u8> = events.iter().filter(|(on, _)| *on).map(|&(_, event)| event).collect();
    let mask = call.string(&mask)?;
    call.push(hook.function);
    call.push(mask);
    call.push(Value::integer(hook.count.into()));
    call.ret_pushed(3)
}

/// `debug.traceback([thread,] [message [, level]]) -> string`, or the message itself when it is no string.
fn traceback(call: &mut Call<'_>) -> NativeResult {
    let (of, shift) = subject(call);
    let message = call.arg(shift + 1);
    let text = match message.kind() {
        Kind::Nil => None,
        Kind::String(_) | Kind::Integer(_) | Kind::Float(_) => Some(call.check_string(shift + 1)?.as_bytes()),
        _ => return call.ret1(message),
    };
    let (running, _) = call.running();
    let of = of.filter(|of| !Value::from(*of).raw_equal(running.into()));
    let level = call.opt_integer(shift + 2, if of.is_some() { 0 } else { 1 })?;
    let level = usize::try_from(level).unwrap_or(usize::MAX);
    let text = match of {
        Some(of) => call.traceback_of(of, text, level),
        None => call.traceback(text, level),
    };
    let text = call.string(&text)?;
    call.ret1(text)
}
