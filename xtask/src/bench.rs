//! `cargo xtask bench`: times `benches/lua/*.lua` here and under the reference, and the compiled modules in
//! `benches/modules/*.lua` here and as their C originals.
//!
//! The original of a module is what Debian has: a Python program beside the benchmark that does the same work with the
//! C library, or else `lua5.4` with a module of that name (`apt-get install lua5.4 lua-lpeg`).
//!
//! Runs are interleaved, so that a machine that is busy for a while slows both sides; the figures are medians of
//! processor time. The outputs are compared as well: a fast wrong answer is no result.

use crate::diff::{perilune_command, reference_command};
use crate::error::Error;
use crate::process::{self, Finished};
use crate::reference;
use crate::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Runs of each side unless `--runs` says otherwise.
const RUNS: usize = 5;
/// A benchmark that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What the command line asks for.
#[derive(PartialEq, Debug)]
struct Options {
    runs: usize,
    /// Empty: all.
    names: Vec<String>,
}

/// Runs the benchmarks and prints a table with the ratios and their geometric mean.
pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    let options = parse(args)?;
    let folders = [workspace.root.join("benches/lua"), workspace.root.join("benches/modules")];
    let programs = programs(&folders, &options.names)?;
    let reference = reference::ensure(workspace)?.lua;
    let perilune = workspace.perilune()?;
    println!("{:<20} {:>9} {:>13} {:>7}  output", "name", "ours ms", "reference ms", "ratio");
    let (mut ratios, mut bad) = (Vec::new(), 0);
    for program in &programs {
        let name = program.file_stem().unwrap_or_default().to_string_lossy();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            ours.push(process::measure(&mut perilune_command(&perilune, program), TIME_LIMIT)?);
            theirs.push(process::measure(&mut their_command(&reference, program), TIME_LIMIT)?);
        }
        let verdict = verdict(&ours, &theirs);
        bad += usize::from(verdict != "equal");
        let (ours_ms, theirs_ms) = (median_ms(&ours), median_ms(&theirs));
        let ratio = ours_ms / theirs_ms;
        println!("{name:<20} {ours_ms:>9.1} {theirs_ms:>13.1} {ratio:>7.3}  {verdict}");
        if verdict == "equal" {
            ratios.push(ratio);
        }
    }
    println!("{:<20} {:>9} {:>13} {:>7.3}  of {}", "geometric mean", "", "", geometric_mean(&ratios), ratios.len());
    if bad > 0 {
        return Err(Error::Findings(format!("{bad} of {} benchmarks failed or differ", programs.len())));
    }
    Ok(())
}

/// What a program is compared with.
fn their_command(reference: &Path, program: &Path) -> Command {
    let python = program.with_extension("py");
    if python.exists() {
        let mut command = Command::new("python3");
        command.arg(python);
        return command;
    }
    let is_module = program.parent().is_some_and(|folder| folder.ends_with("modules"));
    reference_command(if is_module { Path::new("lua5.4") } else { reference }, program)
}

fn parse(args: &[String]) -> Result<Options, Error> {
    let mut options = Options { runs: RUNS, names: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--runs" {
            let runs = args.next().and_then(|count| count.parse().ok()).filter(|&count| count > 0);
            options.runs = runs.ok_or_else(|| Error::Usage("'--runs' needs a number above 0".into()))?;
        } else if arg.starts_with('-') {
            return Err(Error::Usage(format!("'bench' has no option '{arg}'")));
        } else {
            options.names.push(arg.clone());
        }
    }
    Ok(options)
}

/// The programs of the folders, by name; all of them when no names are given.
fn programs(folders: &[PathBuf], names: &[String]) -> Result<Vec<PathBuf>, Error> {
    let mut programs = Vec::new();
    for folder in folders {
        let start = programs.len();
        for entry in fs::read_dir(folder).map_err(Error::at(folder))? {
            let path = entry.map_err(Error::at(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "lua") {
                programs.push(path);
            }
        }
        programs[start..].sort();
    }
    if names.is_empty() {
        return Ok(programs);
    }
    let find = |name: &String| {
        let found = programs.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name.as_str()));
        found.cloned().ok_or_else(|| Error::Usage(format!("no benchmark '{name}'")))
    };
    names.iter().map(find).collect()
}

/// Whether all runs succeeded with the same output.
fn verdict(ours: &[Finished], theirs: &[Finished]) -> &'static str {
    let failed = |run: &Finished| !run.status.is_some_and(|status| status.success());
    if ours.iter().any(failed) {
        "FAILED"
    } else if theirs.iter().any(failed) {
        "REFERENCE FAILED"
    } else if ours.iter().chain(theirs).any(|run| run.stdout != theirs[0].stdout) {
        "DIFF"
    } else {
        "equal"
    }
}

/// Median of processor time, or of elapsed time where the kernel does not tell the former.
fn median_ms(runs: &[Finished]) -> f64 {
    median(runs.iter().map(|run| run.cpu.unwrap_or(run.wall).as_secs_f64() * 1000.0).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_means() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!((geometric_mean(&[0.5, 2.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn command_lines() {
        let parsed = |line: &str| {
            let args: Vec<String> = line.split_whitespace().map(String::from).collect();
            parse(&args).map(|options| (options.runs, options.names.join(" "))).map_err(|error| error.to_string())
        };
        assert_eq!(parsed(""), Ok((RUNS, String::new())));
        assert_eq!(parsed("fib --runs 3 sort"), Ok((3, "fib sort".into())));
        assert_eq!(parsed("--runs 0"), Err("'--runs' needs a number above 0".into()));
        assert_eq!(parsed("--runs"), Err("'--runs' needs a number above 0".into()));
        assert_eq!(parsed("--fast"), Err("'bench' has no option '--fast'".into()));
    }
}
