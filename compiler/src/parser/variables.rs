//! Functions, variables and blocks under construction: scopes, labels and jumps to them.

use super::{Parser, Res};
use crate::error::SyntaxError;
use crate::expr::{ExpDesc, Kind};
use crate::scope::{Block, FuncState, LOCALS_MAX, Label, UPVALUES_MAX, VarKind, Variable};
use perilune_vm::bytecode::{Op, StrId, UpvalueDesc};

impl Parser<'_> {
    pub(crate) fn fs(&mut self) -> &mut FuncState {
        self.functions.last_mut().expect("a function is being read")
    }

    fn error_limit(&mut self, limit: usize, what: &str) -> Box<SyntaxError> {
        let line = self.fs().proto.line_defined;
        let place = if line == 0 { "main function".to_owned() } else { format!("function at line {line}") };
        self.error_near(format!("too many {what} (limit is {limit}) in {place}"))
    }

    pub(super) fn set_vararg(&mut self, params: u8) {
        self.fs().proto.is_vararg = true;
        self.emit_abc(Op::VarargPrep, params, 0, 0);
    }

    pub(super) fn new_local(&mut self, name: StrId) -> Res<usize> {
        let first = self.fs().first_variable;
        if self.variables.len() + 1 - first > LOCALS_MAX {
            return Err(self.error_limit(LOCALS_MAX, "local variables"));
        }
        self.variables.push(Variable { name, kind: VarKind::Regular, reg: 0, record: 0 });
        Ok(self.variables.len() - 1)
    }

    pub(super) fn new_local_literal(&mut self, name: &'static str) -> Res<usize> {
        let name = self.lexer.extras.intern(name.as_bytes());
        self.new_local(name)
    }

    /// Registers that the first `count` active variables of the function take.
    pub(super) fn register_level(&mut self, count: usize) -> u8 {
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
    pub(super) fn adjust_locals(&mut self, count: usize) {
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

    pub(super) fn enter_block(&mut self, is_loop: bool) {
        let (first_label, first_goto) = (self.labels.len(), self.gotos.len());
        let fs = self.fs();
        let inside_close = fs.blocks.last().is_some_and(|block| block.inside_close);
        let active = fs.active;
        fs.blocks.push(Block { first_label, first_goto, active, is_loop, has_upvalue: false, inside_close });
    }

    pub(super) fn leave_block(&mut self) -> Res<Block> {
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

    pub(super) fn create_label(&mut self, name: StrId, line: u32, last: bool) -> Res<bool> {
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

    pub(super) fn new_goto(&mut self, name: StrId, line: u32, jump: i32) {
        let active = self.fs().active;
        self.gotos.push(Label { name, pc: jump as usize, line, active, close: false });
    }

    pub(super) fn open_function(&mut self, line: u32) {
        let fs = FuncState::new(line, self.variables.len(), self.labels.len());
        self.functions.push(fs);
        self.enter_block(false);
    }

    pub(super) fn close_function(&mut self) -> Res<perilune_vm::bytecode::Proto> {
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

    pub(super) fn single_var(&mut self, e: &mut ExpDesc) -> Res<()> {
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
}
