//! Any bytes as a program, run within limits of memory and instructions.

#![no_main]

mod sandbox;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    const MARK: u8 = 0x1b;
    if input.first() != Some(&MARK) {
        sandbox::run(input);
    }
});
