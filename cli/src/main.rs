//! The binary `perilune`: a scan, or one of the sub-commands.

#![forbid(unsafe_code)]

mod completions;
mod convert;
mod demo;
mod discover;
mod interfaces;
mod interrupt;
mod lua;
mod manual;
mod network;
mod options;
mod outputs;
mod plan;
mod progress;
mod report;
mod resume;
mod scan;
mod script_options;
mod scripts;
mod targets;
mod timing_options;
mod words;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use options::{Options, Parsed};
use perilune_scan::sys::memory;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator::new();

/// Exit status of a command line that is wrong.
const USAGE: u8 = 255;

fn main() -> ExitCode {
    memory::keep_large();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.first().and_then(|word| word.to_str()) {
        Some("lua") => return lua::main(&args[1..]),
        Some("demo") => return finish(demo::run()),
        Some("convert") => return convert::convert(&args[1..]),
        Some("diff") => return convert::diff(&args[1..]),
        Some("script") => return scripts::command::main(&args[1..]),
        Some("completions") => return print_completions(&args[1..]),
        Some("man") => {
            say(&manual::page());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let own_count = args.len();
    let more = std::env::var("NMAP_ARGS").unwrap_or_default();
    let args: Vec<OsString> = words::split(&more).into_iter().map(OsString::from).chain(args).collect();
    let words: Vec<String> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match Options::parse_args(args) {
        Ok(Parsed::Text(text)) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Ok(Parsed::Scan(options)) if options.iflist => finish(interfaces::list().map(|text| {
            say(&text);
            0
        })),
        Ok(Parsed::Scan(options)) => match &options.resume {
            Some(_) if own_count > 2 => {
                let message = "the command line is the log's; nothing can stand beside --resume FILE";
                finish(Err(scan::Failure(message.to_owned())))
            }
            Some(log) => finish(resume::resume(log)),
            // Without targets there is nothing to scan, which is no error; without a word nothing was meant.
            None if !words.is_empty() => finish(scan::scan(&options, words)),
            None => {
                eprintln!(
                    "perilune: no target is given; `perilune -h` shows the options, `perilune demo` a first scan"
                );
                ExitCode::from(USAGE)
            }
        },
        Err(message) => {
            let _ = message.print();
            if !has_wrong_value(&message) {
                return ExitCode::from(USAGE);
            }
            eprintln!("QUITTING!");
            ExitCode::FAILURE
        }
    }
}

/// Whether an option has a value that it can't have, which is an error like others; all else is wrong usage.
fn has_wrong_value(message: &clap::Error) -> bool {
    let value = message.get(ContextKind::InvalidValue);
    let is_given = matches!(value, Some(ContextValue::String(value)) if !value.is_empty());
    is_given && matches!(message.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation)
}

/// Prints a text; a reader that went away has had enough of it.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn finish(outcome: Result<u8, scan::Failure>) -> ExitCode {
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(scan::Failure(message)) => {
            eprintln!("{message}\nQUITTING!");
            ExitCode::FAILURE
        }
    }
}

/// Completions for a shell
#[derive(Parser, Debug)]
#[command(name = "perilune completions")]
struct Completions {
    shell: completions::Shell,
}

fn print_completions(args: &[OsString]) -> ExitCode {
    let words = std::iter::once(OsString::from("perilune completions")).chain(args.iter().cloned());
    match Completions::try_parse_from(words) {
        Ok(Completions { shell }) => {
            say(&completions::of(shell));
            ExitCode::SUCCESS
        }
        Err(message) => {
            let _ = message.print();
            if message.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
        }
    }
}
