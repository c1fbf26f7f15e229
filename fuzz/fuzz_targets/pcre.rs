//! Patterns and subjects for the regular expressions: the first byte sets flags, the rest is split at a zero byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_scan::regex::{Flags, Regex};

fuzz_target!(|input: &[u8]| {
    let Some((&bits, rest)) = input.split_first() else { return };
    let at = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    let (pattern, subject) = (&rest[..at], rest.get(at + 1..).unwrap_or_default());
    let has = |bit: u8| bits & bit != 0;
    let flags = Flags {
        case_insensitive: has(1),
        multi_line: has(2),
        dot_all: has(4),
        extended: has(8),
        ungreedy: has(16),
        anchored: has(32),
        not_empty: has(64),
        no_auto_capture: has(128),
        ..Flags::default()
    };
    let Ok(regex) = Regex::new(pattern, flags) else { return };
    let Ok(Some(groups)) = regex.find(subject, 0) else { return };
    assert_eq!(groups.len(), regex.group_count() + 1);
    assert!(groups.iter().flatten().all(|&(start, end)| start <= end && end <= subject.len()));
});
