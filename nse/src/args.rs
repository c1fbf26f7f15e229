//! `--script-args`: `name=value,flag,table={a=1,b}`, values with quotes where they hold commas or braces.

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

/// Parses arguments; `None` when they do not follow the grammar.
pub(crate) fn parse(text: &str) -> Option<Args> {
    let mut parser = Parser { rest: text };
    let args = parser.entries(0)?;
    parser.rest.trim_start().is_empty().then_some(args)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn entries(&mut self, depth: usize) -> Option<Args> {
        let mut args = Args::default();
        if depth > DEPTH_MAX {
            return None;
        }
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return Some(args);
            }
            if self.rest.starts_with('{') {
                args.entries.push((None, self.value(depth)?));
            } else {
                let name = self.text()?;
                if self.eat('=') {
                    args.entries.push((Some(name), self.value(depth)?));
                } else {
                    args.entries.push((None, Arg::Text(name)));
                }
            }
            if !self.eat(',') && !self.rest.is_empty() && !self.rest.starts_with('}') {
                return None;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Arg> {
        if !self.eat('{') {
            return self.text().map(Arg::Text);
        }
        let args = self.entries(depth + 1)?;
        self.eat('}').then_some(Arg::Table(args))
    }

    /// A quoted text, in which a backslash keeps the next character, or everything up to a separator.
    fn text(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        let quote = self.rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let Some(quote) = quote else {
            let end = self.rest.find([',', '{', '}', '=']).unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Some(text.trim_end().to_owned());
        };
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, next)) = chars.next() {
            if next == quote {
                self.rest = &self.rest[at + 1..];
                return Some(text);
            }
            text.push(if next == '\\' { chars.next()?.1 } else { next });
        }
        None
    }
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

    fn text(value: &str) -> Arg {
        Arg::Text(value.to_owned())
    }

    #[test]
    fn arguments_are_pairs_items_and_tables() {
        let args = |entries: Vec<(Option<&str>, Arg)>| {
            let entries = entries.into_iter().map(|(name, arg)| (name.map(str::to_owned), arg)).collect();
            Args { entries }
        };
        assert_eq!(parse(""), Some(Args::default()));
        assert_eq!(parse("a=1, flag"), Some(args(vec![(Some("a"), text("1")), (None, text("flag"))])));
        assert_eq!(parse("q='x,\\'y',z=\"{\""), Some(args(vec![(Some("q"), text("x,'y")), (Some("z"), text("{"))])));
        let inner = args(vec![(Some("b"), text("2")), (None, text("c d"))]);
        assert_eq!(parse("t={b=2,c d}"), Some(args(vec![(Some("t"), Arg::Table(inner))])));
        for bad in ["a={", "a='x", "a=1}", "a=b=c"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
