//! The bare binary, with its own scripts, libraries and probes, beside an installed Nmap: `-sC -sV` on all services.
//!
//! What counts as a fact, and when it is told, is in `facts.rs`. The reference looks twice, we once, all at the same
//! time, at every TCP port and at the UDP ports of the services. Where a fact is missing without a reason, the ports
//! concerned are looked at again, because services answer differently from one time to the next; it counts as told when
//! it is told once, and is none when the reference does not say it again.

use super::cases::CASES;
use super::facts::{self, Fact, Report};
use super::known::EXCUSED;
use super::run::{self, Runner, Setup};
use super::services::ADDRESS;
use crate::error::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::thread;

/// Share of facts that may be missing, each with its reason, in hundredths; and of the services and results that they
/// belong to, so that a long list without mistakes does not make up for others.
const EXCUSED_MAX: usize = 5;
/// How often ports are looked at.
const TRIES_MAX: usize = 2;
/// Missing facts of a subject that are printed.
const SHOWN_MAX: usize = 10;
/// Services by UDP that tell the reference nothing, not even that they are there: it would spend minutes on them.
const SILENT: [u16; 3] = [7, 19, 69];

/// What was said of each thing, theirs and ours.
#[derive(Default)]
pub struct Facts(BTreeMap<(String, String), bool>);

/// Looks at all services.
pub fn look(setup: &Setup) -> Result<Facts, Error> {
    let mut told = Facts::default();
    let heard = CASES.iter().filter(|case| !case.udp || !SILENT.contains(&case.port));
    let all: BTreeSet<(bool, u16)> = heard.map(|case| (case.udp, case.port)).collect();
    let mut ports = all.clone();
    for number in 1..=TRIES_MAX {
        let (first, second) = thread::scope(|scope| {
            let udp = scope.spawn(|| scan(&ports, true, number, setup));
            (scan(&ports, false, number, setup), udp.join().expect("it does not panic"))
        });
        let facts = first?.into_iter().chain(second?);
        if number == 1 {
            told.add(facts)
        } else {
            told.confirm(facts)
        }
        ports = told.unexplained().flat_map(|subject| ports_of(subject, &all)).collect();
        if ports.is_empty() {
            break;
        }
    }
    Ok(told)
}

/// The ports that tell of a subject.
fn ports_of(subject: &str, all: &BTreeSet<(bool, u16)>) -> Vec<(bool, u16)> {
    let place = subject.split(' ').next().unwrap_or_default();
    let port = place.split_once('/').and_then(|(name, number)| Some((name == "udp", number.parse().ok()?)));
    match port {
        Some(port) => vec![port],
        None => all.iter().filter(|port| matches!(port, (false, 139 | 445))).copied().collect(),
    }
}

/// The facts of some ports; the first time of all that TCP has.
fn scan(ports: &BTreeSet<(bool, u16)>, udp: bool, number: usize, setup: &Setup) -> Result<Vec<Fact>, Error> {
    let ports: Vec<String> = ports.iter().filter(|(it, _)| *it == udp).map(|(_, port)| port.to_string()).collect();
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    let ports = if number == 1 && !udp { "-".to_owned() } else { ports.join(",") };
    let run = |runner: Runner, name: &str| -> Result<Report, Error> {
        let xml = setup.folder.join(format!("facts-{udp}-{number}-{name}.xml"));
        let mut command = match runner {
            Runner::Reference => Command::new("nmap"),
            _ => Command::new(&setup.perilune),
        };
        command.args(["-n", "-Pn", if udp { "-sU" } else { "-sT" }, "-sC", "-sV", "-p", &ports, "-oX"]);
        command.arg(&xml).arg(ADDRESS.to_string());
        run::finish(&mut command, runner, "all services")?;
        Ok(facts::read(&fs::read_to_string(&xml).map_err(Error::at(&xml))?))
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| run(Runner::Reference, "first"));
        let second = scope.spawn(|| run(Runner::Reference, "second"));
        let ours = run(Runner::Own, "ours")?;
        let theirs = [first, second].map(|thread| thread.join().expect("it does not panic"));
        let [first, second] = theirs;
        Ok(facts::compare([&first?, &second?], &ours))
    })
}

fn reason(subject: &str, text: &str) -> Option<&'static str> {
    let script = run::script_of(subject);
    let is_meant = |at: &str, words: &str| (at == script || at == subject) && text.contains(words);
    EXCUSED.iter().find(|(at, words, _)| is_meant(at, words)).map(|(_, _, reason)| *reason)
}

impl Facts {
    fn add(&mut self, facts: impl Iterator<Item = Fact>) {
        self.0.extend(facts.map(|fact| ((fact.subject, fact.text), fact.is_told)));
    }

    /// Takes what a second look says of what was missing: told after all, or no fact, because it is not said again.
    fn confirm(&mut self, facts: impl Iterator<Item = Fact>) {
        let again: BTreeMap<(String, String), bool> =
            facts.map(|fact| ((fact.subject, fact.text), fact.is_told)).collect();
        self.0.retain(|key, is_told| {
            *is_told |= again.get(key).copied().unwrap_or(false);
            *is_told || again.contains_key(key) || reason(&key.0, &key.1).is_some()
        });
    }

    fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        let missing = self.0.iter().filter(|(_, is_told)| !**is_told);
        missing.map(|((subject, text), _)| (subject.as_str(), text.as_str()))
    }

    fn unexplained(&self) -> impl Iterator<Item = &str> {
        self.missing().filter(|(subject, text)| reason(subject, text).is_none()).map(|(subject, _)| subject)
    }

    /// Prints what is missing; whether it is little enough.
    pub fn judge(&self) -> Result<(), Error> {
        println!("\nfacts of -sC -sV that the bare binary does not tell:");
        let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
        for (subject, text) in self.missing() {
            let count = shown.entry(subject).or_default();
            *count += 1;
            if *count > SHOWN_MAX {
                continue;
            }
            let reason = reason(subject, text).unwrap_or("not explained");
            println!("  {subject}: {}: {reason}", text.chars().take(super::SHOWN_MAX).collect::<String>());
        }
        let missing = self.missing().count();
        let unexplained = self.unexplained().count();
        let subjects: BTreeSet<&str> = self.0.keys().map(|(subject, _)| subject.as_str()).collect();
        let incomplete: BTreeSet<&str> = self.missing().map(|(subject, _)| subject).collect();
        println!(
            "{} facts, {} told; {} services and results, {} told in full",
            self.0.len(),
            self.0.len() - missing,
            subjects.len(),
            subjects.len() - incomplete.len()
        );
        let is_too_many = |part: usize, whole: usize| part * 100 > whole * EXCUSED_MAX;
        let are_too_many =
            is_too_many(missing, self.0.len()) || is_too_many(incomplete.len(), subjects.len()) || self.0.is_empty();
        if unexplained > 0 || are_too_many {
            return Err(Error::Findings(format!(
                "the bare binary does not tell {missing} of {} facts, {unexplained} of them unexplained",
                self.0.len()
            )));
        }
        Ok(())
    }
}
