//! Tokens and comments of Lua sources that compile.
//!
//! The compiler's lexer drops comments and interns strings as bytes; documentation lives in comments, and whoever reads
//! it wants text. What does not compile never gets here, so that nothing has to be reported: where a token makes no
//! sense, it is passed over.

use std::borrow::Cow;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Name,
    /// A word of the language.
    Word,
    Number,
    /// A string; the token's text is its value.
    Text,
    /// An operator or a bracket.
    Sign,
    End,
}

#[derive(Clone, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: Cow<'a, str>,
    pub line: u32,
}

impl Token<'_> {
    /// Whether it is this word or sign.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text == text
    }
}

/// A comment of one line.
#[derive(Clone, Debug)]
pub struct Comment<'a> {
    pub line: u32,
    /// With its dashes.
    pub text: &'a str,
    /// The token behind it, by its place.
    pub next: usize,
}

const WORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// Whether a name is a word of the language.
pub fn is_word(name: &str) -> bool {
    WORDS.contains(&name)
}

/// Signs of more than one character, longest first.
const LONG_SIGNS: [&str; 11] = ["...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>", "->"];

/// The text of a source: UTF-8, or else each byte is a character.
pub fn decoded(source: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(source) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(source.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// All tokens, with one of kind [`Kind::End`] behind them, and all comments of one line.
pub fn read(source: &str) -> (Vec<Token<'_>>, Vec<Comment<'_>>) {
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new(), comments: Vec::new() };
    if source.starts_with('#') {
        lexer.at = source.find('\n').unwrap_or(source.len());
    }
    while lexer.token() {}
    let line = lexer.line;
    lexer.tokens.push(Token { kind: Kind::End, text: Cow::Borrowed(""), line });
    (lexer.tokens, lexer.comments)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    tokens: Vec<Token<'a>>,
    comments: Vec<Comment<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn push(&mut self, kind: Kind, text: Cow<'a, str>, line: u32) {
        self.tokens.push(Token { kind, text, line });
    }

    /// Takes a part of the source that begins here; counts its lines.
    fn take(&mut self, len: usize) -> &'a str {
        let text = &self.source[self.at..self.at + len];
        self.line += text.bytes().filter(|&byte| byte == b'\n').count() as u32;
        self.at += len;
        text
    }

    /// Reads one token or comment, or passes over white space; whether there was any.
    fn token(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.take(first.len_utf8());
        } else if rest.starts_with("--") {
            self.comment();
        } else if first == '_' || first.is_ascii_alphabetic() {
            let len = length(rest, |c| c == '_' || c.is_ascii_alphanumeric());
            let text = self.take(len);
            let kind = if is_word(text) { Kind::Word } else { Kind::Name };
            self.push(kind, Cow::Borrowed(text), self.line);
        } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let len = number_len(rest);
            let text = self.take(len);
            self.push(Kind::Number, Cow::Borrowed(text), self.line);
        } else if first == '"' || first == '\'' {
            self.quoted(first);
        } else if let Some((open, close)) = bracket(rest) {
            let line = self.line;
            let text = self.bracketed(open, &close);
            self.push(Kind::Text, Cow::Borrowed(text), line);
        } else {
            let sign = LONG_SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let text = self.take(sign.map_or(first.len_utf8(), |sign| sign.len()));
            self.push(Kind::Sign, Cow::Borrowed(text), self.line);
        }
        true
    }

    fn comment(&mut self) {
        if let Some((open, close)) = bracket(&self.rest()[2..]) {
            self.at += 2;
            self.bracketed(open, &close);
            return;
        }
        let len = self.rest().find('\n').unwrap_or(self.rest().len());
        let text = self.take(len).trim_end();
        self.comments.push(Comment { line: self.line, text, next: self.tokens.len() });
    }

    /// What stands between long brackets, without a line break at the start.
    fn bracketed(&mut self, open_len: usize, close: &str) -> &'a str {
        self.take(open_len);
        let len = self.rest().find(close).unwrap_or(self.rest().len());
        let text = self.take(len);
        self.take(close.len().min(self.rest().len()));
        text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text)
    }

    fn quoted(&mut self, quote: char) {
        let line = self.line;
        self.take(1);
        let len = length(self.rest(), |c| c != quote && c != '\\' && c != '\n');
        let plain = self.take(len);
        if self.rest().starts_with(quote) {
            self.take(1);
            return self.push(Kind::Text, Cow::Borrowed(plain), line);
        }
        let mut value = plain.to_owned();
        while let Some(c) = self.rest().chars().next() {
            self.take(c.len_utf8());
            match c {
                '\n' => break,
                c if c == quote => break,
                '\\' => self.escape(&mut value),
                c => value.push(c),
            }
        }
        self.push(Kind::Text, Cow::Owned(value), line);
    }

    fn escape(&mut self, value: &mut String) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        match c {
            'z' => {
                let len = 1 + length(&rest[1..], char::is_whitespace);
                self.take(len);
            }
            'x' => {
                let digits = rest.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                self.take(if digits.is_some() { 3 } else { 1 });
                value.extend(digits.map(char::from));
            }
            'u' => {
                let len = rest.find('}').map_or(1, |end| end + 1);
                let code = rest.get(2..len - 1).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                self.take(len);
                value.extend(code.and_then(char::from_u32));
            }
            '0'..='9' => {
                let len = length(rest, |c| c.is_ascii_digit()).min(3);
                let digits = self.take(len);
                value.extend(digits.parse::<u8>().ok().map(char::from));
            }
            c => {
                self.take(c.len_utf8());
                value.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'a' => '\x07',
                    'b' => '\x08',
                    'f' => '\x0c',
                    'v' => '\x0b',
                    c => c,
                });
            }
        }
    }
}

/// Bytes at the start whose characters pass.
fn length(text: &str, passes: impl Fn(char) -> bool) -> usize {
    text.find(|c| !passes(c)).unwrap_or(text.len())
}

fn number_len(text: &str) -> usize {
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut before = ' ';
    length_with(text, |c| {
        let exponent = if hexadecimal { matches!(before, 'p' | 'P') } else { matches!(before, 'e' | 'E') };
        before = c;
        c.is_ascii_alphanumeric() || c == '.' || exponent && matches!(c, '+' | '-')
    })
}

fn length_with(text: &str, mut passes: impl FnMut(char) -> bool) -> usize {
    text.find(|c| !passes(c)).unwrap_or(text.len())
}

/// The length of a long bracket that opens here, and the bracket that closes it.
fn bracket(text: &str) -> Option<(usize, String)> {
    let inner = text.strip_prefix('[')?;
    let level = length(inner, |c| c == '=');
    inner[level..].starts_with('[').then(|| (level + 2, format!("]{}]", &inner[..level])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> String {
        let (tokens, comments) = read(source);
        let tokens = tokens.iter().map(|token| format!("{}:{:?} {}", token.line, token.kind, token.text));
        let comments = comments.iter().map(|comment| format!("{}<{} {}", comment.line, comment.next, comment.text));
        tokens.chain(comments).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn tokens_have_lines_and_values() {
        assert_eq!(shown("local x = 0x1p-4"), "1:Word local|1:Name x|1:Sign =|1:Number 0x1p-4|1:End ");
        assert_eq!(shown("a..'\\65\\n\\x41\\u{e9}\\z \n b'"), "1:Name a|1:Sign ..|1:Text A\nA\u{e9}b|2:End ");
        assert_eq!(shown("[==[\na]]b]==]\n'x'"), "1:Text a]]b|3:Text x|3:End ");
        assert_eq!(shown("#!x\n--- one\n--[[ two\n]] f -- three"), "4:Name f|4:End |2<0 --- one|4<1 -- three");
    }

    #[test]
    fn what_does_not_compile_ends_all_the_same() {
        for source in ["'\\", "\"abc", "[==[", "--[[", "'\\x", "'\\u{", "\u{e9}\u{2028}", "'\\u}"] {
            read(source);
        }
    }
}
