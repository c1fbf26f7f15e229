//! The state shared by all coroutines of a virtual machine: heap, metatables by type, names of events, roots.
//!
//! [`Global`] is what the interpreter sees through raw pointers; [`crate::api::State`] owns it and is what an embedder
//! holds.

use crate::bytecode::Chunk;
use crate::bytecode::{Constant, Proto, StrId};
use crate::closure::NativeFn;
use crate::closure::{LoadedProto, Local, ProtoParts, UpvalueSource};
use crate::gc::{Heap, OutOfMemory};
use crate::sample::Sampler;
use crate::stack::{self, Coroutine};
use crate::string::Str;
use crate::table::{self, Table};
use crate::userdata::Userdata;
use crate::value::{self, Header, Raw, TABLE, TYPE_COUNT, TYPE_NAMES, USERDATA};
use std::cell::RefCell;
use std::ptr;
use std::rc::Rc;

/// Events with a metamethod. The first eight have a bit in [`Table::absent`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Event {
    Index,
    NewIndex,
    Gc,
    Mode,
    Len,
    Eq,
    Call,
    Close,
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
    Unm,
    BNot,
    Lt,
    Le,
    Concat,
    ToString,
    Name,
}

/// ORDER: `Event`.
const EVENT_NAMES: [&str; 27] = [
    "__index",
    "__newindex",
    "__gc",
    "__mode",
    "__len",
    "__eq",
    "__call",
    "__close",
    "__add",
    "__sub",
    "__mul",
    "__mod",
    "__pow",
    "__div",
    "__idiv",
    "__band",
    "__bor",
    "__bxor",
    "__shl",
    "__shr",
    "__unm",
    "__bnot",
    "__lt",
    "__le",
    "__concat",
    "__tostring",
    "__name",
];

impl Event {
    /// The name without its underscores, as messages have it.
    pub fn bare_name(self) -> &'static str {
        &EVENT_NAMES[self as usize][2..]
    }
}

/// Why the interpreter was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// The task's first function returned; `count` results lie at the start of its coroutine's stack.
    Finished { count: usize },
    /// An error reached the task's start; its value is in `Global::error`.
    Failed,
    /// The task's own coroutine yielded `count` values, which lie below its top.
    Yielded { count: usize },
    /// A native parked the task.
    Parked,
    /// The budget is used up.
    Preempted,
    /// Hooks were set or removed: the other dispatch loop goes on.
    Hooks,
}

/// Values that live outside the heap's objects. Shared with `Root`s, which free their slot when dropped.
#[derive(Debug, Default)]
pub(crate) struct RootSlots {
    pub slots: Vec<Raw>,
    pub free: Vec<usize>,
}

/// What takes a warning's text.
pub type WarnFn = fn(&[u8]);

/// Minutes of work at most, which no useful pattern needs.
const WORK_LIMIT: u64 = 1 << 33;

/// What making a string of so many bytes counts as, in units of the budget.
#[inline(always)]
pub(crate) fn string_work(len: usize) -> i64 {
    (len >> 6) as i64
}

/// Everything the coroutines of one virtual machine share.
#[derive(Debug)]
pub(crate) struct Global {
    pub heap: Heap,
    /// Instructions that may jump back or call until the interpreter looks up; see `api::State::run`.
    pub budget: i64,
    /// Units of work that one native may do in one go.
    pub work_limit: u64,
    /// The coroutine that runs, or ran last.
    pub current: *mut Coroutine,
    pub main: *mut Coroutine,
    pub registry: *mut Table,
    pub globals: *mut Table,
    pub names: [*mut Str; EVENT_NAMES.len()],
    pub type_names: [*mut Str; TYPE_NAMES.len()],
    pub type_metatables: [*mut Table; TYPE_COUNT],
    pub memory_message: *mut Str,
    /// The value of the error that is under way.
    pub error: Raw,
    /// What the task that ran last gave.
    pub results: Vec<Raw>,
    pub exit: Exit,
    /// What the task goes on with once all its variables are closed.
    pub replacement: Option<(NativeFn, Raw)>,
    /// Number of coroutines with a hook, and one more for a sampler.
    pub hooks: usize,
    pub sampler: Option<Box<Sampler>>,
    pub roots: Rc<RefCell<RootSlots>>,
    /// Address of the native that `pairs` gives: loops run it without a call.
    pub next_function: u64,
    /// Takes warnings, such as an error in a finaliser.
    pub warn: Option<WarnFn>,
    /// Whether warnings are wanted: `@on` and `@off`.
    pub warns: bool,
}

/// Where the collector starts from.
#[derive(Debug)]
pub(crate) struct RootSet<'g> {
    single: [Raw; 7],
    results: &'g [Raw],
    names: [&'g [*mut Str]; 2],
    type_metatables: &'g [*mut Table],
    slots: &'g RefCell<RootSlots>,
}

impl RootSet<'_> {
    pub fn for_each(&self, mut visit: impl FnMut(Raw)) {
        let values = self.single.iter().chain(self.results);
        values.filter(|value| value.is_object()).for_each(|&value| visit(value));
        self.names.iter().copied().flatten().for_each(|&name| visit(Raw::object(value::STRING, name)));
        let metatables = self.type_metatables.iter().filter(|table| !table.is_null());
        metatables.for_each(|&table| visit(Raw::table(table)));
        let slots = self.slots.borrow();
        slots.slots.iter().filter(|value| value.is_object()).for_each(|&value| visit(value));
    }
}

impl Global {
    pub fn new(seed: u64) -> Result<Box<Global>, OutOfMemory> {
        table::seed_words(seed);
        let mut global = Box::new(Global {
            heap: Heap::new(seed),
            budget: i64::MAX,
            work_limit: WORK_LIMIT,
            current: ptr::null_mut(),
            main: ptr::null_mut(),
            replacement: None,
            registry: ptr::null_mut(),
            globals: ptr::null_mut(),
            names: [ptr::null_mut(); EVENT_NAMES.len()],
            type_names: [ptr::null_mut(); TYPE_NAMES.len()],
            type_metatables: [ptr::null_mut(); TYPE_COUNT],
            memory_message: ptr::null_mut(),
            error: Raw::NIL,
            results: Vec::new(),
            exit: Exit::Failed,
            hooks: 0,
            sampler: None,
            roots: Rc::default(),
            next_function: 0,
            warn: None,
            warns: false,
        });
        for (slot, name) in global.names.iter_mut().zip(EVENT_NAMES) {
            *slot = global.heap.short_string(name.as_bytes())?;
        }
        for (slot, name) in global.type_names.iter_mut().zip(TYPE_NAMES) {
            *slot = global.heap.short_string(name.as_bytes())?;
        }
        global.heap.mode_name = global.names[Event::Mode as usize];
        global.memory_message = global.heap.short_string(b"not enough memory")?;
        global.registry = global.heap.table()?;
        global.globals = global.heap.table()?;
        let pointer: *mut Global = &mut *global;
        // SAFETY: the coroutine keeps the pointer; the box never moves its contents.
        unsafe {
            global.main = Coroutine::new(&mut global.heap, pointer, Raw::NIL)?;
            (*global.main).unyieldable = 1;
            (*global.main).status = stack::Status::Dead;
            (*global.main).top = (*global.main).stack.add(1);
        }
        global.current = global.main;
        Ok(global)
    }

    /// The heap, and every value the collector starts from.
    pub fn collector(&mut self) -> (&mut Heap, RootSet<'_>) {
        let roots = RootSet {
            single: [
                Raw::object(value::COROUTINE, self.main),
                Raw::object(value::COROUTINE, self.current),
                Raw::table(self.registry),
                Raw::table(self.globals),
                Raw::object(value::STRING, self.memory_message),
                self.error,
                self.replacement.map_or(Raw::NIL, |(_, arg)| arg),
            ],
            results: &self.results,
            names: [&self.names, &self.type_names],
            type_metatables: &self.type_metatables,
            slots: &self.roots,
        };
        (&mut self.heap, roots)
    }

    /// A value's metatable; null when it has none.
    ///
    /// # Safety
    /// `value` is alive.
    #[inline(always)]
    pub unsafe fn metatable(&self, value: Raw) -> *mut Table {
        // SAFETY: V1.
        unsafe {
            match value.tag {
                TABLE => (*value.as_ptr::<Table>()).metatable,
                USERDATA => (*value.as_ptr::<Userdata>()).metatable,
                _ => self.type_metatables[value.type_idx()],
            }
        }
    }

    /// A metatable's entry for one of the events that tables remember the absence of.
    ///
    /// # Safety
    /// `metatable` is alive or null.
    #[inline(always)]
    pub unsafe fn fast_event(&self, metatable: *mut Table, event: Event) -> Raw {
        // SAFETY: T5.
        unsafe {
            if metatable.is_null() || (*metatable).absent & 1 << event as u8 != 0 {
                return Raw::NIL;
            }
            let found = value::read(Table::get_short(metatable, self.names[event as usize]));
            if found.is_nil() {
                (*metatable).absent |= 1 << event as u8;
            }
            found
        }
    }

    /// A value's metamethod, or nil.
    ///
    /// # Safety
    /// `value` is alive.
    pub unsafe fn metamethod(&self, value: Raw, event: Event) -> Raw {
        // SAFETY: the caller's contract.
        unsafe {
            let metatable = self.metatable(value);
            if metatable.is_null() {
                return Raw::NIL;
            }
            value::read(Table::get_short(metatable, self.names[event as usize]))
        }
    }

    /// The type name messages use: `__name` when the metatable has one that is a string.
    ///
    /// # Safety
    /// `value` is alive.
    pub unsafe fn type_name_of(&self, value: Raw) -> Vec<u8> {
        // SAFETY: the caller's contract.
        unsafe {
            if matches!(value.tag, TABLE | USERDATA) {
                let name = self.metamethod(value, Event::Name);
                if name.is_string() {
                    return Str::bytes(name.as_ptr()).to_vec();
                }
            }
        }
        if value.tag == value::LIGHT { b"light userdata".to_vec() } else { value.type_name().as_bytes().to_vec() }
    }

    /// Loads a compiled chunk: interns its strings once, and turns its constants into values.
    ///
    /// # Errors
    /// When memory is short.
    pub fn load(&mut self, chunk: &Chunk) -> Result<*mut LoadedProto, OutOfMemory> {
        let mut strings = Vec::with_capacity(chunk.strings.len());
        for string in chunk.strings.iter() {
            strings.push(self.heap.string(string)?);
        }
        let source = self.heap.string(&chunk.source)?;
        self.load_proto(&chunk.main, &strings, source)
    }

    fn load_proto(
        &mut self,
        proto: &Proto,
        strings: &[*mut Str],
        source: *mut Str,
    ) -> Result<*mut LoadedProto, OutOfMemory> {
        let name = |id: StrId| strings[id.0 as usize];
        let constants = proto.constants.iter().map(|&constant| match constant {
            // SAFETY: the chunk's strings are alive: nothing collects while a chunk is loaded.
            Constant::String(id) => unsafe { Str::value(name(id)) },
            other => value::constant(other).expect("only strings have no value of their own"),
        });
        let constants: Box<[Raw]> = constants.collect();
        let mut protos = Vec::with_capacity(proto.protos.len());
        for inner in &proto.protos {
            protos.push(self.load_proto(inner, strings, source)?);
        }
        let mut code: Box<[_]> = proto.code.as_slice().into();
        let loaded = LoadedProto {
            header: Header { kind: value::PROTO, marked: 0 },
            num_params: proto.num_params,
            is_vararg: proto.is_vararg,
            stack_len_max: proto.stack_len_max,
            line_defined: proto.line_defined,
            last_line_defined: proto.last_line_defined,
            code: code.as_mut_ptr(),
            constants: constants.as_ptr(),
            parts: Box::new(ProtoParts {
                code,
                constants,
                lines: proto.lines.as_slice().into(),
                protos: protos.into_boxed_slice(),
                upvalues: proto
                    .upvalues
                    .iter()
                    .map(|upvalue| UpvalueSource {
                        name: upvalue.name.map_or(ptr::null_mut(), name),
                        in_stack: upvalue.in_stack,
                        idx: upvalue.idx,
                    })
                    .collect(),
                locals: proto
                    .locals
                    .iter()
                    .map(|local| Local { name: name(local.name), start_pc: local.start_pc, end_pc: local.end_pc })
                    .collect(),
                source,
            }),
        };
        self.heap.proto(loaded)
    }
}
