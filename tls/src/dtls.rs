//! A connection over datagrams: DTLS 1.0 and 1.2.
//!
//! The handshake is that of streams; here are the records with their own sequence numbers, messages in fragments, the
//! cookie exchange, and sending again what was lost. The caller passes the time in and asks when it next matters.
//!
//! A datagram can come from anybody, so what does not fit is dropped without a word, as the standard wants it; only
//! what
//! the handshake itself refuses, and alerts, end the connection.
//!
//! # Invariants
//! - D1. `flight` holds our last flight until the answer to it is complete, and `deadline` is set exactly then.
//! - D2. `partial` holds messages numbered from `next_message` up to `EARLY_MESSAGES_MAX` further.
//!
//! # Source
//! RFC 6347, RFC 4347. Differences: no path discovery, a fixed greatest datagram.

use crate::cipher::{Header, Protection};
use crate::codec::{Put, Reader};
use crate::config::Config;
use crate::connection::{State, content};
use crate::handshake::{Effect, Handshake, Message, Peer};
use crate::limits::{
    DATAGRAM_LEN_MAX, EARLY_MESSAGES_MAX, HANDSHAKE_BYTES_MAX, HANDSHAKE_RECORDS_MAX, IDLE_MESSAGES_MAX,
    MESSAGE_LEN_MAX, RECORD_LEN_MAX, RECORD_PLAINTEXT_MAX, RETRANSMITS_MAX,
};
use crate::{Alert, Rng, TlsError, Version};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

/// Time until a flight is sent again for the first time; it doubles each time (RFC 6347 §4.2.4.1).
const TIMEOUT_FIRST: Duration = Duration::from_secs(1);
/// Bytes of a record's header.
const RECORD_HEADER_LEN: usize = 13;
/// Bytes of a message's header.
const MESSAGE_HEADER_LEN: usize = 12;
/// Most that protection adds to a record: vector, MAC, padding.
const PROTECTION_LEN_MAX: usize = 16 + 48 + 16;
/// Body bytes of a fragment that we send.
const FRAGMENT_LEN_MAX: usize = DATAGRAM_LEN_MAX - RECORD_HEADER_LEN - MESSAGE_HEADER_LEN - PROTECTION_LEN_MAX;

/// A client's end of a DTLS connection.
///
/// `now` is the time since any moment of the caller's choice; it never runs backwards.
pub struct DtlsConnection {
    handshake: Handshake,
    state: State,
    output: VecDeque<Vec<u8>>,
    received: VecDeque<Vec<u8>>,
    /// Our keys by epoch: 0 for none, 1 after the change of cipher.
    write: Vec<WriteEpoch>,
    read: ReadEpoch,
    /// Our last flight: epoch, type and content of each record, messages unfragmented.
    flight: Vec<(usize, u8, Vec<u8>)>,
    deadline: Option<Duration>,
    timeout: Duration,
    retransmits: u32,
    /// Number of the server's next message.
    next_message: u16,
    partial: BTreeMap<u16, Partial>,
    record_version: u16,
    records: usize,
    bytes: usize,
    idle: usize,
}

struct WriteEpoch {
    protection: Protection,
    seq: u64,
}

/// The server's keys, and which of its records came already.
struct ReadEpoch {
    protection: Protection,
    epoch: u16,
    /// One above the highest number seen.
    next: u64,
    /// The 64 numbers below `next`, the lowest bit for the highest.
    seen: u64,
}

impl ReadEpoch {
    fn new(protection: Protection, epoch: u16) -> ReadEpoch {
        ReadEpoch { protection, epoch, next: 0, seen: 0 }
    }

    /// Whether a record with this number may still come.
    fn is_fresh(&self, seq: u64) -> bool {
        self.next <= seq || (self.next - seq <= 64 && self.seen >> (self.next - 1 - seq) & 1 == 0)
    }

    fn mark(&mut self, seq: u64) {
        if self.next <= seq {
            let shift = seq + 1 - self.next;
            self.seen = if shift < 64 { self.seen << shift } else { 0 } | 1;
            self.next = seq + 1;
        } else {
            self.seen |= 1 << (self.next - 1 - seq);
        }
    }
}

/// A message of which not all has come.
struct Partial {
    kind: u8,
    /// Header as the transcript has it, then the body.
    raw: Vec<u8>,
    have: Vec<bool>,
    missing: usize,
}

impl DtlsConnection {
    /// Starts a connection: the hello is in the output at once. TLS 1.2 stands for DTLS 1.2 in `config`, 1.1 for DTLS
    /// 1.0.
    ///
    /// # Errors
    /// [`TlsError::Config`] for a configuration that offers nothing, [`TlsError::Random`].
    pub fn new(config: Config, rng: Box<dyn Rng>, now: Duration) -> Result<DtlsConnection, TlsError> {
        let mut connection = DtlsConnection {
            handshake: Handshake::new(config, rng, true)?,
            state: State::Handshaking,
            output: VecDeque::new(),
            received: VecDeque::new(),
            write: vec![WriteEpoch { protection: Protection::None, seq: 0 }],
            read: ReadEpoch::new(Protection::None, 0),
            flight: Vec::new(),
            deadline: None,
            timeout: TIMEOUT_FIRST,
            retransmits: 0,
            next_message: 0,
            partial: BTreeMap::new(),
            // The first hello's records say 1.0, whatever is offered (RFC 6347 §4.1).
            record_version: Version::Tls11.datagram_code(),
            records: 0,
            bytes: 0,
            idle: 0,
        };
        connection.carry_out(now)?;
        Ok(connection)
    }

    /// Takes in one datagram.
    ///
    /// # Errors
    /// Whatever ends the connection. Datagrams that do not belong to it are no errors.
    pub fn receive(&mut self, datagram: &[u8], now: Duration) -> Result<(), TlsError> {
        match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::PeerClosed | State::Closed => return Ok(()),
            State::Handshaking | State::Open => {}
        }
        self.process(datagram, now).map_err(|error| self.fail(error))
    }

    /// When [`DtlsConnection::tick`] is due; `None` when nothing is awaited.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Tells the time: a flight without an answer is sent again.
    ///
    /// # Errors
    /// [`TlsError::Silent`] when it was sent often enough; the error that ended the connection.
    pub fn tick(&mut self, now: Duration) -> Result<(), TlsError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.retransmits == RETRANSMITS_MAX {
            return Err(self.fail(TlsError::Silent));
        }
        self.retransmits += 1;
        self.timeout *= 2;
        self.send_flight(now).map_err(|error| self.fail(error))
    }

    /// The next datagram for the peer.
    pub fn take_datagram(&mut self) -> Option<Vec<u8>> {
        self.output.pop_front()
    }

    /// Data of the next record from the peer.
    pub fn take_received(&mut self) -> Option<Vec<u8>> {
        self.received.pop_front()
    }

    /// Encrypts data for the peer into one datagram.
    ///
    /// # Errors
    /// [`TlsError::NotOpen`] before the end of the handshake and after the close; [`TlsError::Config`] for data that
    /// no record holds.
    pub fn send(&mut self, data: &[u8]) -> Result<(), TlsError> {
        match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Open => {}
            State::Handshaking | State::PeerClosed | State::Closed => return Err(TlsError::NotOpen),
        }
        if RECORD_PLAINTEXT_MAX < data.len() {
            return Err(TlsError::Config("too much data for one datagram"));
        }
        let record = self.seal(self.write.len() - 1, content::DATA, data)?;
        self.output.push_back(record);
        Ok(())
    }

    /// Ends the connection from our side: a close_notify is in the output.
    pub fn close(&mut self) {
        if matches!(self.state, State::Handshaking | State::Open) {
            self.send_alert(1, Alert::CLOSE_NOTIFY);
            self.deadline = None;
            self.state = State::Closed;
        }
    }

    /// How far the connection is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether data may flow.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// What is known of the server: from its hello on, after a failure too.
    pub fn peer(&self) -> Option<&Peer> {
        self.handshake.common.peer.as_ref()
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn fail(&mut self, error: TlsError) -> TlsError {
        if let Some(alert) = error.alert() {
            self.send_alert(2, alert);
        }
        self.partial.clear();
        self.flight.clear();
        self.deadline = None;
        self.state = State::Failed(error.clone());
        error
    }

    fn send_alert(&mut self, level: u8, alert: Alert) {
        // An alert that cannot be encrypted for want of random numbers stays unsaid.
        if let Ok(record) = self.seal(self.write.len() - 1, content::ALERT, &[level, alert.0]) {
            self.output.push_back(record);
        }
    }

    fn process(&mut self, datagram: &[u8], now: Duration) -> Result<(), TlsError> {
        let mut reader = Reader::new(datagram, "datagram");
        while !reader.is_empty() && matches!(self.state, State::Handshaking | State::Open) {
            // A datagram that is no record, or half of one, is somebody else's.
            let Ok((kind, version, seq, fragment)) = read_record(&mut reader) else { break };
            if self.state == State::Handshaking {
                self.records += 1;
                self.bytes += fragment.len();
                if HANDSHAKE_RECORDS_MAX < self.records {
                    let what = "records before the end of the handshake";
                    return Err(TlsError::Limit { what, max: HANDSHAKE_RECORDS_MAX });
                }
                if HANDSHAKE_BYTES_MAX < self.bytes {
                    let what = "bytes before the end of the handshake";
                    return Err(TlsError::Limit { what, max: HANDSHAKE_BYTES_MAX });
                }
            }
            let number = seq & 0xffff_ffff_ffff;
            let epoch = (seq >> 48) as u16;
            if epoch != self.read.epoch || !self.read.is_fresh(number) {
                continue;
            }
            let mut fragment = fragment.to_vec();
            let Ok((kind, range)) = self.read.protection.open(Header { seq, kind, version }, &mut fragment) else {
                continue;
            };
            self.read.mark(number);
            self.record(kind, &fragment[range], now)?;
        }
        Ok(())
    }

    fn record(&mut self, kind: u8, data: &[u8], now: Duration) -> Result<(), TlsError> {
        match kind {
            content::DATA if self.state == State::Open => {
                self.idle = 0;
                self.received.push_back(data.to_vec());
                Ok(())
            }
            content::ALERT => self.alert(data),
            content::CHANGE_CIPHER_SPEC if data == [1] => {
                // One that comes too early will come again with its flight.
                if self.handshake.change_cipher_spec().is_ok() { self.carry_out(now) } else { Ok(()) }
            }
            content::HANDSHAKE => {
                let mut reader = Reader::new(data, "handshake fragment");
                while !reader.is_empty() {
                    self.fragment(&mut reader)?;
                }
                self.handle_messages(now)
            }
            _ => Ok(()),
        }
    }

    fn alert(&mut self, data: &[u8]) -> Result<(), TlsError> {
        let &[level, code] = data else { return Ok(()) };
        let alert = Alert(code);
        if alert == Alert::CLOSE_NOTIFY && self.state == State::Open {
            self.state = State::PeerClosed;
            return Ok(());
        }
        if level == 1 && alert != Alert::CLOSE_NOTIFY { self.count_idle() } else { Err(TlsError::Alert(alert)) }
    }

    fn count_idle(&mut self) -> Result<(), TlsError> {
        self.idle += 1;
        if IDLE_MESSAGES_MAX < self.idle {
            return Err(TlsError::Limit { what: "messages in a row without data", max: IDLE_MESSAGES_MAX });
        }
        Ok(())
    }

    /// Puts a fragment where it belongs.
    fn fragment(&mut self, reader: &mut Reader<'_>) -> Result<(), TlsError> {
        let kind = reader.u8()?;
        let len = reader.u24()?;
        let seq = reader.u16()?;
        let start = reader.u24()?;
        let bytes_len = reader.u24()?;
        let bytes = reader.take(bytes_len)?;
        if MESSAGE_LEN_MAX < len {
            return Err(TlsError::Limit { what: "bytes in a handshake message", max: MESSAGE_LEN_MAX });
        }
        if len < start + bytes_len {
            return Err(TlsError::Malformed { what: "handshake fragment" });
        }
        // Old ones came again; those far ahead will.
        let ahead = seq.wrapping_sub(self.next_message);
        if EARLY_MESSAGES_MAX <= usize::from(ahead) {
            return Ok(());
        }
        let partial = self.partial.entry(seq).or_insert_with(|| Partial::new(kind, len, seq));
        if partial.kind != kind || partial.have.len() != len {
            return Ok(());
        }
        for (idx, byte) in bytes.iter().enumerate() {
            if !partial.have[start + idx] {
                partial.have[start + idx] = true;
                partial.missing -= 1;
                partial.raw[MESSAGE_HEADER_LEN + start + idx] = *byte;
            }
        }
        Ok(())
    }

    fn handle_messages(&mut self, now: Duration) -> Result<(), TlsError> {
        while self.partial.get(&self.next_message).is_some_and(|partial| partial.missing == 0) {
            let partial = self.partial.remove(&self.next_message).expect("it was there");
            self.next_message = self.next_message.wrapping_add(1);
            if self.state == State::Open {
                self.count_idle()?;
            }
            // The answer has begun: from here on the waiting starts anew.
            self.retransmits = 0;
            let body = &partial.raw[MESSAGE_HEADER_LEN..];
            self.handshake.receive(&Message { kind: partial.kind, body, raw: &partial.raw })?;
            self.carry_out(now)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, now: Duration) -> Result<(), TlsError> {
        let mut flight = Vec::new();
        for effect in std::mem::take(&mut self.handshake.common.effects) {
            let epoch = self.write.len() - 1;
            match effect {
                Effect::Send(raw) => flight.push((epoch, content::HANDSHAKE, raw)),
                Effect::Warn(alert) => self.send_alert(1, alert),
                Effect::ChangeCipherSpec => flight.push((epoch, content::CHANGE_CIPHER_SPEC, vec![1])),
                Effect::Write(protection) => self.write.push(WriteEpoch { protection, seq: 0 }),
                Effect::Read(protection) => self.read = ReadEpoch::new(protection, self.read.epoch + 1),
                Effect::Version(version) => self.record_version = version.datagram_code(),
                Effect::Done => {
                    self.state = State::Open;
                    self.flight.clear();
                    self.deadline = None;
                }
            }
        }
        if !flight.is_empty() {
            self.flight = flight;
            self.timeout = TIMEOUT_FIRST;
            self.retransmits = 0;
            self.send_flight(now)?;
        }
        Ok(())
    }

    /// Sends our last flight, as many records to a datagram as fit.
    fn send_flight(&mut self, now: Duration) -> Result<(), TlsError> {
        let mut datagram = Vec::new();
        for (epoch, kind, content) in self.flight.clone() {
            let pieces = if kind == content::HANDSHAKE { fragments(&content) } else { vec![content] };
            for piece in pieces {
                let record = self.seal(epoch, kind, &piece)?;
                if DATAGRAM_LEN_MAX < datagram.len() + record.len() {
                    self.output.push_back(std::mem::take(&mut datagram));
                }
                datagram.extend(record);
            }
        }
        self.output.push_back(datagram);
        self.deadline = Some(now + self.timeout);
        Ok(())
    }

    fn seal(&mut self, epoch: usize, kind: u8, data: &[u8]) -> Result<Vec<u8>, TlsError> {
        let keys = &mut self.write[epoch];
        let seq = (epoch as u64) << 48 | keys.seq;
        let mut sealed = Vec::with_capacity(data.len() + PROTECTION_LEN_MAX);
        let header = Header { seq, kind, version: self.record_version };
        keys.protection.seal(header, data, &mut *self.handshake.common.rng, &mut sealed)?;
        keys.seq += 1;
        let mut record = Vec::with_capacity(RECORD_HEADER_LEN + sealed.len());
        record.put_u8(kind);
        record.put_u16(self.record_version);
        record.extend_from_slice(&seq.to_be_bytes());
        record.put_vec16(&sealed);
        Ok(record)
    }
}

impl Partial {
    fn new(kind: u8, len: usize, seq: u16) -> Partial {
        let mut raw = Vec::with_capacity(MESSAGE_HEADER_LEN + len);
        raw.put_u8(kind);
        raw.put_u24(len);
        raw.put_u16(seq);
        raw.put_u24(0);
        raw.put_u24(len);
        raw.resize(MESSAGE_HEADER_LEN + len, 0);
        Partial { kind, raw, have: vec![false; len], missing: len }
    }
}

/// Type, version, epoch with number, content.
fn read_record<'a>(reader: &mut Reader<'a>) -> Result<(u8, u16, u64, &'a [u8]), TlsError> {
    let kind = reader.u8()?;
    let version = reader.u16()?;
    let epoch = reader.u16()?;
    let seq = u64::from(epoch) << 48 | reader.u48()?;
    let fragment = reader.vec16()?;
    let known = (20..=23).contains(&kind) && version >> 8 == 0xfe && fragment.len() <= RECORD_LEN_MAX;
    if known { Ok((kind, version, seq, fragment)) } else { Err(reader.malformed()) }
}

/// A message in pieces, each with its header.
fn fragments(raw: &[u8]) -> Vec<Vec<u8>> {
    let (header, body) = raw.split_at(MESSAGE_HEADER_LEN);
    let mut out = Vec::new();
    let mut start = 0;
    loop {
        let len = FRAGMENT_LEN_MAX.min(body.len() - start);
        let mut piece = header[..6].to_vec();
        piece.put_u24(start);
        piece.put_u24(len);
        piece.extend_from_slice(&body[start..start + len]);
        out.push(piece);
        start += len;
        if start == body.len() {
            return out;
        }
    }
}

impl fmt::Debug for DtlsConnection {
    /// Shows no secrets and no data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsConnection").field("state", &self.state).field("peer", &self.peer()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;

    fn connection() -> DtlsConnection {
        DtlsConnection::new(Config::default(), Box::new(SystemRng), Duration::ZERO).unwrap()
    }

    /// A handshake fragment in a record of its own.
    fn datagram(seq: u64, kind: u8, len: usize, message: u16, start: usize, bytes: &[u8]) -> Vec<u8> {
        let mut fragment = vec![kind];
        fragment.put_u24(len);
        fragment.put_u16(message);
        fragment.put_u24(start);
        fragment.put_u24(bytes.len());
        fragment.extend_from_slice(bytes);
        let mut out = vec![22, 0xfe, 0xff];
        out.extend_from_slice(&seq.to_be_bytes());
        out.put_vec16(&fragment);
        out
    }

    #[test]
    fn a_silent_peer_is_asked_again_then_given_up() {
        let mut connection = connection();
        let mut sent = Vec::new();
        let mut now = Duration::ZERO;
        let error = loop {
            while connection.take_datagram().is_some() {
                sent.push(now.as_secs());
            }
            now = connection.deadline().unwrap();
            assert_eq!(connection.tick(now - Duration::from_millis(1)), Ok(()));
            assert!(!connection.output.iter().any(|_| true));
            if let Err(error) = connection.tick(now) {
                break error;
            }
        };
        assert_eq!((sent, error), (vec![0, 1, 3, 7, 15, 31, 63], TlsError::Silent));
        assert_eq!((connection.deadline(), connection.tick(now)), (None, Err(TlsError::Silent)));
    }

    #[test]
    fn a_cookie_in_fragments_and_out_of_order_is_sent_back() {
        let mut connection = connection();
        let first = connection.take_datagram().unwrap();
        let body = [0xfe, 0xff, 4, b'a', b'b', b'c', b'd'];
        let mut receive = |datagram: &[u8]| connection.receive(datagram, Duration::ZERO).unwrap();
        receive(&datagram(2, 3, 7, 0, 4, &body[4..]));
        receive(b"noise");
        receive(&datagram(2, 3, 7, 0, 0, &body[..4])); // A number that came already.
        receive(&datagram(0, 3, 7, 0, 2, &body[2..5]));
        receive(&datagram(1, 3, 7, 0, 0, &body[..4]));
        let second = connection.take_datagram().unwrap();
        assert!(connection.take_datagram().is_none());
        // Version, random, an empty session, the cookie.
        let cookie_at = RECORD_HEADER_LEN + MESSAGE_HEADER_LEN + 2 + 32 + 1;
        assert_eq!(first[cookie_at], 0);
        assert_eq!(&second[cookie_at..cookie_at + 5], b"\x04abcd");
        assert_eq!(first[cookie_at - 33..cookie_at], second[cookie_at - 33..cookie_at]);
    }

    #[test]
    fn limits_hold() {
        let big = datagram(0, 2, MESSAGE_LEN_MAX + 1, 0, 0, &[]);
        let res = connection().receive(&big, Duration::ZERO);
        assert_eq!(res, Err(TlsError::Limit { what: "bytes in a handshake message", max: MESSAGE_LEN_MAX }));

        let mut many = connection();
        let res = (0..).map(|seq| many.receive(&datagram(seq, 2, 9, 9, 0, &[]), Duration::ZERO)).find(Result::is_err);
        assert!(matches!(res, Some(Err(TlsError::Limit { max: HANDSHAKE_RECORDS_MAX, .. }))));

        let mut early = connection();
        for message in 0..100 {
            early.receive(&datagram(u64::from(message), 2, 9, message, 0, &[]), Duration::ZERO).unwrap();
        }
        assert_eq!(early.partial.len(), EARLY_MESSAGES_MAX);

        let mut verify = connection();
        let body = [0xfe, 0xff, 1, 7];
        let res =
            (0..).map(|n| verify.receive(&datagram(n.into(), 3, 4, n, 0, &body), Duration::ZERO)).find(Result::is_err);
        assert_eq!(res, Some(Err(TlsError::Limit { what: "HelloVerifyRequests", max: 4 })));
    }

    /// Any bytes at all, in datagrams and in fragments that look right from outside.
    #[test]
    fn noise_does_no_harm() {
        let mut noise = crate::puppet::Noise(0x2545_f491_4f6c_dd1d);
        for _ in 0..10_000 {
            let mut connection = connection();
            for seq in 0..6 {
                let len = (noise.next() % 90) as usize;
                let bytes: Vec<u8> = (0..len).map(|_| noise.next() as u8).collect();
                let kind = (noise.next() % 25) as u8;
                let bytes = match noise.next() % 3 {
                    0 => bytes,
                    1 => datagram(seq, kind, len, (noise.next() % 3) as u16, 0, &bytes),
                    _ => datagram(seq, kind, len + (noise.next() % 9) as usize, 0, (noise.next() % 9) as usize, &bytes),
                };
                let _ = connection.receive(&bytes, Duration::from_secs(seq));
                let _ = connection.tick(Duration::from_secs(seq));
                while connection.take_datagram().is_some() {}
            }
        }
    }

    #[test]
    fn records_count_once() {
        let mut epoch = ReadEpoch::new(Protection::None, 0);
        let mut check = |seq: u64, fresh: bool| {
            assert_eq!(epoch.is_fresh(seq), fresh, "{seq}");
            if fresh {
                epoch.mark(seq);
            }
        };
        check(0, true);
        check(0, false);
        check(5, true);
        check(3, true);
        check(3, false);
        check(100, true);
        check(36, false);
        check(37, true);
        check(37, false);
        check(u64::MAX >> 16, true);
        check(101, false);
    }

    #[test]
    fn long_messages_go_in_pieces() {
        let mut raw = vec![11];
        raw.put_u24(3000);
        raw.extend([0, 1, 0, 0, 0]);
        raw.put_u24(3000);
        raw.resize(MESSAGE_HEADER_LEN + 3000, 7);
        let pieces = fragments(&raw);
        assert_eq!(pieces.len(), 3);
        let bytes: usize = pieces.iter().map(|piece| piece.len() - MESSAGE_HEADER_LEN).sum();
        assert_eq!(bytes, 3000);
        assert!(pieces.iter().all(|piece| piece.len() <= FRAGMENT_LEN_MAX + MESSAGE_HEADER_LEN));
    }
}
