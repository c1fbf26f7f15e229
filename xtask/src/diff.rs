//! `cargo xtask diff FILE...`: the same program here and under the reference.
//!
//! Standard output, standard error and exit status must be equal. Only the program's name in front of an error message
//! is evened out; addresses are not, so a program that prints one differs.

use crate::error::Error;
use crate::process::{self, Finished};
use crate::reference;
use crate::workspace::Workspace;
use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A program that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Equal lines shown around a difference.
const CONTEXT: usize = 3;
/// Cells of the table for the longest common subsequence; beyond it the differing middles are shown as a whole.
const CELLS_MAX: usize = 4_000_000;
/// What might change the behaviour of one interpreter and not the other.
const CLEARED: [&str; 6] = ["LUA_INIT", "LUA_INIT_5_4", "LUA_PATH", "LUA_PATH_5_4", "LUA_CPATH", "LUA_CPATH_5_4"];

/// Compares each file and prints the differences.
pub fn main(workspace: &Workspace, files: &[String]) -> Result<(), Error> {
    if files.is_empty() {
        return Err(Error::Usage("'diff' needs a file".into()));
    }
    let reference = reference::ensure(workspace)?;
    let perilune = workspace.perilune()?;
    let mut differing = 0;
    for file in files {
        let theirs = process::measure(&mut reference_command(&reference.lua, file), TIME_LIMIT)?;
        let ours = process::measure(&mut perilune_command(&perilune, file), TIME_LIMIT)?;
        let report = compare(&theirs, &ours, &perilune);
        differing += usize::from(!report.is_empty());
        println!("{} {file}", if report.is_empty() { "same" } else { "DIFF" });
        print!("{report}");
    }
    let summary = format!("{} same, {differing} differ", files.len() - differing);
    if differing > 0 {
        return Err(Error::Findings(summary));
    }
    println!("{summary}");
    Ok(())
}

/// `lua FILE` under the reference; it puts its name as it was called in front of messages.
pub fn reference_command(lua: &Path, file: impl AsRef<Path>) -> Command {
    let mut command = Command::new(lua);
    command.arg0("lua").arg(file.as_ref());
    CLEARED.iter().for_each(|name| _ = command.env_remove(name));
    command
}

/// `perilune lua FILE`.
pub fn perilune_command(perilune: &Path, file: impl AsRef<Path>) -> Command {
    let mut command = Command::new(perilune);
    command.arg("lua").arg(file.as_ref());
    CLEARED.iter().for_each(|name| _ = command.env_remove(name));
    command
}

/// What differs, as text; empty when nothing does.
fn compare(theirs: &Finished, ours: &Finished, perilune: &Path) -> String {
    let mut report = String::new();
    let (expected, found) = (status_text(theirs), status_text(ours));
    // Two programs that both hang have not been shown to agree.
    if expected != found || theirs.status.is_none() {
        report += &format!("status: reference {expected}, perilune {found}\n");
    }
    report += &unified("stdout", &theirs.stdout, &ours.stdout);
    report += &unified("stderr", &theirs.stderr, &normalise(&ours.stderr, perilune));
    report
}

fn status_text(finished: &Finished) -> String {
    match finished.status {
        Some(status) => status.to_string(),
        None => format!("still running after {} s", TIME_LIMIT.as_secs()),
    }
}

/// Puts the reference's name `lua` where ours stands at the start of a line.
fn normalise(stderr: &[u8], perilune: &Path) -> Vec<u8> {
    let path = perilune.to_string_lossy();
    let names = [format!("{path} lua: "), format!("{path}: "), "perilune lua: ".into(), "perilune: ".into()];
    let mut text = Vec::with_capacity(stderr.len());
    for line in stderr.split_inclusive(|&byte| byte == b'\n') {
        match names.iter().find_map(|name| line.strip_prefix(name.as_bytes())) {
            Some(rest) => text.extend_from_slice(&[b"lua: ", rest].concat()),
            None => text.extend_from_slice(line),
        }
    }
    text
}

/// Differences by line under a heading, in the manner of `diff -u`; empty when the texts are equal.
fn unified(name: &str, left: &[u8], right: &[u8]) -> String {
    if left == right {
        return String::new();
    }
    let lines = |text| <[u8]>::split_inclusive(text, |&byte| byte == b'\n').collect::<Vec<_>>();
    let (left, right): (Vec<&[u8]>, Vec<&[u8]>) = (lines(left), lines(right));
    let edits = edits(&left, &right);
    let shown = |idx: usize| {
        let around = &edits[idx.saturating_sub(CONTEXT)..edits.len().min(idx + CONTEXT + 1)];
        around.iter().any(|edit| !matches!(edit, Edit::Both(_)))
    };
    let mut text = format!("--- {name}, reference\n+++ {name}, perilune\n");
    let (mut left_line, mut right_line, mut open) = (1, 1, false);
    for (idx, edit) in edits.iter().enumerate() {
        let show = shown(idx);
        if show && !open {
            _ = writeln!(text, "@@ -{left_line} +{right_line} @@");
        }
        open = show;
        let (mark, line) = match *edit {
            Edit::Both(line) => (' ', line),
            Edit::Left(line) => ('-', line),
            Edit::Right(line) => ('+', line),
        };
        left_line += usize::from(mark != '+');
        right_line += usize::from(mark != '-');
        if show {
            text.push(mark);
            text.push_str(&printable(line));
        }
    }
    text
}

/// A line that is in both texts, or in one only.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Edit<'a> {
    Both(&'a [u8]),
    Left(&'a [u8]),
    Right(&'a [u8]),
}

/// A shortest list of edits, by the longest common subsequence of what remains between common ends.
fn edits<'a>(left: &[&'a [u8]], right: &[&'a [u8]]) -> Vec<Edit<'a>> {
    let start = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let rest = left[start..].iter().rev().zip(right[start..].iter().rev());
    let end = rest.take_while(|(a, b)| a == b).count();
    let (a, b) = (&left[start..left.len() - end], &right[start..right.len() - end]);

    let mut edits: Vec<Edit> = left[..start].iter().map(|line| Edit::Both(line)).collect();
    let (mut i, mut j) = (0, 0);
    if a.len().saturating_mul(b.len()) <= CELLS_MAX {
        // `longest[i * width + j]`: length of the longest common subsequence of `a[i..]` and `b[j..]`.
        let width = b.len() + 1;
        let mut longest = vec![0u32; (a.len() + 1) * width];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                longest[i * width + j] = if a[i] == b[j] {
                    longest[(i + 1) * width + j + 1] + 1
                } else {
                    longest[(i + 1) * width + j].max(longest[i * width + j + 1])
                };
            }
        }
        while i < a.len() && j < b.len() {
            if a[i] == b[j] {
                edits.push(Edit::Both(a[i]));
                (i, j) = (i + 1, j + 1);
            } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
                edits.push(Edit::Left(a[i]));
                i += 1;
            } else {
                edits.push(Edit::Right(b[j]));
                j += 1;
            }
        }
    }
    edits.extend(a[i..].iter().map(|line| Edit::Left(line)));
    edits.extend(b[j..].iter().map(|line| Edit::Right(line)));
    edits.extend(left[left.len() - end..].iter().map(|line| Edit::Both(line)));
    edits
}

/// A line for the terminal: bytes that are no UTF-8 as `\xHH`, and always with a newline.
fn printable(line: &[u8]) -> String {
    let mut text = String::new();
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    if !text.ends_with('\n') {
        text.push_str("\n\\ no newline at the end\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &str, right: &str, expected: &str) {
        let found = unified("x", left.as_bytes(), right.as_bytes());
        let body = found.strip_prefix("--- x, reference\n+++ x, perilune\n").unwrap_or(&found);
        assert_eq!(body, expected, "{left:?} against {right:?}");
    }

    #[test]
    fn equal_texts_have_no_differences() {
        check("", "", "");
        check("a\nb\n", "a\nb\n", "");
    }

    #[test]
    fn a_changed_line_stands_among_its_neighbours() {
        let left = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        check(left, &left.replace('5', "five"), "@@ -2 +2 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    }

    #[test]
    fn lines_that_came_and_went() {
        check("a\nb\nc\n", "a\nc\nd\n", "@@ -1 +1 @@\n a\n-b\n c\n+d\n");
        check("", "a\n", "@@ -1 +1 @@\n+a\n");
    }

    #[test]
    fn distant_changes_are_separate() {
        let left: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let right = left.replace("2\n3\n", "3\n").replace("20\n", "");
        let expected = "@@ -1 +1 @@\n 1\n-2\n 3\n 4\n 5\n@@ -17 +16 @@\n 17\n 18\n 19\n-20\n";
        check(&left, &right, expected);
    }

    #[test]
    fn a_missing_newline_shows() {
        check("a\n", "a", "@@ -1 +1 @@\n-a\n+a\n\\ no newline at the end\n");
    }

    #[test]
    fn program_names_are_evened_out() {
        let path = Path::new("/x/perilune");
        let cases = [
            ("lua: f.lua:1: bad\n", "lua: f.lua:1: bad\n"),
            ("perilune: f.lua:1: bad\n", "lua: f.lua:1: bad\n"),
            ("/x/perilune lua: bad\nstack\n", "lua: bad\nstack\n"),
            ("see /x/perilune: here", "see /x/perilune: here"),
        ];
        for (stderr, expected) in cases {
            assert_eq!(normalise(stderr.as_bytes(), path), expected.as_bytes(), "{stderr:?}");
        }
    }
}
