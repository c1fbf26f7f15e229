//! `--script-args`: `name=value,flag,table={a=1,b}`, values in quotes where they hold commas, braces or `=`.
//!
//! A line break separates as a comma does. Every field is there, even an empty one: `a=1,` has a second one that is the
//! empty text. What follows the closing brace of the whole is ignored, as in the reference.

use perilune_vm::{Call, LuaError, Table, Value};

/// Tables within tables.
const DEPTH_MAX: usize = 50;

/// A parsed table: pairs, and items without a name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Args {
    entries: Vec<(Option<String>, Arg)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Arg {
    Text(String),
    Table(Args),
}

/// The text to be parsed: a file's, then the command line's. `None`: there are no arguments.
pub(crate) fn join(file: Option<&str>, line: &str) -> Option<String> {
    let joined = match file {
        Some(file) => format!("{},{line}", file.trim_end_matches(',')),
        None => line.to_owned(),
    };
    (!joined.is_empty()).then_some(joined)
}

/// Parses arguments; `None` when they do not follow the grammar.
pub(crate) fn parse(text: &str) -> Option<Args> {
    let whole = format!("{{{text}}}");
    Parser { rest: &whole }.table(0)
}

struct Parser<'a> {
    rest: &'a str,
}

fn is_inline_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

impl Parser<'_> {
    fn inline_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(is_inline_blank);
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c| is_inline_blank(c) || c == '\n');
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `{ field, field … }`
    fn table(&mut self, depth: usize) -> Option<Args> {
        if depth > DEPTH_MAX || !self.eat('{') {
            return None;
        }
        let mut args = Args::default();
        self.blanks();
        loop {
            args.entries.push(self.field(depth)?);
            let before = self.rest;
            self.inline_blanks();
            if !self.eat(',') && !self.eat('\n') {
                self.rest = before;
                break;
            }
            self.blanks();
        }
        self.blanks();
        self.eat('}').then_some(args)
    }

    fn field(&mut self, depth: usize) -> Option<(Option<String>, Arg)> {
        if self.rest.starts_with('{') {
            return Some((None, Arg::Table(self.table(depth + 1)?)));
        }
        let text = self.text();
        let before = self.rest;
        self.inline_blanks();
        if !self.eat('=') {
            self.rest = before;
            return Some((None, Arg::Text(text)));
        }
        self.inline_blanks();
        let value =
            if self.rest.starts_with('{') { Arg::Table(self.table(depth + 1)?) } else { Arg::Text(self.text()) };
        Some((Some(text), value))
    }

    /// A text in quotes; or everything up to a separator, without the blanks around it.
    fn text(&mut self) -> String {
        if let Some((text, rest)) = quoted(self.rest) {
            self.rest = rest;
            return text;
        }
        let end = self.rest.find(['\n', ',', '{', '}', '=']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.trim_matches(is_inline_blank).to_owned()
    }
}

/// A text in quotes and what follows it. A backslash keeps the quote or another backslash, and nothing else.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, next)) = chars.next() {
        if next == quote {
            return Some((value, &text[at + 1..]));
        }
        let kept = chars.next_if(|&(_, after)| next == '\\' && (after == quote || after == '\\'));
        value.push(kept.map_or(next, |(_, kept)| kept));
    }
    None
}

impl Args {
    /// Sets the entries in a table.
    pub fn fill<'gc>(&self, call: &mut Call<'gc>, table: Table<'gc>) -> Result<(), LuaError> {
        let mut items = 0;
        for (name, arg) in &self.entries {
            let value: Value<'gc> = match arg {
                Arg::Text(text) => call.string(text.as_bytes())?,
                Arg::Table(args) => {
                    let inner = call.table(0, 0)?;
                    args.fill(call, inner)?;
                    inner.into()
                }
            };
            match name {
                Some(name) => table.set_str(call, name.as_bytes(), value)?,
                None => {
                    items += 1;
                    table.set_integer(call, items, value)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in a short form: `name=[text]`, `[text]`, `name={…}`.
    fn shown(args: &Args) -> String {
        let shown = args.entries.iter().map(|(name, arg)| {
            let name = name.as_ref().map_or(String::new(), |name| format!("{name}="));
            match arg {
                Arg::Text(text) => format!("{name}[{text}]"),
                Arg::Table(args) => format!("{name}{{{}}}", shown(args)),
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn arguments_are_pairs_items_and_tables() {
        for (text, expected) in [
            ("a=1, flag", "a=[1] [flag]"),
            ("1=x", "1=[x]"),
            ("q='x,\\'y',z=\"{\"", "q=[x,'y] z=[{]"),
            ("q=\"a\\nb\\\\\"", "q=[a\\nb\\]"),
            ("t={b=2,c d}", "t={b=[2] [c d]}"),
            ("a=x\"y\"", "a=[x\"y\"]"),
            ("it's", "[it's]"),
            ("a='x", "a=['x]"),
            ("b = two words ", "b=[two words]"),
            ("a=1,", "a=[1] []"),
            ("a={}", "a={[]}"),
            ("a={,}", "a={[] []}"),
            ("a=1\nb=2", "a=[1] b=[2]"),
            ("a=1\r\n\r\n\n b=2", "a=[1] b=[2]"),
            ("a=1,\n", "a=[1] []"),
            ("# x", "[# x]"),
            ("a=1},b=2", "a=[1]"),
            ("{x,y}", "{[x] [y]}"),
        ] {
            assert_eq!(parse(text).as_ref().map(shown).as_deref(), Some(expected), "{text:?}");
        }
        for bad in ["a={", "a=b=c", "a=\"x\"y", "{a}=b", "a={b}c"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&"{".repeat(100_000)), None);
    }

    #[test]
    fn the_file_comes_before_the_line() {
        assert_eq!(join(None, ""), None);
        assert_eq!(join(Some("a=1,,"), "b"), Some("a=1,b".to_owned()));
        let joined = join(Some("a=1\n"), "").expect("there are some");
        assert_eq!(parse(&joined).as_ref().map(shown).as_deref(), Some("a=[1] [] []"));
    }
}
