//! The engine as the scanner uses it: libraries opened, scripts selected and loaded, phases run.

use crate::bindings::{self, libssh2, nmap, nmapdb, stdnse, sync};
use crate::scheduler::Scheduler;
use crate::script::{self, Script, ScriptError};
use crate::shared::{Options, Shared, bind, shared};
use crate::{args, embedded, format};
use perilune_scan::net::Network;
use perilune_scan::result::{Host, ScriptResult};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Root, Run, State, Table, Value};
use std::fmt;
use std::path::PathBuf;
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
    /// `--script-args` does not follow its grammar.
    Args(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Memory => f.write_str("not enough memory"),
            EngineError::Library(message) => write!(f, "failed to initialize the script engine:\n{message}"),
            EngineError::Script(error) => write!(f, "failed to initialize the script engine:\n{error}"),
            EngineError::Args(text) => write!(f, "arguments did not parse!\nargs = {text}"),
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
    /// Scripts by runlevel.
    pub(crate) levels: Vec<Vec<Rc<Script>>>,
    /// The formatting function.
    pub(crate) format: Root,
    /// The function of `sync.lua` that is told which thread has ended.
    pub(crate) ended: Root,
    pub(crate) next_thread: u64,
}

impl Engine {
    /// Opens the engine over a network.
    ///
    /// # Errors
    /// When memory is short, a library does not load, or the arguments do not parse.
    pub fn new(options: Options, network: Box<dyn Network>) -> Result<Engine, EngineError> {
        let shared = Shared::new(options, network);
        let mut state = State::new(None)?;
        let engine = state.enter(|call| open(call, &shared))?;
        let format = run_chunk(&mut state, format::SOURCE, "=format", &[])?;
        let format = format.into_iter().next().ok_or(EngineError::Memory)?;
        let ended = open_sync(&mut state, &engine)?;
        let mut opened = Engine { state, shared, levels: Vec::new(), format, ended, next_thread: 1 };
        opened.open_stdnse(&engine)?;
        opened.set_args()?;
        Ok(opened)
    }

    /// Loads `stdnse`, gives it what the engine adds, and arms the check of undeclared globals.
    fn open_stdnse(&mut self, engine: &Root) -> Result<(), EngineError> {
        let stdnse = run_chunk(&mut self.state, "return require 'stdnse'", "=engine", &[])?;
        self.state.enter(|call| -> Result<(), LuaError> {
            let Some(table) = stdnse.first().and_then(|root| call.rooted(root).as_table()) else { return Ok(()) };
            let engine = call.rooted(engine);
            stdnse::install(call, table, engine)
        })?;
        const CORE: &str = "local stdnse, nmap = require 'stdnse', require 'nmap'
            rawset(stdnse, 'sleep', nmap.socket.sleep)
            local missing = {}
            rawset(stdnse, 'silent_require', function(...)
                local ok, module = pcall(require, ...)
                if ok then return module end
                error(missing, 0)
            end)
            require 'strict'(_G)";
        run_chunk(&mut self.state, CORE, "=engine", &[])?;
        Ok(())
    }

    fn set_args(&mut self) -> Result<(), EngineError> {
        let text = self.shared.options.script_args.clone();
        let args = args::parse(&text).ok_or_else(|| EngineError::Args(text.clone()))?;
        Ok(self.state.enter(|call| -> Result<(), LuaError> {
            let registry = loaded(call, b"nmap").and_then(|nmap| nmap.get_str(call, b"registry").as_table());
            let Some(table) = registry.and_then(|registry| registry.get_str(call, b"args").as_table()) else {
                return Ok(());
            };
            args.fill(call, table)
        })?)
    }

    /// Selects and loads scripts by name, path or category; each rule may have `+` in front, which forces it.
    ///
    /// # Errors
    /// The first rule that matches nothing, the first script that does not load or pass its checks.
    pub fn select(&mut self, rules: &[String]) -> Result<(), EngineError> {
        let mut scripts: Vec<Script> = Vec::new();
        for rule in rules.iter().flat_map(|rule| rule.split(',')).map(str::trim).filter(|rule| !rule.is_empty()) {
            let (forced, rule) = rule.strip_prefix('+').map_or((false, rule), |rule| (true, rule));
            for mut script in self.matching(rule)? {
                script.forced = forced;
                if !scripts.iter().any(|other| other.path == script.path) {
                    scripts.push(script);
                }
            }
        }
        scripts.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(pair) = scripts.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(ScriptError::Duplicate(pair[0].id.clone()).into());
        }
        let facts: Vec<(&str, &[String])> =
            scripts.iter().map(|script| (script.id.as_str(), &script.dependencies[..])).collect();
        let levels = script::runlevels(&facts)?;
        self.levels = (0..=levels.iter().copied().max().unwrap_or(0)).map(|_| Vec::new()).collect();
        for (script, level) in scripts.into_iter().zip(levels) {
            self.levels[level].push(Rc::new(script));
        }
        Ok(())
    }

    /// Number of scripts that were selected.
    pub fn script_count(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    /// The scripts a rule names: one by name or path, or all of a category.
    fn matching(&mut self, rule: &str) -> Result<Vec<Script>, EngineError> {
        if let Some((path, source)) = self.find_script(rule)? {
            let mut script = self.load(&path, &source)?;
            script.selected_by_name = true;
            return Ok(vec![script]);
        }
        let mut matching = Vec::new();
        for (path, source) in self.all_scripts()? {
            let script = self.load(&path, &source)?;
            let belongs = rule == "all" || script.categories.iter().any(|category| category.eq_ignore_ascii_case(rule));
            if belongs {
                matching.push(script);
            }
        }
        if matching.is_empty() {
            return Err(ScriptError::NotFound(rule.to_owned()).into());
        }
        Ok(matching)
    }

    /// A script's path and text: from the data folders, from the path itself, or embedded.
    fn find_script(&self, rule: &str) -> Result<Option<(String, Vec<u8>)>, ScriptError> {
        let names = [rule.to_owned(), format!("{rule}.nse")];
        for name in &names {
            let below = self.shared.options.data_dirs.iter().map(|folder| folder.join("scripts").join(name));
            for path in below.chain([PathBuf::from(name)]) {
                if path.is_file() {
                    return read(&path).map(|source| Some((path.to_string_lossy().into_owned(), source)));
                }
            }
        }
        let embedded = names.iter().find_map(|name| {
            let path = format!("scripts/{name}");
            embedded::file(&path).map(|text| (path, text.as_bytes().to_vec()))
        });
        // What looks like a path is one.
        if embedded.is_none() && (rule.contains('/') || rule.ends_with(".nse")) {
            return read(&PathBuf::from(rule)).map(|source| Some((rule.to_owned(), source)));
        }
        Ok(embedded)
    }

    fn all_scripts(&self) -> Result<Vec<(String, Vec<u8>)>, ScriptError> {
        let mut found = Vec::new();
        for folder in &self.shared.options.data_dirs {
            let Ok(entries) = std::fs::read_dir(folder.join("scripts")) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|extension| extension == "nse") {
                    found.push((path.to_string_lossy().into_owned(), read(&path)?));
                }
            }
        }
        let known = |id: &str, found: &[(String, Vec<u8>)]| found.iter().any(|(path, _)| script::id_of(path) == id);
        for path in embedded::scripts() {
            if !known(&script::id_of(path), &found) {
                found.push((path.to_owned(), embedded::file(path).unwrap_or_default().as_bytes().to_vec()));
            }
        }
        Ok(found)
    }

    /// Compiles a script, runs it once, and checks its fields.
    fn load(&mut self, path: &str, source: &[u8]) -> Result<Script, EngineError> {
        let name = [b"@", path.as_bytes()].concat();
        let chunk = perilune_compiler::compile(source, &name).map_err(ScriptError::Syntax)?;
        let id = script::id_of(path);
        let (env, function) = self.state.enter(|call| -> Result<(Root, Root), LuaError> {
            let env = environment(call, path, &id)?;
            for field in ["categories", "dependencies"] {
                let list = call.table(0, 0)?;
                env.set_str(call, field.as_bytes(), list.into())?;
            }
            let function = call.load(&chunk, Some(env.into()))?;
            Ok((call.root(env.into()), call.root(function)))
        })?;
        let mut task = self.state.task(&function, false)?;
        if self.state.resume(&mut task, &[], u64::MAX) == Run::Failed {
            let results = self.state.results();
            let message = error_text(&mut self.state, &results);
            return Err(ScriptError::Failed { path: path.to_owned(), message }.into());
        }
        let fields = self.state.enter(|call| {
            let env = call.rooted(&env).as_table();
            env.map_or(Err(String::new()), |env| Fields::read(call, env, path))
        });
        let fields = fields.map_err(ScriptError::Field)?;
        let [has_prerule, has_hostrule, has_portrule, has_postrule] = fields.rules;
        Ok(Script {
            path: path.to_owned(),
            id,
            categories: fields.categories,
            dependencies: fields.dependencies,
            has_prerule,
            has_hostrule,
            has_portrule,
            has_postrule,
            selected_by_name: false,
            forced: false,
            chunk,
        })
    }

    /// Runs a phase: for [`Phase::Scan`] over the hosts of a group, which come back with their results; the results of
    /// the other phases come second.
    pub fn run(&mut self, phase: Phase, hosts: Vec<Host>) -> (Vec<Host>, Vec<ScriptResult>) {
        self.shared.hosts.replace(hosts);
        let mut results = Scheduler::new(self, phase).run();
        results.sort_by(|a, b| a.id.cmp(&b.id));
        let mut hosts = self.shared.hosts.take();
        for host in &mut hosts {
            host.scripts.sort_by(|a, b| a.id.cmp(&b.id));
            host.ports.iter_mut().for_each(|port| port.scripts.sort_by(|a, b| a.id.cmp(&b.id)));
        }
        (hosts, results)
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, ScriptError> {
    std::fs::read(path).map_err(|error| ScriptError::Unreadable {
        path: path.clone(),
        reason: perilune_stdlib::base::os_message(&error),
    })
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

/// What a script's globals say about it.
struct Fields {
    categories: Vec<String>,
    dependencies: Vec<String>,
    /// Whether each of the four rules is there.
    rules: [bool; 4],
}

impl Fields {
    /// Checks the fields; the error is the sentence for the user.
    fn read<'gc>(call: &Call<'gc>, env: Table<'gc>, path: &str) -> Result<Fields, String> {
        let required = |name: &str, wanted: &str| {
            let value = env.get_str(call, name.as_bytes());
            match value.type_name() {
                "nil" => Err(format!("{path} is missing required field: '{name}'")),
                got if got == wanted => Ok(value),
                got => Err(format!("{path} field '{name}' is of improper type '{got}', expected type '{wanted}'")),
            }
        };
        required("action", "function")?;
        let list = |name: &str| {
            let table = required(name, "table")?.as_table().into_iter();
            let items = table.flat_map(|table| (1..=table.raw_len()).map(move |idx| table.get_integer(idx)));
            let texts =
                items.map(|item| item.as_str().map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()));
            texts
                .collect::<Option<Vec<String>>>()
                .ok_or_else(|| format!("{path} has non-string entries in the '{name}' array"))
        };
        let (categories, dependencies) = (list("categories")?, list("dependencies")?);
        let mut rules = [false; 4];
        for (has, name) in rules.iter_mut().zip(["prerule", "hostrule", "portrule", "postrule"]) {
            let rule = env.get_str(call, name.as_bytes());
            *has = rule.as_function().is_some();
            if !*has && !rule.is_nil() {
                return Err(format!("{name} must be a function!"));
            }
        }
        if rules == [false; 4] {
            return Err(format!("{path} is missing required function: 'rule'"));
        }
        Ok(Fields { categories, dependencies, rules })
    }
}

/// Opens the libraries; answers the value that natives find the engine by.
fn open(call: &mut Call<'_>, engine: &Rc<Shared>) -> Result<Root, LuaError> {
    perilune_stdlib::open(call)?;
    let engine: Value<'_> = call.userdata(Rc::clone(engine))?.into();
    let library = nmap::open(call, engine)?;
    call.globals().set_str(call, b"nmap", library.into())?;
    let names = nmapdb::open(call, engine)?;
    call.globals().set_str(call, b"nmapdb", names.into())?;
    let ssh = libssh2::open(call)?;
    call.globals().set_str(call, b"libssh2", ssh.into())?;
    let sockets = library.get_str(call, b"socket");
    if let Some(loaded) = call.registry().get_str(call, b"_LOADED").as_table() {
        loaded.set_str(call, b"nmap", library.into())?;
        loaded.set_str(call, b"nmap.socket", sockets)?;
        loaded.set_str(call, b"nmapdb", names.into())?;
        loaded.set_str(call, b"libssh2", ssh.into())?;
    }
    bindings::open_modules(call)?;
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

/// Searcher for libraries in `nselib/`: of the data folders, then embedded.
fn search_library(call: &mut Call<'_>) -> NativeResult {
    let name = String::from_utf8_lossy(call.check_string(1)?.as_bytes()).into_owned();
    let below = format!("nselib/{}.lua", name.replace('.', "/"));
    let mut found = None;
    for folder in &shared(call).options.data_dirs {
        let path = folder.join(&below);
        if let Ok(source) = std::fs::read(&path) {
            found = Some((path.to_string_lossy().into_owned(), source));
            break;
        }
    }
    let found = found.or_else(|| embedded::file(&below).map(|text| (below.clone(), text.as_bytes().to_vec())));
    let Some((path, source)) = found else {
        let text = call.string(format!("\n\tNSE failed to find {below} in search paths.").as_bytes())?;
        return call.ret1(text);
    };
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

/// The text of an error, the first of a failed task's results.
pub(crate) fn error_text(state: &mut State, results: &[Root]) -> String {
    state.enter(|call| {
        let error = results.first().map_or(Value::NIL, |root| call.rooted(root));
        match call.try_text(error) {
            Ok(Some(text)) => {
                text.as_str().map_or_else(String::new, |text| String::from_utf8_lossy(text.as_bytes()).into_owned())
            }
            _ => format!("(error object is a {} value)", error.type_name()),
        }
    })
}

/// The native that runs an instance.
pub(crate) const INSTANCE: NativeFn = crate::instance::run;
