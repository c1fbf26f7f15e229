//! What is wrong with a script is said in one sentence that names the place.

use crate::support::{Folder, engine};
use perilune_nse::Options;

/// Loads a script that must be refused; the message without the folder's name.
fn refused(name: &str, source: &str) -> String {
    let folder = Folder::new();
    let path = folder.script(name, source);
    let error = engine(Options::default()).select(&[path]).expect_err("the script is refused");
    let text = error.to_string().replace(&format!("{}/", folder.0.display()), "");
    text.trim_start_matches("failed to initialize the script engine:\n").to_owned()
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
fn missing_files_and_rules_are_named() {
    let select =
        |rule: &str| engine(Options::default()).select(&[rule.to_owned()]).expect_err("nothing is there").to_string();
    assert!(select("/no/such/file.nse").ends_with("cannot open /no/such/file.nse: No such file or directory"));
    assert!(select("no-such-script").ends_with("'no-such-script' did not match a category, filename, or directory"));
}
