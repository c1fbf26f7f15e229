//! What the user hears of the threads: phases, who lives, and deadlocks, which are ended here.

use super::{End, Scheduler};
use crate::engine::Phase;
use crate::shared::Channel;
use crate::thread::{ThreadId, ThreadInfo};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Scheduler<'_> {
    pub(super) fn announce(&self) {
        let hosts = self.engine.shared.hosts.borrow();
        let line = match (self.phase, &hosts[..]) {
            (Phase::PreScan, _) => "Script Pre-scanning.".to_owned(),
            (Phase::PostScan, _) => "Script Post-scanning.".to_owned(),
            (Phase::Scan, []) => return,
            (Phase::Scan, [host]) => format!("Script scanning {}.", host.address),
            (Phase::Scan, hosts) => format!("Script scanning {} hosts.", hosts.len()),
        };
        self.engine.shared.verbose(1, &line);
    }

    /// Shows which threads live, in more detail the more the user wants to debug.
    pub(super) fn show_threads(&mut self) {
        /// Of more scripts no counts are shown.
        const SCRIPTS_MAX: usize = 5;
        let shared = Rc::clone(&self.engine.shared);
        let (running, waiting) = (self.running.len(), self.waiting.len());
        shared.verbose(1, &format!("Active NSE Script Threads: {} ({waiting} waiting)", running + waiting));
        let running = self.running.iter().map(|thread| ("Running", thread));
        let waiting = self.waiting.values().map(|thread| ("Waiting", thread));
        let mut threads: Vec<(&str, &Rc<ThreadInfo>)> =
            running.chain(waiting).map(|(state, thread)| (state, &thread.info)).collect();
        threads.sort_by_key(|(state, info)| (*state, info.id));
        if shared.options.debugging >= 2 {
            for (state, info) in threads {
                let text = self.engine.state.enter(|call| {
                    let coroutine = call.rooted(&info.coroutine).as_coroutine();
                    coroutine.map_or_else(Vec::new, |coroutine| call.traceback_of(coroutine, None, 0))
                });
                let text = String::from_utf8_lossy(&text).replace('\n', "\n\t");
                shared.debug(2, &format!("{state}: {}{}\n\t{text}", info.info(), info.against()));
            }
            return;
        }
        let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for (state, info) in threads {
            counts.entry(&info.instance.script.id).or_default()[usize::from(state == "Waiting")] += 1;
        }
        if counts.len() <= SCRIPTS_MAX {
            for (id, [running, waiting]) in counts {
                shared.debug(1, &format!("Script {id}: {running} threads running, {waiting} threads waiting"));
            }
        }
    }

    pub(super) fn is_deadlocked(&self) -> bool {
        (self.candidates.is_empty() || self.is_full())
            && !self.waiting.is_empty()
            && self.engine.shared.locked.borrow().len() == self.waiting.len()
            && self.deadlines.is_empty()
            && self.engine.shared.woken.borrow().is_empty()
    }

    /// No thread can ever wake another one: says who waits for what, and ends them all.
    pub(super) fn end_deadlock(&mut self) {
        // With the numbers, which tell a script and its workers apart.
        let name = |info: &ThreadInfo| format!("{}{}", info.info(), info.against());
        let mut lines = vec!["Deadlock: each of these threads waits for another one.".to_owned()];
        let mut ids: Vec<ThreadId> = self.waiting.keys().copied().collect();
        ids.sort_unstable();
        for thread in ids.iter().filter_map(|id| self.waiting.get(id)) {
            let Some(wait) = &thread.wait else { continue };
            let holder = wait.holder().and_then(|id| self.waiting.get(&id));
            let holder = holder.map_or(String::new(), |holder| match holder.info.id == thread.info.id {
                true => ", which it has locked itself".to_owned(),
                false => format!(", which {} has locked", name(&holder.info)),
            });
            lines.push(format!("\t{} waits for {}{holder}", name(&thread.info), wait.name()));
        }
        // Ending one may wake others.
        let ended = ids.first().and_then(|&id| self.take_waiting(id));
        if let Some(thread) = &ended {
            lines.push(format!("\t{} is ended.", name(&thread.info)));
        }
        self.engine.shared.log(Channel::Stderr, lines.join("\n").as_bytes());
        if let Some(thread) = ended {
            self.end(*thread, End::Deadlocked);
        }
    }
}
