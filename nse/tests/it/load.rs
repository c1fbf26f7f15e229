//! What is wrong with a script is said in one sentence that names the place.

use crate::support::{Folder, engine};
use perilune_nse::{DataFolders, EngineError, Options, ScriptError};

/// Loads a script that must be refused; the message without the folder's name.
fn refused(name: &str, source: &str) -> String {
    let folder = Folder::new();
    let path = folder.script(name, source);
    let error = engine(Options::default()).select(&[path]).expect_err("the script is refused");
    let text = match error {
        EngineError::Script(ScriptError::Failed { path, message }) => format!("failed to load {path}:\n{message}"),
        other => other.to_string(),
    };
    let text = text.replace(&format!("{}/", folder.0.display()), "");
    text.trim_start_matches("NSE: failed to initialize the script engine:\n").to_owned()
}

#[test]
fn fields_are_checked() {
    let rule = "portrule = function() end ";
    for (source, expected) in [
        (rule, "a.nse is missing required field: 'action'"),
        ("action = function() end", "a.nse is missing required function: 'rule'"),
        ("action = 5 portrule = print", "a.nse field 'action' is of improper type 'number', expected type 'function'"),
        ("action = print portrule = false", "portrule must be a function!"),
        ("action = print portrule = print categories = nil", "a.nse is missing required field: 'categories'"),
        (
            "action = print portrule = print categories = { 1 }",
            "a.nse has non-string entries in the 'categories' array",
        ),
        ("x = = 1", "a.nse:1: unexpected symbol near '='"),
        ("\n\nerror('at load')", "failed to load a.nse:\na.nse:3: at load"),
        ("require 'no.such.library'", "failed to load a.nse:\na.nse:1: module 'no.such.library' not found:"),
    ] {
        let message = refused("a.nse", source);
        assert!(message.starts_with(expected), "{source}: {message}");
    }
}

#[test]
fn what_stands_around_a_file_shows() {
    for (source, expected) in [
        ("#!/bin/sh\n", "a.nse:1: unexpected symbol near '#'"),
        ("\u{feff}x = 1", "a.nse:1: unexpected symbol near '<\\239>'"),
        ("x = 1 -- the end", "a.nse:1: 'end' expected near <eof>"),
        ("print(SCRIPT_TYPE)", "failed to load a.nse:\na.nse:1: variable 'SCRIPT_TYPE' is not declared"),
    ] {
        let message = refused("a.nse", source);
        assert!(message.starts_with(expected), "{source}: {message}");
    }
    let folder = Folder::new();
    let body = "action = print portrule = print coroutine.yield() error('never')";
    let path = folder.script("yields.nse", body);
    engine(Options::default()).select(&[path]).expect("a file may yield");
}

#[test]
fn missing_files_and_rules_are_named() {
    let select =
        |rule: &str| engine(Options::default()).select(&[rule.to_owned()]).expect_err("nothing is there").to_string();
    for rule in ["/no/such/file.nse", "no-such-script", "not all"] {
        let expected = format!(
            "NSE: failed to initialize the script engine:\n'{rule}' did not match a category, filename, or directory\n"
        );
        assert_eq!(select(rule), expected);
    }
    assert!(select("/tmp").contains("directory '/tmp' found, but will not match without '/'"));
}

/// A folder with scripts of these ids; the ids that rules choose, `!` behind those that are forced.
fn chosen(database: Option<&str>, rules: &str) -> Result<String, String> {
    let folder = Folder::new();
    let scripts = folder.0.join("scripts");
    std::fs::create_dir(&scripts).expect("the folder can be made");
    for (id, fields) in [
        ("one", "categories = { 'Safe', 'default' }"),
        ("two", "categories = { 'vuln' } dependencies = { 'one' }"),
        ("quiet", "categories = { 'safe' } require 'stdnse'.silent_require 'no.such.library'"),
    ] {
        let source = format!("{fields} action = print hostrule = print");
        std::fs::write(scripts.join(format!("{id}.nse")), source).expect("the script can be written");
    }
    if let Some(text) = database {
        std::fs::write(scripts.join("script.db"), text).expect("the database can be written");
    }
    let options = Options { data: DataFolders::of(vec![folder.0.clone()]), ..Options::default() };
    let mut engine = engine(options);
    let place = format!("{}/", folder.0.display());
    engine.select(&[rules.to_owned()]).map_err(|error| error.to_string().replace(&place, ""))?;
    let ids = engine.scripts().iter().map(|script| format!("{}{}", script.id, if script.forced { "!" } else { "" }));
    let ids = ids.collect::<Vec<_>>().join(" ");
    let made = std::fs::read_to_string(scripts.join("script.db")).expect("there is a database");
    Ok(if database.is_none() { format!("{ids}\n{made}") } else { ids })
}

#[test]
fn a_missing_database_is_made() {
    let expected = "one two\n\
        Entry { filename = \"one.nse\", categories = { \"safe\", \"default\", } }\n\
        Entry { filename = \"two.nse\", categories = { \"vuln\", } }\n";
    assert_eq!(chosen(None, "all").as_deref(), Ok(expected));
    assert_eq!(chosen(Some("this is none"), "all").as_deref(), Ok("one two"));
}

#[test]
fn the_database_says_which_categories_there_are() {
    let database = "Entry { filename = 'two.nse', categories = { 'safe' } }
        Entry { filename = 'gone.nse', categories = { 'safe' } }
        Entry { filename = 'quiet.nse', categories = { 'safe' } }";
    let choose = |rules: &str| chosen(Some(database), rules);
    // What is gone is warned of; what does without a library is left out.
    assert_eq!(choose("safe").as_deref(), Ok("two"));
    assert_eq!(choose("safe,+one").as_deref(), Ok("two one!"));
    assert_eq!(choose("+two,safe").as_deref(), Ok("two!"));
    assert_eq!(choose("safe,+two").as_deref(), Ok("two"));
    assert_eq!(choose("").as_deref(), Ok(""));
    let duplicate = choose("two,./");
    assert!(duplicate.as_ref().is_err_and(|error| error.contains("duplicate script ID: 'two'")), "{duplicate:?}");
}
