//! What version detection says of an answer, filled into a line's templates.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| perilune_scan::fuzzing::version_template(input));
