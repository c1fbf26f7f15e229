//! Records of an open TLS connection, sealed with the right keys.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perilune_tls::fuzzing::records(input));
