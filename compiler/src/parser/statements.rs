//! Statements.

use super::{LEVELS_MAX, Parser, Res};
use crate::error::SyntaxError;
use crate::expr::{ExpDesc, Kind, NO_JUMP};
use crate::lexer::Token;
use crate::scope::VarKind;
use perilune_vm::bytecode::{Instruction, Op, StrId};

/// Left side of an assignment, one of several.
struct Assigned {
    target: ExpDesc,
}

impl Parser<'_> {
    fn block_follows(&self, with_until: bool) -> bool {
        match self.token() {
            Token::Else | Token::ElseIf | Token::End | Token::Eos => true,
            Token::Until => with_until,
            _ => false,
        }
    }

    pub(super) fn statement_list(&mut self) -> Res<()> {
        while !self.block_follows(true) {
            if self.token() == Token::Return {
                return self.statement();
            }
            self.statement()?;
        }
        Ok(())
    }

    pub(super) fn block(&mut self) -> Res<()> {
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
}
