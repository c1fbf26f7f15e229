//! `perilune script new`: a script to begin with, which runs and passes its check.

use super::check;
use crate::scan::Failure;
use perilune_nse::DataFolders;
use std::io::Write;

/// When the script runs.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    Host,
    Port,
    Prerule,
    Postrule,
}

/// Writes the file into the current folder; what to tell the user.
///
/// # Errors
/// A name that is none or taken, a category that is none, a file that is there or can't be written.
pub fn write(data: &DataFolders, name: &str, rule: Rule, categories: &[String]) -> Result<String, Failure> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if !name.chars().all(is_name) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Failure(format!("'{name}' is no name of a script: small letters, digits, - and _")));
    }
    let name = name.strip_suffix(".nse").unwrap_or(name);
    if let Some(category) = categories.iter().find(|category| !check::CATEGORIES.contains(&category.as_str())) {
        let known = check::CATEGORIES.join(", ");
        return Err(Failure(format!("'{category}' is no category; there are {known}")));
    }
    if data.names("scripts", ".nse").iter().any(|taken| taken == name) {
        return Err(Failure(format!("there is a script '{name}' already")));
    }
    let path = format!("{name}.nse");
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(text(name, rule, categories).as_bytes()));
    written.map_err(|error| Failure::of(&format!("cannot write {path}"), error))?;
    let target = match rule {
        Rule::Host => "TARGET",
        Rule::Port => "-p 80 TARGET",
        Rule::Prerule | Rule::Postrule => "",
    };
    let run = format!("perilune --script ./{path} {target}");
    Ok(format!("{path} is written.\n  check it:  perilune script check {path}\n  run it:    {}\n", run.trim_end()))
}

/// The script.
fn text(name: &str, rule: Rule, categories: &[String]) -> String {
    let categories = categories.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let (usage, output) = match rule {
        Rule::Port => (
            format!("perilune -p 80 --script {name} TARGET"),
            format!("-- PORT   STATE SERVICE\n-- 80/tcp open  http\n-- |_{name}: hello, port 80"),
        ),
        Rule::Host => (
            format!("perilune --script {name} TARGET"),
            format!("-- Host script results:\n-- |_{name}: hello, 192.0.2.1"),
        ),
        Rule::Prerule => {
            (format!("perilune --script {name}"), format!("-- Pre-scan script results:\n-- |_{name}: hello, world"))
        }
        Rule::Postrule => (
            format!("perilune --script {name} TARGET"),
            format!("-- Post-scan script results:\n-- |_{name}: hello, world"),
        ),
    };
    let require = if rule == Rule::Port { "local shortport = require \"shortport\"\n" } else { "" };
    let rule_text = match rule {
        Rule::Port => {
            "-- Ports on which it runs: those of web servers, by number or by what version detection found.\n\
                       portrule = shortport.http"
        }
        Rule::Host => "-- Hosts on which it runs: all of them.\nhostrule = function (host) return host.ip ~= nil end",
        Rule::Prerule => "-- Runs once, before any host is scanned.\nprerule = function () return true end",
        Rule::Postrule => "-- Runs once, after all hosts were scanned.\npostrule = function () return true end",
    };
    let (params, whom) = match rule {
        Rule::Port => ("host, port", "\", port \" .. port.number"),
        Rule::Host => ("host", "\", \" .. host.ip"),
        Rule::Prerule | Rule::Postrule => ("", "\", world\""),
    };
    let debug = match rule {
        Rule::Port => "  stdnse.debug1(\"greeting %s\", host.ip)\n",
        _ => "",
    };
    format!(
        r#"{require}local stdnse = require "stdnse"

description = [[
Says in one sentence what the script finds out.

More of it stands in paragraphs of their own.
]]

---
-- @usage
-- {usage}
--
-- @args {name}.greeting What to say. Default: <code>hello</code>.
--
-- @output
{output}

author = "Your name"
license = "MIT OR Apache-2.0"
categories = {{ {categories} }}

{rule_text}

action = function ({params})
  local greeting = stdnse.get_script_args(SCRIPT_NAME .. ".greeting") or "hello"
{debug}  return greeting .. {whom}
end
"#
    )
}
