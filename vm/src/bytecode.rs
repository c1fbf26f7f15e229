//! The instruction set, and what the compiler hands over: [`Chunk`], [`Proto`], [`Constant`].
//!
//! An instruction is 64 bits, so that a comparison carries its jump, a table access its constant key and an inline
//! cache, and an arithmetic instruction its fallback's facts; the reference needs two 32-bit words for each of these.
//! The `ops!` table below is the only list of opcodes: the enum, the names, the operand forms, the listing and the
//! verifier come from it. Everything here is plain data: no heap, no pointers.
//!
//! ```text
//!  63      48 47      32 31      16 15     8 7      0
//! |    D     |    C     |    B     |   A    |  op    |
//! |         Bx, sJ      |    B     |   A    |  op    |
//! ```
//!
//! # Invariants
//! - B1. Registers are below `Proto::stack_len_max`, which is at most [`REGISTERS_MAX`].
//! - B2. A jump is relative to the instruction after it, and lands inside the code. Backwards go only `Jmp`, `ForLoop`
//!   and `TForLoop`, which count against the budget.
//! - B3. The last instruction of every `Proto` is a `Return`, `Return0` or `Return1`.
//! - B4. D of an access by constant name is a cache and holds zero in a chunk that is stored.
//!
//! # Source
//! `lopcodes.h` for the idea of a register machine with constant operands; the encoding and fused jumps are our own.

use std::fmt;
use std::rc::Rc;

/// Registers a function may use: the register operand A has eight bits, and one value is kept free.
pub const REGISTERS_MAX: usize = 255;

/// Bit of C that marks a constant in an `rkc` operand; the other bits are the register or the constant's index.
pub const RK_CONSTANT: u16 = 0x8000;

/// `Arith` flag in D: the operands stand the other way round in the source (`2 + x`).
pub const ARITH_FLIPPED: u16 = 1;
/// `AddI` flag in D: the source says `x - imm`, and C holds the negated number.
pub const ARITH_SUBTRACT: u16 = 2;

/// `Return` and `TailCall` flag in D: upvalues and to-be-closed variables of the frame must be closed first.
pub const RETURN_CLOSE: u16 = 1;

/// What one field of an instruction holds. The opcode table names the operands of an instruction with these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types, reason = "the names are those of the opcode table")]
pub enum Operand {
    /// Register in A.
    a,
    /// Register in B.
    b,
    /// Register in C.
    c,
    /// Constant in B.
    kb,
    /// Constant in C.
    kc,
    /// Register, or with [`RK_CONSTANT`] a constant, in C.
    rkc,
    /// Upvalue in A.
    ua,
    /// Upvalue in B.
    ub,
    /// Plain unsigned number in A.
    ia,
    /// Plain unsigned number in B.
    ib,
    /// Plain unsigned number in C.
    ic,
    /// Signed number in B.
    sb,
    /// Signed number in C.
    sc,
    /// Flags in D.
    flags,
    /// Inline cache in D: index of the hash slot that hit last.
    cache,
    /// Unsigned 32-bit number in Bx.
    bx,
    /// Signed 32-bit number in Bx.
    sbx,
    /// Constant in Bx.
    kbx,
    /// Inner function in Bx.
    pbx,
    /// Jump distance in Bx, relative to the next instruction.
    sj,
}

macro_rules! ops {
    ($( $(#[doc = $doc:literal])* $name:ident { $($operand:ident),* } ),* $(,)?) => {
        /// One opcode. The notation follows the reference's: `R[x]` register, `K[x]` constant, `U[x]` upvalue,
        /// `RK(x)` either; `:=` assigns; `pc` is the next instruction.
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Op { $( $(#[doc = $doc])* $name ),* }

        impl Op {
            /// All opcodes in order.
            pub const ALL: &[Op] = &[$(Op::$name),*];

            /// The name, as listings show it.
            pub const fn name(self) -> &'static str {
                match self { $(Op::$name => stringify!($name)),* }
            }

            /// What the fields of an instruction with this opcode hold.
            pub const fn operands(self) -> &'static [Operand] {
                match self { $(Op::$name => &[$(Operand::$operand),*]),* }
            }

            /// Whether one of them is of this form.
            #[inline]
            pub const fn has(self, operand: Operand) -> bool {
                const SETS: [u32; Op::ALL.len()] = [$(0 $(| 1 << Operand::$operand as u32)*),*];
                SETS[self as usize] & 1 << operand as u32 != 0
            }
        }
    };
}

ops! {
    /// R[A] := R[B]
    Move { a, b },
    /// R[A] := sBx, an integer
    LoadI { a, sbx },
    /// R[A] := sBx, as a float
    LoadF { a, sbx },
    /// R[A] := K[Bx]
    LoadK { a, kbx },
    /// R[A] := false
    LoadFalse { a },
    /// R[A] := false; pc++
    LFalseSkip { a },
    /// R[A] := true
    LoadTrue { a },
    /// R[A], R[A+1], ..., R[A+B] := nil
    LoadNil { a, ib },

    /// R[A] := U[B]
    GetUpval { a, ub },
    /// U[B] := R[A]
    SetUpval { a, ub },
    /// R[A] := U[B][K[C]]; the key is a short string
    GetTabUp { a, ub, kc, cache },
    /// U[A][K[B]] := RK(C); the key is a short string
    SetTabUp { ua, kb, rkc, cache },

    /// R[A] := R[B][R[C]]
    GetTable { a, b, c },
    /// R[A] := R[B][C]; C is an integer key
    GetI { a, b, ic },
    /// R[A] := R[B][K[C]]; the key is a short string
    GetField { a, b, kc, cache },
    /// R[A][R[B]] := RK(C)
    SetTable { a, b, rkc },
    /// R[A][B] := RK(C); B is an integer key
    SetI { a, ib, rkc },
    /// R[A][K[B]] := RK(C); the key is a short string
    SetField { a, kb, rkc, cache },
    /// R[A] := {}, with room for B fields and Bx list items
    NewTable { a, ib, bx },
    /// R[A+1] := R[B]; R[A] := R[B][K[C]]; the key is a short string
    SelfField { a, b, kc, cache },
    /// R[A][Bx+i] := R[A+i] for 1 <= i <= B; B = 0 means up to the top
    SetList { a, ib, bx },

    /// R[A] := R[B] + sC. Flags: flipped, subtract
    AddI { a, b, sc, flags },
    /// R[A] := R[B] + K[C], a number. Flags: flipped
    AddK { a, b, kc, flags },
    /// R[A] := R[B] - K[C], a number
    SubK { a, b, kc, flags },
    /// R[A] := R[B] * K[C], a number. Flags: flipped
    MulK { a, b, kc, flags },
    /// R[A] := R[B] % K[C], a number
    ModK { a, b, kc, flags },
    /// R[A] := R[B] ^ K[C], a number
    PowK { a, b, kc, flags },
    /// R[A] := R[B] / K[C], a number
    DivK { a, b, kc, flags },
    /// R[A] := R[B] // K[C], a number
    IDivK { a, b, kc, flags },
    /// R[A] := R[B] & K[C], an integer. Flags: flipped
    BAndK { a, b, kc, flags },
    /// R[A] := R[B] | K[C], an integer. Flags: flipped
    BOrK { a, b, kc, flags },
    /// R[A] := R[B] ~ K[C], an integer. Flags: flipped
    BXorK { a, b, kc, flags },
    /// R[A] := R[B] << K[C], an integer
    ShlK { a, b, kc, flags },
    /// R[A] := R[B] >> K[C], an integer
    ShrK { a, b, kc, flags },
    /// R[A] := R[B] + R[C]
    Add { a, b, c },
    /// R[A] := R[B] - R[C]
    Sub { a, b, c },
    /// R[A] := R[B] * R[C]
    Mul { a, b, c },
    /// R[A] := R[B] % R[C]
    Mod { a, b, c },
    /// R[A] := R[B] ^ R[C]
    Pow { a, b, c },
    /// R[A] := R[B] / R[C]
    Div { a, b, c },
    /// R[A] := R[B] // R[C]
    IDiv { a, b, c },
    /// R[A] := R[B] & R[C]
    BAnd { a, b, c },
    /// R[A] := R[B] | R[C]
    BOr { a, b, c },
    /// R[A] := R[B] ~ R[C]
    BXor { a, b, c },
    /// R[A] := R[B] << R[C]
    Shl { a, b, c },
    /// R[A] := R[B] >> R[C]
    Shr { a, b, c },
    /// R[A] := -R[B]
    Unm { a, b },
    /// R[A] := ~R[B]
    BNot { a, b },
    /// R[A] := not R[B]
    Not { a, b },
    /// R[A] := #R[B]
    Len { a, b },
    /// R[A] := R[A] .. ... .. R[A+B-1]
    Concat { a, ib },

    /// close all upvalues and to-be-closed variables >= R[A]
    Close { a },
    /// mark R[A] to be closed
    Tbc { a },

    /// pc += sJ
    Jmp { sj },
    /// if R[A] == R[B] then pc += sJ
    Eq { a, b, sj },
    /// if not (R[A] == R[B]) then pc += sJ
    Ne { a, b, sj },
    /// if R[A] == K[B] then pc += sJ; no metamethods
    EqK { a, kb, sj },
    /// if not (R[A] == K[B]) then pc += sJ; no metamethods
    NeK { a, kb, sj },
    /// if R[A] < R[B] then pc += sJ
    Lt { a, b, sj },
    /// if not (R[A] < R[B]) then pc += sJ
    NotLt { a, b, sj },
    /// if R[A] <= R[B] then pc += sJ
    Le { a, b, sj },
    /// if not (R[A] <= R[B]) then pc += sJ
    NotLe { a, b, sj },
    /// if R[A] < sB then pc += sJ; sB is an integer
    LtI { a, sb, sj },
    /// if not (R[A] < sB) then pc += sJ
    NotLtI { a, sb, sj },
    /// if R[A] <= sB then pc += sJ
    LeI { a, sb, sj },
    /// if not (R[A] <= sB) then pc += sJ
    NotLeI { a, sb, sj },
    /// if R[A] > sB then pc += sJ
    GtI { a, sb, sj },
    /// if not (R[A] > sB) then pc += sJ
    NotGtI { a, sb, sj },
    /// if R[A] >= sB then pc += sJ
    GeI { a, sb, sj },
    /// if not (R[A] >= sB) then pc += sJ
    NotGeI { a, sb, sj },
    /// if R[A] is true (neither nil nor false) then pc += sJ
    TestT { a, sj },
    /// if R[A] is nil or false then pc += sJ
    TestF { a, sj },
    /// if R[B] is true then { R[A] := R[B]; pc += sJ }
    TestSetT { a, b, sj },
    /// if R[B] is nil or false then { R[A] := R[B]; pc += sJ }
    TestSetF { a, b, sj },

    /// R[A], ..., R[A+C-2] := R[A](R[A+1], ..., R[A+B-1]); B = 0: arguments up to
    /// the top; C = 0: all results, sets the top
    Call { a, ib, ic },
    /// return R[A](R[A+1], ..., R[A+B-1]); followed by `Return A 0`, which runs when the callee is native. Flags: close
    TailCall { a, ib, flags },
    /// return R[A], ..., R[A+B-2]; B = 0: up to the top. Flags: close. The only form allowed in a vararg function
    Return { a, ib, flags },
    /// return
    Return0 { },
    /// return R[A]
    Return1 { a },

    /// update counters and index; if the loop goes on then pc += sJ (to the body)
    ForLoop { a, sj },
    /// check and prepare R[A] (start), R[A+1] (limit), R[A+2] (step), set R[A+3]; if the loop does not run, pc += sJ
    /// (past `ForLoop`)
    ForPrep { a, sj },
    /// mark R[A+3] to be closed; pc += sJ (to `TForCall`)
    TForPrep { a, sj },
    /// R[A+4], ..., R[A+3+C] := R[A](R[A+1], R[A+2]); always followed by its `TForLoop`
    TForCall { a, ic },
    /// if R[A+4] ~= nil then { R[A+2] := R[A+4]; pc += sJ (to the body) }
    TForLoop { a, sj },

    /// R[A] := closure(inner function Bx)
    Closure { a, pbx },
    /// R[A], R[A+1], ..., R[A+C-2] := varargs; C = 0: all of them, sets the top
    Vararg { a, ic },
    /// first instruction of a vararg function with A fixed parameters
    VarargPrep { ia },
    /// the native of the current frame goes on; never in a chunk
    Continue { },
    /// leaves the interpreter; never in a chunk
    Halt { },
}

/// One instruction. See the module documentation for the layout.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Instruction(u64);

impl Instruction {
    /// An instruction with the fields A, B, C and D.
    pub const fn abcd(op: Op, a: u8, b: u16, c: u16, d: u16) -> Self {
        Self(op as u64 | (a as u64) << 8 | (b as u64) << 16 | (c as u64) << 32 | (d as u64) << 48)
    }

    /// An instruction with the fields A, B and C.
    pub const fn abc(op: Op, a: u8, b: u16, c: u16) -> Self {
        Self::abcd(op, a, b, c, 0)
    }

    /// An instruction with the fields A, B and an unsigned Bx.
    pub const fn abx(op: Op, a: u8, b: u16, bx: u32) -> Self {
        Self(op as u64 | (a as u64) << 8 | (b as u64) << 16 | (bx as u64) << 32)
    }

    /// An instruction with the fields A, B and a signed Bx or jump.
    pub const fn asbx(op: Op, a: u8, b: u16, sbx: i32) -> Self {
        Self::abx(op, a, b, sbx as u32)
    }

    /// The raw word, as binary chunks store it.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The instruction with these bits, or `None` when the opcode does not exist.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if ((bits & 0xff) as usize) < Op::ALL.len() { Some(Self(bits)) } else { None }
    }

    /// The opcode byte.
    #[inline(always)]
    pub const fn op_byte(self) -> u8 {
        self.0 as u8
    }

    /// The opcode.
    #[inline(always)]
    pub const fn op(self) -> Op {
        Op::ALL[self.op_byte() as usize]
    }

    /// Field A.
    #[inline(always)]
    pub const fn a(self) -> usize {
        (self.0 >> 8) as u8 as usize
    }

    /// Field B.
    #[inline(always)]
    pub const fn b(self) -> usize {
        (self.0 >> 16) as u16 as usize
    }

    /// Field C.
    #[inline(always)]
    pub const fn c(self) -> usize {
        (self.0 >> 32) as u16 as usize
    }

    /// Field D.
    #[inline(always)]
    pub const fn d(self) -> usize {
        (self.0 >> 48) as usize
    }

    /// Field B, signed.
    #[inline(always)]
    pub const fn sb(self) -> i64 {
        (self.0 >> 16) as i16 as i64
    }

    /// Field C, signed.
    #[inline(always)]
    pub const fn sc(self) -> i64 {
        (self.0 >> 32) as i16 as i64
    }

    /// Field Bx.
    #[inline(always)]
    pub const fn bx(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// Field Bx, signed; also the jump distance.
    #[inline(always)]
    pub const fn sbx(self) -> i32 {
        (self.0 >> 32) as i32
    }

    /// The same instruction with another opcode.
    pub const fn with_op(self, op: Op) -> Self {
        Self(self.0 & !0xff | op as u64)
    }

    /// The same instruction with another A.
    pub const fn with_a(self, a: u8) -> Self {
        Self(self.0 & !0xff00 | (a as u64) << 8)
    }

    /// The same instruction with another B.
    pub const fn with_b(self, b: u16) -> Self {
        Self(self.0 & !0xffff_0000 | (b as u64) << 16)
    }

    /// The same instruction with another C.
    pub const fn with_c(self, c: u16) -> Self {
        Self(self.0 & !(0xffff << 32) | (c as u64) << 32)
    }

    /// The same instruction with another D.
    #[inline(always)]
    pub const fn with_d(self, d: u16) -> Self {
        Self(self.0 & !(0xffff << 48) | (d as u64) << 48)
    }

    /// The same instruction with another Bx or jump.
    pub const fn with_sbx(self, sbx: i32) -> Self {
        Self(self.0 & 0xffff_ffff | (sbx as u32 as u64) << 32)
    }
}

impl fmt::Debug for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} A={} B={} C={} D={}", self.op().name(), self.a(), self.b(), self.c(), self.d())
    }
}

/// Index into [`Chunk::strings`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StrId(pub u32);

/// One constant of a function.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Constant {
    /// `nil`; only as an operand of `EqK` and `RK`.
    Nil,
    /// `true` or `false`; only as an operand of `EqK` and `RK`.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// A string.
    String(StrId),
}

/// Where a closure finds an upvalue when it is made, and what the source called it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpvalueDesc {
    /// The name; `None` in a stripped chunk.
    pub name: Option<StrId>,
    /// Whether it is a register of the enclosing function, or else one of its upvalues.
    pub in_stack: bool,
    /// That register or upvalue.
    pub idx: u8,
}

/// A local variable, for messages and the debug library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalVar {
    /// The name, `(for state)` and the like included.
    pub name: StrId,
    /// First instruction where it is active.
    pub start_pc: u32,
    /// First instruction where it is dead.
    pub end_pc: u32,
}

/// A compiled function.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proto {
    /// Line of the `function` keyword; 0 for a main chunk.
    pub line_defined: u32,
    /// Line of the closing `end`; 0 for a main chunk.
    pub last_line_defined: u32,
    /// Fixed parameters.
    pub num_params: u8,
    /// Whether `...` is among the parameters.
    pub is_vararg: bool,
    /// Registers the function needs, at least 2.
    pub stack_len_max: u8,
    /// The instructions.
    pub code: Vec<Instruction>,
    /// Source line of each instruction; empty in a stripped chunk.
    pub lines: Vec<u32>,
    /// The constants.
    pub constants: Vec<Constant>,
    /// The upvalues.
    pub upvalues: Vec<UpvalueDesc>,
    /// The local variables in order of `start_pc`; empty in a stripped chunk.
    pub locals: Vec<LocalVar>,
    /// The functions inside.
    pub protos: Vec<Proto>,
}

/// A unit of source, compiled: its main function and every distinct string in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Chunk {
    /// Chunk name as `load` got it: `@file`, `=name` or the source text itself. `=?` in a stripped chunk.
    pub source: Rc<[u8]>,
    /// Each string once; constants and names refer to them by index.
    pub strings: Strings,
    /// The main function: vararg, one upvalue `_ENV`.
    pub main: Proto,
}

/// Byte strings in one buffer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Strings {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Strings {
    /// Adds a string, without looking whether it is there already.
    ///
    /// # Panics
    /// When all strings together pass 4 GiB; the lexer refuses such a source before.
    pub fn push(&mut self, string: &[u8]) -> StrId {
        self.bytes.extend_from_slice(string);
        self.ends.push(u32::try_from(self.bytes.len()).expect("sources are below 4 GiB"));
        StrId(self.ends.len() as u32 - 1)
    }

    /// The bytes of a string.
    pub fn get(&self, id: StrId) -> &[u8] {
        let idx = id.0 as usize;
        let start = if idx == 0 { 0 } else { self.ends[idx - 1] as usize };
        &self.bytes[start..self.ends[idx] as usize]
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All strings in order of their index.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|idx| self.get(StrId(idx as u32)))
    }
}
