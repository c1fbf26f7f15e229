//! A filter of packets, up to a zero byte, and a frame that it looks at.

#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_scan::link::filter::{View, compile};

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (text, frame) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(filter) = compile(text) else { return };
    for (header_len, protocol) in [(14, 0), (0, 0x0800), (0, 0x86dd), (16, 0)] {
        let _ = filter.matches(&View::new(frame, header_len, protocol));
    }
});
