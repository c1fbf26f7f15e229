//! Where the prompt's lines come from: the standard input as it is, or a line editor at a terminal.
//!
//! The editor keeps a history in a file, and completes global names and fields by looking them up in the machine,
//! without running any metamethod.

use perilune_vm::{Call, Kind, State, Table, Value};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};
use std::cell::RefCell;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::rc::Rc;

/// Tables that a lookup goes through by `__index`.
const CHAIN_MAX: usize = 16;
/// Names offered for one prefix.
const OFFERS_MAX: usize = 500;
const KEYWORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// What was typed in answer to a prompt.
pub enum Line {
    Text(Vec<u8>),
    /// Given up with Ctrl-C: the whole input so far is dropped.
    Dropped,
    End,
}

/// A source of lines.
pub trait Lines {
    /// Shows a prompt and reads a line.
    fn read(&mut self, prompt: &str) -> Line;

    /// Notes an input of one or more lines for the history.
    fn remember(&mut self, _input: &[u8]) {}
}

/// The standard input as it is.
pub struct Plain;

impl Lines for Plain {
    fn read(&mut self, prompt: &str) -> Line {
        print!("{prompt}");
        let _ = io::stdout().flush();
        let mut line = Vec::new();
        if io::stdin().lock().read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return Line::End;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Line::Text(line)
    }
}

/// A line editor.
pub struct Edited {
    editor: Editor<Names, FileHistory>,
    history: Option<PathBuf>,
}

impl Edited {
    /// An editor that completes names of this machine; `None` where the terminal does not allow one.
    pub fn new(state: Rc<RefCell<State>>) -> Option<Edited> {
        let mut editor = Editor::new().ok()?;
        editor.set_helper(Some(Names { state }));
        let history = history_file();
        if let Some(path) = &history {
            // Absent at first.
            let _ = editor.load_history(path);
        }
        Some(Edited { editor, history })
    }
}

/// `perilune/lua_history` in the user's folder for states, which is made.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let folder =
        state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?.join("perilune");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("lua_history"))
}

impl Lines for Edited {
    fn read(&mut self, prompt: &str) -> Line {
        match self.editor.readline(prompt) {
            Ok(line) => Line::Text(line.into_bytes()),
            Err(ReadlineError::Interrupted) => Line::Dropped,
            Err(_) => Line::End,
        }
    }

    fn remember(&mut self, input: &[u8]) {
        let text = String::from_utf8_lossy(input);
        let added = !text.trim().is_empty() && self.editor.add_history_entry(text).unwrap_or(false);
        if added && let Some(path) = &self.history {
            // A history that can't be kept hinders nobody.
            let _ = self.editor.append_history(path);
        }
    }
}

/// Completes names.
struct Names {
    state: Rc<RefCell<State>>,
}

impl Helper for Names {}
impl Highlighter for Names {}
impl Validator for Names {}

impl Hinter for Names {
    type Hint = String;
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (path, prefix) = split(&line[..pos]);
        let names = match self.state.try_borrow_mut() {
            Ok(mut state) => state.enter(|call| offers(call, &path, prefix)),
            Err(_) => Vec::new(),
        };
        let pairs = names.into_iter().map(|name| Pair { display: name.clone(), replacement: name }).collect();
        Ok((pos - prefix.len(), pairs))
    }
}

/// The names in front of the last `.` or `:`, and what stands behind it.
fn split(text: &str) -> (Vec<&str>, &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    let start = text.rfind(|c| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let mut names: Vec<&str> = text[start..].split(['.', ':']).collect();
    let prefix = names.pop().unwrap_or_default();
    (names, prefix)
}

/// Names that begin with the prefix: fields of what the path leads to, or globals and keywords.
fn offers(call: &mut Call<'_>, path: &[&str], prefix: &str) -> Vec<String> {
    let mut value = Value::from(call.globals());
    for name in path {
        value = lookup(call, value, name);
    }
    let mut names = Vec::new();
    let mut next = fields_of(call, value);
    for _ in 0..CHAIN_MAX {
        let Some(table) = next else { break };
        collect(call, table, prefix, &mut names);
        next = table.metatable().and_then(|metatable| metatable.get_str(call, b"__index").as_table());
    }
    if path.is_empty() {
        names.extend(KEYWORDS.iter().filter(|word| word.starts_with(prefix)).map(|word| word.to_string()));
    }
    names.sort();
    names.dedup();
    names
}

/// The table that a value's fields are in first.
fn fields_of<'gc>(call: &Call<'gc>, value: Value<'gc>) -> Option<Table<'gc>> {
    value.as_table().or_else(|| call.metatable(value)?.get_str(call, b"__index").as_table())
}

/// A field by name, also through tables in `__index`.
fn lookup<'gc>(call: &Call<'gc>, value: Value<'gc>, name: &str) -> Value<'gc> {
    let mut next = fields_of(call, value);
    for _ in 0..CHAIN_MAX {
        let Some(table) = next else { break };
        let found = table.get_str(call, name.as_bytes());
        if !found.is_nil() {
            return found;
        }
        next = table.metatable().and_then(|metatable| metatable.get_str(call, b"__index").as_table());
    }
    Value::NIL
}

fn collect<'gc>(call: &mut Call<'gc>, table: Table<'gc>, prefix: &str, names: &mut Vec<String>) {
    let mut key = Value::NIL;
    while names.len() < OFFERS_MAX
        && let Ok(Some((next, _))) = table.next(call, key)
    {
        key = next;
        if let Kind::String(text) = key.kind()
            && let Ok(name) = std::str::from_utf8(text.as_bytes())
            && name.starts_with(prefix)
            && is_name(name)
        {
            names.push(name.to_owned());
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is offered for a line, separated by spaces.
    fn check(line: &str, expected: &str) {
        let mut lua = perilune_stdlib::Lua::new().unwrap();
        lua.run(
            "alpha = { beta = { gamma = 1, ['no name'] = 2, [3] = 4 }, bet = 'text' }
            object = setmetatable({ own = 1 }, { __index = { inherited = 2 } })",
        )
        .unwrap();
        let (path, prefix) = split(line);
        assert_eq!(lua.enter(|call| offers(call, &path, prefix)).join(" "), expected, "{line}");
    }

    #[test]
    fn names_are_completed() {
        check("x = alp", "alpha");
        check("alpha.", "bet beta");
        check("print(alpha.beta.g", "gamma");
        check("alpha.beta.x", "");
        check("object.", "inherited own");
        check("alpha.bet:up", "upper");
        check("coroutine.is", "isyieldable");
        check("é = whi", "while");
        check("nothing.at.all", "");
        check("", &{
            let mut lua = perilune_stdlib::Lua::new().unwrap();
            lua.run("alpha, object = 1, 2").unwrap();
            lua.enter(|call| offers(call, &[], "")).join(" ")
        });
    }
}
