//! Making instances: whom a level's scripts may be for, and threads for them while there is room.

use super::{Candidate, ELIGIBLE, FAILED, Kept, NEW_MAX, Scheduler};
use crate::bindings::{host, port};
use crate::clock::over_after;
use crate::engine::{self, Phase};
use crate::sched_trace::Queue;
use crate::script::Script;
use crate::thread::{Input, Instance, Rule, Target, Thread, ThreadInfo};
use perilune_scan::result::{Port, ScriptResult};
use perilune_vm::{LuaError, Root, Value};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

impl Scheduler<'_> {
    pub(super) fn candidates_of(&self, scripts: &[Rc<Script>]) -> VecDeque<Candidate> {
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
                let hosts = self.engine.shared.hosts.borrow();
                for (idx, host) in hosts.iter().enumerate() {
                    if host.timed_out {
                        continue;
                    }
                    add(Rule::Host, Target::Host(idx));
                    for port in host.ports.iter().filter(|port| ELIGIBLE.contains(&port.state)) {
                        add(Rule::Port, Target::Port(idx, port.number, port.protocol));
                    }
                }
                candidates.retain(|Candidate { script, target, .. }| {
                    let port =
                        if let Target::Port(_, number, protocol) = *target { Some((protocol, number)) } else { None };
                    target.host().is_none_or(|idx| !self.watch.was_done(hosts[idx].address, port, &script.id))
                });
            }
        }
        candidates
    }

    /// More instances may be created at once. While many threads wait for a place to connect they would only wait, too:
    /// fewer of them alive keep closer together in memory.
    pub(super) fn has_room(&self) -> bool {
        !self.candidates.is_empty() && !self.is_full() && !self.engine.shared.slots.borrow().is_crowded()
    }

    pub(super) fn is_full(&self) -> bool {
        self.live() >= self.engine.shared.options.threads_max
    }

    /// Creates instances while there is room, and also when nothing happens any more: one of them may be waited for.
    pub(super) fn fill(&mut self) {
        for _ in 0..NEW_MAX {
            if !self.has_room() && (!self.is_quiet || self.is_full()) {
                return;
            }
            let Some(candidate) = self.candidates.pop_front() else { return };
            let timed_out = |idx: usize| self.engine.shared.hosts.borrow()[idx].timed_out;
            if candidate.target.host().is_some_and(timed_out) {
                continue;
            }
            match self.new_instance(&candidate) {
                Ok(thread) => {
                    self.instances += 1;
                    self.started += 1;
                    self.count_thread(&thread.info);
                    self.note(&thread.info, Queue::None, Queue::Running, "created");
                    self.running.push_back(thread);
                }
                Err(_) => {
                    let result =
                        ScriptResult { id: candidate.script.id.clone(), output: FAILED.to_vec(), structured: None };
                    self.results.push((candidate.target, Kept::Formatted(result)));
                }
            }
        }
    }

    /// The port of a target, as it was when the first instance of its host was made.
    fn port_of(&mut self, target: Target) -> Option<Rc<Port>> {
        let idx = target.host()?;
        if self.snapshot.as_ref().is_none_or(|(host, _)| *host != idx) {
            let hosts = self.engine.shared.hosts.borrow();
            let ports = hosts[idx].ports.iter().filter(|port| ELIGIBLE.contains(&port.state));
            self.snapshot = Some((idx, ports.cloned().map(Rc::new).collect()));
        }
        let Target::Port(_, number, protocol) = target else { return None };
        let (_, ports) = self.snapshot.as_ref()?;
        ports.iter().find(|port| port.number == number && port.protocol == protocol).cloned()
    }

    /// A thread for one script and one host or port.
    fn new_instance(&mut self, candidate: &Candidate) -> Result<Box<Thread>, LuaError> {
        let Candidate { script, rule, target } = candidate;
        let snapshot = self.port_of(*target);
        let now = self.now();
        let shared = Rc::clone(&self.engine.shared);
        let deadline = shared.options.script_timeout_ms.map(|limit| over_after(now, limit));
        let hosts = shared.hosts.borrow();
        let place = target.host().map(|idx| {
            let port = if let Target::Port(_, number, _) = *target { Some(number) } else { None };
            (hosts[idx].target_name.clone(), hosts[idx].address, port)
        });
        let (registries, routes) = (shared.registries.borrow(), shared.routes.borrow());
        let instance = self.instance.as_ref();
        let (coroutine, address, args) = self.engine.state.enter(|call| -> Result<_, LuaError> {
            let env = engine::environment(call, &script.path, &script.id)?;
            let kind = call.string(rule.name().as_bytes())?;
            env.set_str(call, b"SCRIPT_TYPE", kind)?;
            let mut args = vec![call.rooted(&script.body), env.into(), kind, Value::boolean(script.forced)];
            if let Some(idx) = target.host() {
                let registry = registries.get(idx).map_or(Value::NIL, |root| call.rooted(root));
                let route = routes.get(idx).and_then(Option::as_ref);
                args.push(host::host_table(call, idx, &hosts[idx], route, registry)?.into());
                if let Some(port) = &snapshot {
                    args.push(port::port_table(call, port)?.into());
                }
            }
            let function = instance.map_or(Value::NIL, |root| call.rooted(root));
            let coroutine = Value::from(call.coroutine(function)?);
            let args = args.into_iter().map(|arg| call.root(arg)).collect::<Vec<Root>>();
            Ok((call.root(coroutine), coroutine.address(), args))
        })?;
        let task = self.engine.state.task_of(&coroutine);
        let instance = Instance {
            script: Rc::clone(script),
            target: *target,
            place,
            port: snapshot,
            address,
            deadline,
            started: Cell::new(false),
            instructions: Cell::new(0),
        };
        let info = ThreadInfo {
            id: shared.next_thread(),
            instance: Rc::new(instance),
            coroutine,
            address,
            parent: None,
            outcome: None,
        };
        Ok(Box::new(Thread { info: Rc::new(info), task, input: Input::Start(args), wait: None, look_at: None }))
    }

    /// Workers that scripts asked for join the next round.
    pub(super) fn take_spawned(&mut self) {
        let spawned = self.engine.shared.spawned.take();
        for worker in spawned {
            let task = self.engine.state.task_of(&worker.info.coroutine);
            self.note(&worker.info, Queue::None, Queue::Pending, "spawned");
            self.count_thread(&worker.info);
            self.started += 1;
            let input = Input::Start(worker.args);
            self.pending.push_back(Box::new(Thread { info: worker.info, task, input, wait: None, look_at: None }));
        }
    }
}
