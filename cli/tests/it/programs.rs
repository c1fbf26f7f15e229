//! Every program in `stdlib/tests/programs` prints the same here and under the reference.

use crate::reference::both;
use std::path::Path;

#[test]
fn programs_print_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib/tests/programs");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder of programs is there")
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".lua"))
        .collect();
    names.sort();
    assert!(names.len() >= 60, "programs are missing: {}", names.len());
    let differing: Vec<String> = names
        .iter()
        .filter_map(|name| {
            let (ours, theirs) = both(&folder, &[name], b"");
            (ours != theirs).then(|| format!("{name}\n=== here: {ours:?}\n=== reference: {theirs:?}"))
        })
        .collect();
    assert!(differing.is_empty(), "{} of {} differ\n{}", differing.len(), names.len(), differing.join("\n\n"));
}
