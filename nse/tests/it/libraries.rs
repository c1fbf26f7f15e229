//! Unit tests of our own libraries: `nselib/NAME.lua` beside this file tests `nselib/NAME.lua` of the repository, in
//! Lua, inside the engine.
//!
//! What a test file may use is written at the head of `libraries/checks.lua`. Each file has an engine of its own. A
//! file in a folder of `nselib/` may have a test of its own or be covered by that of the folder's name. `LIBRARY=NAME`
//! in the environment runs one file only.

use crate::support::{Folder, engine, host};
use perilune_nse::{DataFolders, Options, Phase};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Below the root of the repository, which is the one Cargo names, so that files can change without a new build.
pub fn path(relative: &str) -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&own).join("..").join(relative)
}

/// Libraries and scripts are those of the repository.
pub fn of_repository() -> Options {
    let options = || Options { data: DataFolders::of(vec![path("")]), ..Options::default() };
    // The first engine makes the database of scripts; others must not read it half written.
    static DATABASE: Once = Once::new();
    DATABASE.call_once(|| engine(options()).select(&["banner".to_owned()]).expect("the scripts load"));
    options()
}

/// Names of the Lua files below a folder, without the extension, sorted.
fn names(folder: &Path) -> Vec<String> {
    let (mut names, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(&inner).expect("the folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lua") {
                let relative = path.strip_prefix(folder).expect("it is inside").with_extension("");
                names.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    names
}

/// Runs a test file; what failed, one check a line.
fn failures(name: &str) -> String {
    let folder = Folder::new();
    let checks = path("nse/tests/it/libraries");
    let file = path("nse/tests/it/nselib").join(format!("{name}.lua"));
    let source = format!(
        "local run = dofile('{checks}/checks.lua')
        portrule = function() return true end
        action = function(host, port) return '=' .. run('{file}', '{checks}', host, port) end",
        checks = checks.display(),
        file = file.display(),
    );
    let script = folder.script("checks.nse", &source);
    let mut engine = engine(of_repository());
    engine.select(&[script]).expect("the script loads");
    let (hosts, _) = engine.run(Phase::Scan, vec![host(&[1])]);
    let output = hosts[0].ports[0].scripts.first().map(|result| String::from_utf8_lossy(&result.output).into_owned());
    match output {
        Some(text) => text.strip_prefix('=').map(str::to_owned).unwrap_or(text),
        None => "the tests did not end".to_owned(),
    }
}

#[test]
fn libraries_pass_their_tests() {
    let mut bad = Vec::new();
    let wanted = std::env::var("LIBRARY").ok();
    for name in names(&path("nse/tests/it/nselib")) {
        if wanted.as_ref().is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let failures = failures(&name);
        if !failures.is_empty() {
            bad.push(format!("{name}:\n{failures}"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}

#[test]
fn every_library_has_tests() {
    let tests = names(&path("nse/tests/it/nselib"));
    let has = |name: &str| tests.iter().any(|test| test == name);
    let covered = |name: &String| has(name) || name.split_once('/').is_some_and(|(folder, _)| has(folder));
    let without: Vec<String> =
        names(&path("nselib")).into_iter().filter(|name| !name.starts_with("data/") && !covered(name)).collect();
    assert!(without.is_empty(), "without a file in nse/tests/it/nselib/: {without:?}");
}
