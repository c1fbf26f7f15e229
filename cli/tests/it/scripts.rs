//! Scripts from the command line: what is printed at each level, beside an installed Nmap where that is the measure.

use crate::folder::Folder;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output, Stdio};

const DATA: [&str; 2] = ["--datadir", "/usr/share/nmap"];

fn run(program: &str, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(args).current_dir(std::env::temp_dir()).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{program} must be installed: {error}"))
}

fn perilune(args: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_perilune"), args)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What stands behind the first line, which names the program.
fn rest(output: &Output) -> String {
    let text = text(&output.stdout);
    text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
}

#[test]
fn every_installed_script_tells_what_it_does() {
    let folder = Folder::new();
    let (ours_xml, theirs_xml) = (folder.file("ours.xml", ""), folder.file("theirs.xml", ""));
    let ours = perilune(&[&DATA[..], &["--script-help", "all", "-oX", &ours_xml]].concat());
    let theirs = run("nmap", &[&DATA[..], &["--script-help", "all", "-oX", &theirs_xml]].concat());
    assert!(ours.status.success() && ours.stderr.is_empty(), "{}", text(&ours.stderr));
    assert!(text(&ours.stdout).matches("\nCategories: ").count() > 600);
    assert_eq!(rest(&ours), rest(&theirs));
    // The reference writes the two attributes of a folder in any order.
    let read = |path: &str| {
        let text = std::fs::read_to_string(path).expect("the file was written");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for line in lines.iter_mut().filter(|line| line.starts_with("<directory ")) {
            let mut words: Vec<&str> = line.trim_end_matches("></directory>").split(' ').collect();
            words.sort_unstable();
            *line = words.join(" ");
        }
        lines
    };
    assert_eq!(read(&ours_xml), read(&theirs_xml));
}

#[test]
fn libraries_pass_their_own_tests() {
    let args = ["--script", "unittest", "--script-args", "unittest.run", "-d"];
    let passed = |output: Output| {
        let text = text(&output.stdout);
        text.lines().filter(|line| line.contains("tests passed")).map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = passed(perilune(&[&DATA[..], &args].concat()));
    let theirs = passed(run("nmap", &[&DATA[..], &args].concat()));
    assert!(theirs.len() > 20, "the reference runs them");
    assert_eq!(ours, theirs);
}

/// Lines that begin with the engine's prefix.
fn engine_lines(output: &Output) -> Vec<String> {
    text(&output.stdout).lines().filter(|line| line.starts_with("NSE: ")).map(str::to_owned).collect()
}

#[test]
fn debugging_says_what_threads_do() {
    let folder = Folder::new();
    let script = folder.file(
        "told.nse",
        "local stdnse = require 'stdnse'
        hostrule = function() return true end
        action = function(host)
            stdnse.debug1('hello %d', 5)
            stdnse.new_thread(function() error('in a worker') end)
            stdnse.sleep(0.05)
            nmap.new_try()(false, 'given up')
        end",
    );
    let args = ["--script", &script, "-n", "-Pn", "-p", "1", "-d", "127.0.0.1"];
    let shown = |output: &Output| {
        let lines = engine_lines(output);
        let from = lines.iter().position(|line| line.contains("Script scanning")).expect("it scans");
        let to = lines.iter().position(|line| line.contains("Post-scanning")).expect("it ends");
        lines[from..to].to_vec()
    };
    let ours = perilune(&args);
    let expected = [
        "NSE: Script scanning 127.0.0.1.",
        "NSE: Starting runlevel 1 (of 1) scan.",
        "NSE: Starting told against 127.0.0.1.",
        "NSE: [told 127.0.0.1] hello 5",
        "NSE: told against 127.0.0.1 threw an error!",
        "NSE: Finished told against 127.0.0.1. Reason: given up",
    ];
    assert_eq!(shown(&ours), expected);
    let theirs = run("nmap", &args);
    assert_eq!(shown(&theirs), expected);
    assert!(text(&ours.stdout).contains("told.nse:5: in a worker\nstack traceback:"), "{}", text(&ours.stdout));
}

#[test]
fn failures_at_the_start_are_told_and_end_the_program() {
    let folder = Folder::new();
    let bad = folder.file("bad.nse", "action = print portrule = print error('at load')");
    let loads = perilune(&["--script", &bad]);
    let told = text(&loads.stderr);
    assert!(told.contains(&format!("NSE: Failed to load {bad}:\n{bad}:1: at load\nstack traceback:")), "{told}");
    assert!(
        told.contains("NSE: failed to initialize the script engine:\ncould not load script\n\nQUITTING!"),
        "{told}"
    );
    assert_eq!(loads.status.code(), Some(1));
    let args = perilune(&["--script", "banner", "--script-args", "a=b=c"]);
    assert!(text(&args.stdout).contains("NSE: args = a=b=c\n"), "{}", text(&args.stdout));
    assert!(text(&args.stderr).contains("arguments did not parse!"), "{}", text(&args.stderr));
}

#[test]
fn traces_show_sockets_and_threads() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"220 the moon greets you");
        }
    });
    let folder = Folder::new();
    let (moves, timeline) = (folder.file("moves.txt", ""), folder.file("moves.json", ""));
    let port = port.to_string();
    let args = ["-n", "-Pn", "-p", &port, "--script", "+banner", "--script-trace", "127.0.0.1", "--sched-trace"];
    let traced = text(&perilune(&[&args[..], &[&moves]].concat()).stdout);
    for part in [" > 127.0.0.1:", " | CONNECT\n", " < 127.0.0.1:", "| 220 the moon greets you\n", " | CLOSE\n"] {
        assert!(traced.contains(part), "{part}: {traced}");
    }
    let lines = std::fs::read_to_string(&moves).expect("the trace was written");
    for part in
        ["banner", "-        -> running  created", "running  -> waiting  connect", "running  -> -        returned"]
    {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    perilune(&[&args[..], &[&timeline]].concat());
    let events = "import json, sys; print(len([e for e in json.load(open(sys.argv[1])) if e['ph'] == 'X']) > 1)";
    assert_eq!(text(&run("python3", &["-c", events, &timeline]).stdout), "True\n");
}

#[test]
fn scripts_find_targets() {
    let folder = Folder::new();
    let script = folder.file(
        "finds.nse",
        "prerule = function() return true end
        hostrule = prerule
        action = function(host)
            if host then return 'scanned' end
            nmap.add_targets('127.0.0.1')
        end",
    );
    let output = perilune(&["-n", "-Pn", "-p", "1", "--script", &script]);
    let shown = text(&output.stdout);
    assert!(shown.contains("scan report for 127.0.0.1") && shown.contains("|_finds: scanned"), "{shown}");
}
