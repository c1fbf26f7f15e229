//! Proves that a chunk can do no harm, before it is loaded.
//!
//! The dispatch loop trusts its operands. So every chunk that is loaded, from the compiler or from a file, passes here
//! once: registers, constants, upvalues, inner functions, jumps and frame sizes are checked per instruction, and values
//! up to the top are used only right behind the instruction that sets it. What can't be proved, the types of values,
//! the opcodes check themselves. One pass, linear in the chunk's size.

use crate::bytecode::{
    Chunk, Constant, Instruction, Op, Operand, Proto, REGISTERS_MAX, RETURN_CLOSE, RK_CONSTANT, StrId, Strings,
};
use crate::string::SHORT_LEN_MAX;
use std::fmt;

/// Functions within functions: more than any source that compiles has.
const DEPTH_MAX: usize = 250;
/// Items a table constructor may make room for.
const ITEMS_MAX: usize = 1 << 26;

/// Why a chunk is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// Line of the function at fault.
    pub line_defined: u32,
    /// Its instruction, or how many there are where the fault is not in one.
    pub pc: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (function at line {}, instruction {})", self.what, self.line_defined, self.pc + 1)
    }
}

impl std::error::Error for VerifyError {}

/// Checks a chunk.
///
/// # Errors
/// The first fault found.
pub fn verify(chunk: &Chunk) -> Result<(), VerifyError> {
    Function { proto: &chunk.main, strings: &chunk.strings }.verify(None, 0)
}

struct Function<'a> {
    proto: &'a Proto,
    strings: &'a Strings,
}

type Checked = Result<(), &'static str>;

fn ensure(holds: bool, what: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(what) }
}

impl Function<'_> {
    fn verify(&self, outer: Option<&Proto>, depth: usize) -> Result<(), VerifyError> {
        let proto = self.proto;
        let fault = |pc: usize| move |what| VerifyError { line_defined: proto.line_defined, pc, what };
        ensure(depth <= DEPTH_MAX, "functions nest too deep").map_err(fault(proto.code.len()))?;
        self.header(outer).map_err(fault(proto.code.len()))?;
        let targets = self.targets().map_err(fault(proto.code.len()))?;
        let must_close = self.must_close();
        for (pc, &i) in proto.code.iter().enumerate() {
            self.operands(pc, i)
                .and_then(|()| self.ranges(pc, i))
                .and_then(|()| self.ends(i, must_close))
                .and_then(|()| self.open_values(pc, i, &targets))
                .map_err(fault(pc))?;
        }
        for inner in &proto.protos {
            Function { proto: inner, strings: self.strings }.verify(Some(proto), depth + 1)?;
        }
        Ok(())
    }

    fn has_string(&self, id: StrId) -> bool {
        (id.0 as usize) < self.strings.len()
    }

    fn header(&self, outer: Option<&Proto>) -> Checked {
        let proto = self.proto;
        let registers = proto.stack_len_max as usize;
        ensure((2..=REGISTERS_MAX).contains(&registers), "bad number of registers")?;
        ensure(proto.num_params as usize <= registers, "bad number of parameters")?;
        ensure(proto.upvalues.len() <= 255, "too many upvalues")?;
        ensure(proto.lines.is_empty() || proto.lines.len() == proto.code.len(), "bad line information")?;
        ensure(i32::try_from(proto.code.len()).is_ok(), "too many instructions")?;
        for constant in &proto.constants {
            if let Constant::String(id) = constant {
                ensure(self.has_string(*id), "bad string")?;
            }
        }
        for local in &proto.locals {
            ensure(self.has_string(local.name), "bad name of a local")?;
        }
        for upvalue in &proto.upvalues {
            ensure(upvalue.name.is_none_or(|name| self.has_string(name)), "bad name of an upvalue")?;
            let Some(outer) = outer else { continue };
            let limit = if upvalue.in_stack { outer.stack_len_max as usize } else { outer.upvalues.len() };
            ensure((upvalue.idx as usize) < limit, "bad upvalue")?;
        }
        let last = proto.code.last().map(|i| i.op());
        ensure(matches!(last, Some(Op::Return | Op::Return0 | Op::Return1)), "no return at the end")?;
        let first = proto.code[0];
        let prepared = first.op() == Op::VarargPrep && first.a() == proto.num_params as usize;
        ensure(prepared == proto.is_vararg, "bad preparation of varargs")
    }

    /// Which instructions are jumped to.
    fn targets(&self) -> Result<Vec<bool>, &'static str> {
        let mut targets = vec![false; self.proto.code.len()];
        for (pc, &i) in self.proto.code.iter().enumerate() {
            if i.op() == Op::LFalseSkip {
                *targets.get_mut(pc + 2).ok_or("jump out of the code")? = true;
            }
            if !i.op().has(Operand::sj) {
                continue;
            }
            let target = pc as i64 + 1 + i.sbx() as i64;
            let target = usize::try_from(target).map_err(|_| "jump out of the code")?;
            *targets.get_mut(target).ok_or("jump out of the code")? = true;
            let may_go_back = matches!(i.op(), Op::Jmp | Op::ForLoop | Op::TForLoop);
            ensure(may_go_back || target > pc, "conditional jump backwards")?;
        }
        Ok(targets)
    }

    /// Whether the function may leave open upvalues or variables to be closed.
    fn must_close(&self) -> bool {
        let captures = self.proto.protos.iter().any(|inner| inner.upvalues.iter().any(|upvalue| upvalue.in_stack));
        captures || self.proto.code.iter().any(|i| matches!(i.op(), Op::Tbc | Op::TForPrep))
    }

    /// Each operand by its form.
    fn operands(&self, pc: usize, i: Instruction) -> Checked {
        let registers = self.proto.stack_len_max as usize;
        let register = |idx: usize| ensure(idx < registers, "bad register");
        let constant = |idx: usize| ensure(idx < self.proto.constants.len(), "bad constant");
        let upvalue = |idx: usize| ensure(idx < self.proto.upvalues.len(), "bad upvalue");
        for operand in i.op().operands() {
            match operand {
                Operand::a => register(i.a())?,
                Operand::b => register(i.b())?,
                Operand::c => register(i.c())?,
                Operand::kb => constant(i.b())?,
                Operand::kc => constant(i.c())?,
                Operand::kbx => constant(i.bx())?,
                Operand::rkc if i.c() & RK_CONSTANT as usize != 0 => constant(i.c() & !(RK_CONSTANT as usize))?,
                Operand::rkc => register(i.c())?,
                Operand::ua => upvalue(i.a())?,
                Operand::ub => upvalue(i.b())?,
                Operand::pbx => ensure(i.bx() < self.proto.protos.len(), "bad function")?,
                Operand::ia | Operand::ib | Operand::ic | Operand::sb | Operand::sc => {}
                Operand::flags | Operand::cache | Operand::bx | Operand::sbx | Operand::sj => {}
            }
        }
        let key = match i.op() {
            Op::GetTabUp | Op::GetField | Op::SelfField => i.c(),
            Op::SetTabUp | Op::SetField => i.b(),
            _ => return ensure(i.op() != Op::VarargPrep || pc == 0, "varargs prepared again"),
        };
        match self.proto.constants[key] {
            Constant::String(id) if self.strings.get(id).len() <= SHORT_LEN_MAX => Ok(()),
            _ => Err("a field's name is no short string"),
        }
    }

    /// Registers behind the ones named.
    fn ranges(&self, pc: usize, i: Instruction) -> Checked {
        let registers = self.proto.stack_len_max as usize;
        let up_to = |end: usize| ensure(end <= registers, "bad register");
        let code = &self.proto.code;
        match i.op() {
            Op::LoadNil => up_to(i.a() + i.b() + 1),
            Op::SelfField => up_to(i.a() + 2),
            Op::NewTable => ensure(i.bx() <= ITEMS_MAX, "table too large"),
            Op::SetList => {
                ensure(i.bx() <= ITEMS_MAX, "table too large")?;
                up_to(i.a() + 1 + i.b())
            }
            Op::Concat => {
                ensure(i.b() >= 2, "nothing to concatenate")?;
                up_to(i.a() + i.b())
            }
            Op::Call => {
                up_to(i.a() + i.b())?;
                up_to((i.a() + i.c()).saturating_sub(1))
            }
            Op::TailCall => {
                up_to(i.a() + i.b())?;
                let next = code[pc + 1];
                ensure(next.op() == Op::Return && next.a() == i.a() && next.b() == 0, "tail call without a return")
            }
            Op::Return => up_to((i.a() + i.b()).saturating_sub(1)),
            Op::Vararg => {
                ensure(self.proto.is_vararg, "no varargs")?;
                up_to((i.a() + i.c()).saturating_sub(1))
            }
            Op::ForPrep | Op::ForLoop | Op::TForPrep => up_to(i.a() + 4),
            Op::TForLoop => up_to(i.a() + 5),
            Op::TForCall => {
                ensure(i.c() >= 1, "no variable in a loop")?;
                up_to(i.a() + 4 + i.c().max(3))?;
                let next = code[pc + 1];
                ensure(next.op() == Op::TForLoop && next.a() == i.a(), "iterator call without a loop")
            }
            Op::Continue | Op::Halt => Err("bad opcode"),
            _ => Ok(()),
        }
    }

    /// Returns close what must be closed.
    fn ends(&self, i: Instruction, must_close: bool) -> Checked {
        match i.op() {
            Op::Return0 | Op::Return1 => ensure(!must_close && !self.proto.is_vararg, "bad return"),
            Op::Return | Op::TailCall => {
                ensure(!must_close || i.d() as u16 & RETURN_CLOSE != 0, "return that closes nothing")
            }
            _ => Ok(()),
        }
    }

    /// An instruction that works up to the top comes right behind the one that sets the top, at or above its registers.
    fn open_values(&self, pc: usize, i: Instruction, targets: &[bool]) -> Checked {
        let first = match i.op() {
            Op::Call | Op::TailCall | Op::SetList if i.b() == 0 => i.a() + 1,
            Op::Return if i.b() == 0 => i.a(),
            _ => return Ok(()),
        };
        ensure(pc > 0 && !targets[pc], "values up to a top that is not set")?;
        let before = self.proto.code[pc - 1];
        let sets_top = match before.op() {
            Op::Call | Op::Vararg => before.c() == 0,
            Op::TailCall => i.op() == Op::Return,
            _ => false,
        };
        ensure(sets_top && before.a() >= first, "values up to a top that is not set")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::UpvalueDesc;

    fn main_with(code: Vec<Instruction>) -> Proto {
        let mut code = code;
        code.insert(0, Instruction::abc(Op::VarargPrep, 0, 0, 0));
        code.push(Instruction::abc(Op::Return, 0, 1, 0));
        Proto {
            is_vararg: true,
            stack_len_max: 4,
            code,
            constants: vec![Constant::Integer(1)],
            upvalues: vec![UpvalueDesc { name: None, in_stack: true, idx: 0 }],
            ..Proto::default()
        }
    }

    fn check(main: Proto, expected: Result<(), &str>) {
        let chunk = Chunk { source: b"=t"[..].into(), strings: Strings::default(), main };
        assert_eq!(verify(&chunk).map_err(|error| error.what), expected, "{:?}", chunk.main.code);
    }

    #[test]
    fn operands_stay_in_their_frame() {
        check(main_with(vec![Instruction::abc(Op::Move, 3, 0, 0)]), Ok(()));
        for (i, expected) in [
            (Instruction::abc(Op::Move, 4, 0, 0), "bad register"),
            (Instruction::abc(Op::Move, 0, 400, 0), "bad register"),
            (Instruction::abx(Op::LoadK, 0, 0, 1), "bad constant"),
            (Instruction::abc(Op::GetUpval, 0, 1, 0), "bad upvalue"),
            (Instruction::abx(Op::Closure, 0, 0, 0), "bad function"),
            (Instruction::abc(Op::LoadNil, 2, 2, 0), "bad register"),
            (Instruction::abc(Op::Call, 2, 3, 1), "bad register"),
            (Instruction::abc(Op::Call, 2, 1, 4), "bad register"),
            (Instruction::abc(Op::GetField, 0, 0, 0), "a field's name is no short string"),
            (Instruction::abc(Op::Concat, 0, 1, 0), "nothing to concatenate"),
            (Instruction::abc(Op::SetTable, 0, 0, RK_CONSTANT | 1), "bad constant"),
            (Instruction::asbx(Op::Jmp, 0, 0, 5), "jump out of the code"),
            (Instruction::asbx(Op::Jmp, 0, 0, -9), "jump out of the code"),
            (Instruction::asbx(Op::Jmp, 0, 0, i32::MIN), "jump out of the code"),
            (Instruction::asbx(Op::TestT, 0, 0, -2), "conditional jump backwards"),
            (Instruction::abc(Op::Return, 0, 0, 0), "values up to a top that is not set"),
            (Instruction::abc(Op::Call, 0, 0, 1), "values up to a top that is not set"),
            (Instruction::abc(Op::TailCall, 0, 1, 0), "tail call without a return"),
            (Instruction::abc(Op::Return0, 0, 0, 0), "bad return"),
            (Instruction::abc(Op::TForCall, 0, 0, 0), "no variable in a loop"),
            (Instruction::asbx(Op::ForLoop, 1, 0, 0), "bad register"),
            (Instruction::abx(Op::NewTable, 0, 0, u32::MAX), "table too large"),
            (Instruction::abc(Op::VarargPrep, 0, 0, 0), "varargs prepared again"),
            (Instruction::abc(Op::Tbc, 0, 0, 0), "return that closes nothing"),
            (Instruction::abc(Op::Halt, 0, 0, 0), "bad opcode"),
            (Instruction::abc(Op::Continue, 0, 0, 0), "bad opcode"),
        ] {
            check(main_with(vec![i]), Err(expected));
        }
    }

    #[test]
    fn the_top_is_used_only_where_it_is_set() {
        let call = Instruction::abc(Op::Call, 1, 1, 0);
        check(main_with(vec![call, Instruction::abc(Op::Return, 0, 0, 0)]), Ok(()));
        check(main_with(vec![call, Instruction::abc(Op::Call, 0, 0, 1)]), Ok(()));
        let unset = Err("values up to a top that is not set");
        // The values start above what is set, or a jump lands in between.
        check(main_with(vec![call, Instruction::abc(Op::Return, 2, 0, 0)]), unset);
        check(main_with(vec![call, Instruction::abc(Op::Call, 1, 0, 1)]), unset);
        let over = Instruction::asbx(Op::Jmp, 0, 0, 1);
        check(main_with(vec![over, call, Instruction::abc(Op::Return, 0, 0, 0)]), unset);
    }

    #[test]
    fn headers_must_fit() {
        let good = main_with(vec![]);
        check(Proto { stack_len_max: 1, ..good.clone() }, Err("bad number of registers"));
        check(Proto { num_params: 9, ..good.clone() }, Err("bad number of parameters"));
        check(Proto { code: vec![], ..good.clone() }, Err("no return at the end"));
        check(Proto { lines: vec![1], ..good.clone() }, Err("bad line information"));
        check(Proto { is_vararg: false, ..good.clone() }, Err("bad preparation of varargs"));
        check(Proto { constants: vec![Constant::String(StrId(0))], ..good.clone() }, Err("bad string"));
        let inner = Proto { upvalues: vec![UpvalueDesc { name: None, in_stack: true, idx: 4 }], ..good.clone() };
        check(Proto { protos: vec![inner], ..good.clone() }, Err("return that closes nothing"));
        let mut nested = good.clone();
        for _ in 0..300 {
            nested = Proto { protos: vec![Proto { upvalues: vec![], ..nested }], ..good.clone() };
        }
        check(nested, Err("functions nest too deep"));
    }
}
