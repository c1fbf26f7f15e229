//! Answers of proxies: the first byte chooses a chain and in which pieces they come.

#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_scan::proxy::{Handshake, parse};
use std::io::{self, ErrorKind, Read, Write};

/// A stream whose answers are given; then it would block.
struct Answers<'a> {
    rest: &'a [u8],
    piece_len: usize,
}

impl Read for Answers<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.rest.len()).min(self.piece_len);
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[..len].copy_from_slice(&self.rest[..len]);
        self.rest = &self.rest[len..];
        Ok(len)
    }
}

impl Write for Answers<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len().min(self.piece_len))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const CHAINS: [&str; 4] = [
    "http://a:b@192.0.2.1:1",
    "socks4://192.0.2.1:1",
    "socks5://a:b@192.0.2.1:1",
    "socks5://192.0.2.1:1,http://192.0.2.2:1,socks4://192.0.2.3:1,socks5://[2001:db8::1]:1",
];

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let chain = parse(CHAINS[usize::from(choice % 4)], |_| None).expect("the chain is right");
    let mut handshake = Handshake::new(chain.into(), "192.0.2.9:80".parse().expect("it is an address"));
    let mut stream = Answers { rest, piece_len: usize::from(choice / 4) + 1 };
    // One turn takes what is there, or ends.
    for _ in 0..rest.len() + 10_000 {
        let before = stream.rest.len();
        if handshake.advance(&mut stream).is_some() || before == 0 {
            break;
        }
    }
});
