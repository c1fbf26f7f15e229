//! Targets, exclusions, ports and a hosts file, as users and scripts write them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_scan::port::{Protocols, parse as ports};
use perilune_scan::target::{Families, Hosts, exclusions, expressions, parse};

fuzz_target!(|input: &[u8]| {
    let hosts = Hosts::parse(input);
    for expression in expressions(input).unwrap_or_default().iter().take(10) {
        if let Ok(target) = parse(expression, Families::default(), &hosts) {
            let count = target.count();
            let listed = target.iter().take(100).count();
            assert!(listed as u128 <= count);
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = exclusions(text, &hosts);
        let _ = ports(text, Protocols::default());
    }
});
