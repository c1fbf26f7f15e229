//! What the coroutine of an instance does: runs the file, asks the rule, acts.

use crate::shared::shared;
use perilune_vm::{Call, NativeResult, Step, Value};

/// Arguments: what makes the file's function, its environment, the rule's name, whether the rule is skipped, and what
/// rule and action get. Results: whether it acted, and the first two results of the action.
pub(crate) fn run(call: &mut Call<'_>) -> NativeResult {
    let (body, env) = (call.arg(1), call.arg(2));
    call.invoke_yieldable(body, &[env], Box::new(Instance { stage: Stage::Opening }))
}

/// Arguments in front of those of the rule.
const OWN_ARGS: usize = 4;

#[derive(Clone, Copy)]
enum Stage {
    Opening,
    Loading,
    Asking,
    Acting,
}

struct Instance {
    stage: Stage,
}

impl Instance {
    /// Calls a function of the environment with the instance's arguments.
    fn call_field(self: Box<Self>, call: &mut Call<'_>, name: &[u8]) -> NativeResult {
        let function = call.arg(2).as_table().map_or(Value::NIL, |env| env.get_str(call, name));
        if function.is_nil() {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(call.error(format!("variable '{name}' is not declared")));
        }
        let args: Vec<Value<'_>> = (OWN_ARGS + 1..=call.count()).map(|pos| call.arg(pos)).collect();
        call.invoke_yieldable(function, &args, self)
    }

    fn act(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let engine = shared(call);
        if let Some(info) = &*engine.current.borrow() {
            info.instance.started.set(true);
            engine.debug_with(1, || format!("Starting {}{}.", info.name(engine.options.debugging), info.against()));
        }
        self.stage = Stage::Acting;
        self.call_field(call, b"action")
    }
}

impl Step for Instance {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        match self.stage {
            Stage::Opening => {
                self.stage = Stage::Loading;
                let file = call.result(1);
                call.invoke_yieldable(file, &[], self)
            }
            Stage::Loading if call.arg(4).is_truthy() => self.act(call),
            Stage::Loading => {
                self.stage = Stage::Asking;
                let rule = call.check_string(3)?.as_bytes();
                self.call_field(call, rule)
            }
            Stage::Asking if call.result(1).is_truthy() => self.act(call),
            Stage::Asking => call.ret1(false),
            Stage::Acting => {
                let (first, second) = (call.result(1), call.result(2));
                call.ret3(true, first, second)
            }
        }
    }
}
