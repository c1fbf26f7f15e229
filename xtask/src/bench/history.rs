//! Figures kept by commit, one JSON object a line, and what became slower since the last.

use super::Table;
use crate::error::Error;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// A ratio that grew by more than this is named.
const REGRESSION: f64 = 1.08;

/// One run as it is kept.
#[derive(Debug)]
pub struct Entry(Value);

impl Entry {
    /// `{commit, processor, vms, programs: {NAME: {VM: {cpu_ms, memory_kib}}}, means: {VM: {cpu, memory}}}`.
    pub fn of(table: &Table, commit: &str, processor: &str) -> Entry {
        let (mut programs, mut means) = (Map::new(), Map::new());
        for row in &table.rows {
            let mut figures = Map::new();
            for (vm, found) in table.vms.iter().zip(&row.figures) {
                let found = found.map(|found| json!({"cpu_ms": rounded(found.cpu_ms), "memory_kib": found.memory_kib}));
                figures.insert(vm.clone(), found.unwrap_or(Value::Null));
            }
            programs.insert(row.name.clone(), Value::Object(figures));
        }
        for (index, vm) in table.vms.iter().enumerate().skip(1) {
            let (cpu, memory) = (table.mean(index, |found| found.cpu_ms), table.mean(index, |found| found.memory_kib));
            means.insert(vm.clone(), json!({"cpu": cpu.map(rounded), "memory": memory.map(rounded)}));
        }
        Entry(json!({
            "commit": commit, "processor": processor, "vms": table.vms, "programs": programs, "means": means,
        }))
    }

    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.0)
    }

    pub fn title(&self) -> String {
        format!("{} on {}", text(&self.0["commit"]), text(&self.0["processor"]))
    }

    /// This repository's time divided by the first machine's.
    fn ratio(&self, program: &str) -> Option<f64> {
        let figures = &self.0["programs"][program];
        let of = |vm: &Value| figures[text(vm)]["cpu_ms"].as_f64();
        Some(of(&self.0["vms"][1])? / of(&self.0["vms"][0])?)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Lines about what is slower than in the newest entry of the file that was measured on such a processor.
pub fn compare(path: &Path, entry: &Entry) -> Result<Vec<String>, Error> {
    let kept = if path.exists() { fs::read_to_string(path).map_err(Error::at(path))? } else { String::new() };
    let comparable = |line: &str| {
        let old = Entry(serde_json::from_str(line).ok()?);
        (old.0["processor"] == entry.0["processor"] && old.0["vms"][0] == entry.0["vms"][0]).then_some(old)
    };
    let Some(old) = kept.lines().rev().find_map(comparable) else {
        return Ok(vec!["nothing to compare with: no run on such a processor is stored".into()]);
    };
    let programs = entry.0["programs"].as_object().expect("made by `of`").keys();
    let slower = programs.filter_map(|name| {
        let (before, now) = (old.ratio(name)?, entry.ratio(name)?);
        (now > before * REGRESSION).then(|| format!("SLOWER  {name}: {before:.3} then, {now:.3} now"))
    });
    let slower: Vec<String> = slower.collect();
    let head = format!("against {}: {} slower", text(&old.0["commit"]), slower.len());
    Ok([head].into_iter().chain(slower).collect())
}

/// Adds a line to the file.
pub fn append(path: &Path, entry: &Entry) -> Result<(), Error> {
    let mut file = File::options().create(true).append(true).open(path).map_err(Error::at(path))?;
    writeln!(file, "{}", entry.0).map_err(Error::at(path))
}

#[cfg(test)]
mod tests {
    use super::super::{Figures, Row};
    use super::*;

    fn entry(commit: &str, ours_ms: f64) -> Entry {
        let figures = |cpu_ms| Some(Figures { cpu_ms, memory_kib: 2048.0 });
        let rows = vec![
            Row { name: "fib".into(), figures: vec![figures(100.0), figures(ours_ms)] },
            Row { name: "broken".into(), figures: vec![figures(100.0), None] },
        ];
        Entry::of(&Table { vms: vec!["reference".into(), "perilune".into()], rows }, commit, "a processor")
    }

    #[test]
    fn what_became_slower_is_named() {
        let path = std::env::temp_dir().join(format!("perilune-xtask-history-{}", std::process::id()));
        assert!(compare(&path, &entry("now", 80.0)).unwrap()[0].starts_with("nothing to compare with"));
        append(&path, &entry("old", 70.0)).unwrap();
        append(&path, &entry("new", 80.0)).unwrap();
        let lines = |ours_ms| compare(&path, &entry("now", ours_ms)).unwrap();
        assert_eq!(lines(84.0), ["against new: 0 slower"]);
        assert_eq!(lines(90.0), ["against new: 1 slower", "SLOWER  fib: 0.800 then, 0.900 now"]);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn entries_say_what_was_measured() {
        let entry = entry("abc", 80.0);
        assert_eq!(entry.0["programs"]["fib"]["perilune"]["cpu_ms"], 80.0);
        assert_eq!(entry.0["programs"]["broken"]["perilune"], Value::Null);
        assert_eq!(entry.0["means"]["perilune"], json!({"cpu": 0.8, "memory": 1.0}));
        assert_eq!(entry.title(), "abc on a processor");
    }
}
