//! The basic functions: `print`, `pcall`, `load`, `pairs` and the rest of the manual's §6.1.

pub use crate::files::os_message;
use crate::files::{self, ReadError};
use crate::{io, set_functions};
use perilune_compiler::compile;
use perilune_vm::bytecode::Chunk;
use perilune_vm::number::{self, Number};
use perilune_vm::{Call, GcAction, Kind, LuaError, NativeFn, NativeResult, Step, Value};
use perilune_vm::{dump, verify};
use std::io::Error;

/// Fills the globals.
pub(crate) fn open(call: &mut Call<'_>) -> Result<(), LuaError> {
    let globals = call.globals();
    set_functions(
        call,
        globals,
        &[
            ("assert", assert),
            ("collectgarbage", collectgarbage),
            ("dofile", dofile),
            ("error", error),
            ("getmetatable", getmetatable),
            ("ipairs", ipairs),
            ("load", load),
            ("loadfile", loadfile),
            ("next", next),
            ("pairs", pairs),
            ("pcall", pcall),
            ("print", print),
            ("rawequal", rawequal),
            ("rawget", rawget),
            ("rawlen", rawlen),
            ("rawset", rawset),
            ("select", select),
            ("setmetatable", setmetatable),
            ("tonumber", tonumber),
            ("tostring", tostring),
            ("type", type_of),
            ("warn", warn),
            ("xpcall", xpcall),
        ],
    )?;
    call.set_next_function(Value::native(next));
    globals.set_str(call, b"_G", globals.into())?;
    let version = call.string(b"Lua 5.4")?;
    globals.set_str(call, b"_VERSION", version)
}

/// `assert(v [, message]) -> v, ...`: all its arguments, if the first is true.
/// Errors: the message, `assertion failed!` by default, raised as by `error`.
/// Source: manual §6.1.
fn assert(call: &mut Call<'_>) -> NativeResult {
    if call.arg(1).is_truthy() {
        return call.ret_args(1);
    }
    call.check_any(1)?;
    if call.count() < 2 {
        return Err(call.error("assertion failed!"));
    }
    let message = call.arg(2);
    raise(call, message, 1)
}

/// Raises a value; a string gets the position at `level` in front, if that is above 0.
fn raise<'gc>(call: &mut Call<'gc>, message: Value<'gc>, level: i64) -> NativeResult {
    if let Some(text) = message.as_str()
        && level > 0
    {
        let mut located = call.position(usize::try_from(level).unwrap_or(usize::MAX));
        located.extend_from_slice(text.as_bytes());
        let message = call.string(&located)?;
        return Err(call.error_value(message));
    }
    Err(call.error_value(message))
}

/// `collectgarbage([opt [, arg]])`: see the manual. `"count"` is in KiB, a float. Finalisers get nil for everything.
/// Errors: `invalid option '…'`.
/// Source: manual §6.1.
fn collectgarbage(call: &mut Call<'_>) -> NativeResult {
    let option = call.opt_string(1)?.map_or(&b"collect"[..], |option| option.as_bytes());
    let action = match option {
        b"collect" => GcAction::Full,
        b"stop" => GcAction::Stop,
        b"restart" => GcAction::Restart,
        b"isrunning" => GcAction::IsRunning,
        b"count" => {
            if call.is_finalizing() {
                return call.ret1(Value::NIL);
            }
            let bytes = call.memory_bytes();
            return call.ret1(bytes as f64 / 1024.0);
        }
        b"step" => GcAction::Step(usize::try_from(call.opt_integer(2, 0)? as i32).unwrap_or(0)),
        b"setpause" => GcAction::SetPause(call.opt_integer(2, 0)?),
        b"setstepmul" => GcAction::SetStepMul(call.opt_integer(2, 0)?),
        b"incremental" => GcAction::Incremental {
            pause: call.opt_integer(2, 0)?,
            step_mul: call.opt_integer(3, 0)?,
            step_size: call.opt_integer(4, 0)?,
        },
        b"generational" => {
            GcAction::Generational { minor_mul: call.opt_integer(2, 0)?, major_mul: call.opt_integer(3, 0)? }
        }
        other => {
            let message = [b"invalid option '", other, b"'"].concat();
            return Err(call.arg_error(1, message));
        }
    };
    call.collect(action)
}

/// `error(message [, level])`: raises; a string gets the position of the function at the level in front.
/// Source: manual §6.1.
fn error(call: &mut Call<'_>) -> NativeResult {
    let level = call.opt_integer(2, 1)?;
    let message = call.arg(1);
    raise(call, message, level)
}

/// `getmetatable(object) -> table | value of __metatable | nil`.
/// Source: manual §6.1.
fn getmetatable(call: &mut Call<'_>) -> NativeResult {
    let object = call.check_any(1)?;
    let Some(metatable) = call.metatable(object) else { return call.ret1(Value::NIL) };
    let hidden = metatable.get_str(call, b"__metatable");
    if hidden.is_nil() { call.ret1(metatable) } else { call.ret1(hidden) }
}

/// `setmetatable(table, metatable | nil) -> table`.
/// Errors: `cannot change a protected metatable`.
/// Source: manual §6.1.
fn setmetatable(call: &mut Call<'_>) -> NativeResult {
    let table = call.check_table(1)?;
    let metatable = call.arg(2);
    if metatable.as_table().is_none() && (!metatable.is_nil() || call.count() < 2) {
        return Err(call.type_error(2, "nil or table"));
    }
    if !call.metamethod(table.into(), "__metatable").is_nil() {
        return Err(call.error("cannot change a protected metatable"));
    }
    table.set_metatable(call, metatable.as_table());
    call.ret1(table)
}

/// The iterator of `ipairs`.
fn ipairs_step(call: &mut Call<'_>) -> NativeResult {
    let key = call.check_integer(2)?.wrapping_add(1);
    let object = call.arg(1);
    if let Some(table) = object.as_table() {
        let value = table.get_integer(key);
        if !value.is_nil() {
            return call.ret2(key, value);
        }
        if table.metatable().is_none() {
            return call.ret1(Value::NIL);
        }
    }
    let then: NativeFn = |call| {
        let value = call.result(1);
        if value.is_nil() {
            return call.ret1(Value::NIL);
        }
        let key = call.check_integer(2)?.wrapping_add(1);
        call.ret2(key, value)
    };
    call.index_then(object, Value::integer(key), then)
}

/// `ipairs(t) -> iterator, t, 0`.
/// Source: manual §6.1.
fn ipairs(call: &mut Call<'_>) -> NativeResult {
    let object = call.check_any(1)?;
    call.ret3(Value::native(ipairs_step), object, 0i64)
}

/// `next(table [, index]) -> index, value | nil`.
/// Errors: `invalid key to 'next'`.
/// Source: manual §6.1.
fn next(call: &mut Call<'_>) -> NativeResult {
    let table = call.check_table(1)?;
    let key = call.arg(2);
    match table.next(call, key)? {
        Some((key, value)) => call.ret2(key, value),
        None => call.ret1(Value::NIL),
    }
}

/// `pairs(t) -> next, t, nil`, or the first three results of `__pairs(t)`.
/// Source: manual §6.1.
fn pairs(call: &mut Call<'_>) -> NativeResult {
    let object = call.check_any(1)?;
    let handler = call.metamethod(object, "__pairs");
    if handler.is_nil() {
        return call.ret3(Value::native(next), object, Value::NIL);
    }
    let then: NativeFn = |call| {
        let (first, second, third) = (call.result(1), call.result(2), call.result(3));
        call.ret3(first, second, third)
    };
    call.invoke_yieldable(handler, &[object], then)
}

/// `pcall(f, ...) -> true, results | false, error`.
/// Source: manual §6.1.
fn pcall(call: &mut Call<'_>) -> NativeResult {
    call.check_any(1)?;
    call.protected_call(1)
}

/// `xpcall(f, handler, ...) -> true, results | false, result of the handler`.
/// Source: manual §6.1.
fn xpcall(call: &mut Call<'_>) -> NativeResult {
    let handler = call.check_function(2)?;
    call.protected_call_with(handler)
}

/// What `print` still has to write.
struct Print {
    pos: usize,
    line: Vec<u8>,
}

impl Print {
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        while self.pos <= call.count() {
            let value = call.arg(self.pos);
            match call.try_text(value)? {
                Some(text) => self.add(text),
                None => return call.to_text_then(value, self),
            }
        }
        self.line.push(b'\n');
        io::print(&self.line);
        call.ret0()
    }

    fn add(&mut self, text: Value<'_>) {
        if self.pos > 1 {
            self.line.push(b'\t');
        }
        if let Some(text) = text.as_str() {
            self.line.extend_from_slice(text.as_bytes());
        }
        self.pos += 1;
    }
}

impl Step for Print {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let text = call.result(1);
        self.add(text);
        self.run(call)
    }
}

/// `print(...)`: the texts of its arguments, with tabs between and a newline behind, to standard output.
/// Source: manual §6.1.
fn print(call: &mut Call<'_>) -> NativeResult {
    Box::new(Print { pos: 1, line: Vec::new() }).run(call)
}

/// `rawequal(a, b) -> boolean`.
/// Source: manual §6.1.
fn rawequal(call: &mut Call<'_>) -> NativeResult {
    let (a, b) = (call.check_any(1)?, call.check_any(2)?);
    call.ret1(a.raw_equal(b))
}

/// `rawget(table, key) -> value`.
/// Source: manual §6.1.
fn rawget(call: &mut Call<'_>) -> NativeResult {
    let table = call.check_table(1)?;
    let key = call.check_any(2)?;
    let value = table.get(call, key);
    call.ret1(value)
}

/// `rawlen(table | string) -> integer`.
/// Errors: `table or string expected`.
/// Source: manual §6.1.
fn rawlen(call: &mut Call<'_>) -> NativeResult {
    match call.arg(1).kind() {
        Kind::Table(table) => call.ret1(table.raw_len()),
        Kind::String(string) => call.ret1(string.len() as i64),
        _ => Err(call.type_error(1, "table or string")),
    }
}

/// `rawset(table, key, value) -> table`.
/// Source: manual §6.1.
fn rawset(call: &mut Call<'_>) -> NativeResult {
    let table = call.check_table(1)?;
    let (key, value) = (call.check_any(2)?, call.check_any(3)?);
    table.set(call, key, value)?;
    call.ret1(table)
}

/// `select(n, ...) -> the arguments from the n-th on` (from the end when negative), or their number for `"#"`.
/// Errors: `index out of range`.
/// Source: manual §6.1.
fn select(call: &mut Call<'_>) -> NativeResult {
    let count = call.count() as i64;
    if call.arg(1).as_str().is_some_and(|text| text.as_bytes() == b"#") {
        return call.ret1(count - 1);
    }
    let n = call.check_integer(1)?;
    let from = if n < 0 { count + n } else { n.min(count) };
    if from < 1 {
        return Err(call.arg_error(1, "index out of range"));
    }
    call.ret_args(from as usize + 1)
}

/// `tonumber(v [, base]) -> number | nil (fail)`.
/// Errors: `base out of range`, `string expected`.
/// Source: manual §6.1.
fn tonumber(call: &mut Call<'_>) -> NativeResult {
    if call.arg(2).is_nil() {
        if let Some(number) = call.arg(1).to_number() {
            return call.ret1(number);
        }
        call.check_any(1)?;
        return call.ret1(Value::NIL);
    }
    let base = call.check_integer(2)?;
    let Some(text) = call.arg(1).as_str() else { return Err(call.type_error(1, "string")) };
    if !(2..=36).contains(&base) {
        return Err(call.arg_error(2, "base out of range"));
    }
    match parse_in_base(text.as_bytes(), base) {
        Some(value) => call.ret1(value),
        None => call.ret1(Value::NIL),
    }
}

fn parse_in_base(text: &[u8], base: i64) -> Option<i64> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\x0b").unwrap_or(text).trim_ascii();
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &digit in digits {
        let digit = (digit as char).to_digit(36).filter(|&digit| (digit as i64) < base)?;
        value = value.wrapping_mul(base).wrapping_add(digit as i64);
    }
    Some(if negative { value.wrapping_neg() } else { value })
}

/// `tostring(v) -> string`.
/// Errors: `'__tostring' must return a string`.
/// Source: manual §6.1.
fn tostring(call: &mut Call<'_>) -> NativeResult {
    let value = call.check_any(1)?;
    if let Some(text) = call.try_text(value)? {
        return call.ret1(text);
    }
    let then: NativeFn = |call| {
        let text = call.result(1);
        call.ret1(text)
    };
    call.to_text_then(value, then)
}

/// `type(v) -> string`.
/// Source: manual §6.1.
fn type_of(call: &mut Call<'_>) -> NativeResult {
    let value = call.check_any(1)?;
    call.ret1(call.type_name_of(value))
}

/// `warn(msg1, ...)`: a warning of all its arguments joined; a single `@on` or `@off` is a control message.
/// Errors: `string expected`.
fn warn(call: &mut Call<'_>) -> NativeResult {
    call.check_string(1)?;
    let mut text = Vec::new();
    for pos in 1..=call.count() {
        text.extend_from_slice(call.check_string(pos)?.as_bytes());
    }
    // In pieces, or with nothing behind the sign, it is no control message.
    if call.count() == 1 || text.first() != Some(&b'@') {
        call.warn(&text);
    }
    call.ret0()
}

/// What a binary chunk starts with.
const BINARY_MARK: u8 = 0x1b;

/// Compiles a chunk; results as `load` gives them. `env` is the fourth argument of `load`, if there was one.
fn load_chunk<'gc>(
    call: &mut Call<'gc>,
    source: &[u8],
    name: &[u8],
    mode: &[u8],
    env: Option<Value<'gc>>,
) -> NativeResult {
    let is_binary = source.first() == Some(&BINARY_MARK);
    let (kind, allowed) = if is_binary { ("binary", b'b') } else { ("text", b't') };
    let chunk = if mode.contains(&allowed) {
        chunk(source, name)
    } else {
        let mode = String::from_utf8_lossy(mode);
        Err(format!("attempt to load a {kind} chunk (mode is '{mode}')").into_bytes())
    };
    match chunk {
        Ok(chunk) => {
            let function = call.load(&chunk, env)?;
            call.ret1(function)
        }
        Err(message) => {
            let message = call.string(&message)?;
            call.ret2(Value::NIL, message)
        }
    }
}

/// A chunk from its source or its binary form; or the message about what is wrong with it.
///
/// # Errors
/// The message of `load`.
pub fn chunk(source: &[u8], name: &[u8]) -> Result<Chunk, Vec<u8>> {
    if source.first() != Some(&BINARY_MARK) {
        return compile(source, name).map_err(|error| error.message_bytes());
    }
    let refuse = |reason: String| {
        let name = match name.first() {
            Some(b'@' | b'=') => &name[1..],
            Some(&BINARY_MARK) => b"binary string",
            _ => name,
        };
        [name, b": bad binary format (", reason.as_bytes(), b")"].concat()
    };
    let chunk = dump::read(source).map_err(|error| refuse(error.to_string()))?;
    verify::verify(&chunk).map_err(|error| refuse(error.to_string()))?;
    Ok(chunk)
}

/// Compiles a file into a function with the globals as its environment; or says why not.
///
/// # Errors
/// Memory.
pub(crate) fn load_file<'gc>(call: &mut Call<'gc>, path: &[u8]) -> Result<Result<Value<'gc>, Vec<u8>>, LuaError> {
    let compiled = read_file(call, path).and_then(|source| chunk(&source, &[b"@", path].concat()));
    match compiled {
        Ok(chunk) => Ok(Ok(call.load(&chunk, None)?)),
        Err(message) => Ok(Err(message)),
    }
}

/// Pieces of a chunk that a reader function gives.
struct Pieces {
    source: Vec<u8>,
    name: Vec<u8>,
    mode: Vec<u8>,
}

impl Pieces {
    /// Calls the reader, its errors becoming results.
    fn read(self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let reader = call.arg(1);
        call.invoke(Value::native(pcall), &[reader], self)
    }
}

impl Step for Pieces {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if !call.result(1).is_truthy() {
            let error = call.result(2);
            return call.ret2(Value::NIL, error);
        }
        let piece = call.result(2);
        let piece = if piece.as_number().is_some() { call.number_text(piece)? } else { piece };
        match piece.as_str() {
            Some(piece) if !piece.is_empty() => {
                if call.check_size(self.source.len() + piece.len()).is_err() {
                    let message = call.string(b"not enough memory")?;
                    return call.ret2(Value::NIL, message);
                }
                self.source.extend_from_slice(piece.as_bytes());
                self.read(call)
            }
            None if !piece.is_nil() => {
                let message = call.string(b"reader function must return a string")?;
                call.ret2(Value::NIL, message)
            }
            _ => {
                let env = (call.count() >= 4).then(|| call.arg(4));
                load_chunk(call, &self.source, &self.name, &self.mode, env)
            }
        }
    }
}

/// `load(chunk [, chunkname [, mode [, env]]]) -> function | nil (fail), message`.
/// Shape: `chunk` a string, or a function called until it gives nil or an empty string.
/// Source: manual §6.1.
fn load(call: &mut Call<'_>) -> NativeResult {
    let mode = call.opt_string(3)?.map_or(&b"bt"[..], |mode| mode.as_bytes());
    let env = (call.count() >= 4).then(|| call.arg(4));
    if call.arg(1).as_str().is_some() || call.arg(1).as_number().is_some() {
        let source = call.check_string(1)?;
        let name = call.opt_string(2)?.unwrap_or(source);
        return load_chunk(call, source.as_bytes(), files::c_string(name.as_bytes()), mode, env);
    }
    let name = call.opt_string(2)?.map_or(&b"=(load)"[..], |name| files::c_string(name.as_bytes()));
    let reader = call.check_function(1)?;
    call.set_arg(1, reader);
    Box::new(Pieces { source: Vec::new(), name: name.to_vec(), mode: mode.to_vec() }).read(call)
}

/// A file's text as a chunk: without a first line that starts with `#`, whose line stays counted.
///
/// # Errors
/// The message of `loadfile`.
fn read_file(call: &mut Call<'_>, path: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    files::read(call, path).map(skip_first_line).map_err(|error| match error {
        ReadError::Open(error) => unreadable(b"open", path, &error),
        ReadError::Read(error) => unreadable(b"read", path, &error),
    })
}

fn unreadable(what: &[u8], path: &[u8], error: &Error) -> Vec<u8> {
    let reason = os_message(error);
    [b"cannot ", what, b" ", files::c_string(path), b": ", reason.as_bytes()].concat()
}

/// Blanks a first line that starts with `#`, as in scripts the system runs; a byte order mark goes too.
pub fn skip_first_line(source: Vec<u8>) -> Vec<u8> {
    let mut source = source;
    if source.starts_with(b"\xef\xbb\xbf") {
        source.drain(..3);
    }
    if source.first() == Some(&b'#') {
        let end = memchr::memchr(b'\n', &source).unwrap_or(source.len());
        // The line stays counted, but in front of a binary chunk nothing may stand.
        let is_binary = source.get(end + 1) == Some(&BINARY_MARK);
        source.drain(..end + is_binary as usize);
    }
    source
}

/// `loadfile([filename [, mode [, env]]]) -> function | nil (fail), message`.
/// Source: manual §6.1.
fn loadfile(call: &mut Call<'_>) -> NativeResult {
    let path = call.opt_string(1)?;
    let mode = call.opt_string(2)?.map_or(&b"bt"[..], |mode| mode.as_bytes());
    let env = (call.count() >= 3).then(|| call.arg(3));
    let (source, name) = match path {
        Some(path) => (read_file(call, path.as_bytes()), [b"@", path.as_bytes()].concat()),
        None => (read_stdin(call), b"=stdin".to_vec()),
    };
    match source {
        Ok(source) => load_chunk(call, &source, &name, mode, env),
        Err(message) => {
            let message = call.string(&message)?;
            call.ret2(Value::NIL, message)
        }
    }
}

fn read_stdin(call: &mut Call<'_>) -> Result<Vec<u8>, Vec<u8>> {
    io::read_standard_input(call).map(skip_first_line).map_err(|error| unreadable(b"read", b"stdin", &error))
}

/// `dofile([filename]) -> results of the chunk`.
/// Errors: those of the chunk, and of `loadfile`.
/// Source: manual §6.1.
fn dofile(call: &mut Call<'_>) -> NativeResult {
    let path = call.opt_string(1)?;
    let (source, name) = match path {
        Some(path) => (read_file(call, path.as_bytes()), [b"@", path.as_bytes()].concat()),
        None => (read_stdin(call), b"=stdin".to_vec()),
    };
    let compiled = source.and_then(|source| chunk(&source, &name));
    match compiled {
        Ok(chunk) => {
            let function = call.load(&chunk, None)?;
            let then: NativeFn = |call| call.ret_results();
            call.invoke_yieldable(function, &[], then)
        }
        Err(message) => {
            let message = call.string(&message)?;
            Err(call.error_value(message))
        }
    }
}

/// The text of a number, as `tostring` gives it.
pub(crate) fn number_text(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::Integer(value) => number::format_integer(value, out),
        Number::Float(value) => number::format_float(value, out),
    }
}
