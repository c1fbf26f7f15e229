//! `nmap.new_socket` and the methods of sockets.
//!
//! An operation first does what it can at once. Only when it would block does it leave a [`Wait`] and park the task;
//! the scheduler then carries it on. Operations that fail after they parked answer nil, those refused at once answer
//! false. A socket that failed to connect still counts as open until it is closed.

mod args;
mod buffered;
mod connect;
mod transfer;

use super::{capture, certificate};
use crate::shared::{Answer, Shared, bind, shared};
use crate::thread::ThreadId;
use crate::trace::{self, Way};
use crate::wait::{Goal, Operation, Wait, advance};
use perilune_scan::link::Capture;
use perilune_scan::net::{Millis, NetError, SocketId, Transport};
use perilune_scan::secure::Secure;
use perilune_tls::Config;
use perilune_tls::limits::SERVER_NAME_LEN_MAX;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Userdata, Value};
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

pub(crate) use connect::resolve_native;

/// Milliseconds an operation may take unless `set_timeout` says otherwise.
const TIMEOUT_MS: i64 = 30_000;
const NOT_CONNECTED: &[u8] = b"socket must be connected";

/// What a socket object knows.
#[derive(Debug)]
pub(crate) struct SocketState {
    /// The open socket; none if the system gave none.
    pub id: Option<SocketId>,
    /// From `connect`, even a failing one, to `close`.
    pub is_open: bool,
    /// Whom it was connected to, or who sent or got the last datagram.
    pub peer: Option<SocketAddr>,
    /// TLS over it.
    pub secure: Option<Box<Secure>>,
    /// Packets of an interface, instead of a connection.
    pub capture: Option<Capture>,
    /// Name that TLS asks for.
    server_name: Option<String>,
    pub transport: Transport,
    /// -1: for ever.
    timeout_ms: i64,
    /// What `receive_buf` read too much.
    leftover: Vec<u8>,
    /// Where `bind` wants it.
    bound: Option<SocketAddr>,
    /// The peer has closed its side, or sent more than we take.
    pub eof_seen: bool,
    /// Bytes that came over the connection.
    pub received: usize,
    /// The connection was not made: what is read is the end.
    pub has_failed: bool,
    /// The thread that connected it; its end closes the socket.
    pub owner: Option<ThreadId>,
    /// The thread whose operation is under way.
    pub busy: Option<ThreadId>,
}

impl SocketState {
    fn new(transport: Transport) -> SocketState {
        SocketState {
            id: None,
            is_open: false,
            peer: None,
            secure: None,
            capture: None,
            server_name: None,
            transport,
            timeout_ms: TIMEOUT_MS,
            leftover: Vec::new(),
            bound: None,
            eof_seen: false,
            received: 0,
            has_failed: false,
            owner: None,
            busy: None,
        }
    }

    /// Closes the socket, with a goodbye where TLS wants one; whether it was open.
    pub fn hang_up(&mut self, engine: &Shared) -> bool {
        if !std::mem::take(&mut self.is_open) {
            return false;
        }
        let capture = self.capture.take();
        if capture.is_some() {
            if engine.options.script_trace {
                engine.log(crate::shared::Channel::Stdout, b"> | CLOSE");
            }
        } else {
            trace::event(engine, self, Way::Out, "CLOSE");
        }
        let network = &mut **engine.network.borrow_mut();
        if let Some(id) = self.id.take() {
            // There is no goodbye where nobody was met.
            if let Some(secure) = self.secure.as_mut().filter(|_| !self.has_failed) {
                secure.close(network, id);
            }
            network.close(id);
            engine.closed.borrow_mut().push(id);
        }
        self.secure = None;
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
            state.is_open = false;
            self.engine.abandoned.borrow_mut().push((id, state.secure.take()));
        }
    }
}

/// `new_socket`, with the metatable of sockets as its second upvalue.
pub(crate) fn open<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Value<'gc>, LuaError> {
    let methods = call.table(0, 16)?;
    let functions: [(&str, NativeFn); 16] = [
        ("bind", bind_method),
        ("close", close),
        ("connect", connect::connect),
        ("get_info", get_info),
        ("get_ssl_certificate", certificate::get_ssl_certificate),
        ("pcap_close", close),
        ("pcap_open", capture::pcap_open),
        ("pcap_receive", capture::pcap_receive),
        ("receive", |call| transfer::receive(call, Goal::Any)),
        ("receive_buf", buffered::receive_buf),
        ("receive_bytes", |call| {
            receiver(call)?;
            let wanted = call.check_integer(2)?;
            transfer::receive(call, Goal::Bytes(usize::try_from(wanted).unwrap_or(0)))
        }),
        ("receive_lines", |call| {
            receiver(call)?;
            let wanted = call.check_integer(2)?;
            transfer::receive(call, Goal::Lines(usize::try_from(wanted).unwrap_or(0)))
        }),
        ("reconnect_ssl", connect::reconnect_ssl),
        ("send", transfer::send),
        ("sendto", transfer::sendto),
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
    call.closure(new_socket, &[engine, metatable.into()])
}

/// `nmap.new_socket([protocol [, family]]) -> socket`, not connected.
/// Errors: `invalid option '…'`.
fn new_socket(call: &mut Call<'_>) -> NativeResult {
    let transport = match call.opt_string(1)?.map_or(&b"tcp"[..], |text| text.as_bytes()) {
        b"tcp" => Transport::Tcp,
        b"udp" => Transport::Udp,
        other => return Err(args::invalid_option(call, 1, other)),
    };
    if let Some(family) = call.opt_string(2)?
        && !matches!(family.as_bytes(), b"inet" | b"inet6")
    {
        return Err(args::invalid_option(call, 2, family.as_bytes()));
    }
    let engine = Rc::clone(shared(call));
    let mut state = SocketState::new(transport);
    if call.opt_string(2)?.is_some_and(|family| family.as_bytes() == b"inet6") {
        state.bound = Some(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0));
    }
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
pub(super) fn answer(call: &mut Call<'_>, answers: Vec<Answer>) -> NativeResult {
    let count = answers.len();
    for answer in answers {
        let value = answer.value(call);
        call.push(value);
    }
    call.ret_pushed(count)
}

/// Refused at once.
pub(super) fn refuse(call: &mut Call<'_>, message: &[u8]) -> NativeResult {
    let message = call.string(message)?;
    call.ret2(false, message)
}

/// Parks the task; what it waits for is in place.
pub(super) const PARK: NativeFn = |call| call.park();

/// Until when an operation on the socket may take.
pub(super) fn deadline_of(engine: &Shared, socket: &Rc<RefCell<SocketState>>) -> Option<Millis> {
    deadline(engine, socket.borrow().timeout_ms)
}

pub(super) fn deadline(engine: &Shared, timeout_ms: i64) -> Option<Millis> {
    let timeout = u64::try_from(timeout_ms).ok()?;
    Some(engine.network.borrow().now().after(timeout))
}

/// What is left to do once an operation was tried.
enum Tried {
    Over(Vec<Answer>),
    /// The wait is in place: park.
    Blocked,
}

/// Does what can be done at once of an operation.
fn attempt(engine: &Shared, socket: &Rc<RefCell<SocketState>>, id: SocketId, mut operation: Operation) -> Tried {
    let mut state = socket.borrow_mut();
    let mut id = id;
    if let Some(answers) = advance(engine, &mut state, &mut id, &mut operation) {
        return Tried::Over(answers);
    }
    let until = deadline(engine, state.timeout_ms);
    state.busy = engine.current().map(|info| info.id);
    *engine.wait.borrow_mut() = Some(Wait::Socket { socket: Rc::clone(socket), id, operation, until });
    Tried::Blocked
}

/// Two operations of two threads on one socket would take each other's data.
/// Errors: `Invalid reuse of a socket from one thread to another.`
fn check_free(call: &mut Call<'_>, socket: &Rc<RefCell<SocketState>>) -> Result<(), LuaError> {
    let current = shared(call).current().map(|info| info.id);
    match socket.borrow().busy {
        Some(busy) if Some(busy) != current => Err(call.error("Invalid reuse of a socket from one thread to another.")),
        _ => Ok(()),
    }
}

/// The socket that an operation is to use, or why there is none.
enum Usable {
    Open(SocketId),
    /// It counts as open, but there is no connection.
    Broken,
    Refused(&'static [u8]),
}

/// What the system said, as the C library words it, with its number.
fn told(error: NetError) -> &'static str {
    match error {
        NetError::AddressInUse => "Address already in use (98)",
        NetError::AccessDenied => "Permission denied (13)",
        NetError::TooManySockets => "Too many open files (24)",
        NetError::NetworkUnreachable => "Network is unreachable (101)",
        NetError::HostUnreachable => "No route to host (113)",
        NetError::ProtocolUnreachable => "Protocol not available (92)",
        NetError::Refused | NetError::Reset | NetError::TimedOut | NetError::Other => "Invalid argument (22)",
    }
}

/// Opens a UDP socket that was never connected; looks whether any other is open.
/// Errors: `Error in setup of iod …` when the system has no such socket, and those of [`check_free`].
fn usable(call: &mut Call<'_>, socket: &Rc<RefCell<SocketState>>) -> Result<Usable, LuaError> {
    check_free(call, socket)?;
    let mut state = socket.borrow_mut();
    if state.capture.is_some() {
        return Ok(Usable::Refused(b"invalid operation on pcap socket"));
    }
    if !state.is_open && state.transport == Transport::Udp {
        let engine = shared(call);
        let any = if engine.options.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { IpAddr::from(Ipv4Addr::UNSPECIFIED) };
        let local = state.bound.unwrap_or(SocketAddr::new(any, 0));
        let opened = engine.network.borrow_mut().open(Transport::Udp, None, Some(local));
        match opened {
            Ok(id) => {
                (state.id, state.is_open, state.eof_seen, state.has_failed) = (Some(id), true, false, false);
                state.received = 0;
            }
            Err(error) => {
                let family = if local.is_ipv6() { 10 } else { 2 };
                return Err(call.error(format!("Error in setup of iod with proto 17 and af {family}: {}", told(error))));
            }
        }
    }
    Ok(match state.id {
        Some(id) if !state.has_failed => Usable::Open(id),
        _ if state.is_open => Usable::Broken,
        _ => Usable::Refused(NOT_CONNECTED),
    })
}

/// `socket:close() -> true | false, message`.
fn close(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let mut state = socket.borrow_mut();
    if !state.hang_up(shared(call)) {
        drop(state);
        return refuse(call, b"socket already closed");
    }
    state.timeout_ms = TIMEOUT_MS;
    state.leftover.clear();
    state.bound = None;
    state.eof_seen = false;
    call.ret1(true)
}

/// `socket:get_info() -> true, local address, local port, remote address, remote port | false, message`.
fn get_info(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let addresses = match usable(call, socket)? {
        Usable::Refused(message) => return refuse(call, message),
        Usable::Open(_) | Usable::Broken => {
            let (state, network) = (socket.borrow(), shared(call).network.borrow());
            let local = state.id.and_then(|id| network.local_addr(id));
            match (local, state.peer) {
                (Some(local), Some(peer)) => [Some(local), Some(peer)],
                _ => [None, None],
            }
        }
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

/// `socket:bind(address | nil, port) -> true | false, message`: for the next connection, or the UDP socket to open.
fn bind_method(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let any =
        if shared(call).options.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { IpAddr::from(Ipv4Addr::UNSPECIFIED) };
    let address = match call.opt_string(2)? {
        Some(text) => std::str::from_utf8(text.as_bytes()).ok().and_then(|text| text.parse().ok()),
        None => Some(any),
    };
    let port = call.check_integer(3)? as u16;
    let Some(address) = address else { return refuse(call, b"getaddrinfo: Name or service not known") };
    socket.borrow_mut().bound = Some(SocketAddr::new(address, port));
    call.ret1(true)
}
