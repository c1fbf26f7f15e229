//! [`Lua`]: a virtual machine with all libraries, for programs that embed one.
//!
//! A layer over [`State`] for those who do not write natives all day: values cross as [`Owned`], which needs no call in
//! progress; failures come as [`Error`]s with their traceback; limits hold for every call. Natives are written against
//! [`Call`], as the libraries here are.
//!
//! ```
//! use perilune_stdlib::{Error, Lua, Owned};
//!
//! let mut lua = Lua::new()?;
//! lua.set_global("limit", 10)?;
//! let results = lua.run("local sum = 0 for i = 1, limit do sum = sum + i end return sum, 'done'")?;
//! assert_eq!(results, [Owned::from(55), Owned::from("done")]);
//!
//! let error = lua.run("local t = nil; return t.x").unwrap_err();
//! assert!(error.to_string().starts_with("[string \"local t = nil; return t.x\"]:1: attempt to index a nil value"));
//! # Ok::<(), Error>(())
//! ```

use crate::base;
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, NotEnoughMemory, Root, Run, State, Task, Value};
use std::fmt;
use std::rc::Rc;

/// What one native may do without a limit on instructions: half a minute of work.
const WORK_LIMIT: u64 = 1 << 33;

/// A virtual machine with all libraries.
#[derive(Debug)]
pub struct Lua {
    state: State,
    /// Calls a function with a message handler that adds the traceback.
    protect: Root,
    instruction_limit: u64,
}

/// A value on its own: plain data is copied, everything else is a [`Handle`].
#[derive(Clone, Debug)]
pub enum Owned {
    /// `nil`
    Nil,
    /// `true`, `false`
    Boolean(bool),
    /// A number without a fraction part by type.
    Integer(i64),
    /// A number with one.
    Float(f64),
    /// Any bytes.
    String(Vec<u8>),
    /// A table, function, userdata or coroutine.
    Object(Handle),
}

/// Keeps a table, function, userdata or coroutine alive, and names it. Belongs to the machine it comes from.
#[derive(Clone)]
pub struct Handle {
    root: Rc<Root>,
    type_name: &'static str,
    address: usize,
}

/// Why something that was asked of a machine did not come about.
#[derive(Clone, Debug)]
pub enum Error {
    /// The source is no program.
    Syntax {
        /// As `load` gives it.
        message: Vec<u8>,
    },
    /// A program raised an error.
    Runtime {
        /// What was raised.
        value: Owned,
        /// Its text, followed by a traceback.
        traceback: Vec<u8>,
    },
    /// The program used more than [`Lua::set_instruction_limit`] allows.
    InstructionLimit,
    /// The machine used more than [`Lua::set_memory_limit`] allows.
    NotEnoughMemory,
}

/// A coroutine that Rust code resumes.
#[derive(Debug)]
pub struct Thread {
    task: Option<Task>,
}

/// What a coroutine did when it was resumed.
#[derive(Clone, PartialEq, Debug)]
pub enum Resumed {
    /// It yielded these values and can go on.
    Yielded(Vec<Owned>),
    /// A native parked it; what it is resumed with becomes the native's results.
    Parked,
    /// Its function returned these values.
    Finished(Vec<Owned>),
}

impl Lua {
    /// A machine with all libraries open. Its hashes are seeded at random.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    pub fn new() -> Result<Lua, Error> {
        Lua::with_seed(None)
    }

    /// As [`Lua::new`]. The same seed gives the same order of traversal in every run.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    pub fn with_seed(seed: Option<u64>) -> Result<Lua, Error> {
        let mut state = State::new(seed)?;
        let protect = state.enter(|call| -> Result<Root, LuaError> {
            crate::open(call)?;
            Ok(call.root(Value::native(protect)))
        });
        Ok(Lua { state, protect: protect.map_err(|_| Error::NotEnoughMemory)?, instruction_limit: u64::MAX })
    }

    /// Limits the memory, in bytes. Programs see the error "not enough memory", which they can catch.
    pub fn set_memory_limit(&mut self, bytes: usize) {
        self.state.set_memory_limit(bytes);
    }

    /// Bytes in use.
    pub fn memory_bytes(&self) -> usize {
        self.state.memory_bytes()
    }

    /// Limits what one call or resumption may do, in calls, backward jumps and units of work that libraries charge.
    /// Programs cannot catch it.
    ///
    /// ```
    /// # use perilune_stdlib::{Error, Lua};
    /// let mut lua = Lua::new()?;
    /// lua.set_instruction_limit(Some(100_000));
    /// assert!(matches!(lua.run("while true do end"), Err(Error::InstructionLimit)));
    /// assert!(matches!(lua.run("repeat until pcall(error)"), Err(Error::InstructionLimit)));
    /// assert!(lua.run("return 1").is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_instruction_limit(&mut self, limit: Option<u64>) {
        self.instruction_limit = limit.unwrap_or(u64::MAX);
        self.state.set_work_limit(self.instruction_limit.min(WORK_LIMIT));
    }

    /// Walks the heap and asserts its invariants; for tests.
    pub fn check(&self) {
        self.state.check();
    }

    /// Runs Rust code that works with values directly, as a native does.
    pub fn enter<R>(&mut self, body: impl for<'gc> FnOnce(&mut Call<'gc>) -> R) -> R {
        self.state.enter(body)
    }

    /// Compiles a chunk, text or binary. `name` is what messages call it; a file's begins with `@`.
    ///
    /// # Errors
    /// [`Error::Syntax`], [`Error::NotEnoughMemory`]
    pub fn load(&mut self, source: impl AsRef<[u8]>, name: &str) -> Result<Handle, Error> {
        let chunk = base::chunk(source.as_ref(), name.as_bytes()).map_err(|message| Error::Syntax { message })?;
        self.make(|call| call.load(&chunk, None))
    }

    /// Compiles and runs a chunk; its name is its text.
    ///
    /// # Errors
    /// As [`Lua::load`] and [`Lua::call`].
    pub fn run(&mut self, source: &str) -> Result<Vec<Owned>, Error> {
        let function = self.load(source, source)?;
        self.call(&function, [])
    }

    /// Calls a function, or what has `__call`.
    ///
    /// # Errors
    /// [`Error::Runtime`], [`Error::InstructionLimit`], [`Error::NotEnoughMemory`]
    ///
    /// # Panics
    /// With a handle of another machine.
    pub fn call(&mut self, function: &Handle, args: impl IntoIterator<Item = Owned>) -> Result<Vec<Owned>, Error> {
        let mut values = vec![Owned::Object(function.clone())];
        values.extend(args);
        let roots = self.roots(&values)?;
        let protect = self.state.enter(|call| call.root(call.rooted(&self.protect)));
        let mut task = self.state.task(&protect, true)?;
        match self.state.resume(&mut task, &roots, self.instruction_limit) {
            Run::Finished => self.outcome(),
            Run::Failed => Err(self.failure()),
            Run::Preempted => {
                self.state.abandon(task);
                Err(Error::InstructionLimit)
            }
            // The main coroutine can't yield; parking needs a native that does, and a thread to be resumed.
            Run::Yielded | Run::Parked => {
                self.state.abandon(task);
                let traceback = b"attempt to park outside a thread".to_vec();
                Err(Error::Runtime { value: Owned::String(traceback.clone()), traceback })
            }
        }
    }

    /// A global variable, without metamethods.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    pub fn global(&mut self, name: &str) -> Result<Owned, Error> {
        let globals = self.globals();
        self.get(&globals, name)
    }

    /// Sets a global variable, without metamethods.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    ///
    /// # Panics
    /// With a handle of another machine.
    pub fn set_global(&mut self, name: &str, value: impl Into<Owned>) -> Result<(), Error> {
        let globals = self.globals();
        self.set(&globals, name, value)
    }

    /// The table of global variables.
    pub fn globals(&mut self) -> Handle {
        self.state.enter(|call| Handle::new(call, call.globals().into()))
    }

    /// A new table.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    pub fn table(&mut self) -> Result<Handle, Error> {
        self.make(|call| Ok(call.table(0, 0)?.into()))
    }

    /// A field of a table, without metamethods; nil for what is no table.
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    ///
    /// # Panics
    /// With a handle of another machine.
    pub fn get(&mut self, table: &Handle, key: impl Into<Owned>) -> Result<Owned, Error> {
        let key = key.into();
        self.try_with(|call| {
            let key = key.value(call)?;
            let table = call.rooted(&table.root).as_table();
            Ok(table.map_or(Owned::Nil, |table| Owned::new(call, table.get(call, key))))
        })
    }

    /// Sets a field of a table, without metamethods.
    ///
    /// ```
    /// # use perilune_stdlib::{Error, Lua, Owned};
    /// let mut lua = Lua::new()?;
    /// let config = lua.table()?;
    /// lua.set(&config, "name", "loopback")?;
    /// lua.set(&config, 1, 2.5)?;
    /// lua.set_global("config", config.clone())?;
    /// assert_eq!(lua.run("return config.name .. config[1]")?, [Owned::from("loopback2.5")]);
    /// assert_eq!(lua.get(&config, 1)?, Owned::from(2.5));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Runtime`] for what is no table, and for keys that are nil or NaN; [`Error::NotEnoughMemory`]
    ///
    /// # Panics
    /// With a handle of another machine.
    pub fn set(&mut self, table: &Handle, key: impl Into<Owned>, value: impl Into<Owned>) -> Result<(), Error> {
        let (key, value) = (key.into(), value.into());
        self.try_with(|call| {
            let (key, value) = (key.value(call)?, value.value(call)?);
            match call.rooted(&table.root).as_table() {
                Some(table) => table.set(call, key, value),
                None => Err(call.bare_error(format!("attempt to index a {} value", table.type_name))),
            }
        })
    }

    /// A function from Rust code, which may keep what it captures.
    ///
    /// ```
    /// # use perilune_stdlib::{Error, Lua, Owned};
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let mut lua = Lua::new()?;
    /// let calls = Rc::new(Cell::new(0));
    /// let counted = Rc::clone(&calls);
    /// let add = lua.function(move |call| {
    ///     counted.set(counted.get() + 1);
    ///     let sum = call.check_number(1)? + call.opt_number(2, 1.0)?;
    ///     call.ret1(sum)
    /// })?;
    /// lua.set_global("add", add)?;
    /// assert_eq!(lua.run("return add(1) + add(2, 3)")?, [Owned::from(7.0)]);
    /// assert_eq!(calls.get(), 2);
    /// let error = lua.run("add('x')").unwrap_err();
    /// assert!(error.to_string().contains("bad argument #1 to 'add' (number expected, got string)"));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    pub fn function(
        &mut self,
        body: impl for<'gc> Fn(&mut Call<'gc>) -> NativeResult + 'static,
    ) -> Result<Handle, Error> {
        self.make(|call| {
            let body: Body = Box::new(body);
            let body = call.userdata(body)?;
            call.closure(call_body, &[body.into()])
        })
    }

    /// A userdata with methods. A method finds the Rust value with [`Value::as_userdata`] and `downcast`; mutable
    /// state belongs into a `Cell` or `RefCell`.
    ///
    /// ```
    /// # use perilune_stdlib::{Error, Lua, Owned};
    /// use std::cell::Cell;
    ///
    /// struct Counter(Cell<i64>);
    ///
    /// let mut lua = Lua::new()?;
    /// let counter = lua.userdata(Counter(Cell::new(5)), &[("next", |call| {
    ///     let counter = call.arg(1).as_userdata().and_then(|data| data.downcast::<Counter>(call));
    ///     let Some(counter) = counter else { return Err(call.type_error(1, "counter")) };
    ///     counter.0.set(counter.0.get() + 1);
    ///     call.ret1(counter.0.get())
    /// })])?;
    /// lua.set_global("counter", counter)?;
    /// assert_eq!(lua.run("counter:next() return counter:next()")?, [Owned::from(7)]);
    /// assert!(lua.run("counter.next({})").is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    pub fn userdata<T: 'static>(&mut self, data: T, methods: &[(&str, NativeFn)]) -> Result<Handle, Error> {
        self.make(|call| {
            let metatable = call.table(0, 1)?;
            let index = call.table(0, methods.len())?;
            for &(name, method) in methods {
                index.set_str(call, name.as_bytes(), Value::native(method))?;
            }
            metatable.set_str(call, b"__index", index.into())?;
            let userdata = call.userdata(data)?;
            userdata.set_metatable(call, Some(metatable));
            Ok(userdata.into())
        })
    }

    /// A coroutine that will run a function.
    ///
    /// ```
    /// # use perilune_stdlib::{Error, Lua, Owned, Resumed};
    /// let mut lua = Lua::new()?;
    /// let body = lua.load("local a = ... while a do a = coroutine.yield(a * 2) end return 'end'", "=body")?;
    /// let mut thread = lua.thread(&body)?;
    /// assert_eq!(lua.resume(&mut thread, [Owned::from(4)])?, Resumed::Yielded(vec![Owned::from(8)]));
    /// assert_eq!(lua.resume(&mut thread, [Owned::from(5)])?, Resumed::Yielded(vec![Owned::from(10)]));
    /// assert_eq!(lua.resume(&mut thread, [])?, Resumed::Finished(vec![Owned::from("end")]));
    /// assert!(lua.resume(&mut thread, []).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`]
    ///
    /// # Panics
    /// With a handle of another machine.
    pub fn thread(&mut self, function: &Handle) -> Result<Thread, Error> {
        Ok(Thread { task: Some(self.state.task(&function.root, false)?) })
    }

    /// Starts a coroutine, or goes on with it.
    ///
    /// # Errors
    /// [`Error::Runtime`], also for one that has ended; [`Error::InstructionLimit`], which ends it;
    /// [`Error::NotEnoughMemory`]
    ///
    /// # Panics
    /// With a thread or handle of another machine.
    pub fn resume(&mut self, thread: &mut Thread, args: impl IntoIterator<Item = Owned>) -> Result<Resumed, Error> {
        let args: Vec<Owned> = args.into_iter().collect();
        let roots = self.roots(&args)?;
        let Some(mut task) = thread.task.take() else {
            let traceback = b"cannot resume dead coroutine".to_vec();
            return Err(Error::Runtime { value: Owned::String(traceback.clone()), traceback });
        };
        match self.state.resume(&mut task, &roots, self.instruction_limit) {
            Run::Finished => Ok(Resumed::Finished(self.results())),
            Run::Failed => Err(self.failure()),
            Run::Yielded => {
                thread.task = Some(task);
                Ok(Resumed::Yielded(self.results()))
            }
            Run::Parked => {
                thread.task = Some(task);
                Ok(Resumed::Parked)
            }
            Run::Preempted => {
                self.state.abandon(task);
                Err(Error::InstructionLimit)
            }
        }
    }

    fn roots(&mut self, values: &[Owned]) -> Result<Vec<Root>, Error> {
        self.try_with(|call| {
            values
                .iter()
                .map(|value| {
                    let value = value.value(call)?;
                    Ok(call.root(value))
                })
                .collect()
        })
    }

    fn results(&mut self) -> Vec<Owned> {
        let results = self.state.results();
        self.state.enter(|call| {
            let values = results.iter().map(|root| call.rooted(root));
            values.map(|value| Owned::new(call, value)).collect()
        })
    }

    /// What the protected call gave: true and the results, or false, the error's value and the text with a traceback.
    fn outcome(&mut self) -> Result<Vec<Owned>, Error> {
        let mut results = self.results();
        if matches!(results.first(), Some(Owned::Boolean(true))) {
            results.remove(0);
            return Ok(results);
        }
        let failure = match results.into_iter().nth(1) {
            Some(Owned::Object(pair)) => (self.get(&pair, 1)?, self.get(&pair, 2)?),
            // Raised without a handler: memory, or an error in the handler.
            Some(value) => (value.clone(), value),
            None => (Owned::Nil, Owned::Nil),
        };
        Err(self.error(failure.0, failure.1))
    }

    /// The error that ended a task, which has no traceback.
    fn failure(&mut self) -> Error {
        let value = self.results().into_iter().next().unwrap_or(Owned::Nil);
        self.error(value.clone(), value)
    }

    /// A program that used up its limit may have seen just that as an error, and ended with it.
    fn error(&self, value: Owned, traceback: Owned) -> Error {
        if self.state.budget_left() < 0 { Error::InstructionLimit } else { Error::from_parts(value, traceback) }
    }

    fn make(
        &mut self,
        body: impl for<'gc> FnOnce(&mut Call<'gc>) -> Result<Value<'gc>, LuaError>,
    ) -> Result<Handle, Error> {
        self.try_with(|call| {
            let value = body(call)?;
            Ok(Handle::new(call, value))
        })
    }

    /// Runs code that may raise an error outside any program.
    fn try_with<R>(&mut self, body: impl for<'gc> FnOnce(&mut Call<'gc>) -> Result<R, LuaError>) -> Result<R, Error> {
        let outcome = self.state.enter(|call| {
            body(call).map_err(|error| {
                let value = call.caught(error);
                Owned::new(call, value)
            })
        });
        outcome.map_err(|value| Error::from_parts(value.clone(), value))
    }
}

type Body = Box<dyn for<'gc> Fn(&mut Call<'gc>) -> NativeResult>;

/// Calls the Rust code that a function of [`Lua::function`] keeps.
fn call_body(call: &mut Call<'_>) -> NativeResult {
    let body = call.upvalue(1).as_userdata().and_then(|data| data.downcast::<Body>(call));
    match body {
        Some(body) => body(call),
        None => Err(call.bare_error("the function has lost its body")),
    }
}

/// Calls its first argument with the others, under [`add_traceback`].
fn protect(call: &mut Call<'_>) -> NativeResult {
    let count = call.count();
    let args: Vec<Value<'_>> = (1..=count).map(|pos| call.arg(pos)).collect();
    call.set_count(count + 1);
    for (idx, arg) in args.iter().enumerate().skip(1) {
        call.set_arg(idx + 2, *arg);
    }
    call.protected_call_with(Value::native(add_traceback))
}

/// A message handler: the error's value and its text with a traceback, in a table.
fn add_traceback(call: &mut Call<'_>) -> NativeResult {
    let error = call.arg(1);
    let text = match call.try_text(error) {
        Ok(Some(text)) => text.as_str().map_or_else(Vec::new, |text| text.as_bytes().to_vec()),
        _ => format!("(error object is a {} value)", error.type_name()).into_bytes(),
    };
    let text = call.traceback(Some(&text), 1);
    let pair = call.table(2, 0)?;
    let text = call.string(&text)?;
    pair.set_integer(call, 1, error)?;
    pair.set_integer(call, 2, text)?;
    call.ret1(pair)
}

impl Owned {
    fn new<'gc>(call: &Call<'gc>, value: Value<'gc>) -> Owned {
        match value.kind() {
            Kind::Nil => Owned::Nil,
            Kind::Boolean(value) => Owned::Boolean(value),
            Kind::Integer(value) => Owned::Integer(value),
            Kind::Float(value) => Owned::Float(value),
            Kind::String(text) => Owned::String(text.as_bytes().to_vec()),
            _ => Owned::Object(Handle::new(call, value)),
        }
    }

    fn value<'gc>(&self, call: &mut Call<'gc>) -> Result<Value<'gc>, LuaError> {
        Ok(match self {
            Owned::Nil => Value::NIL,
            Owned::Boolean(value) => Value::boolean(*value),
            Owned::Integer(value) => Value::integer(*value),
            Owned::Float(value) => Value::float(*value),
            Owned::String(bytes) => call.string(bytes)?,
            Owned::Object(handle) => call.rooted(&handle.root),
        })
    }
}

/// Numbers are equal by value and type, objects by identity.
impl PartialEq for Owned {
    fn eq(&self, other: &Owned) -> bool {
        match (self, other) {
            (Owned::Nil, Owned::Nil) => true,
            (Owned::Boolean(a), Owned::Boolean(b)) => a == b,
            (Owned::Integer(a), Owned::Integer(b)) => a == b,
            (Owned::Float(a), Owned::Float(b)) => a == b,
            (Owned::String(a), Owned::String(b)) => a == b,
            (Owned::Object(a), Owned::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owned::Nil => f.write_str("nil"),
            Owned::Boolean(value) => write!(f, "{value}"),
            Owned::Integer(value) => write!(f, "{value}"),
            Owned::Float(value) => {
                let mut text = Vec::new();
                perilune_vm::number::format_float(*value, &mut text);
                f.write_str(&String::from_utf8_lossy(&text))
            }
            Owned::String(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Owned::Object(handle) => write!(f, "{handle:?}"),
        }
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $owned:expr;)*) => {
        $(
            impl From<$type> for Owned {
                fn from($value: $type) -> Owned {
                    $owned
                }
            }
        )*
    };
}

from! {
    bool, value => Owned::Boolean(value);
    i32, value => Owned::Integer(value.into());
    i64, value => Owned::Integer(value);
    f64, value => Owned::Float(value);
    &str, value => Owned::String(value.as_bytes().to_vec());
    String, value => Owned::String(value.into_bytes());
    Vec<u8>, value => Owned::String(value);
    Handle, value => Owned::Object(value);
}

impl Handle {
    fn new<'gc>(call: &Call<'gc>, value: Value<'gc>) -> Handle {
        Handle { root: Rc::new(call.root(value)), type_name: value.type_name(), address: value.address() }
    }

    /// `table`, `function`, `userdata` or `thread`.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Handle) -> bool {
        self.address == other.address
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#x}", self.type_name, self.address)
    }
}

impl Error {
    fn from_parts(value: Owned, traceback: Owned) -> Error {
        if value == Owned::from("not enough memory") {
            return Error::NotEnoughMemory;
        }
        let traceback = match traceback {
            Owned::String(text) => text,
            other => other.to_string().into_bytes(),
        };
        Error::Runtime { value, traceback }
    }
}

impl From<NotEnoughMemory> for Error {
    fn from(_: NotEnoughMemory) -> Error {
        Error::NotEnoughMemory
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Syntax { message: text } | Error::Runtime { traceback: text, .. } => {
                f.write_str(&String::from_utf8_lossy(text))
            }
            Error::InstructionLimit => f.write_str("the program used more than its limit of instructions"),
            Error::NotEnoughMemory => f.write_str("not enough memory"),
        }
    }
}

impl std::error::Error for Error {}
