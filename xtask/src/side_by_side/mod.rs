//! `cargo xtask side-by-side`: scripts against real services, by `nmap` and by us.
//!
//! The services of `daemons.sh` run on one loopback address. Three things are compared on them, side by side:
//!
//! - Nmap's scripts and libraries, run by `nmap` and by us. For each case both run the same scripts against the same
//!   port, one after the other, and their XML reports are compared script by script. A result that only one of them has
//!   counts as different. A case with differences is tried again: a result is the same when one of our tries has what
//!   one of the reference's has. Where it is never the same and the reference's own tries differ from each other,
//!   nothing can be compared, and the result is listed but not counted. What differs otherwise must be among
//!   [`known::KNOWN`], with its reason.
//! - Nmap's scripts on our libraries (`own.rs`), compared with the same runs of `nmap` by the same rules.
//! - The bare binary (`bare.rs`): `-sC -sV` with nothing but what is in it tells the facts that `nmap -sC -sV` tells.

mod bare;
mod cases;
mod compare;
mod facts;
mod known;
mod own;
mod run;
mod services;

use crate::error::Error;
use crate::workspace::Workspace;
use cases::{CASES, Case};
use compare::{Likeness, Report};
use known::KNOWN;
use run::{Outcome, Runner, Setup, script_of};
use services::Services;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::thread;

/// Characters of a result that are printed.
const SHOWN_MAX: usize = 300;
/// Share of results that must be the same, in hundredths.
const EQUAL_MIN: usize = 97;
/// Share of results in which the reference may differ from itself, in hundredths: above it, little was compared.
const UNSTEADY_MAX: usize = 5;
/// The name that chooses the comparison of the bare binary alone.
const FACTS: &str = "facts";

/// Runs everything, or the cases whose name or port is given; `facts` is the bare binary.
pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    let perilune = workspace.perilune()?;
    let (not_loading, loaded) = own::loading(&perilune)?;
    let services = Services::start()?;
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|case| {
            args.is_empty() || args.iter().any(|arg| case.name.contains(arg.as_str()) || *arg == case.port.to_string())
        })
        .collect();
    let setup = Setup { perilune, folder: services.folder.clone(), data: data_folder(&services.folder)?, not_loading };
    let is_bare_meant = args.is_empty() || args.iter().any(|arg| arg == FACTS);
    let (outcomes, facts) = thread::scope(|scope| {
        let facts = is_bare_meant.then(|| scope.spawn(|| bare::look(&setup)));
        let outcomes = run::all(&chosen, &setup);
        (outcomes, facts.map(|thread| thread.join().expect("it does not panic")))
    });
    let outcomes = outcomes?;
    let mut failures = Vec::new();
    if !chosen.is_empty() {
        failures.push(judge(&chosen, &outcomes));
        let is_whole = args.is_empty();
        let judged = own::judge(&chosen, &outcomes, &setup.not_loading, loaded);
        failures.push(if is_whole { judged } else { Ok(()) });
    }
    if let Some(facts) = facts {
        failures.push(facts?.judge());
    }
    let texts: Vec<String> = failures.into_iter().filter_map(|it| it.err()).map(|error| error.to_string()).collect();
    if texts.is_empty() { Ok(()) } else { Err(Error::Findings(texts.join("\n"))) }
}

/// A folder with the data files of Nmap's scripts and nothing else of Nmap's.
fn data_folder(services: &Path) -> Result<std::path::PathBuf, Error> {
    let folder = services.join("datadir");
    let nselib = folder.join("nselib");
    fs::create_dir_all(&nselib).map_err(Error::at(&nselib))?;
    let link = nselib.join("data");
    std::os::unix::fs::symlink("/usr/share/nmap/nselib/data", &link).map_err(Error::at(&link))?;
    Ok(folder)
}

/// Prints how alike the results of Nmap's scripts on Nmap's libraries are; whether that is enough.
fn judge(chosen: &[&Case], outcomes: &[Outcome]) -> Result<(), Error> {
    let mut counts: BTreeMap<Likeness, usize> = BTreeMap::new();
    let mut unexplained = 0;
    println!("{:<22} {:>5} {:>8} {:>8}  theirs s  ours s   own s", "service", "port", "results", "equal");
    for (case, outcome) in chosen.iter().zip(outcomes) {
        let differences = differences(outcome, &mut counts);
        let keys = outcome.keys(Runner::Theirs).len();
        let [theirs, ours, own] = outcome.seconds;
        println!(
            "{:<22} {:>5} {keys:>8} {:>8}  {theirs:>8.1} {ours:>7.1} {own:>7.1}",
            case.name,
            case.port,
            keys.saturating_sub(differences.len())
        );
        for difference in differences {
            unexplained += usize::from(difference.reason.is_none());
            println!("  {difference}");
        }
    }
    let count = |likeness| counts.get(&likeness).copied().unwrap_or(0);
    let (seen, unsteady): (usize, usize) = (counts.values().sum(), count(Likeness::Unsteady));
    let total = seen - unsteady;
    let same = total - count(Likeness::Different);
    println!("{total} results compared, {same} the same: {counts:?}");
    let too_unsteady = unsteady * 100 > seen * UNSTEADY_MAX;
    if total == 0 || same * 100 < total * EQUAL_MIN || too_unsteady || unexplained > 0 {
        return Err(Error::Findings(format!(
            "{same} of {total} results are the same, {unexplained} differences unexplained, {unsteady} not comparable"
        )));
    }
    Ok(())
}

/// A result that is not the same.
struct Difference {
    key: String,
    reason: Option<&'static str>,
    /// What both printed in each try, theirs first.
    tries: Vec<[String; 2]>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = self.reason {
            return write!(f, "{}: {reason}", self.key);
        }
        write!(f, "{}: not explained", self.key)?;
        for [theirs, ours] in &self.tries {
            write!(f, "\n    theirs: {theirs}\n    ours:   {ours}")?;
        }
        Ok(())
    }
}

/// What differs, each result counted.
fn differences(outcome: &Outcome, counts: &mut BTreeMap<Likeness, usize>) -> Vec<Difference> {
    let mut found = Vec::new();
    for key in outcome.keys(Runner::Theirs) {
        let id = script_of(key);
        let likeness = outcome.likeness(Runner::Theirs, key);
        *counts.entry(likeness).or_default() += 1;
        let reason = match likeness {
            Likeness::Unsteady => Some("the reference differs from itself"),
            Likeness::Different => KNOWN.iter().find(|(known, _)| *known == id).map(|(_, reason)| *reason),
            _ => continue,
        };
        let shown = |report: &Report| {
            let text = report.get(key).map_or("nothing".to_owned(), |found| format!("{:?}", found.output));
            text.chars().take(SHOWN_MAX).collect::<String>()
        };
        let tries = outcome.tries.iter().map(|[theirs, ours, _]| [theirs, ours].map(shown)).collect();
        found.push(Difference { key: key.clone(), reason, tries });
    }
    found
}
