//! One script instance, or a worker that one started.

use crate::shared::{Answer, Current};
use crate::wait::Wait;
use perilune_scan::net::Millis;
use perilune_scan::result::Protocol;
use perilune_vm::{Root, Task};

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
    pub current: Current,
    pub target: Target,
    pub task: Task,
    pub input: Input,
    /// What it waits for, while it is in `waiting`.
    pub wait: Option<Wait>,
    /// When it is looked at again, while it is in `waiting`.
    pub look_at: Option<Millis>,
    /// When `--script-timeout` ends it.
    pub deadline: Option<Millis>,
}
