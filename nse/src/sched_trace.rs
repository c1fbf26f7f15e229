//! `--sched-trace`: what the scheduler does with its threads, as text or as a timeline.
//!
//! The text has a line per move between queues: milliseconds, thread, script, host and port, from, to, reason, in fixed
//! columns. A file that ends in `.json` gets the same in the format that Chrome and Perfetto show as a timeline: a bar
//! for each stay in a queue, which for one in `waiting` is called by what the thread waits for.

use crate::thread::{ThreadId, ThreadInfo};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Where a thread is; `None` before its creation and after its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Queue {
    None,
    Running,
    Waiting,
    Pending,
}

impl Queue {
    fn name(self) -> &'static str {
        match self {
            Queue::None => "-",
            Queue::Running => "running",
            Queue::Waiting => "waiting",
            Queue::Pending => "pending",
        }
    }
}

pub(crate) struct SchedTrace {
    out: Box<dyn Write>,
    /// Since when a thread is where it is, and why; only for timelines.
    stays: Option<HashMap<ThreadId, (Queue, u64, String)>>,
    is_first: bool,
}

impl std::fmt::Debug for SchedTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedTrace").finish_non_exhaustive()
    }
}

impl SchedTrace {
    /// # Errors
    /// The file can't be written.
    pub fn create(path: &Path) -> io::Result<SchedTrace> {
        let is_timeline = path.extension().is_some_and(|extension| extension == "json");
        Ok(SchedTrace::new(Box::new(BufWriter::new(File::create(path)?)), is_timeline))
    }

    fn new(out: Box<dyn Write>, is_timeline: bool) -> SchedTrace {
        SchedTrace { out, stays: is_timeline.then(HashMap::new), is_first: true }
    }

    /// A thread goes from one queue to another, at so many microseconds. A trace that can't be written ends without a
    /// word: the scan goes on.
    pub fn moved(&mut self, now_us: u64, info: &ThreadInfo, from: Queue, to: Queue, reason: &str) {
        let place = info.against();
        let place = place.trim_start_matches(" against ");
        if self.stays.is_some() {
            return self.stay(now_us, info.id, &info.instance.script.id, place, to, reason);
        }
        let kind = if info.is_worker() { 'W' } else { 'M' };
        let _ = writeln!(
            self.out,
            "{:>9}.{:03} {kind}{:<7} {:<32} {:<24} {:<8} -> {:<8} {reason}",
            now_us / 1000,
            now_us % 1000,
            info.id.0,
            info.instance.script.id,
            if place.is_empty() { "-" } else { place },
            from.name(),
            to.name(),
        );
    }

    /// Ends the bar of the last stay and begins the next.
    fn stay(&mut self, now_us: u64, id: ThreadId, script: &str, place: &str, to: Queue, reason: &str) {
        let Some(stays) = &mut self.stays else { return };
        let before =
            if to == Queue::None { stays.remove(&id) } else { stays.insert(id, (to, now_us, reason.to_owned())) };
        let event = match before {
            Some((queue, since, why)) => format!(
                r#"{{"ph":"X","pid":1,"tid":{},"ts":{},"dur":{},"name":{},"args":{{"reason":{}}}}}"#,
                id.0,
                since,
                now_us.saturating_sub(since),
                quoted(if queue == Queue::Waiting { &why } else { queue.name() }),
                quoted(&why),
            ),
            None => format!(
                r#"{{"ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":{}}}}}"#,
                id.0,
                quoted(format!("{script} {place}").trim_end()),
            ),
        };
        let before = if std::mem::take(&mut self.is_first) { "[\n" } else { ",\n" };
        let _ = write!(self.out, "{before}{event}");
    }
}

impl Drop for SchedTrace {
    fn drop(&mut self) {
        if self.stays.is_some() {
            let _ = writeln!(self.out, "{}", if self.is_first { "[]" } else { "\n]" });
        }
        let _ = self.out.flush();
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
