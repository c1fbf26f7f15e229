//! A batch of addresses before anything is scanned: who is up, and names.

use super::{Failure, Scan, scanning};
use crate::discover::Discovery;
use crate::interrupt;
use crate::plan;
use crate::report::Event;
use crate::targets::{self, Candidate};
use perilune_scan::dns::{self, Answer, Question};
use perilune_scan::result::{Host, HostState, Reason};

impl Scan<'_> {
    /// Finds out who is up, and names; reports those that go no further.
    pub(super) fn discover(&mut self, mut batch: Vec<Candidate>) -> Result<Vec<Candidate>, Failure> {
        if self.options.list_scan {
            self.name(&mut batch, true);
            for Candidate { mut host, .. } in batch {
                targets::listed(&mut host);
                self.report(host);
            }
            return self.outputs.check().map(|()| Vec::new());
        }
        self.ping(&mut batch)?;
        self.name(&mut batch, self.options.all_names);
        if interrupt::count() > 0 {
            batch.retain(|candidate| self.is_whole(&candidate.host));
            batch.into_iter().for_each(|candidate| self.report(candidate.host));
            return self.outputs.check().map(|()| Vec::new());
        }
        let (up, down): (Vec<Candidate>, Vec<Candidate>) =
            batch.into_iter().partition(|candidate| candidate.host.state == HostState::Up);
        // Of hosts that were not asked nothing was found.
        for host in up.iter().map(|candidate| &candidate.host).filter(|host| !was_not_asked(host)) {
            self.outputs.send(&Event::HostUp(Box::new(host.clone())));
        }
        down.into_iter().for_each(|candidate| self.report(candidate.host));
        self.outputs.check()?;
        Ok(up)
    }

    /// Whether a signal during discovery leaves nothing open about a host; all else is asked again by a resumed scan.
    fn is_whole(&self, host: &Host) -> bool {
        let is_named = self.options.no_names || host.reverse_name.is_some();
        match host.state {
            HostState::Up => is_named && self.ends_with_discovery(),
            HostState::Down => host.reason != Reason::NoResponse,
            HostState::Unknown | HostState::Skipped => false,
        }
    }

    /// Whether nothing more is to be done with hosts that are up.
    fn ends_with_discovery(&self) -> bool {
        self.options.no_port_scan && self.engine.is_none() && !self.options.traceroute
    }

    pub(super) fn ping(&mut self, batch: &mut [Candidate]) -> Result<(), Failure> {
        let discovery = Discovery {
            options: self.options,
            timing: self.timing,
            is_privileged: self.is_privileged,
            base_port: self.base_port(0),
            seed: self.run.seed,
            raw: self.raw.clone(),
            traces_packets: self.progress.traces_packets(),
            has_raw_scan: plan::sends_raw(self.options, self.is_privileged),
        };
        for round in discovery.rounds(batch, !self.options.skip_discovery)? {
            let (name, count) = (round.name, round.which.len());
            let hosts: Vec<&Host> = round.which.iter().map(|&idx| &batch[idx].host).collect();
            let began = self.task_begin(name, scanning(&hosts, round.probe_count(), "port"));
            let (progress, outputs) = (&mut self.progress, &mut self.outputs);
            progress.begin(name, count, self.started);
            discovery.run(&mut self.network, batch, round, |scan| progress.of_ports(scan, outputs))?;
            self.task_end(name, began, format!("{count} total hosts"));
            self.progress.tell_rates(&mut self.outputs);
        }
        Ok(())
    }

    /// Local ports of raw packets: a range of its own for each kind of use.
    pub(super) fn base_port(&self, number: u16) -> u16 {
        33_000 + (self.run.seed % 20_000) as u16 + number * 100
    }

    /// Names by the hosts file and name servers.
    pub(super) fn name(&mut self, batch: &mut [Candidate], all: bool) {
        if self.options.no_names {
            return;
        }
        let mut asked = Vec::new();
        for (idx, candidate) in batch.iter_mut().enumerate() {
            let host = &mut candidate.host;
            if host.state != HostState::Up && !all {
                continue;
            }
            match self.names.name(host.address) {
                Some(name) => host.reverse_name = Some(name.to_owned()),
                None => asked.push(idx),
            }
        }
        if asked.is_empty() {
            return;
        }
        let name =
            format!("Parallel DNS resolution of {} host{}.", asked.len(), if asked.len() == 1 { "" } else { "s" });
        let began = self.task_begin(&name, String::new());
        self.progress.begin(&name, asked.len(), self.started);
        let total = asked.len();
        let questions = asked.iter().map(|&idx| Question::Reverse(batch[idx].host.address)).collect();
        let (progress, outputs) = (&mut self.progress, &mut self.outputs);
        let stop = |open: usize| {
            progress.done_of(total.saturating_sub(open), total, outputs);
            interrupt::count() > 0
        };
        let answers = dns::resolve(&mut self.network, &self.servers, questions, self.run.seed, stop);
        for (idx, answer) in asked.into_iter().zip(answers) {
            if let Answer::Names(names) = answer {
                batch[idx].host.reverse_name = names.into_iter().next();
            }
        }
        self.task_end(&name, began, String::new());
    }
}

fn was_not_asked(host: &Host) -> bool {
    matches!(host.reason, Reason::UserSet | Reason::LocalhostResponse)
}
