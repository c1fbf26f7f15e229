//! Tables against a model: random operations on both must agree.

use perilune_vm::{Call, State, Table, Value};
use std::collections::BTreeMap;

/// Keys of all kinds; the same value for keys that Lua takes as equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Integer(i64),
    /// Halves, so that none is an integer.
    Float(i64),
    Text(String),
    Boolean(bool),
}

/// A small generator: the tests repeat exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn key(&mut self) -> Key {
        match self.below(10) {
            0..=4 => Key::Integer(self.below(40) as i64 + 1),
            5 => Key::Integer(self.0 as i64),
            6 => Key::Float(self.below(20) as i64),
            7 => Key::Boolean(self.below(2) == 0),
            _ => Key::Text("k".repeat(self.below(60) as usize)),
        }
    }
}

fn value_of<'gc>(call: &mut Call<'gc>, key: &Key) -> Value<'gc> {
    match key {
        Key::Integer(value) => Value::integer(*value),
        Key::Float(value) => Value::float(*value as f64 + 0.5),
        Key::Text(text) => call.string(text.as_bytes()).expect("there is memory"),
        Key::Boolean(value) => Value::boolean(*value),
    }
}

fn check_all<'gc>(call: &mut Call<'gc>, table: Table<'gc>, model: &BTreeMap<Key, i64>) {
    for (key, expected) in model {
        let key = value_of(call, key);
        assert_eq!(table.get(call, key).to_integer(), Some(*expected), "{key:?}");
    }
    let mut count = 0;
    let mut at = Value::NIL;
    while let Some((key, value)) = table.next(call, at).expect("the key is from the table") {
        assert!(!value.is_nil());
        count += 1;
        at = key;
    }
    assert_eq!(count, model.len());
    let border = table.raw_len();
    assert!(border == 0 || model.contains_key(&Key::Integer(border)), "{border} has a value");
    assert!(!model.contains_key(&Key::Integer(border + 1)), "{border} is followed by none");
}

#[test]
fn tables_behave_as_the_model() {
    let mut state = State::new(Some(7)).expect("there is memory");
    for seed in 1..200u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut model = BTreeMap::new();
        state.enter(|call| {
            let (items, fields) = (random.below(10) as usize, random.below(10) as usize);
            let table = call.table(items, fields).expect("there is memory");
            for step in 0..random.below(400) as i64 {
                let key = random.key();
                let at = value_of(call, &key);
                if random.below(4) == 0 {
                    table.set(call, at, Value::NIL).expect("the key is valid");
                    model.remove(&key);
                } else {
                    table.set(call, at, Value::integer(step)).expect("the key is valid");
                    model.insert(key.clone(), step);
                }
                assert_eq!(table.get(call, at).to_integer(), model.get(&key).copied());
            }
            check_all(call, table, &model);
        });
        state.check();
    }
}

#[test]
fn fields_may_be_cleared_while_they_are_walked() {
    let mut state = State::new(Some(7)).expect("there is memory");
    state.enter(|call| {
        let table = call.table(0, 0).expect("there is memory");
        for n in 0..100 {
            let key = value_of(call, &Key::Text(format!("key {n}")));
            table.set(call, key, Value::integer(n)).expect("the key is valid");
        }
        let (mut at, mut seen) = (Value::NIL, 0);
        while let Some((key, _)) = table.next(call, at).expect("the key is from the table") {
            table.set(call, key, Value::NIL).expect("the key is valid");
            (at, seen) = (key, seen + 1);
        }
        assert_eq!(seen, 100);
        assert!(table.next(call, Value::NIL).expect("nil starts").is_none());
    });
}

#[test]
fn keys_that_cannot_be() {
    let mut state = State::new(Some(7)).expect("there is memory");
    state.enter(|call| {
        let table = call.table(0, 0).expect("there is memory");
        assert!(table.set(call, Value::NIL, Value::integer(1)).is_err());
        assert!(table.set(call, Value::float(f64::NAN), Value::integer(1)).is_err());
        assert!(table.next(call, Value::integer(5)).is_err());
        // A float with an integer's value is that integer.
        table.set(call, Value::float(2.0), Value::integer(1)).expect("the key is valid");
        assert_eq!(table.get_integer(2).to_integer(), Some(1));
    });
}
