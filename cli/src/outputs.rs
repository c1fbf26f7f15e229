//! Where the events of a run go: all outputs that the command line names.

use crate::options::Options;
use crate::report::document::Target;
use crate::report::grepable::Grepable;
use crate::report::html::Html;
use crate::report::json::JsonLines;
use crate::report::normal::Normal;
use crate::report::xml::Xml;
use crate::report::{Event, MessageKind, ReportOptions, Sink};
use crate::scan::{Failure, seconds_since_epoch};
use indicatif::ProgressBar;
use perilune_scan::result::{Exit, Run};
use perilune_scan::sys;
use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// All outputs of a run.
pub struct Outputs {
    sinks: Vec<Box<dyn Sink>>,
    /// Index into `sinks` of the lines of JSON, which hold already what a resumed scan tells the others again.
    journal: Option<usize>,
    is_replay: bool,
    /// The progress display, which makes way for what is printed.
    display: ProgressBar,
    /// Files that are written beside those they will replace.
    beside: Vec<(PathBuf, PathBuf)>,
    /// The first failure to write.
    failure: Option<std::io::Error>,
    /// Lines of JSON are written, so events of single ports are worth making.
    pub has_journal: bool,
    /// Nothing is shown on the terminal but by other formats.
    pub terminal_is_taken: bool,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}

impl Outputs {
    /// Opens all files. For a resumed scan the lines of JSON go on, and the others are made anew beside the old ones,
    /// until [`Outputs::replayed`].
    ///
    /// # Errors
    /// The first that can't be written.
    pub fn open(
        options: &Options,
        report: &ReportOptions,
        started_at: u64,
        is_resumed: bool,
    ) -> Result<Outputs, Failure> {
        let expand = |path: &Path| PathBuf::from(expanded(&path.to_string_lossy(), started_at));
        let all = |suffix: &str| options.output_all.as_ref().map(|base| PathBuf::from(format!("{base}.{suffix}")));
        if options.output_all.as_deref() == Some("-") {
            return Err(Failure("-oA needs the beginning of file names, not \"-\"".to_owned()));
        }
        let append = options.append_output && !is_resumed;
        let mut beside = Vec::new();
        let mut open = |path: &Path, append: bool| {
            let mut path = expand(path);
            if path != Path::new("-") && path.to_string_lossy().starts_with('-') {
                return Err(Failure(format!("{} is no name for an output; options start so", path.display())));
            }
            if is_resumed && path != Path::new("-") {
                let part = PathBuf::from(format!("{}.part", path.display()));
                beside.push((part.clone(), path));
                path = part;
            }
            Target::open(&path, append).map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))
        };
        let mut outputs = Outputs {
            sinks: Vec::new(),
            journal: None,
            is_replay: is_resumed,
            display: ProgressBar::hidden(),
            beside: Vec::new(),
            failure: None,
            has_journal: false,
            terminal_is_taken: false,
        };
        for path in options.output_normal.iter().chain(&all("nmap")) {
            let target = open(path, append)?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.sinks.push(Box::new(Normal::new(target, report.clone(), false, false)));
        }
        for path in options.output_xml.iter().chain(&all("xml")) {
            let target = open(path, append)?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.sinks.push(Box::new(Xml::new(target, report.clone())));
        }
        for path in options.output_grepable.iter().chain(&all("gnmap")) {
            let target = open(path, append)?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.sinks.push(Box::new(Grepable::new(target, report.clone())));
        }
        if let Some(path) = &options.output_json {
            let path = expand(path);
            let target = if is_resumed { Target::open_after_last_line(&path) } else { Target::open(&path, append) };
            let target = target.map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.has_journal = true;
            outputs.journal = Some(outputs.sinks.len());
            outputs.sinks.push(Box::new(JsonLines::new(target)));
        }
        if let Some(path) = &options.html {
            outputs.sinks.push(Box::new(Html::new(open(path, false)?, report.clone())));
        }
        if !outputs.terminal_is_taken && options.verbosity != Some(0) {
            outputs.sinks.push(Box::new(Normal::new(Target::Terminal, report.clone(), true, has_colours())));
        }
        outputs.beside = beside;
        Ok(outputs)
    }

    /// Prints above a display from now on.
    pub fn set_display(&mut self, display: ProgressBar) {
        self.display = display;
    }

    /// The user wants to see more, or less, from now on.
    pub fn set_levels(&mut self, verbose: u8, debugging: u8) {
        self.sinks.iter_mut().for_each(|sink| sink.set_levels(verbose, debugging));
    }

    /// What a resumed scan did before is told: now the new files take the place of the old ones.
    pub fn replayed(&mut self) {
        self.is_replay = false;
        for (part, path) in self.beside.drain(..) {
            if let Err(error) = std::fs::rename(part, path) {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Tells all outputs. A failure is kept for [`Outputs::check`].
    pub fn send(&mut self, event: &Event) {
        let display = self.display.clone();
        display.suspend(|| self.tell(event));
    }

    fn tell(&mut self, event: &Event) {
        if let Event::Message { kind, text } = event
            && *kind != MessageKind::Trace
        {
            eprintln!("{text}");
        }
        for (idx, sink) in self.sinks.iter_mut().enumerate() {
            if self.is_replay && self.journal == Some(idx) {
                continue;
            }
            if let Err(error) = sink.event(event) {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// # Errors
    /// The first output that could not be written; the scan is of no use without it.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.failure.take() {
            Some(error) => Err(Failure::of("cannot write the report", error)),
            None => Ok(()),
        }
    }
}

/// Leaves an XML document that says why nothing was scanned, for programs that wait for one. What can't be written is
/// not: there is another message already.
pub fn failed(options: &Options, command_line: String, failure: &Failure) {
    let all = options.output_all.as_ref().map(|base| PathBuf::from(format!("{base}.xml")));
    let mut run = Run::new(command_line, seconds_since_epoch());
    for path in options.output_xml.iter().chain(&all) {
        let path = PathBuf::from(expanded(&path.to_string_lossy(), run.started_at));
        if path != Path::new("-") && path.to_string_lossy().starts_with('-') {
            continue;
        }
        let Ok(target) = Target::open(&path, options.append_output) else { continue };
        let mut xml = Xml::new(target, ReportOptions { compat: options.compat.is_some(), ..ReportOptions::default() });
        run.exit = Exit::Error(failure.0.clone());
        let _ = xml.event(&Event::Start(Box::new(run.clone())));
        let _ = xml.event(&Event::End(Box::new(run.clone())));
    }
}

/// Whether the terminal gets colours.
pub fn has_colours() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
}

/// A file name with the parts of the start time that it names.
fn expanded(name: &str, started_at: u64) -> String {
    let at = sys::local_time(started_at);
    let (year, month, day) = (at.year, at.month, at.day);
    let mut out = String::new();
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('H') => out.push_str(&format!("{:02}", at.hour)),
            Some('M') => out.push_str(&format!("{:02}", at.minute)),
            Some('S') => out.push_str(&format!("{:02}", at.second)),
            Some('T') => out.push_str(&format!("{:02}{:02}{:02}", at.hour, at.minute, at.second)),
            Some('R') => out.push_str(&format!("{:02}{:02}", at.hour, at.minute)),
            Some('m') => out.push_str(&format!("{month:02}")),
            Some('d') => out.push_str(&format!("{day:02}")),
            Some('y') => out.push_str(&format!("{:02}", year.rem_euclid(100))),
            Some('Y') => out.push_str(&format!("{year:04}")),
            Some('D') => out.push_str(&format!("{month:02}{day:02}{:02}", year.rem_euclid(100))),
            Some('F') => out.push_str(&format!("{year:04}-{month:02}-{day:02}")),
            Some(other) => out.push(other),
            None => out.push('%'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_the_time() {
        let at = sys::local_time(1_795_421_992);
        let expected = format!("scan-{:04}-{:02}-{:02}%x.xml", at.year, at.month, at.day);
        assert_eq!(expanded("scan-%F%%%x.xml", 1_795_421_992), expected);
    }
}
