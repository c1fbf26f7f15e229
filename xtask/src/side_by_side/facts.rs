//! What a report says, fact by fact, and which facts another report leaves out.
//!
//! A fact is the state of a port, a value of its service, an element of a script's result, or a line of its output. Not
//! every sentence of a report is one: counters, clocks and lists of connections say something of the moment. So the
//! reference is asked twice. What it says both times is a fact; where the two differ in numbers only, the fact holds
//! for any number; what it says once is none.
//!
//! Another report has a fact of a service if it has that value, a fact of an element if the same script at the same
//! place has an element with that key and those words, and a fact of a line if all its words are in what that script
//! says there. Order and layout do not count. A word is what stands between white space, without the punctuation around
//! it and without colons inside, which one version of the reference writes in fingerprints and another does not.
//!
//! Of scripts that tell of the moment (`known.rs`) it is a fact that they say something.
//!
//! No facts are what says that something is not known: a port that may be open or not, a service named by its number,
//! and the answers to probes of a service that version detection does not recognise.

use super::compare::{attribute, masked, tag_end};
use super::known::OF_THE_MOMENT;
use std::collections::{BTreeMap, BTreeSet};

/// Values of a service that count; a fingerprint and the confidence are not about the service.
const OF_SERVICE: [&str; 7] = ["product", "version", "extrainfo", "ostype", "hostname", "devicetype", "tunnel"];

/// The script that prints the answers of services that were not recognised.
const UNRECOGNISED: &str = "fingerprint-strings";

/// What a report says of one thing.
#[derive(Default, Debug)]
pub struct Said {
    /// `key: words`, for values and elements.
    values: BTreeSet<String>,
    /// Each line of output as its words.
    lines: BTreeSet<String>,
    /// All words of it.
    words: BTreeSet<String>,
}

/// What a report says, by place and subject: `tcp/80 service`, `tcp/80 http-title`, `host clock-skew`.
pub type Report = BTreeMap<String, Said>;

/// A fact and whether it was found.
#[derive(Debug)]
pub struct Fact {
    /// Place and subject.
    pub subject: String,
    /// Without its numbers if they do not belong to it.
    pub text: String,
    pub is_told: bool,
}

/// Facts of two reports of the reference, and whether `ours` tells them.
pub fn compare(theirs: [&Report; 2], ours: &Report) -> Vec<Fact> {
    let mut facts = Vec::new();
    let nothing = Said::default();
    for (subject, first) in theirs[0] {
        let Some(second) = theirs[1].get(subject).filter(|_| !subject.ends_with(UNRECOGNISED)) else { continue };
        let ours = ours.get(subject).unwrap_or(&nothing);
        let mut tell = |text: String, is_told: bool| facts.push(Fact { subject: subject.clone(), text, is_told });
        if OF_THE_MOMENT.iter().any(|script| subject.ends_with(&format!(" {script}"))) {
            tell("says something".to_owned(), !ours.words.is_empty());
            continue;
        }
        for (value, is_exact) in stable(&first.values, &second.values) {
            if is_exact {
                tell(value.to_owned(), ours.values.contains(value));
            } else {
                tell(masked(value), has_masked(&ours.values, value));
            }
        }
        let our_words: BTreeSet<String> = ours.words.iter().map(|word| masked(word)).collect();
        for (line, is_exact) in stable(&first.lines, &second.lines) {
            let mut words = line.split(' ');
            let is_told = if is_exact {
                words.all(|word| ours.words.contains(word))
            } else {
                words.all(|word| our_words.contains(&masked(word)))
            };
            tell(if is_exact { line.to_owned() } else { masked(line) }, is_told);
        }
    }
    facts
}

/// What is in both; with false if only but for its numbers.
fn stable<'a>(first: &'a BTreeSet<String>, second: &BTreeSet<String>) -> Vec<(&'a str, bool)> {
    let masks: BTreeSet<String> = second.iter().map(|text| masked(text)).collect();
    let mut seen = BTreeSet::new();
    first
        .iter()
        .filter(|text| second.contains(*text) || masks.contains(&masked(text)))
        .map(|text| (text.as_str(), second.contains(text)))
        // A hundred connections that differ in their ports are one fact.
        .filter(|(text, is_exact)| *is_exact || seen.insert(masked(text)))
        .collect()
}

fn has_masked(texts: &BTreeSet<String>, text: &str) -> bool {
    let text = masked(text);
    texts.iter().any(|it| masked(it) == text)
}

/// Reads what a report says.
pub fn read(xml: &str) -> Report {
    let mut report = Report::new();
    let (mut place, mut subject) = (String::new(), String::new());
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let (tag, behind) = rest.split_at(tag_end(rest));
        let value = |name| attribute(tag, name).map(plain);
        let name = tag[1..].split([' ', '>', '/']).next().unwrap_or_default();
        match name {
            "port" => {
                place = format!("{}/{}", value("protocol").unwrap_or_default(), value("portid").unwrap_or_default())
            }
            "hostscript" => "host".clone_into(&mut place),
            "prescript" | "postscript" => "run".clone_into(&mut place),
            "state" => {
                subject = format!("{place} service");
                let state = value("state").unwrap_or_default();
                // Any of two states says neither.
                if !state.contains('|') {
                    report.entry(subject.clone()).or_default().tell("state", &state);
                }
            }
            "service" => service(report.entry(subject.clone()).or_default(), &value),
            "cpe" => {
                let text = plain(&behind[..behind.find('<').unwrap_or(0)]);
                report.entry(subject.clone()).or_default().tell("cpe", &text);
            }
            "script" => {
                subject = format!("{place} {}", value("id").unwrap_or_default());
                let said = report.entry(subject.clone()).or_default();
                for line in value("output").unwrap_or_default().lines() {
                    said.add_line(line);
                }
            }
            "elem" => {
                let text = plain(&behind[..behind.find('<').unwrap_or(0)]);
                report.entry(subject.clone()).or_default().tell(&value("key").unwrap_or_default(), &text);
            }
            _ => {}
        }
        rest = behind;
    }
    report
}

fn service<'a>(said: &mut Said, value: &impl Fn(&'a str) -> Option<String>) {
    // A name that goes with the number of the port is a guess.
    if value("method").is_some_and(|method| method == "probed") {
        said.tell("name", &value("name").unwrap_or_default());
    }
    for name in OF_SERVICE {
        if let Some(text) = value(name) {
            said.tell(name, &text);
        }
    }
}

impl Said {
    fn tell(&mut self, key: &str, text: &str) {
        let words = words(text);
        self.values.insert(format!("{key}: {}", words.join(" ")));
        self.words.extend(words);
    }

    fn add_line(&mut self, line: &str) {
        let words = words(line);
        if !words.is_empty() {
            self.lines.insert(words.join(" "));
        }
        self.words.extend(words);
    }
}

/// The words of a text, in its order.
fn words(text: &str) -> Vec<String> {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
        // A word of nothing but punctuation stays.
        if bare.is_empty() { word.to_owned() } else { bare.replace(':', "") }
    };
    text.split_whitespace().map(word).collect()
}

/// Text with its entities resolved.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let len = rest.find(';').map_or(rest.len(), |at| at + 1);
        let (entity, behind) = rest.split_at(len);
        match entity {
            "&amp;" => out.push('&'),
            "&lt;" => out.push('<'),
            "&gt;" => out.push('>'),
            "&quot;" => out.push('"'),
            "&apos;" => out.push('\''),
            _ => {
                let number =
                    entity.strip_prefix("&#x").and_then(|it| u32::from_str_radix(it.trim_end_matches(';'), 16).ok());
                let number = number.or_else(|| entity.strip_prefix("&#")?.trim_end_matches(';').parse().ok());
                match number.and_then(char::from_u32) {
                    Some(c) => out.push(c),
                    None => out.push_str(entity),
                }
            }
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(service: &str, script: &str) -> Report {
        read(&format!(
            r#"<port protocol="tcp" portid="80"><state state="open"/>{service}<script id="a" {script}</port>"#
        ))
    }

    /// Facts that are told, and those that are not.
    fn check(theirs: [&Report; 2], ours: &Report, told: &[&str], missing: &[&str]) {
        let facts = compare(theirs, ours);
        let of =
            |is_told: bool| facts.iter().filter(|it| it.is_told == is_told).map(|it| &*it.text).collect::<Vec<_>>();
        assert_eq!(of(true), told);
        assert_eq!(of(false), missing);
    }

    #[test]
    fn services_are_told_by_value() {
        let a =
            port(r#"<service name="http" product="x" method="probed"><cpe>cpe:/a:x</cpe></service>"#, r#"output=""/>"#);
        let b = port(r#"<service name="http" product="y" method="table"/>"#, r#"output=""/>"#);
        check([&a, &a], &b, &["state: open"], &["cpe: cpe/ax", "name: http", "product: x"]);
        check([&b, &b], &a, &["state: open"], &["product: y"]);
    }

    #[test]
    fn lines_are_told_by_words_and_elements_by_key() {
        let a = port("", r#"output="&#xa;  One (two)&#xa;  three"><elem key="k">v w</elem></script>"#);
        let b = port("", r#"output="two One; 3"><elem key="k">v  w</elem></script>"#);
        let c = port("", r#"output="One three two"><elem key="l">v w</elem></script>"#);
        check([&a, &a], &b, &["k: v w", "One two", "state: open"], &["three"]);
        check([&a, &a], &c, &["One two", "three", "state: open"], &["k: v w"]);
    }

    #[test]
    fn what_changes_is_a_fact_without_its_numbers_or_none() {
        let a = port("", r#"output="uptime 5 s&#xa;salt xyz"/>"#);
        let b = port("", r#"output="uptime 17 s&#xa;salt abc"/>"#);
        let c = port("", r#"output="uptime 4 s"/>"#);
        check([&a, &b], &c, &["uptime # s", "state: open"], &[]);
        check([&a, &b], &port("", r#"output="s"/>"#), &["state: open"], &["uptime # s"]);
    }

    #[test]
    fn text_is_resolved() {
        assert_eq!(plain("a&amp;b &#x41;&#66; &gt;&x;"), "a&b AB >&x;");
        assert_eq!(words("(a:b) -- \"c\", d/e."), ["ab", "--", "c", "d/e"]);
    }
}
