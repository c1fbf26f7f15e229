//! `--script`: the items of its list, and the expressions they are.
//!
//! An item is asked for each entry of the database. `and` takes a whole expression on its right, so `a and b or c` is
//! `a and (b or c)`, as in the reference; both sides are always looked at, because a name that matches makes the script
//! one that the user named.

/// Parentheses and `not`s within one another.
const DEPTH_MAX: usize = 200;

/// One item of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Item {
    /// As written, without the `+` and the blanks around it.
    pub text: String,
    /// `+`: the rule is not asked.
    pub forced: bool,
    /// `None`: the text is no expression, and so matches no entry.
    expression: Option<Expression>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Constant(bool),
    /// A category, if the entry has one of that name, else a script's name with `*` for anything.
    Word(String),
}

/// What an item says of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub matches: bool,
    /// A name in it did.
    pub by_name: bool,
}

/// Splits lists at commas. Of items with the same text the last one says whether it is forced; empty ones are dropped.
pub(crate) fn items(lists: &[String]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for text in lists.iter().flat_map(|list| list.split(',')) {
        let text = text.trim();
        let (text, forced) = text.strip_prefix('+').map_or((text, false), |rest| (rest.trim_start(), true));
        if text.is_empty() {
            continue;
        }
        match items.iter_mut().find(|item| item.text == text) {
            Some(item) => item.forced = forced,
            None => items.push(Item { text: text.to_owned(), forced, expression: parse(text) }),
        }
    }
    items
}

impl Item {
    /// Whether the item chooses the script of a file (`id`: its name without `.nse`) with these categories.
    pub fn ask(&self, id: &str, categories: &[String]) -> Verdict {
        let mut by_name = false;
        let matches =
            self.expression.as_ref().is_some_and(|expression| holds(expression, id, categories, &mut by_name));
        Verdict { matches, by_name: matches && by_name }
    }
}

fn holds(expression: &Expression, id: &str, categories: &[String], by_name: &mut bool) -> bool {
    match expression {
        Expression::And(a, b) => holds(a, id, categories, by_name) & holds(b, id, categories, by_name),
        Expression::Or(a, b) => holds(a, id, categories, by_name) | holds(b, id, categories, by_name),
        Expression::Not(a) => !holds(a, id, categories, by_name),
        Expression::Constant(value) => *value,
        Expression::Word(word) => {
            if word.eq_ignore_ascii_case("all") || categories.iter().any(|category| category.eq_ignore_ascii_case(word))
            {
                return true;
            }
            let named = name_matches(word.strip_suffix(".nse").unwrap_or(word), id);
            *by_name |= named;
            named
        }
    }
}

/// Whether a name with `*` for any run of characters is this one. The last star alone is ever tried again, so that the
/// time is bounded by the product of the lengths.
fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn parse(text: &str) -> Option<Expression> {
    let mut parser = Parser { rest: text, depth: 0 };
    let expression = parser.expression()?;
    parser.blanks();
    parser.rest.is_empty().then_some(expression)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    }

    /// The longest run of the characters of names.
    fn word(&self) -> &'a str {
        let is_inside = |c: char| matches!(c, '!'..='\'' | '*'..='~');
        &self.rest[..self.rest.find(|c| !is_inside(c)).unwrap_or(self.rest.len())]
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let word = self.word();
        let is_it = word.eq_ignore_ascii_case(wanted) && self.ends_word(word);
        if is_it {
            self.rest = &self.rest[word.len()..];
        }
        is_it
    }

    /// Keywords and categories end before a blank, a parenthesis, or the end.
    fn ends_word(&self, word: &str) -> bool {
        self.rest[word.len()..].chars().next().is_none_or(|c| matches!(c, '(' | ')') || c.is_ascii_whitespace())
    }

    fn expression(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        let left = self.value()?;
        let before = self.rest;
        self.blanks();
        let is_and = self.eat_word("and");
        let joined = if is_and || self.eat_word("or") {
            let (left, right) = (Box::new(left), Box::new(self.expression()?));
            if is_and { Expression::And(left, right) } else { Expression::Or(left, right) }
        } else {
            self.rest = before;
            left
        };
        self.depth -= 1;
        Some(joined)
    }

    fn value(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let value = self.value_within()?;
        self.depth -= 1;
        Some(value)
    }

    fn value_within(&mut self) -> Option<Expression> {
        let (before, depth) = (self.rest, self.depth);
        if self.eat_word("not") {
            self.blanks();
            if let Some(value) = self.value() {
                return Some(Expression::Not(Box::new(value)));
            }
            // Without a value behind it, it is a name.
            (self.rest, self.depth) = (before, depth);
        } else if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let inner = self.expression()?;
            self.blanks();
            self.rest = self.rest.strip_prefix(')')?;
            return Some(inner);
        }
        for (word, value) in [("true", true), ("false", false)] {
            if self.eat_word(word) {
                return Some(Expression::Constant(value));
            }
        }
        let word = self.word();
        self.rest = &self.rest[word.len()..];
        (!word.is_empty()).then(|| Expression::Word(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids of some scripts that an expression chooses, `!` behind those it names.
    fn chosen(text: &str) -> String {
        let scripts = [("banner", "discovery safe"), ("vb", "default safe"), ("http-x", "intrusive"), ("not", "vuln")];
        let item = items(&[text.to_owned()]).remove(0);
        let mut chosen = Vec::new();
        for (id, categories) in scripts {
            let categories: Vec<String> = categories.split(' ').map(str::to_owned).collect();
            let verdict = item.ask(id, &categories);
            if verdict.matches {
                chosen.push(format!("{id}{}", if verdict.by_name { "!" } else { "" }));
            }
        }
        chosen.join(" ")
    }

    #[test]
    fn expressions_choose() {
        for (text, expected) in [
            ("safe", "banner vb"),
            ("SAFE AND Default", "vb"),
            ("all", "banner vb http-x not"),
            ("not all", ""),
            ("Not(default)and banner", "banner!"),
            ("default or banner", "banner! vb"),
            ("http-*", "http-x!"),
            ("http-x.nse", "http-x!"),
            ("HTTP-X", ""),
            ("h?tp-x", ""),
            ("*", "banner! vb! http-x! not!"),
            // The right side of `and` is a whole expression.
            ("vuln and safe or intrusive", ""),
            ("(vuln and safe) or intrusive", "http-x"),
            ("not safe and vuln", "not"),
            ("not", "not!"),
            ("not-x", ""),
            ("true", "banner vb http-x not"),
            ("safe or", ""),
            ("safe vuln", ""),
            ("(safe", ""),
            ("not not safe", "banner vb"),
            ("not not vb", "vb!"),
        ] {
            assert_eq!(chosen(text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}safe{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
        assert_eq!(chosen(&deep), "");
        let fine = format!("{}safe{}", "(".repeat(50), ")".repeat(50));
        assert_eq!(chosen(&fine), "banner vb");
        assert_eq!(chosen(&"not ".repeat(100_000)), "");
    }

    #[test]
    fn the_last_of_the_same_items_says_whether_it_is_forced() {
        let forced = |list: &str| {
            let items = items(&[list.to_owned()]);
            items.iter().map(|item| format!("{}{}", if item.forced { "+" } else { "" }, item.text)).collect::<Vec<_>>()
        };
        assert_eq!(forced("vb,+vb"), ["+vb"]);
        assert_eq!(forced("+vb,vb"), ["vb"]);
        assert_eq!(forced(" + a , ,+,b"), ["+a", "b"]);
        assert_eq!(forced(""), Vec::<String>::new());
    }
}
