//! DTLS datagrams, before and after the end of the handshake.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perilune_tls::fuzzing::datagrams(input));
