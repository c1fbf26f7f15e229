//! `perilune script`: which scripts there are, what they say of themselves, what is wrong with them, a first one.

use super::check::{self, File, Finding, Severity};
use super::definitions;
use super::doc_html::Site;
use super::known::Known;
use super::page::{self, Kind, Page};
use super::{doc_text, skeleton};
use crate::options::{Options, Parsed};
use crate::scan::Failure;
use clap::{Parser, Subcommand};
use perilune_nse::DataFolders;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What there is to know about scripts
#[derive(Parser, Debug)]
#[command(name = "perilune script")]
struct Command {
    #[command(subcommand)]
    what: What,
    /// Folder with scripts/ and nselib/ to be looked at first
    #[arg(long, value_name = "DIR", global = true)]
    datadir: Vec<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum What {
    /// One line for each script: its name and categories
    List {
        /// Names with *, categories, expressions of them
        #[arg(default_value = "all")]
        rules: Vec<String>,
    },
    /// What scripts say of themselves
    Show {
        /// Names with *, categories, expressions of them
        #[arg(required = true)]
        rules: Vec<String>,
    },
    /// The documentation of scripts and libraries
    Doc {
        /// Names with *; all of them for a site
        names: Vec<String>,
        /// Write a site of pages into a folder, in place of text
        #[arg(long, value_name = "DIR")]
        html: Option<PathBuf>,
    },
    /// Looks for mistakes without running the script
    Check {
        /// Files, names with *, or all
        #[arg(required = true)]
        files: Vec<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Writes a script to begin with
    New {
        /// Its name: small letters, digits, - and _
        name: String,
        #[arg(long, value_enum, default_value = "port")]
        rule: skeleton::Rule,
        /// Categories it is chosen by
        #[arg(long, value_delimiter = ',', default_value = "discovery,safe")]
        category: Vec<String>,
    },
    /// Writes definitions of all libraries for language servers, and .luarc.json
    Definitions {
        /// The folder, which is made if it is missing
        folder: PathBuf,
    },
}

/// Runs the command.
pub fn main(args: &[OsString]) -> ExitCode {
    let words = std::iter::once(OsString::from("perilune script")).chain(args.iter().cloned());
    let command = match Command::try_parse_from(words) {
        Ok(command) => command,
        Err(message) => {
            let _ = message.print();
            return if message.use_stderr() { ExitCode::from(crate::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run(command) {
        Ok((text, status)) => {
            crate::say(&text);
            ExitCode::from(status)
        }
        Err(Failure(message)) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// What is to be printed, and the exit status.
fn run(command: Command) -> Result<(String, u8), Failure> {
    let data = DataFolders::of_environment(command.datadir.clone());
    let text = match command.what {
        What::List { ref rules } | What::Show { ref rules } => told(&command, rules)?,
        What::Doc { names, html } => doc(&data, names, html.as_deref())?,
        What::Check { files, json } => return checked(&data, &files, json),
        What::New { name, rule, category } => skeleton::write(&data, &name, rule, &category)?,
        What::Definitions { folder } => definitions::write(&data, &folder)?,
    };
    Ok((text, 0))
}

fn told(command: &Command, rules: &[String]) -> Result<String, Failure> {
    let mut words: Vec<OsString> = Vec::new();
    for folder in &command.datadir {
        words.extend(["--datadir".into(), folder.into()]);
    }
    for rule in rules {
        words.extend(["--script-help".into(), rule.into()]);
    }
    let options = match Options::parse_args(words) {
        Ok(Parsed::Scan(options)) => options,
        Ok(Parsed::Text(_)) => return Ok(String::new()),
        Err(error) => return Err(Failure(error.to_string())),
    };
    let Some(engine) = super::lone_engine(&options)? else { return Ok(String::new()) };
    Ok(match command.what {
        What::Show { .. } => super::help_text(&engine).trim_start().to_owned(),
        _ => {
            let mut lines: Vec<String> = engine
                .scripts()
                .iter()
                .map(|script| format!("{:<32} {}\n", script.id, script.categories.join(" ")))
                .collect();
            lines.sort();
            lines.concat()
        }
    })
}

fn doc(data: &DataFolders, mut names: Vec<String>, html: Option<&Path>) -> Result<String, Failure> {
    if names.is_empty() {
        if html.is_none() {
            return Err(Failure("name scripts or libraries, or write a site of all of them with --html DIR".into()));
        }
        names.push("all".to_owned());
    }
    let mut pages: Vec<Page> = Vec::new();
    for name in &names {
        for (kind, name) in page::find(data, name)? {
            if !pages.iter().any(|page| page.kind == kind && page.name == name) {
                pages.push(Page::load(data, kind, &name)?);
            }
        }
    }
    match html {
        None => {
            let colours = crate::outputs::has_colours();
            let texts: Vec<String> = pages.iter().map(|page| doc_text::page(page, colours)).collect();
            Ok(texts.join("\n"))
        }
        Some(folder) => {
            let of = |error| Failure::of(&format!("cannot write to {}", folder.display()), error);
            let count = Site::new(&pages).write(folder).map_err(of)?;
            Ok(format!("{count} pages; the first is {}\n", folder.join("index.html").display()))
        }
    }
}

/// The findings, and 1 when there are errors among them.
fn checked(data: &DataFolders, files: &[String], json: bool) -> Result<(String, u8), Failure> {
    let mut known = Known::new(data)?;
    let mut findings: Vec<Finding> = Vec::new();
    let mut count = 0;
    for name in files {
        for file in files_of(data, name)? {
            findings.extend(check::check(&file, &mut known));
            count += 1;
        }
    }
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let mut text: String =
        findings.iter().map(|finding| if json { json_line(finding) } else { line(finding) }).collect();
    if !json {
        text.push_str(&format!("{count} checked: {errors} errors, {warnings} warnings\n"));
    }
    Ok((text, u8::from(errors > 0)))
}

/// What an argument stands for: a file by its path, or what `doc` takes.
fn files_of(data: &DataFolders, name: &str) -> Result<Vec<File>, Failure> {
    let path = Path::new(name);
    let kind = match path.extension().and_then(|end| end.to_str()) {
        Some("lua") => Kind::Library,
        _ => Kind::Script,
    };
    if path.is_file() {
        let source = std::fs::read(path).map_err(|error| Failure::of(&format!("cannot read {name}"), error))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![File { kind, name: stem, path: name.to_owned(), source }]);
    }
    let mut files = Vec::new();
    for (kind, name) in page::find(data, name)? {
        let path = kind.path(&name);
        match data.source(&path) {
            Ok(Some((path, source))) => files.push(File { kind, name, path, source }),
            Ok(None) => {}
            Err(error) => return Err(Failure::of(&format!("cannot read {path}"), error)),
        }
    }
    Ok(files)
}

fn line(finding: &Finding) -> String {
    let Finding { path, line, severity, rule, reason } = finding;
    let warning = if *severity == Severity::Warning { "warning: " } else { "" };
    // Names and texts of the file must not command the terminal.
    let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
    format!("{path}:{line}: {warning}{rule}: {reason}\n")
}

fn json_line(finding: &Finding) -> String {
    let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
    let object = serde_json::json!({
        "file": finding.path, "line": finding.line, "severity": severity, "rule": finding.rule,
        "reason": finding.reason,
    });
    format!("{object}\n")
}
