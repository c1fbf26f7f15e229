//! The parser: one function per production, emitting code as it reads.
//!
//! # Source
//! Manual §9 for the grammar; the order in which things are checked follows `lparser.c`, so that the first error is
//! the same. The code is our own.

use crate::error::SyntaxError;
use crate::expr::{BinaryOp, ExpDesc, Kind, NO_JUMP, UNARY_PRIORITY, UnaryOp};
use crate::lexer::{BracketKind, LexFailure, Token, fixed_text};
use crate::scope::{Block, FuncState, LOCALS_MAX, Label, UPVALUES_MAX, VarKind, Variable};
use logos::{Lexer, Logos};
use perilune_vm::bytecode::{Chunk, Instruction, Op, StrId, UpvalueDesc};
use perilune_vm::number::Number;
use std::ops::Range;
use std::rc::Rc;

/// Boxed, so that results stay small where nothing is wrong.
pub(crate) type Res<T> = Result<T, Box<SyntaxError>>;

/// Nested productions, as the reference counts them.
const LEVELS_MAX: u32 = 195;
/// Items of a table constructor that are stored together.
const ITEMS_PER_FLUSH: usize = 50;
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

/// Left side of an assignment, one of several.
struct Assigned {
    target: ExpDesc,
}

/// A table constructor under way.
struct Constructor {
    table: u8,
    /// The last item, not stored yet.
    item: ExpDesc,
    fields: usize,
    stored: usize,
    pending: usize,
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

    // Functions, variables, blocks

    pub(crate) fn fs(&mut self) -> &mut FuncState {
        self.functions.last_mut().expect("a function is being read")
    }

    fn error_limit(&mut self, limit: usize, what: &str) -> Box<SyntaxError> {
        let line = self.fs().proto.line_defined;
        let place = if line == 0 { "main function".to_owned() } else { format!("function at line {line}") };
        self.error_near(format!("too many {what} (limit is {limit}) in {place}"))
    }

    fn set_vararg(&mut self, params: u8) {
        self.fs().proto.is_vararg = true;
        self.emit_abc(Op::VarargPrep, params, 0, 0);
    }

    fn new_local(&mut self, name: StrId) -> Res<usize> {
        let first = self.fs().first_variable;
        if self.variables.len() + 1 - first > LOCALS_MAX {
            return Err(self.error_limit(LOCALS_MAX, "local variables"));
        }
        self.variables.push(Variable { name, kind: VarKind::Regular, reg: 0, record: 0 });
        Ok(self.variables.len() - 1)
    }

    fn new_local_literal(&mut self, name: &'static str) -> Res<usize> {
        let name = self.lexer.extras.intern(name.as_bytes());
        self.new_local(name)
    }

    /// Registers that the first `count` active variables of the function take.
    fn register_level(&mut self, count: usize) -> u8 {
        let first = self.fs().first_variable;
        let in_register = |variable: &&Variable| !matches!(variable.kind, VarKind::CompileTime(_));
        self.variables[first..first + count].iter().rev().find(in_register).map_or(0, |variable| variable.reg + 1)
    }

    /// Registers that all active variables of the function take.
    pub(crate) fn active_registers(&mut self) -> u8 {
        let active = self.fs().active;
        self.register_level(active)
    }

    /// Makes the next `count` variables active.
    fn adjust_locals(&mut self, count: usize) {
        let first = self.active_registers();
        for reg in first..first + count as u8 {
            let fs = self.functions.last_mut().expect("a function is being read");
            let variable = &mut self.variables[fs.first_variable + fs.active];
            fs.active += 1;
            variable.reg = reg;
            variable.record = fs.add_record(variable.name);
        }
    }

    /// Ends the scope of the variables beyond `level`.
    fn remove_variables(&mut self, level: usize) {
        let fs = self.functions.last_mut().expect("a function is being read");
        let pc = fs.pc() as u32;
        let keep = fs.first_variable + level;
        for variable in &self.variables[keep..] {
            if !matches!(variable.kind, VarKind::CompileTime(_)) {
                fs.proto.locals[variable.record].end_pc = pc;
            }
        }
        fs.active = level;
        self.variables.truncate(keep);
    }

    fn enter_block(&mut self, is_loop: bool) {
        let (first_label, first_goto) = (self.labels.len(), self.gotos.len());
        let fs = self.fs();
        let inside_close = fs.blocks.last().is_some_and(|block| block.inside_close);
        let active = fs.active;
        fs.blocks.push(Block { first_label, first_goto, active, is_loop, has_upvalue: false, inside_close });
    }

    fn leave_block(&mut self) -> Res<Block> {
        let block = self.fs().block().clone();
        let level = self.register_level(block.active);
        self.remove_variables(block.active);
        let mut has_close = false;
        if block.is_loop {
            has_close = self.create_label(self.break_name, 0, false)?;
        }
        let is_inner = self.fs().blocks.len() > 1;
        if !has_close && is_inner && block.has_upvalue {
            self.emit_abc(Op::Close, level, 0, 0);
        }
        self.fs().free_reg = level;
        self.labels.truncate(block.first_label);
        self.fs().blocks.pop();
        if is_inner {
            self.move_gotos_out(&block);
        } else if let Some(&pending) = self.gotos.get(block.first_goto) {
            return Err(self.undefined_goto(pending));
        }
        Ok(block)
    }

    fn undefined_goto(&self, pending: Label) -> Box<SyntaxError> {
        let line = format!(" at line {}", pending.line).into_bytes();
        if pending.name == self.break_name {
            return self.error_at([b"break outside loop", &line[..]].concat(), None);
        }
        let name = self.text(pending.name);
        self.error_at([b"no visible label '", name, b"' for <goto>", &line].concat(), None)
    }

    fn move_gotos_out(&mut self, block: &Block) {
        for idx in block.first_goto..self.gotos.len() {
            let active = self.gotos[idx].active;
            if active > block.active {
                self.gotos[idx].close |= block.has_upvalue;
                self.gotos[idx].active = block.active;
            }
        }
    }

    fn create_label(&mut self, name: StrId, line: u32, last: bool) -> Res<bool> {
        let pc = self.label_here();
        let active = if last { self.fs().block().active } else { self.fs().active };
        let label = Label { name, pc, line, active, close: false };
        self.labels.push(label);
        if self.solve_gotos(label)? {
            let level = self.active_registers();
            self.emit_abc(Op::Close, level, 0, 0);
            return Ok(true);
        }
        Ok(false)
    }

    /// Patches the block's pending gotos to a label; whether one needs variables closed.
    fn solve_gotos(&mut self, label: Label) -> Res<bool> {
        let mut needs_close = false;
        let mut idx = self.fs().block().first_goto;
        while idx < self.gotos.len() {
            let pending = self.gotos[idx];
            if pending.name != label.name {
                idx += 1;
                continue;
            }
            needs_close |= pending.close;
            if pending.active < label.active {
                let first = self.fs().first_variable;
                let variable = self.variables[first + pending.active].name;
                let line = pending.line.to_string();
                let message = [
                    b"<goto ",
                    self.text(pending.name),
                    b"> at line ",
                    line.as_bytes(),
                    b" jumps into the scope of local '",
                    self.text(variable),
                    b"'",
                ];
                return Err(self.error_at(message.concat(), None));
            }
            self.patch_list(pending.pc as i32, label.pc);
            self.gotos.remove(idx);
        }
        Ok(needs_close)
    }

    fn new_goto(&mut self, name: StrId, line: u32, jump: i32) {
        let active = self.fs().active;
        self.gotos.push(Label { name, pc: jump as usize, line, active, close: false });
    }

    fn open_function(&mut self, line: u32) {
        let fs = FuncState::new(line, self.variables.len(), self.labels.len());
        self.functions.push(fs);
        self.enter_block(false);
    }

    fn close_function(&mut self) -> Res<perilune_vm::bytecode::Proto> {
        let level = self.active_registers();
        self.code_return(level, Some(0));
        self.leave_block()?;
        self.finish();
        Ok(self.functions.pop().expect("a function is being read").proto)
    }

    /// Finds a variable from the function at `level` outwards. `None` is a global name.
    fn find_variable(&mut self, level: usize, name: StrId, innermost: bool) -> Res<Option<Kind>> {
        let fs = &self.functions[level];
        let (first, active) = (fs.first_variable, fs.active);
        let found = self.variables[first..first + active].iter().rposition(|variable| variable.name == name);
        if let Some(idx) = found {
            let variable = self.variables[first + idx];
            if matches!(variable.kind, VarKind::CompileTime(_)) {
                return Ok(Some(Kind::CompileTime(first + idx)));
            }
            if !innermost {
                self.mark_captured(level, idx);
            }
            return Ok(Some(Kind::Local { reg: variable.reg, var: first + idx }));
        }
        if let Some(idx) = fs.find_upvalue(name) {
            return Ok(Some(Kind::Upvalue(idx)));
        }
        if level == 0 {
            return Ok(None);
        }
        let (desc, kind) = match self.find_variable(level - 1, name, false)? {
            Some(Kind::Local { reg, var }) => {
                (UpvalueDesc { name: Some(name), in_stack: true, idx: reg }, self.variables[var].kind)
            }
            Some(Kind::Upvalue(idx)) => {
                let kind = self.functions[level - 1].upvalue_kinds[idx as usize];
                (UpvalueDesc { name: Some(name), in_stack: false, idx }, kind)
            }
            other => return Ok(other),
        };
        if self.functions[level].proto.upvalues.len() >= UPVALUES_MAX {
            return Err(self.error_limit(UPVALUES_MAX, "upvalues"));
        }
        Ok(Some(Kind::Upvalue(self.functions[level].add_upvalue(desc, kind))))
    }

    /// The block that has the variable must close it when left.
    fn mark_captured(&mut self, level: usize, variable: usize) {
        let fs = &mut self.functions[level];
        if let Some(block) = fs.blocks.iter_mut().rev().find(|block| block.active <= variable) {
            block.has_upvalue = true;
        }
        fs.needs_close = true;
    }

    fn single_var(&mut self, e: &mut ExpDesc) -> Res<()> {
        let name = self.check_name()?;
        let level = self.functions.len() - 1;
        if let Some(kind) = self.find_variable(level, name, true)? {
            *e = ExpDesc::new(kind);
            return Ok(());
        }
        let env = self.find_variable(level, self.env_name, true)?.expect("the main function has `_ENV`");
        *e = ExpDesc::new(env);
        self.exp_to_any_reg_or_upvalue(e)?;
        self.indexed(e, &mut ExpDesc::new(Kind::String(name)))
    }

    // Statements

    fn block_follows(&self, with_until: bool) -> bool {
        match self.token() {
            Token::Else | Token::ElseIf | Token::End | Token::Eos => true,
            Token::Until => with_until,
            _ => false,
        }
    }

    fn statement_list(&mut self) -> Res<()> {
        while !self.block_follows(true) {
            if self.token() == Token::Return {
                return self.statement();
            }
            self.statement()?;
        }
        Ok(())
    }

    fn block(&mut self) -> Res<()> {
        self.enter_block(false);
        self.statement_list()?;
        self.leave_block()?;
        Ok(())
    }

    fn statement(&mut self) -> Res<()> {
        let line = self.line();
        self.enter_level()?;
        match self.token() {
            Token::Semicolon => self.next()?,
            Token::If => self.if_statement(line)?,
            Token::While => self.while_statement(line)?,
            Token::Do => {
                self.next()?;
                self.block()?;
                self.check_match(Token::End, Token::Do, line)?;
            }
            Token::For => self.for_statement(line)?,
            Token::Repeat => self.repeat_statement(line)?,
            Token::Function => self.function_statement(line)?,
            Token::Local => {
                self.next()?;
                if self.test_next(Token::Function)? {
                    self.local_function()?;
                } else {
                    self.local_statement()?;
                }
            }
            Token::DoubleColon => {
                self.next()?;
                let name = self.check_name()?;
                self.label_statement(name, line)?;
            }
            Token::Return => {
                self.next()?;
                self.return_statement()?;
            }
            Token::Break => {
                self.next()?;
                let jump = self.jump();
                self.new_goto(self.break_name, line, jump);
            }
            Token::Goto => {
                self.next()?;
                self.goto_statement()?;
            }
            _ => self.expression_statement()?,
        }
        let level = self.active_registers();
        self.fs().free_reg = level;
        self.levels -= 1;
        Ok(())
    }

    fn goto_statement(&mut self) -> Res<()> {
        let line = self.line();
        let name = self.check_name()?;
        let first = self.fs().first_label;
        match self.labels[first..].iter().find(|label| label.name == name).copied() {
            None => {
                let jump = self.jump();
                self.new_goto(name, line, jump);
            }
            Some(label) => {
                let level = self.register_level(label.active);
                if self.active_registers() > level {
                    self.emit_abc(Op::Close, level, 0, 0);
                }
                let jump = self.jump();
                self.patch_list(jump, label.pc);
            }
        }
        Ok(())
    }

    fn label_statement(&mut self, name: StrId, line: u32) -> Res<()> {
        self.check_next(Token::DoubleColon)?;
        while matches!(self.token(), Token::Semicolon | Token::DoubleColon) {
            self.statement()?;
        }
        let first = self.fs().first_label;
        if let Some(label) = self.labels[first..].iter().find(|label| label.name == name) {
            let line = format!("' already defined on line {}", label.line).into_bytes();
            return Err(self.error_at([b"label '", self.text(name), &line].concat(), None));
        }
        let last = self.block_follows(false);
        self.create_label(name, line, last)?;
        Ok(())
    }

    /// Reads a condition; the jumps taken when it is false.
    fn condition(&mut self) -> Res<i32> {
        let mut e = ExpDesc::VOID;
        self.expression(&mut e)?;
        if e.kind == Kind::Nil {
            e.kind = Kind::False;
        }
        self.go_if_true(&mut e)?;
        Ok(e.on_false)
    }

    fn while_statement(&mut self, line: u32) -> Res<()> {
        self.next()?;
        let start = self.label_here();
        let exit = self.condition()?;
        self.enter_block(true);
        self.check_next(Token::Do)?;
        self.block()?;
        let back = self.jump();
        self.patch_list(back, start);
        self.check_match(Token::End, Token::While, line)?;
        self.leave_block()?;
        self.patch_to_here(exit);
        Ok(())
    }

    fn repeat_statement(&mut self, line: u32) -> Res<()> {
        let start = self.label_here();
        self.enter_block(true);
        self.enter_block(false);
        self.next()?;
        self.statement_list()?;
        self.check_match(Token::Until, Token::Repeat, line)?;
        let mut e = ExpDesc::VOID;
        self.expression(&mut e)?;
        self.go_if_false(&mut e)?;
        // Conditions jump forwards only: the way back is a plain jump, which counts against the budget.
        let scope = self.leave_block()?;
        let back = self.jump();
        self.patch_list(back, start);
        self.patch_to_here(e.on_true);
        if scope.has_upvalue {
            let level = self.register_level(scope.active);
            self.emit_abc(Op::Close, level, 0, 0);
        }
        self.leave_block()?;
        Ok(())
    }

    fn for_statement(&mut self, line: u32) -> Res<()> {
        self.enter_block(true);
        self.next()?;
        let name = self.check_name()?;
        match self.token() {
            Token::Assign => self.numeric_for(name, line)?,
            Token::Comma | Token::In => self.generic_for(name)?,
            _ => return Err(self.error_near("'=' or 'in' expected")),
        }
        self.check_match(Token::End, Token::For, line)?;
        self.leave_block()?;
        Ok(())
    }

    fn expression_to_next_reg(&mut self) -> Res<()> {
        let mut e = ExpDesc::VOID;
        self.expression(&mut e)?;
        self.exp_to_next_reg(&mut e)?;
        Ok(())
    }

    fn numeric_for(&mut self, name: StrId, line: u32) -> Res<()> {
        let base = self.fs().free_reg;
        for _ in 0..3 {
            self.new_local_literal("(for state)")?;
        }
        self.new_local(name)?;
        self.check_next(Token::Assign)?;
        self.expression_to_next_reg()?;
        self.check_next(Token::Comma)?;
        self.expression_to_next_reg()?;
        if self.test_next(Token::Comma)? {
            self.expression_to_next_reg()?;
        } else {
            let reg = self.fs().free_reg;
            self.emit(Instruction::asbx(Op::LoadI, reg, 0, 1));
            self.reserve_regs(1)?;
        }
        self.adjust_locals(3);
        self.for_body(base, line, 1, false)
    }

    fn generic_for(&mut self, name: StrId) -> Res<()> {
        let base = self.fs().free_reg;
        for _ in 0..4 {
            self.new_local_literal("(for state)")?;
        }
        self.new_local(name)?;
        let mut variables = 1;
        while self.test_next(Token::Comma)? {
            let name = self.check_name()?;
            self.new_local(name)?;
            variables += 1;
        }
        self.check_next(Token::In)?;
        let line = self.line();
        let mut last = ExpDesc::VOID;
        let count = self.expression_list(&mut last)?;
        self.adjust_assign(4, count, &mut last)?;
        self.adjust_locals(4);
        self.mark_to_be_closed();
        self.check_stack(3)?;
        self.for_body(base, line, variables, true)
    }

    fn for_body(&mut self, base: u8, line: u32, variables: usize, generic: bool) -> Res<()> {
        self.check_next(Token::Do)?;
        let prep_op = if generic { Op::TForPrep } else { Op::ForPrep };
        let prep = self.emit(Instruction::asbx(prep_op, base, 0, NO_JUMP));
        self.enter_block(false);
        self.adjust_locals(variables);
        self.reserve_regs(variables)?;
        self.block()?;
        self.leave_block()?;
        let end = self.label_here();
        let loop_op = if generic {
            self.fix_jump(prep, end);
            self.emit_abc(Op::TForCall, base, 0, variables);
            self.fix_line(line);
            Op::TForLoop
        } else {
            self.fix_jump(prep, end + 1);
            Op::ForLoop
        };
        let back = self.emit(Instruction::asbx(loop_op, base, 0, NO_JUMP));
        self.fix_jump(back, prep + 1);
        self.fix_line(line);
        self.label_here();
        Ok(())
    }

    /// The block's variables must be closed when it is left.
    fn mark_to_be_closed(&mut self) {
        let fs = self.fs();
        let block = fs.block();
        block.has_upvalue = true;
        block.inside_close = true;
        fs.needs_close = true;
    }

    fn if_statement(&mut self, line: u32) -> Res<()> {
        let mut escapes = NO_JUMP;
        self.test_then_block(&mut escapes)?;
        while self.token() == Token::ElseIf {
            self.test_then_block(&mut escapes)?;
        }
        if self.test_next(Token::Else)? {
            self.block()?;
        }
        self.check_match(Token::End, Token::If, line)?;
        self.patch_to_here(escapes);
        Ok(())
    }

    /// `[if | elseif] condition then block`
    fn test_then_block(&mut self, escapes: &mut i32) -> Res<()> {
        self.next()?;
        let mut e = ExpDesc::VOID;
        self.expression(&mut e)?;
        self.check_next(Token::Then)?;
        let otherwise = if self.token() == Token::Break {
            let line = self.line();
            self.go_if_false(&mut e)?;
            self.next()?;
            self.enter_block(false);
            self.new_goto(self.break_name, line, e.on_true);
            while self.test_next(Token::Semicolon)? {}
            if self.block_follows(false) {
                self.leave_block()?;
                return Ok(());
            }
            self.jump()
        } else {
            self.go_if_true(&mut e)?;
            self.enter_block(false);
            e.on_false
        };
        self.statement_list()?;
        self.leave_block()?;
        if matches!(self.token(), Token::Else | Token::ElseIf) {
            let jump = self.jump();
            self.concat_jumps(escapes, jump);
        }
        self.patch_to_here(otherwise);
        Ok(())
    }

    fn local_function(&mut self) -> Res<()> {
        let name = self.check_name()?;
        let variable = self.new_local(name)?;
        self.adjust_locals(1);
        let line = self.line();
        self.function_body(false, line)?;
        let record = self.variables[variable].record;
        let pc = self.fs().pc() as u32;
        self.fs().proto.locals[record].start_pc = pc;
        Ok(())
    }

    fn attribute(&mut self) -> Res<VarKind> {
        if !self.test_next(Token::Lt)? {
            return Ok(VarKind::Regular);
        }
        let name = self.check_name()?;
        self.check_next(Token::Gt)?;
        match self.text(name) {
            b"const" => Ok(VarKind::Const),
            b"close" => Ok(VarKind::ToClose),
            text => Err(self.error_at([b"unknown attribute '", text, b"'"].concat(), None)),
        }
    }

    fn local_statement(&mut self) -> Res<()> {
        let mut to_close = None;
        let mut names = 0;
        let mut last;
        let mut kind;
        loop {
            let name = self.check_name()?;
            last = self.new_local(name)?;
            kind = self.attribute()?;
            self.variables[last].kind = kind;
            if kind == VarKind::ToClose {
                if to_close.is_some() {
                    return Err(self.error_at("multiple to-be-closed variables in local list", None));
                }
                to_close = Some(self.fs().active + names);
            }
            names += 1;
            if !self.test_next(Token::Comma)? {
                break;
            }
        }
        let mut e = ExpDesc::VOID;
        let count = if self.test_next(Token::Assign)? { self.expression_list(&mut e)? } else { 0 };
        if names == count
            && kind == VarKind::Const
            && let Some(value) = self.constant_value(&e)
        {
            self.variables[last].kind = VarKind::CompileTime(value);
            self.adjust_locals(names - 1);
            self.fs().active += 1;
        } else {
            self.adjust_assign(names, count, &mut e)?;
            self.adjust_locals(names);
        }
        if let Some(level) = to_close {
            self.mark_to_be_closed();
            let reg = {
                let first = self.fs().first_variable;
                self.variables[first + level].reg
            };
            self.emit_abc(Op::Tbc, reg, 0, 0);
        }
        Ok(())
    }

    fn function_statement(&mut self, line: u32) -> Res<()> {
        self.next()?;
        let mut var = ExpDesc::VOID;
        self.single_var(&mut var)?;
        let mut is_method = false;
        while self.token() == Token::Dot {
            self.field_selector(&mut var)?;
        }
        if self.token() == Token::Colon {
            is_method = true;
            self.field_selector(&mut var)?;
        }
        let mut body = self.function_body(is_method, line)?;
        self.check_assignable(&var)?;
        self.store_var(&var, &mut body)?;
        self.fix_line(line);
        Ok(())
    }

    fn return_statement(&mut self) -> Res<()> {
        let mut first = self.active_registers();
        let count = if self.block_follows(true) || self.token() == Token::Semicolon {
            Some(0)
        } else {
            let mut e = ExpDesc::VOID;
            let count = self.expression_list(&mut e)?;
            if e.is_multiple() {
                self.set_returns(&e, 0)?;
                if let Kind::Call(pc) = e.kind
                    && count == 1
                    && !self.fs().block().inside_close
                {
                    let instruction = self.instruction(pc);
                    *instruction = instruction.with_op(Op::TailCall).with_c(0);
                }
                None
            } else if count == 1 {
                first = self.exp_to_any_reg(&mut e)?;
                Some(1)
            } else {
                self.exp_to_next_reg(&mut e)?;
                Some(count)
            }
        };
        self.code_return(first, count);
        self.test_next(Token::Semicolon)?;
        Ok(())
    }

    fn expression_statement(&mut self) -> Res<()> {
        let mut e = ExpDesc::VOID;
        self.suffixed_expression(&mut e)?;
        if matches!(self.token(), Token::Assign | Token::Comma) {
            let mut targets = vec![Assigned { target: e }];
            return self.assignment(&mut targets);
        }
        match e.kind {
            Kind::Call(pc) => {
                let instruction = self.instruction(pc);
                *instruction = instruction.with_c(1);
                Ok(())
            }
            _ => Err(self.error_near("syntax error")),
        }
    }

    /// Variables and constants that can't be assigned to are refused.
    fn check_assignable(&mut self, e: &ExpDesc) -> Res<()> {
        let name = match e.kind {
            Kind::CompileTime(var) => Some(self.variables[var].name),
            Kind::Local { var, .. } if self.variables[var].kind != VarKind::Regular => Some(self.variables[var].name),
            Kind::Upvalue(idx) => {
                let fs = self.fs();
                let is_regular = fs.upvalue_kinds[idx as usize] == VarKind::Regular;
                if is_regular { None } else { fs.proto.upvalues[idx as usize].name }
            }
            _ => None,
        };
        match name {
            Some(name) => {
                Err(self.error_at([b"attempt to assign to const variable '", self.text(name), b"'"].concat(), None))
            }
            None => Ok(()),
        }
    }

    /// The rest of an assignment behind its first target.
    fn assignment(&mut self, targets: &mut Vec<Assigned>) -> Res<()> {
        loop {
            let last = targets.last().expect("an assignment has a target").target;
            let is_variable = matches!(
                last.kind,
                Kind::Local { .. }
                    | Kind::Upvalue(_)
                    | Kind::CompileTime(_)
                    | Kind::Indexed { .. }
                    | Kind::IndexUp { .. }
                    | Kind::IndexInt { .. }
                    | Kind::IndexStr { .. }
            );
            if !is_variable {
                return Err(self.error_near("syntax error"));
            }
            self.check_assignable(&last)?;
            if !self.test_next(Token::Comma)? {
                break;
            }
            let mut next = ExpDesc::VOID;
            self.suffixed_expression(&mut next)?;
            if !matches!(
                next.kind,
                Kind::Indexed { .. } | Kind::IndexUp { .. } | Kind::IndexInt { .. } | Kind::IndexStr { .. }
            ) {
                self.check_conflict(targets, &next)?;
            }
            targets.push(Assigned { target: next });
            if targets.len() as u32 + self.levels > LEVELS_MAX {
                return Err(SyntaxError::too_deep(self.chunk_name));
            }
        }
        self.check_next(Token::Assign)?;
        let mut e = ExpDesc::VOID;
        let count = self.expression_list(&mut e)?;
        if count == targets.len() {
            self.set_one_return(&mut e);
            let last = targets.pop().expect("an assignment has a target");
            self.store_var(&last.target, &mut e)?;
        } else {
            self.adjust_assign(targets.len(), count, &mut e)?;
        }
        while let Some(assigned) = targets.pop() {
            let reg = self.fs().free_reg - 1;
            let mut e = ExpDesc::new(Kind::NonReloc(reg));
            self.store_var(&assigned.target, &mut e)?;
        }
        Ok(())
    }

    /// A local that is assigned and also used as table or key in an earlier target is copied first.
    fn check_conflict(&mut self, targets: &mut [Assigned], e: &ExpDesc) -> Res<()> {
        let extra = self.fs().free_reg;
        let mut conflict = false;
        for assigned in targets {
            match (&mut assigned.target.kind, e.kind) {
                (Kind::IndexUp { table, key }, Kind::Upvalue(idx)) if *table == idx => {
                    conflict = true;
                    assigned.target.kind = Kind::IndexStr { table: extra, key: *key };
                }
                (
                    Kind::Indexed { table, .. } | Kind::IndexInt { table, .. } | Kind::IndexStr { table, .. },
                    Kind::Local { reg, .. },
                ) if *table == reg => {
                    conflict = true;
                    *table = extra;
                }
                _ => {}
            }
            if let (Kind::Indexed { key, .. }, Kind::Local { reg, .. }) = (&mut assigned.target.kind, e.kind)
                && *key == reg
            {
                conflict = true;
                *key = extra;
            }
        }
        if conflict {
            match e.kind {
                Kind::Local { reg, .. } => self.emit_abc(Op::Move, extra, reg as usize, 0),
                Kind::Upvalue(idx) => self.emit_abc(Op::GetUpval, extra, idx as usize, 0),
                _ => unreachable!("only locals and upvalues conflict"),
            };
            self.reserve_regs(1)?;
        }
        Ok(())
    }

    /// As many values as variables: cuts or fills up.
    fn adjust_assign(&mut self, variables: usize, count: usize, e: &mut ExpDesc) -> Res<()> {
        let needed = variables as isize - count as isize;
        if e.is_multiple() {
            let extra = (needed + 1).max(0) as usize;
            self.set_returns(e, extra + 1)?;
        } else {
            if e.kind != Kind::Void {
                self.exp_to_next_reg(e)?;
            }
            if needed > 0 {
                let reg = self.fs().free_reg;
                self.load_nil(reg, needed as usize);
            }
        }
        if needed > 0 {
            self.reserve_regs(needed as usize)?;
        } else {
            let fs = self.fs();
            fs.free_reg = (fs.free_reg as isize + needed) as u8;
        }
        Ok(())
    }

    // Expressions

    // These write what they read to where it is wanted: a descriptor that is put together from small parts and then
    // copied as a whole makes the processor wait.

    /// Reads expressions; all but the last are in registers. How many there are.
    fn expression_list(&mut self, e: &mut ExpDesc) -> Res<usize> {
        let mut count = 1;
        self.expression(e)?;
        while self.test_next(Token::Comma)? {
            self.exp_to_next_reg(e)?;
            self.expression(e)?;
            count += 1;
        }
        Ok(count)
    }

    /// `.name` or `:name` as a field.
    fn field_selector(&mut self, e: &mut ExpDesc) -> Res<()> {
        self.exp_to_any_reg_or_upvalue(e)?;
        self.next()?;
        let name = self.check_name()?;
        self.indexed(e, &mut ExpDesc::new(Kind::String(name)))
    }

    /// `[expression]`
    fn bracketed_key(&mut self, key: &mut ExpDesc) -> Res<()> {
        self.next()?;
        self.expression(key)?;
        self.exp_to_value(key)?;
        self.check_next(Token::RightBracket)
    }

    fn table_constructor(&mut self, e: &mut ExpDesc) -> Res<()> {
        let line = self.line();
        let pc = self.emit_abc(Op::NewTable, 0, 0, 0);
        let table = self.fs().free_reg;
        self.reserve_regs(1)?;
        let mut constructor = Constructor { table, item: ExpDesc::VOID, fields: 0, stored: 0, pending: 0 };
        self.check_next(Token::LeftBrace)?;
        while self.token() != Token::RightBrace {
            self.close_item(&mut constructor)?;
            match self.token() {
                Token::Name(_) => {
                    if self.look_ahead()? == Token::Assign {
                        self.record_field(&mut constructor)?;
                    } else {
                        self.list_item(&mut constructor)?;
                    }
                }
                Token::Bracket(BracketKind::Plain) => self.record_field(&mut constructor)?,
                _ => self.list_item(&mut constructor)?,
            }
            if !self.test_next(Token::Comma)? && !self.test_next(Token::Semicolon)? {
                break;
            }
        }
        self.check_match(Token::RightBrace, Token::LeftBrace, line)?;
        self.last_items(&mut constructor)?;
        let fields = constructor.fields.min(u16::MAX as usize);
        *self.instruction(pc) = Instruction::abx(Op::NewTable, table, fields as u16, constructor.stored as u32);
        *e = ExpDesc::new(Kind::NonReloc(table));
        Ok(())
    }

    fn record_field(&mut self, constructor: &mut Constructor) -> Res<()> {
        let free = self.fs().free_reg;
        let mut key = ExpDesc::VOID;
        match self.token() {
            Token::Name(name) => {
                self.next()?;
                key = ExpDesc::new(Kind::String(name));
            }
            _ => self.bracketed_key(&mut key)?,
        }
        constructor.fields += 1;
        self.check_next(Token::Assign)?;
        let mut table = ExpDesc::new(Kind::NonReloc(constructor.table));
        self.indexed(&mut table, &mut key)?;
        let mut value = ExpDesc::VOID;
        self.expression(&mut value)?;
        self.store_var(&table, &mut value)?;
        self.fs().free_reg = free;
        Ok(())
    }

    fn list_item(&mut self, constructor: &mut Constructor) -> Res<()> {
        self.expression(&mut constructor.item)?;
        constructor.pending += 1;
        Ok(())
    }

    fn close_item(&mut self, constructor: &mut Constructor) -> Res<()> {
        if constructor.item.kind == Kind::Void {
            return Ok(());
        }
        let mut item = constructor.item;
        self.exp_to_next_reg(&mut item)?;
        constructor.item = ExpDesc::new(Kind::Void);
        if constructor.pending == ITEMS_PER_FLUSH {
            self.set_list(constructor.table, constructor.stored, constructor.pending);
            constructor.stored += constructor.pending;
            constructor.pending = 0;
        }
        Ok(())
    }

    fn last_items(&mut self, constructor: &mut Constructor) -> Res<()> {
        if constructor.pending == 0 {
            return Ok(());
        }
        let mut item = constructor.item;
        if item.is_multiple() {
            self.set_returns(&item, 0)?;
            self.set_list(constructor.table, constructor.stored, 0);
            constructor.pending -= 1;
        } else {
            if item.kind != Kind::Void {
                self.exp_to_next_reg(&mut item)?;
            }
            self.set_list(constructor.table, constructor.stored, constructor.pending);
        }
        constructor.stored += constructor.pending;
        Ok(())
    }

    fn parameters(&mut self) -> Res<()> {
        let mut count = 0;
        let mut is_vararg = false;
        if self.token() != Token::RightParen {
            loop {
                match self.token() {
                    Token::Name(name) => {
                        self.next()?;
                        self.new_local(name)?;
                        count += 1;
                    }
                    Token::Dots => {
                        self.next()?;
                        is_vararg = true;
                    }
                    _ => return Err(self.error_near("<name> or '...' expected")),
                }
                if is_vararg || !self.test_next(Token::Comma)? {
                    break;
                }
            }
        }
        self.adjust_locals(count);
        let active = self.fs().active;
        self.fs().proto.num_params = active as u8;
        if is_vararg {
            self.set_vararg(active as u8);
        }
        self.reserve_regs(active)
    }

    /// Parameters and body of a function; the closure ends up in the next register.
    fn function_body(&mut self, is_method: bool, line: u32) -> Res<ExpDesc> {
        self.open_function(line);
        self.check_next(Token::LeftParen)?;
        if is_method {
            self.new_local_literal("self")?;
            self.adjust_locals(1);
        }
        self.parameters()?;
        self.check_next(Token::RightParen)?;
        self.statement_list()?;
        self.fs().proto.last_line_defined = self.line();
        self.check_match(Token::End, Token::Function, line)?;
        let proto = self.close_function()?;
        let fs = self.fs();
        fs.proto.protos.push(proto);
        let idx = fs.proto.protos.len() - 1;
        let pc = self.emit(Instruction::abx(Op::Closure, 0, 0, idx as u32));
        let mut e = ExpDesc::new(Kind::Reloc(pc));
        self.exp_to_next_reg(&mut e)?;
        Ok(e)
    }

    /// Arguments of a call; the function is in a register already.
    fn call_arguments(&mut self, function: &mut ExpDesc) -> Res<()> {
        let line = self.line();
        let mut args = ExpDesc::VOID;
        match self.token() {
            Token::LeftParen => {
                self.next()?;
                if self.token() != Token::RightParen {
                    self.expression_list(&mut args)?;
                    if args.is_multiple() {
                        self.set_returns(&args, 0)?;
                    }
                }
                self.check_match(Token::RightParen, Token::LeftParen, line)?;
            }
            Token::LeftBrace => self.table_constructor(&mut args)?,
            Token::String(id) | Token::Bracket(BracketKind::Long(id)) => {
                args = ExpDesc::new(Kind::String(id));
                self.next()?;
            }
            _ => return Err(self.error_near("function arguments expected")),
        }
        let Kind::NonReloc(base) = function.kind else { unreachable!("a called function is in a register") };
        let count = if args.is_multiple() {
            MULTIPLE
        } else {
            if args.kind != Kind::Void {
                self.exp_to_next_reg(&mut args)?;
            }
            (self.fs().free_reg - (base + 1)) as usize
        };
        let b = if count == MULTIPLE { 0 } else { count + 1 };
        *function = ExpDesc::new(Kind::Call(self.emit_abc(Op::Call, base, b, 2)));
        self.fix_line(line);
        self.fs().free_reg = base + 1;
        Ok(())
    }

    fn primary_expression(&mut self, e: &mut ExpDesc) -> Res<()> {
        match self.token() {
            Token::Name(_) => self.single_var(e),
            Token::LeftParen => {
                let line = self.line();
                self.next()?;
                self.expression(e)?;
                self.check_match(Token::RightParen, Token::LeftParen, line)?;
                self.discharge_vars(e);
                Ok(())
            }
            _ => Err(self.error_near("unexpected symbol")),
        }
    }

    fn suffixed_expression(&mut self, e: &mut ExpDesc) -> Res<()> {
        self.primary_expression(e)?;
        loop {
            match self.token() {
                Token::Dot => self.field_selector(e)?,
                Token::Bracket(BracketKind::Plain) => {
                    self.exp_to_any_reg_or_upvalue(e)?;
                    let mut key = ExpDesc::VOID;
                    self.bracketed_key(&mut key)?;
                    self.indexed(e, &mut key)?;
                }
                Token::Colon => {
                    self.next()?;
                    let name = self.check_name()?;
                    self.self_call(e, name)?;
                    self.call_arguments(e)?;
                }
                Token::LeftParen | Token::LeftBrace | Token::String(_) | Token::Bracket(BracketKind::Long(_)) => {
                    self.exp_to_next_reg(e)?;
                    self.call_arguments(e)?;
                }
                _ => return Ok(()),
            }
        }
    }

    fn simple_expression(&mut self, e: &mut ExpDesc) -> Res<()> {
        let kind = match self.token() {
            Token::Number => match self.lexer.extras.number {
                Number::Integer(value) => Kind::Integer(value),
                Number::Float(value) => Kind::Float(value),
            },
            Token::String(id) | Token::Bracket(BracketKind::Long(id)) => Kind::String(id),
            Token::Nil => Kind::Nil,
            Token::True => Kind::True,
            Token::False => Kind::False,
            Token::Dots => {
                if !self.fs().proto.is_vararg {
                    return Err(self.error_near("cannot use '...' outside a vararg function"));
                }
                Kind::Vararg(self.emit_abc(Op::Vararg, 0, 0, 1))
            }
            Token::LeftBrace => return self.table_constructor(e),
            Token::Function => {
                self.next()?;
                let line = self.line();
                *e = self.function_body(false, line)?;
                return Ok(());
            }
            _ => return self.suffixed_expression(e),
        };
        *e = ExpDesc::new(kind);
        self.next()
    }

    fn expression(&mut self, e: &mut ExpDesc) -> Res<()> {
        self.sub_expression(e, 0).map(drop)
    }

    /// Reads operators that bind tighter than `limit`; also answers the first operator that does not.
    fn sub_expression(&mut self, e: &mut ExpDesc, limit: u8) -> Res<Option<BinaryOp>> {
        self.enter_level()?;
        match unary_op(self.token()) {
            Some(op) => {
                let line = self.line();
                self.next()?;
                self.sub_expression(e, UNARY_PRIORITY)?;
                self.prefix(op, e, line)?;
            }
            None => self.simple_expression(e)?,
        }
        let mut op = binary_op(self.token());
        while let Some(current) = op
            && current.priority().0 > limit
        {
            let line = self.line();
            self.next()?;
            self.infix(current, e)?;
            let mut right = ExpDesc::VOID;
            op = self.sub_expression(&mut right, current.priority().1)?;
            self.postfix(current, e, &mut right, line)?;
        }
        self.levels -= 1;
        Ok(op)
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

fn unary_op(token: Token) -> Option<UnaryOp> {
    Some(match token {
        Token::Not => UnaryOp::Not,
        Token::Minus => UnaryOp::Minus,
        Token::Tilde => UnaryOp::BNot,
        Token::Hash => UnaryOp::Len,
        _ => return None,
    })
}

fn binary_op(token: Token) -> Option<BinaryOp> {
    Some(match token {
        Token::Plus => BinaryOp::Add,
        Token::Minus => BinaryOp::Sub,
        Token::Star => BinaryOp::Mul,
        Token::Percent => BinaryOp::Mod,
        Token::Caret => BinaryOp::Pow,
        Token::Slash => BinaryOp::Div,
        Token::IDiv => BinaryOp::IDiv,
        Token::Ampersand => BinaryOp::BAnd,
        Token::Pipe => BinaryOp::BOr,
        Token::Tilde => BinaryOp::BXor,
        Token::Shl => BinaryOp::Shl,
        Token::Shr => BinaryOp::Shr,
        Token::Concat => BinaryOp::Concat,
        Token::Eq => BinaryOp::Eq,
        Token::Ne => BinaryOp::Ne,
        Token::Lt => BinaryOp::Lt,
        Token::Le => BinaryOp::Le,
        Token::Gt => BinaryOp::Gt,
        Token::Ge => BinaryOp::Ge,
        Token::And => BinaryOp::And,
        Token::Or => BinaryOp::Or,
        _ => return None,
    })
}
