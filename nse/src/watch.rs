//! Who watches a phase: hears of every instance that ends, and may end the phase early.

use perilune_scan::result::{Protocol, ScriptResult};
use std::net::IpAddr;

/// Whether a phase goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    No,
    /// Instances that run may end by themselves; no others begin.
    NothingNew,
    /// Nothing runs any more.
    Now,
}

/// A watcher; what it does not say has a default that changes nothing.
pub trait Watch {
    /// Asked before each round, with the instances that live and those that are yet to begin.
    fn step(&mut self, live: usize, left: usize) -> Stop {
        let _ = (live, left);
        Stop::No
    }

    /// A runlevel begins or has ended.
    fn level(&mut self, has_ended: bool) {
        let _ = has_ended;
    }

    /// Whether the user was just told how far the phase is, and may be told which threads run.
    fn has_told(&self) -> bool {
        false
    }

    /// Whether the results of instances matter while others still run.
    fn wants_results(&self) -> bool {
        false
    }

    /// An instance for a host, or one of its ports, has ended; its result if that is known already or wanted.
    fn done(&mut self, host: IpAddr, port: Option<(Protocol, u16)>, id: &str, result: Option<&ScriptResult>) {
        let _ = (host, port, id, result);
    }

    /// Whether this instance was done before and is not to begin.
    fn was_done(&self, host: IpAddr, port: Option<(Protocol, u16)>, id: &str) -> bool {
        let _ = (host, port, id);
        false
    }
}

/// Nobody.
impl Watch for () {}
