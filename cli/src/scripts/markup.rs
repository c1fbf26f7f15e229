//! The markup of documentation: paragraphs, lists, and a few tags of HTML that authors use.
//!
//! Texts are anybody's: a tag that is not known here is text, and whoever writes the result out escapes all of it.
//! Styles do not nest: the innermost counts, which is what the texts in the field need.

/// How a run of text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    Plain,
    Code,
    Strong,
    Emphasis,
    /// An address of the web.
    Link,
    /// Ends a line.
    Break,
}

/// Text of one look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    pub style: Style,
    pub text: String,
    /// Where a link leads.
    pub target: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    Paragraph(Vec<Run>),
    /// An item of a list: how deep, and its number or nothing.
    Item {
        depth: usize,
        number: Option<String>,
        runs: Vec<Run>,
    },
    /// Lines as they are.
    Lines(String),
}

/// Deeper lists look no different.
const DEPTH_MAX: usize = 4;

/// Reads a text.
pub fn read(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    // Preformatted parts stand between the others.
    while let Some((before, inside, after)) = between(rest, "<pre>", "</pre>") {
        blocks(before, &mut parts);
        let lines = super::nsedoc::dedented(&plain(inside));
        if !lines.is_empty() {
            parts.push(Part::Lines(lines));
        }
        rest = after;
    }
    blocks(rest, &mut parts);
    parts
}

/// What stands before, between and behind two tags.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(open)?;
    let (inside, after) = rest.split_once(close).unwrap_or((rest, ""));
    Some((before, inside, after))
}

/// Text without tags.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for run in runs(text) {
        out.push_str(if run.style == Style::Break { " " } else { &run.text });
    }
    out
}

/// What is being put together.
enum Open {
    Nothing,
    Paragraph(String),
    Item { indent: usize, number: Option<String>, text: String },
}

fn blocks(text: &str, parts: &mut Vec<Part>) {
    let mut open = Open::Nothing;
    // Columns of the items that the current one stands below.
    let mut indents: Vec<usize> = Vec::new();
    // Lists may be tags, too.
    let text = text.replace("<li>", "\n* ").replace("</li>", "\n");
    let text =
        ["<ul>", "</ul>", "<ol>", "</ol>", "<p>", "</p>"].iter().fold(text, |text, tag| text.replace(tag, "\n\n"));
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let body = line.trim();
        if body.is_empty() {
            finish(&mut open, &mut indents, parts);
            if matches!(parts.last(), Some(Part::Paragraph(_))) {
                indents.clear();
            }
        } else if let Some((number, rest)) = item_of(body) {
            finish(&mut open, &mut indents, parts);
            while indents.last().is_some_and(|&last| indent < last) {
                indents.pop();
            }
            if indents.last().is_none_or(|&last| last < indent) {
                indents.push(indent);
            }
            open = Open::Item { indent, number, text: rest.to_owned() };
        } else {
            match &mut open {
                Open::Paragraph(text) => append(text, body),
                // A line at the margin of the mark begins anew.
                Open::Item { indent: mark, text, .. } if indent > *mark || !text.is_empty() && indent == *mark => {
                    append(text, body);
                }
                _ => {
                    finish(&mut open, &mut indents, parts);
                    open = Open::Paragraph(body.to_owned());
                }
            }
        }
    }
    finish(&mut open, &mut indents, parts);
}

fn append(text: &mut String, line: &str) {
    text.push(' ');
    text.push_str(line);
}

fn finish(open: &mut Open, indents: &mut Vec<usize>, parts: &mut Vec<Part>) {
    match std::mem::replace(open, Open::Nothing) {
        Open::Nothing => {}
        Open::Paragraph(text) => {
            indents.clear();
            parts.push(Part::Paragraph(runs(&text)));
        }
        Open::Item { number, text, .. } => {
            let depth = indents.len().saturating_sub(1).min(DEPTH_MAX);
            parts.push(Part::Item { depth, number, runs: runs(&text) });
        }
    }
}

/// The number and the text of a list's item: `* a`, `- a`, `1. a`.
fn item_of(line: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = line.strip_prefix("* ").or_else(|| line.strip_prefix("- ")) {
        return Some((None, rest.trim_start()));
    }
    let digits = line.find(|c: char| !c.is_ascii_digit()).filter(|len| (1..=3).contains(len))?;
    let rest = line[digits..].strip_prefix(['.', ')'])?.strip_prefix(' ')?;
    Some((Some(line[..digits].to_owned()), rest.trim_start()))
}

/// Tags that say how text looks, and what they open; closed by the same with a slash.
const STYLES: [(&str, Style); 8] = [
    ("code", Style::Code),
    ("tt", Style::Code),
    ("b", Style::Strong),
    ("strong", Style::Strong),
    ("i", Style::Emphasis),
    ("em", Style::Emphasis),
    ("u", Style::Emphasis),
    ("var", Style::Emphasis),
];

/// Splits a paragraph into runs.
pub fn runs(text: &str) -> Vec<Run> {
    let mut out = Runs { runs: Vec::new(), style: Style::Plain, target: None };
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&', 'h', '`']) {
        let (before, here) = rest.split_at(at);
        out.push(before);
        rest = match here.as_bytes()[0] {
            b'<' => out.tag(here),
            b'&' => out.entity(here),
            b'h' => out.address(here, before.ends_with(|c: char| c.is_ascii_alphanumeric())),
            _ => out.quoted(here),
        };
    }
    out.push(rest);
    out.runs
}

struct Runs {
    runs: Vec<Run>,
    style: Style,
    target: Option<String>,
}

impl Runs {
    fn push(&mut self, text: &str) {
        let (style, target) = (self.style, self.target.clone());
        match self.runs.last_mut() {
            _ if text.is_empty() => {}
            Some(run) if run.style == style && run.target == target => run.text.push_str(text),
            _ => self.runs.push(Run { style, text: text.to_owned(), target }),
        }
    }

    /// A tag, or a `<` that is none; what stands behind.
    fn tag<'a>(&mut self, text: &'a str) -> &'a str {
        /// A longer tag is none.
        const TAG_LEN_MAX: usize = 500;
        let end = text.bytes().take(TAG_LEN_MAX).position(|byte| byte == b'>');
        let Some(end) = end else { return self.literal(text, 1) };
        let (inside, rest) = (&text[1..end], &text[end + 1..]);
        let (is_end, name) = match inside.strip_prefix('/') {
            Some(name) => (true, name),
            None => (false, inside),
        };
        let name = name.trim_end_matches('/').trim().to_ascii_lowercase();
        if name == "br" {
            self.runs.push(Run { style: Style::Break, text: String::new(), target: None });
        } else if let Some((_, style)) = STYLES.iter().find(|(tag, _)| *tag == name) {
            self.style = if is_end { Style::Plain } else { *style };
        } else if name == "a" && is_end {
            (self.style, self.target) = (Style::Plain, None);
        } else if let Some(target) = name.strip_prefix("a ").and_then(|_| attribute(inside, "href")) {
            if is_address(target) {
                (self.style, self.target) = (Style::Link, Some(target.to_owned()));
            }
        } else {
            return self.literal(text, 1);
        }
        rest
    }

    fn entity<'a>(&mut self, text: &'a str) -> &'a str {
        const ENTITIES: [(&str, &str); 6] =
            [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\""), ("&apos;", "'"), ("&nbsp;", "\u{a0}")];
        match ENTITIES.iter().find(|(entity, _)| text.starts_with(entity)) {
            Some((entity, character)) => {
                self.push(character);
                &text[entity.len()..]
            }
            None => self.literal(text, 1),
        }
    }

    /// An address that stands in the text is a link.
    fn address<'a>(&mut self, text: &'a str, inside_word: bool) -> &'a str {
        if inside_word || !is_address(text) || self.style != Style::Plain {
            return self.literal(text, 1);
        }
        let end = text.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^".contains(c));
        let address = text[..end.unwrap_or(text.len())].trim_end_matches(['.', ',', ';', ':', '!', '?']);
        // A closing bracket belongs to the text unless the address has the opening one.
        let address = if address.contains('(') { address } else { address.trim_end_matches([')', ']']) };
        (self.style, self.target) = (Style::Link, Some(address.to_owned()));
        self.push(address);
        (self.style, self.target) = (Style::Plain, None);
        &text[address.len()..]
    }

    /// Code between back-quotes.
    fn quoted<'a>(&mut self, text: &'a str) -> &'a str {
        let inside = text[1..].split_once('`').map(|(inside, _)| inside);
        match inside.filter(|inside| self.style == Style::Plain && !inside.is_empty() && inside.len() < 200) {
            Some(inside) => {
                self.style = Style::Code;
                self.push(inside);
                self.style = Style::Plain;
                &text[inside.len() + 2..]
            }
            None => self.literal(text, 1),
        }
    }

    fn literal<'a>(&mut self, text: &'a str, len: usize) -> &'a str {
        self.push(&text[..len]);
        &text[len..]
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(value, _)| value)
}

/// Whether a text begins with an address of the web; no other scheme becomes a link.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let runs = |runs: &[Run]| {
            let one = |run: &Run| match run.style {
                Style::Plain => run.text.clone(),
                Style::Break => "/".to_owned(),
                style => format!("{style:?}({})", run.text),
            };
            runs.iter().map(one).collect::<String>()
        };
        let part = |part: &Part| match part {
            Part::Paragraph(text) => runs(text),
            Part::Item { depth, number, runs: text } => {
                format!("{depth}{} {}", number.as_deref().unwrap_or("*"), runs(text))
            }
            Part::Lines(text) => format!("[{text}]"),
        };
        read(text).iter().map(part).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn paragraphs_lists_and_lines() {
        assert_eq!(shown("a\nb\n\nc"), "a b|c");
        assert_eq!(shown("a:\n* b\n  c\n** d\n* e\n  * f\n\ng"), "a:|0* b c ** d|0* e|1* f|g");
        assert_eq!(shown("1. a\n2. b"), "01 a|02 b");
        assert_eq!(shown("a <pre>\n  b\n   c\n</pre> d"), "a|[b\n c]|d");
        assert_eq!(shown("<ul><li>a</li>\n<li>b</li></ul>c"), "0* a|0* b|c");
    }

    #[test]
    fn styles_and_links() {
        assert_eq!(shown("a <code>b</code> `c` <B>d</B><br/>e"), "a Code(b) Code(c) Strong(d)/e");
        assert_eq!(shown("see https://a.b/c(d). (http://e)"), "see Link(https://a.b/c(d)). (Link(http://e))");
        assert_eq!(shown("<a href=\"https://x/\">y</a> &lt;z&gt; &x"), "Link(y) <z> &x");
    }

    #[test]
    fn what_is_no_markup_stays_text() {
        assert_eq!(shown("<script>alert(1)</script> 1 < 2 <code>"), "<script>alert(1)</script> 1 < 2 ");
        assert_eq!(shown("<a href=\"javascript:x\">y</a>"), "y");
        assert_eq!(shown("`a\u{e9}"), "`a\u{e9}");
        for text in ["<", "&", "`", "h", "<a href='", "<pre>", "<code", "`\u{e9}`\u{e9}h"] {
            shown(text);
        }
    }
}
