//! Proxies: a TCP connection through one or several of them, by HTTP CONNECT, SOCKS4 or SOCKS5.
//!
//! The handshake is a state machine over a connected, non-blocking stream. It never reads more than belongs to it, so
//! that what follows is the target's. The network runs it before it says that a socket is connected; scans and scripts
//! see no difference.
//!
//! # Source
//! RFC 9110 §9.3.6, RFC 1928, RFC 1929; the SOCKS4 protocol note.

use crate::net::NetError;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The longest answer of an HTTP proxy.
const ANSWER_MAX: usize = 16_384;
/// Proxies in a row.
const CHAIN_MAX: usize = 16;
/// The longest user name and password.
const SECRET_MAX: usize = 255;

/// What a proxy speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Http,
    Socks4,
    Socks5,
}

/// One proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    pub kind: Kind,
    pub address: SocketAddr,
    /// Name and password.
    pub user: Option<(String, String)>,
}

/// Why a list of proxies is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxyError {
    pub url: String,
    pub reason: &'static str,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--proxies {}: {}", self.url, self.reason)
    }
}

impl std::error::Error for ProxyError {}

/// Reads `kind://[user:password@]host:port`, separated by commas; `resolve` gives the address of a name.
///
/// # Errors
/// The first that is wrong.
pub fn parse(list: &str, mut resolve: impl FnMut(&str) -> Option<IpAddr>) -> Result<Vec<Proxy>, ProxyError> {
    let mut proxies = Vec::new();
    for url in list.split(',').map(str::trim) {
        let wrong = |reason| ProxyError { url: url.to_owned(), reason };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("kind://host:port is expected"))?;
        let kind = match scheme {
            "http" => Kind::Http,
            "socks4" | "socks4a" => Kind::Socks4,
            "socks5" | "socks5h" => Kind::Socks5,
            _ => return Err(wrong("http, socks4 or socks5 is expected")),
        };
        let rest = rest.trim_end_matches('/');
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user.split_once(':').unwrap_or((user, ""))), place),
            None => (None, rest),
        };
        if user.is_some_and(|(name, password)| name.len().max(password.len()) > SECRET_MAX) {
            return Err(wrong("the name or password is too long"));
        }
        let (host, port) = place.rsplit_once(':').ok_or_else(|| wrong("a port is expected"))?;
        let port = port.parse().map_err(|_| wrong("the port is no number"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip = host.parse().ok().or_else(|| resolve(host)).ok_or_else(|| wrong("the host is not known"))?;
        let user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
        proxies.push(Proxy { kind, address: SocketAddr::new(ip, port), user });
        if proxies.len() > CHAIN_MAX {
            return Err(wrong("too many proxies"));
        }
    }
    Ok(proxies)
}

/// The way through a chain of proxies to a target.
#[derive(Debug)]
pub struct Handshake {
    chain: Rc<[Proxy]>,
    target: SocketAddr,
    /// The proxy that is being asked.
    at: usize,
    state: State,
    unsent: Vec<u8>,
    received: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// HTTP: the head of the answer, up to an empty line.
    Head,
    /// SOCKS4: eight bytes.
    Socks4,
    /// SOCKS5: how to say who we are.
    Method,
    /// SOCKS5: whether that was right.
    Authenticated,
    /// SOCKS5: the answer, whose length its fourth and fifth bytes say.
    Reply,
    Done,
}

impl Handshake {
    /// A way that begins at the first proxy, to which the stream will be connected.
    pub fn new(chain: Rc<[Proxy]>, target: SocketAddr) -> Handshake {
        let mut handshake =
            Handshake { chain, target, at: 0, state: State::Done, unsent: Vec::new(), received: Vec::new() };
        handshake.begin();
        handshake
    }

    /// The peer beyond all proxies.
    pub fn target(&self) -> SocketAddr {
        self.target
    }

    /// Where the present proxy is to connect.
    fn next(&self) -> SocketAddr {
        self.chain.get(self.at + 1).map_or(self.target, |proxy| proxy.address)
    }

    /// Asks the present proxy, if there is one left.
    fn begin(&mut self) {
        self.received.clear();
        let next = self.next();
        let Some(proxy) = self.chain.get(self.at) else {
            self.state = State::Done;
            return;
        };
        (self.unsent, self.state) = match proxy.kind {
            Kind::Http => {
                let authorization = proxy.user.as_ref().map(|(name, password)| {
                    let secret = base64(format!("{name}:{password}").as_bytes());
                    format!("Proxy-Authorization: Basic {secret}\r\n")
                });
                let authorization = authorization.unwrap_or_default();
                (format!("CONNECT {next} HTTP/1.0\r\n{authorization}\r\n").into_bytes(), State::Head)
            }
            Kind::Socks4 => {
                let mut request = vec![4, 1];
                request.extend_from_slice(&next.port().to_be_bytes());
                let name = proxy.user.as_ref().map_or("", |(name, _)| name);
                match next.ip() {
                    IpAddr::V4(ip) => {
                        request.extend_from_slice(&ip.octets());
                        request.extend_from_slice(name.as_bytes());
                        request.push(0);
                    }
                    // SOCKS4a: an address of another kind as a name.
                    IpAddr::V6(ip) => {
                        request.extend_from_slice(&[0, 0, 0, 1]);
                        request.extend_from_slice(name.as_bytes());
                        request.push(0);
                        request.extend_from_slice(ip.to_string().as_bytes());
                        request.push(0);
                    }
                }
                (request, State::Socks4)
            }
            Kind::Socks5 if proxy.user.is_some() => (vec![5, 2, 0, 2], State::Method),
            Kind::Socks5 => (vec![5, 1, 0], State::Method),
        };
    }

    /// Goes on as far as the stream allows; `None`: it has to wait.
    pub fn advance(&mut self, stream: &mut (impl Read + Write)) -> Option<Result<(), NetError>> {
        loop {
            if self.state == State::Done {
                return Some(Ok(()));
            }
            while !self.unsent.is_empty() {
                match stream.write(&self.unsent) {
                    Ok(len) => drop(self.unsent.drain(..len)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return Some(Err(NetError::Reset)),
                }
            }
            let wanted = self.wanted();
            if wanted == 0 {
                if let Err(error) = self.understand() {
                    return Some(Err(error));
                }
                continue;
            }
            let mut buffer = [0; 512];
            let len = wanted.min(buffer.len());
            match stream.read(&mut buffer[..len]) {
                Ok(0) => return Some(Err(NetError::Reset)),
                Ok(len) => self.received.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Some(Err(NetError::Reset)),
            }
        }
    }

    /// Bytes of the present answer that are still missing, as far as is known.
    fn wanted(&self) -> usize {
        let have = self.received.len();
        let whole = match self.state {
            State::Head => {
                let is_whole = self.received.ends_with(b"\r\n\r\n") || self.received.ends_with(b"\n\n");
                return usize::from(!is_whole && have < ANSWER_MAX);
            }
            State::Socks4 => 8,
            State::Method | State::Authenticated => 2,
            State::Reply => match self.received.get(3..5) {
                Some([1, _]) => 10,
                Some([4, _]) => 22,
                Some([3, len]) => 7 + usize::from(*len),
                Some(_) => have,
                None => 5,
            },
            State::Done => 0,
        };
        whole.saturating_sub(have)
    }

    /// Deals with a whole answer.
    fn understand(&mut self) -> Result<(), NetError> {
        let answer = std::mem::take(&mut self.received);
        match self.state {
            State::Head => http_status(&answer)?,
            State::Socks4 => match answer[1] {
                90 => {}
                92 | 93 => return Err(NetError::AccessDenied),
                _ => return Err(NetError::Refused),
            },
            State::Method => return self.authenticate(answer[1]),
            State::Authenticated if answer[1] == 0 => {
                self.request();
                return Ok(());
            }
            State::Authenticated => return Err(NetError::AccessDenied),
            State::Reply => match answer[1] {
                0 => {}
                2 => return Err(NetError::AccessDenied),
                3 => return Err(NetError::NetworkUnreachable),
                4 => return Err(NetError::HostUnreachable),
                5 => return Err(NetError::Refused),
                6 => return Err(NetError::TimedOut),
                _ => return Err(NetError::Other),
            },
            State::Done => return Ok(()),
        }
        self.at += 1;
        self.begin();
        Ok(())
    }

    fn authenticate(&mut self, method: u8) -> Result<(), NetError> {
        match (method, &self.chain[self.at].user) {
            (0, _) => self.request(),
            (2, Some((name, password))) => {
                self.unsent =
                    [&[1, name.len() as u8], name.as_bytes(), &[password.len() as u8], password.as_bytes()].concat();
                self.state = State::Authenticated;
            }
            _ => return Err(NetError::AccessDenied),
        }
        Ok(())
    }

    /// SOCKS5: where to.
    fn request(&mut self) {
        let next = self.next();
        self.unsent = vec![5, 1, 0];
        match next.ip() {
            IpAddr::V4(ip) => {
                self.unsent.push(1);
                self.unsent.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.unsent.push(4);
                self.unsent.extend_from_slice(&ip.octets());
            }
        }
        self.unsent.extend_from_slice(&next.port().to_be_bytes());
        self.state = State::Reply;
    }
}

/// What the first line of an answer says. Proxies have no words for a refusal: all but a few failures count as one.
fn http_status(answer: &[u8]) -> Result<(), NetError> {
    let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let status = line.split(|&byte| byte == b' ').nth(1).and_then(|word| std::str::from_utf8(word.trim_ascii()).ok());
    match status.and_then(|word| word.parse::<u16>().ok()) {
        Some(200..=299) => Ok(()),
        Some(401 | 403 | 405 | 407) => Err(NetError::AccessDenied),
        Some(504) => Err(NetError::TimedOut),
        Some(500..=599) => Err(NetError::Refused),
        _ => Err(NetError::Other),
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |idx: usize| u32::from(chunk.get(idx).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for idx in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * idx)) as usize & 63];
            text.push(if idx <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// A stream whose answers are given, a byte at a time; then it would block.
    struct Scripted<'a> {
        answers: &'a [u8],
        sent: Vec<u8>,
    }

    impl Read for Scripted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((&first, rest)) = self.answers.split_first() else { return Err(ErrorKind::WouldBlock.into()) };
            buffer[0] = first;
            self.answers = rest;
            Ok(1)
        }
    }

    impl Write for Scripted<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.sent.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn way(list: &str, answers: &[u8]) -> (Option<Result<(), NetError>>, Vec<u8>, usize) {
        let chain = parse(list, |_| None).unwrap();
        let mut handshake = Handshake::new(chain.into(), "192.0.2.9:80".parse().unwrap());
        let mut stream = Scripted { answers, sent: Vec::new() };
        (handshake.advance(&mut stream), stream.sent, stream.answers.len())
    }

    #[test]
    fn each_kind_opens_the_way_and_leaves_what_follows() {
        let (end, sent, left) = way("http://u:p@127.0.0.1:1", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nSSH");
        assert_eq!((end, left), (Some(Ok(())), 3));
        assert_eq!(sent, b"CONNECT 192.0.2.9:80 HTTP/1.0\r\nProxy-Authorization: Basic dTpw\r\n\r\n");
        let (end, sent, left) = way("socks4://127.0.0.1:1", b"\0\x5a\0\0\0\0\0\0SSH");
        assert_eq!((end, left, &sent[..]), (Some(Ok(())), 3, &b"\x04\x01\0\x50\xc0\0\x02\x09\0"[..]));
        let (end, sent, left) = way("socks5://u:p@127.0.0.1:1", b"\x05\x02\x01\0\x05\0\0\x03\x02ab\0\x50SSH");
        assert_eq!((end, left), (Some(Ok(())), 3));
        assert_eq!(sent, b"\x05\x02\0\x02\x01\x01u\x01p\x05\x01\0\x01\xc0\0\x02\x09\0\x50");
    }

    #[test]
    fn chains_go_from_proxy_to_proxy() {
        let answers = b"\x05\0\x05\0\0\x01\0\0\0\0\0\0HTTP/1.0 200 ok\n\nX";
        let (end, sent, left) = way("socks5://127.0.0.1:1,http://127.0.0.2:2", answers);
        assert_eq!((end, left), (Some(Ok(())), 1));
        assert!(sent.ends_with(b"\x05\x01\0\x01\x7f\0\0\x02\0\x02CONNECT 192.0.2.9:80 HTTP/1.0\r\n\r\n"));
    }

    #[test]
    fn failures_have_reasons() {
        for (list, answers, error) in [
            ("http://127.0.0.1:1", &b"HTTP/1.1 503 no\r\n\r\n"[..], NetError::Refused),
            ("http://127.0.0.1:1", b"HTTP/1.1 403 no\r\n\r\n", NetError::AccessDenied),
            ("http://127.0.0.1:1", b"nonsense\n\n", NetError::Other),
            ("socks4://127.0.0.1:1", b"\0\x5b\0\0\0\0\0\0", NetError::Refused),
            ("socks5://127.0.0.1:1", b"\x05\xff", NetError::AccessDenied),
            ("socks5://127.0.0.1:1", b"\x05\0\x05\x05\0\x01\0\0\0\0\0\0", NetError::Refused),
            ("socks5://127.0.0.1:1", b"\x05\0\x05\x04\0\x09\0", NetError::HostUnreachable),
        ] {
            assert_eq!(way(list, answers).0, Some(Err(error)), "{list}");
        }
        assert_eq!(way("socks5://127.0.0.1:1", b"\x05").0, None);
        let endless = vec![b'x'; 2 * ANSWER_MAX];
        assert_eq!(way("http://127.0.0.1:1", &endless).0, Some(Err(NetError::Other)));
    }

    #[test]
    fn lists_are_checked() {
        for wrong in ["", "127.0.0.1:1", "ftp://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:x", "http://no:1"] {
            assert!(parse(wrong, |_| None).is_err(), "{wrong}");
        }
        assert_eq!(parse("socks5://[::1]:9", |_| None).unwrap()[0].address, "[::1]:9".parse().unwrap());
    }
}
