//! The patterns of an installed Nmap's service detection (`apt-get install nmap pcre2-utils`): every line compiles, and
//! says of subjects made from it what PCRE2 says.

use perilune_scan::regex::Regex;
use perilune_scan::version::ProbeFile;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

const PROBES: &str = "/usr/share/nmap/nmap-service-probes";
/// Subjects of a pattern.
const SUBJECTS: usize = 6;
/// Repetitions of what may repeat without end.
const REPEATS_MAX: u64 = 3;
/// Subjects where one of the two gives up for its limit of steps.
const LIMITS_MAX: usize = 8;

fn file() -> ProbeFile {
    let file = ProbeFile::parse(std::fs::read(PROBES).expect("Nmap is installed"));
    assert!(file.warnings.is_empty(), "{:?}", file.warnings);
    file
}

#[test]
fn all_patterns_of_service_detection_compile() {
    let file = file();
    assert!(file.match_count() > 10_000 && file.probe_count() > 100);
    let failed: Vec<String> = file
        .patterns()
        .filter_map(|(line, pattern, flags)| {
            let error = Regex::new(pattern, flags).err()?;
            Some(format!("line {line}: {error}: {}", pattern.escape_ascii()))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Random numbers that repeat with the seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

/// Makes text that a pattern may match: it walks the pattern and writes something for each part.
struct Maker<'a> {
    pattern: &'a [u8],
    at: usize,
    random: &'a mut Random,
}

impl Maker<'_> {
    /// Alternatives up to a closing parenthesis or the end; one of them is taken.
    fn alternatives(&mut self, depth: usize) -> Vec<u8> {
        let mut branches = vec![self.sequence(depth)];
        while self.pattern.get(self.at) == Some(&b'|') {
            self.at += 1;
            branches.push(self.sequence(depth));
        }
        let which = self.random.below(branches.len() as u64) as usize;
        branches.swap_remove(which)
    }

    fn sequence(&mut self, depth: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some(&byte) = self.pattern.get(self.at) {
            if byte == b'|' || (byte == b')' && depth > 0) {
                break;
            }
            let start = self.at;
            let once = self.atom(depth);
            let end = self.at;
            let (min, max) = self.repeat();
            let behind = self.at;
            let count = min + self.random.below(max - min + 1);
            for n in 0..count {
                // Each turn chooses anew.
                let piece = if n == 0 {
                    once.clone()
                } else {
                    self.at = start;
                    self.atom(depth)
                };
                text.extend(piece);
            }
            self.at = behind.max(end);
        }
        text
    }

    fn repeat(&mut self) -> (u64, u64) {
        let (min, max) = match self.pattern.get(self.at) {
            Some(b'*') => (0, REPEATS_MAX),
            Some(b'+') => (1, REPEATS_MAX),
            Some(b'?') => (0, 1),
            Some(b'{') => {
                let body = &self.pattern[self.at + 1..];
                let Some(len) = body.iter().position(|&byte| byte == b'}') else { return (1, 1) };
                let text = String::from_utf8_lossy(&body[..len]).into_owned();
                let (low, high) = text.split_once(',').unwrap_or((&text, &text));
                let Ok(min) = low.parse::<u64>() else { return (1, 1) };
                let max = if high.is_empty() { min + REPEATS_MAX } else { high.parse().unwrap_or(min) };
                self.at += len + 1;
                (min, max.min(min + REPEATS_MAX))
            }
            _ => return (1, 1),
        };
        if self.pattern[self.at - 1] != b'}' {
            self.at += 1;
        }
        if matches!(self.pattern.get(self.at), Some(b'?' | b'+')) {
            self.at += 1;
        }
        (min, max)
    }

    fn atom(&mut self, depth: usize) -> Vec<u8> {
        let byte = self.pattern[self.at];
        self.at += 1;
        match byte {
            b'^' | b'$' => Vec::new(),
            b'.' => vec![b" aZ0\r\x01\xff\n"[self.random.below(8) as usize]],
            b'\\' => self.escape(),
            b'[' => self.class(),
            b'(' => {
                let rest = &self.pattern[self.at..];
                let is_look = rest.starts_with(b"?=") || rest.starts_with(b"?!") || rest.starts_with(b"?<");
                if rest.first() == Some(&b'?') {
                    self.at += if rest.starts_with(b"?<") { 3 } else { 2 };
                }
                let text = self.alternatives(depth + 1);
                self.at += 1;
                if is_look { Vec::new() } else { text }
            }
            byte => vec![byte],
        }
    }

    fn escape(&mut self) -> Vec<u8> {
        let byte = self.pattern.get(self.at).copied().unwrap_or(b'\\');
        self.at += 1;
        let one = |choices: &[u8], random: &mut Random| vec![choices[random.below(choices.len() as u64) as usize]];
        match byte {
            b'd' => one(b"0123456789", self.random),
            b'w' => one(b"aZ_9", self.random),
            b's' => one(b" \t\r\n", self.random),
            b'D' | b'S' => one(b"xY-", self.random),
            b'W' => one(b" -.", self.random),
            b'n' => vec![b'\n'],
            b'r' => vec![b'\r'],
            b't' => vec![b'\t'],
            b'f' => vec![12],
            b'0' => vec![0],
            b'x' => {
                let digits = self.pattern.get(self.at..self.at + 2).unwrap_or_default();
                let text = String::from_utf8_lossy(digits).into_owned();
                match u8::from_str_radix(&text, 16) {
                    Ok(value) => {
                        self.at += 2;
                        vec![value]
                    }
                    Err(_) => vec![0],
                }
            }
            b'1'..=b'9' => Vec::new(),
            byte => vec![byte],
        }
    }

    /// A member of a class that is no range and no negation, else something likely.
    fn class(&mut self) -> Vec<u8> {
        let negated = self.pattern.get(self.at) == Some(&b'^');
        self.at += usize::from(negated);
        let mut members: Vec<u8> = Vec::new();
        let first = self.at;
        while let Some(&byte) = self.pattern.get(self.at) {
            if byte == b']' && self.at > first {
                break;
            }
            self.at += 1;
            if byte == b'\\' { members.extend(self.escape()) } else { members.push(byte) }
        }
        self.at += 1;
        if negated || members.is_empty() {
            return vec![b"aQ7-\x02"[self.random.below(5) as usize]];
        }
        vec![members[self.random.below(members.len() as u64) as usize]]
    }
}

/// Changes a subject a little, so that some do not match.
fn changed(mut subject: Vec<u8>, random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 if !subject.is_empty() => {
            let at = random.below(subject.len() as u64) as usize;
            subject[at] = random.below(256) as u8;
        }
        1 => subject.truncate(random.below(subject.len() as u64 + 1) as usize),
        2 => subject.push(b'\n'),
        _ => {}
    }
    subject
}

/// What PCRE2 says: `None` for no match, else the groups' text; `Err` when it hit a limit.
type Verdict = Result<Option<Vec<Option<String>>>, ()>;

/// A pattern, the words of its flags, and subjects.
type Case = (Vec<u8>, String, Vec<Vec<u8>>);

/// Asks `pcre2test` about all patterns and subjects.
fn reference(cases: &[Case]) -> Vec<Vec<Verdict>> {
    let mut input = String::new();
    for (pattern, flags, subjects) in cases {
        let hex: String = pattern.iter().map(|byte| format!("{byte:02x}")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(input, "/{hex}/hex,allcaptures{flags}");
        for subject in subjects {
            let hex: String = subject.iter().map(|byte| format!("\\x{{{byte:02x}}}")).collect();
            let _ = writeln!(input, "    {hex}\\=");
        }
        input.push('\n');
    }
    let path = std::env::temp_dir().join(format!("perilune-pcre2-{}", std::process::id()));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(input.as_bytes())).expect("the input is written");
    let output = Command::new("pcre2test").args(["-q", "-8"]).arg(&path).output().expect("pcre2test runs");
    let _ = std::fs::remove_file(&path);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    parse(&text)
}

/// Reads its answers: behind each subject's line `No match`, an error, or a line for each group.
fn parse(text: &str) -> Vec<Vec<Verdict>> {
    let mut cases: Vec<Vec<Verdict>> = Vec::new();
    for line in text.lines() {
        if line.starts_with('/') {
            cases.push(Vec::new());
        } else if line.starts_with("    ") {
            cases.last_mut().expect("a pattern comes first").push(Ok(None));
        } else if let Some((number, shown)) = line.split_once(": ").filter(|_| line.as_bytes()[0] == b' ') {
            let Ok(_) = number.trim().parse::<usize>() else { continue };
            let group = (shown != "<unset>").then(|| shown.to_owned());
            if let Some(Ok(groups)) = cases.last_mut().and_then(|verdicts| verdicts.last_mut()) {
                groups.get_or_insert_default().push(group);
            }
        } else if line.starts_with("Failed: error")
            && let Some(verdict) = cases.last_mut().and_then(|verdicts| verdicts.last_mut())
        {
            *verdict = Err(());
        }
    }
    cases
}

/// Bytes as `pcre2test` shows them.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    text
}

#[test]
fn all_patterns_give_the_verdicts_of_pcre2() {
    let file = file();
    let mut random = Random(1);
    let mut cases: Vec<Case> = Vec::new();
    for (_, pattern, flags) in file.patterns() {
        let subjects = (0..SUBJECTS).map(|n| {
            let made = Maker { pattern, at: 0, random: &mut random }.alternatives(0);
            if n < SUBJECTS / 2 { made } else { changed(made, &mut random) }
        });
        let subjects: Vec<Vec<u8>> = subjects.collect();
        let (i, s) = (flags.case_insensitive, flags.dot_all);
        let words = format!("{}{}", if i { ",caseless" } else { "" }, if s { ",dotall" } else { "" });
        cases.push((pattern.to_vec(), words, subjects));
    }
    let expected = reference(&cases);
    assert_eq!(expected.len(), cases.len());
    let (mut compared, mut matching, mut limits, mut different) = (0, 0, 0, Vec::new());
    for (idx, (((_, pattern, flags), (_, _, subjects)), verdicts)) in
        file.patterns().zip(&cases).zip(&expected).enumerate()
    {
        let regex = Regex::new(pattern, flags).expect("all compile");
        assert_eq!(verdicts.len(), subjects.len(), "{}", pattern.escape_ascii());
        for (subject, verdict) in subjects.iter().zip(verdicts) {
            let (Ok(verdict), Ok(found)) = (verdict, regex.find(subject, 0)) else {
                limits += 1;
                continue;
            };
            compared += 1;
            let text = |(start, end): (usize, usize)| shown(&subject[start..end]);
            let found = found.map(|groups| groups.into_iter().map(|group| group.map(text)).collect::<Vec<_>>());
            matching += usize::from(found.is_some());
            let (pattern_text, subject_text) = (pattern.escape_ascii(), subject.escape_ascii());
            assert!(found.is_none() || file.may_match(idx, subject), "{pattern_text} on {subject_text}");
            if found != *verdict {
                let (pattern, subject) = (pattern.escape_ascii(), subject.escape_ascii());
                different.push(format!("{pattern}\n  on {subject}\n  PCRE2 {verdict:?}\n  ours  {found:?}"));
            }
        }
    }
    println!("{compared} subjects, {matching} match, {limits} hit a limit");
    assert!(compared > 60_000 && matching > compared / 2, "{compared} compared, {matching} match");
    assert!(limits <= LIMITS_MAX, "{limits}");
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different[..different.len().min(20)].join("\n"));
}
