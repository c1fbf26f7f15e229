//! The bytecode of small sources, as listings in `tests/listing`.
//!
//! Each `NAME.lua` has a `NAME.list`. With `BLESS=1` in the environment the lists are written anew: read the difference
//! before it is committed.

use std::path::Path;

#[test]
fn listings_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listing");
    let bless = std::env::var_os("BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of listings is there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "lua") {
            continue;
        }
        count += 1;
        let source = std::fs::read(&path).expect("the source can be read");
        let name = format!("@{}", path.file_name().expect("it is a file").to_string_lossy());
        let chunk = perilune_compiler::compile(&source, name.as_bytes()).expect("the source compiles");
        let listing = String::from_utf8_lossy(&perilune_vm::listing::list(&chunk, true)).into_owned();
        let list = path.with_extension("list");
        if bless {
            std::fs::write(&list, &listing).expect("the list can be written");
        }
        let expected = std::fs::read_to_string(&list).expect("the list can be read");
        assert!(listing == expected, "{} differs; now it is\n{listing}", list.display());
    }
    assert!(count >= 8, "listings are missing: {count}");
}
