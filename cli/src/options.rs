//! The options of a scan.
//!
//! Nmap's words with a single dash, such as `-sT` and `-oX`, are rewritten to long options before `clap` parses, so
//! that help and completions come from one place.

use crate::script_options::ScriptOptions;
use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;

/// Scans hosts and runs scripts against what it finds.
#[derive(Parser, Debug)]
#[command(name = "perilune", version, disable_version_flag = true, max_term_width = 100)]
pub struct Options {
    /// Addresses, ranges such as 10.0.0-3.1-254, networks such as 192.0.2.0/28, names of the hosts file
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Ports to scan: 22,80,8000-8100 or names; "-" for all [default: the 1,000 most common]
    #[arg(short = 'p', value_name = "PORTS", allow_hyphen_values = true)]
    pub ports: Vec<String>,
    /// Scan the 100 most common ports
    #[arg(short = 'F')]
    pub fast: bool,
    /// Scan the N most common ports
    #[arg(long, value_name = "N")]
    pub top_ports: Option<u32>,
    /// Ports to leave out
    #[arg(long, value_name = "PORTS")]
    pub exclude_ports: Option<String>,
    /// Scan by connecting (-sT); the only kind there is
    #[arg(long)]
    pub connect_scan: bool,
    /// Take all targets as up (-Pn)
    #[arg(long)]
    pub skip_discovery: bool,
    /// Resolve no addresses to names
    #[arg(short = 'n')]
    pub no_names: bool,
    /// Timing template, 0 (slow) to 5 (fast)
    #[arg(short = 'T', value_name = "LEVEL", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=5))]
    pub timing: u8,

    #[command(flatten)]
    pub scripts: ScriptOptions,

    /// Write the report to a file (-oN); "-" is the terminal
    #[arg(long, value_name = "FILE")]
    pub output_normal: Option<PathBuf>,
    /// Write the report as XML (-oX); "-" is the terminal
    #[arg(long, value_name = "FILE")]
    pub output_xml: Option<PathBuf>,
    /// Say why a port has its state
    #[arg(long)]
    pub reason: bool,
    /// Show open ports only
    #[arg(long)]
    pub open: bool,
    /// Say more; given twice, still more
    #[arg(short = 'v', action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say what goes wrong in scripts
    #[arg(short = 'd', action = clap::ArgAction::Count)]
    pub debug: u8,
    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Words with one dash, and the options they stand for.
const WORDS: [(&str, &str); 5] = [
    ("-sT", "--connect-scan"),
    ("-sC", "--default-scripts"),
    ("-Pn", "--skip-discovery"),
    ("-oN", "--output-normal"),
    ("-oX", "--output-xml"),
];

impl Options {
    /// Parses a command line without the program's name.
    ///
    /// # Errors
    /// What `clap` has to say: usage errors, but also the texts of `-h` and `-V`.
    pub fn parse_args(args: Vec<OsString>) -> Result<Options, clap::Error> {
        let mut rewritten = vec![OsString::from("perilune")];
        let mut rest = args.into_iter();
        for arg in rest.by_ref() {
            let text = arg.to_str().unwrap_or_default();
            let word = WORDS.iter().find(|(word, _)| *word == text);
            rewritten.push(match word {
                Some((_, option)) => OsString::from(option),
                None if is_long_with_one_dash(text) => OsString::from(format!("-{text}")),
                None => arg.clone(),
            });
            if text == "--" {
                break;
            }
        }
        rewritten.extend(rest);
        Options::try_parse_from(rewritten)
    }
}

/// Whether a single dash stands before the name of a long option: `-script`.
fn is_long_with_one_dash(text: &str) -> bool {
    let Some(name) = text.strip_prefix('-').filter(|name| name.len() > 2 && !name.starts_with('-')) else {
        return false;
    };
    let name = name.split('=').next().unwrap_or(name);
    [
        "script",
        "script-args",
        "script-args-file",
        "script-help",
        "script-path",
        "script-trace",
        "script-updatedb",
        "script-timeout",
        "datadir",
        "top-ports",
        "exclude-ports",
        "reason",
        "open",
        "help",
        "version",
    ]
    .contains(&name)
}

/// A time with a unit, seconds without one.
pub fn milliseconds(text: &str) -> Result<u64, String> {
    let (number, factor) = [("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3600e3)]
        .into_iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, factor)))
        .unwrap_or((text, 1e3));
    match number.parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok((value * factor) as u64),
        _ => Err("a time such as 500ms, 30s, 5m or 1h is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        Options::parse_args(line.split_whitespace().map(OsString::from).collect()).expect("the line is right")
    }

    #[test]
    fn words_with_one_dash_are_options() {
        let options = parse("-n -Pn -sT -p 80,443 -T4 --script a,b -oX out.xml -script-args x=1 -vv 127.0.0.1 -p-");
        assert!(options.no_names && options.skip_discovery && options.connect_scan);
        assert_eq!(options.ports, ["80,443", "-"]);
        assert_eq!((options.timing, options.verbose), (4, 2));
        assert_eq!(options.scripts.script, ["a,b"]);
        assert_eq!(options.scripts.script_args.as_deref(), Some("x=1"));
        assert_eq!(options.output_xml, Some(PathBuf::from("out.xml")));
        assert_eq!(options.targets, ["127.0.0.1"]);
        assert_eq!(parse("-- -sT").targets, ["-sT"]);
    }

    #[test]
    fn times_have_units() {
        for (text, expected) in [("2s", 2000), ("500ms", 500), ("1.5", 1500), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        assert!(milliseconds("x").is_err() && milliseconds("-1s").is_err());
    }
}
