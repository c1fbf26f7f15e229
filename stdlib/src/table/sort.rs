//! `table.sort`: quicksort in place, with its state in Rust and each comparison a step.
//!
//! The pivot is the median of the first, middle and last element, and the smaller part is sorted first, so that the
//! pending parts are few. A comparator is any Lua code: it may be inconsistent, fail, look at the table or park the
//! task; the machine below only assumes that it answers. Lists of numbers or of strings without a comparator are
//! sorted by Rust's own sort.
//!
//! # Source
//! Hoare's quicksort with median of three (Sedgewick). The order in which elements are compared follows the reference,
//! so that lists with equal elements come out the same.

use super::{LENGTH, READ, WRITE, check_list, length_result, plain};
use perilune_vm::number::{self, Number};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Step, Table, Value};
use std::cmp::Ordering;

/// `table.sort(list [, comp])`: sorts `list[1]` to `list[#list]` in place.
/// Shape: `comp(a, b)` true when `a` must come before `b`; default `<`.
/// Errors: `invalid order function for sorting`, `array too big`, those of the comparison.
/// Source: manual §6.6.
pub(crate) fn sort(call: &mut Call<'_>) -> NativeResult {
    let list = check_list(call, 1, &[READ, WRITE, LENGTH])?;
    if let Some(table) = plain(call, list) {
        let len = table.raw_len();
        return start(call, len);
    }
    let then: NativeFn = |call| {
        let len = length_result(call)?;
        start(call, len)
    };
    call.len_then(list, then)
}

fn start(call: &mut Call<'_>, len: i64) -> NativeResult {
    if len < 2 {
        return call.ret0();
    }
    if len >= i32::MAX as i64 {
        return Err(call.arg_error(1, "array too big"));
    }
    if !call.arg(2).is_nil() {
        call.check_function(2)?;
    }
    call.set_count(2);
    let list = call.arg(1);
    if call.arg(2).is_nil()
        && let Some(table) = plain(call, list)
        && sort_plain(call, table, len)?
    {
        return call.ret0();
    }
    // Slots 3 to 5 keep the pivot and the two elements at hand.
    call.set_count(5);
    let mut machine = Box::new(Machine::new(len));
    machine.begin();
    machine.run(call)
}

/// Sorts a list of numbers or of strings; false when it is neither.
fn sort_plain<'gc>(call: &mut Call<'gc>, table: Table<'gc>, len: i64) -> Result<bool, LuaError> {
    call.check_size(len as usize * size_of::<Value<'_>>())?;
    call.charge(len as u64 * 4)?;
    let mut values: Vec<Value<'gc>> = (1..=len).map(|key| table.get_integer(key)).collect();
    let is_nan = |value: &Value<'_>| matches!(value.as_number(), Some(Number::Float(float)) if float.is_nan());
    if values.iter().all(|value| value.as_number().is_some()) {
        if values.iter().any(is_nan) {
            return Ok(false);
        }
        values.sort_unstable_by(|a, b| match (a.as_number(), b.as_number()) {
            (Some(a), Some(b)) => compare_numbers(a, b),
            _ => Ordering::Equal,
        });
    } else if values.iter().all(|value| value.as_str().is_some()) {
        let bytes = |value: &Value<'gc>| value.as_str().map_or(&b""[..], |string| string.as_bytes());
        values.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
    } else {
        return Ok(false);
    }
    for (idx, value) in values.into_iter().enumerate() {
        table.set_integer(call, idx as i64 + 1, value)?;
    }
    Ok(true)
}

fn compare_numbers(a: Number, b: Number) -> Ordering {
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (Number::Integer(a), Number::Float(b)) => mixed(a, b),
        (Number::Float(a), Number::Integer(b)) => mixed(b, a).reverse(),
    }
}

fn mixed(a: i64, b: f64) -> Ordering {
    if number::int_lt_float(a, b) {
        Ordering::Less
    } else if number::int_le_float(a, b) {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}

/// What the comparison just made was for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Is the last element less than the first?
    FirstLast,
    /// Is the middle less than the first?
    MiddleFirst,
    /// Is the last less than the middle?
    LastMiddle,
    /// Is the element going up less than the pivot?
    Up,
    /// Is the pivot less than the element going down?
    Down,
}

/// What is to be done with the list; each may run Lua code.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// Keep the element of a position in a slot.
    Read(i64, usize),
    /// Write what a slot keeps to a position.
    Write(i64, usize),
    /// Compare what two slots keep; the answer decides how it goes on.
    Compare(usize, usize),
}

const PIVOT: usize = 3;
const LEFT: usize = 4;
const RIGHT: usize = 5;
/// Parts larger than this take their pivot from a quarter, not the middle.
const LARGE: i64 = 100;
/// Most actions between two comparisons.
const PLAN_LEN_MAX: usize = 8;

/// A part of the list to be sorted.
#[derive(Clone, Copy, Debug)]
struct Part {
    low: i64,
    high: i64,
    /// Where in a large part the pivot is taken from; changes when parts turn out uneven.
    salt: u64,
}

impl Part {
    fn pivot(&self) -> i64 {
        let len = self.high - self.low;
        if len <= LARGE {
            return self.low + len / 2;
        }
        let quarter = len / 4;
        self.low + quarter + (self.salt % (quarter as u64 * 2)) as i64
    }
}

/// The quicksort: answers to comparisons go in, actions come out. It knows no values.
struct Machine {
    /// Parts still to be sorted.
    waiting: Vec<Part>,
    part: Part,
    i: i64,
    j: i64,
    state: State,
    plan: [Action; PLAN_LEN_MAX],
    plan_len: usize,
    /// Next action of the plan.
    plan_at: usize,
}

/// The order function contradicts itself.
#[derive(Debug)]
struct InvalidOrder;

impl Machine {
    fn new(len: i64) -> Machine {
        Machine {
            waiting: Vec::new(),
            part: Part { low: 1, high: len, salt: 0 },
            i: 0,
            j: 0,
            state: State::FirstLast,
            plan: [Action::Compare(0, 0); PLAN_LEN_MAX],
            plan_len: 0,
            plan_at: 0,
        }
    }

    fn next_action(&mut self) -> Option<Action> {
        let action = self.plan[..self.plan_len].get(self.plan_at).copied()?;
        self.plan_at += 1;
        Some(action)
    }

    fn act(&mut self, action: Action) {
        self.plan[self.plan_len] = action;
        self.plan_len += 1;
    }

    fn compare(&mut self, state: State, a: usize, b: usize) {
        self.state = state;
        self.act(Action::Compare(a, b));
    }

    /// Plans up to the next comparison, with the answer to the last one; an empty plan is the end.
    fn advance(&mut self, answer: bool) -> Result<(), InvalidOrder> {
        (self.plan_len, self.plan_at) = (0, 0);
        let Part { low, high, .. } = self.part;
        match self.state {
            State::FirstLast => {
                if answer {
                    self.act(Action::Write(low, RIGHT));
                    self.act(Action::Write(high, LEFT));
                }
                if high - low == 1 {
                    self.next_part();
                    return Ok(());
                }
                self.act(Action::Read(self.part.pivot(), PIVOT));
                self.act(Action::Read(low, LEFT));
                self.compare(State::MiddleFirst, PIVOT, LEFT);
            }
            State::MiddleFirst if answer => {
                self.act(Action::Write(self.part.pivot(), LEFT));
                self.act(Action::Write(low, PIVOT));
                self.partition();
            }
            State::MiddleFirst => {
                self.act(Action::Read(high, RIGHT));
                self.compare(State::LastMiddle, RIGHT, PIVOT);
            }
            State::LastMiddle => {
                if answer {
                    self.act(Action::Write(self.part.pivot(), RIGHT));
                    self.act(Action::Write(high, PIVOT));
                }
                self.partition();
            }
            State::Up if answer && self.i == high - 1 => return Err(InvalidOrder),
            State::Up if answer => self.next_up(),
            State::Up => self.next_down(),
            State::Down if answer && self.j < self.i => return Err(InvalidOrder),
            State::Down if answer => self.next_down(),
            State::Down if self.j < self.i => {
                // The pivot goes between the two parts.
                self.act(Action::Write(high - 1, LEFT));
                self.act(Action::Write(self.i, PIVOT));
                self.split();
                self.begin();
            }
            State::Down => {
                self.act(Action::Write(self.i, RIGHT));
                self.act(Action::Write(self.j, LEFT));
                self.next_up();
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        if self.part.low < self.part.high {
            self.act(Action::Read(self.part.low, LEFT));
            self.act(Action::Read(self.part.high, RIGHT));
            self.compare(State::FirstLast, RIGHT, LEFT);
        } else {
            self.next_part();
        }
    }

    fn next_part(&mut self) {
        if let Some(part) = self.waiting.pop() {
            self.part = part;
            self.begin();
        }
    }

    /// The three samples are in order: the pivot goes next to the last one.
    fn partition(&mut self) {
        let Part { low, high, .. } = self.part;
        if high - low == 2 {
            self.next_part();
            return;
        }
        let pivot = self.part.pivot();
        self.act(Action::Read(pivot, PIVOT));
        self.act(Action::Read(high - 1, RIGHT));
        self.act(Action::Write(pivot, RIGHT));
        self.act(Action::Write(high - 1, PIVOT));
        (self.i, self.j) = (low, high - 1);
        self.next_up();
    }

    fn next_up(&mut self) {
        self.i += 1;
        self.act(Action::Read(self.i, LEFT));
        self.compare(State::Up, LEFT, PIVOT);
    }

    fn next_down(&mut self) {
        self.j -= 1;
        self.act(Action::Read(self.j, RIGHT));
        self.compare(State::Down, PIVOT, RIGHT);
    }

    /// The smaller part is next, the larger one waits.
    fn split(&mut self) {
        let Part { low, high, salt } = self.part;
        let (left, right) = ((low, self.i - 1), (self.i + 1, high));
        let (small, large) = if self.i - low < high - self.i { (left, right) } else { (right, left) };
        let uneven = (large.1 - large.0) / 128 > small.1 - small.0 + 1;
        let new_salt =
            if uneven { salt.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f) } else { salt };
        self.waiting.push(Part { low: large.0, high: large.1, salt: new_salt });
        self.part = Part { low: small.0, high: small.1, salt };
    }

    /// Goes on with the plan, and from comparison to comparison, until one has to run Lua code.
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let list = call.arg(1);
        let table = plain(call, list);
        loop {
            let Some(action) = self.next_action() else { return call.ret0() };
            match (action, table) {
                (Action::Read(key, slot), Some(table)) => call.set_arg(slot, table.get_integer(key)),
                (Action::Read(key, _), None) => return call.index_then(list, Value::integer(key), self),
                (Action::Write(key, slot), Some(table)) => {
                    let value = call.arg(slot);
                    table.set_integer(call, key, value)?;
                }
                (Action::Write(key, slot), None) => {
                    let value = call.arg(slot);
                    return call.set_index_then(list, Value::integer(key), value, self);
                }
                (Action::Compare(a, b), _) => {
                    let (a, b, comparator) = (call.arg(a), call.arg(b), call.arg(2));
                    if !comparator.is_nil() {
                        return call.invoke(comparator, &[a, b], self);
                    }
                    match call.try_less(a, b) {
                        Some(answer) => self.answer(call, answer)?,
                        None => return call.less_then(a, b, self),
                    }
                }
            }
        }
    }

    fn answer(&mut self, call: &mut Call<'_>, answer: bool) -> Result<(), LuaError> {
        call.charge(1)?;
        self.advance(answer).map_err(|InvalidOrder| call.error("invalid order function for sorting"))
    }
}

impl Step for Machine {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        match self.plan[self.plan_at - 1] {
            Action::Read(_, slot) => {
                let value = call.result(1);
                call.set_arg(slot, value);
            }
            Action::Write(..) => {}
            Action::Compare(..) => {
                let answer = call.result(1).is_truthy();
                self.answer(call, answer)?;
            }
        }
        self.run(call)
    }
}
