//! `cargo xtask bench`: times `benches/lua/*.lua` under several Lua machines, and the compiled modules of
//! `benches/modules/*.lua` here and as their C originals.
//!
//! The first machine is the one that all others are divided by: the reference, or what `--vs` names. The second is this
//! repository's; `--vm NAME=COMMAND` adds any number of others. The original of a compiled module is what Debian has: a
//! Python program beside the benchmark that does the same work with the C library, or else `lua5.4` with a module of
//! that name (`apt-get install lua5.4 lua-lpeg`).
//!
//! Runs are interleaved, so that a machine that is busy for a while slows all sides; the figures are medians of
//! processor time and of peak memory. The outputs are compared as well: a fast wrong answer is no result. A program
//! finds in `LUA_BENCH_VM` how its own machine is called.

mod chart;
mod history;
mod options;
mod programs;

use crate::error::Error;
use crate::process::{self, Finished};
use crate::reference;
use crate::workspace::Workspace;
use options::Options;
use programs::{Program, Suite};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// A benchmark that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// Variables that would change what an interpreter does.
const CLEARED: [&str; 4] = ["LUA_INIT", "LUA_INIT_5_4", "LUA_PATH", "LUA_CPATH"];

/// A machine: its name in tables and the words of its command line before the file.
#[derive(Clone, PartialEq, Debug)]
pub struct Vm {
    pub name: String,
    pub command: Vec<String>,
}

/// What one program took under one machine, in milliseconds and KiB.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figures {
    pub cpu_ms: f64,
    pub memory_kib: f64,
}

/// One program under every machine; a machine that failed or printed something else has no figures.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub name: String,
    pub figures: Vec<Option<Figures>>,
}

/// What a run found, machine by machine and program by program.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// The first is what the others are divided by.
    pub vms: Vec<String>,
    pub rows: Vec<Row>,
}

impl Table {
    /// The geometric mean of a machine's figures divided by the first machine's, over the rows that have both.
    pub fn mean(&self, vm: usize, figure: fn(&Figures) -> f64) -> Option<f64> {
        let logarithms: Vec<f64> = self.rows.iter().filter_map(|row| Some(row.ratio(vm, figure)?.ln())).collect();
        let count = logarithms.len();
        (count > 0).then(|| (logarithms.iter().sum::<f64>() / count as f64).exp())
    }
}

impl Row {
    pub fn ratio(&self, vm: usize, figure: fn(&Figures) -> f64) -> Option<f64> {
        Some(figure(self.figures[vm].as_ref()?) / figure(self.figures[0].as_ref()?))
    }
}

/// Runs the benchmarks, prints a table with the ratios and their geometric means, and writes JSON and a chart.
pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    let options = options::parse(args)?;
    let programs = programs::find(&workspace.root.join("benches"), &options.names)?;
    let vms = vms(workspace, &options)?;
    let mut bad = 0;
    let mut tables = Vec::new();
    for suite in [Suite::Language, Suite::Modules] {
        let of_suite: Vec<&Program> = programs.iter().filter(|program| program.suite == suite).collect();
        if of_suite.is_empty() {
            continue;
        }
        // Modules exist here and in C; other machines have none.
        let vms = if suite == Suite::Language { &vms[..] } else { &vms[..2] };
        let table = run(&of_suite, vms, options.runs)?;
        bad += table.rows.iter().filter(|row| row.figures.contains(&None)).count();
        tables.push((suite, table));
    }
    if let Some((_, table)) = tables.iter().find(|(suite, _)| *suite == Suite::Language) {
        report(workspace, table, &options)?;
    }
    if bad > 0 {
        return Err(Error::Findings(format!("{bad} of {} benchmarks failed or differ", programs.len())));
    }
    Ok(())
}

fn vms(workspace: &Workspace, options: &Options) -> Result<Vec<Vm>, Error> {
    let first = match &options.versus {
        Some(vm) => vm.clone(),
        None => {
            let lua = reference::ensure(workspace)?.lua;
            Vm { name: "reference".into(), command: vec![lua.to_string_lossy().into_owned()] }
        }
    };
    let ours = workspace.perilune()?.to_string_lossy().into_owned();
    let ours = Vm { name: "perilune".into(), command: vec![ours, "lua".into()] };
    Ok([first, ours].into_iter().chain(options.vms.iter().cloned()).collect())
}

fn run(programs: &[&Program], vms: &[Vm], runs: usize) -> Result<Table, Error> {
    let names: Vec<String> = vms.iter().map(|vm| vm.name.clone()).collect();
    print_head(&names);
    let mut table = Table { vms: names, rows: Vec::new() };
    for program in programs {
        let mut finished: Vec<Vec<Finished>> = vms.iter().map(|_| Vec::new()).collect();
        for _ in 0..runs {
            for (index, vm) in vms.iter().enumerate() {
                let mut command = if index == 0 { program.original(vm) } else { program.under(vm) };
                CLEARED.iter().for_each(|name| _ = command.env_remove(name));
                finished[index].push(process::measure(&mut command, TIME_LIMIT)?);
            }
        }
        let row = Row { name: program.name.clone(), figures: figures(&finished) };
        print_row(&row);
        table.rows.push(row);
    }
    print_means(&table);
    Ok(table)
}

/// Medians of each machine, where all its runs succeeded with what the first machine printed.
fn figures(finished: &[Vec<Finished>]) -> Vec<Option<Figures>> {
    let expected = &finished[0][0].stdout;
    let good = |run: &Finished| run.status.is_some_and(|status| status.success()) && run.stdout == *expected;
    let of_vm = |runs: &Vec<Finished>| {
        runs.iter().all(good).then(|| Figures {
            // Elapsed time where the kernel does not tell the other.
            cpu_ms: median(runs.iter().map(|run| run.cpu.unwrap_or(run.wall).as_secs_f64() * 1000.0).collect()),
            memory_kib: median(runs.iter().map(|run| run.memory_kib as f64).collect()),
        })
    };
    finished.iter().map(of_vm).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn print_head(vms: &[String]) {
    print!("{:<20} {:>12}", "ms of CPU, ratios", vms[0]);
    vms[1..].iter().for_each(|name| print!(" {name:>16}"));
    println!("   memory, MiB, ratios");
}

fn print_row(row: &Row) {
    let first = |figure: fn(&Figures) -> f64| row.figures[0].as_ref().map_or(f64::NAN, figure);
    print!("{:<20} {:>12.1}", row.name, first(|figures| figures.cpu_ms));
    for vm in 1..row.figures.len() {
        match (row.figures[vm], row.ratio(vm, |figures| figures.cpu_ms)) {
            (Some(figures), Some(ratio)) => print!(" {:>9.1} {ratio:>6.3}", figures.cpu_ms),
            _ => print!(" {:>16}", "FAILED OR DIFFERS"),
        }
    }
    print!("   {:>7.1}", first(|figures| figures.memory_kib) / 1024.0);
    for vm in 1..row.figures.len() {
        print!(" {:>6.2}", row.ratio(vm, |figures| figures.memory_kib).unwrap_or(f64::NAN));
    }
    println!();
}

fn print_means(table: &Table) {
    print!("{:<20} {:>12}", "geometric mean", "");
    let mean = |vm, figure: fn(&Figures) -> f64| table.mean(vm, figure).unwrap_or(f64::NAN);
    (1..table.vms.len()).for_each(|vm| print!(" {:>16.3}", mean(vm, |figures| figures.cpu_ms)));
    print!("   {:>7}", "");
    (1..table.vms.len()).for_each(|vm| print!(" {:>6.2}", mean(vm, |figures| figures.memory_kib)));
    println!("   of {}\n", table.rows.len());
}

/// Writes the figures and the chart, compares with the commit stored last, and stores this one if that is asked for.
fn report(workspace: &Workspace, table: &Table, options: &Options) -> Result<(), Error> {
    let folder = workspace.target_dir.join("bench");
    fs::create_dir_all(&folder).map_err(Error::at(&folder))?;
    let entry = history::Entry::of(table, &commit(workspace)?, &processor());
    for (name, text) in [("lua.json", entry.to_json()), ("lua.html", chart::html(table, &entry))] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::at(&path))?;
        println!("{}", path.display());
    }
    let stored = workspace.root.join("benches/results.jsonl");
    for line in history::compare(&stored, &entry)? {
        println!("{line}");
    }
    if options.store {
        history::append(&stored, &entry)?;
    }
    Ok(())
}

fn commit(workspace: &Workspace) -> Result<String, Error> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]);
    Ok(process::output(&mut git)?.trim().to_owned())
}

/// Ratios are comparable on one kind of processor only.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "unknown".into(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cpu_ms: &[Option<f64>]) -> Row {
        let figures = |cpu_ms: &Option<f64>| cpu_ms.map(|cpu_ms| Figures { cpu_ms, memory_kib: 1.0 });
        Row { name: name.into(), figures: cpu_ms.iter().map(figures).collect() }
    }

    #[test]
    fn middles_and_means() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        let rows = vec![
            row("half", &[Some(2.0), Some(1.0)]),
            row("twice", &[Some(3.0), Some(6.0)]),
            row("failed", &[Some(1.0), None]),
        ];
        let table = Table { vms: vec!["a".into(), "b".into()], rows };
        assert!((table.mean(1, |figures| figures.cpu_ms).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(table.rows[2].ratio(1, |figures| figures.cpu_ms), None);
    }

    #[test]
    fn a_run_that_prints_something_else_has_no_figures() {
        let run = |text: &str, code: &str| {
            let mut command = Command::new("sh");
            process::measure(command.args(["-c", &format!("echo {text}; exit {code}")]), TIME_LIMIT).unwrap()
        };
        let found = figures(&[
            vec![run("same", "0")],
            vec![run("same", "0"), run("same", "0")],
            vec![run("same", "0"), run("other", "0")],
            vec![run("same", "3")],
        ]);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
    }
}
