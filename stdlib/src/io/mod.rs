//! The input and output library, manual §6.8.
//!
//! A file is a userdata over a shared [`Stream`]; its methods are in the metatable `FILE*`, which the registry keeps as
//! in the reference. Files come from [`crate::files`], so that an embedder decides which there are.

mod read;
mod stream;

use crate::base::number_text;
use crate::files::{self, Mode, Pipe, check_option, check_path, exit_result, failure, file_result};
use crate::set_functions;
use perilune_vm::number::Number;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Userdata, Value};
use read::Failure;
use std::ffi::OsStr;
use std::io::{Result as IoResult, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::sync::MutexGuard;
pub(crate) use stream::flush_all;
use stream::{Buffering, Shared, Stream};

/// Name of the metatable, and what messages call a file.
const FILE: &str = "FILE*";
/// Most formats `lines` takes: with the others they have to fit into the upvalues of a closure.
const LINES_FORMATS_MAX: usize = 250;
/// Upvalues of the iterator of `lines` in front of its formats.
const LINES_UPVALUES: usize = 3;

/// What a file's userdata owns.
struct File {
    stream: Shared,
    /// Standard files can't be closed.
    is_standard: bool,
}

/// One of the two default files, and its index in the table that the library's functions share as their upvalue.
#[derive(Clone, Copy)]
enum DefaultFile {
    Input = 1,
    Output = 2,
}

impl DefaultFile {
    fn get<'gc>(self, call: &Call<'gc>) -> Value<'gc> {
        call.upvalue(1).as_table().map_or(Value::NIL, |files| files.get_integer(self as i64))
    }

    fn set<'gc>(self, call: &mut Call<'gc>, file: Value<'gc>) -> Result<(), LuaError> {
        match call.upvalue(1).as_table() {
            Some(files) => files.set_integer(call, self as i64, file),
            None => Ok(()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            DefaultFile::Input => "input",
            DefaultFile::Output => "output",
        }
    }
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 14)?;
    set_functions(call, library, &[("open", io_open), ("popen", popen), ("tmpfile", tmpfile), ("type", type_of)])?;
    open_metatable(call)?;
    let mut standard = [Value::NIL; 3];
    let streams = [
        ("stdin", stream::standard_input()),
        ("stdout", stream::standard_output()),
        ("stderr", stream::standard_error()),
    ];
    for ((name, stream), value) in streams.into_iter().zip(&mut standard) {
        *value = new_file(call, File { stream: stream.clone(), is_standard: true })?.into();
        library.set_str(call, name.as_bytes(), *value)?;
    }
    let defaults = call.table(2, 0)?;
    defaults.set_integer(call, DefaultFile::Input as i64, standard[0])?;
    defaults.set_integer(call, DefaultFile::Output as i64, standard[1])?;
    let functions: [(&[u8], NativeFn); 7] = [
        (b"close", io_close),
        (b"flush", io_flush),
        (b"input", |call| default_file(call, DefaultFile::Input, Mode::READ)),
        (b"lines", io_lines),
        (b"output", |call| default_file(call, DefaultFile::Output, Mode::WRITE)),
        (b"read", io_read),
        (b"write", io_write),
    ];
    for (name, function) in functions {
        let function = call.closure(function, &[defaults.into()])?;
        library.set_str(call, name, function)?;
    }
    Ok(library)
}

fn open_metatable(call: &mut Call<'_>) -> Result<(), LuaError> {
    let metatable = call.table(0, 6)?;
    let methods = call.table(0, 7)?;
    set_functions(
        call,
        methods,
        &[
            ("close", close),
            ("flush", flush),
            ("lines", lines),
            ("read", read),
            ("seek", seek),
            ("setvbuf", setvbuf),
            ("write", write),
        ],
    )?;
    set_functions(call, metatable, &[("__gc", finalize), ("__close", finalize), ("__tostring", to_string)])?;
    metatable.set_str(call, b"__index", methods.into())?;
    let name = call.string(FILE.as_bytes())?;
    metatable.set_str(call, b"__name", name)?;
    call.registry().set_str(call, FILE.as_bytes(), metatable.into())
}

// Handles

fn new_file<'gc>(call: &mut Call<'gc>, file: File) -> Result<Userdata<'gc>, LuaError> {
    let userdata = call.userdata(file)?;
    let metatable = call.registry().get_str(call, FILE.as_bytes()).as_table();
    userdata.set_metatable(call, metatable);
    Ok(userdata)
}

fn file_over<'gc>(call: &mut Call<'gc>, device: Box<dyn files::Device>, mode: Mode) -> Result<Userdata<'gc>, LuaError> {
    new_file(call, File { stream: stream::share(Stream::new(device, mode)), is_standard: false })
}

/// Answers a file that was opened, or why it was not.
fn opened(
    call: &mut Call<'_>,
    device: IoResult<Box<dyn files::Device>>,
    mode: Mode,
    path: Option<&OsStr>,
) -> NativeResult {
    match device {
        Ok(device) => {
            let file = file_over(call, device, mode)?;
            call.ret1(file)
        }
        Err(error) => failure(call, &error, path),
    }
}

/// Opens a file that has to be there.
///
/// # Errors
/// `cannot open file '%s' (%s)`, those of the argument's type.
fn open_or_raise<'gc>(call: &mut Call<'gc>, pos: usize, mode: Mode) -> Result<Userdata<'gc>, LuaError> {
    let path = check_path(call, pos)?;
    match files::of(call).open(path, mode) {
        Ok(device) => file_over(call, device, mode),
        Err(error) => {
            let reason = files::os_message(&error);
            let message = [b"cannot open file '", path.as_bytes(), b"' (", reason.as_bytes(), b")"].concat();
            Err(call.error(message))
        }
    }
}

fn as_file<'gc>(call: &Call<'gc>, value: Value<'gc>) -> Option<&'gc File> {
    value.as_userdata()?.downcast(call)
}

/// The first argument, which must be a file.
///
/// # Errors
/// `FILE* expected, got …`
fn check_file<'gc>(call: &mut Call<'gc>) -> Result<&'gc File, LuaError> {
    match as_file(call, call.arg(1)) {
        Some(file) => Ok(file),
        None => Err(call.type_error(1, FILE)),
    }
}

/// The first argument's stream.
///
/// # Errors
/// `attempt to use a closed file`, those of `check_file`.
fn check_open<'gc>(call: &mut Call<'gc>) -> Result<MutexGuard<'gc, Stream>, LuaError> {
    let stream = stream::lock(&check_file(call)?.stream);
    if stream.is_closed() { Err(call.error("attempt to use a closed file")) } else { Ok(stream) }
}

/// A default file and its stream.
///
/// # Errors
/// `default %s file is closed`
fn check_default<'gc>(
    call: &mut Call<'gc>,
    which: DefaultFile,
) -> Result<(Value<'gc>, MutexGuard<'gc, Stream>), LuaError> {
    let value = which.get(call);
    if let Some(file) = as_file(call, value) {
        let stream = stream::lock(&file.stream);
        if !stream.is_closed() {
            return Ok((value, stream));
        }
    }
    Err(call.error(format!("default {} file is closed", which.name())))
}

/// Closes a file for a script.
fn close_file(call: &mut Call<'_>, file: &File) -> NativeResult {
    if file.is_standard {
        let message = call.string(b"cannot close standard file")?;
        return call.ret2(Value::NIL, message);
    }
    let status = stream::lock(&file.stream).close();
    match status {
        Ok(None) => call.ret1(true),
        Ok(Some(status)) => exit_result(call, Ok(status)),
        Err(error) => failure(call, &error, None),
    }
}

// Functions of the library

/// `io.open(filename [, mode]) -> file | nil (fail), message, error number`.
/// Shape: mode `[rwa]%+?b*`, default `"r"`.
/// Errors: `invalid mode`.
/// Source: manual §6.8.
fn io_open(call: &mut Call<'_>) -> NativeResult {
    let path = check_path(call, 1)?;
    let mode = call.opt_string(2)?.map_or(&b"r"[..], |mode| files::c_string(mode.as_bytes()));
    let Some(mode) = Mode::parse(mode) else { return Err(call.arg_error(2, "invalid mode")) };
    let device = files::of(call).open(path, mode);
    opened(call, device, mode, Some(path))
}

/// `io.popen(command [, mode]) -> file | nil (fail), message, error number`: a shell command, its output to be read
/// (`"r"`, the default) or its input to be written (`"w"`).
/// Errors: `invalid mode`.
/// Source: manual §6.8.
fn popen(call: &mut Call<'_>) -> NativeResult {
    let command = check_path(call, 1)?;
    let (pipe, mode) = match call.opt_string(2)?.map_or(&b"r"[..], |mode| files::c_string(mode.as_bytes())) {
        b"r" => (Pipe::FromProcess, Mode::READ),
        b"w" => (Pipe::ToProcess, Mode::WRITE),
        _ => return Err(call.arg_error(2, "invalid mode")),
    };
    flush_all();
    let device = files::of(call).start(command, pipe);
    opened(call, device, mode, Some(command))
}

/// `io.tmpfile() -> file | nil (fail), message, error number`: a file to be read and written that is gone in the end.
/// Source: manual §6.8.
fn tmpfile(call: &mut Call<'_>) -> NativeResult {
    let device = files::of(call).temporary();
    opened(call, device, Mode { read: true, ..Mode::WRITE }, None)
}

/// `io.type(obj) -> "file" | "closed file" | nil (fail)`.
/// Source: manual §6.8.
fn type_of(call: &mut Call<'_>) -> NativeResult {
    let value = call.check_any(1)?;
    let Some(file) = as_file(call, value) else { return call.ret1(Value::NIL) };
    let is_closed = stream::lock(&file.stream).is_closed();
    let name = call.string(if is_closed { b"closed file" } else { b"file" })?;
    call.ret1(name)
}

/// `io.input([file]) -> file`, `io.output([file]) -> file`: the default file, after it was set to a file or to one
/// opened by name.
/// Errors: `cannot open file '%s' (%s)`, `attempt to use a closed file`.
/// Source: manual §6.8.
fn default_file(call: &mut Call<'_>, which: DefaultFile, mode: Mode) -> NativeResult {
    let value = call.arg(1);
    if !value.is_nil() {
        let file = if value.as_str().is_some() || value.as_number().is_some() {
            open_or_raise(call, 1, mode)?.into()
        } else {
            drop(check_open(call)?);
            value
        };
        which.set(call, file)?;
    }
    let file = which.get(call);
    call.ret1(file)
}

/// `io.close([file])`: closes a file, the default output if none is given; see `file:close`.
/// Source: manual §6.8.
fn io_close(call: &mut Call<'_>) -> NativeResult {
    if call.count() == 0 {
        let output = DefaultFile::Output.get(call);
        call.set_count(1);
        call.set_arg(1, output);
    }
    close(call)
}

/// `io.read(...)`: as `file:read`, from the default input.
/// Errors: `default input file is closed`, those of `file:read`.
/// Source: manual §6.8.
fn io_read(call: &mut Call<'_>) -> NativeResult {
    let (_, mut stream) = check_default(call, DefaultFile::Input)?;
    read_from(call, &mut stream, 1)
}

/// `io.write(...) -> file`: as `file:write`, to the default output.
/// Errors: `default output file is closed`, those of `file:write`.
/// Source: manual §6.8.
fn io_write(call: &mut Call<'_>) -> NativeResult {
    let (file, mut stream) = check_default(call, DefaultFile::Output)?;
    write_to(call, &mut stream, file, 1)
}

/// `io.flush() -> true | nil (fail), message, error number`: as `file:flush`, of the default output.
/// Errors: `default output file is closed`.
/// Source: manual §6.8.
fn io_flush(call: &mut Call<'_>) -> NativeResult {
    let (_, mut stream) = check_default(call, DefaultFile::Output)?;
    let result = stream.flush();
    file_result(call, result, None)
}

/// `io.lines([filename, ...]) -> iterator, nil, nil, file`: reads the file by the formats, and closes it at its end or
/// when the loop ends. Without a name it reads the default input, and gives the iterator only.
/// Errors: `cannot open file '%s' (%s)`; those of `file:read` and of the stream, by the iterator.
/// Source: manual §6.8.
fn io_lines(call: &mut Call<'_>) -> NativeResult {
    if call.count() == 0 {
        call.set_count(1);
    }
    if call.arg(1).is_nil() {
        let input = DefaultFile::Input.get(call);
        call.set_arg(1, input);
        return lines(call);
    }
    let file = open_or_raise(call, 1, Mode::READ)?;
    call.set_arg(1, file.into());
    let iterator = lines_iterator(call, true)?;
    call.push(iterator);
    call.push(Value::NIL);
    call.push(Value::NIL);
    call.push(file);
    call.ret_pushed(4)
}

// Methods of files

/// `file:close() -> true | nil (fail), message, error number`; a process answers as `os.execute` does.
/// Errors: `attempt to use a closed file`.
/// Source: manual §6.8.
fn close(call: &mut Call<'_>) -> NativeResult {
    drop(check_open(call)?);
    let file = check_file(call)?;
    close_file(call, file)
}

/// Closes a file that is still open, and flushes a standard one: the state may be about to go.
fn finalize(call: &mut Call<'_>) -> NativeResult {
    let file = check_file(call)?;
    let mut stream = stream::lock(&file.stream);
    // There is nobody to take an error.
    let _ = if file.is_standard { stream.flush() } else { stream.close().map(|_| ()) };
    call.ret0()
}

fn to_string(call: &mut Call<'_>) -> NativeResult {
    let file = check_file(call)?;
    let is_closed = stream::lock(&file.stream).is_closed();
    let text = if is_closed { "file (closed)".to_owned() } else { format!("file ({:#x})", call.arg(1).address()) };
    let text = call.string(text.as_bytes())?;
    call.ret1(text)
}

/// `file:flush() -> true | nil (fail), message, error number`.
/// Errors: `attempt to use a closed file`.
/// Source: manual §6.8.
fn flush(call: &mut Call<'_>) -> NativeResult {
    let result = check_open(call)?.flush();
    file_result(call, result, None)
}

/// `file:read(...) -> one value per format`, nil for the first one that finds nothing; or nil, message, error number.
/// Shape: formats `"n"` a number, `"l"` a line (the default), `"L"` a line with its end, `"a"` all, or how many bytes.
/// Errors: `invalid format`, `attempt to use a closed file`.
/// Source: manual §6.8.
fn read(call: &mut Call<'_>) -> NativeResult {
    let mut stream = check_open(call)?;
    read_from(call, &mut stream, 2)
}

fn read_from(call: &mut Call<'_>, stream: &mut Stream, first: usize) -> NativeResult {
    match read::read(call, stream, first) {
        Ok(values) => call.ret_pushed(values.count),
        Err(Failure::Stream(error)) => failure(call, &error, None),
        Err(Failure::Lua(error)) => Err(error),
    }
}

/// `file:write(...) -> file | nil (fail), message, error number`: strings and numbers.
/// Errors: `attempt to use a closed file`, those of the arguments' types.
/// Source: manual §6.8.
fn write(call: &mut Call<'_>) -> NativeResult {
    let mut stream = check_open(call)?;
    let file = call.arg(1);
    write_to(call, &mut stream, file, 2)
}

fn write_to<'gc>(call: &mut Call<'gc>, stream: &mut Stream, file: Value<'gc>, first: usize) -> NativeResult {
    let mut result = Ok(());
    for pos in first..=call.count() {
        let value = call.arg(pos);
        let written = match value.as_number() {
            Some(number) => stream.write(&plain_number(number)),
            None => stream.write(call.check_string(pos)?.as_bytes()),
        };
        // As in the reference, the others are tried all the same.
        result = result.and(written);
    }
    match result {
        Ok(()) => call.ret1(file),
        Err(error) => failure(call, &error, None),
    }
}

/// The text of a number as `printf` has it: an integral float does not get a `.0`.
fn plain_number(number: Number) -> Vec<u8> {
    let mut text = Vec::new();
    number_text(number, &mut text);
    if matches!(number, Number::Float(_)) && text.ends_with(b".0") {
        text.truncate(text.len() - 2);
    }
    text
}

/// `file:seek([whence [, offset]]) -> position | nil (fail), message, error number`.
/// Shape: whence `"set"`, `"cur"` (the default) or `"end"`; offset default 0.
/// Units: bytes from the start, 0-based.
/// Errors: `invalid option '%s'`, `attempt to use a closed file`.
/// Source: manual §6.8.
fn seek(call: &mut Call<'_>) -> NativeResult {
    let mut stream = check_open(call)?;
    let whence = check_option(call, 2, Some(1), &["set", "cur", "end"])?;
    let offset = call.opt_integer(3, 0)?;
    let to = match whence {
        // A negative position is one the system refuses.
        0 => SeekFrom::Start(offset as u64),
        1 => SeekFrom::Current(offset),
        _ => SeekFrom::End(offset),
    };
    match stream.seek(to) {
        Ok(position) => call.ret1(position as i64),
        Err(error) => failure(call, &error, None),
    }
}

/// `file:setvbuf(mode [, size]) -> true | nil (fail), message, error number`.
/// Shape: mode `"no"`, `"full"` or `"line"`; size in bytes.
/// Errors: `invalid option '%s'`, `attempt to use a closed file`.
/// Source: manual §6.8.
fn setvbuf(call: &mut Call<'_>) -> NativeResult {
    let mut stream = check_open(call)?;
    let mode = check_option(call, 2, None, &["no", "full", "line"])?;
    let size = call.opt_integer(3, stream::CAPACITY as i64)?;
    let buffering = [Buffering::None, Buffering::Full, Buffering::Line][mode];
    let result = stream.set_buffering(buffering, usize::try_from(size).unwrap_or(stream::CAPACITY));
    file_result(call, result, None)
}

/// `file:lines(...) -> iterator`: reads by the formats with each call, and leaves the file open.
/// Errors: `attempt to use a closed file`; those of `file:read` and of the stream, by the iterator.
/// Source: manual §6.8.
fn lines(call: &mut Call<'_>) -> NativeResult {
    drop(check_open(call)?);
    let iterator = lines_iterator(call, false)?;
    call.ret1(iterator)
}

/// The iterator over the file in the first argument, by the formats in the others.
fn lines_iterator<'gc>(call: &mut Call<'gc>, closes: bool) -> Result<Value<'gc>, LuaError> {
    let formats = call.count() - 1;
    if formats > LINES_FORMATS_MAX {
        return Err(call.arg_error(LINES_FORMATS_MAX + 2, "too many arguments"));
    }
    // ORDER: upvalues of lines_step.
    let mut upvalues = vec![call.arg(1), Value::integer(formats as i64), Value::boolean(closes)];
    upvalues.extend((2..=formats + 1).map(|pos| call.arg(pos)));
    let step: NativeFn = lines_step;
    call.closure(step, &upvalues)
}

fn lines_step(call: &mut Call<'_>) -> NativeResult {
    // ORDER: upvalues of lines_step.
    let (file, formats, closes) = (call.upvalue(1), call.upvalue(2), call.upvalue(3));
    let Some(file) = as_file(call, file) else { return Err(call.type_error(1, FILE)) };
    let mut stream = stream::lock(&file.stream);
    if stream.is_closed() {
        return Err(call.error("file is already closed"));
    }
    // The formats become arguments, so that `read` finds them and messages number them.
    let formats = formats.to_integer().unwrap_or(0) as usize;
    if call.reserve(formats).is_err() {
        return Err(call.error("stack overflow (too many arguments)"));
    }
    call.set_count(1);
    call.set_count(1 + formats);
    for idx in 1..=formats {
        let format = call.upvalue(LINES_UPVALUES + idx);
        call.set_arg(1 + idx, format);
    }
    match read::read(call, &mut stream, 2) {
        Err(Failure::Lua(error)) => Err(error),
        Err(Failure::Stream(error)) => Err(call.error(files::os_message(&error))),
        Ok(values) if values.count > 1 || values.is_complete => call.ret_pushed(values.count),
        Ok(_) => {
            if closes.is_truthy() {
                let _ = stream.close();
            }
            call.ret0()
        }
    }
}

// For other libraries

/// Writes to standard output and flushes it, as `print` does.
pub(crate) fn print(text: &[u8]) {
    let mut output = stream::lock(stream::standard_output());
    // A reader that went away is no error of the script's.
    let _ = output.write(text).and_then(|()| output.flush());
}

/// All that is left of standard input.
///
/// # Errors
/// Those of reading; also when it does not fit into the memory.
pub(crate) fn read_standard_input(call: &mut Call<'_>) -> IoResult<Vec<u8>> {
    let mut input = stream::lock(stream::standard_input());
    let mut content = Vec::new();
    loop {
        let part = input.fill()?;
        if part.is_empty() {
            return Ok(content);
        }
        files::check_content(call, content.len() + part.len())?;
        content.extend_from_slice(part);
        let count = part.len();
        input.consume(count);
    }
}
