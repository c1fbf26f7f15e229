//! Running programs: to the terminal, for their output, or measured under a time limit.
//!
//! The standard library cannot say how much processor time a child took. Linux can, in nanoseconds, in
//! `/proc/PID/schedstat`, which stays readable between the child's end and `wait`. So a measured child is watched there
//! until it is a zombie, read, and only then waited for. This counts user and system time of its main thread, enough
//! for an interpreter that has only one, and that of the children it waited for, in hundredths of a second. Output goes
//! to unnamed files instead of pipes, so that a grandchild that keeps them open holds nobody up.

use crate::error::Error;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a measured child is looked at, at least and at most; in between a thousandth of its time so far, so that
/// looking costs nothing that counts.
const POLL_INTERVAL: Duration = Duration::from_micros(500);
const POLL_INTERVAL_MAX: Duration = Duration::from_millis(10);

/// Programs that may be missing, and the Debian package that brings each.
const PACKAGES: [(&str, &str); 6] = [
    ("valgrind", "valgrind"),
    ("nm", "binutils"),
    ("gcc", "gcc"),
    ("python3", "python3"),
    ("tar", "tar"),
    ("git", "git"),
];

/// A child that has ended, or was killed at its time limit.
#[derive(Debug)]
pub struct Finished {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// `None`: killed at the time limit.
    pub status: Option<ExitStatus>,
    /// Processor time; `None` where the kernel does not tell.
    pub cpu: Option<Duration>,
    /// The most memory that was seen resident, in KiB; what came in the last half millisecond may be missing.
    pub memory_kib: u64,
    pub wall: Duration,
}

/// Runs a command on the terminal; its failure is an error.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|error| cannot_start(command, error))?;
    if status.success() { Ok(()) } else { Err(failed(command, status)) }
}

/// Runs a command and answers its standard output; its failure is an error.
pub fn output(command: &mut Command) -> Result<String, Error> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, error))?;
    if !output.status.success() {
        return Err(failed(command, output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end or to `limit`, without input, and answers its output and what it took.
pub fn measure(command: &mut Command, limit: Duration) -> Result<Finished, Error> {
    let (mut stdout, mut stderr) = (unnamed_file()?, unnamed_file()?);
    command.stdin(Stdio::null()).stdout(share(&stdout)?).stderr(share(&stderr)?);
    let started_at = Instant::now();
    let mut child = command.spawn().map_err(|error| cannot_start(command, error))?;
    let (ended, memory_kib) = watch(&child, started_at + limit);
    let cpu = cpu_time(&child);
    let at_child = |error| Error::File { path: command.get_program().into(), error };
    if !ended {
        child.kill().map_err(at_child)?;
    }
    let status = child.wait().map_err(at_child)?;
    let (wall, status) = (started_at.elapsed(), ended.then_some(status));
    Ok(Finished { stdout: contents(&mut stdout)?, stderr: contents(&mut stderr)?, status, cpu, memory_kib, wall })
}

/// The error for a program that did not start.
pub fn cannot_start(command: &Command, error: io::Error) -> Error {
    let program = command.get_program().to_string_lossy().into_owned();
    match PACKAGES.iter().find(|(name, _)| *name == program) {
        Some((_, package)) if error.kind() == io::ErrorKind::NotFound => Error::Missing { program, package },
        _ => Error::File { path: program.into(), error },
    }
}

/// The error for a program that ended badly.
pub fn failed(command: &Command, status: ExitStatus) -> Error {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    Error::Failed { command: text, status }
}

/// Waits until the child is a zombie; false: it still runs at the deadline. Also the most memory it was seen to have.
fn watch(child: &Child, deadline: Instant) -> (bool, u64) {
    let started_at = Instant::now();
    let (mut memory_kib, status) = (0, format!("/proc/{}/status", child.id()));
    loop {
        // A child that nobody has waited for keeps its entry, so an unreadable one means that there is no /proc; then
        // `wait` has to do without the deadline.
        if stat_field(child, STATE).is_none_or(|state| state == "Z") {
            return (true, memory_kib);
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        memory_kib = memory_kib.max(peak.unwrap_or(0));
        if Instant::now() >= deadline {
            return (false, memory_kib);
        }
        thread::sleep((started_at.elapsed() / 1000).clamp(POLL_INTERVAL, POLL_INTERVAL_MAX));
    }
}

/// Fields of `/proc/PID/stat` behind the name, by position (`man 5 proc_pid_stat`).
const STATE: usize = 0;
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;
/// What those count in, on every architecture that Linux has.
const TICK: Duration = Duration::from_millis(10);

fn stat_field(child: &Child, field: usize) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // The name in parentheses may hold anything, also a parenthesis.
    Some(text.rsplit_once(") ")?.1.split(' ').nth(field)?.trim().to_owned())
}

fn cpu_time(child: &Child) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", child.id())).ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok().filter(|&nanoseconds| nanoseconds > 0)?;
    let ticks = |field| stat_field(child, field).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    Some(Duration::from_nanos(nanoseconds) + TICK * (ticks(CHILDREN_USER) + ticks(CHILDREN_SYSTEM)))
}

/// A file without a name: it goes when the last handle does.
fn unnamed_file() -> Result<File, Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("perilune-xtask-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = env::temp_dir().join(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path).map_err(Error::at(&path))?;
    fs::remove_file(&path).map_err(Error::at(&path))?;
    Ok(file)
}

fn share(file: &File) -> Result<File, Error> {
    file.try_clone().map_err(Error::at(&env::temp_dir()))
}

fn contents(file: &mut File) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.map_err(Error::at(&env::temp_dir()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit_ms: u64) -> Finished {
        measure(Command::new("sh").args(["-c", script]), Duration::from_millis(limit_ms)).unwrap()
    }

    #[test]
    fn output_and_status_are_kept_apart() {
        let finished = shell("echo out; echo err >&2; exit 3", 10_000);
        assert_eq!(finished.stdout, b"out\n");
        assert_eq!(finished.stderr, b"err\n");
        assert_eq!(finished.status.unwrap().code(), Some(3));
    }

    #[test]
    fn time_and_memory_are_those_of_the_child() {
        let busy = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
        let (alone, below) = (shell(busy, 20_000), shell(&format!("sh -c '{busy}'; true"), 20_000));
        assert!(alone.cpu.unwrap() > Duration::from_millis(5), "{alone:?}");
        assert!(below.cpu.unwrap() > Duration::from_millis(5), "{below:?}");
        assert!(alone.memory_kib > 100, "{alone:?}");
    }

    #[test]
    fn a_child_is_killed_at_its_limit() {
        let finished = shell("echo early; while :; do :; done", 100);
        assert_eq!(finished.stdout, b"early\n");
        assert!(finished.status.is_none());
    }

    #[test]
    fn a_grandchild_holds_nobody_up() {
        let finished = shell("sleep 5 & echo done", 10_000);
        assert_eq!(finished.stdout, b"done\n");
        assert!(finished.wall < Duration::from_secs(4));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(Command::new("no-such-program").arg("x")).unwrap_err();
        assert!(error.to_string().starts_with("no-such-program: "), "{error}");
    }
}
