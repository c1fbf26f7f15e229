//! `perilune lua --profile`: where a program spends its instructions and its time.
//!
//! The machine is looked at every [`EVERY`] instructions. An instruction count is a number of looks times that; time is
//! what passed since the last look, so that what a library function takes counts for the line that called it.

use perilune_vm::Sampled;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Instructions between two looks. A prime, so that loops do not run in step with it.
pub const EVERY: u32 = 997;
/// Rows of each table.
const ROWS: usize = 20;

/// What a function, a line or a stack took.
#[derive(Clone, Copy, Default, Debug)]
struct Cost {
    looks: u64,
    time: Duration,
}

impl Cost {
    fn add(&mut self, time: Duration) {
        self.looks += 1;
        self.time += time;
    }
}

/// What was seen so far.
#[derive(Debug)]
pub struct Profile {
    total: Cost,
    /// By function: alone, and with all that it called.
    functions: HashMap<String, (Cost, Cost)>,
    lines: HashMap<String, Cost>,
    /// By stack, outermost function first, separated by semicolons.
    stacks: HashMap<String, u64>,
    last: Instant,
}

impl Profile {
    pub fn new() -> Profile {
        Profile {
            total: Cost::default(),
            functions: HashMap::new(),
            lines: HashMap::new(),
            stacks: HashMap::new(),
            last: Instant::now(),
        }
    }

    /// Takes a look: the functions that run, innermost first.
    pub fn look(&mut self, stack: &[Sampled]) {
        let time = self.last.elapsed();
        self.total.add(time);
        let names: Vec<String> = stack.iter().map(name).collect();
        if let (Some(innermost), Some(name)) = (stack.first(), names.first()) {
            self.functions.entry(name.clone()).or_default().0.add(time);
            if innermost.line > 0 {
                let line = format!("{}:{}", String::from_utf8_lossy(&innermost.chunk), innermost.line);
                self.lines.entry(line).or_default().add(time);
            }
        }
        for (idx, name) in names.iter().enumerate() {
            // A function that calls itself counts once.
            if !names[..idx].contains(name) {
                self.functions.entry(name.clone()).or_default().1.add(time);
            }
        }
        let outermost_first: Vec<&str> = names.iter().rev().map(String::as_str).collect();
        *self.stacks.entry(outermost_first.join(";")).or_default() += 1;
        // What the look itself takes belongs to nobody.
        self.last = Instant::now();
    }

    /// Two tables: functions and lines, the costliest first.
    pub fn report(&self) -> String {
        let mut text = format!(
            "{} instructions, {} ms\n\n    self     total      self ms  total ms  function\n",
            self.total.looks * u64::from(EVERY),
            self.total.time.as_millis()
        );
        let mut functions: Vec<_> = self.functions.iter().collect();
        functions.sort_by(|(a, (x, _)), (b, (y, _))| y.looks.cmp(&x.looks).then(a.cmp(b)));
        for (name, (alone, all)) in functions.into_iter().take(ROWS) {
            _ = writeln!(
                text,
                "{} {} {:>12.1} {:>9.1}  {name}",
                self.share(*alone),
                self.share(*all),
                alone.time.as_secs_f64() * 1000.0,
                all.time.as_secs_f64() * 1000.0
            );
        }
        text.push_str("\n    self      self ms  line\n");
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by(|(a, x), (b, y)| y.looks.cmp(&x.looks).then(a.cmp(b)));
        for (line, cost) in lines.into_iter().take(ROWS) {
            _ = writeln!(text, "{} {:>12.1}  {line}", self.share(*cost), cost.time.as_secs_f64() * 1000.0);
        }
        text
    }

    fn share(&self, cost: Cost) -> String {
        format!("{:>7.2}%", cost.looks as f64 * 100.0 / self.total.looks.max(1) as f64)
    }

    /// A line per stack with the number of looks, as flame graph tools read them.
    pub fn folded(&self) -> String {
        let mut stacks: Vec<_> = self.stacks.iter().collect();
        stacks.sort();
        stacks.into_iter().map(|(stack, looks)| format!("{stack} {looks}\n")).collect()
    }
}

/// `name file:line`, as far as it is known; semicolons and line ends would break the folded form.
fn name(function: &Sampled) -> String {
    let chunk = String::from_utf8_lossy(&function.chunk);
    let name = function.name.as_deref().map(String::from_utf8_lossy);
    let text = match function.line_defined {
        0 => format!("main chunk {chunk}"),
        -1 => format!("{} {chunk}", name.as_deref().unwrap_or("?")),
        line => format!("{} {chunk}:{line}", name.as_deref().unwrap_or("function")),
    };
    text.replace([';', '\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, line_defined: i64, line: i64) -> Sampled {
        Sampled { name: Some(name.into()), chunk: b"a.lua".to_vec(), line_defined, line }
    }

    #[test]
    fn looks_are_summed_by_function_line_and_stack() {
        let mut profile = Profile::new();
        let main = Sampled { name: None, chunk: b"a.lua".to_vec(), line_defined: 0, line: 9 };
        profile.look(&[function("f", 2, 3), function("f", 2, 4), main.clone()]);
        profile.look(&[function("f", 2, 3), main.clone()]);
        profile.look(&[main]);
        assert_eq!(
            profile.folded(),
            "main chunk a.lua 1\nmain chunk a.lua;f a.lua:2 1\nmain chunk a.lua;f a.lua:2;f a.lua:2 1\n"
        );
        let report = profile.report();
        assert!(report.starts_with("2991 instructions, "), "{report}");
        let row = |text: &str| report.lines().find(|line| line.ends_with(text)).unwrap_or_default().to_owned();
        assert!(row("  f a.lua:2").starts_with("  66.67%   66.67%"), "{report}");
        assert!(row("  main chunk a.lua").starts_with("  33.33%  100.00%"), "{report}");
        assert!(row("  a.lua:3").starts_with("  66.67%"), "{report}");
    }
}
