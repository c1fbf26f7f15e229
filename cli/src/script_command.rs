//! `perilune script list` and `perilune script show`: which scripts there are, and what they say of themselves.

use crate::options::{Options, Parsed};
use crate::scan::Failure;
use crate::scripts;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// What there is to know about scripts
#[derive(Parser, Debug)]
#[command(name = "perilune script")]
struct Command {
    #[command(subcommand)]
    what: What,
    /// Folder with scripts/ and nselib/ to be looked at first
    #[arg(long, value_name = "DIR", global = true)]
    datadir: Vec<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum What {
    /// One line for each script: its name and categories
    List {
        /// Names with *, categories, expressions of them
        #[arg(default_value = "all")]
        rules: Vec<String>,
    },
    /// What scripts say of themselves
    Show {
        /// Names with *, categories, expressions of them
        #[arg(required = true)]
        rules: Vec<String>,
    },
}

/// Runs the command.
pub fn main(args: &[OsString]) -> ExitCode {
    let words = std::iter::once(OsString::from("perilune script")).chain(args.iter().cloned());
    let command = match Command::try_parse_from(words) {
        Ok(command) => command,
        Err(message) => {
            let _ = message.print();
            return if message.use_stderr() { ExitCode::from(crate::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match text(&command) {
        Ok(text) => {
            crate::say(&text);
            ExitCode::SUCCESS
        }
        Err(Failure(message)) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn text(command: &Command) -> Result<String, Failure> {
    let (What::List { rules } | What::Show { rules }) = &command.what;
    let mut words: Vec<OsString> = Vec::new();
    for folder in &command.datadir {
        words.extend(["--datadir".into(), folder.into()]);
    }
    for rule in rules {
        words.extend(["--script-help".into(), rule.into()]);
    }
    let options = match Options::parse_args(words) {
        Ok(Parsed::Scan(options)) => options,
        Ok(Parsed::Text(_)) => return Ok(String::new()),
        Err(error) => return Err(Failure(error.to_string())),
    };
    let Some(engine) = scripts::lone_engine(&options)? else { return Ok(String::new()) };
    Ok(match command.what {
        What::Show { .. } => scripts::help_text(&engine).trim_start().to_owned(),
        What::List { .. } => {
            let mut lines: Vec<String> = engine
                .scripts()
                .iter()
                .map(|script| format!("{:<32} {}\n", script.id, script.categories.join(" ")))
                .collect();
            lines.sort();
            lines.concat()
        }
    })
}
