//! Any bytes as the source of a program: what compiles is sound, and comes through its binary form unchanged.

#![no_main]

use perilune_vm::{dump, listing, verify};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(chunk) = perilune_compiler::compile(input, b"=fuzz") else { return };
    verify::verify(&chunk).expect("the compiler makes sound chunks");
    let bytes = dump::write(&chunk);
    let again = dump::read(&bytes).expect("what was written can be read");
    assert_eq!(dump::write(&again), bytes);
    listing::list(&chunk, true);
});
