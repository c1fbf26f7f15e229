//! What the natives of a script and the scheduler share.

use crate::bindings::nmapdb::Database;
use crate::bindings::socket::SocketState;
use crate::data::DataFolders;
use crate::sched_trace::SchedTrace;
use crate::slots::Slots;
use crate::targets::NewTargets;
use crate::thread::{ThreadId, ThreadInfo};
use crate::wait::Wait;
use hashbrown::{HashMap, HashSet};
use perilune_scan::interface::Route;
use perilune_scan::net::{Network, SocketId};
use perilune_scan::port::PortLists;
use perilune_scan::result::{Host, Protocol};
use perilune_scan::secure::{Secure, SecureError};
use perilune_vm::{Call, LuaError, NativeFn, Root, Value};
use std::cell::{Cell, OnceCell, RefCell};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::{Rc, Weak};

/// What all scripts may have in memory unless the user says otherwise: services that flood them end scripts, not the
/// program.
const MEMORY_MAX: usize = 1 << 30;

/// What the command line says to scripts.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-v` and `-d`.
    pub verbosity: u8,
    pub debugging: u8,
    pub timing_level: u8,
    pub version_intensity: u8,
    /// Where scripts, libraries and data files are looked up before the embedded ones.
    pub data: DataFolders,
    /// `--script-args`, as it was written.
    pub script_args: String,
    pub script_args_file: Option<String>,
    /// `--script-updatedb`: the database is made anew.
    pub update_db: bool,
    /// `-sV`: services are asked what they are.
    pub version_scan: bool,
    /// The user asked for scripts. Without, those of version detection run over hosts and ports only, and what they
    /// say of a port is not shown.
    pub script_scan: bool,
    /// `--script-timeout` in milliseconds.
    pub script_timeout_ms: Option<u64>,
    /// `-6`: the family of names and of sockets without a peer.
    pub ipv6: bool,
    /// `-S`: the address that sockets are bound to.
    pub source: Option<IpAddr>,
    /// `-e`: the name of an interface.
    pub interface: Option<String>,
    /// `--dns-servers`; without any, those of the system are asked.
    pub dns_servers: Vec<IpAddr>,
    /// `--ttl` and `--data-length`, for scripts that make packets.
    pub ttl: Option<u8>,
    pub payload_len: usize,
    /// `--send-ip` and `--send-eth`.
    pub link_layer: LinkLayer,
    /// Ports that version detection leaves alone; empty when there is no version detection.
    pub excluded: PortLists,
    /// Whether raw sockets may be used.
    pub privileged: bool,
    /// The scan itself sends packets: scripts are told over which interface and from which address.
    pub shows_routes: bool,
    /// `--script-trace`: what sockets do is printed.
    pub script_trace: bool,
    /// `--sched-trace`: where the moves of threads are written.
    pub sched_trace: Option<PathBuf>,
    /// Threads that may live at once.
    pub threads_max: usize,
    /// `--max-parallelism`: threads that may hold sockets at once.
    pub parallelism: usize,
    /// What all scripts together may have in memory, in bytes.
    pub memory_max: Option<usize>,
    /// What the threads of one script instance may compute, in calls and turns of loops.
    pub script_instructions_max: Option<u64>,
    /// Who takes lines for the user.
    pub printer: Printer,
}

/// How scripts send packets that begin with an IP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkLayer {
    /// Through IP sockets, or in frames where there are none to be had.
    Any,
    Ip,
    Ethernet,
}

/// Takes lines for the user, without their ends, in place of standard output and standard error.
#[derive(Clone, Default)]
pub struct Printer(pub Option<Rc<Print>>);

/// What takes a line.
pub type Print = dyn Fn(Channel, &[u8]);

impl std::fmt::Debug for Printer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Printer({})", self.0.is_some())
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            verbosity: 0,
            debugging: 0,
            timing_level: 3,
            version_intensity: 7,
            data: DataFolders::default(),
            script_args: String::new(),
            script_args_file: None,
            update_db: false,
            version_scan: false,
            script_scan: true,
            script_timeout_ms: None,
            ipv6: false,
            source: None,
            interface: None,
            dns_servers: Vec::new(),
            ttl: None,
            payload_len: 0,
            link_layer: LinkLayer::Any,
            excluded: PortLists::default(),
            privileged: false,
            shows_routes: false,
            script_trace: false,
            sched_trace: None,
            threads_max: 1000,
            parallelism: 20,
            memory_max: Some(MEMORY_MAX),
            script_instructions_max: None,
            printer: Printer::default(),
        }
    }
}

/// A worker that a script asked for, to be queued once the script has the turn no more.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub info: Rc<ThreadInfo>,
    pub args: Vec<Root>,
}

/// A value for a task that goes on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Answer {
    Nil,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Vec<u8>),
    /// A table of texts.
    List(Vec<Vec<u8>>),
}

impl Answer {
    /// The value; without memory for the data there is nothing to tell the script.
    pub fn value<'gc>(&self, call: &mut Call<'gc>) -> Value<'gc> {
        match self {
            Answer::Nil => Value::NIL,
            Answer::Boolean(value) => Value::boolean(*value),
            Answer::Integer(value) => Value::integer(*value),
            Answer::Float(value) => Value::float(*value),
            Answer::Text(text) => call.string(text).unwrap_or(Value::NIL),
            Answer::List(items) => list(call, items).unwrap_or(Value::NIL),
        }
    }
}

fn list<'gc>(call: &mut Call<'gc>, items: &[Vec<u8>]) -> Result<Value<'gc>, LuaError> {
    let table = call.table(items.len(), 0)?;
    for (idx, item) in (1..).zip(items) {
        let item = call.string(item)?;
        table.set_integer(call, idx, item)?;
    }
    Ok(table.into())
}

/// The success of an operation, with its data.
pub(crate) fn success(data: Option<Vec<u8>>) -> Vec<Answer> {
    let mut answers = vec![Answer::Boolean(true)];
    answers.extend(data.map(Answer::Text));
    answers
}

/// The failure of an operation that had suspended the script.
pub(crate) fn failure(status: &str) -> Vec<Answer> {
    vec![Answer::Nil, Answer::Text(status.as_bytes().to_vec())]
}

/// A host of the group, or one of its ports.
pub(crate) type Place = (usize, Option<(u16, Protocol)>);

/// Shared by all natives through their first upvalue.
pub(crate) struct Shared {
    pub options: Options,
    pub network: RefCell<Box<dyn Network>>,
    /// Hosts of the group at work.
    pub hosts: RefCell<Vec<Host>>,
    /// The link to each of them, where it is known.
    pub routes: RefCell<Vec<Option<Route>>>,
    /// `host.registry` of each of them.
    pub registries: RefCell<Vec<Root>>,
    /// The engine's own tables of hosts and ports, once scripts have asked for them; those of ports live for a level.
    pub originals: RefCell<HashMap<Place, Root>>,
    /// The thread that runs.
    pub current: RefCell<Option<Rc<ThreadInfo>>>,
    /// What the native that just parked its task waits for.
    pub wait: RefCell<Option<Wait>>,
    pub spawned: RefCell<Vec<Spawned>>,
    /// Threads to be woken, with their results.
    pub woken: RefCell<Vec<(ThreadId, Vec<Answer>)>>,
    /// Sockets whose objects were collected.
    pub abandoned: RefCell<Vec<(SocketId, Option<Box<Secure>>)>>,
    /// Waiting threads that only another thread can wake.
    pub locked: RefCell<HashSet<ThreadId>>,
    /// Threads whose end `sync.lua` wants to know.
    pub observed: RefCell<HashSet<ThreadId>>,
    /// Names for `nmapdb`, read when they are first asked for.
    pub database: OnceCell<Database>,
    /// Sockets that threads opened, to be closed when they end.
    pub owned: RefCell<HashMap<ThreadId, Vec<Weak<RefCell<SocketState>>>>>,
    /// Sockets that were closed while an operation may wait for them.
    pub closed: RefCell<Vec<SocketId>>,
    pub slots: RefCell<Slots>,
    /// Targets that scripts found.
    pub targets: RefCell<NewTargets>,
    /// What `version_intensity` answers, once it was asked.
    pub intensity: Cell<Option<i64>>,
    /// The number of the last thread.
    threads: Cell<u64>,
    pub sched_trace: RefCell<Option<SchedTrace>>,
}

/// Where a line for the user goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    Stdout,
    Stderr,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Shared {
    pub fn new(options: Options, network: Box<dyn Network>) -> Rc<Shared> {
        let slots = RefCell::new(Slots::new(options.parallelism));
        let trace = options.sched_trace.as_deref().and_then(|path| match SchedTrace::create(path) {
            Ok(trace) => Some(trace),
            Err(error) => {
                eprintln!("cannot write {}: {}", path.display(), perilune_stdlib::base::os_message(&error));
                None
            }
        });
        Rc::new(Shared {
            options,
            network: RefCell::new(network),
            hosts: RefCell::default(),
            routes: RefCell::default(),
            originals: RefCell::default(),
            current: RefCell::default(),
            wait: RefCell::default(),
            spawned: RefCell::default(),
            woken: RefCell::default(),
            abandoned: RefCell::default(),
            locked: RefCell::default(),
            observed: RefCell::default(),
            database: OnceCell::new(),
            owned: RefCell::default(),
            closed: RefCell::default(),
            slots,
            targets: RefCell::default(),
            intensity: Cell::new(None),
            threads: Cell::new(0),
            sched_trace: RefCell::new(trace),
            registries: RefCell::default(),
        })
    }

    pub fn database(&self) -> &Database {
        self.database.get_or_init(|| Database::read(&self.options.data))
    }

    /// A line for the user, with the engine's prefix.
    pub fn log(&self, channel: Channel, text: &[u8]) {
        let mut line = [b"NSE: ", text].concat();
        if let Some(print) = &self.options.printer.0 {
            return print(channel, &line);
        }
        line.push(b'\n');
        // A reader that went away is no error of a script's.
        let _ = match channel {
            Channel::Stdout => std::io::stdout().lock().write_all(&line),
            Channel::Stderr => std::io::stderr().lock().write_all(&line),
        };
    }

    /// A line for who asked for at least this debug level.
    pub fn debug(&self, level: u8, text: &str) {
        if self.options.debugging >= level {
            self.log(Channel::Stdout, text.as_bytes());
        }
    }

    /// The same, with a text that is only made when someone reads it.
    pub fn debug_with(&self, level: u8, text: impl FnOnce() -> String) {
        if self.options.debugging >= level {
            self.log(Channel::Stdout, text().as_bytes());
        }
    }

    /// A line for who asked for at least this verbosity, or for any debugging.
    pub fn verbose(&self, level: u8, text: &str) {
        if self.options.debugging > 0 || self.verbosity() >= i64::from(level) {
            self.log(Channel::Stdout, text.as_bytes());
        }
    }

    /// Says why a handshake failed: scripts hear only that it did.
    pub fn log_tls_failure(&self, peer: Option<SocketAddr>, error: &SecureError) {
        if self.options.debugging > 0 {
            let peer = peer.map_or_else(|| "a closed socket".to_owned(), |peer| peer.to_string());
            self.log(Channel::Stderr, format!("TLS handshake with {peer} failed: {error}").as_bytes());
        }
    }

    pub fn next_thread(&self) -> ThreadId {
        self.threads.set(self.threads.get() + 1);
        ThreadId(self.threads.get())
    }

    /// The running thread.
    pub fn current(&self) -> Option<Rc<ThreadInfo>> {
        self.current.borrow().clone()
    }

    /// Notes that the running thread opened a socket.
    pub fn own(&self, socket: &Rc<RefCell<SocketState>>) {
        let Some(id) = self.current.borrow().as_ref().map(|info| info.id) else { return };
        if socket.borrow_mut().owner.replace(id) == Some(id) {
            return;
        }
        let mut owned = self.owned.borrow_mut();
        let sockets = owned.entry(id).or_default();
        if sockets.len() == sockets.capacity() {
            sockets.retain(|socket| socket.strong_count() > 0);
        }
        sockets.push(Rc::downgrade(socket));
    }

    /// Whether a thread has an open socket among those it connected.
    pub fn has_sockets(&self, id: ThreadId) -> bool {
        let owned = self.owned.borrow();
        let mut sockets = owned.get(&id).into_iter().flatten().filter_map(Weak::upgrade);
        sockets.any(|socket| {
            let socket = socket.borrow();
            socket.is_open && socket.owner == Some(id)
        })
    }

    /// Closes the sockets of a thread that ended, and those nobody refers to any more.
    pub fn close_sockets(&self, ended: Option<ThreadId>) {
        for (id, secure) in self.abandoned.borrow_mut().drain(..) {
            let mut network = self.network.borrow_mut();
            if let Some(mut secure) = secure {
                secure.close(&mut **network, id);
            }
            network.close(id);
        }
        let owned = ended.and_then(|thread| self.owned.borrow_mut().remove(&thread)).unwrap_or_default();
        for socket in owned.iter().filter_map(Weak::upgrade) {
            // Another thread may have connected it since.
            if socket.borrow().owner == ended {
                socket.borrow_mut().hang_up(self);
            }
        }
    }

    /// Whether the running script is one that the user named.
    pub fn is_named(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|info| info.instance.script.selected_by_name)
    }

    /// Effective verbosity: one more while a script runs that the user named.
    pub fn verbosity(&self) -> i64 {
        let named = self.is_named();
        self.options.verbosity.max(self.options.debugging) as i64 + named as i64
    }
}

/// What natives have of the engine: the first upvalue of each.
pub(crate) fn shared<'gc>(call: &Call<'gc>) -> &'gc Rc<Shared> {
    call.upvalue(1)
        .as_userdata()
        .and_then(|userdata| userdata.downcast::<Rc<Shared>>(call))
        .expect("bindings are made with the engine's part as first upvalue")
}

/// A native that finds the engine in its first upvalue.
pub(crate) fn bind<'gc>(call: &mut Call<'gc>, engine: Value<'gc>, function: NativeFn) -> Result<Value<'gc>, LuaError> {
    call.closure(function, &[engine])
}
