//! Ends of threads: what they leave behind, and what becomes of their results.

use super::{End, FAILED, Kept, Scheduler};
use crate::engine;
use crate::format;
use crate::sched_trace::Queue;
use crate::shared::Channel;
use crate::thread::{Target, Thread, ThreadId, ThreadInfo};
use perilune_scan::result::ScriptResult;
use perilune_vm::{Call, Root, State, Value};
use std::rc::Rc;

impl Scheduler<'_> {
    pub(super) fn end(&mut self, thread: Thread, end: End) {
        let shared = Rc::clone(&self.engine.shared);
        let Thread { info, wait, .. } = thread;
        let debugging = shared.options.debugging;
        let name = || format!("{}{}", info.name(debugging), info.against());
        let reason = match &end {
            End::Returned(_) => "returned",
            End::Failed(_) => "failed",
            End::TimedOut => "timed out",
            End::Yielded => "yielded",
            End::Deadlocked => "deadlocked",
            End::OverLimit(_) => "over a limit",
        };
        self.note(&info, Queue::Running, Queue::None, reason);
        if !info.is_worker() {
            self.instances -= 1;
        }
        let now = self.now();
        if let Some(clock) = self.clock(&info) {
            clock.threads = clock.threads.saturating_sub(1);
            if clock.threads == 0 {
                clock.stop(now);
            }
        }
        let (mut error, results_before) = (None, self.results.len());
        match end {
            End::Returned(results) => {
                let has_acted = is_true(&mut self.engine.state, results.first());
                if info.is_worker() {
                    shared.debug_with(2, || format!("Finished {}.", name()));
                } else if has_acted {
                    shared.debug_with(1, || format!("Finished {}.", name()));
                    self.keep(info.instance.target, &info.instance.script.id, results);
                }
            }
            End::Failed(results) => error = self.failed(&info, &name(), results),
            End::TimedOut => {
                shared.debug_with(1, || format!("{} timed out", name()));
                error = self.text_root("timed out");
            }
            End::Yielded => {
                shared.debug(1, &format!("{} yielded unexpectedly and cannot be resumed.", info.name(debugging)));
                error = self.text_root("yielded unexpectedly and cannot be resumed");
            }
            End::Deadlocked => error = self.text_root("deadlock"),
            End::OverLimit(limit) => {
                shared.log(Channel::Stderr, format!("{} was ended: too many {limit}", name()).as_bytes());
                error = self.text_root("over a limit");
            }
        }
        if !info.is_worker() {
            self.tell_done(info.instance.target, &info.instance.script.id, results_before);
        }
        if let (Some(outcome), Some(error)) = (&info.outcome, &error) {
            self.engine.state.enter(|call| {
                let (table, error) = (call.rooted(outcome).as_table(), call.rooted(error));
                // Without memory the status lacks its reason.
                table.map(|table| table.set_str(call, b"error", error).is_ok())
            });
        }
        shared.current.replace(None);
        if let Some(wait) = &wait {
            wait.release();
        }
        shared.close_sockets(Some(info.id));
        self.tell_ended(info.id);
    }

    /// A thread ended with an error: the message or the result, and what the status function of a worker shows.
    fn failed(&mut self, info: &ThreadInfo, name: &str, results: Vec<Root>) -> Option<Root> {
        let shared = Rc::clone(&self.engine.shared);
        let tried = tried_message(&mut self.engine.state, &results);
        if let Some(message) = tried {
            if shared.options.debugging > 0 {
                let text = engine::error_text(&mut self.engine.state, std::slice::from_ref(&message));
                shared.debug(1, &format!("Finished {name}. Reason: {text}\n"));
            }
            return Some(message);
        }
        if shared.options.debugging > 0 {
            let text = engine::traceback_text(&mut self.engine.state, &info.coroutine, &results);
            shared.debug(1, &format!("{name} threw an error!\n{text}\n"));
        } else if !info.is_worker() {
            let result =
                ScriptResult { id: info.instance.script.id.clone(), output: FAILED.to_vec(), structured: None };
            self.results.push((info.instance.target, Kept::Formatted(result)));
        }
        results.into_iter().next()
    }

    fn text_root(&mut self, text: &str) -> Option<Root> {
        self.engine.state.enter(|call| call.string(text.as_bytes()).ok().map(|text| call.root(text)))
    }

    /// Releases the mutexes of a thread, and wakes who waits for its end.
    fn tell_ended(&mut self, id: ThreadId) {
        if !self.engine.shared.observed.borrow_mut().remove(&id) {
            return;
        }
        let arg = self.engine.state.enter(|call| call.root(Value::integer(id.0 as i64)));
        if let Ok(mut task) = self.engine.state.task(&self.engine.ended, false) {
            self.engine.state.resume(&mut task, &[arg], u64::MAX);
        }
        self.take_woken();
    }

    /// Keeps what an instance returned: texts at once, anything else as it is.
    fn keep(&mut self, target: Target, id: &str, mut results: Vec<Root>) {
        let returned = results.drain(1.min(results.len())..).collect::<Vec<_>>();
        let kept = match format::plain(self.engine, id, &returned) {
            Some(plain) => plain.map(Kept::Formatted),
            None => Some(Kept::Returned(id.to_owned(), returned)),
        };
        self.results.extend(kept.map(|kept| (target, kept)));
    }

    /// Tells who watches that an instance has ended, with its result if it gave one just now.
    fn tell_done(&mut self, target: Target, id: &str, results_before: usize) {
        let Some(idx) = target.host() else { return };
        let formatted;
        let result = match self.results.get(results_before) {
            Some((_, Kept::Formatted(result))) => Some(result),
            Some((_, Kept::Returned(id, returned))) if self.watch.wants_results() => {
                formatted = format::result(self.engine, id, returned);
                formatted.as_ref()
            }
            _ => None,
        };
        let hosts = self.engine.shared.hosts.borrow();
        let Some(host) = hosts.get(idx) else { return };
        let port = if let Target::Port(_, number, protocol) = target { Some((protocol, number)) } else { None };
        self.watch.done(host.address, port, id, result);
    }

    /// Puts all results in their places.
    pub(super) fn store(mut self) -> Vec<ScriptResult> {
        let (mut of_run, mut formatted) = (Vec::new(), Vec::new());
        for (target, kept) in std::mem::take(&mut self.results) {
            let result = match kept {
                Kept::Formatted(result) => Some(result),
                Kept::Returned(id, returned) => format::result(self.engine, &id, &returned),
            };
            let Some(result) = result else { continue };
            if result.output.is_empty() {
                eprintln!("Bug in {}: no string output.", result.id);
            }
            formatted.push((target, result));
        }
        let mut hosts = self.engine.shared.hosts.borrow_mut();
        for (target, result) in formatted {
            match target {
                Target::Run => of_run.push(result),
                Target::Host(idx) => hosts[idx].scripts.push(result),
                Target::Port(..) if !self.engine.shared.options.script_scan => {}
                Target::Port(idx, number, protocol) => {
                    let mut ports = hosts[idx].ports.iter_mut();
                    if let Some(port) = ports.find(|port| port.number == number && port.protocol == protocol) {
                        port.scripts.push(result);
                    }
                }
            }
        }
        of_run
    }
}

fn is_true(state: &mut State, root: Option<&Root>) -> bool {
    state.enter(|call| root.is_some_and(|root| call.rooted(root).is_truthy()))
}

/// The message, if the task ended with an exception of `nmap.new_try`, which is no error of the script's.
fn tried_message(state: &mut State, results: &[Root]) -> Option<Root> {
    state.enter(|call: &mut Call<'_>| {
        let error = results.first().and_then(|root| call.rooted(root).as_table())?;
        let kind = error.get_str(call, b"errtype").as_str()?;
        (kind.as_bytes() == b"nmap.new_try").then(|| call.root(error.get_str(call, b"message")))
    })
}
