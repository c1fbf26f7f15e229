//! Bytes from an SSH server, in pieces of the first byte's length; the same bytes as a private key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_ssh::{Client, PrivateKey, read_public};

fuzz_target!(|input: &[u8]| {
    let Some((&len, rest)) = input.split_first() else { return };
    let mut client = Client::new("SSH-2.0-fuzz").expect("there are random numbers");
    let _ = client.auth_none(b"user");
    let _ = client.open_channel();
    for piece in rest.chunks(usize::from(len) + 1) {
        if client.feed(piece).is_err() {
            break;
        }
    }
    while client.take_auth_answer().is_some() {}
    let _ = client.channel_read(0, 0, 100);
    let _ = PrivateKey::parse(rest, b"");
    let _ = read_public(rest);
});
