//! Documentation for the terminal: sections, wrapped lines, colours where the terminal has them.

use super::markup::{self, Part, Run, Style};
use super::nsedoc::{Block, Tag};
use super::page::{Kind, Page};

/// Width of a page; longer lines are hard to read.
const WIDTH: usize = 80;
/// Parts of a section stand this far to the right.
const INDENT: usize = 2;
/// A colour needs words of its own for its end.
const RESET: &str = "\x1b[0m";

/// How words stand out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Look {
    Plain,
    Heading,
    Name,
    Code,
}

/// A page as text.
pub fn page(page: &Page, is_coloured: bool) -> String {
    let mut text = Text { out: String::new(), is_coloured };
    let kind = if page.kind == Kind::Script { "script" } else { "library" };
    text.line(0, &[(Look::Heading, &page.name), (Look::Plain, &format!(" ({kind})"))]);
    for (title, values) in [
        ("categories", page.categories.join(", ")),
        ("rules", page.rules.join(", ")),
        ("runs after", page.dependencies.join(", ")),
        ("parts", page.parts.join(", ")),
        ("authors", page.authors.join("; ")),
        ("licence", page.license.clone().unwrap_or_default()),
    ] {
        if !values.is_empty() {
            let words = [(Look::Plain, format!("{title}: {}", markup::plain(&values)))];
            text.wrapped(INDENT, 2 * INDENT, &words);
        }
    }
    text.section("Description");
    text.parts(INDENT, &page.description);
    if page.kind == Kind::Script && !page.head.text.is_empty() {
        text.empty_line();
        text.parts(INDENT, &page.head.text);
    }
    text.named("Arguments", page.head.tags.iter().filter(|tag| matches!(tag.name.as_str(), "args" | "arg")));
    for (title, tag) in [("Usage", "usage"), ("Output", "output"), ("Structured output", "xmloutput")] {
        text.lines_of(title, page.head.tags(tag));
    }
    text.see(0, &page.head);
    if !page.items.is_empty() {
        text.section("Functions and values");
    }
    for (idx, item) in page.items.iter().enumerate() {
        if idx > 0 {
            text.empty_line();
        }
        text.line(INDENT, &[(Look::Name, &item.name), (Look::Plain, &item.rest())]);
        text.item(&item.block);
    }
    text.out
}

struct Text {
    out: String,
    is_coloured: bool,
}

impl Text {
    fn styled(&mut self, look: Look, text: &str) {
        let code = match look {
            Look::Heading => "1",
            Look::Name => "1;36",
            Look::Code => "36",
            Look::Plain => "",
        };
        // What authors write must not command the terminal.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        if self.is_coloured && !code.is_empty() {
            self.out.push_str(&format!("\x1b[{code}m{text}{RESET}"));
        } else {
            self.out.push_str(&text);
        }
    }

    fn line(&mut self, indent: usize, parts: &[(Look, &str)]) {
        self.out.push_str(&" ".repeat(indent));
        for (look, part) in parts {
            self.styled(*look, part);
        }
        self.out.push('\n');
    }

    /// One empty line, not two.
    fn empty_line(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn section(&mut self, title: &str) {
        self.empty_line();
        self.line(0, &[(Look::Heading, title)]);
    }

    /// Words, each line after the first indented by its own measure.
    fn wrapped(&mut self, indent: usize, hanging: usize, texts: &[(Look, String)]) {
        self.out.push_str(&" ".repeat(indent));
        let (mut column, mut is_first) = (indent, true);
        for word in words_of(texts) {
            let is_break = word[0].1 == BREAK;
            let len: usize = word.iter().map(|(_, text)| text.chars().count()).sum();
            if is_break || !is_first && column + 1 + len > WIDTH {
                self.out.push('\n');
                self.out.push_str(&" ".repeat(hanging));
                (column, is_first) = (hanging, true);
            }
            if is_break {
                continue;
            }
            if !is_first {
                self.out.push(' ');
                column += 1;
            }
            word.iter().for_each(|(look, text)| self.styled(*look, text));
            (column, is_first) = (column + len, false);
        }
        self.out.push('\n');
    }

    /// Text with markup.
    fn parts(&mut self, indent: usize, text: &str) {
        self.parts_behind(Vec::new(), indent, indent, text);
    }

    /// The same behind other words, which stand further to the left.
    fn parts_behind(&mut self, before: Vec<(Look, String)>, first: usize, indent: usize, text: &str) {
        let parts = markup::read(text);
        let mut parts = parts.iter().peekable();
        let mut is_item_before = true;
        if !before.is_empty() {
            let mut line = before;
            if let Some(Part::Paragraph(runs)) = parts.peek() {
                line.extend(looks(runs));
                parts.next();
                is_item_before = false;
            }
            self.wrapped(first, indent, &line);
        }
        for (idx, part) in parts.enumerate() {
            let is_item = matches!(part, Part::Item { .. });
            if !is_item_before || idx > 0 && !is_item {
                self.empty_line();
            }
            is_item_before = is_item;
            match part {
                Part::Paragraph(runs) => self.wrapped(indent, indent, &looks(runs)),
                Part::Item { depth, number, runs } => {
                    let mark = number.as_ref().map_or("*".to_owned(), |number| format!("{number}."));
                    let indent = indent + 2 * depth;
                    let hanging = indent + mark.len() + 1;
                    let mut line = vec![(Look::Plain, format!("{mark} "))];
                    line.extend(looks(runs));
                    self.wrapped(indent, hanging, &line);
                }
                Part::Lines(lines) => self.lines(indent + INDENT, lines),
            }
        }
    }

    /// Lines as they are.
    fn lines(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            let line = line.replace('\t', "    ");
            if line.is_empty() { self.out.push('\n') } else { self.line(indent, &[(Look::Code, &line)]) }
        }
    }

    /// Tags with a name of their own: arguments, parameters.
    fn named<'a>(&mut self, title: &str, tags: impl Iterator<Item = &'a Tag>) {
        for (idx, tag) in tags.enumerate() {
            if idx == 0 {
                self.section(title);
            }
            self.line(INDENT, &[(Look::Name, &tag.subject)]);
            self.parts(3 * INDENT, &tag.text);
        }
    }

    fn lines_of<'a>(&mut self, title: &str, tags: impl Iterator<Item = &'a Tag>) {
        for (idx, tag) in tags.enumerate() {
            if idx == 0 {
                self.section(title)
            } else {
                self.empty_line()
            }
            self.lines(INDENT, &tag.text);
        }
    }

    fn see(&mut self, indent: usize, block: &Block) {
        let names: Vec<String> = block.tags("see").map(|tag| one_line(&markup::plain(&tag.text))).collect();
        if names.is_empty() {
            return;
        }
        if indent == 0 {
            self.section("See also");
        }
        for name in names {
            let mark = if indent == 0 { "" } else { "see " };
            self.wrapped(indent.max(INDENT), indent.max(INDENT) + 2, &[(Look::Plain, format!("{mark}{name}"))]);
        }
    }

    /// What is said of a function.
    fn item(&mut self, block: &Block) {
        let indent = 3 * INDENT;
        if !block.text.is_empty() {
            self.parts(indent, &block.text);
        }
        for tag in &block.tags {
            let (title, subject) = match tag.name.as_str() {
                "param" | "field" => ("", tag.subject.as_str()),
                "return" => ("returns", ""),
                _ => continue,
            };
            let before = [(Look::Plain, title), (Look::Name, subject)];
            let before = before.into_iter().filter(|(_, text)| !text.is_empty());
            let before = before.map(|(look, text)| (look, format!("{text} "))).collect();
            self.parts_behind(before, indent, indent + INDENT, &tag.text);
        }
        for tag in block.tags("usage") {
            self.lines(indent + INDENT, &tag.text);
        }
        self.see(indent, block);
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Texts cut into words, each of pieces with a look.
fn words_of(texts: &[(Look, String)]) -> Vec<Vec<(Look, &str)>> {
    let mut words = vec![Vec::new()];
    for (look, text) in texts {
        if text == BREAK {
            words.extend([vec![(Look::Plain, BREAK)], Vec::new()]);
            continue;
        }
        for (idx, piece) in text.split(char::is_whitespace).enumerate() {
            if idx > 0 {
                words.push(Vec::new());
            }
            if let Some(word) = words.last_mut().filter(|_| !piece.is_empty()) {
                word.push((*look, piece));
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Ends a line.
const BREAK: &str = "\n";

/// Runs as texts with a look.
fn looks(runs: &[Run]) -> Vec<(Look, String)> {
    let look = |run: &Run| match run.style {
        Style::Break => (Look::Plain, BREAK.to_owned()),
        Style::Code => (Look::Code, run.text.clone()),
        Style::Strong => (Look::Heading, run.text.clone()),
        Style::Link => match &run.target {
            Some(target) if *target != run.text => (Look::Plain, format!("{} ({target})", run.text)),
            _ => (Look::Plain, run.text.clone()),
        },
        Style::Plain | Style::Emphasis => (Look::Plain, run.text.clone()),
    };
    runs.iter().map(look).collect()
}
