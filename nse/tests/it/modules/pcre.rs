//! `pcre`, also side by side with the module of the same name in an installed Nmap 7.93, the last of its kind. Where
//! the two differ, PCRE 8 may be wrong: then PCRE2 must agree with us (`apt-get install nmap pcre2-utils`).

use super::machine::{generated, generated_by_nmap, golden, output};
use crate::support::Folder;
use std::process::Command;

/// Cases of one seed, each with three subjects.
const CASES: usize = if cfg!(feature = "stress") { 300 } else { 10_000 };
const SEEDS: [u64; 2] = [42, 1_000_039];
/// Malformed patterns for which another error is named than PCRE does: the first of several, or one at another place.
const OTHER_REASONS_MAX: usize = CASES / 200;

#[test]
fn golden_vectors() {
    golden("pcre.lua");
}

/// A subject as cases show it, byte by byte.
fn shown_bytes(text: &str) -> Vec<&str> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (byte, behind) = rest.split_at(if rest.starts_with("\\x") { 4 } else { 1 });
        bytes.push(byte);
        rest = behind;
    }
    bytes
}

/// What `pcre2test` finds.
fn pcre2_find(pattern: &str, flags: &str, subject: &str, offset: usize) -> Option<String> {
    let folder = Folder::new();
    let input = folder.0.join("in");
    std::fs::write(&input, format!("/{pattern}/{flags}\n    {subject}\\=offset={offset}\n\n")).expect("it is writable");
    let run = output(Command::new("pcre2test").arg("-q").arg(&input));
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(!text.contains("Failed"), "{text}");
    text.lines().find_map(|line| line.strip_prefix(" 0: ")).map(str::to_owned)
}

/// Whether PCRE2 finds in each subject of a case what we found. A line is `number "pattern" flags`, and for each
/// subject ` | exec "subject"@start: results`; neither pattern nor subject contains a quote.
fn pcre2_agrees(line: &str) -> bool {
    const FLAGS: [(u32, &str); 8] = [
        (1, "i"),
        (2, "m"),
        (4, "s"),
        (8, "x"),
        (0x10, "anchored"),
        (0x20, "dollar_endonly"),
        (0x200, "ungreedy"),
        (0x1000, "no_auto_capture"),
    ];
    let parts: Vec<&str> = line.splitn(3, '"').collect();
    let mut calls = parts[2].split(" | ");
    let bits: u32 = calls.next().and_then(|flags| flags.trim().parse().ok()).expect("flags are a number");
    let flags: Vec<&str> = FLAGS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    calls.all(|call| {
        let call: Vec<&str> = call.splitn(3, '"').collect();
        let subject = shown_bytes(call[1]);
        let (start, results) = call[2].trim_start_matches('@').split_once(": ").expect("results follow");
        let start: i64 = start.parse().expect("the start is a number");
        let offset = if start > 0 { start - 1 } else { (subject.len() as i64 + start).max(0) * (start != 0) as i64 };
        let mut numbers = results.split(' ').map_while(|word| word.parse::<usize>().ok());
        let ours = numbers.next().zip(numbers.next()).map(|(first, last)| subject[first - 1..last].concat());
        let offset = usize::try_from(offset).expect("it is clamped");
        offset > subject.len() || pcre2_find(parts[1], &flags.join(","), call[1], offset) == ours
    })
}

#[test]
fn generated_patterns_match_as_in_pcre() {
    for seed in SEEDS {
        let ours = generated("pcre_cases.lua", seed, CASES);
        let theirs = generated_by_nmap("pcre_cases.lua", seed, CASES);
        assert_eq!(ours.lines().count(), CASES);
        assert_eq!(theirs.lines().count(), CASES);
        let mut other_reasons = Vec::new();
        for (ours, theirs) in ours.lines().zip(theirs.lines()).filter(|(ours, theirs)| ours != theirs) {
            let pair = format!("ours   {ours}\ntheirs {theirs}");
            match (ours.contains(" ! "), theirs.contains(" ! ")) {
                (true, true) => other_reasons.push(pair),
                (false, false) => assert!(pcre2_agrees(ours), "seed {seed}\n{pair}"),
                _ => panic!("seed {seed}\n{pair}"),
            }
        }
        assert!(other_reasons.len() <= OTHER_REASONS_MAX, "{}", other_reasons.join("\n"));
    }
}
