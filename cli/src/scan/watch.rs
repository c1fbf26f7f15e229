//! What a scan hears of its scripts while they run: how many there are, which are done, and whether to go on.

use super::seconds_since_epoch;
use crate::interrupt;
use crate::outputs::Outputs;
use crate::progress::Progress;
use crate::report::{Event, Task};
use crate::resume::Resumed;
use crate::scripts::Said;
use perilune_nse::{Stop, Watch};
use perilune_scan::result::{Protocol, ScriptResult};
use std::net::IpAddr;
use std::time::Instant;

/// Watches the scripts of a phase.
pub(super) struct Watcher<'s> {
    pub progress: &'s mut Progress,
    pub outputs: &'s mut Outputs,
    pub resumed: &'s Resumed,
    pub said: &'s Said,
    pub done: usize,
    /// Only scripts that help version detection run: what they say of ports is not shown.
    pub of_version: bool,
    pub level_began: Instant,
    pub has_told: bool,
}

impl Watch for Watcher<'_> {
    fn step(&mut self, live: usize, left: usize) -> Stop {
        self.said.tell(self.outputs);
        self.has_told = self.progress.done_of(self.done, self.done + live + left, self.outputs);
        match interrupt::count() {
            _ if self.outputs.has_failed() => Stop::Now,
            0 => Stop::No,
            1 => Stop::NothingNew,
            _ => Stop::Now,
        }
    }

    fn level(&mut self, has_ended: bool) {
        self.said.tell(self.outputs);
        let (name, extra) = ("NSE".to_owned(), String::new());
        let elapsed_ms = if has_ended { self.level_began.elapsed().as_millis() as u64 } else { 0 };
        self.level_began = Instant::now();
        self.outputs.send(&Event::Task(Task { name, time: seconds_since_epoch(), has_ended, elapsed_ms, extra }));
    }

    fn has_told(&self) -> bool {
        self.has_told
    }

    fn wants_results(&self) -> bool {
        self.outputs.has_journal
    }

    fn done(&mut self, address: IpAddr, port: Option<(Protocol, u16)>, id: &str, result: Option<&ScriptResult>) {
        self.done += 1;
        // What a signal cut short is done again.
        if self.outputs.has_journal && interrupt::count() < 2 {
            let (id, result) = (id.to_owned(), result.cloned().filter(|_| port.is_none() || !self.of_version));
            self.outputs.send(&Event::Script { address, port, id, result });
        }
    }

    fn was_done(&self, address: IpAddr, port: Option<(Protocol, u16)>, id: &str) -> bool {
        self.resumed.has_script(address, port, id)
    }
}
