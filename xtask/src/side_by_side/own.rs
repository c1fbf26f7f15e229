//! Nmap's scripts on our libraries: which of them load, and whether they print what they print on Nmap's.

use super::cases::Case;
use super::compare::Likeness;
use super::known;
use super::run::{Outcome, Runner, script_of};
use crate::error::Error;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const SCRIPTS: &str = "/usr/share/nmap/scripts";
/// How many scripts must load.
const LOADED_MIN: usize = 400;
/// How many scripts with output must print the same, but for differences with a reason.
const SAME_MIN: usize = 100;
/// What the reference prints when a script fails; nothing can be compared with that.
const FAILED: &str = "ERROR: Script execution failed";

/// Scripts that do not load, and how many do. A run ends at the first one that does not, so there is one run for each.
pub fn loading(perilune: &Path) -> Result<(BTreeSet<String>, usize), Error> {
    let entries = fs::read_dir(SCRIPTS).map_err(Error::at(Path::new(SCRIPTS)))?.flatten();
    let total = entries.filter(|entry| entry.path().extension().is_some_and(|it| it == "nse")).count();
    let mut absent = BTreeSet::new();
    loop {
        let mut chosen = "all".to_owned();
        if !absent.is_empty() {
            let names: Vec<&str> = absent.iter().map(String::as_str).collect();
            chosen = format!("all and not ({})", names.join(" or "));
        }
        let mut command = Command::new(perilune);
        command.args(["--script-path", SCRIPTS, "--script-help", &chosen]);
        let output = command.output().map_err(Error::at(perilune))?;
        if output.status.success() {
            return Ok((absent.clone(), total.saturating_sub(absent.len())));
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let name = text.split_once("Failed to load ").and_then(|(_, rest)| {
            let path = rest.split(".nse").next()?;
            Some(path.rsplit('/').next()?.to_owned())
        });
        match name {
            Some(name) if absent.insert(name.clone()) => {}
            _ => return Err(Error::Findings(format!("Nmap's scripts do not load on our libraries:\n{text}"))),
        }
    }
}

/// Prints how alike the results are; whether that is enough.
pub fn judge(cases: &[&Case], outcomes: &[Outcome], absent: &BTreeSet<String>, loaded: usize) -> Result<(), Error> {
    let (mut same, mut different) = (BTreeSet::new(), BTreeSet::new());
    let (mut total, mut equal, mut unexplained) = (0, 0, 0);
    println!("\nNmap's scripts on our libraries: {loaded} load, without {absent:?}");
    for (case, outcome) in cases.iter().zip(outcomes) {
        for key in outcome.keys(Runner::Own) {
            let id = script_of(key);
            // A result without text is none.
            let is_empty = outcome.tries.iter().flatten().filter_map(|it| it.get(key)).all(|it| it.output.is_empty());
            let has_failed = outcome.tries.iter().any(|tries| {
                tries[Runner::Reference as usize].get(key).is_some_and(|found| found.output.starts_with(FAILED))
            });
            if absent.contains(id) || has_failed || is_empty {
                continue;
            }
            let likeness = outcome.likeness(Runner::Own, key);
            if likeness == Likeness::Unsteady {
                continue;
            }
            total += 1;
            if likeness < Likeness::Unsteady {
                equal += 1;
                same.insert(id);
                continue;
            }
            different.insert(id);
            let reason = known::own_reason(case.name, id);
            unexplained += usize::from(reason.is_none());
            println!("  {}: {key}: {}", case.name, reason.unwrap_or("not explained"));
            if reason.is_none() {
                show(outcome, key);
            }
        }
    }
    println!("{total} results compared, {equal} the same; scripts that print the same: {}: {same:?}", same.len());
    println!("of these, not everywhere: {:?}", same.intersection(&different).collect::<Vec<_>>());
    if loaded < LOADED_MIN || same.len() < SAME_MIN || unexplained > 0 {
        return Err(Error::Findings(format!(
            "on our libraries {loaded} of Nmap's scripts load, {} print the same, {unexplained} are not explained",
            same.len()
        )));
    }
    Ok(())
}

fn show(outcome: &Outcome, key: &str) {
    for tries in &outcome.tries {
        for (name, runner) in [("theirs", Runner::Reference), ("ours", Runner::Own)] {
            let text =
                tries[runner as usize].get(key).map_or("nothing".to_owned(), |found| format!("{:?}", found.output));
            println!("    {name:>6}: {}", text.chars().take(super::SHOWN_MAX).collect::<String>());
        }
    }
}
