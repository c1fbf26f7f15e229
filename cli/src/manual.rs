//! The manual page: every option under its heading, with Nmap's word for it in front.
//!
//! It is made of the command line's own description. Text is folded to short lines, none of which can be taken for a
//! request of the formatter.

use crate::completions::COMMANDS;
use crate::options::Options;
use clap::{Arg, CommandFactory};
use std::fmt::Write as _;

/// When its words last changed.
const DATE: &str = "2026-11-28";
/// Columns of its source.
const COLUMNS: usize = 76;

const ENVIRONMENT: [(&str, &str); 5] = [
    ("NMAP_ARGS", "Words put in front of those of the command line."),
    ("NMAPDIR", "A folder with data files, scripts and libraries, looked at after --datadir."),
    ("NMAP_PRIVILEGED", "Set to anything: the same as --privileged."),
    ("NMAP_UNPRIVILEGED", "Set to anything: the same as --unprivileged."),
    ("NO_COLOR", "Set to anything: no colours on the terminal."),
];

const STATUS: [(&str, &str); 4] = [
    ("0", "The scan came to its end, whatever it found."),
    ("1", "It did not: a wrong value, a file that cannot be read or written."),
    ("2", "It found something that --fail-on names."),
    ("255", "The command line is wrong or asks for what is not there."),
];

/// Its source.
pub fn page() -> String {
    let command = Options::command();
    let version = env!("CARGO_PKG_VERSION");
    let mut out = format!(".TH PERILUNE 1 {DATE} \"Perilune {version}\" \"User Commands\"\n");
    out.push_str(".SH NAME\nperilune \\- scans hosts and runs scripts against what it finds\n");
    out.push_str(
        ".SH SYNOPSIS\n.B perilune\n[\\fIoptions\\fR] \\fItarget\\fR ...\n.br\n.B perilune\n\\fIcommand\\fR ...\n",
    );
    out.push_str(".SH COMMANDS\n");
    for (name, help) in COMMANDS {
        item(&mut out, &format!("\\fBperilune {name}\\fR"), &sentence(help));
    }
    let mut last = None;
    for arg in command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()) {
        let heading = arg.get_help_heading();
        if heading != last {
            // Writing to a string cannot fail.
            let _ = writeln!(out, ".SH {}", heading.unwrap_or("Options").to_uppercase());
            last = heading;
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        item(&mut out, &title(arg), &sentence(&help));
    }
    for (heading, entries) in [("EXIT STATUS", &STATUS[..]), ("ENVIRONMENT", &ENVIRONMENT[..])] {
        let _ = writeln!(out, ".SH {heading}");
        entries.iter().for_each(|(name, text)| item(&mut out, &format!("\\fB{name}\\fR"), text));
    }
    out
}

/// `-oX, --output-xml FILE`
fn title(arg: &Arg) -> String {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let words = Options::words_of(long.as_deref().unwrap_or_default()).map(str::to_owned);
    let spellings: Vec<String> =
        arg.get_short().map(|short| format!("-{short}")).into_iter().chain(words).chain(long).collect();
    let spellings: Vec<String> = spellings.iter().map(|word| format!("\\fB{}\\fR", escaped(word))).collect();
    let value = arg.get_value_names().unwrap_or_default().first().filter(|_| arg.get_action().takes_values());
    let value = value.map(|name| format!(" \\fI{}\\fR", escaped(name))).unwrap_or_default();
    format!("{}{value}", spellings.join(", "))
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', ']', ')']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

fn item(out: &mut String, title: &str, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, ".TP\n{title}");
    let mut len = 0;
    for word in text.split(' ') {
        let word = escaped(word);
        if len > 0 && len + word.len() >= COLUMNS {
            out.push('\n');
            len = 0;
        }
        let guard = if len == 0 && word.starts_with(['.', '\'']) { "\\&" } else { "" };
        let space = if len == 0 { "" } else { " " };
        let _ = write!(out, "{space}{guard}{word}");
        len += word.len() + 1;
    }
    out.push('\n');
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
