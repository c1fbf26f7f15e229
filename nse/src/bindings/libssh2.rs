//! The library `libssh2`: SSH sessions of scripts.
//!
//! A session is a [`Client`] and a socket of the library `nmap`. A function that needs the network tries, lets the
//! socket do one step of input or output if it can't go on yet, and tries again; each step suspends the script as the
//! socket does, and fails with the socket's status. A channel is an address that stands for a number of its session.
//!
//! # Source
//! `native-modules` §6. Differences: `open_channel` asks for a terminal unless told not to, as documented.

use super::openssl::digest::Hash;
use perilune_ssh::{AuthAnswer, Client, InfoRequest, PrivateKey, SshError, read_public};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Step, Table, Userdata, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

const NAME: &[u8] = b"ssh2";
const IDENTIFICATION: &str = "SSH-2.0-libssh2_1.11.1_NMAP1";
/// Bytes sent in one step.
const SEND_MAX: usize = 4096;
/// Bytes read from a channel at once.
const READ_MAX: usize = 2048;
/// Rounds of questions in one attempt.
const QUESTIONS_MAX: usize = 32;
/// The address of the first channel, and how far they are apart.
const ADDRESS_FIRST: usize = 0x5355_0000;
const ADDRESS_STEP: usize = 16;
/// The terminal that a channel gets: its name, columns and rows, no size in pixels, no modes.
const TERMINAL: (&[u8], [u32; 4]) = (b"vanilla", [80, 24, 0, 0]);

/// What a session's userdata owns; the client goes when it is closed.
struct Session(RefCell<State>);

struct State {
    client: Option<Client>,
    /// Numbers of channels by their addresses.
    channels: HashMap<usize, u32>,
}

/// Which function is under way, and how far.
enum Op {
    Handshake,
    List,
    Authenticate,
    Probe,
    Questions { user: Vec<u8>, rounds: usize },
    OpenChannel { id: u32, wants_terminal: bool, asked: bool },
    Request { id: u32, failure: String },
    Read { id: u32, stream: usize },
    Write { id: u32, data: Vec<u8>, written: Option<usize> },
    Flush(&'static str),
    CloseChannel { id: u32 },
    CloseSession,
}

/// What an attempt came to.
enum Attempt {
    /// The network must do something first.
    Wait,
    Nothing,
    Nil,
    Boolean(bool),
    Text(Vec<u8>),
    Number(i64),
    List(Vec<Vec<u8>>),
    /// `false` and a message.
    False(String),
    Raise(String),
    /// The session itself.
    Session,
    Channel(u32),
    Ask(InfoRequest),
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let (library, metatable, channels, weak) =
        (call.table(0, 24)?, call.table(0, 1)?, call.table(0, 0)?, call.table(0, 1)?);
    let name = call.string(NAME)?;
    metatable.set_str(call, b"__name", name)?;
    // Addresses of channels lead to their sessions, as long as those live.
    let mode = call.string(b"v")?;
    weak.set_str(call, b"__mode", mode)?;
    channels.set_metatable(call, Some(weak));
    let functions: [(&str, NativeFn); 23] = [
        ("channel_close", channel_close),
        ("channel_eof", channel_eof),
        ("channel_exec", channel_exec),
        ("channel_read", |call| channel_read(call, 0)),
        ("channel_read_stderr", |call| channel_read(call, 1)),
        ("channel_request", channel_request),
        ("channel_request_pty_ex", channel_request_pty_ex),
        ("channel_send_eof", channel_send_eof),
        ("channel_shell", channel_shell),
        ("channel_write", channel_write),
        ("hostkey_hash", hostkey_hash),
        ("open_channel", open_channel),
        ("publickey_canauth", publickey_canauth),
        ("read_publickey", read_publickey),
        ("session_close", session_close),
        ("session_open", session_open),
        ("set_timeout", set_timeout),
        ("userauth_banner", userauth_banner),
        ("userauth_keyboard_interactive", userauth_keyboard_interactive),
        ("userauth_list", userauth_list),
        ("userauth_password", userauth_password),
        ("userauth_publickey", |call| userauth_publickey(call, true)),
        ("userauth_publickey_frommemory", |call| userauth_publickey(call, false)),
    ];
    for (name, function) in functions {
        let function = call.closure(function, &[metatable.into(), channels.into()])?;
        library.set_str(call, name.as_bytes(), function)?;
    }
    Ok(library)
}

/// The session of an argument.
fn session<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<(Userdata<'gc>, &'gc Session), LuaError> {
    let userdata = call.arg(pos).as_userdata();
    match userdata.and_then(|userdata| userdata.downcast::<Session>(call).map(|session| (userdata, session))) {
        Some((_, session)) if session.0.borrow().client.is_none() => {
            Err(call.arg_error(pos, "ssh2 expected, got closed session"))
        }
        Some(found) => Ok(found),
        None => Err(call.type_error(pos, "ssh2")),
    }
}

/// Does something with the client of the session, which is the first argument.
fn with_client<R>(call: &mut Call<'_>, action: impl FnOnce(&mut Client) -> R) -> Result<R, LuaError> {
    let (_, session) = session(call, 1)?;
    let mut state = session.0.borrow_mut();
    match &mut state.client {
        Some(client) => Ok(action(client)),
        None => unreachable!("a session without client is refused"),
    }
}

/// The number of a channel in its session, by the address in an argument.
fn channel_number(call: &mut Call<'_>, pos: usize) -> Result<u32, LuaError> {
    let (_, session) = session(call, 1)?;
    let found = session.0.borrow().channels.get(&call.arg(pos).address()).copied();
    found.ok_or_else(|| call.type_error(pos, "userdata"))
}

/// Starts a function on the session in the first argument.
fn start(call: &mut Call<'_>, op: Op) -> NativeResult {
    session(call, 1)?;
    Box::new(Drive { op, pending: Pending::Nothing }).go_on(call)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pending {
    Nothing,
    /// The socket's method `send` or `receive`.
    Method(bool),
    Sent,
    Received,
    Answers,
}

/// A function under way. The session is the first argument.
struct Drive {
    op: Op,
    pending: Pending,
}

impl Drive {
    fn go_on(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let attempt = with_client(call, |client| self.op.attempt(client))?;
        match attempt {
            Attempt::Wait => self.step_network(call),
            Attempt::Ask(request) => self.ask(call, &request),
            attempt => self.answer(call, attempt),
        }
    }

    /// One step of input or output.
    fn step_network(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let sends = with_client(call, |client| client.has_output())?;
        self.pending = Pending::Method(sends);
        let socket = socket(call);
        let name = call.string(if sends { b"send" } else { b"receive" })?;
        call.index_then(socket, name, self)
    }

    fn answer(&self, call: &mut Call<'_>, attempt: Attempt) -> NativeResult {
        match attempt {
            Attempt::Wait | Attempt::Ask(_) | Attempt::Nothing => {
                if let Op::CloseSession = self.op {
                    forget(call);
                }
                call.ret0()
            }
            Attempt::Nil => call.ret1(Value::NIL),
            Attempt::Boolean(value) => call.ret1(value),
            Attempt::Number(value) => call.ret1(value),
            Attempt::Text(text) => {
                let text = call.string(&text)?;
                call.ret1(text)
            }
            Attempt::List(names) => {
                let list = call.table(names.len(), 0)?;
                for (idx, name) in names.iter().enumerate() {
                    let name = call.string(name)?;
                    list.set_integer(call, idx as i64 + 1, name)?;
                }
                call.ret1(Value::from(list))
            }
            Attempt::False(message) => {
                let message = call.string(message.as_bytes())?;
                call.ret2(false, message)
            }
            Attempt::Raise(message) => Err(call.error(message)),
            Attempt::Session => {
                let session = call.arg(1);
                call.ret1(session)
            }
            Attempt::Channel(id) => {
                let (userdata, session) = session(call, 1)?;
                let channels = call.upvalue(2).as_table();
                let Some(channels) = channels else { return call.ret0() };
                let count = channels.get_integer(0).to_integer().unwrap_or(0);
                channels.set_integer(call, 0, Value::integer(count + 1))?;
                let address = ADDRESS_FIRST + count as usize * ADDRESS_STEP;
                session.0.borrow_mut().channels.insert(address, id);
                let channel = Value::light_userdata(address);
                channels.set(call, channel, userdata.into())?;
                call.ret1(channel)
            }
        }
    }

    /// Has the script answer the server's questions.
    fn ask(mut self: Box<Self>, call: &mut Call<'_>, request: &InfoRequest) -> NativeResult {
        let Op::Questions { user, rounds } = &mut self.op else { return call.ret0() };
        *rounds += 1;
        if *rounds > QUESTIONS_MAX {
            return call.ret1(false);
        }
        let user = call.string(user)?;
        let (name, instruction) = (call.string(&request.name)?, call.string(&request.instruction)?);
        let prompts = call.table(request.prompts.len(), 0)?;
        for (idx, prompt) in request.prompts.iter().enumerate() {
            let prompt = call.string(prompt)?;
            prompts.set_integer(call, idx as i64 + 1, prompt)?;
        }
        self.pending = Pending::Answers;
        let (callback, pcall) = (call.arg(3), call.globals().get_str(call, b"pcall"));
        call.invoke(pcall, &[callback, user, name, instruction, prompts.into()], self)
    }

    fn take_answers(self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let answers = call.result(2).as_table().filter(|_| call.result(1).is_truthy());
        let mut texts = Vec::new();
        for pos in 1..=answers.map_or(0, |answers| answers.raw_len()) {
            let text = answers.and_then(|answers| answers.get_integer(pos).as_str());
            texts.push(text.map_or_else(Vec::new, |text| text.as_bytes().to_vec()));
        }
        if with_client(call, |client| client.answer_questions(&texts))?.is_err() {
            return call.ret1(false);
        }
        self.go_on(call)
    }
}

/// The socket of the session in the first argument.
fn socket<'gc>(call: &Call<'gc>) -> Value<'gc> {
    call.arg(1).as_userdata().map_or(Value::NIL, |session| session.user_value(call))
}

/// Drops the client of a session that is closed.
fn forget(call: &mut Call<'_>) {
    if let Ok((_, session)) = session(call, 1) {
        session.0.borrow_mut().client = None;
    }
}

impl Step for Drive {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let result = call.result(1);
        match self.pending {
            Pending::Nothing => self.go_on(call),
            Pending::Method(true) => {
                self.pending = Pending::Sent;
                let output = with_client(call, |client| client.take_output(SEND_MAX))?;
                let (socket, output) = (socket(call), call.string(&output)?);
                call.invoke_yieldable(result, &[socket, output], self)
            }
            Pending::Method(false) => {
                self.pending = Pending::Received;
                let socket = socket(call);
                call.invoke_yieldable(result, &[socket], self)
            }
            Pending::Sent | Pending::Received if !result.is_truthy() => {
                // The socket's status, as it is.
                let status = call.result(2);
                Err(call.error_value(status))
            }
            Pending::Sent => self.go_on(call),
            Pending::Received => {
                let data = call.result(2).as_str().map_or(&b""[..], |data| data.as_bytes());
                // The attempt sees what came of it.
                let _ = with_client(call, |client| client.feed(data))?;
                self.go_on(call)
            }
            Pending::Answers => self.take_answers(call),
        }
    }
}

impl Op {
    /// Tries to finish.
    fn attempt(&mut self, client: &mut Client) -> Attempt {
        let failed = client.error().is_some();
        match self {
            Op::Handshake if client.is_ready() && !client.has_output() => Attempt::Session,
            Op::Handshake if failed => Attempt::Raise("Unable to complete libssh2 handshake.".to_owned()),
            Op::Handshake => Attempt::Wait,
            Op::List => match client.take_auth_answer() {
                Some(AuthAnswer::Success) => Attempt::Text(b"none_auth".to_vec()),
                Some(AuthAnswer::Failure(methods)) => Attempt::List(methods),
                _ if failed => Attempt::False("userauth_list: Failed getting response".to_owned()),
                _ => Attempt::Wait,
            },
            Op::Authenticate => match client.take_auth_answer() {
                Some(answer) => Attempt::Boolean(answer == AuthAnswer::Success),
                None if failed => Attempt::Boolean(false),
                None => Attempt::Wait,
            },
            Op::Probe => match client.take_auth_answer() {
                Some(answer) => Attempt::Boolean(matches!(answer, AuthAnswer::KeyIsFine | AuthAnswer::Success)),
                None if failed => Attempt::Raise("Invalid public key: Waiting for USERAUTH response".to_owned()),
                None => Attempt::Wait,
            },
            Op::Questions { .. } => match client.take_auth_answer() {
                Some(AuthAnswer::Questions(request)) => Attempt::Ask(request),
                Some(answer) => Attempt::Boolean(answer == AuthAnswer::Success),
                None if failed => Attempt::Boolean(false),
                None => Attempt::Wait,
            },
            Op::OpenChannel { id, wants_terminal, asked } => {
                let open = client.channel(*id).and_then(|channel| channel.is_open());
                match open {
                    Some(false) => return Attempt::Raise("Opening channel".to_owned()),
                    None if failed => return Attempt::Raise("Opening channel".to_owned()),
                    None => return Attempt::Wait,
                    Some(true) if !*wants_terminal => return Attempt::Channel(*id),
                    Some(true) => {}
                }
                if !std::mem::replace(asked, true) {
                    let data = terminal_data(TERMINAL.0, b"", TERMINAL.1);
                    return sent(client.channel_request(*id, b"pty-req", &data), "Requesting pty");
                }
                match client.channel(*id).and_then(|channel| channel.take_answer()) {
                    Some(true) => Attempt::Channel(*id),
                    None if !failed => Attempt::Wait,
                    _ => Attempt::Raise("Requesting pty".to_owned()),
                }
            }
            Op::Request { id, failure } => match client.channel(*id).and_then(|channel| channel.take_answer()) {
                Some(true) => Attempt::Nothing,
                None if !failed => Attempt::Wait,
                _ => Attempt::Raise(failure.clone()),
            },
            Op::Read { id, stream } => {
                let data = client.channel_read(*id, *stream, READ_MAX);
                let is_over = client.channel(*id).is_none_or(|channel| channel.is_finished());
                match data {
                    Ok(data) if !data.is_empty() => Attempt::Text(data),
                    Ok(_) if is_over => Attempt::Nil,
                    Ok(_) if !failed => Attempt::Wait,
                    _ => Attempt::Raise("Reading from channel".to_owned()),
                }
            }
            Op::Write { id, data, written } => {
                let is_over = client.channel(*id).is_none_or(|channel| channel.is_closed());
                if failed || is_over {
                    return Attempt::Raise("Writing to channel".to_owned());
                }
                match written {
                    Some(count) if !client.has_output() => Attempt::Number(*count as i64),
                    Some(_) => Attempt::Wait,
                    None => {
                        let count = client.channel_write(*id, data).unwrap_or(0);
                        if count > 0 || data.is_empty() {
                            *written = Some(count);
                        }
                        Attempt::Wait
                    }
                }
            }
            Op::Flush(failure) if failed => Attempt::Raise((*failure).to_owned()),
            Op::Flush(_) if client.has_output() => Attempt::Wait,
            Op::Flush(_) => Attempt::Nothing,
            Op::CloseChannel { id } => {
                let is_closed = client.channel(*id).is_none_or(|channel| channel.is_closed());
                match (is_closed && !client.has_output(), failed) {
                    (true, _) => Attempt::Nothing,
                    (false, true) => Attempt::Raise("Error closing channel".to_owned()),
                    (false, false) => Attempt::Wait,
                }
            }
            Op::CloseSession if client.has_output() && !failed => Attempt::Wait,
            Op::CloseSession => Attempt::Nothing,
        }
    }
}

fn sent(result: Result<(), SshError>, failure: &str) -> Attempt {
    match result {
        Ok(()) => Attempt::Wait,
        Err(_) => Attempt::Raise(failure.to_owned()),
    }
}

fn string_data(data: &mut Vec<u8>, text: &[u8]) {
    data.extend_from_slice(&(text.len() as u32).to_be_bytes());
    data.extend_from_slice(text);
}

/// What belongs to a request for a terminal.
fn terminal_data(name: &[u8], modes: &[u8], sizes: [u32; 4]) -> Vec<u8> {
    let mut data = Vec::new();
    string_data(&mut data, name);
    sizes.iter().for_each(|size| data.extend_from_slice(&size.to_be_bytes()));
    string_data(&mut data, modes);
    data
}

/// `session_open(host, port) -> session`.
/// Errors: the socket's status, `Unable to complete libssh2 handshake.`
fn session_open(call: &mut Call<'_>) -> NativeResult {
    call.check_any(1)?;
    call.check_integer(2)?;
    let client = match Client::new(IDENTIFICATION) {
        Ok(client) => client,
        Err(_) => {
            let message = call.string(b"unable to create session")?;
            return call.ret2(false, message);
        }
    };
    let state = State { client: Some(client), channels: HashMap::new() };
    let session = call.userdata(Session(RefCell::new(state)))?;
    let metatable = call.upvalue(1).as_table();
    session.set_metatable(call, metatable);
    session.set_extra_bytes(call, 64 << 10)?;
    // The session goes first; host and port follow.
    let (host, port) = (call.arg(1), call.arg(2));
    call.set_count(3);
    call.set_arg(1, session.into());
    call.set_arg(2, host);
    call.set_arg(3, port);
    let nmap = call.registry().get_str(call, b"_LOADED").as_table().map(|loaded| loaded.get_str(call, b"nmap"));
    let nmap = nmap.and_then(|nmap| nmap.as_table());
    let new_socket = nmap.map_or(Value::NIL, |nmap| nmap.get_str(call, b"new_socket"));
    let then: NativeFn = |call| {
        let made = call.result(1);
        if let Some(session) = call.arg(1).as_userdata() {
            session.set_user_value(call, made);
        }
        let name = call.string(b"connect")?;
        let then: NativeFn = |call| {
            let connect = call.result(1);
            let (socket, host, port) = (socket(call), call.arg(2), call.arg(3));
            let then: NativeFn = |call| {
                if !call.result(1).is_truthy() {
                    let status = call.result(2);
                    return Err(call.error_value(status));
                }
                start(call, Op::Handshake)
            };
            call.invoke_yieldable(connect, &[socket, host, port], then)
        };
        call.index_then(made, name, then)
    };
    call.invoke(new_socket, &[], then)
}

/// `session_close(session)`: says goodbye; the socket stays open until it is collected.
fn session_close(call: &mut Call<'_>) -> NativeResult {
    let userdata = call.arg(1).as_userdata().and_then(|userdata| userdata.downcast::<Session>(call));
    let Some(closing) = userdata else { return Err(call.type_error(1, "ssh2")) };
    if closing.0.borrow().client.is_none() {
        return call.ret0();
    }
    if with_client(call, |client| client.disconnect("Normal Shutdown"))?.is_err() {
        return Err(call.error("unable to disconnect session"));
    }
    start(call, Op::CloseSession)
}

/// `hostkey_hash(session [, "sha1" | "md5"]) -> "AA:BB:…" | false, message`.
/// Errors: `invalid option '…'`.
fn hostkey_hash(call: &mut Call<'_>) -> NativeResult {
    let key = with_client(call, |client| client.host_key().to_vec())?;
    let hash = match call.opt_string(2)?.map_or(&b"sha1"[..], |name| name.as_bytes()) {
        b"sha1" => Hash::Sha1,
        b"md5" => Hash::Md5,
        other => return Err(call.arg_error(2, [b"invalid option '", other, b"'"].concat())),
    };
    if key.is_empty() {
        let message = call.string(b"could not get hostkey hash")?;
        return call.ret2(false, message);
    }
    let digits: Vec<String> = hash.digest(&[&key]).iter().map(|byte| format!("{byte:02X}")).collect();
    let text = call.string(digits.join(":").as_bytes())?;
    call.ret1(text)
}

/// `set_timeout(session, ms)`: without effect, as nothing here blocks.
fn set_timeout(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    call.check_integer(2)?;
    call.ret0()
}

/// `userauth_list(session, user) -> methods | "none_auth" | false, message`.
fn userauth_list(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let user = call.check_string(2)?.as_bytes();
    // What fails shows in the attempt.
    let _ = with_client(call, |client| client.auth_none(user))?;
    start(call, Op::List)
}

/// `userauth_banner(session) -> text`, nothing before it has come.
fn userauth_banner(call: &mut Call<'_>) -> NativeResult {
    match with_client(call, |client| client.banner().map(<[u8]>::to_vec))? {
        Some(banner) => {
            let banner = call.string(&banner)?;
            call.ret1(banner)
        }
        None => call.ret0(),
    }
}

/// `userauth_password(session, user, password) -> boolean`.
fn userauth_password(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let (user, password) = (call.check_string(2)?.as_bytes(), call.check_string(3)?.as_bytes());
    let _ = with_client(call, |client| client.auth_password(user, password))?;
    start(call, Op::Authenticate)
}

/// `userauth_publickey(session, user, private [, passphrase [, public]]) -> boolean`; files, or the text of keys.
fn userauth_publickey(call: &mut Call<'_>, is_file: bool) -> NativeResult {
    session(call, 1)?;
    let (user, key) = (call.check_string(2)?.as_bytes(), call.check_string(3)?.as_bytes());
    let passphrase = call.opt_string(4)?.map_or(&b""[..], |passphrase| passphrase.as_bytes());
    call.opt_string(5)?;
    let text = if is_file { std::fs::read(OsStr::from_bytes(key)).ok() } else { Some(key.to_vec()) };
    let Some(key) = text.and_then(|text| PrivateKey::parse(&text, passphrase).ok()) else { return call.ret1(false) };
    // Signing, and opening a locked key, take a while.
    call.charge(1_000_000)?;
    if with_client(call, |client| client.auth_key(user, &key))?.is_err() {
        return call.ret1(false);
    }
    start(call, Op::Authenticate)
}

/// `read_publickey(path) -> blob`.
/// Errors: `Error reading file`.
fn read_publickey(call: &mut Call<'_>) -> NativeResult {
    let path = call.check_string(1)?.as_bytes();
    let blob = std::fs::read(OsStr::from_bytes(path)).ok().and_then(|text| read_public(&text));
    match blob {
        Some(blob) => {
            let blob = call.string(&blob)?;
            call.ret1(blob)
        }
        None => Err(call.error("Error reading file")),
    }
}

/// `publickey_canauth(session, user, blob) -> boolean`: whether the key would do; nothing is signed.
/// Errors: `Invalid public key: …`.
fn publickey_canauth(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let (user, blob) = (call.check_string(2)?.as_bytes(), call.check_string(3)?.as_bytes());
    let algorithm = blob.get(..4).and_then(|len| {
        let len = u32::from_be_bytes(len.try_into().ok()?) as usize;
        blob[4..].get(..len)
    });
    let Some(algorithm) = algorithm else { return Err(call.error("Invalid public key: Invalid public key")) };
    let _ = with_client(call, |client| client.auth_key_probe(user, algorithm, blob))?;
    start(call, Op::Probe)
}

/// `userauth_keyboard_interactive(session, user, callback) -> boolean`.
/// Shape: `callback(user, name, instruction, prompts)` answers a list of strings.
fn userauth_keyboard_interactive(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let user = call.check_string(2)?.as_bytes();
    call.check_any(3)?;
    let _ = with_client(call, |client| client.auth_keyboard_interactive(user))?;
    start(call, Op::Questions { user: user.to_vec(), rounds: 0 })
}

/// `open_channel(session [, no_pty]) -> channel`.
/// Errors: `Opening channel`, `Requesting pty`.
fn open_channel(call: &mut Call<'_>) -> NativeResult {
    let wants_terminal = !call.arg(2).is_truthy();
    match with_client(call, Client::open_channel)? {
        Ok(id) => start(call, Op::OpenChannel { id, wants_terminal, asked: false }),
        Err(_) => Err(call.error("Opening channel")),
    }
}

/// Sends a request on the channel in the second argument.
fn request(call: &mut Call<'_>, kind: &[u8], data: &[u8]) -> NativeResult {
    let id = channel_number(call, 2)?;
    let failure = match kind {
        b"pty-req" => "Requesting pty".to_owned(),
        _ => format!("Error sending {} request", String::from_utf8_lossy(kind)),
    };
    if with_client(call, |client| client.channel_request(id, kind, data))?.is_err() {
        return Err(call.error(failure));
    }
    start(call, Op::Request { id, failure })
}

/// `channel_exec(session, channel, command)`.
fn channel_exec(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let command = call.check_string(3)?.as_bytes();
    let mut data = Vec::new();
    string_data(&mut data, command);
    request(call, b"exec", &data)
}

/// `channel_shell(session, channel)`.
fn channel_shell(call: &mut Call<'_>) -> NativeResult {
    request(call, b"shell", b"")
}

/// `channel_request(session, channel [, type [, payload]])`: a shell without a type.
fn channel_request(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let kind = call.opt_string(3)?.map_or(&b"shell"[..], |kind| kind.as_bytes());
    let mut data = Vec::new();
    if let Some(payload) = call.opt_string(4)? {
        string_data(&mut data, payload.as_bytes());
    }
    request(call, kind, &data)
}

/// `channel_request_pty_ex(session, channel, term, modes, columns, rows, width, height)`.
fn channel_request_pty_ex(call: &mut Call<'_>) -> NativeResult {
    session(call, 1)?;
    let term = call.check_string(3)?.as_bytes();
    let modes = call.opt_string(4)?.map_or(&b""[..], |modes| modes.as_bytes());
    let mut sizes = [0; 4];
    for (idx, size) in sizes.iter_mut().enumerate() {
        *size = call.check_integer(5 + idx)? as u32;
    }
    request(call, b"pty-req", &terminal_data(term, modes, sizes))
}

/// `channel_read(session, channel) -> text | nil`, and `channel_read_stderr`.
/// Errors: `Reading from channel`.
fn channel_read(call: &mut Call<'_>, stream: usize) -> NativeResult {
    let id = channel_number(call, 2)?;
    start(call, Op::Read { id, stream })
}

/// `channel_write(session, channel, text) -> count`: as much as the server takes now.
/// Errors: `Invalid buffer`, `Writing to channel`.
fn channel_write(call: &mut Call<'_>) -> NativeResult {
    let id = channel_number(call, 2)?;
    let Some(data) = call.arg(3).as_str() else { return Err(call.error("Invalid buffer")) };
    start(call, Op::Write { id, data: data.as_bytes().to_vec(), written: None })
}

/// `channel_send_eof(session, channel)`.
/// Errors: `Error sending EOF`.
fn channel_send_eof(call: &mut Call<'_>) -> NativeResult {
    let id = channel_number(call, 2)?;
    let _ = with_client(call, |client| client.channel_send_eof(id))?;
    start(call, Op::Flush("Error sending EOF"))
}

/// `channel_eof(channel) -> boolean`: whether nothing more comes and everything was read, of both streams.
/// Errors: `Error checking for EOF`.
fn channel_eof(call: &mut Call<'_>) -> NativeResult {
    let channel = call.arg(1);
    let owner = call.upvalue(2).as_table().map_or(Value::NIL, |channels| channels.get(call, channel));
    let session = owner.as_userdata().and_then(|userdata| userdata.downcast::<Session>(call));
    let at_end = session.and_then(|session| {
        let mut state = session.0.borrow_mut();
        let id = state.channels.get(&channel.address()).copied()?;
        state.client.as_mut()?.channel(id).map(|channel| channel.at_end())
    });
    match at_end {
        Some(at_end) => call.ret1(at_end),
        None => Err(call.error("Error checking for EOF")),
    }
}

/// `channel_close(session, channel)`.
/// Errors: `Error closing channel`.
fn channel_close(call: &mut Call<'_>) -> NativeResult {
    let id = channel_number(call, 2)?;
    let _ = with_client(call, |client| client.channel_close(id))?;
    start(call, Op::CloseChannel { id })
}
