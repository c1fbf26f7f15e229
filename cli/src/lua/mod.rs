//! `perilune lua`: the stand-alone interpreter of the manual's §7.

mod profile;
mod prompt;

use perilune_stdlib::base;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Root, Run, Sampled, State, Value};
use profile::Profile;
use prompt::{Edited, Line, Lines, Plain};
use signal_hook::consts::SIGINT;
use signal_hook::flag;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const VERSION: &str = concat!("Perilune ", env!("CARGO_PKG_VERSION"), " (Lua 5.4)");
/// Budget between two looks at whether Ctrl-C was pressed: some milliseconds.
const SLICE: u64 = 1 << 22;
const USAGE: &str = "usage: perilune lua [options] [script [args]]
Available options are:
  -e stat   execute string 'stat'
  -i        enter interactive mode after executing 'script'
  -l mod    require library 'mod' into global 'mod'
  -l g=mod  require library 'mod' into global 'g'
  -v        show version information
  -E        ignore environment variables
  -W        turn warnings on
  --list    print the bytecode of 'script'; twice: with constants, locals, upvalues
  --profile[=file]
            tell where instructions and time went; folded stacks go to 'file'
  --        stop handling options
  -         stop handling options and execute stdin";

/// A failure: the message for standard error.
type Failed = Vec<u8>;

/// What the options ask for.
#[derive(Default)]
struct Options {
    /// `-e` and `-l` in their order.
    steps: Vec<Step>,
    interactive: bool,
    version: bool,
    ignore_environment: bool,
    warnings: bool,
    /// How often `--list` was given.
    lists: usize,
    profile: bool,
    /// Where folded stacks go.
    folded: Option<Vec<u8>>,
    /// Index of the script among the arguments.
    script: Option<usize>,
}

enum Step {
    Execute(Vec<u8>),
    Require(Vec<u8>),
}

/// Runs `perilune lua ARGS`.
pub fn main(args: &[OsString]) -> ExitCode {
    let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.clone().into_vec()).collect();
    let outcome = match parse(&args) {
        Ok(options) => run(&options, &args),
        Err(message) => Err([&message[..], b"\n", USAGE.as_bytes()].concat()),
    };
    perilune_stdlib::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn complain(message: &[u8]) {
    let _ = io::stderr().write_all(&[b"lua: ", message, b"\n"].concat());
}

fn parse(args: &[Vec<u8>]) -> Result<Options, Failed> {
    let mut options = Options::default();
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let refuse = || Err([b"unrecognized option '", &arg[..], b"'"].concat());
        match &arg[..] {
            b"--list" => options.lists += 1,
            b"--profile" => options.profile = true,
            [b'-', b'-', b'p', b'r', b'o', b'f', b'i', b'l', b'e', b'=', file @ ..] => {
                (options.profile, options.folded) = (true, Some(file.to_vec()));
            }
            b"--" => {
                at += 1;
                break;
            }
            b"-i" => (options.interactive, options.version) = (true, true),
            b"-v" => options.version = true,
            b"-E" => options.ignore_environment = true,
            b"-W" => options.warnings = true,
            [b'-', letter @ (b'e' | b'l'), attached @ ..] => {
                let text = if attached.is_empty() {
                    at += 1;
                    args.get(at).filter(|next| !next.starts_with(b"-") || *letter == b'e')
                } else {
                    None
                };
                let text = match (text, attached) {
                    (Some(text), _) => text.clone(),
                    (None, []) => return Err([b"'", &arg[..], b"' needs argument"].concat()),
                    (None, attached) => attached.to_vec(),
                };
                options.steps.push(if *letter == b'e' { Step::Execute(text) } else { Step::Require(text) });
            }
            b"-" => break,
            [b'-', ..] => return refuse(),
            _ => break,
        }
        at += 1;
    }
    options.script = (at < args.len()).then_some(at);
    Ok(options)
}

fn run(options: &Options, args: &[Vec<u8>]) -> Result<(), Failed> {
    if options.lists > 0 {
        let script = options.script.map_or(&b"-"[..], |at| &args[at]);
        return list(script, options.lists > 1);
    }
    if options.version {
        println!("{VERSION}");
    }
    let mut interpreter = Interpreter::new(options, args)?;
    let profile = options.profile.then(|| Rc::new(RefCell::new(Profile::new())));
    if let Some(profile) = profile.clone() {
        let look = Box::new(move |stack: &[Sampled]| profile.borrow_mut().look(stack));
        interpreter.state.borrow_mut().sample(profile::EVERY, look);
    }
    let outcome = interpreter.session(options, args);
    interpreter.state.borrow_mut().close();
    if let Some(profile) = profile {
        tell(&profile.borrow(), options)?;
    }
    outcome
}

/// Prints the profile's tables on standard error, and writes its stacks where they are wanted.
fn tell(profile: &Profile, options: &Options) -> Result<(), Failed> {
    let _ = io::stderr().write_all(profile.report().as_bytes());
    let Some(file) = &options.folded else { return Ok(()) };
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(file));
    std::fs::write(path, profile.folded()).map_err(|error| {
        let reason = base::os_message(&error);
        [b"cannot write ", &file[..], b": ", reason.as_bytes()].concat()
    })
}

/// Prints the bytecode of a script; `details` adds constants, locals and upvalues.
fn list(script: &[u8], details: bool) -> Result<(), Failed> {
    let (source, name) = read(script)?;
    let text = perilune_vm::listing::list(&base::chunk(&source, &name)?, details);
    io::stdout().write_all(&text).map_err(|error| base::os_message(&error).into_bytes())
}

/// Source and chunk name of a script.
fn read(script: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Failed> {
    let refuse = |what: &str, error: io::Error| {
        [b"cannot ", what.as_bytes(), b" ", script, b": ", base::os_message(&error).as_bytes()].concat()
    };
    let mut source = Vec::new();
    if script == b"-" {
        io::stdin().read_to_end(&mut source).map_err(|error| refuse("read", error))?;
        return Ok((base::skip_first_line(source), b"=stdin".to_vec()));
    }
    let mut file = std::fs::File::open(std::ffi::OsStr::from_bytes(script)).map_err(|error| refuse("open", error))?;
    file.read_to_end(&mut source).map_err(|error| refuse("read", error))?;
    Ok((base::skip_first_line(source), [b"@", script].concat()))
}

fn no_memory<E>(_: E) -> Failed {
    b"not enough memory".to_vec()
}

struct Interpreter {
    /// Shared with the line editor, which completes names.
    state: Rc<RefCell<State>>,
    /// False while a program runs. Ctrl-C makes it true; when it is true already, Ctrl-C ends the process.
    idle: Arc<AtomicBool>,
}

impl Interpreter {
    fn new(options: &Options, args: &[Vec<u8>]) -> Result<Interpreter, Failed> {
        let mut state = State::new(None).map_err(no_memory)?;
        let opened = state.enter(|call| -> Result<(), LuaError> {
            perilune_stdlib::open_with(call, options.ignore_environment)?;
            perilune_nse::preload_modules(call)?;
            call.set_warn(Some(warn));
            if options.warnings {
                call.warn(b"@on");
            }
            set_arg(call, options.script, args)
        });
        opened.map_err(no_memory)?;
        state.set_generational(true);
        let idle = Arc::new(AtomicBool::new(true));
        // In this order, so that the first signal only sets the flag. Without them Ctrl-C ends the process at once.
        let _ = flag::register_conditional_default(SIGINT, Arc::clone(&idle));
        let _ = flag::register(SIGINT, Arc::clone(&idle));
        Ok(Interpreter { state: Rc::new(RefCell::new(state)), idle })
    }

    /// `LUA_INIT`, the steps, the script, the prompt.
    fn session(&mut self, options: &Options, args: &[Vec<u8>]) -> Result<(), Failed> {
        if !options.ignore_environment {
            self.initialize()?;
        }
        for step in &options.steps {
            match step {
                Step::Execute(source) => self.execute(source, b"=(command line)", &[])?,
                Step::Require(name) => self.require(name)?,
            }
        }
        let is_terminal = io::stdin().is_terminal();
        match options.script {
            Some(at) => {
                let (source, name) = read(&args[at])?;
                self.execute(&source, &name, &args[at + 1..])?;
            }
            None if options.interactive || !options.steps.is_empty() || options.version => {}
            None if is_terminal => {
                println!("{VERSION}");
                self.prompt();
            }
            None => {
                let (source, name) = read(b"-")?;
                self.execute(&source, &name, &[])?;
            }
        }
        if options.interactive {
            self.prompt();
        }
        Ok(())
    }

    fn initialize(&mut self) -> Result<(), Failed> {
        for name in ["LUA_INIT_5_4", "LUA_INIT"] {
            let Some(text) = std::env::var_os(name).map(OsString::into_vec) else { continue };
            return match text.strip_prefix(b"@") {
                Some(path) => {
                    let (source, name) = read(path)?;
                    self.execute(&source, &name, &[])
                }
                None => self.execute(&text, format!("={name}").as_bytes(), &[]),
            };
        }
        Ok(())
    }

    /// `-l`: `mod`, `mod-version` or `global=mod`.
    fn require(&mut self, what: &[u8]) -> Result<(), Failed> {
        let equals = what.iter().position(|&byte| byte == b'=');
        let (global, module) = match equals {
            Some(at) => (&what[..at], &what[at + 1..]),
            None => (what.split(|&byte| byte == b'-').next().unwrap_or(what), what),
        };
        let call = self.state.borrow_mut().enter(|call| -> Result<(Root, Root), LuaError> {
            let require = call.globals().get_str(call, b"require");
            let module = call.string(module)?;
            Ok((call.root(require), call.root(module)))
        });
        let (require, module) = call.map_err(no_memory)?;
        let results = self.call(&require, vec![module])?;
        let set = self.state.borrow_mut().enter(|call| {
            let module = results.first().map_or(Value::NIL, |root| call.rooted(root));
            call.globals().set_str(call, global, module)
        });
        set.map_err(no_memory)
    }

    /// Runs a chunk with arguments.
    fn execute(&mut self, source: &[u8], name: &[u8], args: &[Vec<u8>]) -> Result<(), Failed> {
        let (function, args) = self.load(&base::chunk(source, name)?, args)?;
        self.call(&function, args).map(drop)
    }

    fn load(&mut self, chunk: &perilune_vm::bytecode::Chunk, args: &[Vec<u8>]) -> Result<(Root, Vec<Root>), Failed> {
        let loaded = self.state.borrow_mut().enter(|call| -> Result<(Root, Vec<Root>), LuaError> {
            let function = call.load(chunk, None)?;
            let mut roots = Vec::new();
            for arg in args {
                let arg = call.string(arg)?;
                roots.push(call.root(arg));
            }
            Ok((call.root(function), roots))
        });
        loaded.map_err(no_memory)
    }

    /// Calls a function; its results, or the message with a traceback.
    fn call(&mut self, function: &Root, args: Vec<Root>) -> Result<Vec<Root>, Failed> {
        let (protect, mut values) = self.state.borrow_mut().enter(|call| {
            let protect: NativeFn = protect;
            let handler = Value::native(message_handler);
            let function = call.rooted(function);
            (call.root(Value::native(protect)), vec![call.root(function), call.root(handler)])
        });
        values.extend(args);
        let mut task = self.state.borrow_mut().task(&protect, true).map_err(no_memory)?;
        self.idle.store(false, Ordering::Relaxed);
        let mut run = self.state.borrow_mut().resume(&mut task, &values, SLICE);
        while run == Run::Preempted {
            if self.idle.load(Ordering::Relaxed) {
                self.state.borrow_mut().abandon(task);
                return Err(b"interrupted!".to_vec());
            }
            run = self.state.borrow_mut().resume(&mut task, &[], SLICE);
        }
        self.idle.store(true, Ordering::Relaxed);
        let mut results = self.state.borrow_mut().results();
        let message = self.state.borrow_mut().enter(|call| {
            let failed = run == Run::Failed || results.first().is_some_and(|ok| !call.rooted(ok).is_truthy());
            let error = results.get(1).or(results.first()).map(|root| call.rooted(root));
            failed.then(|| error.and_then(Value::as_str).map_or_else(Vec::new, |text| text.as_bytes().to_vec()))
        });
        match message {
            Some(message) => Err(message),
            None => Ok(results.split_off(1.min(results.len()))),
        }
    }

    /// Reads, runs and prints, until the input ends.
    fn prompt(&mut self) {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let edited = if is_terminal { Edited::new(Rc::clone(&self.state)) } else { None };
        match edited {
            Some(mut lines) => self.converse(&mut lines),
            None => self.converse(&mut Plain),
        }
        println!();
    }

    fn converse(&mut self, lines: &mut impl Lines) {
        loop {
            let line = match lines.read(&self.prompt_text("_PROMPT", "> ")) {
                Line::Text(line) => line,
                Line::Dropped => continue,
                Line::End => return,
            };
            if let Err(message) = self.answer(lines, line) {
                // At the prompt it is clear who speaks.
                let _ = io::stderr().write_all(&[&message[..], b"\n"].concat());
            }
            perilune_stdlib::flush();
        }
    }

    /// The global of that name as a prompt, or the default.
    fn prompt_text(&mut self, name: &str, default: &str) -> String {
        let prompt = self.state.borrow_mut().enter(|call| {
            let prompt = call.globals().get_str(call, name.as_bytes());
            let text: NativeFn = |call| {
                let then: NativeFn = |call| call.ret_results();
                call.to_text_then(call.arg(1), then)
            };
            (!prompt.is_nil()).then(|| (call.root(Value::native(text)), call.root(prompt)))
        });
        let Some((text, prompt)) = prompt else { return default.to_owned() };
        let Ok(results) = self.call(&text, vec![prompt]) else { return default.to_owned() };
        self.state.borrow_mut().enter(|call| {
            let text = results.first().and_then(|root| call.rooted(root).as_str());
            text.map_or_else(String::new, |text| String::from_utf8_lossy(text.as_bytes()).into_owned())
        })
    }

    /// Runs what was typed: an expression, or statements, over as many lines as they need.
    fn answer(&mut self, lines: &mut impl Lines, line: Vec<u8>) -> Result<(), Failed> {
        let name = b"=stdin";
        // As in earlier versions, `=` asks for a value.
        let mut input = match line.strip_prefix(b"=") {
            Some(rest) => [b"return ", rest].concat(),
            None => line,
        };
        let expression = [b"return ", &input[..]].concat();
        let chunk = match base::chunk(&expression, name) {
            Ok(chunk) => Ok(chunk),
            Err(_) => loop {
                match base::chunk(&input, name) {
                    Err(message) if message.ends_with(b"near <eof>") => {
                        match lines.read(&self.prompt_text("_PROMPT2", ">> ")) {
                            Line::Text(more) => input = [&input[..], b"\n", &more].concat(),
                            Line::Dropped => return Ok(()),
                            Line::End => break Err(message),
                        }
                    }
                    outcome => break outcome,
                }
            },
        };
        lines.remember(&input);
        let (function, _) = self.load(&chunk?, &[])?;
        let results = self.call(&function, Vec::new())?;
        if results.is_empty() {
            return Ok(());
        }
        let print = self.state.borrow_mut().enter(|call| {
            let print = call.globals().get_str(call, b"print");
            call.root(print)
        });
        self.call(&print, results).map(drop)
    }
}

/// The global `arg`: the script at 0, its arguments above, what stands in front of it below.
fn set_arg(call: &mut Call<'_>, script: Option<usize>, args: &[Vec<u8>]) -> Result<(), LuaError> {
    let table = call.table(args.len(), 1)?;
    // The interpreter's own name is the first word of the command line.
    let script = script.map_or(0, |at| at as i64 + 1);
    let name = call.string(b"lua")?;
    table.set_integer(call, -script, name)?;
    for (idx, arg) in args.iter().enumerate() {
        let arg = call.string(arg)?;
        table.set_integer(call, idx as i64 + 1 - script, arg)?;
    }
    call.globals().set_str(call, b"arg", table.into())
}

/// Calls its first argument under the second as message handler.
fn protect(call: &mut Call<'_>) -> NativeResult {
    let handler = call.arg(2);
    call.protected_call_with(handler)
}

/// Turns an error into what is printed: the message with a traceback.
fn message_handler(call: &mut Call<'_>) -> NativeResult {
    let error = call.arg(1);
    if error.as_str().is_none() && error.as_number().is_none() {
        let handler = call.metamethod(error, "__tostring");
        if handler.is_nil() {
            return nameless_error(call);
        }
        let then: NativeFn = |call| {
            let text = call.result(1);
            if text.as_str().is_some() { call.ret1(text) } else { nameless_error(call) }
        };
        return call.invoke(handler, &[error], then);
    }
    let message = call.check_string(1)?.as_bytes();
    let text = call.traceback(Some(message), 1);
    let text = call.string(&text)?;
    call.ret1(text)
}

/// What is printed of an error that has no text.
fn nameless_error(call: &mut Call<'_>) -> NativeResult {
    let text = format!("(error object is a {} value)", call.arg(1).type_name());
    let text = call.traceback(Some(text.as_bytes()), 1);
    let text = call.string(&text)?;
    call.ret1(text)
}

fn warn(text: &[u8]) {
    let _ = io::stderr().write_all(&[b"Lua warning: ", text, b"\n"].concat());
}
