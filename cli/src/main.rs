//! The binary `perilune`: a scan, or one of the sub-commands.

#![forbid(unsafe_code)]

mod demo;
mod lua;
mod options;
mod report;
mod scan;
mod script_options;
mod scripts;

use options::Options;
use std::ffi::OsString;
use std::process::ExitCode;

/// Exit status of a command line that is wrong.
const USAGE: u8 = 255;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.first().and_then(|word| word.to_str()) {
        Some("lua") => return lua::main(&args[1..]),
        Some("demo") => return finish(demo::run()),
        _ => {}
    }
    let words: Vec<String> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match Options::parse_args(args) {
        Ok(options) if options.targets.is_empty() && !options.scripts.are_wanted() => {
            eprintln!("perilune: no target is given; `perilune -h` shows the options, `perilune demo` a first scan");
            ExitCode::from(USAGE)
        }
        Ok(options) => finish(scan::scan(&options, format!("perilune {}", words.join(" ")))),
        Err(message) => {
            // Help and version are no errors.
            let code = if message.use_stderr() { USAGE } else { 0 };
            let _ = message.print();
            ExitCode::from(code)
        }
    }
}

fn finish(outcome: Result<(), scan::Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(scan::Failure(message)) => {
            eprintln!("{message}\nQUITTING!");
            ExitCode::FAILURE
        }
    }
}
