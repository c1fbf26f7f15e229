//! A connection over a stream: records in, records out.
//!
//! The caller moves bytes: what the socket gives goes into [`Connection::receive`], what
//! [`Connection::take_output`] gives goes to the socket. Nothing here blocks, reads a clock or opens anything.
//!
//! # Invariants
//! - R1. `input` holds less than one whole record between calls.
//! - R2. `messages` holds less than one whole handshake message between calls, and nothing when the read keys change.
//! - R3. After an error nothing is processed any more, and every call gives the same error.

use crate::cipher::{Header, Protection};
use crate::codec::Put;
use crate::config::Config;
use crate::handshake::{Effect, Handshake, Message, Peer};
use crate::limits::{
    EMPTY_RECORDS_MAX, HANDSHAKE_BYTES_MAX, HANDSHAKE_RECORDS_MAX, IDLE_MESSAGES_MAX, MESSAGE_LEN_MAX, RECORD_LEN_MAX,
    RECORD_PLAINTEXT_MAX, SEND_LEN_MAX,
};
use crate::{Alert, Rng, TlsError, Version};
use std::fmt;
use zeroize::Zeroize;

/// Numbers of record types.
pub(crate) mod content {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const DATA: u8 = 23;
}

/// How far a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The handshake is under way.
    Handshaking,
    /// Data may flow both ways.
    Open,
    /// The peer sent its last byte, with or without saying so; what it sent before can still be taken.
    PeerClosed,
    /// We closed.
    Closed,
    /// It failed, for this reason.
    Failed(TlsError),
}

/// A client's end of a TLS connection.
pub struct Connection {
    handshake: Handshake,
    state: State,
    input: Vec<u8>,
    output: Vec<u8>,
    received: Vec<u8>,
    /// Handshake bytes that make no whole message yet.
    messages: Vec<u8>,
    read: Direction,
    write: Direction,
    /// The version field of the records we send.
    record_version: u16,
    counts: Counts,
}

/// One direction's keys and sequence number.
struct Direction {
    protection: Protection,
    seq: u64,
}

impl Direction {
    fn new(protection: Protection) -> Direction {
        Direction { protection, seq: 0 }
    }
}

/// What the limits count.
#[derive(Debug, Default)]
struct Counts {
    /// Records before the handshake ends.
    records: usize,
    /// Bytes before the handshake ends.
    bytes: usize,
    /// Records in a row without data.
    empty: usize,
    /// Messages in a row that are no data, after the handshake.
    idle: usize,
}

impl Connection {
    /// Starts a connection: the hello is in the output at once.
    ///
    /// # Errors
    /// [`TlsError::Config`] for a configuration that offers nothing, [`TlsError::Random`].
    pub fn new(config: Config, rng: Box<dyn Rng>) -> Result<Connection, TlsError> {
        Connection::with_handshake(Handshake::new(config, rng, false)?)
    }

    pub(crate) fn with_handshake(handshake: Handshake) -> Result<Connection, TlsError> {
        // Old servers want to see an old version in the first record.
        let record_version = handshake.common.config.version_max().min(Version::Tls10).code();
        let mut connection = Connection {
            handshake,
            state: State::Handshaking,
            input: Vec::new(),
            output: Vec::new(),
            received: Vec::new(),
            messages: Vec::new(),
            read: Direction::new(Protection::None),
            write: Direction::new(Protection::None),
            record_version,
            counts: Counts::default(),
        };
        connection.carry_out()?;
        Ok(connection)
    }

    /// Takes in bytes from the peer, any number of them.
    ///
    /// # Errors
    /// Whatever ends the connection; the output then may hold an alert for the peer, and data that came before the
    /// error
    /// can still be taken. After the peer's close bytes are ignored.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::PeerClosed | State::Closed => return Ok(()),
            State::Handshaking | State::Open => {}
        }
        self.process(bytes).map_err(|error| self.fail(error))
    }

    /// The peer's end of the stream has come, with or without a close_notify.
    ///
    /// # Errors
    /// [`TlsError::ClosedEarly`] when the handshake was under way; afterwards it is a normal end.
    pub fn receive_end(&mut self) -> Result<(), TlsError> {
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Handshaking => {
                // A peer that said a few words that make no record, and left, did not speak TLS.
                let words = !looks_like_record(&self.input) && self.counts.records == 0;
                let error = if words { self.not_tls() } else { TlsError::ClosedEarly };
                Err(self.fail(error))
            }
            State::Open => {
                self.state = State::PeerClosed;
                Ok(())
            }
            State::PeerClosed | State::Closed => Ok(()),
        }
    }

    /// Bytes for the peer.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether there are bytes for the peer.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Encrypts data for the peer into the output.
    ///
    /// # Errors
    /// [`TlsError::NotOpen`] before the end of the handshake and after [`Connection::close`]; the error that ended
    /// the connection.
    pub fn send(&mut self, data: &[u8]) -> Result<(), TlsError> {
        match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Open | State::PeerClosed => {}
            State::Handshaking | State::Closed => return Err(TlsError::NotOpen),
        }
        if SEND_LEN_MAX < data.len() {
            return Err(TlsError::Config("too much data for one call of send"));
        }
        for chunk in data.chunks(RECORD_PLAINTEXT_MAX) {
            self.write_record(content::DATA, chunk)?;
        }
        Ok(())
    }

    /// Data from the peer.
    pub fn take_received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Ends the connection from our side: a close_notify is in the output.
    pub fn close(&mut self) {
        if matches!(self.state, State::Handshaking | State::Open | State::PeerClosed) {
            self.send_alert(1, Alert::CLOSE_NOTIFY);
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
        self.input = Vec::new();
        self.messages = Vec::new();
        self.state = State::Failed(error.clone());
        error
    }

    fn send_alert(&mut self, level: u8, alert: Alert) {
        // An alert that cannot be encrypted for want of random numbers stays unsaid.
        let _ = self.write_record(content::ALERT, &[level, alert.0]);
    }

    fn process(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut start = 0;
        while matches!(self.state, State::Handshaking | State::Open) {
            let rest = &mut input[start..];
            let Some(len) = self.record_len(rest)? else { break };
            start += 5 + len;
            let (header, fragment) = rest[..5 + len].split_at_mut(5);
            self.record(header[0], u16::from_be_bytes([header[1], header[2]]), fragment)?;
        }
        input.drain(..start);
        self.input = input;
        Ok(())
    }

    /// Bytes of the record at the start, without its header; `None` when it is not whole.
    fn record_len(&mut self, bytes: &[u8]) -> Result<Option<usize>, TlsError> {
        if !looks_like_record(bytes) {
            if self.counts.records != 0 {
                return Err(TlsError::Malformed { what: "record header" });
            }
            // Held back until a few words are there, or the stream ends: the first byte alone tells a reader nothing.
            if bytes.len() < 5 {
                return Ok(None);
            }
            if bytes[0] & 0x80 != 0 && bytes[2] == 4 {
                return Err(TlsError::Ssl2);
            }
            return Err(TlsError::NotTls { first_bytes: bytes[..bytes.len().min(32)].to_vec() });
        }
        let Some(&[_, _, _, high, low]) = bytes.first_chunk::<5>() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if RECORD_LEN_MAX < len {
            return Err(TlsError::Limit { what: "bytes in a record", max: RECORD_LEN_MAX });
        }
        if self.state == State::Handshaking && HANDSHAKE_BYTES_MAX < self.counts.bytes + len {
            return Err(TlsError::Limit { what: "bytes before the end of the handshake", max: HANDSHAKE_BYTES_MAX });
        }
        Ok((5 + len <= bytes.len()).then_some(len))
    }

    fn not_tls(&self) -> TlsError {
        TlsError::NotTls { first_bytes: self.input[..self.input.len().min(32)].to_vec() }
    }

    /// A whole record.
    fn record(&mut self, kind: u8, version: u16, fragment: &mut [u8]) -> Result<(), TlsError> {
        self.counts.records = self.counts.records.saturating_add(1);
        if self.state == State::Handshaking {
            self.counts.bytes += fragment.len();
            if HANDSHAKE_RECORDS_MAX < self.counts.records {
                return Err(TlsError::Limit {
                    what: "records before the end of the handshake",
                    max: HANDSHAKE_RECORDS_MAX,
                });
            }
        }
        let (kind, range) = if self.read.protection.is_tls13() && kind != content::DATA {
            // In the clear: a change of cipher for middleboxes, or the alert of a server that never got our keys.
            if self.state != State::Handshaking || kind == content::HANDSHAKE {
                return Err(TlsError::BadRecord);
            }
            (kind, 0..fragment.len())
        } else {
            let header = Header { seq: self.read.seq, kind, version };
            self.read.seq += 1;
            self.read.protection.open(header, fragment)?
        };
        let data = &fragment[range];
        if data.is_empty() {
            self.counts.empty += 1;
            if EMPTY_RECORDS_MAX < self.counts.empty {
                return Err(TlsError::Limit { what: "empty records in a row", max: EMPTY_RECORDS_MAX });
            }
            // Servers of old sent empty data records to hide the initial vector.
            return if kind == content::DATA && self.state == State::Open {
                Ok(())
            } else {
                Err(TlsError::Malformed { what: "record, which is empty" })
            };
        }
        self.counts.empty = 0;
        if !self.messages.is_empty() && kind != content::HANDSHAKE {
            return Err(TlsError::Unexpected { what: content_name(kind), awaited: "the rest of a handshake message" });
        }
        match kind {
            content::DATA if self.state == State::Open && !self.read.protection.is_none() => {
                self.counts.idle = 0;
                self.received.extend_from_slice(data);
                Ok(())
            }
            content::DATA => Err(TlsError::Unexpected { what: content_name(kind), awaited: "a handshake message" }),
            content::ALERT => self.alert(data),
            content::CHANGE_CIPHER_SPEC if data == [1] => {
                self.handshake.change_cipher_spec()?;
                self.carry_out()
            }
            content::HANDSHAKE => {
                self.messages.extend_from_slice(data);
                self.handle_messages()
            }
            _ => Err(TlsError::Unexpected { what: content_name(kind), awaited: "a record of a known type" }),
        }
    }

    fn alert(&mut self, data: &[u8]) -> Result<(), TlsError> {
        let &[level, code] = data else {
            return Err(TlsError::Malformed { what: "alert" });
        };
        let alert = Alert(code);
        let tls13 = self.read.protection.is_tls13();
        if alert == Alert::CLOSE_NOTIFY && self.state == State::Open {
            self.state = State::PeerClosed;
            return Ok(());
        }
        // Warnings pass; TLS 1.3 knows only one, whatever the level says.
        let is_warning = if tls13 { alert == Alert::USER_CANCELED } else { level == 1 && alert != Alert::CLOSE_NOTIFY };
        if is_warning { self.idle() } else { Err(TlsError::Alert(alert)) }
    }

    /// Counts a message that brings nothing.
    fn idle(&mut self) -> Result<(), TlsError> {
        self.counts.idle += 1;
        if IDLE_MESSAGES_MAX < self.counts.idle {
            return Err(TlsError::Limit { what: "messages in a row without data", max: IDLE_MESSAGES_MAX });
        }
        Ok(())
    }

    fn handle_messages(&mut self) -> Result<(), TlsError> {
        let messages = std::mem::take(&mut self.messages);
        let mut rest = &messages[..];
        while let Some(&[kind, a, b, c]) = rest.first_chunk::<4>() {
            let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if MESSAGE_LEN_MAX < len {
                return Err(TlsError::Limit { what: "bytes in a handshake message", max: MESSAGE_LEN_MAX });
            }
            let Some((raw, tail)) = rest.split_at_checked(4 + len) else { break };
            rest = tail;
            if self.state == State::Open {
                self.idle()?;
            }
            self.handshake.receive(&Message { kind, body: &raw[4..], raw })?;
            let changes_keys = self.handshake.common.effects.iter().any(|effect| matches!(effect, Effect::Read(_)));
            if changes_keys && !rest.is_empty() {
                return Err(TlsError::Unexpected {
                    what: "a handshake message under old keys".into(),
                    awaited: "one under new keys",
                });
            }
            self.carry_out()?;
        }
        self.messages = rest.to_vec();
        Ok(())
    }

    fn carry_out(&mut self) -> Result<(), TlsError> {
        for effect in std::mem::take(&mut self.handshake.common.effects) {
            match effect {
                Effect::Send(raw) => {
                    for chunk in raw.chunks(RECORD_PLAINTEXT_MAX) {
                        self.write_record(content::HANDSHAKE, chunk)?;
                    }
                }
                Effect::Warn(alert) => self.write_record(content::ALERT, &[1, alert.0])?,
                Effect::ChangeCipherSpec => self.write_record(content::CHANGE_CIPHER_SPEC, &[1])?,
                Effect::Write(protection) => self.write = Direction::new(protection),
                Effect::Read(protection) => self.read = Direction::new(protection),
                Effect::Version(version) => self.record_version = version.min(Version::Tls12).code(),
                Effect::Done => {
                    if self.state == State::Handshaking {
                        self.state = State::Open;
                    }
                }
            }
        }
        Ok(())
    }

    fn write_record(&mut self, kind: u8, data: &[u8]) -> Result<(), TlsError> {
        let header = Header { seq: self.write.seq, kind, version: self.record_version };
        // In TLS 1.3 every protected record says that it is data.
        let outer = if self.write.protection.is_tls13() { content::DATA } else { kind };
        let start = self.output.len();
        self.output.put_u8(outer);
        self.output.put_u16(self.record_version);
        self.output.put_u16(0);
        let rng = &mut *self.handshake.common.rng;
        if let Err(error) = self.write.protection.seal(header, data, rng, &mut self.output) {
            self.output.truncate(start);
            return Err(error);
        }
        self.write.seq += 1;
        let len = u16::try_from(self.output.len() - start - 5).expect("a sealed record is below 64 KiB");
        self.output[start + 3..start + 5].copy_from_slice(&len.to_be_bytes());
        Ok(())
    }
}

/// Whether a record may begin so.
fn looks_like_record(bytes: &[u8]) -> bool {
    matches!(bytes.first(), None | Some(20..=23)) && matches!(bytes.get(1), None | Some(3))
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.received.zeroize();
        self.messages.zeroize();
    }
}

/// A record's type, for errors.
pub(crate) fn content_name(kind: u8) -> String {
    match kind {
        content::CHANGE_CIPHER_SPEC => "a change of cipher".into(),
        content::ALERT => "an alert".into(),
        content::HANDSHAKE => "a handshake message".into(),
        content::DATA => "data".into(),
        _ => format!("a record of type {kind}"),
    }
}

impl fmt::Debug for Connection {
    /// Shows no secrets and no data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.state).field("peer", &self.peer()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRng;
    use crate::puppet::Noise;

    fn connection() -> Connection {
        Connection::new(Config::default(), Box::new(SystemRng)).unwrap()
    }

    fn record(kind: u8, data: &[u8]) -> Vec<u8> {
        let mut out = vec![kind, 3, 3];
        out.put_vec16(data);
        out
    }

    /// A message whose header says `len`, of which `bytes` come.
    fn message(kind: u8, len: usize, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.put_u24(len);
        out.extend_from_slice(bytes);
        out
    }

    /// Receives the same record until it is an error.
    fn until_error(connection: &mut Connection, record: &[u8]) -> TlsError {
        (0..1 << 20).find_map(|_| connection.receive(record).err()).expect("there is a limit")
    }

    fn limit(what: &'static str, max: usize) -> TlsError {
        TlsError::Limit { what, max }
    }

    #[test]
    fn limits_before_the_end_of_the_handshake() {
        let long = [22, 3, 3, 0xff, 0xff];
        assert_eq!(connection().receive(&long), Err(limit("bytes in a record", RECORD_LEN_MAX)));
        let plain = record(22, &[0; RECORD_PLAINTEXT_MAX + 1]);
        assert_eq!(connection().receive(&plain), Err(limit("bytes in a record", RECORD_PLAINTEXT_MAX)));

        let big = record(22, &message(2, MESSAGE_LEN_MAX + 1, &[]));
        let error = connection().receive(&big);
        assert_eq!(error, Err(limit("bytes in a handshake message", MESSAGE_LEN_MAX)));

        // One long message in many small records.
        let mut small = connection();
        small.receive(&record(22, &message(2, MESSAGE_LEN_MAX, &[]))).unwrap();
        let error = until_error(&mut small, &record(22, &[0]));
        assert_eq!(error, limit("records before the end of the handshake", HANDSHAKE_RECORDS_MAX));
        assert!(small.messages.is_empty() && small.input.is_empty());

        let warning = record(21, &[1, 112]);
        let error = until_error(&mut connection(), &warning);
        assert_eq!(error, limit("messages in a row without data", IDLE_MESSAGES_MAX));

        let hello_request = record(22, &message(0, 0, &[]));
        let error = until_error(&mut connection(), &hello_request);
        let max = crate::limits::HANDSHAKE_MESSAGES_MAX;
        assert_eq!(error, limit("handshake messages", max));

        // Great records of a message that never ends are bounded by that message.
        let mut great = connection();
        great.counts.bytes = HANDSHAKE_BYTES_MAX;
        let error = great.receive(&record(22, &[2]));
        assert_eq!(error, Err(limit("bytes before the end of the handshake", HANDSHAKE_BYTES_MAX)));
    }

    #[test]
    fn limits_of_an_open_connection() {
        let open = || {
            let mut connection = connection();
            connection.state = State::Open;
            connection.read.protection = crate::cipher::LegacyForm {
                suite: crate::Suite::from_name("NULL-SHA").unwrap(),
                version: Version::Tls12,
                encrypt_then_mac: false,
            }
            .protection(&crate::cipher::KeyBlock { mac_key: &[0; 20], key: &[], iv: &[] });
            connection
        };
        let mut writer = open();
        std::mem::swap(&mut writer.read, &mut writer.write);
        writer.record_version = 0x0303;
        let mut sealed = |kind: u8, data: &[u8]| {
            writer.take_output();
            writer.write_record(kind, data).unwrap();
            writer.take_output()
        };
        let mut empty = open();
        let error = (0..100).find_map(|_| empty.receive(&sealed(23, &[])).err());
        assert_eq!(error, Some(limit("empty records in a row", EMPTY_RECORDS_MAX)));
        let mut warnings = open();
        writer.write.seq = 0;
        let mut sealed = |kind: u8, data: &[u8]| {
            writer.take_output();
            writer.write_record(kind, data).unwrap();
            writer.take_output()
        };
        let error = (0..100).find_map(|_| warnings.receive(&sealed(21, &[1, 90])).err());
        assert_eq!(error, Some(limit("messages in a row without data", IDLE_MESSAGES_MAX)));
        assert!(open().send(&vec![0; SEND_LEN_MAX + 1]).is_err());
    }

    #[test]
    fn what_comes_at_the_wrong_time_is_named() {
        let check = |bytes: &[u8], text: &str| {
            assert_eq!(connection().receive(bytes).unwrap_err().to_string(), text);
        };
        check(&record(23, b"x"), "the peer sent data where a handshake message was due");
        check(&record(20, &[1]), "the peer sent a change of cipher where a handshake message or data was due");
        check(&record(22, &message(20, 0, &[])), "the peer sent a Finished message where a ServerHello was due");
        check(&record(22, &[]), "the peer sent a malformed record, which is empty");
        check(&record(22, &message(2, 1, &[3])), "the peer sent a malformed ServerHello");
    }

    /// Any bytes at all, in records and in messages that look right from outside.
    #[test]
    fn noise_does_no_harm() {
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        for _ in 0..20_000 {
            let mut connection = connection();
            for _ in 0..4 {
                let len = (noise.next() % 80) as usize;
                let bytes: Vec<u8> = (0..len).map(|_| noise.next() as u8).collect();
                let bytes = match noise.next() % 4 {
                    0 => bytes,
                    1 => record(20 + (noise.next() % 4) as u8, &bytes),
                    2 => record(22, &message((noise.next() % 25) as u8, bytes.len(), &bytes)),
                    _ => record(22, &message(2, bytes.len() + 38, &[&server_hello(&mut noise)[..], &bytes].concat())),
                };
                let _ = connection.receive(&bytes);
                let _ = connection.take_output();
            }
        }
    }

    /// The fixed part of a ServerHello.
    fn server_hello(noise: &mut Noise) -> Vec<u8> {
        let mut out = vec![3, 1 + (noise.next() % 3) as u8];
        out.extend([7; 32]);
        out.push(0);
        let suites = crate::Suite::all();
        out.put_u16(suites[noise.next() as usize % suites.len()].code());
        out.push(0);
        out
    }
}
