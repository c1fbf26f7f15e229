//! A probe file and an answer, split at a byte that is in neither: the quick test never refuses what a pattern matches.

#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_scan::regex::Regex;
use perilune_scan::version::ProbeFile;

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|&byte| byte == 0xFE).unwrap_or(input.len());
    let (text, subject) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let file = ProbeFile::parse(text.to_vec());
    for (idx, (_, pattern, flags)) in file.patterns().enumerate().take(20) {
        let Ok(regex) = Regex::new(pattern, flags) else { continue };
        if let Ok(Some(_)) = regex.find(subject, 0) {
            assert!(file.may_match(idx, subject));
        }
    }
    let _ = file.payloads(53);
});
