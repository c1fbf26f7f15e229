//! A virtual machine with the compiled modules, kept from input to input.

use perilune_vm::{LuaError, Root, Run, State};
use std::cell::RefCell;

/// Work of one input.
const BUDGET: u64 = 2_000_000;
const MEMORY_MAX: usize = 256 << 20;

thread_local! {
    static MACHINE: RefCell<Option<(State, Root)>> = const { RefCell::new(None) };
}

/// A machine, and the function that a program answers.
fn open(program: &str) -> (State, Root) {
    let mut state = State::new(Some(1)).expect("there is memory");
    let chunk = perilune_compiler::compile(program.as_bytes(), b"=fuzz").expect("the program compiles");
    let opened = state.enter(|call| -> Result<Root, LuaError> {
        perilune_stdlib::open(call)?;
        perilune_nse::preload_modules(call)?;
        let function = call.load(&chunk, None)?;
        Ok(call.root(function))
    });
    let mut task = state.task(&opened.expect("there is memory"), false).expect("there is memory");
    assert_eq!(state.resume(&mut task, &[], u64::MAX), Run::Finished, "the program answers a function");
    let function = state.results().remove(0);
    state.set_memory_limit(MEMORY_MAX);
    (state, function)
}

/// Calls the program's function with the input. An error is a finding unless it says that memory is short; a call that
/// takes too long is given up, which is fine, as a script would be.
pub fn run(program: &str, input: &[u8]) {
    MACHINE.with_borrow_mut(|machine| {
        let (state, function) = machine.get_or_insert_with(|| open(program));
        let input = state.enter(|call| call.string(input).map(|input| call.root(input)));
        let Ok(input) = input else { return };
        let mut task = state.task(function, false).expect("there is memory");
        match state.resume(&mut task, &[input], BUDGET) {
            Run::Finished => {}
            Run::Failed => {
                let results = state.results();
                let message = state.enter(|call| {
                    let error = results.first().map(|root| call.rooted(root));
                    error.and_then(|error| error.as_str()).map(|text| text.as_bytes().escape_ascii().to_string())
                });
                let message = message.unwrap_or_default();
                assert!(message.contains("not enough memory"), "{message}");
            }
            // The task is dropped with all it holds.
            _ => *machine = None,
        }
    });
}
