//! The standard library: one file or folder per library, written against the virtual machine's safe face; and [`Lua`],
//! a machine with all of it, for programs that embed one.

#![deny(unsafe_code)]

pub mod base;
pub mod coroutine;
pub mod debug;
mod embed;
pub mod files;
pub mod io;
pub mod math;
pub mod os;
pub mod package;
pub mod string;
#[allow(unsafe_code, reason = "calls the C library")]
mod sys;
pub mod table;
pub mod utf8;

pub use embed::{Error, Handle, Lua, Owned, Resumed, Thread};

use perilune_vm::{Call, LuaError, NativeFn, Table, Value};

/// Opens all libraries into the globals, and notes them in the registry as loaded.
///
/// # Errors
/// When memory is short.
pub fn open(call: &mut Call<'_>) -> Result<(), LuaError> {
    open_with(call, false)
}

/// As [`open`]; `ignore_environment` keeps variables such as `LUA_PATH` out.
///
/// # Errors
/// When memory is short.
pub fn open_with(call: &mut Call<'_>, ignore_environment: bool) -> Result<(), LuaError> {
    let globals = call.globals();
    let loaded = call.table(0, 16)?;
    let registry = call.registry();
    registry.set_str(call, b"_LOADED", loaded.into())?;
    base::open(call)?;
    loaded.set_str(call, b"_G", globals.into())?;
    type Library = for<'gc> fn(&mut Call<'gc>) -> Result<Table<'gc>, LuaError>;
    let libraries: [(&[u8], Library); 8] = [
        (b"coroutine", coroutine::open),
        (b"table", table::open),
        (b"string", string::open),
        (b"math", math::open),
        (b"utf8", utf8::open),
        (b"io", io::open),
        (b"os", os::open),
        (b"debug", debug::open),
    ];
    for (name, library) in libraries {
        let exports = library(call)?;
        loaded.set_str(call, name, exports.into())?;
        globals.set_str(call, name, exports.into())?;
    }
    let package = package::open(call, loaded, ignore_environment)?;
    loaded.set_str(call, b"package", package.into())?;
    globals.set_str(call, b"package", package.into())?;
    Ok(())
}

/// Writes what scripts left in the buffers of standard output and of their files. To be called before the process
/// ends; `os.exit` does.
pub fn flush() {
    io::flush_all();
}

/// Sets native functions in a table.
fn set_functions<'gc>(call: &mut Call<'gc>, table: Table<'gc>, functions: &[(&str, NativeFn)]) -> Result<(), LuaError> {
    for &(name, function) in functions {
        table.set_str(call, name.as_bytes(), Value::native(function))?;
    }
    Ok(())
}
