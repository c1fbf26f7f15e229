//! The run loop of a phase: three queues, and the network between the turns.
//!
//! `running` holds threads that may be resumed, `waiting` those that parked, `pending` those that were woken or spawned
//! and join `running` at the end of the round. A wake-up never runs anything by itself. One round: create instances
//! while there is room, expire deadlines, resume each running thread once, poll the network, merge `pending`.
//!
//! # Invariants
//! - S1. A thread is in exactly one queue, or being resumed.
//! - S2. `deadlines`, `by_socket`, `Shared::locked` and `slots` speak of threads in `waiting` only.
//! - S3. `instances` counts the threads of all queues that are no workers; a level is over when there are none left,
//!   whatever workers still do.

mod ending;
mod instances;
mod report;

use crate::clock::Clock;
use crate::engine::{Engine, Phase};
use crate::sched_trace::Queue;
use crate::script::Script;
use crate::shared::Answer;
use crate::thread::{Input, Rule, Target, Thread, ThreadId, ThreadInfo};
use crate::wait::Wait;
use crate::watch::{Stop, Watch};
use hashbrown::HashMap;
use perilune_scan::interface::{self, Route};
use perilune_scan::net::{Millis, SocketId};
use perilune_scan::result::{Host, Port, PortState, ScriptResult};
use perilune_scan::sys::memory;
use perilune_vm::{LuaError, Root, Run, Value};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// Calls and backward jumps until the loop looks at the network.
const BUDGET: u64 = 200_000;
/// Computing in one go before other threads get a turn, in milliseconds.
const SLICE_MS: u64 = 250;
/// Instances created in one round: by then those before them wait for what they need.
const NEW_MAX: usize = 32;
/// Longest wait for the network, in milliseconds.
const POLL_MS: u64 = 50;
/// While scripts have more than this in memory, garbage is collected as soon as there is so much of it: what floods
/// them comes in few and large strings, which the collector waits for too patiently.
const MEMORY_MUCH: usize = 64 << 20;
const GARBAGE_MAX: usize = 16 << 20;
/// So many times as long as a collection took there is none, unless there is twice as much in memory: what is many
/// small objects is left to the collector.
const COLLECTION_PAUSE: u64 = 20;
/// States of ports that scripts run for.
const ELIGIBLE: [PortState; 3] = [PortState::Open, PortState::OpenFiltered, PortState::Unfiltered];
/// After so long, in microseconds, much memory is looked through even if there is no more of it.
const COLLECTION_OLD_US: u64 = 5_000_000;
/// Between two times that unused memory is returned, in milliseconds.
const GIVE_BACK_MS: u64 = 2_000;
/// The result of a script that raised an error.
const FAILED: &[u8] = b"ERROR: Script execution failed (use -d to debug)";

/// An instance to be created.
struct Candidate {
    script: Rc<Script>,
    rule: Rule,
    target: Target,
}

/// How a thread ended.
enum End {
    /// What its function returned.
    Returned(Vec<Root>),
    /// The error, and the thread's task for its traceback.
    Failed(Vec<Root>),
    TimedOut,
    Yielded,
    /// It waited for threads that waited for it.
    Deadlocked,
    /// A limit of the user's: what was too much.
    OverLimit(&'static str),
}

pub(crate) struct Scheduler<'e> {
    engine: &'e mut Engine,
    watch: &'e mut dyn Watch,
    phase: Phase,
    candidates: VecDeque<Candidate>,
    running: VecDeque<Box<Thread>>,
    waiting: HashMap<ThreadId, Box<Thread>>,
    pending: VecDeque<Box<Thread>>,
    /// The host whose instances were last made at this level, and its ports at the first of them: they all see these,
    /// whatever scripts change meanwhile.
    snapshot: Option<(usize, Vec<Rc<Port>>)>,
    /// Deadlines of waiting threads.
    deadlines: BTreeSet<(Millis, ThreadId)>,
    by_socket: HashMap<SocketId, ThreadId>,
    /// Threads that are no workers.
    instances: usize,
    /// Threads of this level so far.
    started: usize,
    /// Nothing happened in the last round.
    is_quiet: bool,
    /// The native that an instance's coroutine runs.
    instance: Option<Root>,
    results: Vec<(Target, Kept)>,
    /// What scripts had in memory after the last collection that was asked for.
    memory_before: usize,
    /// When the next one may be, in microseconds.
    collects_at_us: u64,
    /// When unused memory is returned next.
    gives_back_at: Millis,
    /// For `--host-timeout`, one per host: none when there is no such limit.
    clocks: Vec<Option<Clock>>,
}

/// A result until the report.
enum Kept {
    Formatted(ScriptResult),
    /// What the action of the script of this id returned; its tables may change until the phase is over.
    Returned(String, Vec<Root>),
}

impl<'e> Scheduler<'e> {
    pub fn new(engine: &'e mut Engine, phase: Phase, watch: &'e mut dyn Watch) -> Scheduler<'e> {
        engine.shared.routes.replace(routes(engine));
        let hosts = engine.shared.hosts.borrow().len();
        let made = engine.state.enter(|call| -> Result<_, LuaError> {
            let registry = |_| call.table(0, 0).map(|table| call.root(table.into()));
            let registries = (0..hosts).map(registry).collect::<Result<Vec<_>, LuaError>>()?;
            let engine = call.rooted(&engine.shared_value);
            let instance = call.closure(crate::instance::run, &[engine])?;
            Ok((registries, call.root(instance)))
        });
        let (registries, instance) = made.map_or((Vec::new(), None), |(list, instance)| (list, Some(instance)));
        engine.shared.registries.replace(registries);
        engine.shared.originals.take();
        let clock = |host: &Host| Some(Clock { left_ms: host.time_left_ms?, threads: 0, since: None });
        let clocks = engine.shared.hosts.borrow().iter().map(clock).collect();
        Scheduler {
            engine,
            watch,
            phase,
            candidates: VecDeque::new(),
            running: VecDeque::new(),
            waiting: HashMap::default(),
            pending: VecDeque::new(),
            snapshot: None,
            deadlines: BTreeSet::new(),
            by_socket: HashMap::default(),
            instances: 0,
            started: 0,
            is_quiet: false,
            instance,
            results: Vec::new(),
            memory_before: 0,
            collects_at_us: 0,
            gives_back_at: Millis(GIVE_BACK_MS),
            clocks,
        }
    }

    /// The clock of a thread's host.
    fn clock(&mut self, info: &ThreadInfo) -> Option<&mut Clock> {
        self.clocks.get_mut(info.instance.target.host()?)?.as_mut()
    }

    /// When the time of a waiting thread is over, by its script's limit or its host's.
    fn time_limit(&mut self, info: &ThreadInfo) -> Option<Millis> {
        let of_host = self.clock(info).and_then(|clock| clock.deadline());
        info.instance.deadline.into_iter().chain(of_host).min()
    }

    /// Runs all levels; results of hosts and ports go into the engine's hosts, the others are the answer.
    pub fn run(mut self) -> Vec<ScriptResult> {
        let shared = Rc::clone(&self.engine.shared);
        self.announce();
        let levels = self.engine.levels.clone();
        for (idx, level) in levels.iter().enumerate() {
            shared.verbose(2, &format!("Starting runlevel {} (of {}) scan.", idx + 1, levels.len()));
            self.watch.level(false);
            self.run_level(level);
            self.watch.level(true);
        }
        self.store()
    }

    fn run_level(&mut self, level: &[Rc<Script>]) {
        self.candidates = self.candidates_of(level);
        self.snapshot = None;
        self.engine.shared.originals.borrow_mut().retain(|(_, port), _| port.is_none());
        self.started = 0;
        self.engine.seed_random();
        while !self.candidates.is_empty() || self.instances > 0 {
            let left = self.candidates.len();
            match self.watch.step(self.instances, left) {
                Stop::No if self.watch.has_told() => self.show_threads(),
                Stop::No => {}
                Stop::NothingNew => self.candidates.clear(),
                Stop::Now => {
                    self.candidates.clear();
                    self.instances = 0;
                    break;
                }
            }
            self.round();
        }
        self.abandon_workers();
    }

    /// Only workers are left: they run no more.
    fn abandon_workers(&mut self) {
        if !(self.waiting.is_empty() && self.running.is_empty() && self.pending.is_empty()) {
            self.engine.shared.debug(1, &format!("{} orphans left!", self.started));
        }
        let queued = self.running.drain(..).chain(self.pending.drain(..));
        let waiting = self.waiting.drain().map(|(_, thread)| thread);
        for thread in queued.chain(waiting) {
            self.engine.shared.close_sockets(Some(thread.info.id));
        }
        self.deadlines.clear();
        self.by_socket.clear();
        self.engine.shared.locked.borrow_mut().clear();
        let now = self.now();
        for clock in self.clocks.iter_mut().flatten() {
            clock.threads = 0;
            clock.stop(now);
        }
        self.engine.shared.slots.borrow_mut().clear();
    }

    fn round(&mut self) {
        self.fill();
        self.expire();
        for _ in 0..self.running.len() {
            if let Some(thread) = self.running.pop_front() {
                self.resume(thread);
                self.collect();
            }
        }
        self.take_woken();
        self.free_slots();
        let idle = self.running.is_empty() && self.pending.is_empty() && !self.has_room();
        if idle && self.is_deadlocked() {
            self.end_deadlock();
        }
        self.give_back();
        self.poll(if idle { POLL_MS } else { 0 });
        self.is_quiet = idle && self.pending.is_empty();
        if self.engine.shared.sched_trace.borrow().is_some() {
            for thread in &self.pending {
                self.note(&thread.info, Queue::Pending, Queue::Running, "next round");
            }
        }
        self.running.extend(self.pending.drain(..));
    }

    /// Has garbage collected when there is much.
    fn collect(&mut self) {
        let used = self.engine.state.memory_bytes();
        if used > MEMORY_MUCH {
            let now_us = |scheduler: &Self| scheduler.engine.shared.network.borrow().now_us();
            let began_us = now_us(self);
            let has_more = used > self.memory_before.saturating_add(GARBAGE_MAX) && began_us >= self.collects_at_us;
            let has_doubled = used / 2 > self.memory_before.max(MEMORY_MUCH);
            let is_old = began_us >= self.collects_at_us.saturating_add(COLLECTION_OLD_US);
            if !has_more && !has_doubled && !is_old {
                return;
            }
            self.engine.collect();
            let ended_us = now_us(self);
            self.collects_at_us = ended_us + (ended_us - began_us) * COLLECTION_PAUSE;
            self.memory_before = self.engine.state.memory_bytes();
        }
        self.memory_before = self.memory_before.min(used);
    }

    /// From time to time returns what lies unused between large blocks, which floods leave behind.
    fn give_back(&mut self) {
        let now = self.now();
        if now >= self.gives_back_at {
            memory::give_back();
            self.gives_back_at = Millis(now.0.saturating_add(GIVE_BACK_MS));
        }
    }

    fn now(&self) -> Millis {
        self.engine.shared.network.borrow().now()
    }

    fn live(&self) -> usize {
        self.running.len() + self.waiting.len() + self.pending.len()
    }

    fn count_thread(&mut self, info: &ThreadInfo) {
        if let Some(clock) = self.clock(info) {
            clock.threads += 1;
        }
    }

    /// Ends threads whose script has timed out, and operations whose time is over.
    fn expire(&mut self) {
        let now = self.now();
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now {
                return;
            }
            let Some(mut thread) = self.take_waiting(id) else {
                self.deadlines.pop_first();
                continue;
            };
            if self.time_limit(&thread.info).is_some_and(|limit| limit <= now) {
                if let Some(idx) = thread.info.instance.target.host()
                    && self.clock(&thread.info).and_then(|clock| clock.deadline()).is_some_and(|limit| limit <= now)
                {
                    self.engine.shared.hosts.borrow_mut()[idx].timed_out = true;
                }
                self.end(*thread, End::TimedOut);
            } else if thread.wait.as_ref().is_some_and(|wait| wait.deadline().is_none_or(|deadline| deadline > now)) {
                // Only to be looked at: DTLS sends again what was lost.
                let wait = thread.wait.as_mut().expect("it was there");
                match wait.progress(&self.engine.shared) {
                    Some(answers) => self.push_pending(thread, answers, "ready"),
                    None => self.park(thread),
                }
            } else if thread.wait.as_ref().is_some_and(Wait::has_retry) {
                let answers = thread.wait.as_mut().and_then(|wait| wait.retry(&self.engine.shared));
                match answers {
                    Some(answers) => self.push_pending(thread, answers, "time"),
                    None => self.park(thread),
                }
            } else if let Some(wait) = thread.wait.take() {
                let answers = wait.expire(&self.engine.shared);
                self.push_pending(thread, answers, "time");
            }
        }
    }

    fn push_pending(&mut self, mut thread: Box<Thread>, answers: Vec<Answer>, reason: &'static str) {
        (thread.wait, thread.input) = (None, Input::Answers(answers));
        self.note(&thread.info, Queue::Waiting, Queue::Pending, reason);
        self.pending.push_back(thread);
    }

    /// Gives a thread the turn until it parks, ends or has computed for too long.
    fn resume(&mut self, mut thread: Box<Thread>) {
        let began = self.now();
        let shared = Rc::clone(&self.engine.shared);
        shared.current.replace(Some(Rc::clone(&thread.info)));
        let mut values = self.values(std::mem::replace(&mut thread.input, Input::Nothing));
        if let Some(clock) = self.clock(&thread.info) {
            clock.since.get_or_insert(began);
        }
        loop {
            let run = self.engine.state.resume(&mut thread.task, &values, BUDGET);
            values.clear();
            let over = self.charge(&thread.info);
            let end = match run {
                Run::Parked => {
                    thread.wait = shared.wait.take();
                    shared.current.replace(None);
                    self.take_spawned();
                    let reason = thread.wait.as_ref().map_or_else(String::new, |wait| wait.name().into_owned());
                    self.note(&thread.info, Queue::Running, Queue::Waiting, &reason);
                    return self.park(thread);
                }
                Run::Preempted => {
                    self.poll(0);
                    let now = self.now();
                    if let Some(limit) = over {
                        End::OverLimit(limit)
                    } else if thread.info.instance.deadline.is_some_and(|deadline| deadline <= now) {
                        End::TimedOut
                    } else if now.since(began) >= SLICE_MS {
                        shared.current.replace(None);
                        self.note(&thread.info, Queue::Running, Queue::Running, "slice");
                        return self.running.push_back(thread);
                    } else {
                        continue;
                    }
                }
                Run::Finished => End::Returned(self.engine.state.results()),
                Run::Failed => End::Failed(self.engine.state.results()),
                Run::Yielded => End::Yielded,
            };
            self.take_spawned();
            return self.end(*thread, end);
        }
    }

    /// Counts what the thread has computed; the name of the limit that its script is over.
    fn charge(&self, info: &ThreadInfo) -> Option<&'static str> {
        let options = &self.engine.shared.options;
        let left = self.engine.state.budget_left();
        let used = u64::try_from(i64::try_from(BUDGET).unwrap_or(i64::MAX).saturating_sub(left)).unwrap_or(0);
        let total = info.instance.instructions.get().saturating_add(used);
        info.instance.instructions.set(total);
        options.script_instructions_max.is_some_and(|max| total > max).then_some("instructions")
    }

    fn values(&mut self, input: Input) -> Vec<Root> {
        let answers = match input {
            Input::Start(args) => return args,
            Input::Nothing => return Vec::new(),
            Input::Answers(answers) => answers,
        };
        self.engine.state.enter(|call| {
            let values: Vec<Value<'_>> = answers.iter().map(|answer| answer.value(call)).collect();
            values.into_iter().map(|value| call.root(value)).collect()
        })
    }

    fn park(&mut self, mut thread: Box<Thread>) {
        let id = thread.info.id;
        let wait = thread.wait.as_ref();
        let (deadline, look_again) = (wait.and_then(Wait::deadline), wait.and_then(Wait::look_again));
        let limit = self.time_limit(&thread.info);
        thread.look_at = deadline.into_iter().chain(look_again).chain(limit).min();
        if let Some(deadline) = thread.look_at {
            self.deadlines.insert((deadline, id));
        }
        if let Some(wait) = &thread.wait {
            self.by_socket.extend(wait.sockets().map(|socket| (socket, id)));
            if wait.is_lock() {
                self.engine.shared.locked.borrow_mut().insert(id);
            }
        }
        self.waiting.insert(id, thread);
    }

    fn take_waiting(&mut self, id: ThreadId) -> Option<Box<Thread>> {
        let mut thread = self.waiting.remove(&id)?;
        if let Some(deadline) = thread.look_at.take() {
            self.deadlines.remove(&(deadline, id));
        }
        if let Some(wait) = &thread.wait {
            for socket in wait.sockets() {
                self.by_socket.remove(&socket);
            }
            if wait.is_lock() {
                self.engine.shared.locked.borrow_mut().remove(&id);
            }
        }
        Some(thread)
    }

    /// Lets the network work for at most so many milliseconds, and wakes whose operations are over.
    fn poll(&mut self, at_most_ms: u64) {
        let shared = Rc::clone(&self.engine.shared);
        shared.close_sockets(None);
        let closed = shared.closed.take();
        let now = self.now();
        let until = if closed.is_empty() { now.after(at_most_ms) } else { now };
        let until = self.deadlines.first().map_or(until, |&(deadline, _)| until.min(deadline));
        let mut ready = Vec::new();
        shared.network.borrow_mut().wait(Some(until.max(now)), &mut ready);
        for socket in closed.into_iter().chain(ready.into_iter().map(|event| event.id)) {
            self.look_at(socket);
        }
        self.take_woken();
    }

    /// Something happened to a socket: carries on whose operation waits for it.
    fn look_at(&mut self, socket: SocketId) {
        let Some(&id) = self.by_socket.get(&socket) else { return };
        let Some(wait) = self.waiting.get_mut(&id).and_then(|thread| thread.wait.as_mut()) else { return };
        let answers = wait.progress(&self.engine.shared);
        // The operation may have gone on with another socket.
        let sockets = wait.sockets();
        self.by_socket.remove(&socket);
        self.by_socket.extend(sockets.map(|socket| (socket, id)));
        if let Some(answers) = answers {
            self.wake(id, answers, "ready");
        }
    }

    /// Wakes those that other threads have released.
    fn take_woken(&mut self) {
        let woken = self.engine.shared.woken.take();
        for (id, answers) in woken {
            let parked = self.waiting.get(&id).and_then(|thread| thread.wait.as_ref());
            if parked.is_some_and(|wait| wait.is_lock()) {
                self.wake(id, answers, "woken");
            }
        }
    }

    fn wake(&mut self, id: ThreadId, answers: Vec<Answer>, reason: &'static str) {
        if let Some(thread) = self.take_waiting(id) {
            self.push_pending(thread, answers, reason);
        }
    }

    /// Takes slots back from threads without sockets, and gives them to those that wait to connect.
    fn free_slots(&mut self) {
        let shared = Rc::clone(&self.engine.shared);
        let waiting = &self.waiting;
        let next = shared.slots.borrow_mut().hand_over(|id| shared.has_sockets(id), |id| waiting.contains_key(&id));
        for id in next {
            self.wake(id, Vec::new(), "slot");
        }
    }

    fn note(&self, info: &ThreadInfo, from: Queue, to: Queue, reason: &str) {
        if let Some(trace) = &mut *self.engine.shared.sched_trace.borrow_mut() {
            trace.moved(self.engine.shared.network.borrow().now_us(), info, from, to, reason);
        }
    }
}

/// The links to the hosts, if scripts are told of them.
fn routes(engine: &Engine) -> Vec<Option<Route>> {
    let options = &engine.shared.options;
    if !options.shows_routes {
        return Vec::new();
    }
    let interfaces = interface::list().unwrap_or_default();
    let device = options.interface.as_deref();
    let hosts = engine.shared.hosts.borrow();
    hosts.iter().map(|host| interface::route(&interfaces, host.address, device)).collect()
}
