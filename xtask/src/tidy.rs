//! `cargo xtask tidy`: the repository's own rules, checked over the files that Git tracks.
//!
//! What rustfmt and clippy check is not repeated here, except for the line width: rustfmt leaves a line that it cannot
//! format as it is. Each check is a function from a file to its findings, listed in `CHECKS`. Those of Rust look at the
//! text with literals blanked out, mostly comments too, so that a string may speak of what code may not contain.

use crate::error::Error;
use crate::mask::{self, Part};
use crate::process;
use crate::workspace::Workspace;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// A file with more lines is worth a second look.
const LINES_REPORTED: usize = 1000;
/// A file with more lines is an error, unless it is listed here with the reason.
const LINES_MAX: usize = 1500;
const LONG_FILES: [(&str, &str); 0] = [];
/// rustfmt's default for `max_width`.
const WIDTH_DEFAULT: usize = 100;
/// Kinds of text file in which white space at the end of a line means nothing; files without an extension as well.
const TEXT_EXTENSIONS: [&str; 6] = ["rs", "toml", "md", "sh", "lua", "nse"];

/// A tracked file, and what the checks need to know about it.
struct File<'a> {
    /// Relative to the root.
    path: &'a str,
    text: &'a str,
    /// Of a Rust file: only its code; code and comments; which byte is what.
    code: String,
    without_literals: String,
    parts: Vec<Part>,
    /// Longest line allowed, in columns.
    width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Severity {
    Error,
    Warning,
}

/// Something found at a line, counted from 1.
#[derive(PartialEq, Eq, Debug)]
struct Finding {
    line: usize,
    severity: Severity,
    what: String,
}

type Check = fn(&File) -> Vec<Finding>;

const CHECKS: [Check; 9] =
    [module_doc, length, unsafe_fence, ignored_tests, unfinished, white_space, tabs, columns, reasons_for_dependencies];

/// Runs all checks and prints the findings.
pub fn main(workspace: &Workspace, _: &[String]) -> Result<(), Error> {
    let listed = process::output(Command::new("git").args(["ls-files", "-z"]).current_dir(&workspace.root))?;
    let width = width(&workspace.root.join("rustfmt.toml"))?;
    let (mut files, mut errors, mut warnings) = (0, 0, 0);
    for path in listed.split_terminator('\0') {
        let full = workspace.root.join(path);
        let bytes = match fs::read(&full) {
            // Deleted and not committed, or a link to nowhere: nothing to read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(Error::at(&full))?,
        };
        // What is no UTF-8 is data.
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        files += 1;
        for finding in check(path, text, width) {
            match finding.severity {
                Severity::Error => errors += 1,
                Severity::Warning => warnings += 1,
            }
            let mark = if finding.severity == Severity::Warning { "warning: " } else { "" };
            println!("{path}:{}: {mark}{}", finding.line, finding.what);
        }
    }
    let summary = format!("{files} files, {errors} errors, {warnings} warnings");
    if errors > 0 {
        return Err(Error::Findings(summary));
    }
    println!("{summary}");
    Ok(())
}

/// The width that rustfmt is told.
fn width(config: &Path) -> Result<usize, Error> {
    let text = fs::read_to_string(config).map_err(Error::at(config))?;
    let value = text.lines().filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == "max_width");
    Ok(value.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(WIDTH_DEFAULT))
}

/// All findings of a file, by line.
fn check(path: &str, text: &str, width: usize) -> Vec<Finding> {
    let parts = if path.ends_with(".rs") { mask::parts(text) } else { vec![Part::Code; text.len()] };
    let code = mask::keep(text, &parts, &[Part::Code]);
    let without_literals = mask::keep(text, &parts, &[Part::Code, Part::Comment]);
    let file = File { path, text, code, without_literals, parts, width };
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&file)).collect();
    findings.sort_by_key(|finding| finding.line);
    findings
}

impl File<'_> {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    fn is_text(&self) -> bool {
        Path::new(self.path).extension().is_none_or(|extension| TEXT_EXTENSIONS.iter().any(|text| extension == *text))
    }
}

fn error(line: usize, what: impl Into<String>) -> Finding {
    Finding { line, severity: Severity::Error, what: what.into() }
}

/// An error on each line that `wrong` holds for.
fn on_lines(text: &str, wrong: impl Fn(&str) -> bool, what: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate().filter(|(_, line)| wrong(line));
    lines.map(|(idx, _)| error(idx + 1, what)).collect()
}

/// A Rust file begins with what the module is.
fn module_doc(file: &File) -> Vec<Finding> {
    if !file.is_rust() || file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![error(1, "no module documentation (`//!`) at the top")]
}

/// A Rust file is one thing, and can be read in one go.
fn length(file: &File) -> Vec<Finding> {
    let count = file.text.lines().count();
    if !file.is_rust() || count <= LINES_REPORTED {
        return Vec::new();
    }
    let allowed = LONG_FILES.iter().any(|(path, _)| *path == file.path);
    let severity = if count > LINES_MAX && !allowed { Severity::Error } else { Severity::Warning };
    vec![Finding { line: LINES_REPORTED + 1, severity, what: format!("{count} lines; is it still one thing?") }]
}

/// `unsafe` stays in the virtual machine and in modules for system calls.
fn unsafe_fence(file: &File) -> Vec<Finding> {
    let fenced = file.path.starts_with("vm/src/") || file.name() == "sys.rs" || file.path.contains("/sys/");
    if !file.is_rust() || fenced {
        return Vec::new();
    }
    on_lines(&file.code, |line| has_word(line, "unsafe"), "`unsafe` outside the fenced modules")
}

/// A test that is wrong today asserts today's answer and says why.
fn ignored_tests(file: &File) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    on_lines(&file.code, |line| line.contains("#[ignore"), "an ignored test")
}

/// Nothing half-done reaches the main branch.
fn unfinished(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.is_rust() {
        for (name, call) in [("todo", "todo!"), ("unimplemented", "unimplemented!"), ("dbg", "dbg!")] {
            let wrong = |line: &str| has_word(line, name) && line.contains(call);
            findings.extend(on_lines(&file.code, wrong, &format!("`{call}`")));
        }
    }
    // Prose may speak of the word.
    if file.is_text() && !file.path.ends_with(".md") {
        findings.extend(on_lines(&file.without_literals, |line| has_word(line, "FIXME"), "`FIXME`"));
    }
    findings
}

/// No white space at the end of a line, and a newline at the end of the file.
fn white_space(file: &File) -> Vec<Finding> {
    if !file.is_text() {
        return Vec::new();
    }
    // `lines` would hide a carriage return.
    let lines = file.text.split('\n').enumerate();
    let trailing = lines.filter(|(_, line)| line.ends_with([' ', '\t', '\r']));
    let mut findings: Vec<Finding> = trailing.map(|(idx, _)| error(idx + 1, "trailing white space")).collect();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        findings.push(error(file.text.lines().count(), "no newline at the end of the file"));
    }
    findings
}

fn tabs(file: &File) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    on_lines(file.text, |line| line.contains('\t'), "a tab")
}

/// No line is wider than rustfmt's limit, unless a literal crosses it.
fn columns(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut start = 0;
    for (idx, line) in file.text.split_inclusive('\n').enumerate() {
        let crossing = line.trim_end_matches('\n').char_indices().nth(file.width).map(|(at, _)| start + at);
        if file.is_rust() && crossing.is_some_and(|at| file.parts[at] != Part::Literal) {
            findings.push(error(idx + 1, format!("over {} columns", file.width)));
        }
        start += line.len();
    }
    findings
}

/// Every dependency of the workspace has a comment right above it that says why it is there; our own need none.
fn reasons_for_dependencies(file: &File) -> Vec<Finding> {
    if file.path != "Cargo.toml" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let (mut inside, mut before) = (false, "");
    for (idx, line) in file.text.lines().enumerate() {
        let header = line.strip_prefix('[');
        let name = match header {
            Some(header) => {
                inside = header.starts_with("workspace.dependencies]");
                header.strip_prefix("workspace.dependencies.").map(|rest| rest.trim_end_matches(']'))
            }
            // An entry starts at the margin; what is indented continues one.
            None if inside && line.starts_with(|first: char| first.is_ascii_alphanumeric()) => {
                line.split_once('=').map(|(name, _)| name.trim())
            }
            None => None,
        };
        let own = line.contains("path =");
        if let Some(name) = name.filter(|_| !own && !before.starts_with('#')) {
            findings.push(error(idx + 1, format!("no comment above '{name}' says why it is needed")));
        }
        before = line;
    }
    findings
}

/// Whether the word stands in the line, not as part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_name) && !after.starts_with(is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a file at width 20 and compares with the findings, one `line: what` per line, `?` before a warning.
    #[track_caller]
    fn expect(path: &str, text: &str, expected: &str) {
        let show = |finding: &Finding| {
            let mark = if finding.severity == Severity::Warning { "?" } else { "" };
            format!("{mark}{}: {}", finding.line, finding.what)
        };
        let found: Vec<String> = check(path, text, 20).iter().map(show).collect();
        assert_eq!(found.join("\n"), expected, "{path}: {text:.200}");
    }

    /// The same for a Rust file that begins properly; its first line is line 2.
    #[track_caller]
    fn expect_rust(path: &str, text: &str, expected: &str) {
        expect(path, &format!("//! What it is.\n{text}"), expected);
    }

    #[test]
    fn module_docs() {
        let missing = "1: no module documentation (`//!`) at the top";
        expect("a/src/b.rs", "//! What.\nfn f() {}\n", "");
        expect("a/src/b.rs", "fn f() {}\n", missing);
        expect("a/src/b.rs", "// What.\n", missing);
        expect("a/src/b.rs", "", missing);
        expect("a.lua", "f()\n", "");
    }

    #[test]
    fn lengths() {
        expect_rust("b.rs", &"\n".repeat(999), "");
        expect_rust("b.rs", &"\n".repeat(1000), "?1001: 1001 lines; is it still one thing?");
        expect_rust("b.rs", &"\n".repeat(1499), "?1001: 1500 lines; is it still one thing?");
        expect_rust("b.rs", &"\n".repeat(1500), "1001: 1501 lines; is it still one thing?");
        expect("b.lua", &"\n".repeat(3000), "");
    }

    #[test]
    fn unsafe_is_fenced() {
        let found = "2: `unsafe` outside the fenced modules";
        let code = "unsafe { f() }\n";
        expect_rust("cli/src/b.rs", code, found);
        expect_rust("vm/tests/b.rs", code, found);
        expect_rust("vm/src/exec/b.rs", code, "");
        expect_rust("stdlib/src/sys.rs", code, "");
        expect_rust("scan/src/sys/b.rs", code, "");
        expect_rust("scan/src/subsys/b.rs", code, found);
        expect_rust("b.rs", "deny(unsafe_code)\n", "");
        expect_rust("b.rs", "// unsafe\n", "");
        expect_rust("b.rs", "f(\"unsafe\");\n", "");
    }

    #[test]
    fn nothing_is_ignored_or_unfinished() {
        expect_rust("b.rs", "#[ignore]\n", "2: an ignored test");
        expect_rust("b.rs", "#[ignore = \"x\"]\n", "2: an ignored test");
        expect_rust("b.rs", "// #[ignore]\n", "");
        expect_rust("b.rs", "todo!();\n", "2: `todo!`");
        expect_rust("b.rs", "unimplemented!()\n", "2: `unimplemented!`");
        expect_rust("b.rs", "\ndbg!(x);\n", "3: `dbg!`");
        expect_rust("b.rs", "my_dbg!(x);\n", "");
        expect_rust("b.rs", "f(\"todo!\");\n", "");
        expect_rust("b.rs", "// FIXME: x\n", "2: `FIXME`");
        expect_rust("b.rs", "f(\"FIXME\");\n", "");
        expect("b.lua", "-- FIXME\n", "1: `FIXME`");
        expect("b.md", "No `FIXME`.\n", "");
    }

    #[test]
    fn white_space_and_tabs() {
        expect_rust("b.rs", "f();\x20\n\ng();\x20\x20\n", "2: trailing white space\n4: trailing white space");
        expect_rust("b.rs", "f();\r\n", "2: trailing white space");
        expect_rust("b.rs", "\tf();\n", "2: a tab");
        expect_rust("b.rs", "f();", "2: no newline at the end of the file");
        expect("b.lua", "\tf()\n", "");
        expect(".ci/run", "f\t\n", "1: trailing white space");
        expect("b.list", "f \n", "");
        expect("empty.md", "", "");
    }

    #[test]
    fn widths() {
        expect_rust("b.rs", "let x = 3456789012;\n", "");
        expect_rust("b.rs", "let x = 34567890123;\n", "");
        expect_rust("b.rs", "let x = 345678901234;\n", "2: over 20 columns");
        expect_rust("b.rs", "// é5678901234567890\n", "");
        expect_rust("b.rs", "// 456789012345678901\n", "2: over 20 columns");
        expect_rust("b.rs", "let x = \"567890123456789\";\n", "");
        expect_rust("b.rs", "let x = \"12345\" + 89012;\n", "2: over 20 columns");
        expect("b.md", "A sentence of more than twenty columns.\n", "");
    }

    #[test]
    fn dependencies_have_reasons() {
        let text = "[workspace.dependencies]\nown = { path = \"own\" }\n# Why.\na = \"1\"\nb = { version = \"1\", features = [\n  \
            \"x\",\n] }\n[workspace.dependencies.c]\nversion = \"1\"\n[profile.release]\nlto = true\n";
        let found = "5: no comment above 'b' says why it is needed\n8: no comment above 'c' says why it is needed";
        expect("Cargo.toml", text, found);
        expect("cli/Cargo.toml", text, "");
    }
}
