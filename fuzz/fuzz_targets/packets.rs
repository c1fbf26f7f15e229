//! Packets as a raw scan sees them: IP, and ARP.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = perilune_scan::wire::parse(input);
    let _ = perilune_scan::wire::arp_reply(input);
});
