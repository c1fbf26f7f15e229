//! The library `lfs`: what scripts use of LuaFileSystem 1.5.

use perilune_stdlib::base::os_message;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Userdata, Value};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

const NAME: &[u8] = b"directory metatable";

/// What a directory's userdata owns.
struct Directory(RefCell<Names>);

/// The names still to come.
enum Names {
    /// `.`, then `..`, then those of the system.
    Open {
        dots: usize,
        entries: fs::ReadDir,
    },
    Closed,
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    const TEXTS: [(&str, &str); 3] = [
        ("_COPYRIGHT", "Copyright (C) 2003-2009 Kepler Project"),
        (
            "_DESCRIPTION",
            "LuaFileSystem is a Lua library developed to complement the set of functions related to file systems \
             offered by the standard Lua distribution",
        ),
        ("_VERSION", "LuaFileSystem 1.5.0"),
    ];
    let (library, metatable, methods) = (call.table(0, 8)?, call.table(0, 4)?, call.table(0, 2)?);
    for (name, text) in TEXTS {
        let text = call.string(text.as_bytes())?;
        library.set_str(call, name.as_bytes(), text)?;
    }
    let functions: [(&str, NativeFn); 5] = [
        ("dir", dir),
        ("get_path_separator", |call| {
            let separator = call.string(b"/")?;
            call.ret1(separator)
        }),
        ("link", link),
        ("mkdir", |call| change(call, |path| fs::DirBuilder::new().mode(0o755).create(path))),
        ("rmdir", |call| change(call, |path| fs::remove_dir(path))),
    ];
    for (name, function) in functions {
        let function = call.closure(function, &[metatable.into()])?;
        library.set_str(call, name.as_bytes(), function)?;
    }
    methods.set_str(call, b"next", Value::native(next))?;
    methods.set_str(call, b"close", Value::native(close))?;
    metatable.set_str(call, b"__index", methods.into())?;
    let name = call.string(NAME)?;
    metatable.set_str(call, b"__name", name)?;
    Ok(library)
}

fn path<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<&'gc Path, LuaError> {
    let text = call.check_string(pos)?.as_bytes();
    // As a C string: up to the first zero.
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    Ok(Path::new(OsStr::from_bytes(&text[..end])))
}

/// `lfs.dir(path) -> iterator, directory`: names with `.` and `..`, in the order of the system.
/// Errors: `cannot open …: …`.
fn dir(call: &mut Call<'_>) -> NativeResult {
    let path = path(call, 1)?;
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            let message = [b"cannot open ", path.as_os_str().as_bytes(), b": ", os_message(&error).as_bytes()].concat();
            return Err(call.error(message));
        }
    };
    let directory = call.userdata(Directory(RefCell::new(Names::Open { dots: 0, entries })))?;
    let metatable = call.upvalue(1).as_table();
    directory.set_metatable(call, metatable);
    call.ret2(Value::native(next), directory)
}

fn directory<'gc>(call: &mut Call<'gc>) -> Result<&'gc Directory, LuaError> {
    let directory = call.arg(1).as_userdata().and_then(|userdata: Userdata<'gc>| userdata.downcast(call));
    match directory {
        Some(directory) => Ok(directory),
        None => Err(call.type_error(1, "directory metatable")),
    }
}

/// `directory:next() -> name | nil`; the end closes it.
/// Errors: `closed directory`.
fn next(call: &mut Call<'_>) -> NativeResult {
    const DOTS: [&[u8]; 2] = [b".", b".."];
    let directory = directory(call)?;
    let mut names = directory.0.borrow_mut();
    let name = match &mut *names {
        Names::Closed => {
            drop(names);
            return Err(call.arg_error(1, "closed directory"));
        }
        Names::Open { dots, .. } if *dots < DOTS.len() => {
            *dots += 1;
            Some(DOTS[*dots - 1].to_vec())
        }
        Names::Open { entries, .. } => entries.by_ref().flatten().next().map(|entry| entry.file_name().into_vec()),
    };
    let Some(name) = name else {
        *names = Names::Closed;
        return call.ret1(Value::NIL);
    };
    drop(names);
    let name = call.string(&name)?;
    call.ret1(name)
}

fn close(call: &mut Call<'_>) -> NativeResult {
    directory(call)?.0.replace(Names::Closed);
    call.ret0()
}

/// `lfs.mkdir(path)`, `lfs.rmdir(path) -> true | nil, message`.
fn change(call: &mut Call<'_>, change: impl Fn(&Path) -> io::Result<()>) -> NativeResult {
    let path = path(call, 1)?;
    match change(path) {
        Ok(()) => call.ret1(true),
        Err(error) => {
            let message = call.string(os_message(&error).as_bytes())?;
            call.ret2(Value::NIL, message)
        }
    }
}

/// `lfs.link(old, new [, symbolic]) -> true | nil, message, number`.
fn link(call: &mut Call<'_>) -> NativeResult {
    let (old, new) = (path(call, 1)?, path(call, 2)?);
    let linked = if call.arg(3).is_truthy() { std::os::unix::fs::symlink(old, new) } else { fs::hard_link(old, new) };
    match linked {
        Ok(()) => call.ret1(true),
        Err(error) => {
            let message = call.string(os_message(&error).as_bytes())?;
            let number = error.raw_os_error().unwrap_or(0) as i64;
            call.ret3(Value::NIL, message, number)
        }
    }
}
