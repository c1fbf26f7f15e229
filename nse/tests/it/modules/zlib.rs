//! `zlib`, also side by side with the C library through Python.

use super::machine::{file, golden, output, run};
use std::process::Command;

const CASES: usize = if cfg!(feature = "stress") { 150 } else { 3000 };

#[test]
fn golden_vectors() {
    golden("zlib.lua");
}

/// Python packs generated data in all manners, cuts and damages some of it, and says what its zlib makes of it; the
/// program in Lua must come to the same, and pack data that Python unpacks.
#[test]
fn generated_streams_are_read_as_by_the_c_library() {
    let cases = output(Command::new("python3").arg(file("zlib_cases.py")).arg("make").arg(CASES.to_string()));
    assert!(cases.status.success(), "{}", String::from_utf8_lossy(&cases.stderr));
    let cases = String::from_utf8(cases.stdout).expect("the cases are text");
    assert_eq!(cases.lines().count(), CASES);
    let checker = std::fs::read_to_string(file("zlib_check.lua")).expect("the program is there");
    let packed = run(&checker, "=check", &cases).expect("our answers are those of the C library");
    assert_eq!(packed.lines().count(), CASES);
    let path = std::env::temp_dir().join(format!("perilune-zlib-{}", std::process::id()));
    std::fs::write(&path, packed).expect("the data can be written");
    let checked = output(Command::new("python3").arg(file("zlib_cases.py")).arg("check").arg(&path));
    let _ = std::fs::remove_file(&path);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(String::from_utf8_lossy(&checked.stdout).trim(), format!("{CASES} read"));
}
