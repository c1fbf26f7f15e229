//! What the natives of a script and the scheduler share.

use crate::bindings::nmapdb::Database;
use crate::bindings::socket::SocketState;
use crate::script::Script;
use crate::thread::ThreadId;
use crate::wait::Wait;
use perilune_scan::net::{Network, SocketId};
use perilune_scan::result::Host;
use perilune_scan::secure::{Secure, SecureError};
use perilune_vm::{Call, LuaError, NativeFn, Root, Value};
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::{Rc, Weak};

/// What the command line says to scripts.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-v` and `-d`.
    pub verbosity: u8,
    pub debugging: u8,
    pub timing_level: u8,
    pub version_intensity: u8,
    /// Folders searched for `scripts/` and `nselib/` before the embedded ones.
    pub data_dirs: Vec<PathBuf>,
    /// `--script-args`, as it was written.
    pub script_args: String,
    /// `--script-timeout` in milliseconds.
    pub script_timeout_ms: Option<u64>,
    /// Threads that may live at once.
    pub threads_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            verbosity: 0,
            debugging: 0,
            timing_level: 3,
            version_intensity: 7,
            data_dirs: Vec::new(),
            script_args: String::new(),
            script_timeout_ms: None,
            threads_max: 1000,
        }
    }
}

/// What is known of the thread that runs.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub id: ThreadId,
    pub script: Rc<Script>,
    /// Its base coroutine.
    pub coroutine: Rc<Root>,
    /// The host and port tables of the instance, nil where there is none.
    pub host: Option<Rc<Root>>,
    pub port: Option<Rc<Root>>,
    pub is_worker: bool,
}

/// A worker that a script asked for, to be queued once the script has the turn no more.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub coroutine: Rc<Root>,
    pub args: Vec<Root>,
    pub parent: Current,
}

/// A value for a task that goes on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Answer {
    Nil,
    Boolean(bool),
    Text(Vec<u8>),
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

/// Shared by all natives through their first upvalue.
pub(crate) struct Shared {
    pub options: Options,
    pub network: RefCell<Box<dyn Network>>,
    /// Hosts of the group at work.
    pub hosts: RefCell<Vec<Host>>,
    pub current: RefCell<Option<Current>>,
    /// What the native that just parked its task waits for.
    pub wait: RefCell<Option<Wait>>,
    pub spawned: RefCell<Vec<Spawned>>,
    /// Threads to be woken, with their results.
    pub woken: RefCell<Vec<(ThreadId, Vec<Answer>)>>,
    /// Sockets whose objects were collected.
    pub abandoned: RefCell<Vec<(SocketId, Option<Box<Secure>>)>>,
    /// Threads whose end `sync.lua` wants to know.
    pub observed: RefCell<HashSet<ThreadId>>,
    /// Names for `nmapdb`, read when they are first asked for.
    pub database: OnceCell<Database>,
    /// Sockets that threads opened, to be closed when they end.
    pub owned: RefCell<HashMap<ThreadId, Vec<Weak<RefCell<SocketState>>>>>,
}

/// Where a line for the user goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Channel {
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
        Rc::new(Shared {
            options,
            network: RefCell::new(network),
            hosts: RefCell::default(),
            current: RefCell::default(),
            wait: RefCell::default(),
            spawned: RefCell::default(),
            woken: RefCell::default(),
            abandoned: RefCell::default(),
            observed: RefCell::default(),
            database: OnceCell::new(),
            owned: RefCell::default(),
        })
    }

    pub fn database(&self) -> &Database {
        self.database.get_or_init(|| Database::read(&self.options.data_dirs))
    }

    /// A line for the user, with the engine's prefix.
    pub fn log(&self, channel: Channel, text: &[u8]) {
        let line = [b"NSE: ", text, b"\n"].concat();
        // A reader that went away is no error of a script's.
        let _ = match channel {
            Channel::Stdout => std::io::stdout().lock().write_all(&line),
            Channel::Stderr => std::io::stderr().lock().write_all(&line),
        };
    }

    /// Says why a handshake failed: scripts hear only that it did.
    pub fn log_tls_failure(&self, peer: Option<SocketAddr>, error: &SecureError) {
        if self.options.debugging > 0 {
            let peer = peer.map_or_else(|| "a closed socket".to_owned(), |peer| peer.to_string());
            self.log(Channel::Stderr, format!("TLS handshake with {peer} failed: {error}").as_bytes());
        }
    }

    /// Notes that the running thread opened a socket.
    pub fn own(&self, socket: &Rc<RefCell<SocketState>>) {
        if let Some(current) = &*self.current.borrow() {
            self.owned.borrow_mut().entry(current.id).or_default().push(Rc::downgrade(socket));
        }
    }

    /// Closes the sockets of a thread that ended, and those nobody refers to any more.
    pub fn close_sockets(&self, ended: Option<ThreadId>) {
        let mut network = self.network.borrow_mut();
        for (id, secure) in self.abandoned.borrow_mut().drain(..) {
            if let Some(mut secure) = secure {
                secure.close(&mut **network, id);
            }
            network.close(id);
        }
        let owned = ended.and_then(|thread| self.owned.borrow_mut().remove(&thread)).unwrap_or_default();
        for socket in owned.iter().filter_map(Weak::upgrade) {
            socket.borrow_mut().hang_up(&mut **network);
        }
    }

    /// Effective verbosity: one more while a script runs that the user named.
    pub fn verbosity(&self) -> i64 {
        let named = self.current.borrow().as_ref().is_some_and(|current| current.script.selected_by_name);
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
