//! Samples of what runs, for profilers.
//!
//! A sampler is asked every so many instructions, and looks at the whole chain of coroutines without running any Lua.
//! The dispatch loop with hooks counts for it, so that nothing is paid where there is none.

use crate::debug;
use crate::exec::X;
use crate::state::Global;
use crate::value::{CLOSURE, Raw};

/// A function that was running, as a sample shows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sampled {
    /// What its caller calls it, if that is known.
    pub name: Option<Vec<u8>>,
    /// Chunk as messages have it.
    pub chunk: Vec<u8>,
    /// Line its source begins at; 0 for a main chunk, -1 for natives.
    pub line_defined: i64,
    /// Line that runs; -1 when not known.
    pub line: i64,
}

/// What is called with the stack, innermost function first.
pub type SampleFn = Box<dyn FnMut(&[Sampled])>;

/// Who wants samples.
pub(crate) struct Sampler {
    every: u32,
    left: u32,
    sink: SampleFn,
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("every", &self.every).finish_non_exhaustive()
    }
}

impl Global {
    /// Has the sink called every so many instructions.
    pub fn sample(&mut self, every: u32, sink: SampleFn) {
        // Counted as a hook, so that the loop with hooks runs.
        self.hooks += self.sampler.is_none() as usize;
        self.sampler = Some(Box::new(Sampler { every: every.max(1), left: every.max(1), sink }));
    }
}

/// Counts the instruction that comes.
///
/// # Safety
/// The state is that of a running frame (E1 to E4 of `exec`).
pub(crate) unsafe fn count(x: X) {
    // SAFETY: the caller's contract.
    unsafe {
        let Some(sampler) = &mut x.global().sampler else { return };
        sampler.left -= 1;
        if sampler.left == 0 {
            sampler.left = sampler.every;
            // Looks as if the instruction ran.
            X { pc: x.pc.add(1), ..x }.save();
            (sampler.sink)(&stack(x));
        }
    }
}

unsafe fn stack(x: X) -> Vec<Sampled> {
    // SAFETY: coroutines that resumed one another, and their frames, are alive.
    unsafe {
        let (mut all, mut co) = (Vec::new(), x.co);
        while !co.is_null() {
            let running = if co == x.co { None } else { debug::pending_native(co) };
            for at in debug::activations(co, running) {
                let name = at.name().map(|name| name.text);
                all.push(sampled(at.function, name, at.frame));
            }
            co = (*co).resumer;
        }
        all
    }
}

unsafe fn sampled(function: Raw, name: Option<Vec<u8>>, frame: *const crate::stack::Frame) -> Sampled {
    // SAFETY: the function of a live frame.
    unsafe {
        if function.tag != CLOSURE || frame.is_null() {
            return Sampled { name, chunk: b"[native]".to_vec(), line_defined: -1, line: -1 };
        }
        let proto = (*frame).proto();
        let line = debug::line_at(proto, debug::current_pc(frame)).map_or(-1, i64::from);
        let chunk = debug::short_source(proto);
        Sampled { name, chunk, line_defined: (*proto).line_defined as i64, line }
    }
}
