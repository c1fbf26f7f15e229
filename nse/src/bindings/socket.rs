//! `nmap.new_socket` and the methods of sockets.
//!
//! An operation first does what it can at once. Only when it would block does it leave a [`Wait`] and park the task;
//! the scheduler then carries it on. Operations that fail after they parked answer nil, those refused at once answer
//! false.

use super::certificate;
use crate::shared::{Answer, Shared, bind, shared, success};
use crate::wait::{Goal, Operation, Wait, advance};
use perilune_scan::net::{Millis, Network, SocketId, Transport};
use perilune_scan::secure::Secure;
use perilune_tls::Config;
use perilune_tls::limits::SERVER_NAME_LEN_MAX;
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Step, Table, Userdata, Value};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// Milliseconds an operation may take unless `set_timeout` says otherwise.
const TIMEOUT_MS: i64 = 30_000;
const NOT_CONNECTED: &[u8] = b"socket must be connected";

/// What a socket object knows.
#[derive(Debug)]
pub(crate) struct SocketState {
    /// The open socket.
    pub id: Option<SocketId>,
    /// Whom it was connected to.
    pub remote: Option<SocketAddr>,
    /// TLS over it.
    pub secure: Option<Box<Secure>>,
    /// Name that TLS asks for.
    server_name: Option<String>,
    transport: Transport,
    /// -1: for ever.
    timeout_ms: i64,
    /// What `receive_buf` read too much.
    leftover: Vec<u8>,
    /// The peer has closed its side.
    pub eof_seen: bool,
}

impl SocketState {
    /// Closes the socket, with a goodbye where TLS wants one; whether it was open.
    pub fn hang_up(&mut self, network: &mut dyn Network) -> bool {
        let Some(id) = self.id.take() else { return false };
        if let Some(mut secure) = self.secure.take() {
            secure.close(network, id);
        }
        network.close(id);
        true
    }

    /// Puts TLS over the socket; nothing is sent yet. False when the system has no random numbers.
    pub fn secure(&mut self, config: Config, now: Millis) -> bool {
        // What no hello can carry is not asked for.
        let has_room = |name: &&String| (1..=SERVER_NAME_LEN_MAX).contains(&name.len());
        let secure = match self.transport {
            Transport::Tcp => {
                let server_name = self.server_name.as_ref().filter(has_room).cloned();
                Secure::stream(Config { server_name, ..config })
            }
            // As in the reference, DTLS asks for no name.
            Transport::Udp => Secure::datagram(config, now),
        };
        self.secure = secure.ok().map(Box::new);
        self.secure.is_some()
    }
}

/// The userdata of a socket.
struct SocketObject {
    state: Rc<RefCell<SocketState>>,
    engine: Rc<Shared>,
}

impl Drop for SocketObject {
    fn drop(&mut self) {
        // The network may be in use; the scheduler closes it.
        let mut state = self.state.borrow_mut();
        if let Some(id) = state.id.take() {
            self.engine.abandoned.borrow_mut().push((id, state.secure.take()));
        }
    }
}

/// `new_socket`, with the metatable of sockets as its second upvalue.
pub(crate) fn open<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Value<'gc>, LuaError> {
    let methods = call.table(0, 16)?;
    let functions: [(&str, NativeFn); 11] = [
        ("close", close),
        ("connect", connect),
        ("get_info", get_info),
        ("get_ssl_certificate", certificate::get_ssl_certificate),
        ("receive", |call| receive(call, Goal::Any)),
        ("receive_buf", receive_buf),
        ("receive_bytes", |call| {
            let wanted = call.check_integer(2)?;
            receive(call, Goal::Bytes(usize::try_from(wanted).unwrap_or(0)))
        }),
        ("receive_lines", |call| {
            let wanted = call.check_integer(2)?;
            receive(call, Goal::Lines(usize::try_from(wanted).unwrap_or(0)))
        }),
        ("reconnect_ssl", reconnect_ssl),
        ("send", send),
        ("set_timeout", set_timeout),
    ];
    for (name, function) in functions {
        let function = bind(call, engine, function)?;
        methods.set_str(call, name.as_bytes(), function)?;
    }
    let metatable = call.table(0, 4)?;
    metatable.set_str(call, b"__index", methods.into())?;
    let hidden = call.table(0, 0)?;
    metatable.set_str(call, b"__metatable", hidden.into())?;
    let name = call.string(b"nsock")?;
    metatable.set_str(call, b"__name", name)?;
    call.closure(new_socket, &[engine, metatable.into()])
}

/// `nmap.new_socket([protocol [, family]]) -> socket`, not connected.
/// Errors: `invalid option '…'`.
fn new_socket(call: &mut Call<'_>) -> NativeResult {
    let transport = match call.opt_string(1)?.map_or(&b"tcp"[..], |text| text.as_bytes()) {
        b"tcp" => Transport::Tcp,
        b"udp" => Transport::Udp,
        other => {
            let message = [b"invalid option '", other, b"'"].concat();
            return Err(call.arg_error(1, message));
        }
    };
    let state = SocketState {
        id: None,
        remote: None,
        secure: None,
        server_name: None,
        transport,
        timeout_ms: TIMEOUT_MS,
        leftover: Vec::new(),
        eof_seen: false,
    };
    let engine = Rc::clone(shared(call));
    let socket = call.userdata(SocketObject { state: Rc::new(RefCell::new(state)), engine })?;
    let metatable = call.upvalue(2).as_table();
    socket.set_metatable(call, metatable);
    call.ret1(socket)
}

/// The receiver of a method.
pub(super) fn receiver<'gc>(call: &mut Call<'gc>) -> Result<&'gc Rc<RefCell<SocketState>>, LuaError> {
    let userdata: Option<Userdata<'gc>> = call.arg(1).as_userdata();
    match userdata.and_then(|userdata| userdata.downcast::<SocketObject>(call)) {
        Some(object) => Ok(&object.state),
        None => Err(call.type_error(1, "nsock")),
    }
}

/// Results from Rust values.
fn answer(call: &mut Call<'_>, answers: Vec<Answer>) -> NativeResult {
    let count = answers.len();
    for answer in answers {
        let value = match answer {
            Answer::Nil => Value::NIL,
            Answer::Boolean(value) => Value::boolean(value),
            Answer::Text(text) => call.string(&text)?,
        };
        call.push(value);
    }
    call.ret_pushed(count)
}

/// Refused at once.
fn refuse(call: &mut Call<'_>, message: &[u8]) -> NativeResult {
    let message = call.string(message)?;
    call.ret2(false, message)
}

fn deadline(engine: &Shared, timeout_ms: i64) -> Option<Millis> {
    let timeout = u64::try_from(timeout_ms).ok()?;
    Some(Millis(engine.network.borrow().now().0.saturating_add(timeout)))
}

/// What is left to do once an operation was tried.
enum Tried {
    Over(Vec<Answer>),
    /// The wait is in place: park.
    Blocked,
}

fn attempt(engine: &Shared, socket: &Rc<RefCell<SocketState>>, id: SocketId, mut operation: Operation) -> Tried {
    let mut state = socket.borrow_mut();
    let mut id = id;
    if let Some(answers) = advance(engine, &mut state, &mut id, &mut operation) {
        return Tried::Over(answers);
    }
    let until = deadline(engine, state.timeout_ms);
    *engine.wait.borrow_mut() = Some(Wait::Socket { socket: Rc::clone(socket), id, operation, until });
    Tried::Blocked
}

/// A host argument: an address or name, or a table with `ip` or `targetname`.
fn host_argument(call: &mut Call<'_>, pos: usize) -> Result<Vec<u8>, LuaError> {
    let Some(table) = call.arg(pos).as_table() else { return Ok(call.check_string(pos)?.as_bytes().to_vec()) };
    for field in ["ip", "targetname"] {
        if let Some(text) = table.get_str(call, field.as_bytes()).as_str() {
            return Ok(text.as_bytes().to_vec());
        }
    }
    Err(call.arg_error(pos, "host table lacks 'ip' or 'targetname' fields"))
}

/// The name that TLS asks for: a host table's `targetname`, or the host as it was given.
fn server_name_argument(call: &Call<'_>, pos: usize) -> Option<String> {
    let name = match call.arg(pos).as_table() {
        Some(table) => table.get_str(call, b"targetname").as_str(),
        None => call.arg(pos).as_str(),
    };
    name.and_then(|name| String::from_utf8(name.as_bytes().to_vec()).ok())
}

/// A port argument: a number, or a table with `number`; and that table.
fn port_argument<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<(u16, Option<Table<'gc>>), LuaError> {
    let Some(table) = call.arg(pos).as_table() else { return Ok((call.check_integer(pos)? as u16, None)) };
    match table.get_str(call, b"number").kind() {
        Kind::Integer(number) => Ok((number as u16, Some(table))),
        _ => Err(call.arg_error(pos, "port table lacks integer 'number' field")),
    }
}

/// The transport that the third argument, the port table or the socket asks for; `None` for TLS.
fn transport_argument<'gc>(
    call: &mut Call<'gc>,
    table: Option<Table<'gc>>,
    default: Transport,
) -> Result<Option<Transport>, LuaError> {
    let protocol = match (call.opt_string(4)?, table) {
        (Some(protocol), _) => Some(protocol),
        (None, Some(table)) => table.get_str(call, b"protocol").as_str(),
        (None, None) => None,
    };
    match protocol.map(|protocol| protocol.as_bytes()) {
        None => Ok(Some(default)),
        Some(b"tcp") => Ok(Some(Transport::Tcp)),
        Some(b"udp") => Ok(Some(Transport::Udp)),
        Some(b"ssl") => Ok(None),
        Some(other) => {
            let message = [b"invalid option '", other, b"'"].concat();
            Err(call.arg_error(4, message))
        }
    }
}

/// `socket:connect(host, port [, protocol]) -> true | nil, status | false, message`.
/// Shape: `host` text or host table; `port` number or port table; `protocol` `tcp`, `udp` or `ssl`.
/// Errors: `host table lacks …`, `port table lacks …`, `invalid option '…'`.
fn connect(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let host = host_argument(call, 2)?;
    let (port, table) = port_argument(call, 3)?;
    let default = socket.borrow().transport;
    let protocol = transport_argument(call, table, default)?;
    // TLS runs over what the socket is; over UDP it is DTLS.
    let transport = protocol.unwrap_or(default);
    let server_name = server_name_argument(call, 2);
    let Some(address) = resolve(&host) else { return refuse(call, b"Name or service not known") };
    let engine = shared(call);
    let opened = {
        let (mut network, mut state) = (engine.network.borrow_mut(), socket.borrow_mut());
        state.hang_up(&mut **network);
        (state.transport, state.eof_seen, state.server_name) = (transport, false, server_name);
        state.remote = Some(SocketAddr::new(address, port));
        state.id = network.open(transport, state.remote, None).ok();
        state.id
    };
    let Some(id) = opened else { return refuse(call, b"ERROR") };
    if transport == Transport::Tcp {
        engine.own(socket);
    }
    if protocol.is_none() {
        let now = engine.network.borrow().now();
        if !socket.borrow_mut().secure(Config::default(), now) {
            return refuse(call, b"ERROR");
        }
    } else if transport == Transport::Udp {
        return answer(call, success(None));
    }
    let until = deadline(engine, socket.borrow().timeout_ms);
    let operation = match transport {
        Transport::Tcp => Operation::Connect { ssl3_next: protocol.is_none() },
        Transport::Udp => Operation::Handshake { ssl3_next: false },
    };
    if transport == Transport::Udp {
        return match attempt(engine, socket, id, operation) {
            Tried::Over(answers) => answer(call, answers),
            Tried::Blocked => call.park(),
        };
    }
    *engine.wait.borrow_mut() = Some(Wait::Socket { socket: Rc::clone(socket), id, operation, until });
    call.park()
}

/// `socket:reconnect_ssl() -> true | nil, status | false, message`: TLS on the connection that is there.
fn reconnect_ssl(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    if socket.borrow().transport == Transport::Udp {
        return refuse(call, b"TLS cannot start on an open UDP socket");
    }
    let Some(id) = socket.borrow().id else { return refuse(call, NOT_CONNECTED) };
    if socket.borrow().secure.is_some() {
        return call.ret1(true);
    }
    let engine = shared(call);
    let now = engine.network.borrow().now();
    if !socket.borrow_mut().secure(Config::default(), now) {
        return refuse(call, b"ERROR");
    }
    match attempt(engine, socket, id, Operation::Handshake { ssl3_next: false }) {
        Tried::Over(answers) => answer(call, answers),
        Tried::Blocked => call.park(),
    }
}

/// A numeric address, or a name of the hosts file.
pub(crate) fn resolve(host: &[u8]) -> Option<IpAddr> {
    let host = std::str::from_utf8(host).ok()?;
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    let hosts = std::fs::read_to_string("/etc/hosts").ok()?;
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut found = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    });
    found.find(IpAddr::is_ipv4)
}

/// `socket:send(data) -> true | nil, status | false, message`.
fn send(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let data = call.check_string(2)?.as_bytes().to_vec();
    let Some(id) = socket.borrow().id else { return refuse(call, NOT_CONNECTED) };
    match attempt(shared(call), socket, id, Operation::Send { data, sent: 0 }) {
        Tried::Over(answers) => answer(call, answers),
        Tried::Blocked => call.park(),
    }
}

/// `socket:receive()`, `receive_bytes(n)`, `receive_lines(n)`: everything read once there is enough.
fn receive(call: &mut Call<'_>, goal: Goal) -> NativeResult {
    let socket = receiver(call)?;
    let Some(id) = socket.borrow().id else { return refuse(call, NOT_CONNECTED) };
    if socket.borrow().eof_seen {
        return refuse(call, b"EOF");
    }
    match attempt(shared(call), socket, id, Operation::Receive { goal, data: Vec::new() }) {
        Tried::Over(answers) => answer(call, answers),
        Tried::Blocked => call.park(),
    }
}

/// `socket:receive_buf(delimiter, keep) -> true, data | nil, status | false, message`.
/// Shape: `delimiter` a pattern, or a function from the buffer to the delimiter's first and last position.
/// Errors: `function/string expected`, `invalid indices for match`.
fn receive_buf(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    if call.arg(2).as_function().is_none() && call.arg(2).as_str().is_none() {
        return Err(call.type_error(2, "function/string"));
    }
    if !matches!(call.arg(3).kind(), Kind::Boolean(_)) {
        return Err(call.type_error(3, "boolean"));
    }
    if socket.borrow().id.is_none() {
        return refuse(call, NOT_CONNECTED);
    }
    let buffer = socket.borrow().leftover.clone();
    Box::new(ReceiveBuf { buffer, searching: true }).search(call)
}

/// A `receive_buf` under way.
struct ReceiveBuf {
    buffer: Vec<u8>,
    /// The results to come are of the delimiter's search; otherwise of a read.
    searching: bool,
}

impl ReceiveBuf {
    fn search(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        self.searching = true;
        let (delimiter, buffer) = (call.arg(2), call.string(&self.buffer)?);
        if delimiter.as_function().is_some() {
            return call.invoke(delimiter, &[buffer], self);
        }
        let strings = call.globals().get_str(call, b"string").as_table();
        let find = strings.map_or(Value::NIL, |strings| strings.get_str(call, b"find"));
        call.invoke(find, &[buffer, delimiter], self)
    }

    fn read(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        self.searching = false;
        let socket = receiver(call)?;
        let (id, eof_seen) = (socket.borrow().id, socket.borrow().eof_seen);
        let Some(id) = id else { return refuse(call, NOT_CONNECTED) };
        if eof_seen {
            return refuse(call, b"EOF");
        }
        match attempt(shared(call), socket, id, Operation::Receive { goal: Goal::Any, data: Vec::new() }) {
            Tried::Over(answers) => match <[Answer; 2]>::try_from(answers) {
                Ok([Answer::Boolean(true), Answer::Text(data)]) => {
                    self.buffer.extend_from_slice(&data);
                    self.search(call)
                }
                Ok(failed) => answer(call, failed.into()),
                Err(failed) => answer(call, failed),
            },
            Tried::Blocked => {
                let park: NativeFn = |call| call.park();
                call.invoke_yieldable(Value::native(park), &[], self)
            }
        }
    }

    /// The delimiter lies at these positions.
    fn found(&self, call: &mut Call<'_>, first: i64, last: i64) -> NativeResult {
        let len = self.buffer.len() as i64;
        if first > last || last > len || first < 0 {
            return Err(call.error("invalid indices for match"));
        }
        let end = last as usize;
        let kept = if call.arg(3).is_truthy() { end } else { (first - 1).max(0) as usize };
        let socket = receiver(call)?;
        socket.borrow_mut().leftover = self.buffer[end..].to_vec();
        answer(call, success(Some(self.buffer[..kept].to_vec())))
    }
}

impl Step for ReceiveBuf {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if self.searching {
            return match (call.result(1).to_integer(), call.result(2).to_integer()) {
                (Some(first), Some(last)) => self.found(call, first, last),
                _ => self.read(call),
            };
        }
        if !call.result(1).is_truthy() {
            let (ok, status) = (call.result(1), call.result(2));
            return call.ret2(ok, status);
        }
        if let Some(data) = call.result(2).as_str() {
            self.buffer.extend_from_slice(data.as_bytes());
        }
        self.search(call)
    }
}

/// `socket:close() -> true | false, message`.
fn close(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let mut state = socket.borrow_mut();
    if !state.hang_up(&mut **shared(call).network.borrow_mut()) {
        drop(state);
        return refuse(call, b"socket already closed");
    }
    state.timeout_ms = TIMEOUT_MS;
    state.leftover.clear();
    state.eof_seen = false;
    call.ret1(true)
}

/// `socket:get_info() -> true, local address, local port, remote address, remote port | false, message`.
fn get_info(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let Some(id) = socket.borrow().id else { return refuse(call, NOT_CONNECTED) };
    let engine = shared(call);
    let addresses = {
        let network = engine.network.borrow();
        [network.local_addr(id), network.peer_addr(id)]
    };
    call.push(true);
    for address in addresses {
        let text = address.map_or("unknown protocol".to_owned(), |address| address.ip().to_string());
        let text = call.string(text.as_bytes())?;
        call.push(text);
        call.push(address.map_or(0, |address| address.port() as i64));
    }
    call.ret_pushed(5)
}

/// `socket:set_timeout(ms) -> true`; -1 is for ever.
/// Errors: `Negative timeout: …`.
fn set_timeout(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let timeout = call.check_number(2)?.floor();
    if timeout < -1.0 {
        return Err(call.error(format!("Negative timeout: {timeout}")));
    }
    socket.borrow_mut().timeout_ms = timeout as i64;
    call.ret1(true)
}
