//! The connection: identification, key exchanges, authentication, channels.

use crate::channel::{Channel, Opening, PIECE_MAX, WINDOW};
use crate::kex::{Agreed, Exchange, Hash, Next};
use crate::key::PrivateKey;
use crate::names::{self, choose};
use crate::packet::{Keys, Opener, Sealer, cipher_lens, mac_key_len};
use crate::wire::{Reader, Write};
use crate::{SshError, random};
use std::collections::{HashMap, VecDeque};
use zeroize::Zeroizing;

/// Bytes of text in front of the server's identification, of one line or many: a port that never ends is no server.
const BANNER_MAX: usize = 64 << 10;
/// Channels of one connection.
const CHANNELS_MAX: usize = 64;
/// Output that waits for a key exchange to end.
const HELD_MAX: usize = 4 << 20;

mod message {
    //! Numbers of messages.
    pub const DISCONNECT: u8 = 1;
    pub const IGNORE: u8 = 2;
    pub const UNIMPLEMENTED: u8 = 3;
    pub const DEBUG: u8 = 4;
    pub const SERVICE_REQUEST: u8 = 5;
    pub const SERVICE_ACCEPT: u8 = 6;
    pub const EXT_INFO: u8 = 7;
    pub const KEXINIT: u8 = 20;
    pub const NEWKEYS: u8 = 21;
    pub const AUTH_REQUEST: u8 = 50;
    pub const AUTH_FAILURE: u8 = 51;
    pub const AUTH_SUCCESS: u8 = 52;
    pub const AUTH_BANNER: u8 = 53;
    /// The meaning depends on the method: a key is fine, a password must be changed, questions.
    pub const AUTH_METHOD: u8 = 60;
    pub const AUTH_INFO_RESPONSE: u8 = 61;
    pub const GLOBAL_REQUEST: u8 = 80;
    pub const REQUEST_FAILURE: u8 = 82;
    pub const CHANNEL_OPEN: u8 = 90;
    pub const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
    pub const CHANNEL_OPEN_FAILURE: u8 = 92;
    pub const CHANNEL_WINDOW_ADJUST: u8 = 93;
    pub const CHANNEL_DATA: u8 = 94;
    pub const CHANNEL_EXTENDED_DATA: u8 = 95;
    pub const CHANNEL_EOF: u8 = 96;
    pub const CHANNEL_CLOSE: u8 = 97;
    pub const CHANNEL_REQUEST: u8 = 98;
    pub const CHANNEL_SUCCESS: u8 = 99;
    pub const CHANNEL_FAILURE: u8 = 100;
}

/// The server's questions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InfoRequest {
    /// Name of the exchange.
    pub name: Vec<u8>,
    /// What to do.
    pub instruction: Vec<u8>,
    /// The questions.
    pub prompts: Vec<Vec<u8>>,
}

/// What became of an attempt to authenticate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuthAnswer {
    /// It worked.
    Success,
    /// It did not; the methods that may go on.
    Failure(Vec<Vec<u8>>),
    /// The key would be accepted.
    KeyIsFine,
    /// The password must be changed first.
    PasswordExpired,
    /// Questions, to be answered with [`Client::answer_questions`].
    Questions(InfoRequest),
}

/// What the number 60 means in an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AuthMethod {
    None,
    Password,
    PublicKey,
    KeyboardInteractive,
}

/// What both sides chose.
struct Chosen {
    ciphers: [&'static str; 2],
    macs: [&'static str; 2],
}

enum Kex {
    /// No exchange is under way.
    Idle,
    /// Our offer is sent; the payload is hashed.
    Offered(Vec<u8>),
    Running {
        ours: Vec<u8>,
        theirs: Vec<u8>,
        chosen: Chosen,
        exchange: Box<Exchange>,
        skips_guess: bool,
    },
    /// We use the new keys; theirs come with their word.
    Switching {
        keys: DerivedKeys,
        chosen: Chosen,
    },
}

struct DerivedKeys {
    key: Zeroizing<Vec<u8>>,
    iv: Zeroizing<Vec<u8>>,
    mac_key: Zeroizing<Vec<u8>>,
}

/// A client.
pub struct Client {
    identification: Vec<u8>,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// Bytes of whole lines that have come before it and with it.
    foreword_len: usize,
    /// The server's identification, once it has come.
    server: Option<Vec<u8>>,
    kex: Kex,
    opener: Opener,
    sealer: Sealer,
    session_id: Option<Vec<u8>>,
    hash: Hash,
    strict: bool,
    host_key: Vec<u8>,
    /// Messages that wait for a key exchange to end.
    held: Vec<Vec<u8>>,
    service_asked: bool,
    service_accepted: bool,
    auth: AuthMethod,
    answers: VecDeque<AuthAnswer>,
    banner: Option<Vec<u8>>,
    signature_algorithms: Option<Vec<Vec<u8>>>,
    channels: HashMap<u32, Channel>,
    next_channel: u32,
    error: Option<SshError>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("error", &self.error).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that begins at once: its identification and its offer are in the output.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn new(identification: &str) -> Result<Client, SshError> {
        let mut client = Client {
            identification: identification.as_bytes().to_vec(),
            input: Vec::new(),
            output: VecDeque::new(),
            server: None,
            kex: Kex::Idle,
            opener: Opener::new(),
            sealer: Sealer::new(),
            session_id: None,
            hash: Hash::Sha256,
            strict: false,
            host_key: Vec::new(),
            held: Vec::new(),
            service_asked: false,
            service_accepted: false,
            auth: AuthMethod::None,
            answers: VecDeque::new(),
            banner: None,
            foreword_len: 0,
            signature_algorithms: None,
            channels: HashMap::new(),
            next_channel: 0,
            error: None,
        };
        client.output.extend(client.identification.iter().chain(b"\r\n"));
        client.offer()?;
        Ok(client)
    }

    /// Whether there is something to send.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes what is to be sent, `max` bytes at most.
    pub fn take_output(&mut self, max: usize) -> Vec<u8> {
        let len = self.output.len().min(max);
        self.output.drain(..len).collect()
    }

    /// Takes bytes from the server.
    ///
    /// # Errors
    /// Once there is an error, it stays.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), SshError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.input.extend_from_slice(bytes);
        let result = self.process();
        self.error = result.err();
        result
    }

    /// Why the connection is of no use any more.
    pub fn error(&self) -> Option<SshError> {
        self.error
    }

    /// Whether keys were exchanged and none are being exchanged.
    pub fn is_ready(&self) -> bool {
        self.session_id.is_some() && matches!(self.kex, Kex::Idle)
    }

    /// The server's host key.
    pub fn host_key(&self) -> &[u8] {
        &self.host_key
    }

    /// The server's identification.
    pub fn server(&self) -> Option<&[u8]> {
        self.server.as_deref()
    }

    /// What the server says to those who are about to authenticate.
    pub fn banner(&self) -> Option<&[u8]> {
        self.banner.as_deref()
    }

    fn process(&mut self) -> Result<(), SshError> {
        while self.server.is_none() {
            let Some(end) = self.input.iter().position(|&byte| byte == b'\n') else {
                return if self.input.len() > BANNER_MAX { Err(SshError::TooLarge("a banner")) } else { Ok(()) };
            };
            let mut line: Vec<u8> = self.input.drain(..=end).collect();
            self.foreword_len += line.len();
            if self.foreword_len > BANNER_MAX {
                return Err(SshError::TooLarge("a banner"));
            }
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if line.starts_with(b"SSH-") {
                if !line.starts_with(b"SSH-2.0-") && !line.starts_with(b"SSH-1.99-") {
                    return Err(SshError::Protocol("the server speaks SSH 1"));
                }
                self.server = Some(line);
            }
        }
        let mut input = std::mem::take(&mut self.input);
        let result = loop {
            match self.opener.open(&mut input) {
                Ok(Some(message)) => {
                    if let Err(error) = self.receive(&message) {
                        break Err(error);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.input = input;
        result
    }

    /// Sends a message, after a key exchange if one is under way.
    fn send(&mut self, payload: Vec<u8>) -> Result<(), SshError> {
        if matches!(self.kex, Kex::Idle) {
            return self.send_now(&payload);
        }
        if self.held.iter().map(Vec::len).sum::<usize>() > HELD_MAX {
            return Err(SshError::TooLarge("held output"));
        }
        self.held.push(payload);
        Ok(())
    }

    fn send_now(&mut self, payload: &[u8]) -> Result<(), SshError> {
        let mut packet = Vec::new();
        self.sealer.seal(payload, &mut packet)?;
        self.output.extend(packet);
        Ok(())
    }

    // Key exchange

    fn offer(&mut self) -> Result<(), SshError> {
        let mut payload = vec![message::KEXINIT];
        payload.extend_from_slice(&random(16)?);
        let lists = [
            names::KEX,
            names::HOST_KEYS,
            names::CIPHERS,
            names::CIPHERS,
            names::MACS,
            names::MACS,
            names::COMPRESSION,
            names::COMPRESSION,
            &[],
            &[],
        ];
        lists.iter().for_each(|list| payload.string(list.join(",").as_bytes()));
        payload.boolean(false);
        payload.number(0);
        self.send_now(&payload)?;
        self.kex = Kex::Offered(payload);
        Ok(())
    }

    fn take_offer(&mut self, theirs: &[u8]) -> Result<(), SshError> {
        if matches!(self.kex, Kex::Idle) {
            self.offer()?;
        }
        let Kex::Offered(ours) = std::mem::replace(&mut self.kex, Kex::Idle) else {
            return Err(SshError::Protocol("an offer within a key exchange"));
        };
        let mut reader = Reader::new(&theirs[1..]);
        reader.take(16)?;
        let mut lists = Vec::new();
        for _ in 0..10 {
            lists.push(reader.names()?);
        }
        let guesses = reader.boolean()?;
        let kex = choose("key exchange", names::KEX, &lists[0])?;
        choose("host key", names::HOST_KEYS, &lists[1])?;
        let ciphers = [choose("cipher", names::CIPHERS, &lists[2])?, choose("cipher", names::CIPHERS, &lists[3])?];
        let mac = |cipher: &str, list: &[&[u8]]| {
            let has_own = cipher.contains("gcm") || cipher.contains("poly1305");
            if has_own { Ok("") } else { choose("MAC", names::MACS, list) }
        };
        let macs = [mac(ciphers[0], &lists[4])?, mac(ciphers[1], &lists[5])?];
        choose("compression", names::COMPRESSION, &lists[6])?;
        choose("compression", names::COMPRESSION, &lists[7])?;
        if self.session_id.is_none() {
            self.strict = lists[0].contains(&names::STRICT);
        }
        // A wrong guess is followed by a message to be dropped.
        let skips_guess = guesses && lists[0].first() != Some(&kex.as_bytes());
        let (exchange, first) = Exchange::start(kex)?;
        self.send_now(&first)?;
        let chosen = Chosen { ciphers, macs };
        self.kex = Kex::Running { ours, theirs: theirs.to_vec(), chosen, exchange: Box::new(exchange), skips_guess };
        Ok(())
    }

    fn take_exchange(&mut self, message: &[u8]) -> Result<(), SshError> {
        let Kex::Running { exchange, skips_guess, .. } = &mut self.kex else {
            return Err(SshError::Protocol("a message of no key exchange"));
        };
        if std::mem::take(skips_guess) {
            return Ok(());
        }
        let agreed = match exchange.receive(message)? {
            Next::Send(message) => return self.send_now(&message),
            Next::Agreed(agreed) => agreed,
        };
        let Kex::Running { ours, theirs, chosen, exchange, .. } = std::mem::replace(&mut self.kex, Kex::Idle) else {
            return Ok(());
        };
        self.agreed(&ours, &theirs, chosen, exchange.hash, &agreed)
    }

    fn agreed(
        &mut self,
        ours: &[u8],
        theirs: &[u8],
        chosen: Chosen,
        hash: Hash,
        agreed: &Agreed,
    ) -> Result<(), SshError> {
        let mut hashed = Vec::new();
        hashed.string(&self.identification);
        hashed.string(self.server.as_deref().unwrap_or_default());
        hashed.string(ours);
        hashed.string(theirs);
        hashed.string(&agreed.host_key);
        hashed.extend_from_slice(&agreed.hashed);
        let exchange_hash = hash.digest(&[&hashed]);
        self.hash = hash;
        self.host_key = agreed.host_key.clone();
        let session_id = self.session_id.get_or_insert_with(|| exchange_hash.clone()).clone();
        let derive = |letter: u8, len: usize| {
            let mut key = Zeroizing::new(hash.digest(&[&agreed.secret, &exchange_hash, &[letter], &session_id]));
            while key.len() < len {
                let more = hash.digest(&[&agreed.secret, &exchange_hash, &key]);
                key.extend_from_slice(&more);
            }
            key.truncate(len);
            key
        };
        let keys = |side: usize| {
            let (key_len, iv_len, _) = cipher_lens(chosen.ciphers[side]);
            let mac_len = if chosen.macs[side].is_empty() { 0 } else { mac_key_len(chosen.macs[side]) };
            let letter = side as u8;
            DerivedKeys {
                iv: derive(b'A' + letter, iv_len),
                key: derive(b'C' + letter, key_len),
                mac_key: derive(b'E' + letter, mac_len),
            }
        };
        let (our_keys, their_keys) = (keys(0), keys(1));
        self.send_now(&[message::NEWKEYS])?;
        if self.strict {
            self.sealer.sequence = 0;
        }
        self.sealer.rekey(&Keys {
            cipher: chosen.ciphers[0],
            mac: chosen.macs[0],
            key: &our_keys.key,
            iv: &our_keys.iv,
            mac_key: &our_keys.mac_key,
        })?;
        self.kex = Kex::Switching { keys: their_keys, chosen };
        Ok(())
    }

    fn take_new_keys(&mut self) -> Result<(), SshError> {
        let Kex::Switching { keys, chosen } = std::mem::replace(&mut self.kex, Kex::Idle) else {
            return Err(SshError::Protocol("new keys out of turn"));
        };
        self.opener.rekey(&Keys {
            cipher: chosen.ciphers[1],
            mac: chosen.macs[1],
            key: &keys.key,
            iv: &keys.iv,
            mac_key: &keys.mac_key,
        })?;
        if self.strict {
            self.opener.sequence = 0;
        }
        for payload in std::mem::take(&mut self.held) {
            self.send_now(&payload)?;
        }
        Ok(())
    }

    // Messages

    fn receive(&mut self, message: &[u8]) -> Result<(), SshError> {
        let &kind = message.first().ok_or(SshError::Protocol("an empty message"))?;
        match kind {
            message::DISCONNECT => Err(SshError::Disconnected),
            message::IGNORE | message::UNIMPLEMENTED | message::DEBUG => Ok(()),
            message::KEXINIT => self.take_offer(message),
            message::NEWKEYS => self.take_new_keys(),
            30..=49 => self.take_exchange(message),
            _ if self.session_id.is_none() => Err(SshError::Protocol("a message before the key exchange")),
            message::SERVICE_ACCEPT => {
                self.service_accepted = true;
                Ok(())
            }
            message::EXT_INFO => self.take_extensions(&message[1..]),
            message::AUTH_FAILURE..=message::AUTH_BANNER | message::AUTH_METHOD => self.take_auth(kind, &message[1..]),
            message::GLOBAL_REQUEST => self.refuse_global(&message[1..]),
            message::CHANNEL_OPEN => self.refuse_channel(&message[1..]),
            message::CHANNEL_OPEN_CONFIRMATION..=message::CHANNEL_FAILURE => self.take_channel(kind, &message[1..]),
            _ => {
                let mut answer = vec![message::UNIMPLEMENTED];
                answer.number(self.opener.sequence.wrapping_sub(1));
                self.send(answer)
            }
        }
    }

    fn take_extensions(&mut self, body: &[u8]) -> Result<(), SshError> {
        let mut reader = Reader::new(body);
        let count = reader.number()?;
        for _ in 0..count.min(64) {
            let (name, value) = (reader.string()?, reader.string()?);
            if name == b"server-sig-algs" {
                self.signature_algorithms = Some(value.split(|&byte| byte == b',').map(<[u8]>::to_vec).collect());
            }
        }
        Ok(())
    }

    fn refuse_global(&mut self, body: &[u8]) -> Result<(), SshError> {
        let mut reader = Reader::new(body);
        reader.string()?;
        if reader.boolean()? { self.send(vec![message::REQUEST_FAILURE]) } else { Ok(()) }
    }

    fn refuse_channel(&mut self, body: &[u8]) -> Result<(), SshError> {
        let mut reader = Reader::new(body);
        reader.string()?;
        let theirs = reader.number()?;
        let mut answer = vec![message::CHANNEL_OPEN_FAILURE];
        answer.number(theirs);
        answer.number(1);
        answer.string(b"");
        answer.string(b"");
        self.send(answer)
    }

    // Authentication

    fn take_auth(&mut self, kind: u8, body: &[u8]) -> Result<(), SshError> {
        const WAITING_MAX: usize = 16;
        let mut reader = Reader::new(body);
        let answer = match (kind, self.auth) {
            (message::AUTH_BANNER, _) => {
                self.banner = Some(reader.string()?.to_vec());
                return Ok(());
            }
            (message::AUTH_SUCCESS, _) => AuthAnswer::Success,
            (message::AUTH_FAILURE, _) => {
                AuthAnswer::Failure(reader.names()?.into_iter().map(<[u8]>::to_vec).collect())
            }
            (_, AuthMethod::PublicKey) => AuthAnswer::KeyIsFine,
            (_, AuthMethod::Password) => AuthAnswer::PasswordExpired,
            (_, AuthMethod::KeyboardInteractive) => {
                let (name, instruction) = (reader.string()?.to_vec(), reader.string()?.to_vec());
                reader.string()?;
                let count = reader.number()?;
                if count > 64 {
                    return Err(SshError::TooLarge("a list of questions"));
                }
                let mut prompts = Vec::new();
                for _ in 0..count {
                    prompts.push(reader.string()?.to_vec());
                    reader.boolean()?;
                }
                AuthAnswer::Questions(InfoRequest { name, instruction, prompts })
            }
            (_, AuthMethod::None) => return Err(SshError::Protocol("an answer to no question")),
        };
        if self.answers.len() >= WAITING_MAX {
            return Err(SshError::TooLarge("a queue of answers"));
        }
        self.answers.push_back(answer);
        Ok(())
    }

    /// The answer to the last attempt to authenticate.
    pub fn take_auth_answer(&mut self) -> Option<AuthAnswer> {
        self.answers.pop_front()
    }

    fn start_auth(&mut self, user: &[u8], method: AuthMethod, name: &[u8]) -> Result<Vec<u8>, SshError> {
        if !self.service_asked {
            self.service_asked = true;
            let mut request = vec![message::SERVICE_REQUEST];
            request.string(b"ssh-userauth");
            self.send(request)?;
        }
        self.auth = method;
        self.answers.clear();
        let mut request = vec![message::AUTH_REQUEST];
        request.string(user);
        request.string(b"ssh-connection");
        request.string(name);
        Ok(request)
    }

    /// Asks which methods there are.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn auth_none(&mut self, user: &[u8]) -> Result<(), SshError> {
        let request = self.start_auth(user, AuthMethod::None, b"none")?;
        self.send(request)
    }

    /// Tries a password.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn auth_password(&mut self, user: &[u8], password: &[u8]) -> Result<(), SshError> {
        let mut request = self.start_auth(user, AuthMethod::Password, b"password")?;
        request.boolean(false);
        request.string(password);
        self.send(request)
    }

    /// Asks whether a key would do; nothing is signed.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn auth_key_probe(&mut self, user: &[u8], algorithm: &[u8], blob: &[u8]) -> Result<(), SshError> {
        let algorithm = self.signature_name(algorithm);
        let mut request = self.start_auth(user, AuthMethod::PublicKey, b"publickey")?;
        request.boolean(false);
        request.string(&algorithm);
        request.string(blob);
        self.send(request)
    }

    /// Tries a key.
    ///
    /// # Errors
    /// When too much output waits, or the key can't sign.
    pub fn auth_key(&mut self, user: &[u8], key: &PrivateKey) -> Result<(), SshError> {
        let algorithm = self.signature_name(key.algorithm());
        let mut request = self.start_auth(user, AuthMethod::PublicKey, b"publickey")?;
        request.boolean(true);
        request.string(&algorithm);
        request.string(&key.public_blob());
        let mut signed = Vec::new();
        signed.string(self.session_id.as_deref().unwrap_or_default());
        signed.extend_from_slice(&request);
        let signature = key.sign(&algorithm, &signed)?;
        request.string(&signature);
        self.send(request)
    }

    /// The name of a key's signatures: RSA has better ones than the key's own, if the server takes them.
    fn signature_name(&self, algorithm: &[u8]) -> Vec<u8> {
        if algorithm == b"ssh-rsa" {
            for better in [&b"rsa-sha2-512"[..], b"rsa-sha2-256"] {
                let takes = |list: &Vec<Vec<u8>>| list.iter().any(|name| name == better);
                if self.signature_algorithms.as_ref().is_some_and(takes) {
                    return better.to_vec();
                }
            }
        }
        algorithm.to_vec()
    }

    /// Asks the server for its questions.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn auth_keyboard_interactive(&mut self, user: &[u8]) -> Result<(), SshError> {
        let mut request = self.start_auth(user, AuthMethod::KeyboardInteractive, b"keyboard-interactive")?;
        request.string(b"");
        request.string(b"");
        self.send(request)
    }

    /// Answers the server's questions.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn answer_questions(&mut self, answers: &[Vec<u8>]) -> Result<(), SshError> {
        let mut response = vec![message::AUTH_INFO_RESPONSE];
        response.number(answers.len() as u32);
        answers.iter().for_each(|answer| response.string(answer));
        self.send(response)
    }

    // Channels

    /// Opens a session channel; its number.
    ///
    /// # Errors
    /// When there are too many.
    pub fn open_channel(&mut self) -> Result<u32, SshError> {
        if self.channels.len() >= CHANNELS_MAX {
            return Err(SshError::TooLarge("the number of channels"));
        }
        let id = self.next_channel;
        self.next_channel += 1;
        self.channels.insert(id, Channel::new());
        let mut request = vec![message::CHANNEL_OPEN];
        request.string(b"session");
        request.number(id);
        request.number(WINDOW);
        request.number(PIECE_MAX);
        self.send(request)?;
        Ok(id)
    }

    /// A channel by its number.
    pub fn channel(&mut self, id: u32) -> Option<&mut Channel> {
        self.channels.get_mut(&id)
    }

    /// Sends a request with an answer, `data` being what belongs to its type.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn channel_request(&mut self, id: u32, kind: &[u8], data: &[u8]) -> Result<(), SshError> {
        let Some(channel) = self.channels.get(&id) else { return Ok(()) };
        let mut request = vec![message::CHANNEL_REQUEST];
        request.number(channel.theirs);
        request.string(kind);
        request.boolean(true);
        request.extend_from_slice(data);
        self.send(request)
    }

    /// Reads data that has arrived, of standard output (0) or standard error (1).
    ///
    /// # Errors
    /// When too much output waits.
    pub fn channel_read(&mut self, id: u32, stream: usize, max: usize) -> Result<Vec<u8>, SshError> {
        let Some(channel) = self.channels.get_mut(&id) else { return Ok(Vec::new()) };
        let queue = &mut channel.data[stream];
        let len = queue.len().min(max);
        let data: Vec<u8> = queue.drain(..len).collect();
        let waiting: usize = channel.data.iter().map(VecDeque::len).sum();
        let freed = WINDOW - channel.receive_window - (waiting as u32).min(WINDOW - channel.receive_window);
        if freed >= WINDOW / 2 && !channel.is_finished() {
            channel.receive_window += freed;
            let mut adjust = vec![message::CHANNEL_WINDOW_ADJUST];
            adjust.number(channel.theirs);
            adjust.number(freed);
            self.send(adjust)?;
        }
        Ok(data)
    }

    /// Sends data, as much as the window lets; how much that was.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn channel_write(&mut self, id: u32, data: &[u8]) -> Result<usize, SshError> {
        let Some(channel) = self.channels.get_mut(&id) else { return Ok(0) };
        let len = data.len().min(channel.send_window as usize).min(channel.send_max as usize);
        if len == 0 {
            return Ok(0);
        }
        channel.send_window -= len as u32;
        let mut request = vec![message::CHANNEL_DATA];
        request.number(channel.theirs);
        request.string(&data[..len]);
        self.send(request)?;
        Ok(len)
    }

    /// Says that no more data will be sent.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn channel_send_eof(&mut self, id: u32) -> Result<(), SshError> {
        let Some(channel) = self.channels.get_mut(&id) else { return Ok(()) };
        if std::mem::replace(&mut channel.eof_sent, true) || channel.close_sent {
            return Ok(());
        }
        let mut request = vec![message::CHANNEL_EOF];
        request.number(channel.theirs);
        self.send(request)
    }

    /// Closes a channel.
    ///
    /// # Errors
    /// When too much output waits.
    pub fn channel_close(&mut self, id: u32) -> Result<(), SshError> {
        let Some(channel) = self.channels.get_mut(&id) else { return Ok(()) };
        if std::mem::replace(&mut channel.close_sent, true) {
            return Ok(());
        }
        let mut request = vec![message::CHANNEL_CLOSE];
        request.number(channel.theirs);
        self.send(request)
    }

    fn take_channel(&mut self, kind: u8, body: &[u8]) -> Result<(), SshError> {
        let mut reader = Reader::new(body);
        let id = reader.number()?;
        let Some(channel) = self.channels.get_mut(&id) else {
            return Err(SshError::Protocol("a message for no channel"));
        };
        match kind {
            message::CHANNEL_OPEN_CONFIRMATION => {
                channel.theirs = reader.number()?;
                channel.send_window = reader.number()?;
                channel.send_max = reader.number()?.min(PIECE_MAX);
                channel.opening = Opening::Open;
            }
            message::CHANNEL_OPEN_FAILURE => channel.opening = Opening::Refused,
            message::CHANNEL_WINDOW_ADJUST => {
                channel.send_window = channel.send_window.saturating_add(reader.number()?);
            }
            message::CHANNEL_DATA | message::CHANNEL_EXTENDED_DATA => {
                let is_error = kind == message::CHANNEL_EXTENDED_DATA;
                if is_error {
                    reader.number()?;
                }
                let data = reader.string()?;
                if data.len() > channel.receive_window as usize {
                    return Err(SshError::TooLarge("data of a channel"));
                }
                channel.receive_window -= data.len() as u32;
                channel.data[usize::from(is_error)].extend(data);
            }
            message::CHANNEL_EOF => channel.eof = true,
            message::CHANNEL_CLOSE => {
                channel.closed = true;
                return self.channel_close(id);
            }
            message::CHANNEL_SUCCESS | message::CHANNEL_FAILURE => {
                if channel.answers.len() < 16 {
                    channel.answers.push_back(kind == message::CHANNEL_SUCCESS);
                }
            }
            _ => {
                // Exit status, exit signal: nobody asks for them.
                reader.string()?;
                if reader.boolean()? {
                    let mut answer = vec![message::CHANNEL_FAILURE];
                    answer.number(channel.theirs);
                    return self.send(answer);
                }
            }
        }
        Ok(())
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// When there are no random numbers for padding.
    pub fn disconnect(&mut self, text: &str) -> Result<(), SshError> {
        let mut request = vec![message::DISCONNECT];
        request.number(11);
        request.string(text.as_bytes());
        request.string(b"");
        self.send_now(&request)
    }
}
