//! `script.db`: which categories the scripts of a folder have, one Lua statement a line.

use crate::engine::error_text;
use crate::script::ScriptError;
use perilune_vm::{LuaError, Root, Run, State};

/// A line of the database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Name of the file, without a folder.
    pub file: String,
    pub categories: Vec<String>,
}

/// What became of reading a database.
#[derive(Debug)]
pub(crate) enum Read {
    Entries(Vec<Entry>),
    /// It does not compile: make a new one.
    Broken(String),
}

/// Text of a database; categories in small letters, in the order given.
pub(crate) fn text(entries: &[Entry]) -> String {
    let mut text = String::new();
    for Entry { file, categories } in entries {
        text.push_str(&format!("Entry {{ filename = \"{file}\", categories = {{"));
        for category in categories {
            text.push_str(&format!(" \"{}\",", category.to_lowercase()));
        }
        text.push_str(" } }\n");
    }
    text
}

/// Statements that one database may run: a database is a list, not a program.
const BUDGET: u64 = 10_000_000;

/// Collects the entries of the chunk it is called with.
const COLLECT: &str = "local list, env = {}, ...
    env.Entry = function(entry) list[#list + 1] = entry end
    return list";

/// Runs a database in an environment that holds nothing but `Entry`.
pub(crate) fn read(state: &mut State, path: &str, source: &[u8]) -> Result<Read, ScriptError> {
    let chunk = match perilune_compiler::compile(source, &[b"@", path.as_bytes()].concat()) {
        Ok(chunk) => chunk,
        Err(error) => return Ok(Read::Broken(error.to_string())),
    };
    let internal = |_: LuaError| ScriptError::Database("not enough memory".to_owned());
    let collect = perilune_compiler::compile(COLLECT.as_bytes(), b"=script.db").expect("the chunk is right");
    let (collect, env, function) = state
        .enter(|call| -> Result<(Root, Root, Root), LuaError> {
            let env = call.table(0, 1)?;
            let function = call.load(&chunk, Some(env.into()))?;
            let collect = call.load(&collect, None)?;
            Ok((call.root(collect), call.root(env.into()), call.root(function)))
        })
        .map_err(internal)?;
    let list = run(state, &collect, std::slice::from_ref(&env))?;
    run(state, &function, &[])?;
    let corrupt = || ScriptError::Database("script database appears corrupt, try `nmap --script-updatedb`".to_owned());
    state.enter(|call| {
        let list = list.first().and_then(|root| call.rooted(root).as_table()).ok_or_else(corrupt)?;
        let entry = |idx: i64| {
            let entry = list.get_integer(idx).as_table().ok_or_else(corrupt)?;
            let file = entry.get_str(call, b"filename").as_str().ok_or_else(corrupt)?;
            let categories = entry.get_str(call, b"categories").as_table().ok_or_else(corrupt)?;
            let texts = (1..=categories.raw_len()).map(|idx| {
                let text = categories.get_integer(idx).as_str();
                text.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned())
            });
            let bad = || ScriptError::Database("bad entry in script database".to_owned());
            let categories = texts.collect::<Option<Vec<_>>>().ok_or_else(bad)?;
            Ok(Entry { file: String::from_utf8_lossy(file.as_bytes()).into_owned(), categories })
        };
        (1..=list.raw_len()).map(entry).collect::<Result<Vec<_>, _>>().map(Read::Entries)
    })
}

fn run(state: &mut State, function: &Root, args: &[Root]) -> Result<Vec<Root>, ScriptError> {
    let memory = |_| ScriptError::Database("not enough memory".to_owned());
    let mut task = state.task(function, false).map_err(memory)?;
    match state.resume(&mut task, args, BUDGET) {
        Run::Finished => Ok(state.results()),
        Run::Failed => {
            let results = state.results();
            Err(ScriptError::Database(error_text(state, &results)))
        }
        _ => {
            state.abandon(task);
            Err(ScriptError::Database("script database does not end".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let entry = |file: &str, categories: &[&str]| Entry {
            file: file.to_owned(),
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
        };
        let entries = vec![entry("a.nse", &["safe", "default"]), entry("b.nse", &[])];
        let text = text(&entries);
        assert_eq!(
            text,
            "Entry { filename = \"a.nse\", categories = { \"safe\", \"default\", } }\n\
             Entry { filename = \"b.nse\", categories = { } }\n"
        );
        let mut state = State::new(Some(1)).expect("there is memory");
        let mut check = |source: &str| match read(&mut state, "script.db", source.as_bytes()) {
            Ok(Read::Entries(entries)) => format!("{}", entries.len()),
            Ok(Read::Broken(error)) => error,
            Err(error) => error.to_string(),
        };
        assert_eq!(check(&text), "2");
        assert_eq!(check("Entry {"), "script.db:1: unexpected symbol near <eof>");
        assert_eq!(check("Entry { filename = 'a' }"), "script database appears corrupt, try `nmap --script-updatedb`");
        assert_eq!(check("Entry { filename = 'a', categories = { 1 } }"), "bad entry in script database");
        assert_eq!(check("os.exit()"), "script.db:1: attempt to index a nil value (global 'os')");
        assert_eq!(check("while true do end"), "script database does not end");
    }
}
