//! Functions under construction: blocks, variables, labels.

use crate::expr::NO_JUMP;
use hashbrown::HashMap;
use perilune_vm::bytecode::{Constant, LocalVar, Proto, StrId, UpvalueDesc};
use smallvec::SmallVec;

/// Local variables a function may have at a time.
pub(crate) const LOCALS_MAX: usize = 200;
/// Upvalues a function may have.
pub(crate) const UPVALUES_MAX: usize = 255;

/// What kind of local variable.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum VarKind {
    Regular,
    Const,
    ToClose,
    /// `<const>` with a value known while compiling: it has no register.
    CompileTime(Constant),
}

/// An active local variable.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Variable {
    pub name: StrId,
    pub kind: VarKind,
    pub reg: u8,
    /// Index among the function's debug records.
    pub record: usize,
}

/// A label or a pending `goto`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Label {
    pub name: StrId,
    /// Label: its place. Goto: its jump.
    pub pc: usize,
    pub line: u32,
    /// Active variables of the function there.
    pub active: usize,
    /// Whether the jump leaves the scope of a captured variable.
    pub close: bool,
}

/// A block of the function.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Labels and gotos of the whole chunk when it began.
    pub first_label: usize,
    pub first_goto: usize,
    /// Active variables of the function outside it.
    pub active: usize,
    pub is_loop: bool,
    /// Whether an inner function captured one of its variables.
    pub has_upvalue: bool,
    /// Whether it lies in the scope of a to-be-closed variable.
    pub inside_close: bool,
}

/// Key of a constant: kinds and bits tell 1 from 1.0 and 0.0 from -0.0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ConstantKey {
    Nil,
    Boolean(bool),
    Integer(i64),
    Float(u64),
    String(u32),
}

impl ConstantKey {
    pub fn of(constant: Constant) -> ConstantKey {
        match constant {
            Constant::Nil => ConstantKey::Nil,
            Constant::Boolean(value) => ConstantKey::Boolean(value),
            Constant::Integer(value) => ConstantKey::Integer(value),
            Constant::Float(value) => ConstantKey::Float(value.to_bits()),
            Constant::String(id) => ConstantKey::String(id.0),
        }
    }
}

/// A function under construction.
#[derive(Debug)]
pub(crate) struct FuncState {
    pub proto: Proto,
    pub blocks: SmallVec<[Block; 8]>,
    /// Variables of this function in the parser's list start here.
    pub first_variable: usize,
    /// Active variables, constants included.
    pub active: usize,
    /// First free register.
    pub free_reg: u8,
    /// Last place something jumps to: instructions before it are not merged with later ones.
    pub last_target: usize,
    /// Index of each constant, once there are too many to look through.
    pub constants: HashMap<ConstantKey, usize, foldhash::fast::RandomState>,
    /// Kinds of the upvalues, beside `Proto::upvalues`.
    pub upvalue_kinds: SmallVec<[VarKind; 8]>,
    /// Whether returns must close variables.
    pub needs_close: bool,
    /// Line of the last token when the last instruction was made.
    pub first_label: usize,
}

impl FuncState {
    pub fn new(line: u32, first_variable: usize, first_label: usize) -> FuncState {
        FuncState {
            proto: Proto { line_defined: line, stack_len_max: 2, ..Proto::default() },
            blocks: SmallVec::new(),
            first_variable,
            active: 0,
            free_reg: 0,
            last_target: 0,
            constants: HashMap::default(),
            upvalue_kinds: SmallVec::new(),
            needs_close: false,
            first_label,
        }
    }

    pub fn pc(&self) -> usize {
        self.proto.code.len()
    }

    pub fn block(&mut self) -> &mut Block {
        self.blocks.last_mut().expect("a function has a block while it is read")
    }

    /// Index of an upvalue by name.
    pub fn find_upvalue(&self, name: StrId) -> Option<u8> {
        self.proto.upvalues.iter().position(|upvalue| upvalue.name == Some(name)).map(|idx| idx as u8)
    }

    pub fn add_record(&mut self, name: StrId) -> usize {
        let pc = self.pc() as u32;
        self.proto.locals.push(LocalVar { name, start_pc: pc, end_pc: 0 });
        self.proto.locals.len() - 1
    }

    pub fn add_upvalue(&mut self, desc: UpvalueDesc, kind: VarKind) -> u8 {
        self.proto.upvalues.push(desc);
        self.upvalue_kinds.push(kind);
        self.proto.upvalues.len() as u8 - 1
    }
}

const _: () = assert!(NO_JUMP == -1);
