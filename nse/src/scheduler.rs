//! The run loop of a phase: three queues, and the network between the turns.
//!
//! `running` holds threads that may be resumed, `waiting` those that parked, `pending` those that were woken or spawned
//! and join `running` at the end of the round. A wake-up never runs anything by itself. One round: create instances
//! while there is room, expire deadlines, resume each running thread once, poll the network, merge `pending`.

use crate::bindings::port;
use crate::engine::{self, Engine, INSTANCE, Phase};
use crate::format;
use crate::script::Script;
use crate::shared::{Answer, Channel, Current};
use crate::thread::{Input, Rule, Target, Thread, ThreadId};
use crate::wait::Wait;
use perilune_scan::net::{Millis, SocketId};
use perilune_scan::result::{PortState, ScriptResult};
use perilune_vm::{LuaError, Root, Run, State, Value};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

/// Calls and backward jumps until the loop looks at the network.
const BUDGET: u64 = 200_000;
/// Computing in one go before other threads get a turn, in milliseconds.
const SLICE_MS: u64 = 250;
/// Longest wait for the network, in milliseconds.
const POLL_MS: u64 = 50;
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
    Failed,
    TimedOut,
    Yielded,
}

pub(crate) struct Scheduler<'e> {
    engine: &'e mut Engine,
    phase: Phase,
    candidates: VecDeque<Candidate>,
    running: VecDeque<Thread>,
    waiting: HashMap<ThreadId, Thread>,
    pending: Vec<Thread>,
    /// Deadlines of waiting threads.
    deadlines: BTreeSet<(Millis, ThreadId)>,
    by_socket: HashMap<SocketId, ThreadId>,
    /// `host.registry` of each host of the group.
    registries: Vec<Root>,
    /// What actions returned, formatted at the end of the phase.
    returned: Vec<(Target, String, Vec<Root>)>,
    results: Vec<(Target, ScriptResult)>,
}

impl<'e> Scheduler<'e> {
    pub fn new(engine: &'e mut Engine, phase: Phase) -> Scheduler<'e> {
        let hosts = engine.shared.hosts.borrow().len();
        let registries = engine.state.enter(|call| {
            let registry = |_| call.table(0, 0).map(|table| call.root(table.into()));
            (0..hosts).map(registry).collect::<Result<Vec<_>, LuaError>>()
        });
        Scheduler {
            engine,
            phase,
            candidates: VecDeque::new(),
            running: VecDeque::new(),
            waiting: HashMap::new(),
            pending: Vec::new(),
            deadlines: BTreeSet::new(),
            by_socket: HashMap::new(),
            registries: registries.unwrap_or_default(),
            returned: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Runs all levels; results of hosts and ports go into the engine's hosts, the others are the answer.
    pub fn run(mut self) -> Vec<ScriptResult> {
        for level in self.engine.levels.clone() {
            self.candidates = self.candidates_of(&level);
            while !self.candidates.is_empty() || !self.running.is_empty() || self.has_instances() {
                self.round();
            }
            self.abandon_workers();
        }
        self.store()
    }

    fn has_instances(&self) -> bool {
        self.waiting.values().any(|thread| !thread.current.is_worker)
    }

    /// Only workers are left: they run no more.
    fn abandon_workers(&mut self) {
        for (id, _) in self.waiting.drain() {
            self.engine.shared.close_sockets(Some(id));
        }
        self.deadlines.clear();
        self.by_socket.clear();
        self.pending.clear();
        self.running.clear();
    }

    fn candidates_of(&self, scripts: &[Rc<Script>]) -> VecDeque<Candidate> {
        let mut candidates = VecDeque::new();
        let mut add = |rule: Rule, target: Target| {
            let has_rule = |script: &&Rc<Script>| match rule {
                Rule::Pre => script.has_prerule,
                Rule::Host => script.has_hostrule,
                Rule::Port => script.has_portrule,
                Rule::Post => script.has_postrule,
            };
            let new = scripts.iter().filter(has_rule);
            candidates.extend(new.map(|script| Candidate { script: Rc::clone(script), rule, target }));
        };
        match self.phase {
            Phase::PreScan => add(Rule::Pre, Target::Run),
            Phase::PostScan => add(Rule::Post, Target::Run),
            Phase::Scan => {
                let eligible = [PortState::Open, PortState::OpenFiltered, PortState::Unfiltered];
                for (idx, host) in self.engine.shared.hosts.borrow().iter().enumerate() {
                    add(Rule::Host, Target::Host(idx));
                    for port in host.ports.iter().filter(|port| eligible.contains(&port.state)) {
                        add(Rule::Port, Target::Port(idx, port.number, port.protocol));
                    }
                }
            }
        }
        candidates
    }

    fn round(&mut self) {
        self.fill();
        self.expire();
        for _ in 0..self.running.len() {
            if let Some(thread) = self.running.pop_front() {
                self.resume(thread);
            }
        }
        let idle = self.running.is_empty() && self.pending.is_empty();
        self.poll(if idle { POLL_MS } else { 0 });
        self.running.extend(self.pending.drain(..));
    }

    fn now(&self) -> Millis {
        self.engine.shared.network.borrow().now()
    }

    /// Creates instances while there is room.
    fn fill(&mut self) {
        while self.running.len() + self.waiting.len() < self.engine.shared.options.threads_max {
            let Some(candidate) = self.candidates.pop_front() else { return };
            match self.instance(&candidate) {
                Ok(thread) => self.running.push_back(thread),
                Err(_) => {
                    let result =
                        ScriptResult { id: candidate.script.id.clone(), output: FAILED.to_vec(), structured: None };
                    self.results.push((candidate.target, result));
                }
            }
        }
    }

    fn next_id(&mut self) -> ThreadId {
        self.engine.next_thread += 1;
        ThreadId(self.engine.next_thread)
    }

    /// A thread for one script and one host or port.
    fn instance(&mut self, candidate: &Candidate) -> Result<Thread, LuaError> {
        let Candidate { script, rule, target } = candidate;
        let id = self.next_id();
        let deadline = self.engine.shared.options.script_timeout_ms.map(|timeout| Millis(self.now().0 + timeout));
        let (hosts, registries) = (self.engine.shared.hosts.borrow(), &self.registries);
        let (coroutine, args, host, port) = self.engine.state.enter(|call| -> Result<_, LuaError> {
            let env = engine::environment(call, &script.path, &script.id)?;
            let kind = call.string(rule.name().as_bytes())?;
            env.set_str(call, b"SCRIPT_TYPE", kind)?;
            let file = call.load(&script.chunk, Some(env.into()))?;
            let mut args = vec![file, env.into(), kind, Value::boolean(script.forced)];
            let (mut host_root, mut port_root) = (None, None);
            if let Target::Host(idx) | Target::Port(idx, ..) = *target {
                let registry = call.rooted(&registries[idx]);
                let host = port::host_table(call, idx, &hosts[idx], registry)?;
                args.push(host.into());
                host_root = Some(Rc::new(call.root(host.into())));
                if let Target::Port(_, number, protocol) = *target {
                    let found = hosts[idx].ports.iter().find(|port| port.number == number && port.protocol == protocol);
                    if let Some(found) = found {
                        let port = port::port_table(call, found)?;
                        args.push(port.into());
                        port_root = Some(Rc::new(call.root(port.into())));
                    }
                }
            }
            let coroutine = call.coroutine(Value::native(INSTANCE))?;
            let args = args.into_iter().map(|arg| call.root(arg)).collect::<Vec<Root>>();
            Ok((Rc::new(call.root(coroutine.into())), args, host_root, port_root))
        })?;
        let task = self.engine.state.task_of(&coroutine);
        let current = Current { id, script: Rc::clone(script), coroutine, host, port, is_worker: false };
        Ok(Thread { current, target: *target, task, input: Input::Start(args), wait: None, look_at: None, deadline })
    }

    /// Workers that scripts asked for join the next round.
    fn take_spawned(&mut self) {
        let spawned = self.engine.shared.spawned.take();
        for worker in spawned {
            let id = self.next_id();
            let task = self.engine.state.task_of(&worker.coroutine);
            let deadline = None;
            let current = Current { id, coroutine: worker.coroutine, is_worker: true, ..worker.parent };
            let input = Input::Start(worker.args);
            self.pending.push(Thread {
                current,
                target: Target::Run,
                task,
                input,
                wait: None,
                look_at: None,
                deadline,
            });
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
            if thread.deadline.is_some_and(|deadline| deadline <= now) {
                self.end(thread, End::TimedOut);
            } else if thread.wait.as_ref().is_some_and(|wait| wait.deadline().is_none_or(|deadline| deadline > now)) {
                // Only to be looked at: DTLS sends again what was lost.
                let wait = thread.wait.as_mut().expect("it was there");
                match wait.progress(&self.engine.shared) {
                    Some(answers) => {
                        (thread.wait, thread.input) = (None, Input::Answers(answers));
                        self.pending.push(thread);
                    }
                    None => self.park(thread),
                }
            } else if let Some(wait) = thread.wait.take() {
                thread.input = Input::Answers(wait.expire());
                self.pending.push(thread);
            }
        }
    }

    /// Gives a thread the turn until it parks, ends or has computed for too long.
    fn resume(&mut self, mut thread: Thread) {
        let started = self.now();
        self.engine.shared.current.replace(Some(thread.current.clone()));
        let mut values = self.values(std::mem::replace(&mut thread.input, Input::Nothing));
        loop {
            let run = self.engine.state.resume(&mut thread.task, &values, BUDGET);
            values.clear();
            let end = match run {
                Run::Parked => {
                    thread.wait = self.engine.shared.wait.take();
                    self.engine.shared.current.replace(None);
                    self.take_spawned();
                    return self.park(thread);
                }
                Run::Preempted => {
                    self.poll(0);
                    let now = self.now();
                    if thread.deadline.is_some_and(|deadline| deadline <= now) {
                        End::TimedOut
                    } else if now.0 - started.0 >= SLICE_MS {
                        self.engine.shared.current.replace(None);
                        return self.running.push_back(thread);
                    } else {
                        continue;
                    }
                }
                Run::Finished => End::Returned(self.engine.state.results()),
                Run::Failed => End::Failed,
                Run::Yielded => End::Yielded,
            };
            self.engine.shared.current.replace(None);
            self.take_spawned();
            return self.end(thread, end);
        }
    }

    fn values(&mut self, input: Input) -> Vec<Root> {
        let answers = match input {
            Input::Start(args) => return args,
            Input::Nothing => return Vec::new(),
            Input::Answers(answers) => answers,
        };
        self.engine.state.enter(|call| {
            let value = |answer: &Answer| match answer {
                Answer::Nil => Value::NIL,
                Answer::Boolean(value) => Value::boolean(*value),
                // Without memory for the data there is nothing to tell the script.
                Answer::Text(text) => call.string(text).unwrap_or(Value::NIL),
            };
            let values: Vec<Value<'_>> = answers.iter().map(value).collect();
            values.into_iter().map(|value| call.root(value)).collect()
        })
    }

    fn park(&mut self, mut thread: Thread) {
        let id = thread.current.id;
        thread.look_at = deadline_of(&thread);
        if let Some(deadline) = thread.look_at {
            self.deadlines.insert((deadline, id));
        }
        if let Some(socket) = thread.wait.as_ref().and_then(|wait| wait.socket()) {
            self.by_socket.insert(socket, id);
        }
        self.waiting.insert(id, thread);
    }

    fn take_waiting(&mut self, id: ThreadId) -> Option<Thread> {
        let mut thread = self.waiting.remove(&id)?;
        if let Some(deadline) = thread.look_at.take() {
            self.deadlines.remove(&(deadline, id));
        }
        if let Some(socket) = thread.wait.as_ref().and_then(|wait| wait.socket()) {
            self.by_socket.remove(&socket);
        }
        Some(thread)
    }

    /// Lets the network work for at most so many milliseconds, and wakes whose operations are over.
    fn poll(&mut self, at_most_ms: u64) {
        let shared = Rc::clone(&self.engine.shared);
        shared.close_sockets(None);
        let now = self.now();
        let until = Millis(now.0 + at_most_ms);
        let until = self.deadlines.first().map_or(until, |&(deadline, _)| until.min(deadline));
        let mut ready = Vec::new();
        shared.network.borrow_mut().wait(Some(until.max(now)), &mut ready);
        for event in ready {
            let Some(&id) = self.by_socket.get(&event.id) else { continue };
            let Some(wait) = self.waiting.get_mut(&id).and_then(|thread| thread.wait.as_mut()) else { continue };
            let answers = wait.progress(&shared);
            let socket = wait.socket();
            if socket != Some(event.id) {
                // The operation went on with another socket.
                self.by_socket.remove(&event.id);
                self.by_socket.extend(socket.map(|socket| (socket, id)));
            }
            if let Some(answers) = answers {
                self.wake(id, answers);
            }
        }
        self.take_woken();
    }

    /// Wakes those that other threads have released.
    fn take_woken(&mut self) {
        let woken = self.engine.shared.woken.take();
        for (id, answers) in woken {
            let parked = self.waiting.get(&id).and_then(|thread| thread.wait.as_ref());
            if matches!(parked, Some(Wait::Other)) {
                self.wake(id, answers);
            }
        }
    }

    fn wake(&mut self, id: ThreadId, answers: Vec<Answer>) {
        if let Some(mut thread) = self.take_waiting(id) {
            thread.wait = None;
            thread.input = Input::Answers(answers);
            self.pending.push(thread);
        }
    }

    fn end(&mut self, thread: Thread, end: End) {
        let Thread { current, target, .. } = thread;
        self.engine.shared.close_sockets(Some(current.id));
        let failed = if let End::Failed = end { Some(self.engine.state.results()) } else { None };
        self.tell_ended(current.id);
        let debugging = self.engine.shared.options.debugging > 0;
        let id = current.script.id.clone();
        match end {
            End::Returned(results) => {
                if !current.is_worker && is_true(&mut self.engine.state, results.first()) {
                    self.returned.push((target, id, results));
                }
            }
            End::Failed if debugging => {
                let message = engine::error_text(&mut self.engine.state, failed.as_deref().unwrap_or_default());
                self.log(&format!("{id} threw an error!\n{message}"));
            }
            End::Failed if current.is_worker || is_tried(&mut self.engine.state, failed.as_deref()) => {}
            End::Failed => {
                self.results.push((target, ScriptResult { id, output: FAILED.to_vec(), structured: None }));
            }
            End::TimedOut if debugging => self.log(&format!("{id} timed out")),
            End::Yielded if debugging => self.log(&format!("{id} yielded unexpectedly and cannot be resumed.")),
            End::TimedOut | End::Yielded => {}
        }
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

    fn log(&self, text: &str) {
        self.engine.shared.log(Channel::Stdout, text.as_bytes());
    }

    /// Formats what was returned, and puts all results in their places.
    fn store(mut self) -> Vec<ScriptResult> {
        for (target, id, results) in std::mem::take(&mut self.returned) {
            let returned = results.get(1..).unwrap_or_default();
            let result = format::result(&mut self.engine.state, &self.engine.format, &id, returned);
            self.results.extend(result.map(|result| (target, result)));
        }
        let mut of_run = Vec::new();
        let mut hosts = self.engine.shared.hosts.borrow_mut();
        for (target, result) in self.results {
            match target {
                Target::Run => of_run.push(result),
                Target::Host(idx) => hosts[idx].scripts.push(result),
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

/// When a waiting thread has to be looked at again.
fn deadline_of(thread: &Thread) -> Option<Millis> {
    let wait = thread.wait.as_ref();
    let (deadline, look_again) = (wait.and_then(Wait::deadline), wait.and_then(Wait::look_again));
    deadline.into_iter().chain(look_again).chain(thread.deadline).min()
}

fn is_true(state: &mut State, root: Option<&Root>) -> bool {
    state.enter(|call| root.is_some_and(|root| call.rooted(root).is_truthy()))
}

/// Whether the task ended with an exception of `nmap.new_try`, which is no error of the script's.
fn is_tried(state: &mut State, results: Option<&[Root]>) -> bool {
    state.enter(|call| {
        let error = results.and_then(|results| results.first()).and_then(|root| call.rooted(root).as_table());
        let kind = error.and_then(|error| error.get_str(call, b"errtype").as_str());
        kind.is_some_and(|kind| kind.as_bytes() == b"nmap.new_try")
    })
}
