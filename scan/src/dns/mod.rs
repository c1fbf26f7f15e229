//! Names and addresses by the servers of this machine: many questions at once, nothing blocks but the network's wait.
//!
//! A question goes over UDP to one server after the other until one says something; an answer that does not fit a
//! datagram is asked for again over TCP. Each server has a window of questions in flight, which grows with answers and
//! shrinks when one is missing. The hosts file is the caller's business, see [`crate::target::Hosts`].
//!
//! # Source
//! RFC 1035; `resolv.conf(5)`. Windows and time-outs are Nmap's.

mod packet;

pub use packet::Question;

use crate::net::{Millis, NetError, Network, Read, Ready, SocketId, Transport, Write};
use crate::zone;
use hashbrown::HashMap;
use packet::Reply;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

/// The doors for [`crate::fuzzing`].
#[cfg(fuzzing)]
pub(crate) fn encode(question: &Question, id: u16) -> Option<Vec<u8>> {
    question.encode(id)
}

#[cfg(fuzzing)]
pub(crate) fn decode(question: &Question, id: u16, message: &[u8]) {
    let _ = question.decode(id, message);
}

/// Questions to one server at once: at first, at least, at most.
const WINDOW: (f64, f64, f64) = (10.0, 10.0, 100.0);
/// Servers asked for one question.
const SERVERS_MAX: usize = 3;
/// The longest answer over TCP.
const TCP_MAX: usize = 65_537;
/// The longest datagram that is looked at.
const DATAGRAM_MAX: usize = 4_096;
/// Where name servers listen.
pub const PORT: u16 = 53;
/// How often [`resolve`] asks whether to stop.
const LOOK_MS: u64 = 250;

/// What became of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Names(Vec<String>),
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// No server said anything.
    Failed,
}

/// Questions under way.
#[derive(Debug)]
pub struct Resolver {
    servers: Vec<Server>,
    queue: VecDeque<Query>,
    /// By id on the wire and server.
    in_flight: HashMap<(usize, u16), Query>,
    by_socket: HashMap<SocketId, Via>,
    answers: Vec<(usize, Answer)>,
    next_number: usize,
    /// Ids are a walk from a secret start: who does not see them can't guess the next.
    random: u64,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    socket: Option<SocketId>,
    window: f64,
    active: usize,
}

#[derive(Clone, Debug)]
struct Query {
    number: usize,
    question: Question,
    /// Sends so far.
    tries: usize,
    deadline: Millis,
    tcp: Option<SocketId>,
}

/// What a socket is for.
#[derive(Debug)]
enum Via {
    Datagrams(usize),
    Stream { place: (usize, u16), unsent: Vec<u8>, received: Vec<u8> },
}

/// Name servers of a `resolv.conf`.
pub fn servers_of(text: &str) -> Vec<SocketAddr> {
    let lines = text.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default());
    let values = lines.filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim);
    values.filter_map(server).collect()
}

/// A name server given by its address, which may have a zone.
pub fn server(text: &str) -> Option<SocketAddr> {
    match text.parse::<Ipv4Addr>() {
        Ok(address) => Some(SocketAddr::from((address, PORT))),
        Err(_) => zone::parse(text).map(|(ip, zone)| SocketAddrV6::new(ip, PORT, 0, zone.unwrap_or(0)).into()),
    }
}

/// The name servers of this machine; the local one when none is named.
pub fn system_servers() -> Vec<SocketAddr> {
    let servers = servers_of(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    if servers.is_empty() { vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))] } else { servers }
}

impl Resolver {
    pub fn new(servers: &[SocketAddr], seed: u64) -> Resolver {
        let server = |&address| Server { address, socket: None, window: WINDOW.0, active: 0 };
        Resolver {
            servers: servers.iter().map(server).collect(),
            queue: VecDeque::new(),
            in_flight: HashMap::default(),
            by_socket: HashMap::default(),
            answers: Vec::new(),
            next_number: 0,
            random: seed,
        }
    }

    /// Asks; answers come with the number that is given back.
    pub fn ask(&mut self, question: Question) -> usize {
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push_back(Query { number, question, tries: 0, deadline: Millis(0), tcp: None });
        number
    }

    /// Whether every question is answered.
    pub fn is_done(&self) -> bool {
        self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// How many questions are not yet answered.
    pub fn open_count(&self) -> usize {
        self.queue.len() + self.in_flight.len()
    }

    /// Answers since the last call.
    pub fn take_answers(&mut self) -> Vec<(usize, Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// When it wants to be called again though its sockets are quiet.
    pub fn next_moment(&self) -> Option<Millis> {
        self.in_flight.values().map(|query| query.deadline).min()
    }

    /// Sends what there is room for, takes what sockets have, gives up what waited too long.
    pub fn advance(&mut self, network: &mut dyn Network, ready: &[Ready]) {
        for event in ready {
            match self.by_socket.get(&event.id) {
                Some(Via::Datagrams(server)) => self.read_datagrams(network, event.id, *server),
                Some(Via::Stream { .. }) => self.advance_stream(network, event.id),
                None => {}
            }
        }
        self.expire(network);
        self.send(network);
    }

    /// Closes its sockets.
    pub fn close(&mut self, network: &mut dyn Network) {
        for (id, _) in self.by_socket.drain() {
            network.close(id);
        }
        self.servers.iter_mut().for_each(|server| server.socket = None);
    }

    /// How long to wait for the answer to one try.
    fn patience_ms(&self, tries: usize) -> u64 {
        match (self.servers.len(), tries / self.servers.len().max(1)) {
            (0 | 1, 0) => 1000,
            (0 | 1, 1) => 1500,
            (0 | 1, _) => 2000,
            (2, _) => 1000,
            (_, 0) => 500,
            _ => 1000,
        }
    }

    fn tries_max(&self) -> usize {
        match self.servers.len() {
            0 => 0,
            1 => 3,
            count => 2 * count.min(SERVERS_MAX),
        }
    }

    fn send(&mut self, network: &mut dyn Network) {
        for _ in 0..self.queue.len() {
            let Some(query) = self.queue.pop_front() else { return };
            if query.tries >= self.tries_max() {
                self.answers.push((query.number, Answer::Failed));
                continue;
            }
            let server_idx = query.tries % self.servers.len();
            if self.servers[server_idx].active as f64 + 0.5 > self.servers[server_idx].window {
                self.queue.push_front(query);
                return;
            }
            if !self.send_one(network, query, server_idx) {
                return;
            }
        }
    }

    /// Sends one question; `false` when there is no socket to be had now.
    fn send_one(&mut self, network: &mut dyn Network, mut query: Query, server_idx: usize) -> bool {
        let Some(socket) = self.socket(network, server_idx) else {
            query.tries += 1;
            self.queue.push_back(query);
            return true;
        };
        let mut id = self.id();
        while self.in_flight.contains_key(&(server_idx, id)) {
            id = self.id();
        }
        let Some(message) = query.question.encode(id) else {
            self.answers.push((query.number, Answer::NoName));
            return true;
        };
        let sent = network.write(socket, &message);
        query.deadline = network.now().after(self.patience_ms(query.tries));
        query.tries += 1;
        if let Write::Failed(_) = sent {
            // A refusal of an earlier datagram: this server says nothing, the next one may.
            query.deadline = network.now();
        }
        self.servers[server_idx].active += 1;
        self.in_flight.insert((server_idx, id), query);
        true
    }

    fn socket(&mut self, network: &mut dyn Network, server_idx: usize) -> Option<SocketId> {
        let server = &mut self.servers[server_idx];
        if server.socket.is_none() {
            let id = network.open(Transport::Udp, Some(server.address), None).ok()?;
            server.socket = Some(id);
            self.by_socket.insert(id, Via::Datagrams(server_idx));
        }
        self.servers[server_idx].socket
    }

    /// SplitMix64.
    fn id(&mut self) -> u16 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.random;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) as u16
    }

    fn read_datagrams(&mut self, network: &mut dyn Network, socket: SocketId, server_idx: usize) {
        let mut message = Vec::new();
        loop {
            message.clear();
            match network.read(socket, &mut message, DATAGRAM_MAX) {
                Read::Data(_) => {}
                Read::WouldBlock | Read::Eof => return,
                Read::Failed(NetError::Refused) => {
                    // Nobody listens there: all that was asked there is asked elsewhere.
                    let now = network.now();
                    let at = |place: &(usize, u16)| place.0 == server_idx;
                    self.in_flight
                        .iter_mut()
                        .filter(|(place, _)| at(place))
                        .for_each(|(_, query)| query.deadline = now);
                }
                Read::Failed(_) => return,
            }
            let Some(&[high, low]) = message.get(..2).and_then(|bytes| bytes.first_chunk()) else { continue };
            let place = (server_idx, u16::from_be_bytes([high, low]));
            let Some(query) = self.in_flight.get(&place) else { continue };
            if let Some(reply) = query.question.decode(place.1, &message) {
                self.replied(network, place, reply);
            }
        }
    }

    fn replied(&mut self, network: &mut dyn Network, place: (usize, u16), reply: Reply) {
        let server = &mut self.servers[place.0];
        if reply == Reply::Truncated
            && let Some(query) = self.in_flight.get_mut(&place)
            && query.tcp.is_none()
            && let Ok(id) = network.open(Transport::Tcp, Some(server.address), None)
            && let Some(message) = query.question.encode(place.1)
        {
            query.tcp = Some(id);
            let len = (message.len() as u16).to_be_bytes();
            let unsent = [&len[..], &message].concat();
            self.by_socket.insert(id, Via::Stream { place, unsent, received: Vec::new() });
            return self.advance_stream(network, id);
        }
        let Some(query) = self.in_flight.remove(&place) else { return };
        server.active -= 1;
        server.window = (server.window + 2.0).min(WINDOW.2);
        self.end_stream(network, query.tcp);
        let answer = match reply {
            Reply::Names(names) => Answer::Names(names),
            Reply::Addresses(addresses) => Answer::Addresses(addresses),
            Reply::NoName => Answer::NoName,
            Reply::Truncated | Reply::Refused => return self.queue.push_front(Query { tcp: None, ..query }),
        };
        self.answers.push((query.number, answer));
    }

    fn advance_stream(&mut self, network: &mut dyn Network, id: SocketId) {
        let Some(Via::Stream { place, unsent, received }) = self.by_socket.get_mut(&id) else { return };
        let place = *place;
        match network.connect_result(id) {
            None => return,
            Some(Err(_)) => return self.end_stream(network, Some(id)),
            Some(Ok(())) => {}
        }
        while !unsent.is_empty() {
            match network.write(id, unsent) {
                Write::Written(len) => drop(unsent.drain(..len)),
                Write::WouldBlock => return,
                Write::Failed(_) => return self.end_stream(network, Some(id)),
            }
        }
        loop {
            if let Some((len, message)) = received.split_first_chunk::<2>()
                && let Some(message) = message.get(..usize::from(u16::from_be_bytes(*len)))
            {
                let reply = self.in_flight.get(&place).and_then(|query| query.question.decode(place.1, message));
                return match reply {
                    Some(reply) => self.replied(network, place, reply),
                    None => self.end_stream(network, Some(id)),
                };
            }
            match network.read(id, received, TCP_MAX.saturating_sub(received.len()).max(1)) {
                Read::Data(_) if received.len() <= TCP_MAX => {}
                Read::WouldBlock => return,
                _ => return self.end_stream(network, Some(id)),
            }
        }
    }

    fn end_stream(&mut self, network: &mut dyn Network, id: Option<SocketId>) {
        if let Some(id) = id {
            self.by_socket.remove(&id);
            network.close(id);
        }
    }

    fn expire(&mut self, network: &mut dyn Network) {
        let now = network.now();
        let late: Vec<(usize, u16)> =
            self.in_flight.iter().filter(|(_, query)| query.deadline <= now).map(|(place, _)| *place).collect();
        for place in late {
            let Some(query) = self.in_flight.remove(&place) else { continue };
            let server = &mut self.servers[place.0];
            server.active -= 1;
            server.window = (server.window * 0.7).max(WINDOW.1);
            self.end_stream(network, query.tcp);
            self.queue.push_front(Query { tcp: None, ..query });
        }
    }
}

/// Asks everything and waits for the answers, in the order of the questions. `stop` ends it early.
pub fn resolve(
    network: &mut dyn Network,
    servers: &[SocketAddr],
    questions: Vec<Question>,
    seed: u64,
    mut stop: impl FnMut(usize) -> bool,
) -> Vec<Answer> {
    let mut answers = vec![Answer::Failed; questions.len()];
    let mut resolver = Resolver::new(servers, seed);
    questions.into_iter().for_each(|question| _ = resolver.ask(question));
    let mut ready = Vec::new();
    loop {
        resolver.advance(network, &ready);
        for (number, answer) in resolver.take_answers() {
            answers[number] = answer;
        }
        if resolver.is_done() || stop(resolver.open_count()) {
            resolver.close(network);
            return answers;
        }
        ready.clear();
        let now = network.now();
        let until = resolver.next_moment().unwrap_or(now).min(now.after(LOOK_MS));
        network.wait(Some(until), &mut ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_addresses_that_may_have_a_zone() {
        let text = "# none\nnameserver 10.0.0.1 ; one\nnameserver\t::1\nnameserver fe80::1%7\nnameserver fe80::1%no-such\n\
            nameserver name.example\nsearch a.example\n";
        let servers: Vec<String> = servers_of(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[::1]:53", "[fe80::1%7]:53"]);
    }
}
