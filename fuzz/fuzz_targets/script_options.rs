//! Arguments of scripts and the rules that choose them.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    perilune_nse::fuzzing::script_args(text);
    perilune_nse::fuzzing::script_rules(text);
});
