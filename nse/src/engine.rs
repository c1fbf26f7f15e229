//! The engine as the scanner uses it: libraries opened, arguments parsed, phases run.
//!
//! Scripts are chosen and loaded in [`crate::load`].

use crate::bindings::{self, libssh2, nmap, nmapdb, stdnse, sync};
use crate::data::Found;
use crate::files::ScriptFiles;
use crate::scheduler::Scheduler;
use crate::script::{Script, ScriptError};
use crate::shared::{Channel, Options, Shared, bind, shared};
use crate::watch::Watch;
use crate::{args, format};
use perilune_scan::net::Network;
use perilune_scan::result::{Host, ScriptResult};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Root, Run, State, Table, Value};
use std::fmt;
use std::rc::Rc;

/// When scripts run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    PreScan,
    /// For one host group.
    Scan,
    PostScan,
}

/// Why the engine can't start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EngineError {
    Memory,
    /// A library of the core does not load.
    Library(String),
    Script(ScriptError),
    /// `--script-args` does not follow its grammar; the user was told which text it is.
    Args,
    /// `--script-args-file` is no file.
    ArgsFile(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Memory => f.write_str("not enough memory"),
            EngineError::Library(message) => write!(f, "NSE: failed to initialize the script engine:\n{message}\n"),
            EngineError::Script(error) => write!(f, "NSE: failed to initialize the script engine:\n{error}\n"),
            EngineError::Args => {
                f.write_str("NSE: failed to initialize the script engine:\narguments did not parse!\n")
            }
            EngineError::ArgsFile(name) => {
                write!(f, "NSE: failed to initialize the script engine:\n{name} is not a file\n")
            }
        }
    }
}

impl std::error::Error for EngineError {}

impl From<ScriptError> for EngineError {
    fn from(error: ScriptError) -> Self {
        EngineError::Script(error)
    }
}

impl From<LuaError> for EngineError {
    /// Opening libraries fails for want of memory only.
    fn from(_: LuaError) -> Self {
        EngineError::Memory
    }
}

impl From<perilune_vm::NotEnoughMemory> for EngineError {
    fn from(_: perilune_vm::NotEnoughMemory) -> Self {
        EngineError::Memory
    }
}

/// A virtual machine with the scripts of a run.
#[derive(Debug)]
pub struct Engine {
    pub(crate) state: State,
    pub(crate) shared: Rc<Shared>,
    /// As selected.
    pub(crate) scripts: Vec<Rc<Script>>,
    /// Scripts by runlevel.
    pub(crate) levels: Vec<Vec<Rc<Script>>>,
    /// The formatting function.
    pub(crate) format: Root,
    /// The function of `sync.lua` that is told which thread has ended.
    pub(crate) ended: Root,
    /// What `silent_require` throws.
    pub(crate) silent: Root,
    /// What natives find the engine by.
    pub(crate) shared_value: Root,
}

impl Engine {
    /// Opens the engine over a network.
    ///
    /// # Errors
    /// When memory is short, a library does not load, or the arguments do not parse.
    pub fn new(options: Options, network: Box<dyn Network>) -> Result<Engine, EngineError> {
        let shared = Shared::new(options, network);
        shared.debug(1, "Using Lua 5.4.");
        let mut state = State::new(None)?;
        if let Some(limit) = shared.options.memory_max {
            state.set_memory_limit(limit);
        }
        let engine = state.enter(|call| open(call, &shared))?;
        let format = run_chunk(&mut state, format::SOURCE, "=format", &[])?;
        let format = format.into_iter().next().ok_or(EngineError::Memory)?;
        let ended = open_sync(&mut state, &engine)?;
        let silent = state.enter(|call| call.table(0, 0).map(|table| call.root(table.into())))?;
        let (scripts, levels) = (Vec::new(), Vec::new());
        let mut opened = Engine { state, shared, scripts, levels, format, ended, silent, shared_value: engine };
        opened.open_stdnse()?;
        opened.set_args()?;
        Ok(opened)
    }

    /// Loads `stdnse`, gives it what the engine adds, and arms the check of undeclared globals.
    fn open_stdnse(&mut self) -> Result<(), EngineError> {
        let stdnse = run_chunk(&mut self.state, "return require 'stdnse'", "=engine", &[])?;
        let shared_value = &self.shared_value;
        self.state.enter(|call| -> Result<(), LuaError> {
            let Some(table) = stdnse.first().and_then(|root| call.rooted(root).as_table()) else { return Ok(()) };
            let engine = call.rooted(shared_value);
            stdnse::install(call, table, engine)
        })?;
        const CORE: &str = "local silent = ...
            local stdnse, nmap = require 'stdnse', require 'nmap'
            rawset(stdnse, 'sleep', nmap.socket.sleep)
            rawset(stdnse, 'silent_require', function(...)
                local ok, module = xpcall(require, function(e)
                    if e ~= silent and nmap.debugging() >= 2 then nmap.log_write('stdout', debug.traceback(e)) end
                    return e
                end, ...)
                if ok then return module end
                error(silent, 0)
            end)
            require 'strict'(_G)";
        run_chunk(&mut self.state, CORE, "=engine", std::slice::from_ref(&self.silent))?;
        Ok(())
    }

    /// Parses the arguments of file and command line into `nmap.registry.args`.
    fn set_args(&mut self) -> Result<(), EngineError> {
        let shared = Rc::clone(&self.shared);
        let options = &shared.options;
        let mut file = None;
        if let Some(name) = &options.script_args_file {
            shared.debug(1, &format!("Loading script-args from file `{name}'"));
            file = Some(match options.data.fetch(name) {
                Some(found @ Found::File(_)) => found.read().map_err(|_| EngineError::ArgsFile(name.clone()))?,
                Some(other) => return Err(EngineError::ArgsFile(other.path().to_owned())),
                None => return Err(EngineError::ArgsFile(format!("no path to file/directory: {name}"))),
            });
        }
        let file = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        shared.debug(1, &format!("Arguments from CLI: {}", options.script_args));
        if let Some(timeout) = options.script_timeout_ms {
            shared.debug(1, &format!("Set script-timeout as: {} seconds", timeout as f64 / 1000.0));
        }
        let Some(text) = args::join(file.as_deref(), &options.script_args) else { return Ok(()) };
        let Some(args) = args::parse(&text) else {
            shared.log(Channel::Stdout, format!("args = {text}").as_bytes());
            return Err(EngineError::Args);
        };
        shared.debug(1, &format!("Arguments parsed: {text}"));
        self.state.enter(|call| -> Result<(), LuaError> {
            let registry = loaded(call, b"nmap").and_then(|nmap| nmap.get_str(call, b"registry").as_table());
            let Some(table) = registry.and_then(|registry| registry.get_str(call, b"args").as_table()) else {
                return Ok(());
            };
            args.fill(call, table)
        })?;
        if options.debugging >= 2 {
            const DUMP: &str = "local stdnse, nmap = require 'stdnse', require 'nmap'
                stdnse.pretty_printer(nmap.registry.args, function(text) io.write(text) end)
                io.write('\\n')";
            run_chunk(&mut self.state, DUMP, "=engine", &[])?;
        }
        Ok(())
    }

    /// Names and types of what is in a library, which is loaded for it, or of the globals; none when it does not load.
    pub fn members(&mut self, library: Option<&str>) -> Option<Vec<(String, String)>> {
        const LIST: &str = "local name, list = ..., {}
            local ok, library = true, _G
            if name then ok, library = pcall(require, name) end
            if not ok then return nil end
            if type(library) ~= 'table' then return list end
            for key, value in next, library do
                if type(key) == 'string' then
                    list[#list + 1] = key
                    list[#list + 1] = type(value)
                end
            end
            return list";
        let name =
            library.map(|name| self.state.enter(|call| call.string(name.as_bytes()).map(|name| call.root(name))));
        let args: Vec<Root> = name.transpose().ok()?.into_iter().collect();
        let results = run_chunk(&mut self.state, LIST, "=engine", &args).ok()?;
        self.state.enter(|call| {
            let list = call.rooted(results.first()?).as_table()?;
            let text =
                |idx| list.get_integer(idx).as_str().map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
            let pairs = (1..list.raw_len()).step_by(2).map(|idx| Some((text(idx)?, text(idx + 1)?)));
            let mut members = pairs.collect::<Option<Vec<_>>>()?;
            members.sort();
            Some(members)
        })
    }

    /// Gives `math.random` a new seed, as each level of scripts finds one.
    pub(crate) fn seed_random(&mut self) {
        let mut seed = [0; 8];
        let mut args = Vec::new();
        for _ in 0..2 {
            if getrandom::fill(&mut seed).is_err() {
                return;
            }
            let seed = i64::from_ne_bytes(seed);
            args.push(self.state.enter(|call| call.root(Value::integer(seed))));
        }
        // A script may have put something else in its place.
        let _ = run_chunk(&mut self.state, "math.randomseed(...)", "=engine", &args);
    }

    /// Collects all garbage.
    pub(crate) fn collect(&mut self) {
        // A script may have put something else in its place.
        let _ = run_chunk(&mut self.state, "collectgarbage()", "=engine", &[]);
    }

    /// The next target that a script has added.
    pub fn next_target(&self) -> Option<String> {
        self.shared.targets.borrow_mut().next()
    }

    /// Runs a phase: for [`Phase::Scan`] over the hosts of a group, which come back with their results; the results of
    /// the other phases come second.
    pub fn run(&mut self, phase: Phase, hosts: Vec<Host>) -> (Vec<Host>, Vec<ScriptResult>) {
        self.run_watched(phase, hosts, &mut ())
    }

    /// The same under the eyes of someone.
    pub fn run_watched(
        &mut self,
        phase: Phase,
        hosts: Vec<Host>,
        watch: &mut dyn Watch,
    ) -> (Vec<Host>, Vec<ScriptResult>) {
        if !self.shared.options.script_scan && phase != Phase::Scan {
            return (hosts, Vec::new());
        }
        self.shared.targets.borrow_mut().is_closed = phase == Phase::PostScan;
        self.shared.hosts.replace(hosts);
        let mut results = Scheduler::new(self, phase, watch).run();
        results.sort_by(|a, b| a.id.cmp(&b.id));
        let mut hosts = self.shared.hosts.take();
        for host in &mut hosts {
            host.scripts.sort_by(|a, b| a.id.cmp(&b.id));
            host.ports.iter_mut().for_each(|port| port.scripts.sort_by(|a, b| a.id.cmp(&b.id)));
        }
        (hosts, results)
    }
}

/// A script's environment: its own globals in front of everybody's.
pub(crate) fn environment<'gc>(call: &mut Call<'gc>, path: &str, id: &str) -> Result<Table<'gc>, LuaError> {
    let (env, metatable) = (call.table(0, 8)?, call.table(0, 1)?);
    let globals = call.globals();
    metatable.set_str(call, b"__index", globals.into())?;
    env.set_metatable(call, Some(metatable));
    for (name, text) in [("SCRIPT_PATH", path), ("SCRIPT_NAME", id)] {
        let text = call.string(text.as_bytes())?;
        env.set_str(call, name.as_bytes(), text)?;
    }
    Ok(env)
}

/// Opens the libraries; answers the value that natives find the engine by.
fn open(call: &mut Call<'_>, engine: &Rc<Shared>) -> Result<Root, LuaError> {
    perilune_stdlib::open(call)?;
    perilune_stdlib::files::set(call, Box::new(ScriptFiles))?;
    let engine: Value<'_> = call.userdata(Rc::clone(engine))?.into();
    let library = nmap::open(call, engine)?;
    call.globals().set_str(call, b"nmap", library.into())?;
    let names = nmapdb::open(call, engine)?;
    call.globals().set_str(call, b"nmapdb", names.into())?;
    let ssh = libssh2::open(call)?;
    call.globals().set_str(call, b"libssh2", ssh.into())?;
    let (sockets, raw) = (library.get_str(call, b"socket"), library.get_str(call, b"dnet"));
    if let Some(loaded) = call.registry().get_str(call, b"_LOADED").as_table() {
        loaded.set_str(call, b"nmap", library.into())?;
        loaded.set_str(call, b"nmap.socket", sockets)?;
        loaded.set_str(call, b"nmap.dnet", raw)?;
        loaded.set_str(call, b"nmapdb", names.into())?;
        loaded.set_str(call, b"libssh2", ssh.into())?;
    }
    bindings::open_modules(call)?;
    // Libraries that were written for Lua 5.3 look at the position to know that a string had no end.
    if let Some(strings) = loaded(call, b"string") {
        strings.set_str(call, b"unpack", Value::native(perilune_stdlib::string::unpack_unfinished))?;
    }
    let searchers = loaded(call, b"package").and_then(|package| package.get_str(call, b"searchers").as_table());
    if let Some(searchers) = searchers {
        for idx in (1..=searchers.raw_len()).rev() {
            let searcher = searchers.get_integer(idx);
            searchers.set_integer(call, idx + 1, searcher)?;
        }
        let searcher = bind(call, engine, search_library)?;
        searchers.set_integer(call, 1, searcher)?;
    }
    Ok(call.root(engine))
}

/// A loaded library's table.
fn loaded<'gc>(call: &Call<'gc>, name: &[u8]) -> Option<Table<'gc>> {
    call.registry().get_str(call, b"_LOADED").as_table()?.get_str(call, name).as_table()
}

/// Searcher for libraries in `nselib/`.
fn search_library(call: &mut Call<'_>) -> NativeResult {
    let name = String::from_utf8_lossy(call.check_string(1)?.as_bytes()).into_owned();
    let below = format!("nselib/{}.lua", name.replace('.', "/"));
    let found = match shared(call).options.data.search(&below) {
        Some(found @ (Found::File(_) | Found::Embedded(_))) => found,
        _ => {
            let text = call.string(format!("\n\tNSE failed to find {below} in search paths.").as_bytes())?;
            return call.ret1(text);
        }
    };
    let path = found.path();
    let source = match found.read() {
        Ok(source) => source,
        Err(error) => return Err(call.error(format!("cannot read {path}: {error}"))),
    };
    if source.starts_with(b"\x1b") {
        return Err(call.error(format!("{path}: a library must be text")));
    }
    match perilune_compiler::compile(&source, &[b"@", path.as_bytes()].concat()) {
        Ok(chunk) => {
            let function = call.load(&chunk, None)?;
            call.ret1(function)
        }
        Err(error) => Err(call.error(error.message_bytes())),
    }
}

/// Sets `nmap.mutex` and `nmap.condvar`; the function to be told of ended threads.
fn open_sync(state: &mut State, engine: &Root) -> Result<Root, EngineError> {
    let natives = state.enter(|call| {
        let engine = call.rooted(engine);
        sync::natives(call, engine)
    })?;
    let functions = run_chunk(state, sync::SOURCE, "=sync", &natives)?;
    let [mutex, condvar, ended] = <[Root; 3]>::try_from(functions).map_err(|_| EngineError::Memory)?;
    state.enter(|call| -> Result<(), LuaError> {
        let Some(nmap) = loaded(call, b"nmap") else { return Ok(()) };
        for (name, function) in [("mutex", &mutex), ("condvar", &condvar)] {
            let function = call.rooted(function);
            nmap.set_str(call, name.as_bytes(), function)?;
        }
        Ok(())
    })?;
    Ok(ended)
}

/// Runs a chunk of the engine's own to its end; its results.
fn run_chunk(state: &mut State, source: &str, name: &str, args: &[Root]) -> Result<Vec<Root>, EngineError> {
    let library = |message: String| EngineError::Library(message);
    let chunk =
        perilune_compiler::compile(source.as_bytes(), name.as_bytes()).map_err(|error| library(error.to_string()))?;
    let function = state.enter(|call| call.load(&chunk, None).map(|function| call.root(function)))?;
    let mut task = state.task(&function, false)?;
    match state.resume(&mut task, args, u64::MAX) {
        Run::Finished => Ok(state.results()),
        Run::Failed => {
            let results = state.results();
            Err(library(error_text(state, &results)))
        }
        _ => Err(library("a library suspended while it was loaded".to_owned())),
    }
}

/// Turns a value to text, its `__tostring` included.
const TO_TEXT: NativeFn = |call| {
    let value = call.arg(1);
    call.to_text_then(value, (|call| call.ret_results()) as NativeFn)
};

/// What turning an error into text may cost.
const TEXT_BUDGET: u64 = 1_000_000;

/// The text of an error, the first of a failed task's results.
pub(crate) fn error_text(state: &mut State, results: &[Root]) -> String {
    let lossy = |call: &Call<'_>, root: &Root| {
        call.rooted(root).as_str().map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned())
    };
    let Some(error) = results.first() else { return "nil".to_owned() };
    if let Some(text) = state.enter(|call| lossy(call, error)) {
        return text;
    }
    let function = state.enter(|call| call.root(Value::native(TO_TEXT)));
    let Ok(mut task) = state.task(&function, false) else { return "not enough memory".to_owned() };
    if state.resume(&mut task, std::slice::from_ref(error), TEXT_BUDGET) != Run::Finished {
        return state.enter(|call| format!("(error object is a {} value)", call.rooted(error).type_name()));
    }
    let results = state.results();
    state.enter(|call| results.first().and_then(|root| lossy(call, root)).unwrap_or_default())
}

/// An error's text and where it came from, for a coroutine that failed with it.
pub(crate) fn traceback_text(state: &mut State, coroutine: &Root, results: &[Root]) -> String {
    let message = error_text(state, results);
    state.enter(|call| match call.rooted(coroutine).as_coroutine() {
        Some(coroutine) => {
            String::from_utf8_lossy(&call.traceback_of(coroutine, Some(message.as_bytes()), 0)).into_owned()
        }
        None => message.clone(),
    })
}
