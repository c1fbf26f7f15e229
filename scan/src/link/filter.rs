//! Filters in tcpdump's language, as far as scripts use it: `tcp port 80 and src host 192.0.2.1`, `icmp[0] = 0`.
//!
//! An expression becomes a tree that is asked for each packet; nothing is loaded into the kernel. `and` and `or` have
//! the same precedence and group from the left; an identifier without qualifiers takes those of the one before.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parentheses and negations within one another.
const DEPTH_MAX: usize = 100;
const IP: u16 = 0x0800;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const IP6: u16 = 0x86dd;

/// An expression that is none; the text is for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter: {}", self.0)
    }
}

impl std::error::Error for FilterError {}

/// A compiled expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter(Node);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Node {
    Always,
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Proto(Proto),
    /// A protocol, a direction and what is looked for.
    Is(Option<Proto>, Direction, What),
    Compare(Number, Relation, Number),
    Broadcast,
    Multicast,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proto {
    Ether,
    Ip,
    Ip6,
    Arp,
    Rarp,
    Tcp,
    Udp,
    Sctp,
    Icmp,
    Icmp6,
    Igmp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    Source,
    Destination,
    Either,
    Both,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Host(IpAddr),
    Net(IpAddr, u8),
    Mac([u8; 6]),
    Ports(u16, u16),
    /// Number of the protocol above the link, and of the one above IP.
    LinkProtocol(u32),
    IpProtocol(u32),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Number {
    Constant(u32),
    Length,
    /// So many bytes of a header, from an offset.
    Bytes(Proto, Box<Number>, u8),
    Operation(Box<Number>, char, Box<Number>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A packet with the places of its headers.
#[derive(Debug)]
pub struct View<'a> {
    frame: &'a [u8],
    network: usize,
    kind: u16,
    /// Number of the protocol above IP, and where it begins; no place in a later fragment.
    transport: Option<(u8, Option<usize>)>,
}

impl<'a> View<'a> {
    /// A frame whose link header has this length; the protocol above it is as the system says where there is none.
    pub fn new(frame: &'a [u8], header_len: usize, protocol: u16) -> View<'a> {
        let own = header_len.checked_sub(2).and_then(|at| frame.get(at..header_len));
        let kind = own.map_or(protocol, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        let mut view = View { frame, network: header_len, kind, transport: None };
        view.transport = match kind {
            IP => view.byte(header_len).zip(view.byte(header_len + 9)).map(|(first, protocol)| {
                let is_first = view.word(header_len + 6).is_some_and(|word| word & 0x1fff == 0);
                (protocol, is_first.then_some(header_len + usize::from(first & 15) * 4))
            }),
            IP6 => view.byte(header_len + 6).map(|protocol| (protocol, Some(header_len + 40))),
            _ => None,
        };
        view
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.frame.get(at).copied()
    }

    fn word(&self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }

    fn has(&self, proto: Proto) -> bool {
        let over = |wanted: u8| self.transport.is_some_and(|(number, _)| number == wanted);
        match proto {
            Proto::Ether => self.network >= 14,
            Proto::Ip => self.kind == IP,
            Proto::Ip6 => self.kind == IP6,
            Proto::Arp => self.kind == ARP,
            Proto::Rarp => self.kind == RARP,
            Proto::Tcp => over(6),
            Proto::Udp => over(17),
            Proto::Sctp => over(132),
            Proto::Icmp => self.kind == IP && over(1),
            Proto::Icmp6 => self.kind == IP6 && over(58),
            Proto::Igmp => self.kind == IP && over(2),
        }
    }

    fn start(&self, proto: Proto) -> Option<usize> {
        match proto {
            Proto::Ether => Some(0),
            _ if !self.has(proto) => None,
            Proto::Ip | Proto::Ip6 | Proto::Arp | Proto::Rarp => Some(self.network),
            _ => self.transport?.1,
        }
    }

    /// Source and destination address.
    fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        let at = self.network;
        let v4 = |from: usize| {
            let bytes: [u8; 4] = self.frame.get(from..from + 4)?.try_into().ok()?;
            Some(IpAddr::V4(Ipv4Addr::from(bytes)))
        };
        let v6 = |from: usize| {
            let bytes: [u8; 16] = self.frame.get(from..from + 16)?.try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        };
        match self.kind {
            IP => v4(at + 12).zip(v4(at + 16)),
            ARP | RARP => v4(at + 14).zip(v4(at + 24)),
            IP6 => v6(at + 8).zip(v6(at + 24)),
            _ => None,
        }
    }

    fn ports(&self) -> Option<(u16, u16)> {
        let has_ports = [Proto::Tcp, Proto::Udp, Proto::Sctp].into_iter().any(|proto| self.has(proto));
        let at = self.transport?.1.filter(|_| has_ports)?;
        self.word(at).zip(self.word(at + 2))
    }
}

impl Filter {
    /// Whether the packet is let through.
    pub fn matches(&self, view: &View<'_>) -> bool {
        matches(&self.0, view)
    }
}

fn matches(node: &Node, view: &View<'_>) -> bool {
    match node {
        Node::Always => true,
        Node::And(a, b) => matches(a, view) && matches(b, view),
        Node::Or(a, b) => matches(a, view) || matches(b, view),
        Node::Not(a) => !matches(a, view),
        Node::Proto(proto) => view.has(*proto),
        Node::Is(proto, direction, what) => proto.is_none_or(|proto| view.has(proto)) && is(view, *direction, what),
        Node::Compare(a, relation, b) => match (number(a, view), number(b, view)) {
            (Some(a), Some(b)) => match relation {
                Relation::Equal => a == b,
                Relation::NotEqual => a != b,
                Relation::Less => a < b,
                Relation::LessEqual => a <= b,
                Relation::Greater => a > b,
                Relation::GreaterEqual => a >= b,
            },
            _ => false,
        },
        Node::Broadcast => view.frame.get(..6).is_some_and(|mac| mac == [0xff; 6]),
        Node::Multicast => view.network >= 14 && view.byte(0).is_some_and(|first| first & 1 == 1),
    }
}

fn is(view: &View<'_>, direction: Direction, what: &What) -> bool {
    let pair = |source: bool, destination: bool| match direction {
        Direction::Source => source,
        Direction::Destination => destination,
        Direction::Either => source || destination,
        Direction::Both => source && destination,
    };
    match what {
        What::Host(host) => view.addresses().is_some_and(|(from, to)| pair(from == *host, to == *host)),
        What::Net(net, len) => {
            view.addresses().is_some_and(|(from, to)| pair(is_in(from, *net, *len), is_in(to, *net, *len)))
        }
        What::Mac(mac) => {
            let own = |at: usize| view.frame.get(at..at + 6).is_some_and(|bytes| bytes == mac);
            view.network >= 14 && pair(own(6), own(0))
        }
        What::Ports(first, last) => {
            let inside = |port: u16| (*first..=*last).contains(&port);
            view.ports().is_some_and(|(from, to)| pair(inside(from), inside(to)))
        }
        What::LinkProtocol(number) => u32::from(view.kind) == *number,
        What::IpProtocol(number) => view.transport.is_some_and(|(protocol, _)| u32::from(protocol) == *number),
    }
}

fn is_in(address: IpAddr, net: IpAddr, len: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            len == 0 || (u32::from(a) ^ u32::from(b)) >> (32 - u32::from(len.min(32))) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            len == 0 || (u128::from(a) ^ u128::from(b)) >> (128 - u32::from(len.min(128))) == 0
        }
        _ => false,
    }
}

fn number(number_node: &Number, view: &View<'_>) -> Option<u32> {
    match number_node {
        Number::Constant(value) => Some(*value),
        Number::Length => u32::try_from(view.frame.len()).ok(),
        Number::Bytes(proto, offset, size) => {
            let at = view.start(*proto)?.checked_add(usize::try_from(number(offset, view)?).ok()?)?;
            let bytes = view.frame.get(at..at.checked_add(usize::from(*size))?)?;
            Some(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
        }
        Number::Operation(a, operator, b) => {
            let (a, b) = (number(a, view)?, number(b, view)?);
            match operator {
                '+' => Some(a.wrapping_add(b)),
                '-' => Some(a.wrapping_sub(b)),
                '*' => Some(a.wrapping_mul(b)),
                '/' => a.checked_div(b),
                '%' => a.checked_rem(b),
                '&' => Some(a & b),
                '|' => Some(a | b),
                '^' => Some(a ^ b),
                'l' => Some(a.checked_shl(b).unwrap_or(0)),
                _ => Some(a.checked_shr(b).unwrap_or(0)),
            }
        }
    }
}

/// Compiles an expression; an empty one lets everything through.
///
/// # Errors
/// Where the text is no expression.
pub fn compile(text: &str) -> Result<Filter, FilterError> {
    let words = words(text);
    if words.is_empty() {
        return Ok(Filter(Node::Always));
    }
    let mut parser = Parser { words, at: 0, depth: 0, last: None };
    let node = parser.expression()?;
    match parser.peek() {
        None => Ok(Filter(node)),
        Some(word) => Err(FilterError(format!("unexpected '{word}'"))),
    }
}

/// Splits into words, numbers, addresses and operators.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '\\');
        let mut len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if words.last().is_some_and(|last| last == "[") || is_inside_brackets(&words) {
            // Within brackets a colon separates offset and size, and a minus is one.
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if rest.starts_with("tcp-") || rest.starts_with("icmp") {
                len = rest.find(|c| !is_part(c) && c != '-').unwrap_or(rest.len());
            }
        }
        if len == 0 {
            let two = ["&&", "||", "==", "!=", "<=", ">=", "<<", ">>"].iter().any(|two| rest.starts_with(two));
            len = if two { 2 } else { rest.chars().next().map_or(1, char::len_utf8) };
        }
        words.push(rest[..len].trim_start_matches('\\').to_owned());
        rest = rest[len..].trim_start();
    }
    words
}

fn is_inside_brackets(words: &[String]) -> bool {
    words.iter().rev().find(|word| matches!(word.as_str(), "[" | "]")).is_some_and(|word| word == "[")
}

struct Parser {
    words: Vec<String>,
    at: usize,
    depth: usize,
    /// Qualifiers of the identifier before.
    last: Option<(Option<Proto>, Direction, Kind)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
    Proto,
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn eat(&mut self, wanted: &[&str]) -> bool {
        let found = self.peek().is_some_and(|word| wanted.contains(&word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), FilterError> {
        if self.eat(&[wanted]) { Ok(()) } else { Err(FilterError(format!("'{wanted}' expected"))) }
    }

    fn enter(&mut self) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(FilterError("too deep".to_owned())) } else { Ok(()) }
    }

    fn expression(&mut self) -> Result<Node, FilterError> {
        self.enter()?;
        let mut left = self.term()?;
        loop {
            if self.eat(&["and", "&&"]) {
                left = Node::And(Box::new(left), Box::new(self.term()?));
            } else if self.eat(&["or", "||"]) {
                left = Node::Or(Box::new(left), Box::new(self.term()?));
            } else {
                self.depth -= 1;
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Result<Node, FilterError> {
        self.enter()?;
        let node = if self.eat(&["not", "!"]) {
            Node::Not(Box::new(self.term()?))
        } else if let Some(compare) = self.comparison()? {
            compare
        } else if self.eat(&["("]) {
            let inner = self.expression()?;
            self.expect(")")?;
            inner
        } else {
            self.primitive()?
        };
        self.depth -= 1;
        Ok(node)
    }

    /// `icmp[0] = 8`, `len > 60`: tried first, and given back if it is something else.
    fn comparison(&mut self) -> Result<Option<Node>, FilterError> {
        let (before, depth) = (self.at, self.depth);
        let relation = |word: &str| match word {
            "=" | "==" => Some(Relation::Equal),
            "!=" => Some(Relation::NotEqual),
            "<" => Some(Relation::Less),
            "<=" => Some(Relation::LessEqual),
            ">" => Some(Relation::Greater),
            ">=" => Some(Relation::GreaterEqual),
            _ => None,
        };
        if let Ok(left) = self.sum()
            && let Some(relation) = self.peek().and_then(relation)
        {
            self.at += 1;
            return Ok(Some(Node::Compare(left, relation, self.sum()?)));
        }
        (self.at, self.depth) = (before, depth);
        Ok(None)
    }

    /// Operators group from the left; scripts put parentheses where it matters.
    fn sum(&mut self) -> Result<Number, FilterError> {
        let mut left = self.operand()?;
        while let Some(operator) = self.peek().and_then(|word| match word {
            "<<" => Some('l'),
            ">>" => Some('r'),
            "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" => word.chars().next(),
            _ => None,
        }) {
            self.at += 1;
            left = Number::Operation(Box::new(left), operator, Box::new(self.operand()?));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Number, FilterError> {
        self.enter()?;
        let word = self.peek().unwrap_or_default().to_owned();
        let found = if self.eat(&["("]) {
            let inner = self.sum()?;
            self.expect(")")?;
            Some(inner)
        } else if let Some(value) = constant(&word) {
            self.at += 1;
            Some(Number::Constant(value))
        } else if word == "len" {
            self.at += 1;
            Some(Number::Length)
        } else if let (Some(proto), Some("[")) = (proto(&word), self.words.get(self.at + 1).map(String::as_str)) {
            self.at += 2;
            let offset = self.sum()?;
            let size = if self.eat(&[":"]) { self.operand()? } else { Number::Constant(1) };
            self.expect("]")?;
            let Number::Constant(size @ (1 | 2 | 4)) = size else {
                return Err(FilterError("a size is 1, 2 or 4".into()));
            };
            Some(Number::Bytes(proto, Box::new(offset), size as u8))
        } else {
            None
        };
        self.depth -= 1;
        found.ok_or_else(|| FilterError(format!("unexpected '{word}'")))
    }

    fn primitive(&mut self) -> Result<Node, FilterError> {
        if self.eat(&["broadcast"]) {
            return Ok(Node::Broadcast);
        }
        if self.eat(&["multicast"]) {
            return Ok(Node::Multicast);
        }
        for (word, relation) in [("greater", Relation::GreaterEqual), ("less", Relation::LessEqual)] {
            if self.eat(&[word]) {
                return Ok(Node::Compare(Number::Length, relation, self.operand()?));
            }
        }
        let named = self.peek().and_then(proto);
        self.at += usize::from(named.is_some());
        if named.is_some() && self.eat(&["broadcast"]) {
            return Ok(Node::Broadcast);
        }
        if named.is_some() && self.eat(&["multicast"]) {
            return Ok(Node::Multicast);
        }
        let direction = self.direction();
        let kind = self.kind();
        if let (Some(proto), None, None) = (named, direction, kind) {
            return Ok(Node::Proto(proto));
        }
        let qualifiers = match (named, direction, kind, self.last) {
            (None, None, None, Some(last)) => last,
            _ => (named, direction.unwrap_or(Direction::Either), kind.unwrap_or(Kind::Host)),
        };
        self.last = Some(qualifiers);
        let is_other = self.eat(&["not", "!"]);
        let word = self.peek().ok_or_else(|| FilterError("unexpected end".to_owned()))?.to_owned();
        self.at += 1;
        let what = self.what(&word, qualifiers.2, qualifiers.0)?;
        let is = Node::Is(qualifiers.0, qualifiers.1, what);
        Ok(if is_other { Node::Not(Box::new(is)) } else { is })
    }

    fn direction(&mut self) -> Option<Direction> {
        let found = match self.peek()? {
            "src" => Direction::Source,
            "dst" => Direction::Destination,
            _ => return None,
        };
        self.at += 1;
        let other = if found == Direction::Source { "dst" } else { "src" };
        if self.words.get(self.at + 1).is_some_and(|word| word == other) {
            let both = match self.peek() {
                Some("or") => Direction::Either,
                Some("and") => Direction::Both,
                _ => return Some(found),
            };
            self.at += 2;
            return Some(both);
        }
        Some(found)
    }

    fn kind(&mut self) -> Option<Kind> {
        let found = match self.peek()? {
            "host" => Kind::Host,
            "net" => Kind::Net,
            "port" => Kind::Port,
            "portrange" => Kind::PortRange,
            "proto" => Kind::Proto,
            _ => return None,
        };
        self.at += 1;
        Some(found)
    }

    fn what(&mut self, word: &str, kind: Kind, of: Option<Proto>) -> Result<What, FilterError> {
        let wrong = || FilterError(format!("'{word}' is not understood"));
        match kind {
            Kind::Host => {
                if let Some(mac) = mac(word) {
                    return Ok(What::Mac(mac));
                }
                let host: IpAddr = word.parse().ok().or_else(|| named(word)).ok_or_else(wrong)?;
                match self.peek() {
                    Some("/") => Ok(What::Net(host, self.prefix_len(host)?)),
                    _ => Ok(What::Host(host)),
                }
            }
            Kind::Net => {
                let net: IpAddr = word.parse().map_err(|_| wrong())?;
                Ok(What::Net(net, self.prefix_len(net)?))
            }
            Kind::Port => port(word).map(|port| What::Ports(port, port)).ok_or_else(wrong),
            Kind::PortRange => {
                let (first, last) = word.split_once('-').ok_or_else(wrong)?;
                Ok(What::Ports(port(first).ok_or_else(wrong)?, port(last).ok_or_else(wrong)?))
            }
            Kind::Proto => match (word, of) {
                ("ip", _) => Ok(What::LinkProtocol(u32::from(IP))),
                ("arp", _) => Ok(What::LinkProtocol(u32::from(ARP))),
                ("ip6", _) => Ok(What::LinkProtocol(u32::from(IP6))),
                ("icmp", _) => Ok(What::IpProtocol(1)),
                ("igmp", _) => Ok(What::IpProtocol(2)),
                ("tcp", _) => Ok(What::IpProtocol(6)),
                ("udp", _) => Ok(What::IpProtocol(17)),
                ("icmp6", _) => Ok(What::IpProtocol(58)),
                (_, Some(Proto::Ether)) => constant(word).map(What::LinkProtocol).ok_or_else(wrong),
                _ => constant(word).map(What::IpProtocol).ok_or_else(wrong),
            },
        }
    }

    /// The length behind an address, if there is one.
    fn prefix_len(&mut self, address: IpAddr) -> Result<u8, FilterError> {
        if !self.eat(&["/"]) {
            return Ok(if address.is_ipv4() { 32 } else { 128 });
        }
        let len = self.peek().and_then(|len| len.parse().ok());
        self.at += 1;
        len.ok_or_else(|| FilterError("a length is a number".to_owned()))
    }
}

/// The address of a host that this machine knows by name; nobody is asked.
fn named(word: &str) -> Option<IpAddr> {
    crate::target::Hosts::of_system().ok()?.addresses(word).first().copied()
}

fn proto(word: &str) -> Option<Proto> {
    Some(match word {
        "ether" => Proto::Ether,
        "ip" => Proto::Ip,
        "ip6" => Proto::Ip6,
        "arp" => Proto::Arp,
        "rarp" => Proto::Rarp,
        "tcp" => Proto::Tcp,
        "udp" => Proto::Udp,
        "sctp" => Proto::Sctp,
        "icmp" => Proto::Icmp,
        "icmp6" => Proto::Icmp6,
        "igmp" => Proto::Igmp,
        _ => return None,
    })
}

fn constant(word: &str) -> Option<u32> {
    if let Some(digits) = word.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok();
    }
    Some(match word {
        "icmptype" | "icmp6type" => 0,
        "icmpcode" | "icmp6code" => 1,
        "tcpflags" => 13,
        "tcp-fin" => 1,
        "tcp-syn" => 2,
        "tcp-rst" => 4,
        "tcp-push" => 8,
        "tcp-ack" => 16,
        "tcp-urg" => 32,
        "icmp-echoreply" => 0,
        "icmp-unreach" => 3,
        "icmp-echo" => 8,
        "icmp-timxceed" => 11,
        _ => return word.parse().ok(),
    })
}

fn port(word: &str) -> Option<u16> {
    use crate::result::Protocol;
    let by_name =
        |protocol: Protocol| (1..=u16::MAX).find(|&number| crate::services::name(protocol, number) == Some(word));
    word.parse().ok().or_else(|| by_name(Protocol::Tcp)).or_else(|| by_name(Protocol::Udp))
}

/// With colons, or as twelve digits.
fn mac(word: &str) -> Option<[u8; 6]> {
    if word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let bytes = u64::from_str_radix(word, 16).ok()?.to_be_bytes();
        return bytes[2..].try_into().ok();
    }
    let bytes: Option<Vec<u8>> = word.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ethernet frame with an IPv4 packet from 192.0.2.1 to 192.0.2.2 and these transport bytes.
    fn frame(protocol: u8, transport: &[u8]) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend_from_slice(&[2, 0, 0, 0, 0, 1, 8, 0]);
        frame.extend_from_slice(&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend_from_slice(transport);
        frame
    }

    fn check(expression: &str, frame: &[u8]) -> bool {
        let filter = compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        filter.matches(&View::new(frame, 14, 0))
    }

    #[test]
    fn expressions_choose_packets() {
        let tcp = frame(6, &[0, 80, 0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x12, 0, 0]);
        for (expression, expected) in [
            ("", true),
            ("tcp", true),
            ("udp", false),
            ("ip6", false),
            ("tcp and src host 192.0.2.1 and dst host 192.0.2.2", true),
            ("host 192.0.2.9", false),
            ("!host 192.0.2.9", true),
            ("dst 192.0.2.2", true),
            ("src or dst host 192.0.2.2", true),
            ("src net 192.0.2.0/24", true),
            ("tcp port 80", true),
            ("udp port 80", false),
            ("tcp src port 80", true),
            ("dst port 80", false),
            ("port 81 or 80", true),
            ("portrange 79-81", true),
            ("port http", true),
            ("tcp[13] & 2 != 0", true),
            ("tcp[tcpflags] & tcp-rst != 0", false),
            ("tcp[13] == 0x12", true),
            ("ip[12:4] = 0xc0000201", true),
            ("ip proto 6", true),
            ("ip proto \\tcp", true),
            ("ether src 02:00:00:00:00:01", true),
            ("ether broadcast", true),
            ("ether proto 0x888e", false),
            ("ether proto 0x0800", true),
            ("ether src 020000000001", true),
            ("src 192.0.2.0/31", true),
            ("host localhost", false),
            ("ip proto 6 and dst host 192.0.2.2 and src host not 192.0.2.9", true),
            ("ip && tcp && port 80 && greater 20 && less 1000", true),
            ("tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)", true),
            ("len > 60", false),
            ("(udp or tcp) and not icmp", true),
            ("udp and tcp or tcp", true),
            ("icmp[0] = 0", false),
        ] {
            assert_eq!(check(expression, &tcp), expected, "{expression}");
        }
        assert!(check("icmp[0] = 0 and icmp[icmptype] = icmp-echoreply", &frame(1, &[0, 0])));
        assert!(!check("icmp[9:4] = 0", &frame(1, &[0, 0])));
    }

    #[test]
    fn headers_of_ipv6_have_places() {
        let mut frame = vec![0; 12];
        frame.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255]);
        frame.extend_from_slice(&[0; 15]);
        frame.push(1);
        frame.extend_from_slice(&[0; 15]);
        frame.push(2);
        frame.extend_from_slice(&[134, 0, 0, 0]);
        assert!(check("ip6 and icmp6 and ip6[40:1] == 134 and src ::1", &frame));
        for len in 0..frame.len() {
            check("ip6[40:1] == 134 or port 1 or host ::1 or tcp[0] = 1", &frame[..len]);
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for bad in ["and", "tcp and", "(tcp", "port", "host nobody.example", "tcp[0:3] = 1", "tcp tcp", "port 70000"] {
            assert!(compile(bad).is_err(), "{bad}");
        }
        assert!(compile(&"(".repeat(100_000)).is_err());
        assert!(compile(&"not ".repeat(100_000)).is_err());
    }
}
