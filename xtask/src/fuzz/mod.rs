//! `cargo xtask fuzz`: small programs made at random, run here and under the reference; what they do must be the same.
//!
//! A case is a chunk of source text. Many of them go into one script, whose driver compiles and calls each under
//! `pcall` in an environment of its own and prints what came of it, so that a process is started per batch and not per
//! case. The cases come from [`sample`], by kind; a seed gives the same cases again. Differences that are known and
//! have a reason stand in `fuzz/known.txt`.

mod program;
mod random;
mod sample;

use crate::diff::{perilune_command, reference_command};
use crate::error::Error;
use crate::process::{self, Finished};
use crate::reference;
use crate::workspace::Workspace;
use random::Random;
use sample::Case;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Cases in one script.
const BATCH: usize = 250;
/// A batch that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Differences shown before the run is given up.
const SHOWN_MAX: usize = 20;
/// Differences that may be known at most.
const KNOWN_MAX: usize = 10;
/// What stands in front of each case's output.
const MARK: &[u8] = b"\n=case ";
/// What stands for the output of cases that the process did not come to.
const DID_NOT_RUN: &[u8] = b"[did not run]";
/// What ends the output of a case that did not end in time.
const RUNS_ON: &[u8] = b"\n[still running]";
const DRIVER: &str = include_str!("driver.lua");

/// What to run.
struct Plan {
    seed: u64,
    seconds: u64,
}

/// A difference that has a reason: it concerns cases whose source or outputs hold the text.
struct Known {
    text: Vec<u8>,
}

/// Runs batches until the time is over.
pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    let plan = parse(args)?;
    let known = known(&workspace.root.join("fuzz/known.txt"))?;
    let reference = reference::ensure(workspace)?;
    let perilune = workspace.perilune()?;
    let script = workspace.target_dir.join(format!("fuzz-{}.lua", std::process::id()));
    let started_at = Instant::now();
    let (mut cases, mut excused, mut differing) = (0, 0, 0);
    let mut seed = plan.seed;
    while started_at.elapsed() < Duration::from_secs(plan.seconds) && differing < SHOWN_MAX {
        let batch = sample::batch(&mut Random::new(seed), BATCH);
        fs::write(&script, script_of(&batch)).map_err(Error::at(&script))?;
        let theirs = process::measure(&mut reference_command(&reference.lua, &script), TIME_LIMIT)?;
        let ours = process::measure(&mut perilune_command(&perilune, &script), TIME_LIMIT)?;
        let endless = theirs.status.is_none();
        let (mut theirs, ours) = (outputs(&theirs, BATCH), outputs(&ours, BATCH));
        if endless {
            // A program that calls itself without end: it and those behind it tell nothing.
            theirs.retain(|output| !output.ends_with(DID_NOT_RUN) && !output.ends_with(RUNS_ON));
        }
        for (case, (theirs, ours)) in batch.iter().zip(theirs.iter().zip(&ours)) {
            if theirs == ours {
                continue;
            }
            if known.iter().any(|known| known.concerns(&[&case.source, theirs, ours])) {
                excused += 1;
                continue;
            }
            differing += 1;
            show(seed, &case.source, theirs, ours);
        }
        cases += batch.len();
        seed += 1;
    }
    fs::remove_file(&script).map_err(Error::at(&script))?;
    let summary = format!(
        "seeds {} to {}: {cases} cases in {} s, {excused} with a known difference, {differing} differ",
        plan.seed,
        seed - 1,
        started_at.elapsed().as_secs()
    );
    if differing > 0 {
        return Err(Error::Findings(summary));
    }
    println!("{summary}");
    Ok(())
}

fn parse(args: &[String]) -> Result<Plan, Error> {
    let mut plan = Plan { seed: 1, seconds: 60 };
    for pair in args.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse().ok());
        match (pair[0].as_str(), number) {
            ("--seed", Some(number)) => plan.seed = number,
            ("--seconds", Some(number)) => plan.seconds = number,
            _ => return Err(Error::Usage("'fuzz' takes --seed N and --seconds N".into())),
        }
    }
    Ok(plan)
}

/// The list of known differences: a line with the text, then lines with the reason that begin with two blanks.
fn known(path: &Path) -> Result<Vec<Known>, Error> {
    let text = fs::read_to_string(path).map_err(Error::at(path))?;
    let entries = text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ' ']));
    let known: Vec<Known> = entries.map(|line| Known { text: line.as_bytes().to_vec() }).collect();
    if known.len() > KNOWN_MAX {
        return Err(Error::Findings(format!("{}: more than {KNOWN_MAX} differences", path.display())));
    }
    Ok(known)
}

impl Known {
    fn concerns(&self, texts: &[&Vec<u8>]) -> bool {
        texts.iter().any(|text| text.windows(self.text.len()).any(|window| window == self.text))
    }
}

/// The driver, and a call of it for each case.
fn script_of(batch: &[Case]) -> Vec<u8> {
    let mut script = String::from(DRIVER);
    for case in batch {
        script.push_str(if case.compiled_only { "compile \"" } else { "case \"" });
        for &byte in &case.source {
            match byte {
                b' '..=b'~' if byte != b'"' && byte != b'\\' => script.push(char::from(byte)),
                _ => _ = write!(script, "\\{byte:03}"),
            }
        }
        script.push_str("\"\n");
    }
    script.into_bytes()
}

/// What each case printed; how the process ended stands behind the last one that began.
fn outputs(finished: &Finished, count: usize) -> Vec<Vec<u8>> {
    let mut rest = &finished.stdout[..];
    let mut outputs = Vec::new();
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        outputs.push(rest[..at].to_vec());
        rest = &rest[at + MARK.len()..];
    }
    outputs.push(rest.to_vec());
    outputs.remove(0);
    let ending = match finished.status {
        Some(status) if status.success() => String::new(),
        Some(status) => format!("\n[{status}]\n{}", String::from_utf8_lossy(&finished.stderr)),
        None => String::from_utf8_lossy(RUNS_ON).into_owned(),
    };
    if let Some(last) = outputs.last_mut() {
        last.extend_from_slice(ending.as_bytes());
    }
    outputs.resize(count, DID_NOT_RUN.to_vec());
    outputs
}

fn show(seed: u64, case: &[u8], theirs: &[u8], ours: &[u8]) {
    println!("DIFF with seed {seed}");
    println!("{}", printable(case));
    println!("--- reference\n{}", printable(theirs));
    println!("+++ perilune\n{}", printable(ours));
}

/// Text for the terminal, cut where it gets long.
fn printable(text: &[u8]) -> String {
    const SHOWN_LEN_MAX: usize = 2000;
    let cut = &text[..text.len().min(SHOWN_LEN_MAX)];
    let shown = cut.escape_ascii().to_string().replace("\\n", "\n").replace("\\\"", "\"").replace("\\'", "'");
    if cut.len() < text.len() { shown + " [...]" } else { shown }
}
