//! A native parks the whole task wherever it is called from, and the results come in when the task goes on.

use crate::support::{Literal, Machine};
use perilune_vm::Run;

/// Runs a chunk, answering each parking with the next value; the results at the end.
fn check(source: &str, answers: Vec<Literal>, expected: &str) {
    let mut machine = Machine::new();
    let mut task = machine.task(source);
    let mut run = machine.resume(&mut task, &[], u64::MAX);
    for answer in answers {
        assert_eq!(run, Run::Parked, "{}", machine.results());
        // Nothing parked may be lost to a collection, nor hinder another task.
        assert_eq!(machine.run("collectgarbage() return #string.rep('x', 100)"), (Run::Finished, "100".to_owned()));
        run = machine.resume(&mut task, &[answer], u64::MAX);
    }
    assert_eq!((run, machine.results().as_str()), (Run::Finished, expected));
}

#[test]
fn in_a_gsub_callback() {
    check(
        "local s, n = ('a-b-c'):gsub('%a', function(c) return c .. park(c) end) return s, n",
        vec![Literal::Integer(1), Literal::Text("two"), Literal::Integer(3)],
        "a1-btwo-c3 3",
    );
}

#[test]
fn in_a_sort_comparator() {
    check(
        "local t = { 2, 1 } table.sort(t, function(a, b) return park(a, b) end) return t[1], t[2]",
        vec![Literal::Boolean(true)],
        "1 2",
    );
    check(
        "local t = { 3, 1, 2 } table.sort(t, function(a, b) park() return a < b end) return table.concat(t, ',')",
        vec![Literal::Integer(0), Literal::Integer(0)],
        "1,2,3",
    );
}

#[test]
fn in_metamethods() {
    check(
        "local t = setmetatable({}, {
            __index = function(_, k) return park(k) end,
            __add = function() return park() end,
            __lt = function() return park() end,
            __concat = function() return park() end,
            __call = function(_, x) return park(x) end,
        })
        local list = { t.x, t + 1, t < t, 'a' .. t .. 'b' .. t, t(5) }
        return table.unpack(list)",
        vec![
            Literal::Text("index"),
            Literal::Text("add"),
            Literal::Boolean(true),
            Literal::Text("first"),
            Literal::Text("second"),
            Literal::Text("call"),
        ],
        "index add true asecond call",
    );
}

#[test]
fn in_two_nested_coroutines() {
    check(
        "local inner = coroutine.wrap(function(x)
            local got = park(x)
            coroutine.yield(got * 2)
            return park() + 1
        end)
        local outer = coroutine.create(function()
            local first = inner(10)
            coroutine.yield(first)
            return inner()
        end)
        local a, b = coroutine.resume(outer)
        local status = coroutine.status(outer)
        local c, d = coroutine.resume(outer)
        return a, b, status, c, d, coroutine.status(outer)",
        vec![Literal::Integer(21), Literal::Integer(6)],
        "true 42 suspended true 7 dead",
    );
}

#[test]
fn in_protected_calls_iterators_and_closers() {
    check(
        "local log = {}
        local ok, e = pcall(function()
            local guard <close> = setmetatable({}, { __close = function(_, e) log[#log + 1] = park() .. tostring(e) end })
            for value in function(_, last) if not last then return park() end end do log[#log + 1] = value end
            error('failed', 0)
        end)
        return ok, e, table.concat(log, ',')",
        vec![Literal::Text("iterated"), Literal::Text("closed ")],
        "false failed iterated,closed failed",
    );
    check(
        "return xpcall(function() local t = nil; return t.x end, function(m) return park(m) end)",
        vec![Literal::Text("handled")],
        "false handled",
    );
}

#[test]
fn a_parked_task_may_be_dropped() {
    let mut machine = Machine::new();
    for _ in 0..100 {
        let mut task = machine.task("local t = {} ; ('x'):gsub('x', function() t[1] = park() end)");
        assert_eq!(machine.resume(&mut task, &[], u64::MAX), Run::Parked);
    }
    let (run, results) = machine.run("collectgarbage() collectgarbage() return collectgarbage('count') < 300");
    assert_eq!((run, results.as_str()), (Run::Finished, "true"));
}

#[test]
fn tasks_interleave() {
    let mut machine = Machine::new();
    let mut tasks: Vec<_> =
        (0..50).map(|n| machine.task(&format!("local s = {n} for i = 1, 3 do s = s + park() end return s"))).collect();
    for task in &mut tasks {
        assert_eq!(machine.resume(task, &[], u64::MAX), Run::Parked);
    }
    for round in 1..=3 {
        for (n, task) in tasks.iter_mut().enumerate().rev() {
            let run = machine.resume(task, &[Literal::Integer(round)], u64::MAX);
            if round < 3 {
                assert_eq!(run, Run::Parked);
            } else {
                assert_eq!((run, machine.results()), (Run::Finished, (n as i64 + 6).to_string()));
            }
        }
    }
}

#[test]
fn a_preempted_task_keeps_its_registers() {
    let mut machine = Machine::new();
    let mut task = machine.task(
        "local a, n = {}, 0
        for i = 1, 3000 do
            local c, d, e = { i }, i .. 'y', { 'z' .. i }
            if c[1] ~= i or d ~= i .. 'y' or e[1] ~= 'z' .. i then return 'lost' end
            n = n + 1
            a[n] = d
            while n % 2 == 0 and c[1] == i do c = { { d } } end
            if a[n] ~= d then return 'lost' end
        end
        return #a",
    );
    let mut runs = 0;
    let mut run = machine.resume(&mut task, &[], 7);
    while run == Run::Preempted {
        runs += 1;
        if runs % 50 == 0 {
            machine.run("collectgarbage() local t = {} for i = 1, 100 do t[i] = { i } end");
        }
        run = machine.resume(&mut task, &[], 7);
    }
    assert_eq!((run, machine.results().split(' ').next()), (Run::Finished, Some("3000")));
}

#[test]
fn scripts_cannot_touch_a_suspended_task() {
    let mut machine = Machine::new();
    let mut task = machine.task("mine = coroutine.running() local x = park() return x");
    assert_eq!(machine.resume(&mut task, &[], u64::MAX), Run::Parked);
    let (run, results) = machine.run(
        "local a, b = coroutine.resume(mine, 1)
        local c, d = pcall(coroutine.close, mine)
        debug.traceback(mine)
        return coroutine.status(mine), a, b, c, d",
    );
    let expected = "suspended false cannot resume non-suspended coroutine false cannot close a normal coroutine";
    assert_eq!((run, results.as_str()), (Run::Finished, expected));
    assert_eq!(machine.resume(&mut task, &[Literal::Integer(7)], u64::MAX), Run::Finished);
    assert_eq!(machine.results(), "7");
}
