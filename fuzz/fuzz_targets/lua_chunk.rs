//! Any bytes as a binary chunk: what the verifier accepts runs within its limits.

#![no_main]

mod sandbox;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    const MARK: u8 = 0x1b;
    if input.first() == Some(&MARK) {
        sandbox::run(input);
    }
});
