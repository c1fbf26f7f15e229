//! Tokens from bytes.
//!
//! `logos` makes the automaton; strings, long brackets and comments are read by hand in callbacks, since brackets
//! must balance and escapes be decoded. Lines are counted where newlines are met. A name or string is interned at
//! once, so that a token is a small `Copy` value.

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use logos::{Lexer as Automaton, Logos, Skip};
use perilune_vm::bytecode::{StrId, Strings};
use perilune_vm::number::{Number, parse_number};
use std::hash::BuildHasher;

/// A token is small, and so is what stands in for one.
pub(crate) type LexError = Box<LexFailure>;

/// What can go wrong within a token: the message, and the text read so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct LexFailure {
    pub message: &'static str,
    /// `None`: at the end of the source.
    pub near: Option<Vec<u8>>,
    /// Line a long bracket that has no end started at.
    pub start_line: Option<(u32, &'static str)>,
}

/// Words of the language in order of [`Token`]'s variants, as messages show them.
#[derive(Logos, Clone, Copy, PartialEq, Debug)]
#[logos(utf8 = false, extras = Extras, error = LexError)]
#[logos(skip r"[ \t\x0b\x0c]+")]
pub(crate) enum Token {
    #[token("\n", newline)]
    #[token("\r", newline)]
    #[token("\r\n", newline)]
    #[token("\n\r", newline)]
    #[token("--", comment)]
    Ignored,
    #[token("and")]
    And,
    #[token("break")]
    Break,
    #[token("do")]
    Do,
    #[token("else")]
    Else,
    #[token("elseif")]
    ElseIf,
    #[token("end")]
    End,
    #[token("false")]
    False,
    #[token("for")]
    For,
    #[token("function")]
    Function,
    #[token("goto")]
    Goto,
    #[token("if")]
    If,
    #[token("in")]
    In,
    #[token("local")]
    Local,
    #[token("nil")]
    Nil,
    #[token("not")]
    Not,
    #[token("or")]
    Or,
    #[token("repeat")]
    Repeat,
    #[token("return")]
    Return,
    #[token("then")]
    Then,
    #[token("true")]
    True,
    #[token("until")]
    Until,
    #[token("while")]
    While,
    #[token("//")]
    IDiv,
    #[token("..")]
    Concat,
    #[token("...")]
    Dots,
    #[token("==")]
    Eq,
    #[token(">=")]
    Ge,
    #[token("<=")]
    Le,
    #[token("~=")]
    Ne,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token("::")]
    DoubleColon,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("^")]
    Caret,
    #[token("#")]
    Hash,
    #[token("&")]
    Ampersand,
    #[token("~")]
    Tilde,
    #[token("|")]
    Pipe,
    #[token("<")]
    Lt,
    #[token(">")]
    Gt,
    #[token("=")]
    Assign,
    #[token("(")]
    LeftParen,
    #[token(")")]
    RightParen,
    #[token("{")]
    LeftBrace,
    #[token("}")]
    RightBrace,
    #[regex(r"\[=*", left_bracket)]
    Bracket(BracketKind),
    #[token("]")]
    RightBracket,
    #[token(";")]
    Semicolon,
    #[token(":")]
    Colon,
    #[token(",")]
    Comma,
    #[token(".")]
    Dot,
    #[regex("[A-Za-z_][A-Za-z0-9_]*", name)]
    Name(StrId),
    #[token("\"", short_string)]
    #[token("'", short_string)]
    String(StrId),
    #[regex(r"\.?[0-9]([eE][+\-]?|[0-9a-fA-F.])*[A-Za-z_]?", numeral)]
    #[regex(r"\.?0[xX]([pP][+\-]?|[0-9a-fA-F.])*[A-Za-z_]?", numeral)]
    /// Its value is [`Extras::number`].
    Number,
    /// Any other byte.
    #[regex(r"(?-u)[^\n]", other, priority = 0)]
    Other(u8),
    /// The end of the source; never from the automaton.
    Eos,
}

/// `[`, or a long string.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum BracketKind {
    Plain,
    Long(StrId),
}

// A token fits into a register.
const _: () = assert!(size_of::<Token>() <= 8);

/// State of the lexer besides its position.
pub(crate) struct Extras {
    pub line: u32,
    pub strings: Strings,
    /// Ids by the strings' hashes.
    ids: HashTable<StrId>,
    hasher: RandomState,
    /// Value of the numeral that was read last.
    pub number: Number,
    buffer: Vec<u8>,
}

impl Default for Extras {
    fn default() -> Self {
        Extras {
            line: 1,
            strings: Strings::default(),
            ids: HashTable::new(),
            hasher: RandomState::default(),
            number: Number::Integer(0),
            buffer: Vec::new(),
        }
    }
}

impl Extras {
    /// The id of a string; each distinct one has one.
    pub fn intern(&mut self, bytes: &[u8]) -> StrId {
        let Extras { strings, ids, hasher, .. } = self;
        let hash = hasher.hash_one(bytes);
        if let Some(&id) = ids.find(hash, |&id| strings.get(id) == bytes) {
            return id;
        }
        let id = strings.push(bytes);
        ids.insert_unique(hash, id, |&id| hasher.hash_one(strings.get(id)));
        id
    }
}

fn newline(lexer: &mut Automaton<'_, Token>) -> Skip {
    lexer.extras.line += 1;
    Skip
}

fn other(lexer: &mut Automaton<'_, Token>) -> u8 {
    lexer.slice()[0]
}

fn name(lexer: &mut Automaton<'_, Token>) -> StrId {
    let text = lexer.slice();
    lexer.extras.intern(text)
}

fn numeral(lexer: &mut Automaton<'_, Token>) -> Result<(), LexError> {
    let number = parse_number(lexer.slice());
    lexer.extras.number = number.ok_or_else(|| error("malformed number", lexer.slice()))?;
    Ok(())
}

fn error(message: &'static str, near: &[u8]) -> LexError {
    Box::new(LexFailure { message, near: Some(near.to_vec()), start_line: None })
}

/// Counts the lines in a text, a pair of different line ends being one.
fn count_lines(text: &[u8]) -> u32 {
    let mut count = 0;
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'\n', b'\r', &text[at..]) {
        at += found;
        at += line_end_len(&text[at..]);
        count += 1;
    }
    count
}

/// Length of the line end a text starts with.
fn line_end_len(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] | [b'\n', b'\r', ..] => 2,
        _ => 1,
    }
}

/// Content and whole length of a long bracket whose opening of this level was just read.
fn long_bracket(text: &[u8], level: usize) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        at += memchr::memchr(b']', &text[at..])?;
        let equals = text[at + 1..].iter().take_while(|&&byte| byte == b'=').count();
        if equals == level && text.get(at + 1 + equals) == Some(&b']') {
            return Some((at, at + level + 2));
        }
        at += 1;
    }
}

/// A comment, long or up to the end of the line.
fn comment(lexer: &mut Automaton<'_, Token>) -> logos::FilterResult<(), LexError> {
    let rest = lexer.remainder();
    if rest.first() == Some(&b'[') {
        let level = rest[1..].iter().take_while(|&&byte| byte == b'=').count();
        if rest.get(1 + level) == Some(&b'[') {
            let body = &rest[level + 2..];
            let Some((_, whole)) = long_bracket(body, level) else {
                return logos::FilterResult::Error(unfinished_long(lexer, "comment", count_lines(body)));
            };
            lexer.extras.line += count_lines(&body[..whole]);
            lexer.bump(level + 2 + whole);
            return logos::FilterResult::Skip;
        }
    }
    let len = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    lexer.bump(len);
    logos::FilterResult::Skip
}

fn unfinished_long(lexer: &mut Automaton<'_, Token>, what: &'static str, lines: u32) -> LexError {
    let start = lexer.extras.line;
    lexer.extras.line += lines;
    Box::new(LexFailure { message: "", near: None, start_line: Some((start, what)) })
}

/// `[`, `[[`, `[=[` and so on; the slice holds the bracket and its equals signs.
fn left_bracket(lexer: &mut Automaton<'_, Token>) -> Result<BracketKind, LexError> {
    let level = lexer.slice().len() - 1;
    let rest = lexer.remainder();
    if rest.first() != Some(&b'[') {
        if level == 0 {
            return Ok(BracketKind::Plain);
        }
        return Err(error("invalid long string delimiter", lexer.slice()));
    }
    let body = &rest[1..];
    let Some((content, whole)) = long_bracket(body, level) else {
        return Err(unfinished_long(lexer, "string", count_lines(body)));
    };
    let mut text = &body[..content];
    lexer.extras.line += count_lines(text);
    if matches!(text.first(), Some(b'\n' | b'\r')) {
        text = &text[line_end_len(text)..];
    }
    let id = if memchr::memchr(b'\r', text).is_none() {
        lexer.extras.intern(text)
    } else {
        // Every kind of line end counts as a newline.
        let mut normal = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            if matches!(text[at], b'\n' | b'\r') {
                normal.push(b'\n');
                at += line_end_len(&text[at..]);
            } else {
                normal.push(text[at]);
                at += 1;
            }
        }
        lexer.extras.intern(&normal)
    };
    lexer.bump(1 + whole);
    Ok(BracketKind::Long(id))
}

/// A quoted string; the slice is its opening quote.
fn short_string(lexer: &mut Automaton<'_, Token>) -> Result<StrId, LexError> {
    let quote = lexer.slice()[0];
    let rest = lexer.remainder();
    let special = |byte: u8| byte == quote || matches!(byte, b'\\' | b'\n' | b'\r');
    let plain = rest.iter().position(|&byte| special(byte)).unwrap_or(rest.len());
    if rest.get(plain) == Some(&quote) {
        let id = lexer.extras.intern(&rest[..plain]);
        lexer.bump(plain + 1);
        return Ok(id);
    }
    let mut buffer = std::mem::take(&mut lexer.extras.buffer);
    buffer.clear();
    let mut reader = StringReader { text: rest, at: 0, out: &mut buffer, lines: 0, quote };
    let result = reader.read();
    let (len, lines) = (reader.at, reader.lines);
    lexer.extras.line += lines;
    lexer.bump(len);
    let result = result.map(|()| lexer.extras.intern(&buffer));
    lexer.extras.buffer = buffer;
    result
}

/// Decodes a quoted string with escapes.
struct StringReader<'a> {
    text: &'a [u8],
    at: usize,
    out: &'a mut Vec<u8>,
    lines: u32,
    quote: u8,
}

impl StringReader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn read(&mut self) -> Result<(), LexError> {
        loop {
            match self.peek() {
                None => {
                    return Err(Box::new(LexFailure { message: "unfinished string", near: None, start_line: None }));
                }
                Some(b'\n' | b'\r') => return Err(self.unfinished()),
                Some(b'\\') => self.escape()?,
                Some(byte) => {
                    self.at += 1;
                    if byte == self.quote {
                        return Ok(());
                    }
                    self.out.push(byte);
                }
            }
        }
    }

    /// What the reference has in its buffer: the quote, and what is decoded so far.
    fn read_so_far(&self) -> Vec<u8> {
        [&[self.quote], &self.out[..]].concat()
    }

    fn unfinished(&self) -> LexError {
        error("unfinished string", &self.read_so_far())
    }

    /// An error in the escape that started at `start`: up to `end`, and the byte there.
    fn bad_escape(&self, message: &'static str, start: usize, end: usize) -> LexError {
        let end = if end < self.text.len() { end + 1 } else { end };
        error(message, &[&self.read_so_far()[..], &self.text[start..end]].concat())
    }

    fn escape(&mut self) -> Result<(), LexError> {
        let start = self.at;
        self.at += 1;
        let Some(byte) = self.peek() else {
            return Err(Box::new(LexFailure { message: "unfinished string", near: None, start_line: None }));
        };
        let plain = match byte {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'"' | b'\'' => byte,
            b'\n' | b'\r' => {
                self.at += line_end_len(&self.text[self.at..]);
                self.lines += 1;
                self.out.push(b'\n');
                return Ok(());
            }
            b'x' => return self.hex_escape(start),
            b'u' => return self.unicode_escape(start),
            b'z' => {
                self.at += 1;
                while let Some(byte) = self.peek() {
                    match byte {
                        b'\n' | b'\r' => {
                            self.at += line_end_len(&self.text[self.at..]);
                            self.lines += 1;
                        }
                        b' ' | b'\t' | 11 | 12 => self.at += 1,
                        _ => break,
                    }
                }
                return Ok(());
            }
            b'0'..=b'9' => return self.decimal_escape(start),
            _ => return Err(self.bad_escape("invalid escape sequence", start, self.at)),
        };
        self.at += 1;
        self.out.push(plain);
        Ok(())
    }

    fn hex_escape(&mut self, start: usize) -> Result<(), LexError> {
        let mut value = 0u8;
        for _ in 0..2 {
            self.at += 1;
            match self.peek().and_then(|byte| (byte as char).to_digit(16)) {
                Some(digit) => value = value << 4 | digit as u8,
                None => return Err(self.bad_escape("hexadecimal digit expected", start, self.at)),
            }
        }
        self.at += 1;
        self.out.push(value);
        Ok(())
    }

    fn decimal_escape(&mut self, start: usize) -> Result<(), LexError> {
        let mut value = 0u32;
        for _ in 0..3 {
            match self.peek() {
                Some(byte @ b'0'..=b'9') => value = value * 10 + (byte - b'0') as u32,
                _ => break,
            }
            self.at += 1;
        }
        match u8::try_from(value) {
            Ok(value) => self.out.push(value),
            Err(_) => return Err(self.bad_escape("decimal escape too large", start, self.at)),
        }
        Ok(())
    }

    fn unicode_escape(&mut self, start: usize) -> Result<(), LexError> {
        self.at += 1;
        if self.peek() != Some(b'{') {
            return Err(self.bad_escape("missing '{'", start, self.at));
        }
        self.at += 1;
        let digit = |reader: &Self| reader.peek().and_then(|byte| (byte as char).to_digit(16));
        let Some(first) = digit(self) else {
            return Err(self.bad_escape("hexadecimal digit expected", start, self.at));
        };
        let mut value = first;
        self.at += 1;
        while let Some(next) = digit(self) {
            if value > 0x7fff_ffff >> 4 {
                return Err(self.bad_escape("UTF-8 value too large", start, self.at));
            }
            value = value << 4 | next;
            self.at += 1;
        }
        if self.peek() != Some(b'}') {
            return Err(self.bad_escape("missing '}'", start, self.at));
        }
        self.at += 1;
        encode_utf8(value, self.out);
        Ok(())
    }
}

/// UTF-8 in its original form, up to 2^31.
fn encode_utf8(value: u32, out: &mut Vec<u8>) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    let mut bytes = [0u8; 6];
    let mut at = bytes.len();
    let mut rest = value;
    let mut first_max = 0x3f;
    while rest > first_max {
        at -= 1;
        bytes[at] = 0x80 | (rest & 0x3f) as u8;
        rest >>= 6;
        first_max >>= 1;
    }
    at -= 1;
    bytes[at] = ((!first_max << 1) as u8) | rest as u8;
    out.extend_from_slice(&bytes[at..]);
}

/// How messages write a token that has no text of its own.
pub(crate) fn fixed_text(token: Token) -> &'static str {
    match token {
        Token::And => "and",
        Token::Break => "break",
        Token::Do => "do",
        Token::Else => "else",
        Token::ElseIf => "elseif",
        Token::End => "end",
        Token::False => "false",
        Token::For => "for",
        Token::Function => "function",
        Token::Goto => "goto",
        Token::If => "if",
        Token::In => "in",
        Token::Local => "local",
        Token::Nil => "nil",
        Token::Not => "not",
        Token::Or => "or",
        Token::Repeat => "repeat",
        Token::Return => "return",
        Token::Then => "then",
        Token::True => "true",
        Token::Until => "until",
        Token::While => "while",
        Token::IDiv => "//",
        Token::Concat => "..",
        Token::Dots => "...",
        Token::Eq => "==",
        Token::Ge => ">=",
        Token::Le => "<=",
        Token::Ne => "~=",
        Token::Shl => "<<",
        Token::Shr => ">>",
        Token::DoubleColon => "::",
        Token::Plus => "+",
        Token::Minus => "-",
        Token::Star => "*",
        Token::Slash => "/",
        Token::Percent => "%",
        Token::Caret => "^",
        Token::Hash => "#",
        Token::Ampersand => "&",
        Token::Tilde => "~",
        Token::Pipe => "|",
        Token::Lt => "<",
        Token::Gt => ">",
        Token::Assign => "=",
        Token::LeftParen => "(",
        Token::RightParen => ")",
        Token::LeftBrace => "{",
        Token::RightBrace => "}",
        Token::Bracket(_) => "[",
        Token::RightBracket => "]",
        Token::Semicolon => ";",
        Token::Colon => ":",
        Token::Comma => ",",
        Token::Dot => ".",
        Token::Name(_) => "<name>",
        Token::String(_) => "<string>",
        Token::Number => "<number>",
        Token::Eos => "<eof>",
        Token::Ignored | Token::Other(_) => "",
    }
}
