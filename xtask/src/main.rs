//! `cargo xtask COMMAND`: the repository's automation, in Rust so that nothing else need be installed for it.
//!
//! One file per command. `COMMANDS` below is the only list of them: the usage text comes from it.

#![forbid(unsafe_code)]

mod bench;
mod bench_nse;
mod bench_scan;
mod diff;
mod error;
mod fuzz;
mod layout;
mod mask;
mod no_c;
mod process;
mod reference;
mod side_by_side;
mod test;
mod tidy;
mod workspace;

use error::Error;
use std::process::ExitCode;
use workspace::Workspace;

/// A command: what it is called, what it takes, what it is for.
struct Command {
    name: &'static str,
    operands: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<(), Error>,
}

const COMMANDS: [Command; 11] = [
    Command {
        name: "reference",
        operands: "",
        about: "makes the reference interpreter that tests compare with",
        run: reference::main,
    },
    Command {
        name: "test",
        operands: "",
        about: "runs all tests, then all of them in the stress build",
        run: test::main,
    },
    Command { name: "tidy", operands: "", about: "checks the repository's own rules", run: tidy::main },
    Command {
        name: "diff",
        operands: "FILE...",
        about: "runs Lua files here and under the reference, and compares",
        run: diff::main,
    },
    Command {
        name: "fuzz",
        operands: "[--seed N] [--seconds N]",
        about: "runs programs made at random here and under the reference, and compares",
        run: fuzz::main,
    },
    Command {
        name: "bench",
        operands: "[--runs N] [--vs PATH] [--vm NAME=COMMAND]... [--store] [NAME...]",
        about: "times benches/ against the reference, other Lua machines and the C modules",
        run: bench::main,
    },
    Command {
        name: "side-by-side",
        operands: "[NAME|PORT...]",
        about: "runs an installed Nmap's scripts against real services, by nmap and by us, and compares",
        run: side_by_side::main,
    },
    Command {
        name: "bench-nse",
        operands: "[--runs N]",
        about: "times the scripting engine against an installed Nmap's",
        run: bench_nse::main,
    },
    Command {
        name: "bench-scan",
        operands: "[--runs N]",
        about: "times port scans against an installed Nmap's",
        run: bench_scan::main,
    },
    Command {
        name: "layout",
        operands: "",
        about: "puts the functions that Lua programs use side by side in the binary",
        run: layout::main,
    },
    Command {
        name: "no-c",
        operands: "",
        about: "builds without a C compiler, and checks that the binary is static",
        run: no_c::main,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Err(error) = dispatch(&args) else { return ExitCode::SUCCESS };
    match error {
        Error::Reported => ExitCode::FAILURE,
        Error::Usage(what) => {
            eprint!("xtask: {what}\n{}", usage());
            ExitCode::from(2)
        }
        error => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Error> {
    let (name, operands) = args.split_first().ok_or_else(|| Error::Usage("a command is needed".into()))?;
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return Ok(());
    }
    let command = COMMANDS.iter().find(|command| command.name == name);
    let command = command.ok_or_else(|| Error::Usage(format!("no command '{name}'")))?;
    if command.operands.is_empty() && !operands.is_empty() {
        return Err(Error::Usage(format!("'{name}' takes no operands")));
    }
    (command.run)(&Workspace::find()?, operands)
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n");
    for command in &COMMANDS {
        let form = format!("{} {}", command.name, command.operands);
        text.push_str(&format!("  {form:<34}{}\n", command.about));
    }
    text
}
