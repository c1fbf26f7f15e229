//! `perilune lua`: the stand-alone interpreter.

use perilune_vm::{Call, GcAction, NativeFn, NativeResult, Root, Run, State, Value};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

/// Runs `perilune lua ARGS`: a file (`-` is standard input) with its arguments, or the listing of one.
pub fn main(args: &[OsString]) -> ExitCode {
    let lists = args.iter().take_while(|arg| *arg == "--list").count();
    let Some(script) = args.get(lists) else {
        eprintln!("lua: a script file is needed");
        return ExitCode::FAILURE;
    };
    let outcome = if lists > 0 { list(script, lists > 1) } else { run(script, &args[1..]) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let mut stderr = std::io::stderr();
            let _ = stderr.write_all(&[b"lua: ", &message[..], b"\n"].concat());
            ExitCode::FAILURE
        }
    }
}

/// Runs a script; the error is the message for standard error.
fn run(script: &OsString, args: &[OsString]) -> Result<(), Vec<u8>> {
    let memory = |_| b"not enough memory".to_vec();
    let (source, name) = read(script)?;
    let chunk = perilune_stdlib::base::chunk(&source, &name)?;
    let mut state = State::new(None).map_err(memory)?;
    let opened = state.enter(|call| -> Result<(Root, Vec<Root>), perilune_vm::LuaError> {
        perilune_stdlib::open(call)?;
        call.set_warn(Some(warn));
        // As the reference's interpreter begins; only the mode's name differs.
        let _ = call.collect(GcAction::Generational { minor_mul: 0, major_mul: 0 });
        set_arg(call, script, args)?;
        let main = call.load(&chunk, None)?;
        let handler = Value::native(message_handler);
        let mut values = vec![call.root(main), call.root(handler)];
        for arg in args {
            let arg = call.string(arg.as_bytes())?;
            values.push(call.root(arg));
        }
        let protect: NativeFn = protect;
        Ok((call.root(Value::native(protect)), values))
    });
    let (function, values) = opened.map_err(|_| b"not enough memory".to_vec())?;
    let mut task = state.task(&function, true).map_err(memory)?;
    let mut outcome = state.resume(&mut task, &values, u64::MAX);
    while outcome == Run::Preempted {
        outcome = state.resume(&mut task, &[], u64::MAX);
    }
    let results = state.results();
    let message = state.enter(|call| {
        let failed = outcome == Run::Failed || results.first().is_some_and(|ok| !call.rooted(ok).is_truthy());
        let error = results.get(1).or(results.first()).map(|root| call.rooted(root));
        failed.then(|| error.and_then(Value::as_str).map_or_else(Vec::new, |text| text.as_bytes().to_vec()))
    });
    drop((task, values, function, results));
    state.close();
    match message {
        Some(message) => Err(message),
        None => Ok(()),
    }
}

/// Prints the bytecode of a script; `details` adds constants, locals and upvalues.
fn list(script: &OsString, details: bool) -> Result<(), Vec<u8>> {
    let (source, name) = read(script)?;
    let chunk = perilune_stdlib::base::chunk(&source, &name)?;
    let text = perilune_vm::listing::list(&chunk, details);
    std::io::stdout().write_all(&text).map_err(|error| perilune_stdlib::base::os_message(&error).into_bytes())
}

/// Source and chunk name of a script.
fn read(script: &OsString) -> Result<(Vec<u8>, Vec<u8>), Vec<u8>> {
    let (source, name) = if script == "-" {
        let mut source = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::stdin(), &mut source);
        (read.map(|_| source), b"=stdin".to_vec())
    } else {
        (std::fs::read(script), [b"@", script.as_bytes()].concat())
    };
    match source {
        Ok(source) => Ok((perilune_stdlib::base::skip_first_line(source), name)),
        Err(error) => {
            let text = perilune_stdlib::base::os_message(&error);
            Err([b"cannot open ", script.as_bytes(), b" (", text.as_bytes(), b")"].concat())
        }
    }
}

/// The global `arg`.
fn set_arg(call: &mut Call<'_>, script: &OsString, args: &[OsString]) -> Result<(), perilune_vm::LuaError> {
    let table = call.table(args.len(), 1)?;
    let script = call.string(script.as_bytes())?;
    table.set_integer(call, 0, script)?;
    for (idx, arg) in args.iter().enumerate() {
        let arg = call.string(arg.as_bytes())?;
        table.set_integer(call, idx as i64 + 1, arg)?;
    }
    call.globals().set_str(call, b"arg", table.into())
}

/// Calls its first argument under the second as message handler.
fn protect(call: &mut Call<'_>) -> NativeResult {
    let handler = call.arg(2);
    call.protected_call_with(handler)
}

/// Turns an error into what is printed: the message with a traceback.
fn message_handler(call: &mut Call<'_>) -> NativeResult {
    let error = call.arg(1);
    if error.as_str().is_none() && error.as_number().is_none() {
        if !call.metamethod(error, "__tostring").is_nil() {
            let then: NativeFn = |call| {
                let text = call.result(1);
                call.ret1(text)
            };
            return call.to_text_then(error, then);
        }
        let text = format!("(error object is a {} value)", error.type_name());
        let text = call.traceback(Some(text.as_bytes()), 1);
        let text = call.string(&text)?;
        return call.ret1(text);
    }
    let message = call.check_string(1)?.as_bytes();
    let text = call.traceback(Some(message), 1);
    let text = call.string(&text)?;
    call.ret1(text)
}

fn warn(text: &[u8]) {
    let _ = std::io::stderr().write_all(&[b"Lua warning: ", text, b"\n"].concat());
}
