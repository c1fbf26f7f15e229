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
    let machine = Machine { stack: Vec::new(), low: 1, high: len, i: 0, j: 0, state: State::Begin };
    Box::new(machine).run(call)
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing compared: a part is to be sorted.
    Begin,
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

const PIVOT: usize = 3;
const LEFT: usize = 4;
const RIGHT: usize = 5;

/// The quicksort. Elements move only by reads and writes of the list, as metamethods may see them.
struct Machine {
    /// Parts still to be sorted.
    stack: Vec<(i64, i64)>,
    low: i64,
    high: i64,
    i: i64,
    j: i64,
    state: State,
}

/// What to do next.
enum Action {
    /// Compare two kept slots.
    Compare(usize, usize),
    Finished,
}

impl Machine {
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let mut answer = false;
        loop {
            match self.advance(call, answer)? {
                Action::Finished => return call.ret0(),
                Action::Compare(a, b) => {
                    let (a, b, comparator) = (call.arg(a), call.arg(b), call.arg(2));
                    if !comparator.is_nil() {
                        return call.invoke(comparator, &[a, b], self);
                    }
                    match call.try_less(a, b) {
                        Some(less) => answer = less,
                        None => return call.less_then(a, b, self),
                    }
                }
            }
        }
    }

    fn middle(&self) -> i64 {
        self.low + (self.high - self.low) / 2
    }

    /// Goes on until the next comparison, with the answer to the last one.
    fn advance(&mut self, call: &mut Call<'_>, answer: bool) -> Result<Action, LuaError> {
        let mut answer = answer;
        loop {
            match self.state {
                State::Begin => {
                    if self.low >= self.high {
                        match self.stack.pop() {
                            Some((low, high)) => (self.low, self.high) = (low, high),
                            None => return Ok(Action::Finished),
                        }
                        continue;
                    }
                    read(call, self.low, LEFT)?;
                    read(call, self.high, RIGHT)?;
                    self.state = State::FirstLast;
                    return Ok(Action::Compare(RIGHT, LEFT));
                }
                State::FirstLast => {
                    if answer {
                        write(call, self.low, RIGHT)?;
                        write(call, self.high, LEFT)?;
                    }
                    if self.high - self.low == 1 {
                        self.finish_part();
                        continue;
                    }
                    read(call, self.middle(), PIVOT)?;
                    read(call, self.low, LEFT)?;
                    self.state = State::MiddleFirst;
                    return Ok(Action::Compare(PIVOT, LEFT));
                }
                State::MiddleFirst => {
                    if answer {
                        write(call, self.middle(), LEFT)?;
                        write(call, self.low, PIVOT)?;
                    } else {
                        read(call, self.high, RIGHT)?;
                        self.state = State::LastMiddle;
                        return Ok(Action::Compare(RIGHT, PIVOT));
                    }
                    self.begin_partition(call)?;
                    if self.state == State::Begin {
                        continue;
                    }
                    return self.next_up(call);
                }
                State::LastMiddle => {
                    if answer {
                        write(call, self.middle(), RIGHT)?;
                        write(call, self.high, PIVOT)?;
                    }
                    self.begin_partition(call)?;
                    if self.state == State::Begin {
                        continue;
                    }
                    return self.next_up(call);
                }
                State::Up => {
                    if answer {
                        if self.i == self.high - 1 {
                            return Err(invalid_order(call));
                        }
                        return self.next_up(call);
                    }
                    return self.next_down(call);
                }
                State::Down => {
                    if answer {
                        if self.j < self.i {
                            return Err(invalid_order(call));
                        }
                        return self.next_down(call);
                    }
                    if self.j < self.i {
                        // The pivot goes between the two parts.
                        read(call, self.high - 1, LEFT)?;
                        read(call, self.i, RIGHT)?;
                        write(call, self.high - 1, RIGHT)?;
                        write(call, self.i, LEFT)?;
                        self.split();
                        answer = false;
                        continue;
                    }
                    write(call, self.i, RIGHT)?;
                    write(call, self.j, LEFT)?;
                    return self.next_up(call);
                }
            }
        }
    }

    /// The three samples are in order: the pivot goes next to the last one.
    fn begin_partition(&mut self, call: &mut Call<'_>) -> Result<(), LuaError> {
        if self.high - self.low == 2 {
            self.finish_part();
            return Ok(());
        }
        read(call, self.middle(), PIVOT)?;
        read(call, self.high - 1, RIGHT)?;
        write(call, self.middle(), RIGHT)?;
        write(call, self.high - 1, PIVOT)?;
        self.i = self.low;
        self.j = self.high - 1;
        self.state = State::Up;
        Ok(())
    }

    fn next_up(&mut self, call: &mut Call<'_>) -> Result<Action, LuaError> {
        self.i += 1;
        read(call, self.i, LEFT)?;
        self.state = State::Up;
        Ok(Action::Compare(LEFT, PIVOT))
    }

    fn next_down(&mut self, call: &mut Call<'_>) -> Result<Action, LuaError> {
        self.j -= 1;
        read(call, self.j, RIGHT)?;
        self.state = State::Down;
        Ok(Action::Compare(PIVOT, RIGHT))
    }

    fn finish_part(&mut self) {
        self.low = self.high;
        self.state = State::Begin;
    }

    /// The smaller part is next, the larger one waits.
    fn split(&mut self) {
        let (left, right) = ((self.low, self.i - 1), (self.i + 1, self.high));
        let (first, second) = if self.i - self.low < self.high - self.i { (left, right) } else { (right, left) };
        self.stack.push(second);
        (self.low, self.high) = first;
        self.state = State::Begin;
    }
}

impl Step for Machine {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let answer = call.result(1).is_truthy();
        call.charge(1)?;
        match self.advance(call, answer)? {
            Action::Finished => call.ret0(),
            Action::Compare(a, b) => {
                let (a, b, comparator) = (call.arg(a), call.arg(b), call.arg(2));
                if comparator.is_nil() {
                    return call.less_then(a, b, self);
                }
                call.invoke(comparator, &[a, b], self)
            }
        }
    }
}

fn invalid_order(call: &mut Call<'_>) -> LuaError {
    call.error("invalid order function for sorting")
}

/// Keeps an element of the list in a slot.
fn read(call: &mut Call<'_>, key: i64, slot: usize) -> Result<(), LuaError> {
    let value = call.arg(1).as_table().map_or(Value::NIL, |table| table.get_integer(key));
    call.set_arg(slot, value);
    Ok(())
}

/// Writes a kept element to the list.
fn write(call: &mut Call<'_>, key: i64, slot: usize) -> Result<(), LuaError> {
    let value = call.arg(slot);
    match call.arg(1).as_table() {
        Some(table) => table.set_integer(call, key, value),
        None => Ok(()),
    }
}
