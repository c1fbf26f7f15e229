//! Memory, instructions, depth: what runs into a limit ends in an error or a preemption, and the machine goes on.

use crate::support::Machine;
use perilune_vm::Run;
use perilune_vm::bytecode::{Instruction, Op};
use perilune_vm::verify::verify;

/// Bytes above an empty machine; fewer where every allocation collects.
const LIMIT: usize = if cfg!(feature = "stress") { 1_000_000 } else { 20_000_000 };

/// Runs a chunk in little memory.
fn in_little_memory(source: &str) -> (Run, String) {
    let mut machine = Machine::new();
    let limit = machine.state.memory_bytes() + LIMIT;
    machine.state.set_memory_limit(limit);
    let outcome = machine.run(source);
    // The machine is as good as new afterwards.
    assert_eq!(machine.run("collectgarbage() return 1 + 1"), (Run::Finished, "2".to_owned()));
    assert!(machine.state.memory_bytes() <= limit);
    outcome
}

#[test]
fn memory_is_an_error() {
    let failed = (Run::Failed, "not enough memory".to_owned());
    assert_eq!(in_little_memory("local t = {} while true do t[#t + 1] = {} end"), failed);
    assert_eq!(in_little_memory("local t = {} for i = 1, 1e9 do t[i] = i end"), failed);
    assert_eq!(in_little_memory("local t = {} for i = 1, 1e9 do t['k' .. i] = i end"), failed);
    assert_eq!(in_little_memory("local s = 'x' while true do s = s .. s end"), failed);
    assert_eq!(in_little_memory("return ('x'):rep(1 << 30)"), failed);
    assert_eq!(in_little_memory("return ('x'):rep(1000000, ('y'):rep(1000))"), failed);
    assert_eq!(in_little_memory("local s = ('a'):rep(1e5) return s:gsub('a', s)"), failed);
    assert_eq!(in_little_memory("local t = {} for i = 1, 200 do t[i] = ('x'):rep(1e6) end"), failed);
    assert_eq!(
        in_little_memory("local f = {} while true do f = (function(x) return function() return x end end)(f) end"),
        failed
    );
    assert_eq!(
        in_little_memory(
            "local t = {} while true do t = { coroutine.wrap(function(x) coroutine.yield() return x end), t } t[1](t) end"
        ),
        failed
    );
    assert_eq!(
        in_little_memory(
            "return table.concat(setmetatable({}, { __index = function() return ('z'):rep(1e6) end, __len = function() return 1e6 end }))"
        ),
        failed
    );
    assert_eq!(
        in_little_memory("return load(function() return ('x'):rep(1e6) end)"),
        (Run::Finished, "nil not enough memory".to_owned())
    );
    assert_eq!(
        in_little_memory("return table.unpack({}, 1, 1e8)"),
        (Run::Failed, "test:1: too many results to unpack".to_owned())
    );
    assert_eq!(in_little_memory("return ('%99d'):rep(1e5):format(table.unpack({}, 1, 10))").0, Run::Failed);
}

#[test]
fn memory_errors_can_be_caught() {
    let caught = in_little_memory(
        "local ok, message = pcall(function() local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end end)
        return ok, message",
    );
    assert_eq!(caught, (Run::Finished, "false not enough memory".to_owned()));
}

#[test]
fn garbage_stays_below_the_limit() {
    assert_eq!(
        in_little_memory("local n = 0 for i = 1, 200000 do local t = { i, { i }, 'k' .. i } n = n + #t end return n"),
        (Run::Finished, "600000".to_owned())
    );
    assert_eq!(
        in_little_memory("for i = 1, 2000 do local s = ('x'):rep(100000) .. i end return 1"),
        (Run::Finished, "1".to_owned())
    );
    assert_eq!(
        in_little_memory("for i = 1, 20000 do coroutine.wrap(function() coroutine.yield(i) end)() end return 1"),
        (Run::Finished, "1".to_owned())
    );
}

/// Runs with a small budget; how often the task was preempted before its end, at most 1000 times.
fn slices(source: &str, budget: u64) -> (usize, Run) {
    let mut machine = Machine::new();
    let mut task = machine.task(source);
    let mut run = machine.resume(&mut task, &[], budget);
    let mut count = 0;
    while run == Run::Preempted && count < 1000 {
        count += 1;
        run = machine.resume(&mut task, &[], budget);
    }
    (count, run)
}

#[test]
fn endless_code_is_preempted() {
    for source in [
        "while true do end",
        "repeat until false",
        "for i = 1, math.huge do end",
        "goto l ::l:: goto l",
        "local function f() return f() end f()",
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() return t[1] end) end",
        "while true do pcall(error) end",
        "while true do local _ = ('x'):rep(1000):find('y') end",
        "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
        "for _ in function() return 1 end do end",
        "for _ in pairs(setmetatable({}, { __pairs = function() return function() return 1 end end })) do end",
        "table.sort({ 1, 2, 3, 4 }, function(a, b) while true do end end)",
        "setmetatable({}, { __gc = function() while true do end end }) collectgarbage()",
    ] {
        assert_eq!(slices(source, 1000), (1000, Run::Preempted), "{source}");
    }
}

#[test]
fn preempted_code_goes_on() {
    let (count, run) = slices("local n = 0 for i = 1, 100000 do n = n + i end assert(n == 5000050000)", 1000);
    assert!(run == Run::Finished && (90..=110).contains(&count), "{count} {run:?}");
    let sum = "local s = 0
        for i = 1, 300 do
            s = s + select(2, pcall(function(x) local t = { x } table.sort(t) return t[1] end, i))
            s = s + #('x'):rep(i):gsub('x', function() return 'y' end)
        end
        assert(s == 90300)";
    for budget in [1, 2, 3, 7, 50] {
        let mut machine = Machine::new();
        let mut task = machine.task(sum);
        let mut run = machine.resume(&mut task, &[], budget);
        while run == Run::Preempted {
            run = machine.resume(&mut task, &[], budget);
        }
        assert_eq!((run, machine.results().as_str()), (Run::Finished, ""));
    }
}

#[test]
fn long_natives_use_up_the_budget() {
    for source in [
        "for i = 1, 2 do local _ = ('a'):rep(200):find(('a-'):rep(2) .. 'b') end",
        "local t = table.pack(table.unpack({}, 1, 1000)) for i = 1, 100 do table.move(t, 1, 1000, 2) end",
        "for i = 1, 10 do local _ = ('x'):rep(10000000) end",
    ] {
        let (count, _) = slices(source, 100);
        assert!(count > 0, "{source}");
    }
}

/// A chunk that must fail with a text in its message.
fn fails(source: &str, message: &str) {
    let (run, results) = Machine::new().run(source);
    assert!(run == Run::Failed && results.contains(message), "{source}: {run:?} {results}");
}

#[test]
fn depth_is_an_error() {
    fails("local function f() return 1 + f() end f()", "stack overflow");
    fails(
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
        "C stack overflow",
    );
    fails(
        "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
        "'__index' chain too long; possible loop",
    );
    fails("local function f(s) return (s:gsub('x', f)) end f('x')", "C stack overflow");
    fails("local function f() coroutine.wrap(f)() end f()", "C stack overflow");
    fails("local function f() pcall(f) error('e', 0) end f()", "e");
    fails(
        "local t = setmetatable({}, { __tostring = function(t) return tostring(t) end }) tostring(t)",
        "C stack overflow",
    );
    fails("local function f() table.sort({ 1, 2 }, f) end f()", "C stack overflow");
    fails(
        "local t = {} for i = 1, 100 do t = setmetatable({}, { __call = t }) end t()",
        "attempt to call a table value",
    );
    fails("string.rep('x', -1)() ", "attempt to call a string value");
    fails("return load(('('):rep(1000) .. '1' .. (')'):rep(1000))()", "attempt to call a nil value");
    fails("return table.unpack({}, 1, 1e6)", "too many results to unpack");
}

#[test]
fn natives_that_call_natives_do_not_nest() {
    let count = if cfg!(feature = "stress") { 2000 } else { 300_000 };
    for source in [
        "return #(('x'):rep(N):gsub('x', string.upper))",
        "return #(('x'):rep(N):gsub('x', pcall))",
        "return #(('x'):rep(N):gsub('x', tostring))",
        "local t = {} for i = 1, N do t[i] = 'k' .. i end pcall(table.sort, t, rawequal) return #t",
        "for i = 1, N do setmetatable({}, { __gc = tostring }) end collectgarbage() return N",
        "return #table.concat(setmetatable({}, { __index = type, __len = function() return N end }))",
    ] {
        let source = source.replace('N', &count.to_string());
        let (run, results) = Machine::new().run(&source);
        assert_eq!(run, Run::Finished, "{source}: {results}");
    }
}

#[test]
fn natives_that_call_natives_are_preempted() {
    assert!(slices("local _ = ('x'):rep(10000):gsub('x', string.upper)", 1000).0 >= 9);
}

#[test]
fn a_machine_survives_errors_in_finalizers() {
    let mut machine = Machine::new();
    let (run, results) = machine.run(
        "for i = 1, 10 do setmetatable({}, { __gc = function() error('in finaliser') end }) end
        collectgarbage() collectgarbage() return 'alive'",
    );
    assert_eq!((run, results.as_str()), (Run::Finished, "alive"));
}

/// The verifier knows no types: an instruction that needs a table looks for itself.
#[test]
fn a_hostile_chunk_fills_no_list_that_is_none() {
    let mut chunk = perilune_compiler::compile(b"return { ... }", b"=test").expect("the chunk compiles");
    let new_table = chunk.main.code.iter().position(|i| i.op() == Op::NewTable).expect("there is a constructor");
    chunk.main.code[new_table] = Instruction::abc(Op::LoadTrue, chunk.main.code[new_table].a() as u8, 0, 0);
    verify(&chunk).expect("nothing else is wrong with it");
    let mut machine = Machine::new();
    let function = machine.state.enter(|call| {
        let function = call.load(&chunk, None).expect("there is memory");
        call.root(function)
    });
    let mut task = machine.state.task(&function, false).expect("there is memory");
    assert_eq!(machine.resume(&mut task, &[], u64::MAX), Run::Failed);
    assert_eq!(machine.results(), "test:1: attempt to index a boolean value");
}
