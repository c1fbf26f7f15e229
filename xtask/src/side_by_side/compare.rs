//! Results of scripts as two XML reports have them, and whether they are the same.
//!
//! The reports come from the two programs compared, which write each script element on lines of its own; that is all
//! that is read here.

use std::collections::BTreeMap;

/// A result: the `output` attribute and the elements inside, as they stand in the report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    pub output: String,
    pub body: String,
}

/// Results by place and script: `tcp/80 http-title`, `host clock-skew`.
pub type Report = BTreeMap<String, Found>;

/// How alike two results are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Likeness {
    Equal,
    /// The same lines and elements: the reference's tables have no order of their own.
    OtherOrder,
    /// But for numbers, which change from run to run.
    OtherNumbers,
    /// Different, as the reference is from itself.
    Unsteady,
    Different,
}

/// Reads the results of a report.
pub fn read(xml: &str) -> Report {
    let mut report = Report::new();
    let mut rest = xml;
    let mut place = String::new();
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let end = tag_end(rest);
        let tag = &rest[..end];
        if tag.starts_with("<port ") {
            let value = |name| attribute(tag, name).unwrap_or_default();
            place = format!("{}/{}", value("protocol"), value("portid"));
        } else if tag.starts_with("</port>") || tag.starts_with("<prescript>") {
            place.clear();
        } else if tag.starts_with("<hostscript>") {
            place = "host".to_owned();
        } else if tag.starts_with("<postscript>") {
            place = "post".to_owned();
        } else if tag.starts_with("<script ") {
            let body_len = if tag.ends_with("/>") { 0 } else { rest[end..].find("</script>").unwrap_or(0) };
            let found = Found {
                output: attribute(tag, "output").unwrap_or_default().to_owned(),
                body: rest[end..end + body_len].to_owned(),
            };
            let place = if place.is_empty() { "pre" } else { &place };
            report.insert(format!("{place} {}", attribute(tag, "id").unwrap_or_default()), found);
            rest = &rest[end + body_len..];
            continue;
        }
        rest = &rest[end..];
    }
    report
}

/// Length of the tag at the start; quoted values may hold a `>`.
pub(super) fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let len = tag[from..].find('"')?;
    Some(&tag[from..from + len])
}

/// Compares two results, nothing being one too; numbers may differ only where they change by themselves.
pub fn compare(a: Option<&Found>, b: Option<&Found>, changes: bool) -> Likeness {
    if a == b {
        return Likeness::Equal;
    }
    let (Some(a), Some(b)) = (a, b) else { return Likeness::Different };
    let sorted = |found: &Found| (sorted_lines(&found.output), sorted_elements(&found.body));
    if sorted(a) == sorted(b) {
        return Likeness::OtherOrder;
    }
    let masked = |found: &Found| {
        let found = Found { output: masked(&found.output), body: masked(&found.body) };
        (sorted_lines(&found.output), sorted_elements(&found.body))
    };
    if changes && masked(a) == masked(b) { Likeness::OtherNumbers } else { Likeness::Different }
}

fn sorted_lines(output: &str) -> Vec<String> {
    // Items of one line may have no order, too.
    let mut lines: Vec<String> = output
        .split("&#xa;")
        .map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            words.sort_unstable();
            words.join(" ")
        })
        .collect();
    lines.sort();
    lines
}

/// Elements as a tree, those with a key in order of their keys.
fn sorted_elements(body: &str) -> String {
    let mut open: Vec<(String, Vec<String>)> = vec![(String::new(), Vec::new())];
    for line in body.lines().filter(|line| !line.is_empty()) {
        if line.starts_with("<table") {
            open.push((line.to_owned(), Vec::new()));
        } else if line == "</table>" {
            let (head, children) = open.pop().unwrap_or_default();
            let whole = format!("{head}{}</table>", sorted_children(children));
            match open.last_mut() {
                Some((_, siblings)) => siblings.push(whole),
                None => open.push((whole, Vec::new())),
            }
        } else if let Some((_, siblings)) = open.last_mut() {
            siblings.push(line.to_owned());
        }
    }
    open.into_iter().map(|(head, children)| head + &sorted_children(children)).collect()
}

fn sorted_children(mut children: Vec<String>) -> String {
    children.sort();
    children.concat()
}

/// Runs of digits, and hexadecimal salts, as one sign.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            masked.push(c);
        } else if !masked.ends_with('#') {
            masked.push('#');
        }
    }
    masked.replace("#.#", "#").replace("-#s", "#s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let xml = r#"<port protocol="tcp" portid="80"><script id="a" output="x &gt; y"/><script id="b" output="&#xa;  k: 1"><elem key="k">1</elem>
</script></port><hostscript><script id="c" output="z"/></hostscript>"#;
        let report = read(xml);
        assert_eq!(report.keys().collect::<Vec<_>>(), ["host c", "tcp/80 a", "tcp/80 b"]);
        assert_eq!(report["tcp/80 b"].body, "<elem key=\"k\">1</elem>\n");
    }

    #[test]
    fn order_and_numbers_are_told_apart() {
        let found = |output: &str, body: &str| Found { output: output.to_owned(), body: body.to_owned() };
        let table = |items: [&str; 2]| format!("<table>\n{}\n{}\n</table>\n", items[0], items[1]);
        let (x, y) = ("<elem key=\"x\">1</elem>", "<elem key=\"y\">2</elem>");
        let a = found("p&#xa;q", &table([x, y]));
        let b = found("q&#xa;p", &table([y, x]));
        assert_eq!(compare(Some(&a), Some(&a), false), Likeness::Equal);
        assert_eq!(compare(Some(&a), Some(&b), false), Likeness::OtherOrder);
        assert_eq!(compare(Some(&a), None, true), Likeness::Different);
        let (noon, morning) = (found("at 12:01", ""), found("at 9:59", ""));
        assert_eq!(compare(Some(&noon), Some(&morning), false), Likeness::Different);
        assert_eq!(compare(Some(&noon), Some(&morning), true), Likeness::OtherNumbers);
    }
}
