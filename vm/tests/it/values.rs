//! Values, roots and errors as an embedder meets them.

use perilune_vm::{Call, NativeFn, NativeResult, Run, State, Value};

#[test]
fn sizes_are_as_small_as_promised() {
    assert_eq!(size_of::<Value<'_>>(), 16);
    assert_eq!(size_of::<NativeResult>(), 8);
}

#[test]
fn roots_keep_values_alive() {
    let mut state = State::new(Some(1)).expect("there is memory");
    let root = state.enter(|call| {
        let table = call.table(4, 0).expect("there is memory");
        let text = call.string(b"kept by its table, and longer than forty bytes").expect("there is memory");
        table.set_integer(call, 1, text).expect("there is memory");
        call.root(table.into())
    });
    let collect: NativeFn = |call| call.collect(perilune_vm::GcAction::Full);
    let collect = state.enter(|call| call.root(Value::native(collect)));
    for _ in 0..3 {
        let mut task = state.task(&collect, false).expect("there is memory");
        assert_eq!(state.resume(&mut task, &[], u64::MAX), Run::Finished);
    }
    state.enter(|call| {
        let table = call.rooted(&root).as_table().expect("a table was rooted");
        let text = table.get_integer(1).as_str().expect("a string was stored");
        assert_eq!(text.as_bytes(), b"kept by its table, and longer than forty bytes");
    });
    state.check();
}

#[test]
#[should_panic(expected = "the root belongs to this virtual machine")]
fn roots_do_not_cross_machines() {
    let mut one = State::new(Some(1)).expect("there is memory");
    let mut other = State::new(Some(1)).expect("there is memory");
    let root = one.enter(|call| call.root(Value::integer(1)));
    other.enter(|call| assert!(call.rooted(&root).is_truthy()));
}

/// Adds its arguments, and fails with a value that is no string when there are none.
fn sum(call: &mut Call<'_>) -> NativeResult {
    if call.count() == 0 {
        return Err(call.error_value(Value::integer(-1)));
    }
    let mut total = 0;
    for pos in 1..=call.count() {
        total += call.check_integer(pos)?;
    }
    call.ret1(total)
}

#[test]
fn natives_run_as_tasks() {
    let mut state = State::new(Some(1)).expect("there is memory");
    let mut run = |args: &[i64]| {
        let function = state.enter(|call| call.root(Value::native(sum)));
        let values: Vec<_> = args.iter().map(|&arg| state.enter(|call| call.root(Value::integer(arg)))).collect();
        let mut task = state.task(&function, false).expect("there is memory");
        let run = state.resume(&mut task, &values, u64::MAX);
        let results = state.results();
        (run, state.enter(|call| results.iter().map(|root| call.rooted(root).to_integer()).collect::<Vec<_>>()))
    };
    assert_eq!(run(&[1, 2, 39]), (Run::Finished, vec![Some(42)]));
    assert_eq!(run(&[]), (Run::Failed, vec![Some(-1)]));
    // More arguments than a fresh stack has slots.
    assert_eq!(run(&[1; 1000]), (Run::Finished, vec![Some(1000)]));
}

#[test]
#[should_panic(expected = "the task has not ended")]
fn an_ended_task_cannot_go_on() {
    let mut state = State::new(Some(1)).expect("there is memory");
    let function = state.enter(|call| call.root(Value::native(sum)));
    let mut task = state.task(&function, false).expect("there is memory");
    state.resume(&mut task, &[], u64::MAX);
    state.resume(&mut task, &[], u64::MAX);
}
