//! Tests of our own scripts: each file `scripts/NAME.talk` runs one script against a recorded conversation or a
//! daemon.
//!
//! A file is a list of lines; those that start with `#` and empty ones are skipped. First comes the head: `script:
//! ID`, `service: TRANSPORT NAME` (name `-` for none, `ssl/NAME` for one inside TLS), and where wanted `fingerprint:`
//! (what version detection keeps of a service it does not recognise), `args:` (as
//! after `--script-args`), `host:` (the target's name), `reverse:` (the name of its address), `verbosity: N`, `force:`
//! (the rule is not asked), `helper: ID` with lines `| LUA` (the action of a port script of that name, which runs
//! beside it), `setup: COMMAND` and `daemon: COMMAND` (run by `sh` in a folder of their own; the daemon has to listen
//! on `{port}`, which may be in `args:`, too; `ready: COMMAND` is repeated there until it succeeds, and `stderr` is
//! what the daemon wrote; `$SCRIPTS` is the folder of these files, with servers of a few answers in `peers.py`).
//! Without a daemon, blocks say what the other side does: `talk` in the order of its lines on one connection, the
//! first block on the first one and so on; `answers` on all others, where each group of client lines is a case that is
//! answered as often as it is asked. Client and server lines, joined when they follow each other: `C: text`, `C| text
//! and CR LF`, `C~ text in which * is anything`, `Cx 16 03 ?? (hex, ?? any byte)`, `C* (what comes until the client
//! waits)`, `S: text`, `S| text and CR LF`, `Sx hex`, `S! (close)`. Text may hold `\r \n \t \\ \xHH`.
//! Last comes `version: name|product|version|extra information` where the script sets it, and `output:`, whose text is
//! the rest of the file, without line ends around it; `{*}` in a line of it is anything, `{port}` the number of the
//! port. A script that has no such file is named in `scripts/daemons.txt`, with the test that runs it. `TALK=TEXT` in
//! the environment runs the files only whose names have the text in them.

mod file;
mod pattern;
mod peer;

use crate::libraries::{of_repository, path};
use crate::support::{Folder, engine, host};
use file::{File, Helper};
use peer::Peer;
use perilune_nse::{Options, Phase};
use perilune_scan::result::{Host, Protocol, ScriptResult, Version};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a daemon may take until it listens.
const START_MAX: Duration = Duration::from_secs(30);

fn folder() -> PathBuf {
    path("nse/tests/it/scripts")
}

/// Files with that extension in a folder, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read").flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths.sort();
    paths
}

/// A daemon and its children, killed with the value.
struct Daemon(Child);

impl Daemon {
    fn start(command: &str, folder: &Path, port: u16, udp: bool) -> Result<Daemon, String> {
        let command = command.replace("{port}", &port.to_string());
        let log = |name| std::fs::File::create(folder.join(name)).expect("the folder can be written");
        let mut process = Command::new("sh");
        process.args(["-c", &command]).current_dir(folder).stdin(Stdio::piped());
        process.env("SCRIPTS", self::folder());
        let child = process.stdout(log("stdout")).stderr(log("stderr")).process_group(0).spawn();
        let mut daemon = Daemon(child.map_err(|error| format!("sh: {error}"))?);
        let until = Instant::now() + START_MAX;
        while !crate::tls::listens(port, udp) {
            let failed = matches!(daemon.0.try_wait(), Ok(Some(status)) if !status.success());
            if failed || Instant::now() > until {
                let words = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
                return Err(format!("nobody listens: {command}\n{}{}", words("stdout"), words("stderr")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.0.id())]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

fn setup(command: &str, folder: &Path) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", command]).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("sh: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command}: {}\n{text}", output.status)) }
}

fn free_port(udp: bool) -> u16 {
    let any = (Ipv4Addr::LOCALHOST, 0);
    let address = match udp {
        true => UdpSocket::bind(any).and_then(|socket| socket.local_addr()),
        false => TcpListener::bind(any).and_then(|socket| socket.local_addr()),
    };
    address.expect("loopback has a free port").port()
}

/// Repeats a command until it succeeds.
fn wait(command: &str, folder: &Path) -> Result<(), String> {
    let until = Instant::now() + START_MAX;
    while let Err(error) = setup(command, folder) {
        if Instant::now() > until {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Runs what a file describes; what is wrong.
fn run(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file = file::parse(&text)?;
    let place = Folder::new();
    let udp = file.transport == Protocol::Udp;
    file.setup.iter().try_for_each(|command| setup(command, &place.0))?;
    let (port, peer, daemon) = match &file.daemon {
        Some(command) => {
            // Another process may take the port before the daemon does: one more try, on another.
            let start = || {
                let port = free_port(udp);
                Daemon::start(command, &place.0, port, udp).map(|daemon| (port, daemon))
            };
            let (port, daemon) = start().or_else(|_| start())?;
            file.ready.iter().try_for_each(|command| wait(command, &place.0))?;
            (port, None, Some(daemon))
        }
        None => {
            let peer = Peer::start(file.blocks.clone(), udp, None);
            (peer.port, Some(peer), None)
        }
    };
    let (host, results) = scan(&file, &place, port)?;
    drop(daemon);
    let mut wrong = peer.map(Peer::complaints).unwrap_or_default();
    wrong.extend(compare(&file, &host, &results, port));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Runs the script through all phases.
fn scan(file: &File, place: &Folder, port: u16) -> Result<(Host, Vec<ScriptResult>), String> {
    let mut target = host(&[port]);
    target.target_name = file.host.clone();
    target.reverse_name = file.reverse.clone();
    target.ports[0].protocol = file.transport;
    target.ports[0].service = file.service.clone();
    if file.tunnel || file.fingerprint.is_some() {
        let (name, fingerprint, tls_tunnel) = (file.service.clone(), file.fingerprint.clone(), file.tunnel);
        let version = Version { name, fingerprint, tls_tunnel, probed: true, confidence: 10, ..Version::default() };
        target.ports[0].version = Some(Box::new(version));
    }
    let options = Options {
        verbosity: file.verbosity,
        script_args: file.args.replace("{port}", &port.to_string()),
        script_scan: true,
        version_scan: true,
        ..of_repository()
    };
    let script = path("scripts").join(format!("{}.nse", file.script));
    let mut scripts = vec![format!("{}{}", if file.force { "+" } else { "" }, script.display())];
    if let Some(Helper { id, source }) = &file.helper {
        let source = format!("portrule = function() return true end\naction = function(host, port)\n{source}\nend");
        scripts.push(place.script(&format!("{id}.nse"), &source));
    }
    let mut engine = engine(options);
    engine.select(&scripts).map_err(|error| error.to_string())?;
    let mut results = engine.run(Phase::PreScan, Vec::new()).1;
    let (mut hosts, _) = engine.run(Phase::Scan, vec![target]);
    results.extend(engine.run(Phase::PostScan, Vec::new()).1);
    Ok((hosts.remove(0), results))
}

/// What differs from the file's last part.
fn compare(file: &File, host: &Host, results: &[ScriptResult], port: u16) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = host.ports[0].scripts.iter().chain(&host.scripts).chain(results);
    let output: Vec<String> = all
        .filter(|result| result.id == file.script)
        .map(|result| String::from_utf8_lossy(&result.output).trim_matches('\n').to_owned())
        .collect();
    let got = output.join("\n");
    let expected = file.output.replace("{port}", &port.to_string());
    let matches = |(got, expected): (&str, &str)| pattern::wild(expected, "{*}", got);
    if got.lines().count() != expected.lines().count() || !got.lines().zip(expected.lines()).all(matches) {
        wrong.push(format!("expected:\n{expected}\ngot:\n{got}"));
    }
    if let Some(expected) = &file.version {
        let version = host.ports[0].version.as_deref().cloned().unwrap_or_default();
        let parts = [version.name, version.product, version.version, version.extra_info];
        let got = parts.map(Option::unwrap_or_default).join("|");
        if !pattern::wild(expected, "{*}", &got) {
            wrong.push(format!("expected version: {expected}\ngot version: {got}"));
        }
    }
    wrong
}

/// Runs a script against damaged answers; whether it threw an error.
fn is_broken(path: &Path, seed: u64) -> Result<bool, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file = file::parse(&text)?;
    if file.daemon.is_some() || file.blocks.is_empty() {
        return Ok(false);
    }
    let udp = file.transport == Protocol::Udp;
    let peer = Peer::start(file.blocks.clone(), udp, Some(seed));
    let (host, results) = scan(&file, &Folder::new(), peer.port)?;
    peer.complaints();
    let mut all = host.ports[0].scripts.iter().chain(&host.scripts).chain(&results);
    Ok(all.any(|result| result.output.starts_with(b"ERROR: Script execution failed")))
}

/// Conversations wait more than they compute.
const WORKERS: usize = 6;

/// Does something with every file whose name the environment does not exclude; what was wrong, by name.
fn each_file(work: impl Fn(&Path) -> Result<(), String> + Sync) -> Vec<String> {
    let paths = files(&folder(), "talk");
    let wanted = std::env::var("TALK").ok();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut bad = Vec::new();
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
                continue;
            }
            if let Err(wrong) = work(path) {
                bad.push(format!("{name}:\n{wrong}"));
            }
        }
        bad
    };
    let mut bad: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    bad.sort();
    bad
}

#[test]
fn scripts_pass_their_conversations() {
    let bad = each_file(run);
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}

/// Damaged copies of each conversation; `SEEDS=FROM-TO` in the environment runs others.
const SEEDS: std::ops::Range<u64> = 0..2;

#[test]
fn damaged_answers_break_no_script() {
    let of_environment = std::env::var("SEEDS").ok().and_then(|text| {
        let (from, to) = text.split_once('-')?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    let seeds = of_environment.unwrap_or(SEEDS);
    let bad = each_file(|path| {
        let broken = |seed: &u64| is_broken(path, *seed) != Ok(false);
        match seeds.clone().find(broken) {
            Some(seed) => Err(format!("throws an error with seed {seed}: {:?}", is_broken(path, seed))),
            None => Ok(()),
        }
    });
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}

#[test]
fn every_script_has_a_conversation_or_a_daemon() {
    let list = std::fs::read_to_string(folder().join("daemons.txt")).expect("the list is there");
    let with_daemon = list.lines().filter_map(|line| line.split_whitespace().next()).filter(|word| *word != "#");
    let mut tested: Vec<String> = with_daemon.map(str::to_owned).collect();
    for path in files(&folder(), "talk") {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        tested.extend(text.lines().filter_map(|line| line.strip_prefix("script:")).map(|id| id.trim().to_owned()));
    }
    let scripts = files(&path("scripts"), "nse");
    let ids = scripts.iter().map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let without: Vec<String> = ids.filter(|id| !tested.contains(id)).collect();
    assert!(without.is_empty(), "neither a conversation nor a daemon: {without:?}");
}
