//! `cargo xtask test`: all tests, in the ordinary build and in the stress build, and one line with the sums.
//!
//! The reference is made first, since tests compare with it and fail, rather than skip, when it is missing.

use crate::error::Error;
use crate::process;
use crate::reference;
use crate::workspace::Workspace;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// The crates that have the feature; the root is virtual, so each is named.
const STRESS: &str = "perilune-cli/stress,perilune-stdlib/stress,perilune-nse/stress,perilune-vm/stress";

/// Crates without a machine have no stress build of their own.
const WITHOUT_MACHINE: [&str; 4] = ["--exclude", "perilune-tls", "--exclude", "perilune-ssh"];

/// Tests that wait for minutes and run no Lua.
const WITHOUT_LUA: [&str; 3] = ["--", "--skip", "versions::"];

/// How many tests passed and failed.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Runs everything, also after a failure, and prints `N passed, N failed` as the last line.
pub fn main(workspace: &Workspace, _: &[String]) -> Result<(), Error> {
    reference::ensure(workspace)?;
    let mut tally = Tally::default();
    let mut plain = workspace.cargo();
    plain.args(["test", "--workspace", "--no-fail-fast"]);
    // Tests wait for servers half of their time; the stress build computes too much for that.
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    plain.env("RUST_TEST_THREADS", threads.to_string());
    let plain = run(&mut plain, &mut tally);
    // A folder of its own: otherwise the two builds would evict each other.
    let stress_dir = workspace.target_dir.join("stress");
    let mut stress = workspace.cargo();
    stress.args(["test", "--workspace", "--no-fail-fast", "--features", STRESS]).args(WITHOUT_MACHINE);
    stress.arg("--target-dir").arg(stress_dir).args(WITHOUT_LUA);
    let stress = run(&mut stress, &mut tally);
    let failures: Vec<Error> = [plain, stress].into_iter().filter_map(Result::err).collect();
    failures.iter().for_each(|error| eprintln!("xtask: {error}"));
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if failures.is_empty() { Ok(()) } else { Err(Error::Reported) }
}

/// Runs one test command, passing its lines on and adding up its results.
fn run(command: &mut Command, tally: &mut Tally) -> Result<(), Error> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| process::cannot_start(command, error))?;
    let stdout = child.stdout.take().expect("it was piped above");
    for line in BufReader::new(stdout).split(b'\n') {
        let at_command = |error| Error::File { path: command.get_program().into(), error };
        let line = String::from_utf8_lossy(&line.map_err(at_command)?).into_owned();
        println!("{line}");
        tally.add(&line);
    }
    let status = child.wait().map_err(|error| process::cannot_start(command, error))?;
    if status.success() { Ok(()) } else { Err(process::failed(command, status)) }
}

impl Tally {
    /// Adds a line like `test result: ok. 5 passed; 0 failed; 0 ignored; …`; other lines count nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let text = "running 3 tests\n\
            test a ... ok\n\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\
            test result: FAILED. 40 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.add(line));
        assert_eq!(tally, Tally { passed: 45, failed: 2 });
    }
}
