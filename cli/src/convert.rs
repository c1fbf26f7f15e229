//! `perilune convert` and `perilune diff`: reports made from logs.

use crate::report::document::Target;
use crate::report::grepable::Grepable;
use crate::report::html::Html;
use crate::report::json::JsonLines;
use crate::report::normal::Normal;
use crate::report::xml::Xml;
use crate::report::{Event, ReportOptions, Sink, diff, read};
use crate::scan::Failure;
use clap::Parser;
use perilune_scan::result::{Exit, Host, Run};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes reports in other formats from a log: XML or lines of JSON
#[derive(Parser, Debug)]
#[command(name = "perilune convert")]
struct Convert {
    /// The log
    log: PathBuf,
    /// Write XML
    #[arg(short = 'X', long, value_name = "FILE")]
    xml: Option<PathBuf>,
    /// Write what is shown on the screen
    #[arg(short = 'N', long, value_name = "FILE")]
    normal: Option<PathBuf>,
    /// Write a line for each host
    #[arg(short = 'G', long, value_name = "FILE")]
    grepable: Option<PathBuf>,
    /// Write lines of JSON
    #[arg(short = 'J', long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page for browsers
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Shows what changed between two scans; exits with 1 when something did
#[derive(Parser, Debug)]
#[command(name = "perilune diff")]
struct Diff {
    /// The log of the earlier scan
    before: PathBuf,
    /// The log of the later scan
    after: PathBuf,
}

fn options<T: Parser>(name: &str, args: &[OsString]) -> Result<T, ExitCode> {
    let words = std::iter::once(OsString::from(name)).chain(args.iter().cloned());
    T::try_parse_from(words).map_err(|message| {
        let _ = message.print();
        if message.use_stderr() { ExitCode::from(crate::USAGE) } else { ExitCode::SUCCESS }
    })
}

/// `perilune convert LOG --xml FILE …`.
///
/// # Errors
/// The status to end with, after a message.
pub fn convert(args: &[OsString]) -> ExitCode {
    match options::<Convert>("perilune convert", args) {
        Ok(options) => finish(make(&options).map(|()| ExitCode::SUCCESS)),
        Err(code) => code,
    }
}

/// `perilune diff BEFORE AFTER`.
pub fn diff(args: &[OsString]) -> ExitCode {
    let options = match options::<Diff>("perilune diff", args) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let outcome = hosts(&options.before).and_then(|before| Ok((before, hosts(&options.after)?)));
    match outcome {
        Ok((before, after)) => {
            let text = diff::diff(&before, &after);
            crate::say(&text);
            if text.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(Failure(message)) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn finish(outcome: Result<ExitCode, Failure>) -> ExitCode {
    outcome.unwrap_or_else(|Failure(message)| {
        eprintln!("{message}");
        ExitCode::FAILURE
    })
}

fn hosts(log: &Path) -> Result<Vec<Host>, Failure> {
    let (_, events) = read::events(log).map_err(|error| Failure(error.to_string()))?;
    Ok(events.into_iter().filter_map(|event| if let Event::Host(host) = event { Some(*host) } else { None }).collect())
}

fn make(options: &Convert) -> Result<(), Failure> {
    let (_, mut events) = read::events(&options.log).map_err(|error| Failure(error.to_string()))?;
    let Some(Event::Start(run)) = events.first() else {
        return Err(Failure(format!("{} does not hold a scan", options.log.display())));
    };
    let run = (**run).clone();
    let report = ReportOptions::of(&run);
    if !events.iter().any(|event| matches!(event, Event::End(_))) {
        events.push(end(&run, &events));
    }
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    let open = |path: &Path| {
        Target::open(path, false).map_err(|error| Failure::of(&format!("cannot write {}", path.display()), error))
    };
    if let Some(path) = &options.xml {
        sinks.push(Box::new(Xml::new(open(path)?, report.clone())));
    }
    if let Some(path) = &options.normal {
        sinks.push(Box::new(Normal::new(open(path)?, report.clone(), false, false)));
    }
    if let Some(path) = &options.grepable {
        sinks.push(Box::new(Grepable::new(open(path)?, report.clone())));
    }
    if let Some(path) = &options.json {
        sinks.push(Box::new(JsonLines::new(open(path)?)));
    }
    if let Some(path) = &options.html {
        sinks.push(Box::new(Html::new(open(path)?, report.clone())));
    }
    if sinks.is_empty() {
        return Err(Failure("convert: say what to write: --xml, --normal, --grepable, --json, --html".to_owned()));
    }
    for sink in &mut sinks {
        for event in &events {
            sink.event(event).map_err(|error| Failure::of("cannot write the report", error))?;
        }
    }
    Ok(())
}

/// The end of a log that has none.
fn end(run: &Run, events: &[Event]) -> Event {
    let mut end = run.clone();
    for event in events {
        if let Event::Host(host) = event {
            if host.state == perilune_scan::result::HostState::Up { end.hosts_up += 1 } else { end.hosts_down += 1 }
        }
    }
    end.exit = Exit::Error("the scan did not end".to_owned());
    Event::End(Box::new(end))
}
