//! Bytes from the wire before any keys are agreed.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perilune_tls::fuzzing::bytes(input));
