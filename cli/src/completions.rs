//! Completions for shells: all options with what they do, Nmap's words with one dash among them; names of scripts;
//! files; sub-commands.
//!
//! One list of words comes from the command line's own description, and each shell gets it in a function of a few
//! lines. Names of scripts are asked of the program itself when they are wanted, so that `--datadir` and new scripts
//! need no new completions. A generator for any command line would know neither those nor words with one dash.

use crate::options::Options;
use clap::{Arg, CommandFactory, ValueEnum};
use std::fmt::Write as _;

/// A shell whose completions there are.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub enum Shell {
    Bash,
    Fish,
    Zsh,
}

/// Sub-commands and what they do.
pub const COMMANDS: [(&str, &str); 7] = [
    ("demo", "scan services of its own"),
    ("lua", "run Lua programs"),
    ("script", "list, show, check and write scripts"),
    ("convert", "make other reports of a log"),
    ("diff", "compare two logs"),
    ("completions", "completions for a shell"),
    ("man", "the manual page"),
];

/// Prints names and categories of scripts, one a line.
const NAMES: &str = "perilune script list 2>/dev/null | tr -s ' ' '\\n' | sort -u";

/// What follows a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    None,
    File,
    Scripts,
    Other,
}

/// A word of the command line.
#[derive(Debug)]
struct Word {
    /// With its dashes.
    text: String,
    help: String,
    value: Value,
}

/// What to put into a shell's start-up file.
pub fn of(shell: Shell) -> String {
    let words = words();
    match shell {
        Shell::Bash => bash(&words),
        Shell::Fish => fish(&words),
        Shell::Zsh => zsh(&words),
    }
}

fn words() -> Vec<Word> {
    let command = Options::command();
    let mut words = Vec::new();
    for arg in command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()) {
        let (help, value) = (arg.get_help().map(ToString::to_string).unwrap_or_default(), value(arg));
        let mut add = |text: String| words.push(Word { text, help: help.clone(), value });
        let long = arg.get_long().map(|long| format!("--{long}"));
        arg.get_short().into_iter().for_each(|short| add(format!("-{short}")));
        Options::words_of(long.as_deref().unwrap_or_default()).for_each(|word| add(word.to_owned()));
        long.into_iter().for_each(&mut add);
    }
    words
}

fn value(arg: &Arg) -> Value {
    let names = arg.get_value_names().unwrap_or_default();
    match names.first().map(|name| name.as_str()) {
        _ if !arg.get_action().takes_values() => Value::None,
        Some("FILE" | "BASE" | "DIR") => Value::File,
        Some("RULES") => Value::Scripts,
        _ => Value::Other,
    }
}

/// The words with such a value, with something between them.
fn with(words: &[Word], value: Value, between: &str) -> String {
    let texts: Vec<&str> = words.iter().filter(|word| word.value == value).map(|word| word.text.as_str()).collect();
    texts.join(between)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn bash(words: &[Word]) -> String {
    let all: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let commands = COMMANDS.map(|(name, _)| name).join(" ");
    format!(
        "_perilune() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} head=
    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    COMPREPLY=()
    case $prev in
        {})
            [[ $cur == *,* ]] && head=${{cur%,*}},
            COMPREPLY=($(compgen -P \"$head\" -W \"$({NAMES})\" -- \"${{cur##*,}}\"))
            return ;;
        {})
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -f -- \"$cur\"))
            return ;;
        {}) return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W '{}' -- \"$cur\"))
    elif [[ $COMP_CWORD == 1 ]]; then
        COMPREPLY=($(compgen -A hostname -W '{commands}' -- \"$cur\"))
    elif [[ ${{COMP_WORDS[1]}} == -* ]]; then
        COMPREPLY=($(compgen -A hostname -- \"$cur\"))
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- \"$cur\"))
    fi
}}
complete -F _perilune perilune
",
        with(words, Value::Scripts, "|"),
        with(words, Value::File, "|"),
        with(words, Value::Other, "|"),
        all.join(" "),
    )
}

fn zsh(words: &[Word]) -> String {
    let described = |text: &str, help: &str| quoted(&format!("{text}:{help}"));
    let all: Vec<String> = words.iter().map(|word| described(&word.text, &word.help)).collect();
    let commands = COMMANDS.map(|(name, help)| described(name, help)).join(" ");
    format!(
        "#compdef perilune
_perilune_scripts() {{
    local -a names=(${{(f)\"$({NAMES})\"}})
    compset -P '*,'
    compadd -q -S '' -a names
}}
_perilune() {{
    local -a options=(
        {}
    ) commands=({commands})
    local word=$words[CURRENT-1]
    if [[ $words[CURRENT] == --*=* ]]; then
        word=${{words[CURRENT]%%=*}}
        compset -P 1 '*='
    fi
    case $word in
        {}) _perilune_scripts; return ;;
        {}) _files; return ;;
        {}) return ;;
    esac
    if [[ $PREFIX == -* ]]; then
        _describe -o option options
    elif (( CURRENT == 2 )); then
        _describe command commands
        _hosts
    elif [[ $words[2] == -* ]]; then
        _hosts
    else
        _files
    fi
}}
if [[ $funcstack[1] == _perilune ]]; then _perilune \"$@\"; else compdef _perilune perilune; fi
",
        all.join("\n        "),
        with(words, Value::Scripts, "|"),
        with(words, Value::File, "|"),
        with(words, Value::Other, "|"),
    )
}

fn fish(words: &[Word]) -> String {
    let mut out = format!(
        "function __perilune_scripts
    set -l head (string match -r '.*,' -- (commandline -ct | string replace -r '^--[a-z-]*=' ''))
    for name in ({NAMES})
        echo \"$head$name\"
    end
end
complete -c perilune -n 'not __fish_is_first_arg; and string match -q -- \"-*\" (commandline -opc)[2]' -f
"
    );
    for (name, help) in COMMANDS {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "complete -c perilune -n __fish_is_first_arg -f -a {name} -d {}", quoted(help));
    }
    for Word { text, help, value } in words {
        let name = match (text.strip_prefix("--"), text.strip_prefix('-')) {
            (Some(long), _) => format!("-l {long}"),
            (None, Some(short)) if short.len() == 1 => format!("-s {short}"),
            (None, Some(word)) => format!("-o {word}"),
            (None, None) => continue,
        };
        let value = match value {
            Value::None => "",
            Value::File => " -rF",
            Value::Scripts => " -x -a '(__perilune_scripts)'",
            Value::Other => " -x",
        };
        let help = quoted(&help.replace('\'', "\u{2019}"));
        let _ = writeln!(out, "complete -c perilune {name}{value} -d {help}");
    }
    out
}
