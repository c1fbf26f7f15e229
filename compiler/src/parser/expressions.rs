//! Expressions.

use super::{MULTIPLE, Parser, Res};
use crate::expr::{BinaryOp, ExpDesc, Kind, UNARY_PRIORITY, UnaryOp};
use crate::lexer::{BracketKind, Token};
use perilune_vm::bytecode::{Instruction, Op};
use perilune_vm::number::Number;

/// Items of a table constructor that are stored together.
const ITEMS_PER_FLUSH: usize = 50;

/// A table constructor under way.
struct Constructor {
    table: u8,
    /// The last item, not stored yet.
    item: ExpDesc,
    fields: usize,
    stored: usize,
    pending: usize,
}

impl Parser<'_> {
    // These write what they read to where it is wanted: a descriptor that is put together from small parts and then
    // copied as a whole makes the processor wait.

    /// Reads expressions; all but the last are in registers. How many there are.
    pub(super) fn expression_list(&mut self, e: &mut ExpDesc) -> Res<usize> {
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
    pub(super) fn field_selector(&mut self, e: &mut ExpDesc) -> Res<()> {
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
    pub(super) fn function_body(&mut self, is_method: bool, line: u32) -> Res<ExpDesc> {
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

    pub(super) fn suffixed_expression(&mut self, e: &mut ExpDesc) -> Res<()> {
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

    pub(super) fn expression(&mut self, e: &mut ExpDesc) -> Res<()> {
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
