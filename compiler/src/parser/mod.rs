//! The parser: one function per production, emitting code as it reads.
//!
//! # Source
//! Manual §9 for the grammar; the order in which things are checked follows `lparser.c`, so that the first error is
//! the same. The code is our own.

mod expressions;
mod statements;
mod variables;

use crate::error::SyntaxError;
use crate::lexer::{BracketKind, LexFailure, Token, fixed_text};
use crate::scope::{FuncState, Label, VarKind, Variable};
use logos::{Lexer, Logos};
use perilune_vm::bytecode::{Chunk, StrId, UpvalueDesc};
use std::ops::Range;
use std::rc::Rc;

/// Boxed, so that results stay small where nothing is wrong.
pub(crate) type Res<T> = Result<T, Box<SyntaxError>>;

/// Nested productions, as the reference counts them.
const LEVELS_MAX: u32 = 195;
/// Results of a call or return that are not counted.
const MULTIPLE: usize = usize::MAX;

/// A token, where it is, and the line its end is on.
#[derive(Clone, Debug)]
struct Read {
    token: Token,
    span: Range<usize>,
    line: u32,
}

/// The parser's state.
pub(crate) struct Parser<'s> {
    lexer: Lexer<'s, Token>,
    source: &'s [u8],
    chunk_name: &'s [u8],
    current: Read,
    ahead: Option<Read>,
    /// Line of the token before the current one.
    pub(crate) last_line: u32,
    functions: Vec<FuncState>,
    /// Local variables of all functions under construction.
    pub(crate) variables: Vec<Variable>,
    labels: Vec<Label>,
    gotos: Vec<Label>,
    levels: u32,
    env_name: StrId,
    break_name: StrId,
}

impl<'s> Parser<'s> {
    pub fn new(source: &'s [u8], chunk_name: &'s [u8]) -> Parser<'s> {
        let mut lexer = Token::lexer(source);
        let env_name = lexer.extras.intern(b"_ENV");
        let break_name = lexer.extras.intern(b"break");
        Parser {
            lexer,
            source,
            chunk_name,
            current: Read { token: Token::Eos, span: 0..0, line: 1 },
            ahead: None,
            last_line: 1,
            functions: Vec::new(),
            variables: Vec::new(),
            labels: Vec::new(),
            gotos: Vec::new(),
            levels: 0,
            env_name,
            break_name,
        }
    }

    pub fn compile(mut self) -> Res<Chunk> {
        if u32::try_from(self.source.len()).is_err() {
            return Err(self.error_at("chunk has too many bytes", None));
        }
        let mut main = FuncState::new(0, 0, 0);
        let env = UpvalueDesc { name: Some(self.env_name), in_stack: true, idx: 0 };
        main.add_upvalue(env, VarKind::Regular);
        self.functions.push(main);
        self.enter_block(false);
        self.set_vararg(0);
        self.next()?;
        self.statement_list()?;
        self.check(Token::Eos)?;
        let main = self.close_function()?;
        Ok(Chunk { source: Rc::from(self.chunk_name), strings: self.lexer.extras.strings, main })
    }

    // Tokens

    fn token(&self) -> Token {
        self.current.token
    }

    fn line(&self) -> u32 {
        self.ahead.as_ref().map_or(self.current.line, |ahead| ahead.line)
    }

    fn read(&mut self) -> Res<Token> {
        match self.lexer.next() {
            None => Ok(Token::Eos),
            Some(Ok(token)) => Ok(token),
            Some(Err(error)) => Err(self.error_in_token(*error)),
        }
    }

    #[cold]
    fn error_in_token(&self, error: LexFailure) -> Box<SyntaxError> {
        let near = Some(error.near.map_or_else(|| b"<eof>".to_vec(), |near| quoted(&near)));
        let message = match error.start_line {
            Some((start, what)) => format!("unfinished long {what} (starting at line {start})"),
            None => error.message.to_owned(),
        };
        SyntaxError::new(self.chunk_name, self.lexer.extras.line, message, near)
    }

    /// The token with where the lexer stands behind it.
    fn placed(&self, token: Token) -> Read {
        let span = if token == Token::Eos { self.source.len()..self.source.len() } else { self.lexer.span() };
        Read { token, span, line: self.lexer.extras.line }
    }

    fn next(&mut self) -> Res<()> {
        self.last_line = self.line();
        if let Some(ahead) = self.ahead.take() {
            self.current = ahead;
        } else {
            let token = self.read()?;
            self.current = self.placed(token);
        }
        Ok(())
    }

    fn look_ahead(&mut self) -> Res<Token> {
        let token = self.read()?;
        self.ahead = Some(self.placed(token));
        Ok(token)
    }

    /// The current token as messages quote it.
    fn near(&self) -> Vec<u8> {
        let raw = &self.source[self.current.span.clone()];
        match self.token() {
            Token::Name(_) | Token::Number => quoted(raw),
            Token::Bracket(BracketKind::Long(id)) => {
                let equals = raw[1..].iter().take_while(|&&byte| byte == b'=').count();
                let (open, close) = raw.split_at(equals + 2);
                let close = &close[close.len() - equals - 2..];
                quoted(&[open, self.lexer.extras.strings.get(id), close].concat())
            }
            Token::String(id) => {
                let quote = &raw[..1];
                quoted(&[quote, self.lexer.extras.strings.get(id), quote].concat())
            }
            Token::Other(byte) if !(0x20..0x7f).contains(&byte) => format!("'<\\{byte}>'").into_bytes(),
            Token::Other(byte) => quoted(&[byte]),
            Token::Eos => b"<eof>".to_vec(),
            token => quoted(fixed_text(token).as_bytes()),
        }
    }

    pub(crate) fn error_near(&self, message: impl Into<Vec<u8>>) -> Box<SyntaxError> {
        // The reference takes a zero byte for no token.
        let near = (self.token() != Token::Other(0)).then(|| self.near());
        SyntaxError::new(self.chunk_name, self.line(), message, near)
    }

    fn error_at(&self, message: impl Into<Vec<u8>>, near: Option<Vec<u8>>) -> Box<SyntaxError> {
        SyntaxError::new(self.chunk_name, self.line(), message, near)
    }

    fn error_expected(&self, token: Token) -> Box<SyntaxError> {
        self.error_near([&token_text(token)[..], b" expected"].concat())
    }

    fn check(&mut self, token: Token) -> Res<()> {
        if self.token() == token { Ok(()) } else { Err(self.error_expected(token)) }
    }

    fn check_next(&mut self, token: Token) -> Res<()> {
        self.check(token)?;
        self.next()
    }

    fn test_next(&mut self, token: Token) -> Res<bool> {
        let found = self.token() == token;
        if found {
            self.next()?;
        }
        Ok(found)
    }

    /// The token that closes what another one opened on `line`.
    fn check_match(&mut self, what: Token, opened: Token, line: u32) -> Res<()> {
        if self.test_next(what)? {
            return Ok(());
        }
        if line == self.line() {
            return Err(self.error_expected(what));
        }
        let (what, opened) = (token_text(what), token_text(opened));
        let line = format!(" at line {line})").into_bytes();
        Err(self.error_near([&what[..], b" expected (to close ", &opened, &line].concat()))
    }

    fn check_name(&mut self) -> Res<StrId> {
        match self.token() {
            Token::Name(name) => {
                self.next()?;
                Ok(name)
            }
            _ => Err(self.error_near("<name> expected")),
        }
    }

    fn enter_level(&mut self) -> Res<()> {
        self.levels += 1;
        if self.levels > LEVELS_MAX {
            return Err(SyntaxError::too_deep(self.chunk_name));
        }
        Ok(())
    }

    pub(crate) fn string_len(&self, id: StrId) -> usize {
        self.lexer.extras.strings.get(id).len()
    }

    fn text(&self, id: StrId) -> &[u8] {
        self.lexer.extras.strings.get(id)
    }
}

/// A token in quotes, up to a zero byte, as the reference's messages end there.
fn quoted(text: &[u8]) -> Vec<u8> {
    [b"'", text.split(|&byte| byte == 0).next().unwrap_or_default(), b"'"].concat()
}

/// A token as `... expected` messages have it.
fn token_text(token: Token) -> Vec<u8> {
    match token {
        Token::Eos => b"<eof>".to_vec(),
        Token::Name(_) | Token::String(_) | Token::Number => fixed_text(token).as_bytes().to_vec(),
        _ => quoted(fixed_text(token).as_bytes()),
    }
}
