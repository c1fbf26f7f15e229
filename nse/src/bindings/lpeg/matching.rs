//! `lpeg.match`: runs the machine and the evaluator, and calls Lua for them.
//!
//! The state of a match lies in a box that is passed from one call of Lua to the next. Arguments of the native call
//! keep what the collector must see: pattern, subject, its values, the values of match-time captures, extra arguments,
//! and behind them the values that captures gave.

use super::capture::{Context, Evaluator, Want};
use super::code::Program;
use super::machine::{Machine, Stop};
use super::{Pattern, pattern_at};
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Step, Value};
use std::rc::Rc;

/// Entries of the backtrack stack unless `setmaxstack` allows more.
pub(super) const STACK_MAX: usize = 100;
/// Where the limit lies in the registry.
pub(super) const STACK_MAX_KEY: &[u8] = b"lpeg-maxstack";
/// Machine steps before others get a turn.
const WORK_MAX: u64 = 50_000;
/// Values of match-time captures alive at once.
const RUNTIME_VALUES_MAX: u32 = 1_000_000;

/// Positions of arguments.
const PATTERN: usize = 1;
const SUBJECT: usize = 2;
const EXTRA: usize = 4;

/// `lpeg.match(pattern, subject [, init [, ...]]) -> values | position | nil`.
/// Units: `init` is a 1-based position, negative from the end; 0 is the end.
/// Errors: `rule '…' used outside a grammar`, `too many pending calls/choices`, those of captures.
pub(super) fn match_(call: &mut Call<'_>) -> NativeResult {
    pattern_at(call, PATTERN)?;
    let subject = call.check_string(SUBJECT)?;
    let start = start_position(call.opt_integer(3, 1)?, subject.len());
    if u32::try_from(subject.len()).is_err() || subject.len() == u32::MAX as usize {
        return Err(call.arg_error(SUBJECT, "subject too long"));
    }
    let program = program(call)?;
    let extra = call.count().saturating_sub(EXTRA - 1);
    if call.count() < EXTRA - 1 {
        call.set_count(EXTRA - 1);
    }
    // The table for values of match-time captures comes when it is needed.
    call.append_arg(Value::NIL)?;
    let machine = Machine::new(start as u32, STACK_MAX);
    Box::new(Match { program, machine, evaluator: None, runtime: None, extra, pending: Pending::Nothing }).go_on(call)
}

fn start_position(init: i64, len: usize) -> usize {
    if init > 0 {
        usize::try_from(init - 1).unwrap_or(usize::MAX).min(len)
    } else {
        len.saturating_sub(usize::try_from(init.unsigned_abs()).unwrap_or(usize::MAX))
    }
}

fn pattern<'gc>(call: &Call<'gc>) -> &'gc Pattern {
    let userdata = call.arg(PATTERN).as_userdata();
    userdata.and_then(|userdata| userdata.downcast(call)).expect("the argument stays the pattern")
}

/// The compiled pattern.
fn program(call: &mut Call<'_>) -> Result<Rc<Program>, LuaError> {
    let pattern = pattern(call);
    if let Some(program) = pattern.program.get() {
        return Ok(Rc::clone(program));
    }
    let userdata = call.arg(PATTERN).as_userdata();
    match super::code::compile(&pattern.tree) {
        Ok(program) => {
            call.charge(program.code.len() as u64 * 32)?;
            if let Some(userdata) = userdata {
                userdata.set_extra_bytes(call, pattern.tree.bytes() + program.bytes())?;
            }
            Ok(Rc::clone(pattern.program.get_or_init(|| Rc::new(program))))
        }
        Err(key) => {
            let values = userdata.and_then(|userdata| userdata.user_value(call).as_table());
            let key = values.map_or(Value::NIL, |values| values.get_integer(key as i64));
            let name = super::key_text(call, key)?;
            Err(call.error([b"rule '", &name[..], b"' used outside a grammar"].concat()))
        }
    }
}

/// What the call under way is for.
#[derive(Debug)]
enum Pending {
    Nothing,
    /// A capture's function or table.
    Capture,
    /// The function of the match-time capture that starts there.
    RunTime {
        open: usize,
    },
}

/// A match under way.
struct Match {
    program: Rc<Program>,
    machine: Machine,
    /// There while captures are evaluated.
    evaluator: Option<Evaluator>,
    /// Start and function of the match-time capture whose values are evaluated.
    runtime: Option<(usize, u32)>,
    /// Number of extra arguments.
    extra: usize,
    pending: Pending,
}

impl Match {
    /// Position of the table with values of match-time captures, the last argument that is no value.
    fn runtime_slot(&self) -> usize {
        EXTRA + self.extra
    }

    fn go_on(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        loop {
            if self.evaluator.is_some() {
                let want = self.evaluate(call)?;
                return self.serve(call, want);
            }
            let subject = call.check_string(SUBJECT)?.as_bytes();
            let mut allowance = WORK_MAX;
            let program = Rc::clone(&self.program);
            let stop = self.machine.run(&program, subject, &mut allowance);
            call.charge(WORK_MAX - allowance)?;
            match stop {
                Stop::Failed => return call.ret1(Value::NIL),
                Stop::Matched if self.machine.captures.len() == 1 => return call.ret1(self.machine.at as i64 + 1),
                Stop::Matched => self.evaluator = Some(Evaluator::all(call)),
                Stop::Tired => {
                    call.check_size(self.machine.bytes())?;
                    return self.rest(call);
                }
                Stop::StackFull => {
                    let limit = call.registry().get_str(call, STACK_MAX_KEY).to_integer().unwrap_or(0);
                    let limit = usize::try_from(limit).unwrap_or(0).max(STACK_MAX);
                    if !self.machine.allow(limit) {
                        return Err(call.error("too many pending calls/choices"));
                    }
                }
                Stop::RunTime(function) => {
                    let open = self.machine.last_open();
                    self.runtime = Some((open, function));
                    let evaluator = Evaluator::nested(call, &self.context(call), open);
                    self.evaluator = Some(evaluator);
                }
            }
        }
    }

    /// Does what the evaluator wants.
    fn serve<'gc>(mut self: Box<Self>, call: &mut Call<'gc>, want: Want<'gc>) -> NativeResult {
        match want {
            Want::Done => {
                self.evaluator = None;
                if let Some((open, function)) = self.runtime.take() {
                    return self.call_runtime(call, open, function);
                }
                let first = self.runtime_slot() + 1;
                if call.count() < first {
                    return call.ret1(self.machine.at as i64 + 1);
                }
                call.ret_args(first)
            }
            Want::Rest => self.rest(call),
            Want::Call { function, from } => {
                let args: Vec<Value<'_>> = (from..=call.count()).map(|pos| call.arg(pos)).collect();
                call.set_count(from - 1);
                self.pending = Pending::Capture;
                call.invoke(function, &args, self)
            }
            Want::Index { table, key } => {
                self.pending = Pending::Capture;
                call.index_then(table, key, self)
            }
        }
    }

    fn context<'gc>(&self, call: &Call<'gc>) -> Context<'_, 'gc> {
        let subject = call.arg(SUBJECT).as_str().map_or(&b""[..], |subject| subject.as_bytes());
        let userdata = call.arg(PATTERN).as_userdata();
        Context {
            captures: &self.machine.captures,
            tree: &pattern(call).tree,
            subject,
            values: userdata.and_then(|userdata| userdata.user_value(call).as_table()),
            runtime: call.arg(self.runtime_slot()).as_table(),
            extra: (EXTRA, self.extra),
        }
    }

    fn evaluate<'gc>(&mut self, call: &mut Call<'gc>) -> Result<Want<'gc>, LuaError> {
        let mut evaluator = self.evaluator.take().expect("captures are being evaluated");
        let want = evaluator.run(call, &self.context(call))?;
        self.evaluator = Some(evaluator);
        Ok(want)
    }

    /// Lets the machine look at its budget and collect.
    fn rest(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        self.pending = Pending::Nothing;
        let nothing: NativeFn = |call| call.ret0();
        call.invoke(Value::native(nothing), &[], self)
    }

    /// Calls the function of a match-time capture: subject, position, and the values behind the arguments.
    fn call_runtime(mut self: Box<Self>, call: &mut Call<'_>, open: usize, function: u32) -> NativeResult {
        let first = self.runtime_slot() + 1;
        let function = self.context(call).values.map_or(Value::NIL, |values| values.get_integer(function as i64));
        let mut args = vec![call.arg(SUBJECT), Value::integer(self.machine.at as i64 + 1)];
        args.extend((first..=call.count()).map(|pos| call.arg(pos)));
        call.set_count(first - 1);
        self.pending = Pending::RunTime { open };
        call.invoke(function, &args, self)
    }

    /// The function of a match-time capture has answered; false when the match fails.
    fn runtime_done<'gc>(
        &mut self,
        call: &mut Call<'gc>,
        open: usize,
        results: &[Value<'gc>],
    ) -> Result<bool, LuaError> {
        let Some((&verdict, values)) = results.split_first() else { return Ok(self.machine.fail()) };
        if !verdict.is_truthy() {
            return Ok(self.machine.fail());
        }
        let (here, len) = (self.machine.at as i64, call.check_string(SUBJECT)?.len() as i64);
        let at = match verdict.kind() {
            Kind::Boolean(_) => here,
            _ => verdict.to_integer().unwrap_or(0).wrapping_sub(1),
        };
        if at < here || at > len {
            return Err(call.error("invalid position returned by match-time capture"));
        }
        let count = values.len() as u32;
        if count > RUNTIME_VALUES_MAX - self.machine.values {
            return Err(call.error("too many runtime captures"));
        }
        if count > 0 {
            let slot = self.runtime_slot();
            let table = match call.arg(slot).as_table() {
                Some(table) => table,
                None => {
                    let table = call.table(values.len(), 0)?;
                    call.set_arg(slot, table.into());
                    table
                }
            };
            for (idx, &value) in values.iter().enumerate() {
                table.set_integer(call, self.machine.values as i64 + 1 + idx as i64, value)?;
            }
        }
        self.machine.accept(open, at as u32, count);
        Ok(true)
    }
}

impl Step for Match {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let results: Vec<Value<'gc>> = (1..=call.result_count()).map(|pos| call.result(pos)).collect();
        match pending {
            Pending::Nothing => {}
            Pending::RunTime { open } => {
                if !self.runtime_done(call, open, &results)? {
                    return call.ret1(Value::NIL);
                }
            }
            Pending::Capture => {
                let mut evaluator = self.evaluator.take().expect("captures are being evaluated");
                let want = evaluator.called(call, &self.context(call), &results)?;
                self.evaluator = Some(evaluator);
                if let Some(want) = want {
                    return self.serve(call, want);
                }
            }
        }
        self.go_on(call)
    }
}
