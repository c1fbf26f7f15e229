//! A virtual machine with the libraries, and a short way to run chunks in it.

use perilune_vm::{Call, LuaError, NativeResult, Root, Run, State, Task, Value};

/// A machine with all libraries and the global `park`, a function that parks the task.
pub struct Machine {
    pub state: State,
}

fn park(call: &mut Call<'_>) -> NativeResult {
    call.park()
}

impl Machine {
    pub fn new() -> Machine {
        let mut state = State::new(Some(1)).expect("there is memory");
        state
            .enter(|call| -> Result<(), LuaError> {
                perilune_stdlib::open(call)?;
                call.globals().set_str(call, b"park", Value::native(park))
            })
            .expect("the libraries open");
        Machine { state }
    }

    /// A task that will run a chunk.
    pub fn task(&mut self, source: &str) -> Task {
        let chunk = perilune_compiler::compile(source.as_bytes(), b"=test").expect("the chunk compiles");
        let function = self.state.enter(|call| {
            let function = call.load(&chunk, None).expect("there is memory");
            call.root(function)
        });
        self.state.task(&function, false).expect("there is memory")
    }

    /// Starts or continues a task with values, each given as a literal of its own.
    pub fn resume(&mut self, task: &mut Task, values: &[Literal], budget: u64) -> Run {
        let values: Vec<Root> = self.state.enter(|call| {
            values
                .iter()
                .map(|value| {
                    let value = match value {
                        Literal::Integer(value) => Value::integer(*value),
                        Literal::Boolean(value) => Value::boolean(*value),
                        Literal::Text(text) => call.string(text.as_bytes()).expect("there is memory"),
                    };
                    call.root(value)
                })
                .collect()
        });
        self.state.resume(task, &values, budget)
    }

    /// The results of the last run as text, separated by spaces.
    pub fn results(&mut self) -> String {
        let results = self.state.results();
        self.state.enter(|call| {
            let texts: Vec<String> = results
                .iter()
                .map(|root| {
                    let value = call.rooted(root);
                    match call.try_text(value) {
                        Ok(Some(text)) => {
                            let text = text.as_str().expect("a text is a string");
                            String::from_utf8_lossy(text.as_bytes()).into_owned()
                        }
                        _ => "?".to_owned(),
                    }
                })
                .collect();
            texts.join(" ")
        })
    }

    /// Runs a chunk to its end without a limit.
    pub fn run(&mut self, source: &str) -> (Run, String) {
        let mut task = self.task(source);
        let run = self.resume(&mut task, &[], u64::MAX);
        let results = self.results();
        self.state.check();
        (run, results)
    }
}

/// A value handed in from Rust.
pub enum Literal {
    Integer(i64),
    Boolean(bool),
    Text(&'static str),
}
