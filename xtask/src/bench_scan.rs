//! `cargo xtask bench-scan`: port scans beside an installed Nmap's, in one run.
//!
//! All ports of one loopback host, and 2,000 ports of 256 of them, by connecting. Runs are interleaved; the figures are
//! medians of wall time and of processor time.

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Runs of each side unless `--runs` says otherwise.
const RUNS: usize = 5;
/// A run that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);
const WORKS: [(&str, &str); 2] =
    [("65,535 ports of a host", "-p- 127.0.0.1"), ("2,000 ports of 256 hosts", "-p 20000-21999 127.9.0.0/24")];

/// Runs all and prints a table.
pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    let runs = match args {
        [] => RUNS,
        [flag, count] if flag == "--runs" => {
            count.parse().map_err(|_| Error::Usage("--runs takes a number".to_owned()))?
        }
        _ => return Err(Error::Usage("bench-scan takes --runs N".to_owned())),
    };
    let perilune = workspace.perilune()?;
    let programs = [Path::new("nmap"), &perilune];
    println!(
        "{:26} {:>9} {:>9} {:>6}  {:>9} {:>9} {:>6}",
        "", "nmap wall", "ours", "ratio", "nmap CPU", "ours", "ratio"
    );
    for (name, words) in WORKS {
        let mut walls = [Vec::new(), Vec::new()];
        let mut cpus = [Vec::new(), Vec::new()];
        for _ in 0..runs.max(1) {
            for (idx, program) in programs.iter().enumerate() {
                let mut command = Command::new(program);
                command.args(["-n", "-Pn", "-sT"]).args(words.split(' '));
                let finished = process::measure(&mut command, TIME_LIMIT)?;
                let cpu = finished.cpu.unwrap_or_default();
                walls[idx].push(finished.wall.as_secs_f64());
                cpus[idx].push(cpu.as_secs_f64());
            }
        }
        let [nmap_wall, our_wall] = walls.map(median);
        let [nmap_cpu, our_cpu] = cpus.map(median);
        println!(
            "{name:26} {nmap_wall:8.3}s {our_wall:8.3}s {:6.2}  {nmap_cpu:8.3}s {our_cpu:8.3}s {:6.2}",
            our_wall / nmap_wall,
            our_cpu / nmap_cpu
        );
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
