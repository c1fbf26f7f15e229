//! `cargo bench -p perilune-stdlib`: what single parts of the virtual machine cost, each some thousand times a round.
//!
//! For looking into a change; whole programs against other machines are `cargo xtask bench`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use perilune_stdlib::Lua;
use std::hint::black_box;

/// Rounds of each loop below.
const ROUNDS: u64 = 10_000;

/// A part: its name, what is prepared, and the body of a loop over `i`.
const PARTS: [(&str, &str, &str); 22] = [
    ("empty loop", "", ""),
    ("integer arithmetic", "local x = 1", "x = x * 31 + i & 0xffff"),
    ("float arithmetic", "local x = 1.0", "x = x * 0.5 + 1.25"),
    ("mixed arithmetic", "local x = 1.0", "x = (x + i) * 2"),
    ("field read", "local t = {a = 1, b = 2} local x", "x = t.b"),
    ("field write", "local t = {a = 1, b = 2}", "t.b = i"),
    ("array read", "local t = {1, 2, 3, 4} local x", "x = t[(i & 3) + 1]"),
    ("array append", "local t = {}", "t[i] = i"),
    ("hashed integer key", "local t = {[1 << 40] = 1} local x", "x = t[1 << 40]"),
    ("computed string key", "local t, k = {ab = 1}, {'a', 'b'} local x", "x = t[k[1] .. k[2]]"),
    ("Lua call", "local function f(a) return a end local x", "x = f(i)"),
    ("native call", "local f = math.abs local x", "x = f(i)"),
    ("method through a class", "local C = {} C.__index = C function C.m() end local o = setmetatable({}, C)", "o:m()"),
    ("method of a string", "local s, x = 'text'", "x = s:len()"),
    ("metamethod", "local m = {__add = function(a) return a end} local o = setmetatable({}, m)", "o = o + i"),
    ("closure", "local x", "x = function() return i end"),
    ("varargs", "local function f(...) return ... end local x", "x = f(i, 2, 3)"),
    ("pcall and error", "local x", "x = pcall(error, i)"),
    ("resume and yield", "local w = coroutine.wrap(function() while true do coroutine.yield() end end)", "w()"),
    ("new coroutine", "local f = function() end", "coroutine.wrap(f)()"),
    ("new table of two fields", "local x", "x = {a = i, b = 2}"),
    ("short string", "local x", "x = 'item ' .. i"),
];

fn loops(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loop");
    group.throughput(Throughput::Elements(ROUNDS)).sample_size(30);
    for (name, before, body) in PARTS {
        let mut lua = Lua::new().expect("there is memory");
        let source = format!("{before} for i = 1, {ROUNDS} do {body} end");
        let function = lua.load(&source, "=part").expect("it compiles");
        group.bench_function(name, |bencher| bencher.iter(|| lua.call(&function, []).expect("it runs")));
    }
    group.finish();
}

fn compiler(criterion: &mut Criterion) {
    let source = "local t = { a = 1, [2] = 'x' } if t.a < 2 and t then t.b = f(t, 'y') .. 1 end\n".repeat(500);
    let mut group = criterion.benchmark_group("compile");
    group.throughput(Throughput::Bytes(source.len() as u64)).sample_size(30);
    // Local variables end with their block.
    let source = source.replace("local t", "do local t").replace("end\n", "end end\n");
    group.bench_function("statements", |bencher| {
        bencher.iter(|| perilune_compiler::compile(black_box(source.as_bytes()), b"=source").expect("it compiles"));
    });
    group.finish();
}

fn collector(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("collect");
    group.sample_size(20);
    for (name, source) in [
        ("100,000 tables alive", "kept = {} for i = 1, 100000 do kept[i] = {i} end"),
        ("100,000 tables dead", "for i = 1, 100000 do local _ = {i} end"),
    ] {
        let prepared = || {
            let mut lua = Lua::new().expect("there is memory");
            lua.run("collectgarbage('stop')").expect("it runs");
            lua.run(source).expect("it runs");
            lua
        };
        let collect = |mut lua: Lua| {
            lua.run("collectgarbage()").expect("it runs");
            lua
        };
        group.bench_function(name, |bencher| bencher.iter_batched(prepared, collect, BatchSize::LargeInput));
    }
    group.finish();
}

fn start(criterion: &mut Criterion) {
    criterion.bench_function("a machine with all libraries", |bencher| bencher.iter(Lua::new));
}

criterion_group!(parts, loops, compiler, collector, start);
criterion_main!(parts);
