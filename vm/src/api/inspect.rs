//! What the debug library looks at: activations, local variables, upvalues.

use super::{Call, Coroutine, Function, Kind, LuaError, NativeResult, Next, Outcome, OutcomeKind, Table, Value};
use crate::bytecode::{Chunk, Constant, LocalVar, Proto, StrId, Strings, UpvalueDesc};
use crate::closure::{Closure, LoadedProto, Local as LoadedLocal, NativeClosure, Upvalue, UpvalueSource};
use crate::debug;
use crate::hook;
use crate::stack::Coroutine as RawCoroutine;
use crate::string::Str as RawStr;
use crate::value::{self, CLOSURE, NATIVE_CLOSURE, Raw};
use std::collections::HashMap;

/// A function, and the activation it was asked about if there was one, as `debug.getinfo` tells of them.
#[derive(Clone, Debug)]
pub struct FunctionInfo<'gc> {
    /// The function.
    pub function: Value<'gc>,
    /// Chunk name as `load` got it; `=[C]` for natives.
    pub source: Vec<u8>,
    /// The same as messages have it.
    pub short_source: Vec<u8>,
    /// `Lua`, `main` or `C`.
    pub what: &'static str,
    /// Line that runs, -1 when not known.
    pub current_line: i64,
    /// Lines of its first and last word, -1 for natives.
    pub line_defined: i64,
    /// See `line_defined`.
    pub last_line_defined: i64,
    /// Number of upvalues.
    pub upvalue_count: usize,
    /// Number of fixed parameters.
    pub param_count: usize,
    /// Whether it takes more arguments; true for natives.
    pub is_vararg: bool,
    /// What kind of name its caller has for it, and the name.
    pub name: Option<(&'static str, Vec<u8>)>,
    /// Whether a tail call took its caller's place.
    pub is_tail_call: bool,
    /// In a hook, the values that are passed: position of the first among the locals, and their number.
    pub transfer: (usize, usize),
}

/// What a hook is called for, as `debug.sethook` takes it.
#[derive(Clone, Copy, Debug)]
pub struct HookSpec<'gc> {
    /// Called with the event's name, and the line for a new line.
    pub function: Value<'gc>,
    /// Calls, tail calls among them.
    pub on_call: bool,
    /// Returns.
    pub on_return: bool,
    /// New lines.
    pub on_line: bool,
    /// Every so many instructions; 0 for never.
    pub count: u32,
}

/// A Lua function's prototype; null for natives.
unsafe fn proto_of(function: Raw) -> *mut LoadedProto {
    // SAFETY: the caller has a live function.
    unsafe { if function.tag == CLOSURE { (*function.as_ptr::<Closure>()).proto } else { std::ptr::null_mut() } }
}

impl<'gc> Function<'gc> {
    /// What there is to know of the function by itself.
    pub fn info(self, _call: &Call<'gc>) -> FunctionInfo<'gc> {
        // SAFETY: A1.
        unsafe {
            let proto = proto_of(self.raw);
            let mut info = FunctionInfo {
                function: Value::new(self.raw),
                source: b"=[C]".to_vec(),
                short_source: b"[C]".to_vec(),
                what: "C",
                current_line: -1,
                line_defined: -1,
                last_line_defined: -1,
                upvalue_count: 0,
                param_count: 0,
                is_vararg: true,
                name: None,
                is_tail_call: false,
                transfer: (0, 0),
            };
            if self.raw.tag == NATIVE_CLOSURE {
                info.upvalue_count = (*self.raw.as_ptr::<NativeClosure>()).upvalue_count as usize;
            }
            if !proto.is_null() {
                let proto = &*proto;
                info.source = RawStr::bytes(proto.parts.source).to_vec();
                info.short_source = debug::short_source(proto);
                info.what = if proto.line_defined == 0 { "main" } else { "Lua" };
                info.line_defined = proto.line_defined as i64;
                info.last_line_defined = proto.last_line_defined as i64;
                info.upvalue_count = proto.parts.upvalues.len();
                info.param_count = proto.num_params as usize;
                info.is_vararg = proto.is_vararg;
            }
            info
        }
    }

    /// The lines that have code, as keys of a table with true as values; `None` for natives.
    ///
    /// # Errors
    /// Memory.
    pub fn active_lines(self, call: &mut Call<'gc>) -> Result<Option<Table<'gc>>, LuaError> {
        // SAFETY: A1.
        let proto = unsafe { proto_of(self.raw) };
        if proto.is_null() {
            return Ok(None);
        }
        let table = call.table(0, 0)?;
        // SAFETY: A1: the function keeps its prototype.
        let proto = unsafe { &*proto };
        // The preparation of varargs is no code of the source's.
        for &line in proto.parts.lines.iter().skip(proto.is_vararg as usize) {
            table.set_integer(call, line as i64, Value::boolean(true))?;
        }
        Ok(Some(table))
    }

    /// Name of a parameter, by its position from 1.
    pub fn param_name(self, _call: &Call<'gc>, pos: i64) -> Option<Vec<u8>> {
        // SAFETY: A1.
        unsafe {
            let proto = proto_of(self.raw);
            let register = usize::try_from(pos).ok()?.checked_sub(1)?;
            if proto.is_null() { None } else { debug::local_at(proto, 0, register) }
        }
    }

    /// An upvalue's slot, by its position from 1.
    unsafe fn upvalue_slot(self, pos: i64) -> Option<*mut Raw> {
        // SAFETY: A1; the position is checked.
        unsafe {
            let idx = usize::try_from(pos).ok()?.checked_sub(1)?;
            match self.raw.tag {
                CLOSURE => {
                    let closure = self.raw.as_ptr::<Closure>();
                    (idx < (*closure).upvalue_count as usize).then(|| (**Closure::upvalue(closure, idx)).slot)
                }
                NATIVE_CLOSURE => {
                    let closure = self.raw.as_ptr::<NativeClosure>();
                    (idx < (*closure).upvalue_count as usize).then(|| NativeClosure::upvalue(closure, idx))
                }
                _ => None,
            }
        }
    }

    unsafe fn upvalue_name(self, pos: i64) -> Vec<u8> {
        // SAFETY: A1; the caller checked the position.
        unsafe {
            let proto = proto_of(self.raw);
            if proto.is_null() {
                return Vec::new();
            }
            let parts = &(*proto).parts;
            let name = parts.upvalues[pos as usize - 1].name;
            if name.is_null() { b"(no name)".to_vec() } else { RawStr::bytes(name).to_vec() }
        }
    }

    /// Name and value of an upvalue, by its position from 1.
    pub fn upvalue(self, _call: &Call<'gc>, pos: i64) -> Option<(Vec<u8>, Value<'gc>)> {
        // SAFETY: A1.
        unsafe {
            let slot = self.upvalue_slot(pos)?;
            Some((self.upvalue_name(pos), Value::new(value::read(slot))))
        }
    }

    /// Sets an upvalue; its name.
    pub fn set_upvalue(self, call: &mut Call<'gc>, pos: i64, value: Value<'gc>) -> Option<Vec<u8>> {
        // SAFETY: A1, A2.
        unsafe {
            let slot = self.upvalue_slot(pos)?;
            value::write(slot, value.raw);
            let heap = &mut call.global_mut().heap;
            if self.raw.tag == CLOSURE {
                let upvalue = *Closure::upvalue(self.raw.as_ptr(), pos as usize - 1);
                heap.barrier_upvalue(upvalue, value.raw);
            } else {
                heap.barrier(self.raw.as_ptr(), value.raw);
            }
            Some(self.upvalue_name(pos))
        }
    }

    /// What tells an upvalue from others, by its position from 1.
    pub fn upvalue_id(self, _call: &Call<'gc>, pos: i64) -> Option<usize> {
        // SAFETY: A1.
        unsafe {
            let slot = self.upvalue_slot(pos)?;
            if self.raw.tag == CLOSURE {
                let upvalue: *mut Upvalue = *Closure::upvalue(self.raw.as_ptr(), pos as usize - 1);
                return Some(upvalue as usize);
            }
            Some(slot as usize)
        }
    }

    /// Makes an upvalue of this Lua function refer to one of another; false when there is no such.
    pub fn join_upvalue(self, call: &mut Call<'gc>, pos: i64, other: Function<'gc>, other_pos: i64) -> bool {
        // SAFETY: A1, A2; the positions are checked.
        unsafe {
            if self.raw.tag != CLOSURE || other.raw.tag != CLOSURE {
                return false;
            }
            if self.upvalue_slot(pos).is_none() || other.upvalue_slot(other_pos).is_none() {
                return false;
            }
            let upvalue = *Closure::upvalue(other.raw.as_ptr(), other_pos as usize - 1);
            *Closure::upvalue(self.raw.as_ptr(), pos as usize - 1) = upvalue;
            call.global_mut().heap.touch(self.raw.as_ptr());
            true
        }
    }

    /// The function as a chunk that can be stored, `strip` without names, lines and source; `None` for natives.
    pub fn to_chunk(self, _call: &Call<'gc>, strip: bool) -> Option<Chunk> {
        // SAFETY: A1: the function keeps its prototype, and that its strings.
        unsafe {
            let proto = proto_of(self.raw);
            if proto.is_null() {
                return None;
            }
            let mut ids = StringIds { strip, ..StringIds::default() };
            let main = ids.proto(proto);
            let source = if strip { &b"=?"[..] } else { RawStr::bytes((*proto).parts.source) };
            Some(Chunk { source: source.into(), strings: ids.strings, main })
        }
    }

    /// Whether it is a Lua function.
    pub fn is_lua(self) -> bool {
        self.raw.tag == CLOSURE
    }
}

/// The strings of a chunk that is put together from loaded prototypes.
#[derive(Default)]
struct StringIds {
    /// Names and lines are left out.
    strip: bool,
    strings: Strings,
    ids: HashMap<*mut RawStr, StrId>,
}

impl StringIds {
    unsafe fn id(&mut self, string: *mut RawStr) -> StrId {
        // SAFETY: the caller has a live string.
        let text = unsafe { RawStr::bytes(string) };
        *self.ids.entry(string).or_insert_with(|| self.strings.push(text))
    }

    unsafe fn constant(&mut self, value: Raw) -> Constant {
        // SAFETY: the caller has a live constant.
        unsafe {
            match Value::<'_>::new(value).kind() {
                Kind::Boolean(value) => Constant::Boolean(value),
                Kind::Integer(value) => Constant::Integer(value),
                Kind::Float(value) => Constant::Float(value),
                Kind::String(_) => Constant::String(self.id(value.as_ptr())),
                _ => Constant::Nil,
            }
        }
    }

    unsafe fn proto(&mut self, proto: *const LoadedProto) -> Proto {
        // SAFETY: the caller has a live prototype; inner ones and strings live as long.
        unsafe {
            let (head, parts, strip) = (&*proto, &(*proto).parts, self.strip);
            let upvalue = |this: &mut Self, source: &UpvalueSource| UpvalueDesc {
                name: if source.name.is_null() || this.strip { None } else { Some(this.id(source.name)) },
                in_stack: source.in_stack,
                idx: source.idx,
            };
            let local = |this: &mut Self, local: &LoadedLocal| LocalVar {
                name: this.id(local.name),
                start_pc: local.start_pc,
                end_pc: local.end_pc,
            };
            Proto {
                line_defined: head.line_defined,
                last_line_defined: head.last_line_defined,
                num_params: head.num_params,
                is_vararg: head.is_vararg,
                stack_len_max: head.stack_len_max,
                code: parts.code.to_vec(),
                lines: if self.strip { Vec::new() } else { parts.lines.to_vec() },
                constants: parts.constants.iter().map(|&value| self.constant(value)).collect(),
                upvalues: parts.upvalues.iter().map(|source| upvalue(self, source)).collect(),
                locals: parts.locals.iter().filter(|_| !strip).map(|record| local(self, record)).collect(),
                protos: parts.protos.iter().map(|&inner| self.proto(inner)).collect(),
            }
        }
    }
}

/// A local variable's place.
struct Local {
    name: Vec<u8>,
    slot: *mut Raw,
}

impl<'gc> Call<'gc> {
    /// The coroutine asked about, and the native it left through or that runs in it without a frame.
    unsafe fn subject(&self, of: Option<Coroutine<'gc>>) -> (*mut RawCoroutine, Option<Raw>) {
        // SAFETY: A1.
        unsafe {
            match of {
                Some(coroutine) if coroutine.raw != self.co => (coroutine.raw, debug::pending_native(coroutine.raw)),
                _ => (self.co, debug::frameless(self)),
            }
        }
    }

    /// A level of the call stack of a coroutine, of the running one by default; 0 is the innermost function.
    pub fn info_at(&self, of: Option<Coroutine<'gc>>, level: usize) -> Option<FunctionInfo<'gc>> {
        // SAFETY: A1: frames stay as they are while a native runs.
        unsafe {
            let (co, running) = self.subject(of);
            let at = debug::activations(co, running).nth(level)?;
            let function = Value::<'gc>::new(at.function).as_function()?;
            let mut info = function.info(self);
            let proto = proto_of(at.function);
            if !proto.is_null() && !at.frame.is_null() {
                info.current_line = debug::line_at(proto, debug::current_pc(at.frame)).map_or(-1, i64::from);
            }
            info.is_tail_call = at.is_tail_call();
            info.transfer = at.transfer(co);
            info.name = at.name().map(|name| (name.kind, name.text));
            Some(info)
        }
    }

    /// Whether a coroutine has a level.
    pub fn has_level(&self, of: Option<Coroutine<'gc>>, level: usize) -> bool {
        // SAFETY: A1.
        unsafe {
            let (co, running) = self.subject(of);
            debug::activations(co, running).nth(level).is_some()
        }
    }

    /// A local variable of a level: parameters and variables from 1, varargs from -1 down, then what has no name.
    unsafe fn find_local(&self, of: Option<Coroutine<'gc>>, level: usize, pos: i64) -> Option<Local> {
        // SAFETY: A1; slots are looked up within the frame.
        unsafe {
            let (co, running) = self.subject(of);
            let at = debug::activations(co, running).nth(level)?;
            let native_func = if co == self.co { self.func } else { (*co).pending_func };
            // Where the next function up begins, or what is in use ends.
            let end = if !at.frame.is_null() && at.frame < (*co).frame {
                (*at.frame.add(1)).func
            } else if running.is_some() && !at.frame.is_null() {
                native_func
            } else {
                (*co).top
            };
            if at.frame.is_null() || (*at.frame).is_native() {
                let func = if at.frame.is_null() { native_func } else { (*at.frame).func };
                let slot = func.add(usize::try_from(pos).ok().filter(|&pos| pos > 0)?);
                return (slot < end).then(|| Local { name: b"(C temporary)".to_vec(), slot });
            }
            let frame = &*at.frame;
            if pos < 0 {
                let idx = usize::try_from(pos.unsigned_abs()).ok()? - 1;
                let count = frame.vararg_count as usize;
                let slot = frame.base.sub(1 + count).add(idx.min(count));
                return (idx < count).then(|| Local { name: b"(vararg)".to_vec(), slot });
            }
            let register = usize::try_from(pos).ok()?.checked_sub(1)?;
            if let Some(name) = debug::local_at(frame.proto(), debug::current_pc(frame), register) {
                return Some(Local { name, slot: frame.base.add(register) });
            }
            let in_use = (end as usize).saturating_sub(frame.base as usize) / size_of::<Raw>();
            (register < in_use).then(|| Local { name: b"(temporary)".to_vec(), slot: frame.base.add(register) })
        }
    }

    /// Name and value of a local variable of a level.
    pub fn local_at(&self, of: Option<Coroutine<'gc>>, level: usize, pos: i64) -> Option<(Vec<u8>, Value<'gc>)> {
        // SAFETY: A1.
        unsafe {
            let local = self.find_local(of, level, pos)?;
            Some((local.name, Value::new(value::read(local.slot))))
        }
    }

    /// Sets a local variable of a level; its name.
    pub fn set_local_at(
        &mut self,
        of: Option<Coroutine<'gc>>,
        level: usize,
        pos: i64,
        value: Value<'gc>,
    ) -> Option<Vec<u8>> {
        // SAFETY: A1, A2; a coroutine that was scanned is scanned again.
        unsafe {
            let local = self.find_local(of, level, pos)?;
            value::write(local.slot, value.raw);
            let (co, _) = self.subject(of);
            self.global_mut().heap.touch(co.cast());
            Some(local.name)
        }
    }

    /// Sets a coroutine's hook, by default the running one's, or removes it. The native ends with this.
    ///
    /// # Errors
    /// None.
    pub fn set_hook(&mut self, of: Option<Coroutine<'gc>>, hook: Option<HookSpec<'gc>>) -> NativeResult {
        let co = of.map_or(self.co, |of| of.raw);
        let mut mask = 0;
        if let Some(spec) = &hook {
            for (wanted, event) in [
                (spec.on_call, hook::CALL),
                (spec.on_return, hook::RETURN),
                (spec.on_line, hook::LINE),
                (spec.count > 0, hook::COUNT),
            ] {
                mask |= if wanted { event } else { 0 };
            }
        }
        let (function, count) = hook.map_or((Raw::NIL, 0), |spec| (spec.function.raw, spec.count));
        // SAFETY: A1.
        unsafe { hook::set(co, function, mask, count, *self.func) };
        self.next = Next::Hooks;
        Ok(Outcome { kind: OutcomeKind::Next, count: 0 })
    }

    /// A coroutine's hook, by default the running one's.
    pub fn hook(&self, of: Option<Coroutine<'gc>>) -> Option<HookSpec<'gc>> {
        let co = of.map_or(self.co, |of| of.raw);
        // SAFETY: A1.
        let hook = unsafe { (*co).hook.as_ref() }.filter(|hook| hook.mask != 0)?;
        let on = |event: u8| hook.mask & event != 0;
        Some(HookSpec {
            function: Value::new(hook.function),
            on_call: on(hook::CALL),
            on_return: on(hook::RETURN),
            on_line: on(hook::LINE),
            count: hook.count,
        })
    }

    /// A traceback of another coroutine, as `debug.traceback` makes it.
    pub fn traceback_of(&mut self, of: Coroutine<'gc>, message: Option<&[u8]>, level: usize) -> Vec<u8> {
        // SAFETY: A1.
        unsafe {
            let (co, running) = self.subject(Some(of));
            debug::traceback(co, running, message, level)
        }
    }
}
