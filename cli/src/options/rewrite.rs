//! Nmap's words, rewritten to options that `clap` parses: `-sT`, `-oX`, `-script`; and those that change nothing
//! here or are refused.

use super::{Options, fatal, usage};
use clap::CommandFactory;
use std::ffi::OsString;

/// Words with one dash, and the options they stand for.
const WORDS: [(&str, &str); 31] = [
    ("-Pn", "--skip-discovery"),
    ("-P0", "--skip-discovery"),
    ("-PN", "--skip-discovery"),
    ("-PD", "--skip-discovery"),
    ("-PE", "--ping-echo"),
    ("-PI", "--ping-echo"),
    ("-PP", "--ping-timestamp"),
    ("-PM", "--ping-mask"),
    ("-oN", "--output-normal"),
    ("-o", "--output-normal"),
    ("-oX", "--output-xml"),
    ("-oG", "--output-grepable"),
    ("-oM", "--output-grepable"),
    ("-m", "--output-grepable"),
    ("-oJ", "--output-json"),
    ("-oA", "--output-all"),
    ("-iL", "--input-list"),
    ("-i", "--input-list"),
    ("-iR", "--input-random"),
    ("-rH", "--randomize-hosts"),
    ("-sn", "--no-port-scan"),
    ("-sP", "--no-port-scan"),
    ("-sL", "--list-scan"),
    ("-sR", "--version-detection"),
    ("-sC", "--default-scripts"),
    ("-sT", "--connect-scan"),
    ("-sS", "--syn-scan"),
    ("-sU", "--udp-scan"),
    ("-sV", "--version-detection"),
    ("-Tparanoid", "-T0"),
    ("-Tinsane", "-T5"),
];

/// Words that hold a list of ports, the options they stand for, and the list when there is none.
const PINGS: [(&str, &str, &str); 4] =
    [("-PS", "ping-syn", "80"), ("-PA", "ping-ack", "80"), ("-PT", "ping-ack", "80"), ("-PU", "ping-udp", "40125")];

/// Options of Nmap's that change nothing here, with the number of values they take.
const IGNORED: [(&str, usize); 8] = [
    ("--log-errors", 0),
    ("--release-memory", 0),
    ("--deprecated-xml-osclass", 0),
    ("--thc", 0),
    ("-PR", 0),
    ("-I", 0),
    ("--nsock-engine", 1),
    ("--system-dns", 0),
];

/// Options of Nmap's that are refused, and why.
const REFUSED: [(&str, &str); 31] = [
    ("-sA", "ACK scans"),
    ("-sW", "window scans"),
    ("-sN", "null scans"),
    ("-sF", "FIN scans"),
    ("-sX", "Xmas scans"),
    ("-sM", "Maimon scans"),
    ("-sY", "SCTP scans"),
    ("-sZ", "SCTP scans"),
    ("-sO", "protocol scans"),
    ("-sI", "idle scans"),
    ("-b", "FTP bounce scans"),
    ("--scanflags", "own TCP flags"),
    ("-PY", "SCTP discovery"),
    ("-PO", "protocol discovery"),
    ("-O", "operating-system detection"),
    ("--osscan-limit", "operating-system detection"),
    ("--osscan-guess", "operating-system detection"),
    ("--fuzzy", "operating-system detection"),
    ("--max-os-tries", "operating-system detection"),
    ("--defeat-rst-ratelimit", "guesses against rate limits"),
    ("--defeat-icmp-ratelimit", "guesses against rate limits"),
    ("-f", "fragmented packets"),
    ("--mtu", "fragmented packets"),
    ("-D", "decoys"),
    ("--spoof-mac", "spoofed hardware addresses"),
    ("--ip-options", "IP options"),
    ("--badsum", "wrong checksums"),
    ("--adler32", "SCTP"),
    ("--route-dst", "route look-ups"),
    ("-oS", "this joke"),
    ("-oH", "this old format; --html writes a report for browsers"),
];

/// Names of all long options.
fn long_names() -> Vec<String> {
    Options::command().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

/// Nmap's words to ours.
pub(super) fn rewrite(args: Vec<OsString>) -> Result<Vec<OsString>, clap::Error> {
    let names = long_names();
    let mut rewritten = Vec::with_capacity(args.len());
    let mut rest = args.into_iter();
    while let Some(arg) = rest.next() {
        let Some(text) = arg.to_str() else {
            rewritten.push(arg);
            continue;
        };
        if text == "--" {
            rewritten.push(arg);
            break;
        }
        if text.starts_with(['\u{2013}', '\u{2014}']) {
            return Err(fatal(text, format!("{text} starts with a dash of printed text; options start with '-'")));
        }
        let text = long_with_one_dash(text, &names).unwrap_or_else(|| text.to_owned());
        let name = text.split('=').next().unwrap_or_default();
        if let Some((_, values)) = IGNORED.iter().find(|(word, _)| *word == name) {
            if !text.contains('=') {
                rest.by_ref().take(*values).for_each(drop);
            }
            continue;
        }
        if let Some((word, what)) = REFUSED.iter().find(|(word, _)| *word == name) {
            return Err(usage(format!("{word} is not supported: {what}")));
        }
        match word(&text)? {
            Some(options) => rewritten.extend(options.into_iter().map(OsString::from)),
            None => rewritten.push(text.into()),
        }
    }
    rewritten.extend(rest);
    Ok(rewritten)
}

/// Words that stand for an option, old spellings left out.
pub(super) fn words_of(option: &str) -> impl Iterator<Item = &'static str> + use<> {
    let is_old =
        |word: &str| matches!(word, "-P0" | "-PN" | "-PD" | "-PI" | "-PT" | "-o" | "-oM" | "-m" | "-i" | "-sP" | "-sR");
    let lists = PINGS.iter().map(|(word, option, _)| (*word, *option));
    let words = WORDS.iter().map(|(word, option)| (*word, option.trim_start_matches('-'))).chain(lists);
    let wanted = option.trim_start_matches('-').to_owned();
    words.filter(move |(word, option)| *option == wanted && !is_old(word)).map(|(word, _)| word)
}

/// `--script` for `-script`; `None` when it is no long option.
fn long_with_one_dash(text: &str, names: &[String]) -> Option<String> {
    let name = text.strip_prefix('-').filter(|name| name.len() > 2 && !name.starts_with('-'))?;
    let word = name.split('=').next().unwrap_or(name);
    let other = |(ignored, _): &(&str, usize)| ignored.strip_prefix("--") == Some(word);
    let refused = |(refused, _): &(&str, &str)| refused.strip_prefix("--") == Some(word);
    let known = names.iter().any(|long| long.starts_with(word));
    (known || IGNORED.iter().any(other) || REFUSED.iter().any(refused)).then(|| format!("-{text}"))
}

/// What a word with one dash stands for.
fn word(text: &str) -> Result<Option<Vec<String>>, clap::Error> {
    if let Some((_, option)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Ok(Some(vec![(*option).to_owned()]));
    }
    let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(level) = text.strip_prefix("-v").filter(|rest| number(rest)) {
        return Ok(Some(vec![format!("--verbosity={level}")]));
    }
    if let Some(level) = text.strip_prefix("-d").filter(|rest| number(rest)) {
        return Ok(Some(vec![format!("--debugging={level}")]));
    }
    for (letters, option, usual) in PINGS {
        if let Some(list) = text.strip_prefix(letters) {
            return Ok(Some(vec![format!("--{option}={}", if list.is_empty() { usual } else { list })]));
        }
    }
    if text == "-PB" {
        return Ok(Some(vec!["--ping-echo".into(), "--ping-ack=80".into()]));
    }
    if let Some((option, name)) = text.split_at_checked(3)
        && WORDS.iter().any(|(word, _)| *word == option)
        && option.starts_with("-o")
    {
        return Err(fatal(text, format!("{text}: is {option} {name} meant?")));
    }
    if let Some(letters) = text.strip_prefix("-s").filter(|letters| !letters.is_empty()) {
        return letters.chars().map(|letter| scan_letter(text, letter)).collect::<Result<Vec<_>, _>>().map(Some);
    }
    Ok(None)
}

/// One letter of `-sTUV`.
fn scan_letter(text: &str, letter: char) -> Result<String, clap::Error> {
    let word = format!("-s{letter}");
    if let Some((_, option)) = WORDS.iter().find(|(known, _)| *known == word) {
        return Ok((*option).to_owned());
    }
    match REFUSED.iter().find(|(known, _)| *known == word) {
        Some((_, what)) => Err(usage(format!("{word} is not supported: {what}"))),
        None => Err(usage(format!("{text}: there is no scan type {letter}"))),
    }
}
