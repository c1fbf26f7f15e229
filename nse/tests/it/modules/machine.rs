//! A virtual machine with the compiled modules, and programs run in it or elsewhere.

use crate::support::Folder;
use perilune_vm::{LuaError, Root, Run, State};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file below `tests/lua`.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lua").join(name)
}

fn state() -> State {
    let mut state = State::new(Some(1)).expect("there is memory");
    state
        .enter(|call| -> Result<(), LuaError> {
            perilune_stdlib::open(call)?;
            perilune_nse::preload_modules(call)
        })
        .expect("the libraries open");
    state
}

/// Runs a chunk, with integers and a text as its arguments; its first result or its error.
pub fn run(source: &str, name: &str, text: &str) -> Result<String, String> {
    let mut state = state();
    let chunk = perilune_compiler::compile(source.as_bytes(), name.as_bytes()).expect("the chunk compiles");
    let (function, text) = state.enter(|call| {
        let function = call.load(&chunk, None).expect("there is memory");
        let text = call.string(text.as_bytes()).expect("there is memory");
        (call.root(function), call.root(text))
    });
    let mut task = state.task(&function, false).expect("there is memory");
    let run = state.resume(&mut task, &[text], u64::MAX);
    let results: Vec<Root> = state.results();
    let text = state.enter(|call| {
        let value = results.first().map(|root| call.rooted(root));
        let text = value.and_then(|value| call.try_text(value).ok().flatten()).and_then(|text| text.as_str());
        text.map_or_else(String::new, |text| String::from_utf8_lossy(text.as_bytes()).into_owned())
    });
    state.check();
    match run {
        Run::Finished => Ok(text),
        Run::Failed => Err(text),
        other => panic!("{other:?}"),
    }
}

/// Runs a golden program, which answers `done`.
#[track_caller]
pub fn golden(name: &str) {
    let source = std::fs::read_to_string(file(name)).expect("the program is there");
    assert_eq!(run(&source, &format!("@{name}"), ""), Ok("done".to_owned()));
}

/// Runs a program, which must be installed.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// The lines that a generator of cases gives here. It takes a seed, the number of cases, and a function for lines.
pub fn generated(generator: &str, seed: u64, cases: usize) -> String {
    let generator = std::fs::read_to_string(file(generator)).expect("the generator is there");
    let source = format!(
        "local lines = {{}}
        load(..., '=generated')({seed}, {cases}, function(line) lines[#lines + 1] = line end)
        return table.concat(lines, '\\n')"
    );
    run(&source, "=ours", &generator).expect("the generator runs")
}

/// The lines of the same cases in a script that Nmap runs, with the modules that it compiles in.
pub fn generated_by_nmap(generator: &str, seed: u64, cases: usize) -> String {
    let folder = Folder::new();
    let out = folder.0.join("out");
    let script = folder.script(
        "cases.nse",
        &format!(
            "categories = {{ 'safe' }}
            prerule = function() return true end
            action = function()
                local out = assert(io.open({out:?}, 'w'))
                loadfile({:?})({seed}, {cases}, function(line) out:write(line, '\\n') end)
                out:close()
            end",
            file(generator)
        ),
    );
    let run = output(Command::new("nmap").arg("--script").arg(&script).current_dir(&folder.0));
    let text = std::fs::read(out).map(|text| String::from_utf8_lossy(&text).into_owned());
    text.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&run.stdout)))
}
