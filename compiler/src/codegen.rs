//! Registers, constants, jumps, and code for expressions.
//!
//! # Source
//! The names and the order of things follow `lcode.c`, so that both can be read side by side; the code is our own.
//! Differences: a comparison or test is itself the jump, so that jump lists run through those instructions.

use crate::expr::{BinaryOp, ExpDesc, Kind, NO_JUMP, UnaryOp};
use crate::parser::{Parser, Res};
use crate::scope::{ConstantKey, VarKind};
use perilune_vm::bytecode::{
    ARITH_FLIPPED, ARITH_SUBTRACT, Constant, Instruction, Op, REGISTERS_MAX, RETURN_CLOSE, RK_CONSTANT, StrId,
};
use perilune_vm::number::{self, ArithOp, Number};

/// Longest string that is a key of the short kind.
const SHORT_LEN_MAX: usize = 40;
/// With more constants than this a function gets a map of them.
const CONSTANTS_SEARCHED: usize = 24;
/// Register operand of a test that keeps no value.
const NO_REG: u8 = 255;

impl Parser<'_> {
    // Instructions and jumps

    pub(crate) fn emit(&mut self, instruction: Instruction) -> usize {
        let line = self.last_line;
        let proto = &mut self.fs().proto;
        proto.code.push(instruction);
        proto.lines.push(line);
        proto.code.len() - 1
    }

    pub(crate) fn emit_abc(&mut self, op: Op, a: u8, b: usize, c: usize) -> usize {
        self.emit(Instruction::abc(op, a, b as u16, c as u16))
    }

    pub(crate) fn instruction(&mut self, pc: usize) -> &mut Instruction {
        &mut self.fs().proto.code[pc]
    }

    /// Gives the last instruction another line.
    pub(crate) fn fix_line(&mut self, line: u32) {
        if let Some(last) = self.fs().proto.lines.last_mut() {
            *last = line;
        }
    }

    /// A jump to be patched, as a list of one.
    pub(crate) fn jump(&mut self) -> i32 {
        self.emit(Instruction::asbx(Op::Jmp, 0, 0, NO_JUMP)) as i32
    }

    /// Marks the next instruction as a jump's target.
    pub(crate) fn label_here(&mut self) -> usize {
        let fs = self.fs();
        fs.last_target = fs.pc();
        fs.last_target
    }

    fn jump_target(&mut self, pc: i32) -> i32 {
        let offset = self.instruction(pc as usize).sbx();
        if offset == NO_JUMP { NO_JUMP } else { pc + 1 + offset }
    }

    pub(crate) fn fix_jump(&mut self, pc: usize, target: usize) {
        let offset = target as i32 - (pc as i32 + 1);
        let instruction = self.instruction(pc);
        *instruction = instruction.with_sbx(offset);
    }

    /// Appends the list `more` to `list`.
    pub(crate) fn concat_jumps(&mut self, list: &mut i32, more: i32) {
        if more == NO_JUMP {
            return;
        }
        if *list == NO_JUMP {
            *list = more;
            return;
        }
        let mut at = *list;
        loop {
            let next = self.jump_target(at);
            if next == NO_JUMP {
                break;
            }
            at = next;
        }
        self.fix_jump(at as usize, more as usize);
    }

    /// A test that keeps its value gets the register for it, or becomes one that keeps none.
    fn patch_test_reg(&mut self, pc: i32, reg: u8) -> bool {
        let instruction = self.instruction(pc as usize);
        let plain = match instruction.op() {
            Op::TestSetT => Op::TestT,
            Op::TestSetF => Op::TestF,
            _ => return false,
        };
        if reg != NO_REG && reg as usize != instruction.b() {
            *instruction = instruction.with_a(reg);
        } else {
            let tested = instruction.b() as u8;
            *instruction = instruction.with_op(plain).with_a(tested).with_b(0);
        }
        true
    }

    fn remove_values(&mut self, list: i32) {
        let mut at = list;
        while at != NO_JUMP {
            self.patch_test_reg(at, NO_REG);
            at = self.jump_target(at);
        }
    }

    /// Tests that keep a value go to `value_target`, the others to `target`.
    fn patch_list_aux(&mut self, list: i32, value_target: usize, reg: u8, target: usize) {
        let mut at = list;
        while at != NO_JUMP {
            let next = self.jump_target(at);
            let target = if self.patch_test_reg(at, reg) { value_target } else { target };
            self.fix_jump(at as usize, target);
            at = next;
        }
    }

    pub(crate) fn patch_list(&mut self, list: i32, target: usize) {
        self.patch_list_aux(list, target, NO_REG, target);
    }

    pub(crate) fn patch_to_here(&mut self, list: i32) {
        let here = self.label_here();
        self.patch_list(list, here);
    }

    // Registers

    pub(crate) fn check_stack(&mut self, count: usize) -> Res<()> {
        let need = self.fs().free_reg as usize + count;
        if need > self.fs().proto.stack_len_max as usize {
            if need >= REGISTERS_MAX {
                return Err(self.error_near("function or expression needs too many registers"));
            }
            self.fs().proto.stack_len_max = need as u8;
        }
        Ok(())
    }

    pub(crate) fn reserve_regs(&mut self, count: usize) -> Res<()> {
        self.check_stack(count)?;
        self.fs().free_reg += count as u8;
        Ok(())
    }

    fn free_reg(&mut self, reg: u8) {
        if reg >= self.active_registers() {
            let fs = self.fs();
            fs.free_reg -= 1;
            debug_assert_eq!(reg, fs.free_reg, "temporaries are freed in order");
        }
    }

    fn free_regs(&mut self, first: u8, second: u8) {
        self.free_reg(first.max(second));
        self.free_reg(first.min(second));
    }

    pub(crate) fn free_exp(&mut self, e: &ExpDesc) {
        if let Kind::NonReloc(reg) = e.kind {
            self.free_reg(reg);
        }
    }

    fn free_exps(&mut self, first: &ExpDesc, second: &ExpDesc) {
        match (first.kind, second.kind) {
            (Kind::NonReloc(first), Kind::NonReloc(second)) => self.free_regs(first, second),
            _ => {
                self.free_exp(first);
                self.free_exp(second);
            }
        }
    }

    // Constants

    fn add_constant(&mut self, value: Constant) -> usize {
        let fs = self.fs();
        let known = fs.proto.constants.len();
        if known <= CONSTANTS_SEARCHED {
            let key = ConstantKey::of(value);
            if let Some(idx) = fs.proto.constants.iter().position(|&constant| ConstantKey::of(constant) == key) {
                return idx;
            }
        } else {
            if fs.constants.is_empty() {
                let all = fs.proto.constants.iter().enumerate();
                fs.constants = all.map(|(idx, &constant)| (ConstantKey::of(constant), idx)).collect();
            }
            let idx = *fs.constants.entry(ConstantKey::of(value)).or_insert(known);
            if idx < known {
                return idx;
            }
        }
        fs.proto.constants.push(value);
        known
    }

    pub(crate) fn string_constant(&mut self, id: StrId) -> usize {
        self.add_constant(Constant::String(id))
    }

    /// The value of an expression that is a constant without jumps.
    pub(crate) fn constant_value(&mut self, e: &ExpDesc) -> Option<Constant> {
        if e.has_jumps() {
            return None;
        }
        Some(match e.kind {
            Kind::Nil => Constant::Nil,
            Kind::True => Constant::Boolean(true),
            Kind::False => Constant::Boolean(false),
            Kind::Integer(value) => Constant::Integer(value),
            Kind::Float(value) => Constant::Float(value),
            Kind::String(id) => Constant::String(id),
            Kind::CompileTime(var) => self.compile_time(var),
            _ => return None,
        })
    }

    fn compile_time(&mut self, var: usize) -> Constant {
        match self.variables[var].kind {
            VarKind::CompileTime(value) => value,
            _ => unreachable!("the variable is a compile-time constant"),
        }
    }

    /// A compile-time constant variable becomes its value.
    fn resolve_constant(&mut self, e: &mut ExpDesc) {
        if let Kind::CompileTime(var) = e.kind {
            e.kind = match self.compile_time(var) {
                Constant::Nil => Kind::Nil,
                Constant::Boolean(true) => Kind::True,
                Constant::Boolean(false) => Kind::False,
                Constant::Integer(value) => Kind::Integer(value),
                Constant::Float(value) => Kind::Float(value),
                Constant::String(id) => Kind::String(id),
            };
        }
    }

    /// Turns a constant expression into one of the function's constants if its index stays below `limit`.
    fn exp_to_constant(&mut self, e: &mut ExpDesc, limit: usize) -> Option<usize> {
        self.resolve_constant(e);
        let idx = match e.kind {
            Kind::Constant(idx) if !e.has_jumps() => idx,
            _ => {
                let value = self.constant_value(e)?;
                self.add_constant(value)
            }
        };
        if idx >= limit {
            return None;
        }
        e.kind = Kind::Constant(idx);
        Some(idx)
    }

    // Expressions to values

    /// The instruction behind an expression that gives many values is told how many.
    pub(crate) fn set_returns(&mut self, e: &ExpDesc, count: usize) -> Res<()> {
        match e.kind {
            Kind::Call(pc) => {
                let instruction = self.instruction(pc);
                *instruction = instruction.with_c(count as u16);
            }
            Kind::Vararg(pc) => {
                let reg = self.fs().free_reg;
                let instruction = self.instruction(pc);
                *instruction = instruction.with_c(count as u16).with_a(reg);
                self.reserve_regs(1)?;
            }
            _ => unreachable!("only calls and varargs give many values"),
        }
        Ok(())
    }

    /// One value of an expression that may give many.
    pub(crate) fn set_one_return(&mut self, e: &mut ExpDesc) {
        match e.kind {
            Kind::Call(pc) => e.kind = Kind::NonReloc(self.instruction(pc).a() as u8),
            Kind::Vararg(pc) => {
                let instruction = self.instruction(pc);
                *instruction = instruction.with_c(2);
                e.kind = Kind::Reloc(pc);
            }
            _ => {}
        }
    }

    /// Variables and many-valued expressions become a value: a constant, a register, or an instruction to come.
    pub(crate) fn discharge_vars(&mut self, e: &mut ExpDesc) {
        self.resolve_constant(e);
        e.kind = match e.kind {
            Kind::Local { reg, .. } => Kind::NonReloc(reg),
            Kind::Upvalue(idx) => Kind::Reloc(self.emit_abc(Op::GetUpval, 0, idx as usize, 0)),
            Kind::IndexUp { table, key } => Kind::Reloc(self.emit_abc(Op::GetTabUp, 0, table as usize, key as usize)),
            Kind::IndexInt { table, key } => {
                self.free_reg(table);
                Kind::Reloc(self.emit_abc(Op::GetI, 0, table as usize, key as usize))
            }
            Kind::IndexStr { table, key } => {
                self.free_reg(table);
                Kind::Reloc(self.emit_abc(Op::GetField, 0, table as usize, key as usize))
            }
            Kind::Indexed { table, key } => {
                self.free_regs(table, key);
                Kind::Reloc(self.emit_abc(Op::GetTable, 0, table as usize, key as usize))
            }
            Kind::Call(_) | Kind::Vararg(_) => {
                self.set_one_return(e);
                return;
            }
            kind => kind,
        };
    }

    fn discharge_to_reg(&mut self, e: &mut ExpDesc, reg: u8) {
        self.discharge_vars(e);
        match e.kind {
            Kind::Nil => self.load_nil(reg, 1),
            Kind::False => {
                self.emit_abc(Op::LoadFalse, reg, 0, 0);
            }
            Kind::True => {
                self.emit_abc(Op::LoadTrue, reg, 0, 0);
            }
            Kind::String(id) => {
                let idx = self.string_constant(id);
                self.load_constant(reg, idx);
            }
            Kind::Constant(idx) => self.load_constant(reg, idx),
            Kind::Float(value) => match number::float_to_integer(value).and_then(|value| i32::try_from(value).ok()) {
                Some(integer) if value != 0.0 || value.is_sign_positive() => {
                    self.emit(Instruction::asbx(Op::LoadF, reg, 0, integer));
                }
                _ => {
                    let idx = self.add_constant(Constant::Float(value));
                    self.load_constant(reg, idx);
                }
            },
            Kind::Integer(value) => match i32::try_from(value) {
                Ok(value) => {
                    self.emit(Instruction::asbx(Op::LoadI, reg, 0, value));
                }
                Err(_) => {
                    let idx = self.add_constant(Constant::Integer(value));
                    self.load_constant(reg, idx);
                }
            },
            Kind::Reloc(pc) => {
                let instruction = self.instruction(pc);
                *instruction = instruction.with_a(reg);
            }
            Kind::NonReloc(from) => {
                if from != reg {
                    self.emit_abc(Op::Move, reg, from as usize, 0);
                }
            }
            Kind::Jump(_) => return,
            _ => unreachable!("the expression is discharged"),
        }
        e.kind = Kind::NonReloc(reg);
    }

    fn load_constant(&mut self, reg: u8, idx: usize) {
        self.emit(Instruction::abx(Op::LoadK, reg, 0, idx as u32));
    }

    /// Sets registers to nil, together with those the last instruction sets if they join.
    pub(crate) fn load_nil(&mut self, from: u8, count: usize) {
        let fs = self.fs();
        let (from, last) = (from as usize, from as usize + count - 1);
        if fs.pc() > fs.last_target
            && let Some(previous) = fs.proto.code.last_mut()
            && previous.op() == Op::LoadNil
        {
            let (first, end) = (previous.a(), previous.a() + previous.b());
            if (first <= from && from <= end + 1) || (from <= first && first <= last + 1) {
                let (first, end) = (first.min(from), end.max(last));
                *previous = previous.with_a(first as u8).with_b((end - first) as u16);
                return;
            }
        }
        self.emit_abc(Op::LoadNil, from as u8, count - 1, 0);
    }

    fn discharge_to_any_reg(&mut self, e: &mut ExpDesc) -> Res<()> {
        if !matches!(e.kind, Kind::NonReloc(_)) {
            self.reserve_regs(1)?;
            let reg = self.fs().free_reg - 1;
            self.discharge_to_reg(e, reg);
        }
        Ok(())
    }

    /// Whether a jump of the list leaves without a value.
    fn needs_value(&mut self, list: i32) -> bool {
        let mut at = list;
        while at != NO_JUMP {
            if !matches!(self.instruction(at as usize).op(), Op::TestSetT | Op::TestSetF) {
                return true;
            }
            at = self.jump_target(at);
        }
        false
    }

    /// The expression's value in this register, whatever jumps lead out of it.
    pub(crate) fn exp_to_reg(&mut self, e: &mut ExpDesc, reg: u8) {
        self.discharge_to_reg(e, reg);
        if let Kind::Jump(pc) = e.kind {
            let mut list = e.on_true;
            self.concat_jumps(&mut list, pc as i32);
            e.on_true = list;
        }
        if e.has_jumps() {
            let (mut on_false, mut on_true) = (0, 0);
            if self.needs_value(e.on_true) || self.needs_value(e.on_false) {
                let over = if matches!(e.kind, Kind::Jump(_)) { NO_JUMP } else { self.jump() };
                self.label_here();
                on_false = self.emit_abc(Op::LFalseSkip, reg, 0, 0);
                self.label_here();
                on_true = self.emit_abc(Op::LoadTrue, reg, 0, 0);
                self.patch_to_here(over);
            }
            let end = self.label_here();
            self.patch_list_aux(e.on_false, end, reg, on_false);
            self.patch_list_aux(e.on_true, end, reg, on_true);
        }
        *e = ExpDesc::new(Kind::NonReloc(reg));
    }

    pub(crate) fn exp_to_next_reg(&mut self, e: &mut ExpDesc) -> Res<u8> {
        self.discharge_vars(e);
        self.free_exp(e);
        self.reserve_regs(1)?;
        let reg = self.fs().free_reg - 1;
        self.exp_to_reg(e, reg);
        Ok(reg)
    }

    pub(crate) fn exp_to_any_reg(&mut self, e: &mut ExpDesc) -> Res<u8> {
        self.discharge_vars(e);
        if let Kind::NonReloc(reg) = e.kind {
            if !e.has_jumps() {
                return Ok(reg);
            }
            if reg >= self.active_registers() {
                self.exp_to_reg(e, reg);
                return Ok(reg);
            }
        }
        self.exp_to_next_reg(e)
    }

    pub(crate) fn exp_to_any_reg_or_upvalue(&mut self, e: &mut ExpDesc) -> Res<()> {
        if !matches!(e.kind, Kind::Upvalue(_)) || e.has_jumps() {
            self.exp_to_any_reg(e)?;
        }
        Ok(())
    }

    pub(crate) fn exp_to_value(&mut self, e: &mut ExpDesc) -> Res<()> {
        if e.has_jumps() || matches!(e.kind, Kind::Jump(_)) {
            self.exp_to_any_reg(e)?;
        } else {
            self.discharge_vars(e);
        }
        Ok(())
    }

    /// A register or constant operand.
    pub(crate) fn exp_to_rk(&mut self, e: &mut ExpDesc) -> Res<u16> {
        if let Some(idx) = self.exp_to_constant(e, RK_CONSTANT as usize) {
            return Ok(RK_CONSTANT | idx as u16);
        }
        Ok(self.exp_to_any_reg(e)? as u16)
    }

    /// `var = value`
    pub(crate) fn store_var(&mut self, var: &ExpDesc, value: &mut ExpDesc) -> Res<()> {
        match var.kind {
            Kind::Local { reg, .. } => {
                self.free_exp(value);
                self.exp_to_reg(value, reg);
                return Ok(());
            }
            Kind::Upvalue(idx) => {
                let reg = self.exp_to_any_reg(value)?;
                self.emit_abc(Op::SetUpval, reg, idx as usize, 0);
            }
            Kind::IndexUp { table, key } => {
                let value = self.exp_to_rk(value)?;
                self.emit_abc(Op::SetTabUp, table, key as usize, value as usize);
            }
            Kind::IndexInt { table, key } => {
                let value = self.exp_to_rk(value)?;
                self.emit_abc(Op::SetI, table, key as usize, value as usize);
            }
            Kind::IndexStr { table, key } => {
                let value = self.exp_to_rk(value)?;
                self.emit_abc(Op::SetField, table, key as usize, value as usize);
            }
            Kind::Indexed { table, key } => {
                let value = self.exp_to_rk(value)?;
                self.emit_abc(Op::SetTable, table, key as usize, value as usize);
            }
            _ => unreachable!("only variables are assigned to"),
        }
        self.free_exp(value);
        Ok(())
    }

    fn is_short_string(&self, id: StrId) -> bool {
        self.string_len(id) <= SHORT_LEN_MAX
    }

    /// `e:name` as function and first argument in two new registers.
    pub(crate) fn self_call(&mut self, e: &mut ExpDesc, name: StrId) -> Res<()> {
        self.exp_to_any_reg(e)?;
        let Kind::NonReloc(object) = e.kind else { unreachable!("the object is in a register") };
        self.free_exp(e);
        let base = self.fs().free_reg;
        self.reserve_regs(2)?;
        let key = self.string_constant(name);
        if self.is_short_string(name) && key <= u16::MAX as usize {
            self.emit_abc(Op::SelfField, base, object as usize, key);
        } else {
            self.emit_abc(Op::Move, base + 1, object as usize, 0);
            self.load_constant(base, key);
            self.emit_abc(Op::GetTable, base, base as usize + 1, base as usize);
        }
        e.kind = Kind::NonReloc(base);
        Ok(())
    }

    /// `table[key]`
    pub(crate) fn indexed(&mut self, table: &mut ExpDesc, key: &mut ExpDesc) -> Res<()> {
        let short = match key.kind {
            Kind::String(id) if !key.has_jumps() && self.is_short_string(id) => {
                let idx = self.string_constant(id);
                u16::try_from(idx).ok()
            }
            _ => None,
        };
        if matches!(table.kind, Kind::Upvalue(_)) && short.is_none() {
            self.exp_to_any_reg(table)?;
        }
        if let (Kind::Upvalue(upvalue), Some(key)) = (table.kind, short) {
            table.kind = Kind::IndexUp { table: upvalue, key };
            return Ok(());
        }
        let reg = match table.kind {
            Kind::Local { reg, .. } | Kind::NonReloc(reg) => reg,
            _ => unreachable!("an indexed table is in a register"),
        };
        table.kind = match key.kind {
            _ if short.is_some() => Kind::IndexStr { table: reg, key: short.unwrap_or_default() },
            // Messages tell these from other keys, so the range is the reference's.
            Kind::Integer(value) if !key.has_jumps() && (0..=u8::MAX as i64).contains(&value) => {
                Kind::IndexInt { table: reg, key: value as u16 }
            }
            _ => Kind::Indexed { table: reg, key: self.exp_to_any_reg(key)? },
        };
        Ok(())
    }

    // Conditions

    fn negate_condition(&mut self, pc: usize) {
        let instruction = self.instruction(pc);
        let op = match instruction.op() {
            Op::Eq => Op::Ne,
            Op::Ne => Op::Eq,
            Op::EqK => Op::NeK,
            Op::NeK => Op::EqK,
            Op::Lt => Op::NotLt,
            Op::NotLt => Op::Lt,
            Op::Le => Op::NotLe,
            Op::NotLe => Op::Le,
            Op::LtI => Op::NotLtI,
            Op::NotLtI => Op::LtI,
            Op::LeI => Op::NotLeI,
            Op::NotLeI => Op::LeI,
            Op::GtI => Op::NotGtI,
            Op::NotGtI => Op::GtI,
            Op::GeI => Op::NotGeI,
            Op::NotGeI => Op::GeI,
            op => unreachable!("{op:?} is no comparison"),
        };
        *instruction = instruction.with_op(op);
    }

    /// A jump taken when the expression's truth is `condition`.
    fn jump_on_condition(&mut self, e: &mut ExpDesc, condition: bool) -> Res<i32> {
        if let Kind::Reloc(pc) = e.kind {
            let instruction = *self.instruction(pc);
            if instruction.op() == Op::Not && pc + 1 == self.fs().pc() {
                let fs = self.fs();
                fs.proto.code.pop();
                fs.proto.lines.pop();
                let op = if condition { Op::TestF } else { Op::TestT };
                return Ok(self.emit(Instruction::asbx(op, instruction.b() as u8, 0, NO_JUMP)) as i32);
            }
        }
        self.discharge_to_any_reg(e)?;
        self.free_exp(e);
        let Kind::NonReloc(reg) = e.kind else { unreachable!("the expression is in a register") };
        let op = if condition { Op::TestSetT } else { Op::TestSetF };
        Ok(self.emit(Instruction::asbx(op, NO_REG, reg as u16, NO_JUMP)) as i32)
    }

    /// Goes on if the expression is true, and jumps otherwise.
    pub(crate) fn go_if_true(&mut self, e: &mut ExpDesc) -> Res<()> {
        self.discharge_vars(e);
        let jump = match e.kind {
            Kind::Jump(pc) => {
                self.negate_condition(pc);
                pc as i32
            }
            Kind::Constant(_) | Kind::Float(_) | Kind::Integer(_) | Kind::String(_) | Kind::True => NO_JUMP,
            _ => self.jump_on_condition(e, false)?,
        };
        let mut list = e.on_false;
        self.concat_jumps(&mut list, jump);
        e.on_false = list;
        self.patch_to_here(e.on_true);
        e.on_true = NO_JUMP;
        Ok(())
    }

    /// Goes on if the expression is false, and jumps otherwise.
    pub(crate) fn go_if_false(&mut self, e: &mut ExpDesc) -> Res<()> {
        self.discharge_vars(e);
        let jump = match e.kind {
            Kind::Jump(pc) => pc as i32,
            Kind::Nil | Kind::False => NO_JUMP,
            _ => self.jump_on_condition(e, true)?,
        };
        let mut list = e.on_true;
        self.concat_jumps(&mut list, jump);
        e.on_true = list;
        self.patch_to_here(e.on_false);
        e.on_false = NO_JUMP;
        Ok(())
    }

    fn code_not(&mut self, e: &mut ExpDesc) -> Res<()> {
        match e.kind {
            Kind::Nil | Kind::False => e.kind = Kind::True,
            Kind::Constant(_) | Kind::Float(_) | Kind::Integer(_) | Kind::String(_) | Kind::True => {
                e.kind = Kind::False;
            }
            Kind::Jump(pc) => self.negate_condition(pc),
            _ => {
                self.discharge_to_any_reg(e)?;
                self.free_exp(e);
                let Kind::NonReloc(reg) = e.kind else { unreachable!("the expression is in a register") };
                e.kind = Kind::Reloc(self.emit_abc(Op::Not, 0, reg as usize, 0));
            }
        }
        std::mem::swap(&mut e.on_true, &mut e.on_false);
        self.remove_values(e.on_false);
        self.remove_values(e.on_true);
        Ok(())
    }

    // Operators

    fn numeral(e: &ExpDesc) -> Option<Number> {
        match e.kind {
            Kind::Integer(value) if !e.has_jumps() => Some(Number::Integer(value)),
            Kind::Float(value) if !e.has_jumps() => Some(Number::Float(value)),
            _ => None,
        }
    }

    /// Computes with two numerals, unless that fails or gives a NaN or a zero whose sign may matter.
    fn fold(op: ArithOp, e1: &mut ExpDesc, e2: &ExpDesc) -> bool {
        let (Some(left), Some(right)) = (Self::numeral(e1), Self::numeral(e2)) else { return false };
        if matches!(op, ArithOp::Div | ArithOp::IDiv | ArithOp::Mod) && right.to_float() == 0.0 {
            return false;
        }
        match number::arith(op, left, right) {
            Ok(Number::Integer(value)) => e1.kind = Kind::Integer(value),
            Ok(Number::Float(value)) if !value.is_nan() && value != 0.0 => e1.kind = Kind::Float(value),
            _ => return false,
        }
        true
    }

    pub(crate) fn prefix(&mut self, op: UnaryOp, e: &mut ExpDesc, line: u32) -> Res<()> {
        self.discharge_vars(e);
        let (arith, code) = match op {
            UnaryOp::Minus => (Some(ArithOp::Unm), Op::Unm),
            UnaryOp::BNot => (Some(ArithOp::BNot), Op::BNot),
            UnaryOp::Len => (None, Op::Len),
            UnaryOp::Not => return self.code_not(e),
        };
        if let Some(arith) = arith
            && Self::fold(arith, e, &ExpDesc::new(Kind::Integer(1)))
        {
            return Ok(());
        }
        let reg = self.exp_to_any_reg(e)?;
        self.free_exp(e);
        e.kind = Kind::Reloc(self.emit_abc(code, 0, reg as usize, 0));
        self.fix_line(line);
        Ok(())
    }

    /// What happens to the left operand before the right one is read.
    pub(crate) fn infix(&mut self, op: BinaryOp, e: &mut ExpDesc) -> Res<()> {
        self.discharge_vars(e);
        match op {
            BinaryOp::And => self.go_if_true(e)?,
            BinaryOp::Or => self.go_if_false(e)?,
            BinaryOp::Concat => {
                self.exp_to_next_reg(e)?;
            }
            BinaryOp::Eq | BinaryOp::Ne => {
                if !e.is_numeral() && self.exp_to_constant(e, u16::MAX as usize).is_none() {
                    self.exp_to_any_reg(e)?;
                }
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                if e.small_integer().is_none() {
                    self.exp_to_any_reg(e)?;
                }
            }
            _ => {
                if !e.is_numeral() {
                    self.exp_to_any_reg(e)?;
                }
            }
        }
        Ok(())
    }

    /// The operation itself, once both operands are read; the result is in `e1`.
    pub(crate) fn postfix(&mut self, op: BinaryOp, e1: &mut ExpDesc, e2: &mut ExpDesc, line: u32) -> Res<()> {
        self.discharge_vars(e2);
        match op {
            BinaryOp::And => {
                let mut list = e2.on_false;
                self.concat_jumps(&mut list, e1.on_false);
                e2.on_false = list;
                *e1 = *e2;
            }
            BinaryOp::Or => {
                let mut list = e2.on_true;
                self.concat_jumps(&mut list, e1.on_true);
                e2.on_true = list;
                *e1 = *e2;
            }
            BinaryOp::Concat => {
                self.exp_to_next_reg(e2)?;
                self.code_concat(e1, e2, line);
            }
            BinaryOp::Eq | BinaryOp::Ne => self.code_equality(op, e1, e2)?,
            BinaryOp::Lt | BinaryOp::Le => self.code_order(op, e1, e2)?,
            BinaryOp::Gt | BinaryOp::Ge => {
                std::mem::swap(e1, e2);
                let op = if op == BinaryOp::Gt { BinaryOp::Lt } else { BinaryOp::Le };
                self.code_order(op, e1, e2)?;
            }
            _ => self.code_arith(op, e1, e2, line)?,
        }
        Ok(())
    }

    /// `a .. (b .. c)` becomes one instruction.
    fn code_concat(&mut self, e1: &mut ExpDesc, e2: &ExpDesc, line: u32) {
        let Kind::NonReloc(first) = e1.kind else { unreachable!("operands of a concatenation are in registers") };
        let fs = self.fs();
        let merged = fs.pc() > fs.last_target
            && fs.proto.code.last().is_some_and(|last| last.op() == Op::Concat && last.a() == first as usize + 1);
        if merged {
            self.free_exp(e2);
            let last = self.fs().pc() - 1;
            let instruction = self.instruction(last);
            *instruction = instruction.with_a(first).with_b(instruction.b() as u16 + 1);
        } else {
            self.emit_abc(Op::Concat, first, 2, 0);
            self.free_exp(e2);
            self.fix_line(line);
        }
    }

    fn code_equality(&mut self, op: BinaryOp, e1: &mut ExpDesc, e2: &mut ExpDesc) -> Res<()> {
        if !matches!(e1.kind, Kind::NonReloc(_)) {
            // A constant on the left: equality has no sides.
            std::mem::swap(e1, e2);
        }
        let left = self.exp_to_any_reg(e1)?;
        let equal = op == BinaryOp::Eq;
        let instruction = match self.exp_to_constant(e2, u16::MAX as usize) {
            Some(idx) => Instruction::asbx(if equal { Op::EqK } else { Op::NeK }, left, idx as u16, NO_JUMP),
            None => {
                let right = self.exp_to_any_reg(e2)?;
                Instruction::asbx(if equal { Op::Eq } else { Op::Ne }, left, right as u16, NO_JUMP)
            }
        };
        self.free_exps(e1, e2);
        *e1 = ExpDesc::new(Kind::Jump(self.emit(instruction)));
        Ok(())
    }

    fn code_order(&mut self, op: BinaryOp, e1: &mut ExpDesc, e2: &mut ExpDesc) -> Res<()> {
        let less = op == BinaryOp::Lt;
        let instruction = if let Some(immediate) = e2.small_integer() {
            let left = self.exp_to_any_reg(e1)?;
            Instruction::asbx(if less { Op::LtI } else { Op::LeI }, left, immediate as u16, NO_JUMP)
        } else if let Some(immediate) = e1.small_integer() {
            let right = self.exp_to_any_reg(e2)?;
            Instruction::asbx(if less { Op::GtI } else { Op::GeI }, right, immediate as u16, NO_JUMP)
        } else {
            let left = self.exp_to_any_reg(e1)?;
            let right = self.exp_to_any_reg(e2)?;
            Instruction::asbx(if less { Op::Lt } else { Op::Le }, left, right as u16, NO_JUMP)
        };
        self.free_exps(e1, e2);
        *e1 = ExpDesc::new(Kind::Jump(self.emit(instruction)));
        Ok(())
    }

    fn code_arith(&mut self, op: BinaryOp, e1: &mut ExpDesc, e2: &mut ExpDesc, line: u32) -> Res<()> {
        let (arith, with_constant, with_register) = arith_ops(op);
        if Self::fold(arith, e1, e2) {
            return Ok(());
        }
        let commutes = matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::BAnd | BinaryOp::BOr | BinaryOp::BXor);
        let bitwise = matches!(op, BinaryOp::BAnd | BinaryOp::BOr | BinaryOp::BXor | BinaryOp::Shl | BinaryOp::Shr);
        // Bitwise operations take integer constants only, so that a float is reported as the source has it.
        let usable = |e: &ExpDesc| e.is_numeral() && (!bitwise || matches!(e.kind, Kind::Integer(_)));
        let mut flags = 0;
        if commutes && usable(e1) && !usable(e2) {
            std::mem::swap(e1, e2);
            flags = ARITH_FLIPPED;
        }
        if op == BinaryOp::Add
            && let Some(immediate) = e2.small_integer()
        {
            return self.finish_arith(e1, e2, Op::AddI, immediate as u16, flags, line);
        }
        if op == BinaryOp::Sub
            && let Some(immediate) = e2.small_integer().and_then(i16::checked_neg)
        {
            return self.finish_arith(e1, e2, Op::AddI, immediate as u16, ARITH_SUBTRACT, line);
        }
        if usable(e2)
            && let Some(idx) = self.exp_to_constant(e2, u16::MAX as usize)
        {
            return self.finish_arith(e1, e2, with_constant, idx as u16, flags, line);
        }
        if flags != 0 {
            std::mem::swap(e1, e2);
        }
        let right = self.exp_to_any_reg(e2)?;
        self.finish_arith(e1, e2, with_register, right as u16, 0, line)
    }

    fn finish_arith(&mut self, e1: &mut ExpDesc, e2: &ExpDesc, op: Op, c: u16, flags: u16, line: u32) -> Res<()> {
        let left = self.exp_to_any_reg(e1)?;
        self.free_exps(e1, e2);
        let pc = self.emit(Instruction::abcd(op, 0, left as u16, c, flags));
        *e1 = ExpDesc::new(Kind::Reloc(pc));
        self.fix_line(line);
        Ok(())
    }

    /// Stores the pending items of a table constructor; `count` 0 stands for all up to the top.
    pub(crate) fn set_list(&mut self, table: u8, stored: usize, count: usize) {
        self.emit(Instruction::abx(Op::SetList, table, count as u16, stored as u32));
        self.fs().free_reg = table + 1;
    }

    pub(crate) fn code_return(&mut self, first: u8, count: Option<usize>) {
        let op = match count {
            Some(0) => Op::Return0,
            Some(1) => Op::Return1,
            _ => Op::Return,
        };
        // Without values the register means nothing, and might lie beyond the frame.
        let first = if count == Some(0) { 0 } else { first };
        self.emit_abc(op, first, count.map_or(0, |count| count + 1), 0);
    }

    /// Last touches: returns that must close or belong to a vararg function, and jumps to jumps.
    pub(crate) fn finish(&mut self) {
        let fs = self.fs();
        let (needs_close, is_vararg) = (fs.needs_close, fs.proto.is_vararg);
        for pc in 0..fs.proto.code.len() {
            let instruction = fs.proto.code[pc];
            match instruction.op() {
                Op::Return0 | Op::Return1 if needs_close || is_vararg => {
                    let count = if instruction.op() == Op::Return0 { 1 } else { 2 };
                    let flags = if needs_close { RETURN_CLOSE } else { 0 };
                    fs.proto.code[pc] = Instruction::abcd(Op::Return, instruction.a() as u8, count, 0, flags);
                }
                Op::Return0 | Op::Return1 => fs.proto.code[pc] = instruction.with_b(0),
                Op::Return | Op::TailCall if needs_close => fs.proto.code[pc] = instruction.with_d(RETURN_CLOSE),
                Op::Jmp => {
                    let mut target = pc;
                    for _ in 0..100 {
                        let next = fs.proto.code[target];
                        if next.op() != Op::Jmp {
                            break;
                        }
                        target = (target as i64 + 1 + next.sbx() as i64) as usize;
                    }
                    fs.proto.code[pc] = instruction.with_sbx(target as i32 - (pc as i32 + 1));
                }
                _ => {}
            }
        }
    }
}

/// The operation, and its opcodes with a constant and with a register on the right.
fn arith_ops(op: BinaryOp) -> (ArithOp, Op, Op) {
    match op {
        BinaryOp::Add => (ArithOp::Add, Op::AddK, Op::Add),
        BinaryOp::Sub => (ArithOp::Sub, Op::SubK, Op::Sub),
        BinaryOp::Mul => (ArithOp::Mul, Op::MulK, Op::Mul),
        BinaryOp::Mod => (ArithOp::Mod, Op::ModK, Op::Mod),
        BinaryOp::Pow => (ArithOp::Pow, Op::PowK, Op::Pow),
        BinaryOp::Div => (ArithOp::Div, Op::DivK, Op::Div),
        BinaryOp::IDiv => (ArithOp::IDiv, Op::IDivK, Op::IDiv),
        BinaryOp::BAnd => (ArithOp::BAnd, Op::BAndK, Op::BAnd),
        BinaryOp::BOr => (ArithOp::BOr, Op::BOrK, Op::BOr),
        BinaryOp::BXor => (ArithOp::BXor, Op::BXorK, Op::BXor),
        BinaryOp::Shl => (ArithOp::Shl, Op::ShlK, Op::Shl),
        BinaryOp::Shr => (ArithOp::Shr, Op::ShrK, Op::Shr),
        _ => unreachable!("{op:?} is no arithmetic"),
    }
}
