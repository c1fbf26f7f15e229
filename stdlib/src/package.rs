//! The package library, manual §6.3: `require` and where it looks.
//!
//! The searchers are ordinary functions in `package.searchers`, which programs change; so `require` calls one after the
//! other, each a step. This machine loads no C libraries: the searchers for them report what they would have tried.

use crate::base::load_file;
use crate::files::{self, Mode};
use crate::set_functions;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Step, Table, Value};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const PATH: &str = "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;\
                    /usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua";
const C_PATH: &str = "/usr/local/lib/lua/5.4/?.so;/usr/local/lib/lua/5.4/loadall.so;./?.so";
/// Directory separator, path separator, mark of the name, mark of the program's folder, mark in names of C functions.
const CONFIG: &[u8] = b"/\n;\n?\n!\n-\n";
const NO_LIBRARIES: &[u8] = b"dynamic libraries not enabled; check your Lua installation";

/// The library's table; sets `require`. Paths come from the environment unless it is to be ignored.
pub(crate) fn open<'gc>(
    call: &mut Call<'gc>,
    loaded: Table<'gc>,
    ignore_environment: bool,
) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 8)?;
    set_functions(call, library, &[("loadlib", loadlib), ("searchpath", searchpath)])?;
    let preload = call.table(0, 0)?;
    let searchers = call.table(4, 0)?;
    let functions: [NativeFn; 4] = [search_preload, search_lua, search_c, search_c_root];
    for (idx, function) in functions.into_iter().enumerate() {
        let searcher = call.closure(function, &[library.into()])?;
        searchers.set_integer(call, idx as i64 + 1, searcher)?;
    }
    for (field, variable, default) in [("path", "LUA_PATH", PATH), ("cpath", "LUA_CPATH", C_PATH)] {
        let path = call.string(&path_from(variable, default, ignore_environment))?;
        library.set_str(call, field.as_bytes(), path)?;
    }
    let config = call.string(CONFIG)?;
    library.set_str(call, b"config", config)?;
    library.set_str(call, b"loaded", loaded.into())?;
    library.set_str(call, b"preload", preload.into())?;
    library.set_str(call, b"searchers", searchers.into())?;
    let registry = call.registry();
    registry.set_str(call, b"_PRELOAD", preload.into())?;
    let require = call.closure(require, &[library.into()])?;
    call.globals().set_str(call, b"require", require)?;
    Ok(library)
}

/// A path: from the environment, `;;` in it standing for the default, or the default.
fn path_from(variable: &str, default: &str, ignore_environment: bool) -> Vec<u8> {
    let versioned = format!("{variable}_5_4");
    let value = std::env::var_os(versioned).or_else(|| std::env::var_os(variable));
    let Some(value) = value.filter(|_| !ignore_environment).map(OsStringExt::into_vec) else {
        return default.as_bytes().to_vec();
    };
    let Some(at) = value.windows(2).position(|pair| pair == b";;") else { return value };
    let (before, behind) = (&value[..at], &value[at + 2..]);
    let parts = [before, default.as_bytes(), behind];
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(&b';')
}

fn loaded<'gc>(call: &mut Call<'gc>) -> Option<Table<'gc>> {
    call.registry().get_str(call, b"_LOADED").as_table()
}

/// `require(modname) -> module [, loader data]`.
/// Errors: `module '…' not found:…`, `'package.searchers' must be a table`, those of loaders.
fn require(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?;
    call.set_count(1);
    let module = loaded(call).map_or(Value::NIL, |loaded| loaded.get(call, name.into()));
    if module.is_truthy() {
        return call.ret1(module);
    }
    let searchers = library(call).and_then(|library| library.get_str(call, b"searchers").as_table());
    let Some(searchers) = searchers else { return Err(call.error("'package.searchers' must be a table")) };
    call.set_count(2);
    call.set_arg(2, searchers.into());
    Box::new(Search { next: 1, report: Vec::new() }).next(call)
}

/// The library's table, which is the first upvalue of all functions here that need it.
fn library<'gc>(call: &Call<'gc>) -> Option<Table<'gc>> {
    call.upvalue(1).as_table()
}

/// `require` asks one searcher after the other.
struct Search {
    next: i64,
    /// What searchers say they have tried.
    report: Vec<u8>,
}

impl Search {
    fn next(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let searcher = call.arg(2).as_table().map_or(Value::NIL, |searchers| searchers.get_integer(self.next));
        let name = call.check_string(1)?;
        if searcher.is_nil() {
            let message = [b"module '", name.as_bytes(), b"' not found:", &self.report].concat();
            return Err(call.error(message));
        }
        self.next += 1;
        call.invoke(searcher, &[name.into()], self)
    }
}

impl Step for Search {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let (answer, data) = (call.result(1), call.result(2));
        if answer.as_function().is_some() {
            let name = call.arg(1);
            call.set_count(2);
            call.set_arg(2, data);
            let then: NativeFn = finish;
            return call.invoke(answer, &[name, data], then);
        }
        if answer.as_str().is_some() || answer.as_number().is_some() {
            let text = if answer.as_str().is_some() { answer } else { call.number_text(answer)? };
            self.report.extend_from_slice(b"\n\t");
            self.report.extend_from_slice(text.as_str().map_or(&b""[..], |text| text.as_bytes()));
        }
        self.next(call)
    }
}

/// The loader has run: notes the module.
fn finish(call: &mut Call<'_>) -> NativeResult {
    let (name, data, result) = (call.arg(1), call.arg(2), call.result(1));
    let Some(loaded) = loaded(call) else { return call.ret2(result, data) };
    if !result.is_nil() {
        loaded.set(call, name, result)?;
    }
    let mut module = loaded.get(call, name);
    if module.is_nil() {
        module = Value::boolean(true);
        loaded.set(call, name, module)?;
    }
    call.ret2(module, data)
}

fn search_preload(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?;
    let preload = call.registry().get_str(call, b"_PRELOAD").as_table();
    let loader = preload.map_or(Value::NIL, |preload| preload.get(call, name.into()));
    if loader.is_nil() {
        let text = call.string(&[b"no field package.preload['", name.as_bytes(), b"']"].concat())?;
        return call.ret1(text);
    }
    let data = call.string(b":preload:")?;
    call.ret2(loader, data)
}

/// Looks for a module's file along a path in the library's table: the file, or what was tried.
fn find_file(call: &mut Call<'_>, name: &[u8], field: &str) -> Result<Result<Vec<u8>, Vec<u8>>, LuaError> {
    let path = library(call).and_then(|library| library.get_str(call, field.as_bytes()).as_str());
    match path {
        Some(path) => Ok(search_path(call, name, path.as_bytes(), b".", b"/")),
        None => Err(call.error(format!("'package.{field}' must be a string"))),
    }
}

fn search_lua(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let file = match find_file(call, name, "path")? {
        Ok(file) => file,
        Err(tried) => {
            let tried = call.string(&tried)?;
            return call.ret1(tried);
        }
    };
    match load_file(call, &file)? {
        Ok(function) => {
            let file = call.string(&file)?;
            call.ret2(function, file)
        }
        Err(message) => Err(load_error(call, name, &file, &message)),
    }
}

fn load_error(call: &mut Call<'_>, name: &[u8], file: &[u8], message: &[u8]) -> LuaError {
    let text = [b"error loading module '", name, b"' from file '", file, b"':\n\t", message].concat();
    call.error(text)
}

/// Looks for a C library that could have the module; finding one is an error.
fn search_c_library(call: &mut Call<'_>, module: &[u8], root: &[u8]) -> NativeResult {
    match find_file(call, root, "cpath")? {
        Ok(file) => Err(load_error(call, module, &file, NO_LIBRARIES)),
        Err(tried) => {
            let tried = call.string(&tried)?;
            call.ret1(tried)
        }
    }
}

fn search_c(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    search_c_library(call, name, name)
}

/// The library of a whole package: what stands in front of the first dot.
fn search_c_root(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    match name.iter().position(|&byte| byte == b'.') {
        Some(dot) => search_c_library(call, name, &name[..dot]),
        None => call.ret0(),
    }
}

/// `package.searchpath(name, path [, sep [, rep]]) -> file | nil (fail), what was tried`.
fn searchpath(call: &mut Call<'_>) -> NativeResult {
    let (name, path) = (call.check_string(1)?.as_bytes(), call.check_string(2)?.as_bytes());
    let separator = call.opt_string(3)?.map_or(&b"."[..], |text| text.as_bytes());
    let replacement = call.opt_string(4)?.map_or(&b"/"[..], |text| text.as_bytes());
    match search_path(call, name, path, separator, replacement) {
        Ok(file) => {
            let file = call.string(&file)?;
            call.ret1(file)
        }
        Err(tried) => {
            let tried = call.string(&tried)?;
            call.ret2(Value::NIL, tried)
        }
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// The first readable file of a path, or the text about all of them.
fn search_path(
    call: &Call<'_>,
    name: &[u8],
    path: &[u8],
    separator: &[u8],
    replacement: &[u8],
) -> Result<Vec<u8>, Vec<u8>> {
    let name = if separator.is_empty() { name.to_vec() } else { replace(name, separator, replacement) };
    let candidates = replace(path, b"?", &name);
    for file in candidates.split(|&byte| byte == b';').filter(|file| !file.is_empty()) {
        if files::of(call).open(OsStr::from_bytes(files::c_string(file)), Mode::READ).is_ok() {
            return Ok(file.to_vec());
        }
    }
    Err([b"no file '", &replace(&candidates, b";", b"'\n\tno file '")[..], b"'"].concat())
}

/// `package.loadlib(libname, funcname) -> nil (fail), message, "absent"`: there are no C libraries here.
fn loadlib(call: &mut Call<'_>) -> NativeResult {
    call.check_string(1)?;
    call.check_string(2)?;
    let (message, place) = (call.string(NO_LIBRARIES)?, call.string(b"absent")?);
    call.ret3(Value::NIL, message, place)
}
