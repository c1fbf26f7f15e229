//! The other side of a conversation: a service on loopback that follows the blocks of a file.

use super::file::{Block, Step};
use super::pattern::{self, Token};
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A client that sends nothing for so long waits for an answer.
const QUIET: Duration = Duration::from_millis(100);

/// A running service. What a client sent and no line expects is known once the client has left: it has its own
/// time-outs, and how busy the machine is decides nothing.
#[derive(Debug)]
pub(super) struct Peer {
    pub port: u16,
    plan: Arc<Plan>,
    server: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
struct Plan {
    blocks: Vec<Block>,
    /// How many blocks `talk` were begun.
    begun: AtomicUsize,
    ended: AtomicBool,
    complaints: Mutex<Vec<String>>,
    damage: Option<Mutex<Random>>,
}

/// A generator that needs no quality, but gives the same numbers for the same seed.
#[derive(Debug)]
struct Random(u64);

/// One connection, or what one address sends to a UDP port.
#[derive(Debug)]
struct Session {
    block: Option<Block>,
    at: usize,
    received: Vec<u8>,
    /// What was asked for last may have anything at its end.
    is_wild: bool,
}

/// What to do after bytes were received.
#[derive(Default, Debug)]
struct Reply {
    messages: Vec<Vec<u8>>,
    close: bool,
}

impl Peer {
    /// With a seed, what is sent is damaged, and who sends what no line expects is left.
    pub fn start(blocks: Vec<Block>, udp: bool, damage: Option<u64>) -> Peer {
        let (begun, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        let damage = damage.map(|seed| Mutex::new(Random(seed)));
        let plan = Arc::new(Plan { blocks, begun, ended, complaints: Mutex::default(), damage });
        let any = (Ipv4Addr::LOCALHOST, 0);
        let shared = Arc::clone(&plan);
        let (port, server) = if udp {
            let socket = UdpSocket::bind(any).expect("loopback has a free port");
            let port = socket.local_addr().expect("it is bound").port();
            (port, std::thread::spawn(move || datagrams(&socket, &shared)))
        } else {
            let listener = TcpListener::bind(any).expect("loopback has a free port");
            let port = listener.local_addr().expect("it is bound").port();
            (port, std::thread::spawn(move || connections(&listener, &shared)))
        };
        Peer { port, plan, server }
    }

    /// Ends the service; what did not go as the file says.
    pub fn complaints(self) -> Vec<String> {
        self.plan.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        self.server.join().expect("a service does not panic");
        let mut complaints = std::mem::take(&mut *self.plan.complaints.lock().expect("nobody panics with it"));
        let (begun, talks) = (self.plan.begun.load(Ordering::Relaxed), self.plan.talks().count());
        if begun < talks {
            complaints.push(format!("{begun} of {talks} conversations were begun"));
        }
        complaints
    }
}

impl Random {
    /// Below the limit.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    /// Flips, cuts, repeats or inserts bytes.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(5) {
                0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.below(256) as u8),
                1 => bytes.truncate(at),
                2 => {
                    let part: Vec<u8> = bytes.iter().skip(self.below(bytes.len())).take(64).copied().collect();
                    _ = bytes.splice(at..at, part);
                }
                3 => _ = bytes.splice(at..at, vec![self.below(256) as u8; 1 + self.below(8)]),
                _ => bytes.iter_mut().skip(at).take(1 + self.below(4)).for_each(|byte| *byte = 0xff),
            }
        }
    }
}

impl Plan {
    /// What is sent in place of a message.
    fn message(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(random) = &self.damage {
            random.lock().expect("nobody panics with it").damage(&mut bytes);
        }
        bytes
    }

    fn talks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| !block.answers)
    }

    fn complain(&self, what: &str, bytes: &[u8]) {
        let mut complaints = self.complaints.lock().expect("nobody panics with it");
        complaints.push(format!("{what}: {}", bytes.escape_ascii()));
    }
}

impl Session {
    /// The next conversation, else the answers.
    fn begin(plan: &Plan) -> Session {
        let idx = plan.begun.fetch_add(1, Ordering::Relaxed);
        let block = plan.talks().nth(idx).or_else(|| plan.blocks.iter().find(|block| block.answers));
        Session { block: block.cloned(), at: 0, received: Vec::new(), is_wild: false }
    }

    /// Goes on as far as what was received allows.
    fn advance(&mut self, waits: bool) -> Reply {
        let mut reply = Reply::default();
        let Some(block) = self.block.take() else {
            reply.close = true;
            return reply;
        };
        while !reply.close && self.step(&block, waits, &mut reply) {}
        self.block = Some(block);
        reply
    }

    /// One step; false when bytes are missing.
    fn step(&mut self, block: &Block, waits: bool, reply: &mut Reply) -> bool {
        match block.steps.get(self.at) {
            Some(Step::Send(bytes)) => reply.messages.push(bytes.clone()),
            Some(Step::Close) => reply.close = true,
            Some(Step::Expect(_)) | None if block.answers => return self.choose(block, waits),
            Some(Step::Expect(tokens)) => match pattern::matched(tokens, &self.received, waits) {
                Some(len) => self.take(tokens, len),
                None => return false,
            },
            None => return false,
        }
        self.at += 1;
        true
    }

    /// Goes on behind the case that was asked for.
    fn choose(&mut self, block: &Block, waits: bool) -> bool {
        for (idx, step) in block.steps.iter().enumerate() {
            let Step::Expect(tokens) = step else { continue };
            if let Some(len) = pattern::matched(tokens, &self.received, waits).filter(|len| *len > 0) {
                self.take(tokens, len);
                self.at = idx + 1;
                return true;
            }
        }
        false
    }

    fn take(&mut self, tokens: &[Token], len: usize) {
        self.received.drain(..len);
        self.is_wild = tokens.last() == Some(&Token::Many);
    }

    /// Whether the client owes something, or sent what no line expects.
    fn is_open(&self) -> bool {
        let Some(block) = &self.block else { return false };
        let owes = !block.answers && matches!(block.steps.get(self.at), Some(Step::Expect(_)));
        owes || !(self.is_wild || self.received.is_empty())
    }
}

/// Serves until the service has ended and every client has left.
fn connections(listener: &TcpListener, plan: &Plan) {
    std::thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            if plan.ended.load(Ordering::Relaxed) {
                return;
            }
            let mut session = Session::begin(plan);
            scope.spawn(move || connection(stream, &mut session, plan));
        }
    });
}

fn connection(mut stream: TcpStream, session: &mut Session, plan: &Plan) {
    let mut buffer = [0; 16384];
    let mut heard = Instant::now();
    let _ = stream.set_read_timeout(Some(QUIET));
    let mut waits = false;
    loop {
        let reply = session.advance(waits);
        for message in reply.messages {
            if stream.write_all(&plan.message(message)).is_err() {
                return;
            }
        }
        if reply.close {
            return;
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                session.received.extend_from_slice(&buffer[..count]);
                heard = Instant::now();
                waits = false;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if plan.ended.load(Ordering::Relaxed) {
                    break;
                }
                waits = true;
            }
            Err(_) => break,
        }
        if waits && plan.damage.is_some() && heard.elapsed() > 2 * QUIET {
            return;
        }
    }
    if session.is_open() {
        plan.complain("the client left the conversation; unanswered", &session.received);
    }
}

fn datagrams(socket: &UdpSocket, plan: &Plan) {
    let mut sessions: HashMap<SocketAddr, Session> = HashMap::new();
    let mut buffer = [0; 65536];
    let _ = socket.set_read_timeout(Some(QUIET));
    while !plan.ended.load(Ordering::Relaxed) {
        let Ok((count, address)) = socket.recv_from(&mut buffer) else { continue };
        let session = sessions.entry(address).or_insert_with(|| Session::begin(plan));
        session.received.clear();
        session.received.extend_from_slice(&buffer[..count]);
        for message in session.advance(true).messages {
            let _ = socket.send_to(&plan.message(message), address);
        }
        if !session.received.is_empty() {
            plan.complain("the client sent what no line expects", &session.received);
        }
    }
}
