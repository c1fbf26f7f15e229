//! Programs that fail: message, traceback and exit status are the reference's.

use crate::reference::both;
use std::path::Path;

/// Runs each snippet of a file as standard input; a line `--` and nothing else stands between two.
fn check(snippets: &str, at_least: usize) {
    let snippets: Vec<&str> = snippets.split("\n--\n").collect();
    assert!(snippets.len() >= at_least, "snippets are missing: {}", snippets.len());
    let differing: Vec<String> = snippets
        .iter()
        .filter_map(|snippet| {
            let (ours, theirs) = both(Path::new("."), &["-"], snippet.as_bytes());
            (ours != theirs).then(|| format!("{snippet}\n=== here: {ours:?}\n=== reference: {theirs:?}"))
        })
        .collect();
    assert!(differing.is_empty(), "{} of {} differ\n{}", differing.len(), snippets.len(), differing.join("\n\n"));
}

#[test]
fn syntax_errors() {
    check(include_str!("../errors/syntax.txt"), 60);
}

#[test]
fn runtime_errors() {
    check(include_str!("../errors/runtime.txt"), 60);
}
