//! Names, lines, positions and tracebacks, found by looking at code when an error asks.
//!
//! # Source
//! `ldebug.c` and `lauxlib.c` for what is named how, so that messages come out the same; not the code.

use crate::api::Call;
use crate::bytecode::{Instruction, Op, Operand as Field};
use crate::closure::{Closure, LoadedProto};
use crate::stack::{Coroutine, FINALIZER, FINISH, Frame, HANDLER, HOOK, Status, TAIL_CALLED};
use crate::state::{Event, Global};
use crate::string::Str;
use crate::table::Table;
use crate::value::{self, CLOSURE, Raw, TABLE};

/// Where an instruction took a value from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operand {
    None,
    Register(usize),
    Upvalue(usize),
    /// The function of the call that just failed.
    Called,
}

/// What kind of name a value goes by, and the name.
pub(crate) struct Name {
    pub kind: &'static str,
    pub text: Vec<u8>,
}

impl Name {
    fn new(kind: &'static str, text: impl Into<Vec<u8>>) -> Option<Name> {
        Some(Name { kind, text: text.into() })
    }
}

/// Longest source name in messages, its terminator included, as the reference's `LUA_IDSIZE`.
const ID_SIZE: usize = 60;

/// How messages call a chunk: a file's name, the text after `=`, or the first line of the source in `[string "..."]`.
pub fn chunk_id(source: &[u8]) -> Vec<u8> {
    match source.first() {
        Some(b'=') => source[1..].iter().copied().take(ID_SIZE - 1).collect(),
        Some(b'@') => {
            let name = &source[1..];
            if name.len() < ID_SIZE { name.to_vec() } else { [b"...", &name[name.len() - (ID_SIZE - 4)..]].concat() }
        }
        _ => {
            const AROUND: usize = "[string \"...\"]".len() + 1;
            let line = source.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let whole = line.len() == source.len() && line.len() < ID_SIZE - AROUND + 3 - 3;
            if whole {
                [b"[string \"", line, b"\"]"].concat()
            } else {
                [b"[string \"", &line[..line.len().min(ID_SIZE - AROUND)], b"...\"]"].concat()
            }
        }
    }
}

pub(crate) unsafe fn short_source(proto: *const LoadedProto) -> Vec<u8> {
    // SAFETY: the caller has a live prototype, as for all functions here.
    unsafe { chunk_id(Str::bytes((*proto).parts.source)) }
}

/// Index of the instruction a Lua frame is at.
pub(crate) unsafe fn current_pc(frame: *const Frame) -> usize {
    // SAFETY: the frame's `pc` points behind an instruction of its code, or at the first one.
    unsafe {
        let code = (*(*frame).proto()).code.cast_const();
        ((*frame).pc.offset_from(code) as usize).saturating_sub(1)
    }
}

/// Line of an instruction; `None` in a stripped chunk.
pub(crate) unsafe fn line_at(proto: *const LoadedProto, pc: usize) -> Option<u32> {
    // SAFETY: the caller's contract.
    unsafe {
        let parts = &(*proto).parts;
        parts.lines.get(pc).copied()
    }
}

/// `chunk:line: ` of a Lua frame.
unsafe fn frame_position(frame: *const Frame) -> Vec<u8> {
    // SAFETY: the caller has a Lua frame.
    unsafe {
        let proto = (*frame).proto();
        let mut text = short_source(proto);
        match line_at(proto, current_pc(frame)) {
            Some(line) => text.extend_from_slice(format!(":{line}: ").as_bytes()),
            None => text.extend_from_slice(b":-1: "),
        }
        text
    }
}

/// Position of the frame that runs if it is a Lua frame, else nothing.
pub(crate) unsafe fn current_position(co: *mut Coroutine) -> Vec<u8> {
    // SAFETY: the caller has a live coroutine.
    unsafe { if (*(*co).frame).is_native() { Vec::new() } else { frame_position((*co).frame) } }
}

/// The operand of an arithmetic instruction.
pub(crate) fn arith_operand(i: Instruction, first: bool) -> Operand {
    let flipped = i.op().operands().contains(&Field::flags) && i.d() as u16 & crate::bytecode::ARITH_FLIPPED != 0;
    match (i.op().operands().contains(&Field::c), first) {
        (true, true) => Operand::Register(i.b()),
        (true, false) => Operand::Register(i.c()),
        // The other operand is a constant or immediate: a number, never at fault.
        (false, _) if first != flipped || !flipped => Operand::Register(i.b()),
        (false, _) => Operand::None,
    }
}

/// ` (global 'x')` and the like for an operand of the instruction that just ran; empty when nothing is known.
pub(crate) unsafe fn operand_name(co: *mut Coroutine, operand: Operand, _value: Raw) -> Vec<u8> {
    // SAFETY: the caller has a live coroutine.
    unsafe {
        let frame = (*co).frame;
        if (*frame).is_native() {
            return Vec::new();
        }
        let proto = (*frame).proto();
        let name = match operand {
            Operand::None => None,
            Operand::Register(idx) => register_name(proto, current_pc(frame), idx),
            Operand::Upvalue(idx) => Name::new("upvalue", upvalue_name(proto, idx)),
            Operand::Called => called_name(frame),
        };
        name.map_or_else(Vec::new, |name| [b" (", name.kind.as_bytes(), b" '", &name.text[..], b"')"].concat())
    }
}

/// The operand to blame when the value at `func` can't be called.
pub(crate) unsafe fn called_operand(_co: *mut Coroutine, _func: *mut Raw, flags: u16) -> Operand {
    if flags & crate::stack::DELIVERY & !FINISH == 0 { Operand::Called } else { Operand::None }
}

unsafe fn upvalue_name(proto: *const LoadedProto, idx: usize) -> Vec<u8> {
    // SAFETY: the caller has a live prototype; a name may be null in a stripped chunk.
    unsafe {
        let parts = &(*proto).parts;
        match parts.upvalues.get(idx) {
            Some(source) if !source.name.is_null() => Str::bytes(source.name).to_vec(),
            _ => b"?".to_vec(),
        }
    }
}

/// Name of the local variable in a register at an instruction.
pub(crate) unsafe fn local_at(proto: *const LoadedProto, pc: usize, register: usize) -> Option<Vec<u8>> {
    // SAFETY: the caller has a live prototype.
    unsafe {
        let locals = &(*proto).parts.locals;
        locals
            .iter()
            .take_while(|local| local.start_pc as usize <= pc)
            .filter(|local| pc < local.end_pc as usize)
            .nth(register)
            .map(|local| Str::bytes(local.name).to_vec())
    }
}

/// Name of the local variable in a register of the frame that runs.
pub(crate) unsafe fn local_name(co: *mut Coroutine, register: usize) -> Option<Vec<u8>> {
    // SAFETY: the current frame is a Lua frame.
    unsafe {
        let frame = (*co).frame;
        local_at((*frame).proto(), current_pc(frame), register)
    }
}

unsafe fn string_constant(proto: *const LoadedProto, idx: usize) -> Option<Vec<u8>> {
    // SAFETY: the caller has a live prototype.
    unsafe {
        let parts = &(*proto).parts;
        let constant = *parts.constants.get(idx)?;
        constant.is_string().then(|| Str::bytes(constant.as_ptr()).to_vec())
    }
}

/// What a register holds at an instruction, in the words of the source.
unsafe fn register_name(proto: *const LoadedProto, pc: usize, register: usize) -> Option<Name> {
    // SAFETY: the caller has a live prototype.
    unsafe {
        if let Some(text) = local_at(proto, pc, register) {
            return Name::new("local", text);
        }
        let setter = find_setter(proto, pc, register)?;
        let i = (&(*proto).parts.code)[setter];
        let constant = |idx: usize| string_constant(proto, idx).unwrap_or_else(|| b"?".to_vec());
        match i.op() {
            Op::Move if i.b() < i.a() => register_name(proto, setter, i.b()),
            Op::GetTabUp => {
                let kind = if upvalue_name(proto, i.b()) == b"_ENV" { "global" } else { "field" };
                Name::new(kind, constant(i.c()))
            }
            Op::GetField => Name::new(field_kind(proto, setter, i.b()), constant(i.c())),
            Op::GetTable => {
                let text = match register_name(proto, setter, i.c()) {
                    Some(name) if name.kind == "constant" => name.text,
                    _ => b"?".to_vec(),
                };
                Name::new(field_kind(proto, setter, i.b()), text)
            }
            Op::GetI => Name::new("field", *b"integer index"),
            Op::GetUpval => Name::new("upvalue", upvalue_name(proto, i.b())),
            Op::LoadK => Name::new("constant", string_constant(proto, i.bx())?),
            Op::SelfField => Name::new("method", constant(i.c())),
            _ => None,
        }
    }
}

/// A field of a local table called `_ENV` is a global.
unsafe fn field_kind(proto: *const LoadedProto, pc: usize, table: usize) -> &'static str {
    // SAFETY: the caller has a live prototype.
    unsafe {
        match register_name(proto, pc, table) {
            Some(name) if matches!(name.kind, "local" | "upvalue") && name.text == b"_ENV" => "global",
            _ => "field",
        }
    }
}

/// The instruction before `last` that set the register, if no jump makes that uncertain.
unsafe fn find_setter(proto: *const LoadedProto, last: usize, register: usize) -> Option<usize> {
    // SAFETY: the caller has a live prototype.
    let code = unsafe { &(*proto).parts.code };
    let mut setter = None;
    let mut jump_target = 0;
    for (pc, &i) in code.iter().enumerate().take(last) {
        let a = i.a();
        let changes = match i.op() {
            Op::LoadNil => (a..=a + i.b()).contains(&register),
            Op::TForCall => register >= a + 2,
            Op::Call | Op::TailCall => register >= a,
            Op::ForLoop | Op::ForPrep | Op::TForLoop => a == register,
            Op::TForPrep => false,
            op if op.operands().contains(&Field::sj) => {
                let target = (pc as i64 + 1 + i.sbx() as i64) as usize;
                if i.sbx() >= 0 && target <= last && target > jump_target {
                    jump_target = target;
                }
                matches!(op, Op::TestSetT | Op::TestSetF) && a == register
            }
            op => sets_a(op) && a == register,
        };
        if changes {
            setter = if pc < jump_target { None } else { Some(pc) };
        }
    }
    setter
}

/// Whether an opcode without a jump writes R[A].
fn sets_a(op: Op) -> bool {
    op.operands().first() == Some(&Field::a)
        && !matches!(
            op,
            Op::SetUpval
                | Op::SetTable
                | Op::SetI
                | Op::SetField
                | Op::SetList
                | Op::Close
                | Op::Tbc
                | Op::Return
                | Op::Return1
        )
}

/// How the instruction a Lua frame is at names the function it calls.
unsafe fn called_name(caller: *const Frame) -> Option<Name> {
    // SAFETY: the caller has a Lua frame.
    unsafe {
        let proto = (*caller).proto();
        let pc = current_pc(caller);
        let i = (&(*proto).parts.code)[pc];
        let event = match i.op() {
            Op::Call | Op::TailCall => return register_name(proto, pc, i.a()),
            Op::TForCall => return Name::new("for iterator", *b"for iterator"),
            Op::SelfField | Op::GetTabUp | Op::GetTable | Op::GetI | Op::GetField => Event::Index,
            Op::SetTabUp | Op::SetTable | Op::SetI | Op::SetField => Event::NewIndex,
            Op::Add | Op::AddK => Event::Add,
            Op::AddI if i.d() as u16 & crate::bytecode::ARITH_SUBTRACT != 0 => Event::Sub,
            Op::AddI => Event::Add,
            Op::Sub | Op::SubK => Event::Sub,
            Op::Mul | Op::MulK => Event::Mul,
            Op::Mod | Op::ModK => Event::Mod,
            Op::Pow | Op::PowK => Event::Pow,
            Op::Div | Op::DivK => Event::Div,
            Op::IDiv | Op::IDivK => Event::IDiv,
            Op::BAnd | Op::BAndK => Event::BAnd,
            Op::BOr | Op::BOrK => Event::BOr,
            Op::BXor | Op::BXorK => Event::BXor,
            Op::Shl | Op::ShlK => Event::Shl,
            Op::Shr | Op::ShrK => Event::Shr,
            Op::Unm => Event::Unm,
            Op::BNot => Event::BNot,
            Op::Len => Event::Len,
            Op::Concat => Event::Concat,
            Op::Eq | Op::Ne => Event::Eq,
            Op::Lt | Op::NotLt | Op::LtI | Op::NotLtI | Op::GtI | Op::NotGtI => Event::Lt,
            Op::Le | Op::NotLe | Op::LeI | Op::NotLeI | Op::GeI | Op::NotGeI => Event::Le,
            Op::Close | Op::Return | Op::Return0 | Op::Return1 => Event::Close,
            _ => return None,
        };
        Name::new("metamethod", event.bare_name())
    }
}

/// One level of the call stack.
#[derive(Clone, Copy)]
pub(crate) struct Activation {
    pub function: Raw,
    /// The frame, if the function has one.
    pub frame: *const Frame,
    /// The frame of whatever called it.
    pub caller: *const Frame,
}

impl Activation {
    pub fn is_tail_call(&self) -> bool {
        // SAFETY: frames of the stack that is walked are alive.
        unsafe { !self.frame.is_null() && (*self.frame).flags & TAIL_CALLED != 0 }
    }

    /// The values that are passed while a hook is told of its call or return: position of the first, and their number.
    pub unsafe fn transfer(&self, co: *const Coroutine) -> (usize, usize) {
        // SAFETY: H1: a hook's frame lies right above that of the function it interrupted.
        unsafe {
            if self.frame.is_null() || self.frame >= (*co).frame || (*self.frame.add(1)).flags & HOOK == 0 {
                return (0, 0);
            }
            let passed = (*self.frame.add(1)).vararg_count;
            ((passed >> 16) as usize, (passed & 0xffff) as usize)
        }
    }

    /// The name its caller knows it by.
    pub fn name(&self) -> Option<Name> {
        // SAFETY: as above.
        unsafe {
            if self.is_tail_call() || self.caller.is_null() {
                return None;
            }
            if (*self.caller).flags & FINALIZER != 0 {
                return Name::new("metamethod", *b"__gc");
            }
            if (*self.caller).flags & HOOK != 0 {
                return Name::new("hook", *b"?");
            }
            if (*self.caller).flags & HANDLER != 0 {
                // The frame that raised the error.
                return Activation { caller: self.caller.sub(1), ..*self }.name();
            }
            if (*self.caller).is_native() { None } else { called_name(self.caller) }
        }
    }
}

/// The levels of a coroutine, innermost first: a native that runs without a frame, then the frames.
///
/// # Safety
/// The coroutine lives, and its frames stay as they are, while the iterator is used.
pub(crate) unsafe fn activations(co: *mut Coroutine, running: Option<Raw>) -> Activations {
    // SAFETY: the caller's contract.
    unsafe { Activations { running, frame: (*co).frame, base: (*co).frames } }
}

pub(crate) struct Activations {
    running: Option<Raw>,
    frame: *const Frame,
    /// The base frame, which belongs to no function.
    base: *const Frame,
}

impl Iterator for Activations {
    type Item = Activation;

    fn next(&mut self) -> Option<Activation> {
        if let Some(function) = self.running.take() {
            return Some(Activation { function, frame: std::ptr::null(), caller: self.frame });
        }
        // SAFETY: K2: the frames from the base to the current one are alive.
        unsafe {
            while self.frame > self.base {
                let frame = self.frame;
                self.frame = frame.sub(1);
                if (*frame).flags & (FINALIZER | HANDLER | HOOK) == 0 {
                    let caller = if self.frame > self.base { self.frame } else { std::ptr::null() };
                    return Some(Activation { function: *(*frame).func, frame, caller });
                }
            }
        }
        None
    }
}

/// The native through which a coroutine left that does not run, if it did: `yield`, `resume` and the like.
///
/// # Safety
/// The coroutine lives.
pub(crate) unsafe fn pending_native(co: *mut Coroutine) -> Option<Raw> {
    // SAFETY: the slot was left as it was, or holds no function.
    unsafe {
        let left = matches!((*co).status, Status::Yielded | Status::Normal | Status::Parked);
        let function = *(*co).pending_func;
        (left && function.is_function()).then_some(function)
    }
}

/// The native that runs without a frame, for [`activations`].
pub(crate) fn frameless(call: &Call<'_>) -> Option<Raw> {
    // SAFETY: N1: the function lies there until the native returns.
    if call.framed { None } else { Some(unsafe { *call.func }) }
}

/// `chunk:line: ` of the function at a level, 0 being the native itself; empty when it is no Lua function.
pub(crate) unsafe fn position(call: &Call<'_>, level: usize) -> Vec<u8> {
    // SAFETY: N1.
    unsafe {
        match activations(call.co, frameless(call)).nth(level) {
            Some(at) if !at.frame.is_null() && !(*at.frame).is_native() => frame_position(at.frame),
            _ => Vec::new(),
        }
    }
}

/// What an argument error calls the native that runs: its name, and whether it was called as a method.
pub(crate) unsafe fn native_name(call: &Call<'_>) -> (Vec<u8>, bool) {
    // SAFETY: N1.
    unsafe {
        let Some(at) = activations(call.co, frameless(call)).next() else { return (b"?".to_vec(), false) };
        match at.name() {
            Some(name) => (name.text, name.kind == "method"),
            None => (global_name(&*(*call.co).global, at.function).unwrap_or_else(|| b"?".to_vec()), false),
        }
    }
}

/// The name of a function that a loaded library exports: `string.rep`, or `print` for a global.
unsafe fn global_name(global: &Global, function: Raw) -> Option<Vec<u8>> {
    // SAFETY: tables reached from the registry are alive.
    unsafe {
        let (mut position, loaded) = (0, loaded_table(global)?);
        let mut found: Option<Vec<u8>> = None;
        while let Some((library, exports, next)) = Table::entry_from(loaded, position) {
            position = next;
            if exports.tag != TABLE || !library.is_string() {
                continue;
            }
            let mut at = 0;
            while let Some((key, value, next)) = Table::entry_from(exports.as_ptr(), at) {
                at = next;
                if key.is_string() && value.raw_equal(function) {
                    let library = Str::bytes(library.as_ptr());
                    let key = Str::bytes(key.as_ptr());
                    if library == b"_G" {
                        return Some(key.to_vec());
                    }
                    found.get_or_insert_with(|| [library, b".", key].concat());
                }
            }
        }
        found
    }
}

unsafe fn loaded_table(global: &Global) -> Option<*mut Table> {
    // SAFETY: the registry is alive.
    unsafe {
        let mut position = 0;
        while let Some((key, value, next)) = Table::entry_from(global.registry, position) {
            position = next;
            if value.tag == TABLE && key.is_string() && Str::bytes(key.as_ptr()) == b"_LOADED" {
                return Some(value.as_ptr());
            }
        }
        None
    }
}

/// Levels shown at the top and at the bottom of a long traceback.
const LEVELS_TOP: usize = 10;
const LEVELS_BOTTOM: usize = 11;

/// A traceback as `debug.traceback` makes it, from the level on.
pub(crate) unsafe fn traceback(
    co: *mut Coroutine,
    running: Option<Raw>,
    message: Option<&[u8]>,
    level: usize,
) -> Vec<u8> {
    // SAFETY: the caller has a live coroutine.
    unsafe {
        let mut text = Vec::new();
        if let Some(message) = message {
            text.extend_from_slice(message);
            text.push(b'\n');
        }
        text.extend_from_slice(b"stack traceback:");
        let levels: Vec<Activation> = activations(co, running).skip(level).collect();
        let skipped = levels.len().saturating_sub(LEVELS_TOP + LEVELS_BOTTOM);
        for (idx, at) in levels.iter().enumerate() {
            if skipped > 0 && idx == LEVELS_TOP {
                // One less than there are, as the reference counts.
                text.extend_from_slice(format!("\n\t...\t(skipping {} levels)", skipped - 1).as_bytes());
            }
            if skipped > 0 && (LEVELS_TOP..LEVELS_TOP + skipped).contains(&idx) {
                continue;
            }
            text.extend_from_slice(b"\n\t");
            text.extend_from_slice(&describe(&*(*co).global, at));
            if at.is_tail_call() {
                text.extend_from_slice(b"\n\t(...tail calls...)");
            }
        }
        text
    }
}

/// One line of a traceback.
unsafe fn describe(global: &Global, at: &Activation) -> Vec<u8> {
    // SAFETY: the activation belongs to a live coroutine.
    unsafe {
        let mut text;
        let proto = if at.function.tag == CLOSURE {
            let proto = (*at.function.as_ptr::<Closure>()).proto;
            text = short_source(proto);
            if let Some(line) = line_at(proto, current_pc(at.frame)) {
                text.extend_from_slice(format!(":{line}").as_bytes());
            }
            Some(proto)
        } else {
            text = b"[C]".to_vec();
            None
        };
        text.extend_from_slice(b": in ");
        if let Some(name) = global_name(global, at.function) {
            text.extend_from_slice(&[b"function '", &name[..], b"'"].concat());
        } else if let Some(name) = at.name() {
            text.extend_from_slice(&[name.kind.as_bytes(), b" '", &name.text[..], b"'"].concat());
        } else if let Some(proto) = proto {
            if (*proto).line_defined == 0 {
                text.extend_from_slice(b"main chunk");
            } else {
                text.extend_from_slice(b"function <");
                text.extend_from_slice(&short_source(proto));
                text.extend_from_slice(format!(":{}>", (*proto).line_defined).as_bytes());
            }
        } else {
            text.push(b'?');
        }
        text
    }
}

const _: () = assert!(value::NIL == 0);
