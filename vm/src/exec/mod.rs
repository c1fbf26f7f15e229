//! The dispatch loop.
//!
//! Each opcode has a body, an inlined function from the machine state [`X`] and the instruction to the next state; the
//! driver at the end picks the body. Slow paths are functions of their own in `metamethod` and `call`, which answer
//! the state to go on with: the same frame, another one, or [`X::halt`].
//!
//! # Invariants
//! - E1. Operands passed the verifier when the chunk was loaded: registers are below `stack_len_max`, constants
//!   and upvalues exist, jumps land inside the code, which ends with a return; the top is set where it is used.
//! - E2. The frame's registers lie in the stack, with room for a native call behind them (K3).
//! - E3. `base` and `k` belong to the current frame of `co`, and are reloaded after anything that may move the stack or
//!   change the frame.
//! - E4. `pc` in the frame is current whenever something can throw, call, or collect.

mod access;
mod arith;
mod compare;
mod control;

use crate::bytecode::{Instruction, Op};
use crate::hook;
use crate::stack::Coroutine;
use crate::state::{Exit, Global};
use crate::value::{self, Raw};

static HALT: [Instruction; 1] = [Instruction::abc(Op::Halt, 0, 0, 0)];
/// Where a native's frame goes on once its call has returned.
pub(crate) static CONTINUE: [Instruction; 1] = [Instruction::abc(Op::Continue, 0, 0, 0)];

/// The machine state: where the dispatch loop is.
#[derive(Clone, Copy)]
pub(crate) struct X {
    /// Next instruction.
    pub pc: *const Instruction,
    /// First register of the frame.
    pub base: *mut Raw,
    /// Constants of the function.
    pub k: *const Raw,
    /// The coroutine that runs.
    pub co: *mut Coroutine,
}

impl X {
    /// The state of the current frame, which is a Lua frame.
    #[inline(always)]
    pub unsafe fn reload(co: *mut Coroutine) -> X {
        // SAFETY: the caller has a live coroutine with a frame.
        unsafe {
            let frame = &*(*co).frame;
            X { pc: frame.pc, base: frame.base, k: frame.k, co }
        }
    }

    /// A state that leaves the dispatch loop.
    #[inline(always)]
    pub unsafe fn halt(co: *mut Coroutine) -> X {
        X { pc: HALT.as_ptr(), base: std::ptr::null_mut(), k: std::ptr::null(), co }
    }

    /// Whether it leaves the dispatch loop.
    pub fn is_halt(self) -> bool {
        self.base.is_null()
    }

    /// Saves `pc` in the frame (E4).
    #[inline(always)]
    pub unsafe fn save(self) {
        // SAFETY: E3.
        unsafe { (*(*self.co).frame).pc = self.pc }
    }

    #[inline(always)]
    pub unsafe fn global<'a>(self) -> &'a mut Global {
        // SAFETY: a coroutine's global outlives it, and the interpreter is its only user while it runs.
        unsafe { &mut *(*self.co).global }
    }

    /// Register.
    #[inline(always)]
    pub unsafe fn reg(self, idx: usize) -> Raw {
        // SAFETY: E1, E2.
        unsafe { value::read(self.base.add(idx)) }
    }

    /// Sets a register.
    #[inline(always)]
    pub unsafe fn set(self, idx: usize, value: Raw) {
        // SAFETY: E1, E2.
        unsafe { value::write(self.base.add(idx), value) }
    }

    /// Constant.
    #[inline(always)]
    pub unsafe fn constant(self, idx: usize) -> Raw {
        // SAFETY: E1.
        unsafe { value::read(self.k.add(idx)) }
    }

    /// Register or constant.
    #[inline(always)]
    pub unsafe fn rk(self, operand: usize) -> Raw {
        const CONSTANT: usize = crate::bytecode::RK_CONSTANT as usize;
        // SAFETY: E1, E2.
        unsafe { if operand & CONSTANT != 0 { self.constant(operand & !CONSTANT) } else { self.reg(operand) } }
    }

    /// The state after the instruction's jump is taken.
    #[inline(always)]
    pub unsafe fn jump(self, i: Instruction) -> X {
        // SAFETY: E1.
        unsafe { X { pc: self.pc.offset(i.sbx() as isize), ..self } }
    }

    /// Counts a call or backward jump against the budget.
    #[inline(always)]
    pub unsafe fn spend(self) -> X {
        // SAFETY: E3.
        unsafe {
            let global = self.global();
            global.budget -= 1;
            if global.budget < 0 { slow_with(self, |x| preempt(x)) } else { self }
        }
    }
}

/// Does the rest of an instruction that is not worth a place in the dispatch loop. The action captures nothing and
/// reads its operands once more: what it captured would be written to memory on the fast path too.
#[inline(always)]
pub(crate) unsafe fn slow<F: FnOnce(X, Instruction) -> X>(x: X, action: F) -> X {
    const { assert!(size_of::<F>() == 0) };
    // SAFETY: `pc` is behind the instruction that runs.
    unsafe { slow_with(x, |x| action(x, *x.pc.sub(1))) }
}

/// As [`slow`] for actions with results in hand, or apart from an instruction. The state goes through the frame and
/// one register: were it passed as a whole, it would live in memory all the time.
#[inline(always)]
pub(crate) unsafe fn slow_with(x: X, action: impl FnOnce(X) -> X) -> X {
    // SAFETY: E3; a null answer stands for the state that leaves the loop.
    unsafe {
        x.save();
        let co = outlined(x.co, action);
        if co.is_null() { X::halt(x.co) } else { X::reload(co) }
    }
}

#[inline(never)]
unsafe fn outlined<F: FnOnce(X) -> X>(co: *mut Coroutine, action: F) -> *mut Coroutine {
    // SAFETY: `slow` saved the state.
    unsafe {
        let x = action(X::reload(co));
        if x.is_halt() {
            return std::ptr::null_mut();
        }
        x.save();
        x.co
    }
}

#[cold]
unsafe fn preempt(x: X) -> X {
    // SAFETY: E3, E4.
    unsafe {
        x.save();
        crate::call::leave(x.co, Exit::Preempted)
    }
}

/// Defines opcode bodies: functions from state and instruction to the next state.
macro_rules! ops {
    ($( $(#[$meta:meta])* fn $name:ident($x:ident, $i:ident) $body:block )*) => {
        $(
            $(#[$meta])*
            #[inline(always)]
            #[allow(unused_variables, reason = "some bodies leave the instruction to their slow path")]
            pub(super) unsafe fn $name($x: X, $i: Instruction) -> X {
                // SAFETY: E1 to E4 of the module `exec`.
                unsafe { $body }
            }
        )*
    };
}
use ops;

/// Runs until something leaves the loop; why is in `Global::exit`.
///
/// # Safety
/// The coroutine's current frame is a Lua frame with its `pc` saved, and nobody else uses the virtual machine.
pub(crate) unsafe fn run(co: *mut Coroutine) {
    // SAFETY: the caller's contract; a loop that is left for the other one has saved where it was.
    unsafe {
        let global = (*co).global;
        let mut co = co;
        loop {
            if (*global).hooks == 0 {
                dispatch::<false>(co)
            } else {
                dispatch::<true>(co)
            }
            if (*global).exit != Exit::Hooks {
                return;
            }
            co = (*global).current;
        }
    }
}

/// The loop itself; there is one for coroutines with hooks, so that others are not asked for any.
unsafe fn dispatch<const HOOKS: bool>(co: *mut Coroutine) {
    // SAFETY: the contract of `run`.
    let mut x = unsafe { X::reload(co) };
    loop {
        // SAFETY: E1: `pc` stays inside the code.
        unsafe {
            while HOOKS && let Some(next) = hook::before(x) {
                x = next;
            }
            let i = *x.pc;
            x.pc = x.pc.add(1);
            x = match decode(i) {
                Op::Move => access::mov(x, i),
                Op::LoadI => access::load_i(x, i),
                Op::LoadF => access::load_f(x, i),
                Op::LoadK => access::load_k(x, i),
                Op::LoadFalse => access::load_false(x, i),
                Op::LFalseSkip => access::load_false_skip(x, i),
                Op::LoadTrue => access::load_true(x, i),
                Op::LoadNil => access::load_nil(x, i),
                Op::GetUpval => access::get_upval(x, i),
                Op::SetUpval => access::set_upval(x, i),
                Op::GetTabUp => access::get_tab_up(x, i),
                Op::SetTabUp => access::set_tab_up(x, i),
                Op::GetTable => access::get_table(x, i),
                Op::GetI => access::get_i(x, i),
                Op::GetField => access::get_field(x, i),
                Op::SetTable => access::set_table(x, i),
                Op::SetI => access::set_i(x, i),
                Op::SetField => access::set_field(x, i),
                Op::NewTable => access::new_table(x, i),
                Op::SelfField => access::self_field(x, i),
                Op::SetList => access::set_list(x, i),
                Op::AddI => arith::add_i(x, i),
                Op::AddK => arith::add_k(x, i),
                Op::SubK => arith::sub_k(x, i),
                Op::MulK => arith::mul_k(x, i),
                Op::ModK => arith::mod_k(x, i),
                Op::PowK => arith::pow_k(x, i),
                Op::DivK => arith::div_k(x, i),
                Op::IDivK => arith::idiv_k(x, i),
                Op::BAndK => arith::band_k(x, i),
                Op::BOrK => arith::bor_k(x, i),
                Op::BXorK => arith::bxor_k(x, i),
                Op::ShlK => arith::shl_k(x, i),
                Op::ShrK => arith::shr_k(x, i),
                Op::Add => arith::add(x, i),
                Op::Sub => arith::sub(x, i),
                Op::Mul => arith::mul(x, i),
                Op::Mod => arith::modulo(x, i),
                Op::Pow => arith::pow(x, i),
                Op::Div => arith::div(x, i),
                Op::IDiv => arith::idiv(x, i),
                Op::BAnd => arith::band(x, i),
                Op::BOr => arith::bor(x, i),
                Op::BXor => arith::bxor(x, i),
                Op::Shl => arith::shl(x, i),
                Op::Shr => arith::shr(x, i),
                Op::Unm => arith::unm(x, i),
                Op::BNot => arith::bnot(x, i),
                Op::Not => arith::not(x, i),
                Op::Len => access::len(x, i),
                Op::Concat => access::concat(x, i),
                Op::Close => control::close(x, i),
                Op::Tbc => control::tbc(x, i),
                Op::Jmp => control::jmp(x, i),
                Op::Eq => compare::eq(x, i),
                Op::Ne => compare::ne(x, i),
                Op::EqK => compare::eq_k(x, i),
                Op::NeK => compare::ne_k(x, i),
                Op::Lt => compare::lt(x, i),
                Op::NotLt => compare::not_lt(x, i),
                Op::Le => compare::le(x, i),
                Op::NotLe => compare::not_le(x, i),
                Op::LtI => compare::lt_i(x, i),
                Op::NotLtI => compare::not_lt_i(x, i),
                Op::LeI => compare::le_i(x, i),
                Op::NotLeI => compare::not_le_i(x, i),
                Op::GtI => compare::gt_i(x, i),
                Op::NotGtI => compare::not_gt_i(x, i),
                Op::GeI => compare::ge_i(x, i),
                Op::NotGeI => compare::not_ge_i(x, i),
                Op::TestT => compare::test_t(x, i),
                Op::TestF => compare::test_f(x, i),
                Op::TestSetT => compare::test_set_t(x, i),
                Op::TestSetF => compare::test_set_f(x, i),
                Op::Call if HOOKS => control::call_hooked(x, i),
                Op::Call => control::call(x, i),
                Op::TailCall => control::tail_call(x, i),
                Op::Return => control::ret(x, i),
                Op::Return0 => control::ret0(x, i),
                Op::Return1 => control::ret1(x, i),
                Op::ForLoop => control::for_loop(x, i),
                Op::ForPrep => control::for_prep(x, i),
                Op::TForPrep => control::tfor_prep(x, i),
                Op::TForCall if HOOKS => control::tfor_call_hooked(x, i),
                Op::TForCall => control::tfor_call(x, i),
                Op::TForLoop => control::tfor_loop(x, i),
                Op::Closure => control::closure(x, i),
                Op::Vararg => control::vararg(x, i),
                Op::VarargPrep => control::vararg_prep(x, i),
                Op::Continue => control::continue_native(x, i),
                Op::Halt => return,
            };
        }
    }
}

/// The opcode, without a check.
#[inline(always)]
unsafe fn decode(i: Instruction) -> Op {
    debug_assert!((i.op_byte() as usize) < Op::ALL.len());
    // SAFETY: E1: the byte is a discriminant of `Op`, which is `repr(u8)`.
    unsafe { std::mem::transmute::<u8, Op>(i.op_byte()) }
}
