//! Runs the cases: the same scripts on the same port, by the reference and by us, with Nmap's libraries and with ours.

use super::cases::{ALL, Case};
use super::compare::{self, Likeness, Report};
use super::known::{self, CHANGING};
use super::services::ADDRESS;
use crate::error::Error;
use crate::process::{self, Finished};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A run that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// How often the reference may crash in a row, less one.
const THEIR_TRIES: usize = 4;
/// Cases under way at once.
const AT_ONCE: usize = 6;
/// A case is tried again while one of its results differs, so often at most: services answer differently from one time
/// to the next, and the reference differs from itself. The last try is for what has no reason yet.
const TRIES_MAX: usize = 3;

/// Who runs the scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Runner {
    Reference,
    /// Us, with everything that Nmap brings.
    Theirs,
    /// Us, with Nmap's scripts and the data files they read, and our libraries.
    Own,
}

/// What the programs are started with.
pub struct Setup {
    pub perilune: PathBuf,
    /// Belongs to the services.
    pub folder: PathBuf,
    /// For `--datadir`: only Nmap's `nselib/data`.
    pub data: PathBuf,
    /// Scripts that our libraries do not load.
    pub not_loading: BTreeSet<String>,
}

/// What became of a case.
pub struct Outcome {
    /// What was printed, in the order of [`Runner`]; more than once where something differed.
    pub tries: Vec<[Report; 3]>,
    /// Of the first try.
    pub seconds: [f64; 3],
}

impl Outcome {
    /// The results of all tries, by the reference and one of us.
    pub fn keys(&self, us: Runner) -> BTreeSet<&String> {
        let of = |who: Runner| self.tries.iter().flat_map(move |reports| reports[who as usize].keys());
        of(Runner::Reference).chain(of(us)).collect()
    }

    /// How alike a result is in those tries where it is most alike.
    pub fn likeness(&self, us: Runner, key: &str) -> Likeness {
        let id = script_of(key);
        let alike = |a: &Report, b: &Report| compare::compare(a.get(key), b.get(key), CHANGING.contains(&id));
        let theirs = || self.tries.iter().map(|reports| &reports[Runner::Reference as usize]);
        let ours = || self.tries.iter().map(|reports| &reports[us as usize]);
        let best = theirs().flat_map(|theirs| ours().map(move |ours| alike(theirs, ours))).min();
        let is_steady = || theirs().all(|theirs| alike(theirs, &self.tries[0][0]) != Likeness::Different);
        match best.unwrap_or(Likeness::Different) {
            Likeness::Different if !is_steady() => Likeness::Unsteady,
            likeness => likeness,
        }
    }

    fn is_settled(&self, case: &Case) -> bool {
        let has_reason = |key: &str| known::own_reason(case.name, script_of(key)).is_some();
        let is_settled = |us: Runner, key: &str| match self.likeness(us, key) {
            Likeness::Unsteady => self.tries.len() > 1,
            Likeness::Different => self.tries.len() > 1 && has_reason(key),
            _ => true,
        };
        let are_settled = |us: Runner| self.keys(us).iter().all(|key| is_settled(us, key));
        are_settled(Runner::Theirs) && are_settled(Runner::Own)
    }
}

/// The script of a result's key.
pub fn script_of(key: &str) -> &str {
    key.rsplit(' ').next().unwrap_or_default()
}

/// Runs the cases, some at once.
pub fn all(cases: &[&Case], setup: &Setup) -> Result<Vec<Outcome>, Error> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, Result<Outcome, Error>)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let idx = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(idx) else { return };
                    let outcome = run_case(case, idx, setup);
                    outcomes.lock().expect("no other thread panics").push((idx, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().expect("no thread has panicked");
    outcomes.sort_by_key(|(idx, _)| *idx);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The reference first, then both of us.
fn run_case(case: &Case, idx: usize, setup: &Setup) -> Result<Outcome, Error> {
    let lists = setup.folder.join(format!("lists-{idx}"));
    let at = |error| Error::File { path: lists.clone(), error };
    fs::create_dir_all(&lists).map_err(at)?;
    let (users, passwords) = (lists.join("users"), lists.join("passwords"));
    fs::write(&users, "moon\npostgres\nadmin\nnobody\nperilune-guest\n").map_err(at)?;
    fs::write(&passwords, "wrong\nmoon\n1234\nsecret\nletmein\n").map_err(at)?;
    let given = format!("userdb={},passdb={},brute.mode=user", users.display(), passwords.display());
    let args = case.args.replace("LISTS", &given).replace("FOLDER", &setup.folder.display().to_string());
    let run = |runner| run_once(case, runner, &args, &lists, setup);
    let mut outcome = Outcome { tries: Vec::new(), seconds: [0.0; 3] };
    loop {
        let (theirs, their_seconds) = run(Runner::Reference)?;
        let (ours, own) = thread::scope(|scope| {
            let own = scope.spawn(|| run(Runner::Own));
            (run(Runner::Theirs), own.join().expect("it does not panic"))
        });
        let ((ours, our_seconds), (own, own_seconds)) = (ours?, own?);
        outcome.tries.push([theirs, ours, own]);
        if outcome.tries.len() == 1 {
            outcome.seconds = [their_seconds, our_seconds, own_seconds];
        }
        if outcome.is_settled(case) || outcome.tries.len() == TRIES_MAX {
            return Ok(outcome);
        }
    }
}

fn run_once(case: &Case, runner: Runner, args: &str, folder: &Path, setup: &Setup) -> Result<(Report, f64), Error> {
    let xml = folder.join(format!("{runner:?}.xml"));
    let mut scripts = case.scripts.to_owned();
    let mut command = match runner {
        Runner::Reference => Command::new("nmap"),
        _ => Command::new(&setup.perilune),
    };
    match runner {
        Runner::Reference => {}
        Runner::Theirs => drop(command.args(["--datadir", "/usr/share/nmap"])),
        Runner::Own => {
            command.arg("--datadir").arg(&setup.data).args(["--script-path", "/usr/share/nmap/scripts"]);
            if case.scripts == ALL && !setup.not_loading.is_empty() {
                let names: Vec<&str> = setup.not_loading.iter().map(String::as_str).collect();
                scripts = format!("({ALL}) and not ({})", names.join(" or "));
            }
        }
    }
    let scan = if case.udp { "-sU" } else { "-sT" };
    command.args(["-n", "-Pn", scan, "--script-timeout", "60s", "-p", &case.port.to_string()]);
    command.args(["--script", &scripts, "--script-args", args, "-oX"]).arg(&xml).arg(ADDRESS.to_string());
    let finished = finish(&mut command, runner, case.name)?;
    let text = fs::read_to_string(&xml).map_err(Error::at(&xml))?;
    Ok((compare::read(&text), finished.wall.as_secs_f64()))
}

/// Runs a scan to its end.
pub fn finish(command: &mut Command, runner: Runner, what: &str) -> Result<Finished, Error> {
    let mut finished = process::measure(command, TIME_LIMIT)?;
    // The reference's SSH library crashes now and then; ours must never.
    for _ in 1..THEIR_TRIES {
        if runner != Runner::Reference || finished.status.is_none_or(|status| status.code().is_some()) {
            break;
        }
        finished = process::measure(command, TIME_LIMIT)?;
    }
    match finished.status {
        Some(status) if status.success() => Ok(finished),
        Some(status) => Err(process::failed(command, status)),
        None => Err(Error::Findings(format!("{:?} takes too long on {what}", command.get_program()))),
    }
}
