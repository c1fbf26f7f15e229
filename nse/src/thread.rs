//! One script instance, or a worker that one started.

use crate::script::Script;
use crate::shared::Answer;
use crate::wait::Wait;
use perilune_scan::net::Millis;
use perilune_scan::result::{Port, Protocol};
use perilune_vm::{Root, Task};
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

/// Numbers threads in the order of their creation; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ThreadId(pub u64);

/// Which rule of a script an instance runs, and so when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    Pre,
    Host,
    Port,
    Post,
}

impl Rule {
    /// Name of the rule's function.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Pre => "prerule",
            Rule::Host => "hostrule",
            Rule::Port => "portrule",
            Rule::Post => "postrule",
        }
    }
}

/// Where an instance's result goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Run,
    /// Index of the host in its group.
    Host(usize),
    Port(usize, u16, Protocol),
}

impl Target {
    /// Index of the host, where there is one.
    pub fn host(self) -> Option<usize> {
        match self {
            Target::Run => None,
            Target::Host(idx) | Target::Port(idx, ..) => Some(idx),
        }
    }
}

/// What a script and its workers have in common.
#[derive(Debug)]
pub(crate) struct Instance {
    pub script: Rc<Script>,
    pub target: Target,
    /// The host's name as the user wrote it, its address, and the port: for messages.
    pub place: Option<(Option<String>, IpAddr, Option<u16>)>,
    /// The port as it was when the instances of its host were made.
    pub port: Option<Rc<Port>>,
    /// The thread's number among the coroutines of the machine, as `tostring` shows it.
    pub address: usize,
    /// When `--script-timeout` ends its threads.
    pub deadline: Option<Millis>,
    /// The rule accepted.
    pub started: Cell<bool>,
    /// What its threads have computed, in units of the machine's budget.
    pub instructions: Cell<u64>,
}

/// What is known of a thread while it lives.
#[derive(Debug)]
pub(crate) struct ThreadInfo {
    pub id: ThreadId,
    pub instance: Rc<Instance>,
    /// Its base coroutine.
    pub coroutine: Root,
    /// Address of the base coroutine.
    pub address: usize,
    /// Who started it, for a worker.
    pub parent: Option<ThreadId>,
    /// A worker's table `{ error = … }`, which its status function reads.
    pub outcome: Option<Root>,
}

impl ThreadInfo {
    pub fn is_worker(&self) -> bool {
        self.parent.is_some()
    }

    /// `id M:hex`, or `W:` for a worker.
    pub fn info(&self) -> String {
        let kind = if self.is_worker() { 'W' } else { 'M' };
        format!("{} {kind}:{:x}", self.instance.script.id, self.address)
    }

    /// The name in messages at a debug level.
    pub fn name(&self, debugging: u8) -> String {
        if debugging >= 2 { self.info() } else { self.instance.script.id.clone() }
    }

    /// ` against ADDRESS:PORT`, or nothing where there is no host.
    pub fn against(&self) -> String {
        let Some((name, address, port)) = &self.instance.place else { return String::new() };
        let place = match port {
            Some(port) => format!("{address}:{port}"),
            None => address.to_string(),
        };
        match name {
            Some(name) => format!(" against {name} ({place})"),
            None => format!(" against {place}"),
        }
    }
}

/// What a thread goes on with.
#[derive(Debug)]
pub(crate) enum Input {
    /// Arguments of its function.
    Start(Vec<Root>),
    /// Results of the operation it waited for.
    Answers(Vec<Answer>),
    /// Its time slice was over.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Thread {
    pub info: Rc<ThreadInfo>,
    pub task: Task,
    pub input: Input,
    /// What it waits for, while it is in `waiting`.
    pub wait: Option<Wait>,
    /// When it is looked at again, while it is in `waiting`.
    pub look_at: Option<Millis>,
}
