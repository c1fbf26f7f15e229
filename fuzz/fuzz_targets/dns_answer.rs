//! Answers of name servers.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perilune_scan::fuzzing::dns_answer(input));
