//! Expressions that have no register yet.

use perilune_vm::bytecode::StrId;

/// End of a jump list.
pub(crate) const NO_JUMP: i32 = -1;

/// Where an expression's value is, or how to get it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Kind {
    /// An empty list of expressions.
    Void,
    Nil,
    True,
    False,
    /// A constant of the function.
    Constant(usize),
    Float(f64),
    Integer(i64),
    String(StrId),
    /// In a fixed register.
    NonReloc(u8),
    /// A local variable: its register, and its index among the active variables.
    Local {
        reg: u8,
        var: usize,
    },
    Upvalue(u8),
    /// A compile-time constant variable, by its index among the active variables.
    CompileTime(usize),
    /// `R[table][R[key]]`
    Indexed {
        table: u8,
        key: u8,
    },
    /// `U[table][K[key]]`
    IndexUp {
        table: u8,
        key: u16,
    },
    /// `R[table][key]` for an integer
    IndexInt {
        table: u8,
        key: u16,
    },
    /// `R[table][K[key]]` for a short string
    IndexStr {
        table: u8,
        key: u16,
    },
    /// A comparison or test: the instruction that jumps when it holds.
    Jump(usize),
    /// An instruction whose A is to be filled in.
    Reloc(usize),
    Call(usize),
    Vararg(usize),
}

/// An expression: its value, and the jumps that leave it when it is true or false.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ExpDesc {
    pub kind: Kind,
    /// Jumps taken when it is true.
    pub on_true: i32,
    /// Jumps taken when it is false.
    pub on_false: i32,
}

impl ExpDesc {
    pub const VOID: ExpDesc = ExpDesc { kind: Kind::Void, on_true: NO_JUMP, on_false: NO_JUMP };

    pub fn new(kind: Kind) -> ExpDesc {
        ExpDesc { kind, on_true: NO_JUMP, on_false: NO_JUMP }
    }

    pub fn has_jumps(&self) -> bool {
        self.on_true != self.on_false
    }

    /// Whether it may give any number of values.
    pub fn is_multiple(&self) -> bool {
        matches!(self.kind, Kind::Call(_) | Kind::Vararg(_))
    }

    /// Whether it is a numeral without jumps.
    pub fn is_numeral(&self) -> bool {
        !self.has_jumps() && matches!(self.kind, Kind::Integer(_) | Kind::Float(_))
    }

    /// The value, if it is an integer that fits into 16 bits.
    pub fn small_integer(&self) -> Option<i16> {
        match self.kind {
            Kind::Integer(value) if !self.has_jumps() => i16::try_from(value).ok(),
            _ => None,
        }
    }
}

/// Binary operators. The order of the first twelve is that of `ArithOp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Mod,
    Pow,
    Div,
    IDiv,
    BAnd,
    BOr,
    BXor,
    Shl,
    Shr,
    Concat,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

impl BinaryOp {
    /// Left and right binding power.
    pub fn priority(self) -> (u8, u8) {
        match self {
            BinaryOp::Or => (1, 1),
            BinaryOp::And => (2, 2),
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => (3, 3),
            BinaryOp::BOr => (4, 4),
            BinaryOp::BXor => (5, 5),
            BinaryOp::BAnd => (6, 6),
            BinaryOp::Shl | BinaryOp::Shr => (7, 7),
            BinaryOp::Concat => (9, 8),
            BinaryOp::Add | BinaryOp::Sub => (10, 10),
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::IDiv | BinaryOp::Mod => (11, 11),
            BinaryOp::Pow => (14, 13),
        }
    }
}

/// Binding power of unary operators.
pub(crate) const UNARY_PRIORITY: u8 = 12;

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnaryOp {
    Minus,
    BNot,
    Not,
    Len,
}
