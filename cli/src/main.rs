//! The binary `perilune`.

#![forbid(unsafe_code)]

mod lua;
#[allow(dead_code, reason = "the scan command prints with it")]
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    match args.first().and_then(|word| word.to_str()) {
        Some("lua") => lua::main(&args[1..]),
        _ => {
            eprintln!("usage: perilune lua [--list] FILE [ARGS...]");
            ExitCode::from(255)
        }
    }
}
