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
use std::ffi::OsString;
use std::fmt;
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// One output.
struct Output {
    /// For people.
    name: String,
    sink: Box<dyn Sink>,
    /// It only shows on the terminal what others keep, and may go away.
    is_screen: bool,
}

/// All outputs of a run.
pub struct Outputs {
    outputs: Vec<Output>,
    /// Index into `outputs` of the lines of JSON, which hold already what a resumed scan tells the others again.
    journal: Option<usize>,
    is_replay: bool,
    /// The progress display, which makes way for what is printed.
    display: ProgressBar,
    /// Files that are written beside those they will replace.
    beside: Vec<(PathBuf, PathBuf)>,
    /// The first failure to write.
    failure: Option<Failure>,
    /// Lines of JSON are written, so events of single ports are worth making.
    pub has_journal: bool,
    /// Nothing is shown on the terminal but by other formats.
    pub terminal_is_taken: bool,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").field("outputs", &self.outputs.len()).finish_non_exhaustive()
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
        let all = |suffix: &str| options.output_all.as_ref().map(|base| with_suffix(base, suffix));
        if options.output_all.as_deref() == Some(Path::new("-")) {
            return Err(Failure("-oA needs the beginning of file names, not \"-\"".to_owned()));
        }
        let append = options.append_output && !is_resumed;
        let mut beside = Vec::new();
        let mut open = |path: &Path, append: bool| {
            let mut path = expanded(path, started_at);
            if is_option(&path) {
                return Err(Failure(format!("{} is no name for an output; options start so", path.display())));
            }
            if is_resumed && path != Path::new("-") {
                let part = with_suffix(&path, ".part");
                beside.push((part.clone(), path));
                path = part;
            }
            Target::open(&path, append).map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))
        };
        let mut outputs = Outputs {
            outputs: Vec::new(),
            journal: None,
            is_replay: is_resumed,
            display: ProgressBar::hidden(),
            beside: Vec::new(),
            failure: None,
            has_journal: false,
            terminal_is_taken: false,
        };
        for path in options.output_normal.iter().chain(&all(".nmap")) {
            let target = open(path, append)?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.add(path, Normal::new(target, report.clone(), false, false));
        }
        for path in options.output_xml.iter().chain(&all(".xml")) {
            let target = open(path, append)?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.add(path, Xml::new(target, report.clone()));
        }
        for path in options.output_grepable.iter().chain(&all(".gnmap")) {
            let target = open(path, append)?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.add(path, Grepable::new(target, report.clone()));
        }
        if let Some(path) = &options.output_json {
            let expanded = expanded(path, started_at);
            let target = match is_resumed {
                true => Target::open_after_last_line(&expanded),
                false => Target::open(&expanded, append),
            };
            let target = target.map_err(|error| Failure::of(&format!("cannot write {}", expanded.display()), error))?;
            outputs.terminal_is_taken |= target.is_terminal();
            outputs.has_journal = true;
            outputs.journal = Some(outputs.outputs.len());
            outputs.add(path, JsonLines::new(target));
        }
        if let Some(path) = &options.html {
            outputs.add(path, Html::new(open(path, false)?, report.clone()));
        }
        if !outputs.terminal_is_taken && options.verbosity != Some(0) {
            let is_screen = !outputs.outputs.is_empty();
            outputs.add(Path::new("-"), Normal::new(Target::Terminal, report.clone(), true, has_colours()));
            outputs.outputs.last_mut().into_iter().for_each(|output| output.is_screen = is_screen);
        }
        outputs.beside = beside;
        Ok(outputs)
    }

    fn add(&mut self, path: &Path, sink: impl Sink + 'static) {
        let name = if path == Path::new("-") { "the report".to_owned() } else { path.display().to_string() };
        self.outputs.push(Output { name, sink: Box::new(sink), is_screen: false });
    }

    /// Prints above a display from now on.
    pub fn set_display(&mut self, display: ProgressBar) {
        self.display = display;
    }

    /// The user wants to see more, or less, from now on.
    pub fn set_levels(&mut self, verbose: u8, debugging: u8) {
        self.outputs.iter_mut().for_each(|output| output.sink.set_levels(verbose, debugging));
    }

    /// What a resumed scan did before is told: now the new files take the place of the old ones.
    pub fn replayed(&mut self) {
        self.is_replay = false;
        for (part, path) in self.beside.drain(..) {
            if let Err(error) = std::fs::rename(part, &path) {
                self.failure.get_or_insert(Failure::of(&format!("cannot write {}", path.display()), error));
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
        let mut has_lost_screen = false;
        for (idx, output) in self.outputs.iter_mut().enumerate() {
            if self.is_replay && self.journal == Some(idx) {
                continue;
            }
            match output.sink.event(event) {
                Err(_) if output.is_screen => has_lost_screen = true,
                Err(error) => {
                    self.failure.get_or_insert(Failure::of(&format!("cannot write {}", output.name), error));
                }
                Ok(()) => {}
            }
        }
        if has_lost_screen {
            self.outputs.retain(|output| !output.is_screen);
        }
    }

    /// Whether an output can't be written.
    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// # Errors
    /// The first output that could not be written; the scan is of no use without it.
    pub fn check(&mut self) -> Result<(), Failure> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// Leaves an XML document that says why nothing was scanned, for programs that wait for one. What can't be written is
/// not: there is another message already.
pub fn failed(options: &Options, command_line: String, failure: &Failure) {
    let all = options.output_all.as_ref().map(|base| with_suffix(base, ".xml"));
    let mut run = Run::new(command_line, seconds_since_epoch());
    for path in options.output_xml.iter().chain(&all) {
        let path = expanded(path, run.started_at);
        if is_option(&path) {
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

/// A name that another one begins, which may be no text.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether a name for an output looks like a forgotten one.
fn is_option(path: &Path) -> bool {
    path != Path::new("-") && path.as_os_str().as_bytes().starts_with(b"-")
}

/// A file name with the parts of the start time that it names.
fn expanded(path: &Path, started_at: u64) -> PathBuf {
    let at = sys::local_time(started_at);
    let (year, month, day) = (at.year, at.month, at.day);
    let mut out = Vec::new();
    let mut rest = path.as_os_str().as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let part = match rest.next() {
            Some(b'H') => format!("{:02}", at.hour),
            Some(b'M') => format!("{:02}", at.minute),
            Some(b'S') => format!("{:02}", at.second),
            Some(b'T') => format!("{:02}{:02}{:02}", at.hour, at.minute, at.second),
            Some(b'R') => format!("{:02}{:02}", at.hour, at.minute),
            Some(b'm') => format!("{month:02}"),
            Some(b'd') => format!("{day:02}"),
            Some(b'y') => format!("{:02}", year.rem_euclid(100)),
            Some(b'Y') => format!("{year:04}"),
            Some(b'D') => format!("{month:02}{day:02}{:02}", year.rem_euclid(100)),
            Some(b'F') => format!("{year:04}-{month:02}-{day:02}"),
            Some(&other) => {
                out.push(other);
                continue;
            }
            None => break,
        };
        out.extend_from_slice(part.as_bytes());
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn names_hold_the_time() {
        let at = sys::local_time(1_795_421_992);
        let expected = format!("scan-{:04}-{:02}-{:02}%x.xml", at.year, at.month, at.day);
        let name = |name: &[u8]| expanded(Path::new(OsStr::from_bytes(name)), 1_795_421_992);
        assert_eq!(name(b"scan-%F%%%x.xml%"), Path::new(&expected));
        assert_eq!(name(b"\xff%%").as_os_str().as_bytes(), b"\xff%");
    }
}
