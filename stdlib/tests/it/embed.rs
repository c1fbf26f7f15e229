//! The machine for embedders: limits, errors, and handles that outlive what they came from.

use perilune_stdlib::{Error, Lua, Owned, Resumed};

fn run(lua: &mut Lua, source: &str) -> String {
    match lua.run(source) {
        Ok(results) => results.iter().map(Owned::to_string).collect::<Vec<_>>().join(" "),
        Err(error) => format!("! {error}"),
    }
}

#[test]
fn limits_stop_what_would_not_end() {
    let mut lua = Lua::new().unwrap();
    lua.set_memory_limit(8 << 20);
    lua.set_instruction_limit(Some(20_000_000));
    for (source, expected) in [
        ("return #('x'):rep(1e9)", "! not enough memory"),
        ("local s = 'x' while true do s = s .. s end", "! not enough memory"),
        ("local s = 'x' for i = 1, 100 do s = s:rep(10) end", "! not enough memory"),
        ("local t = {} for i = 1, 1e9 do t[i] = {} end", "! not enough memory"),
        ("local t = {} while true do t[#t + 1] = #t end", "! not enough memory"),
        ("local t = {} while true do t = { t } end", "! not enough memory"),
        ("while true do pcall(error) end", "! the program used more than its limit of instructions"),
        ("repeat until pcall(error)", "! the program used more than its limit of instructions"),
        ("return ('a'):rep(1e5):find(('a?'):rep(150) .. ('b'):rep(150))", "! "),
        ("return table.concat(setmetatable({}, { __len = function() return 1e9 end }))", "! "),
        ("local function f() return f() end f()", "! the program used more than its limit of instructions"),
        ("return load(('('):rep(1e5))", "nil"),
        ("return load(('{'):rep(1e5))", "nil"),
        ("return ('a'):match(('('):rep(1000))", "! "),
        ("return ('x'):rep(1000):match(('.-'):rep(1000) .. 'y')", "! "),
        ("table.unpack({}, 1, 1e8)", "! "),
        ("return string.format('%99.99f', 1e308):len()", "409"),
        ("table.move({}, 1, 1e9, 2)", "! the program used more than its limit"),
        ("return load(function() return 'x = 1 ' end)", "nil"),
        ("return #table.concat(setmetatable({}, { __index = function() return 'x' end }), '', 1, 1e9)", "! "),
        ("return string.rep('', 1e9)", ""),
        ("return #string.rep('x', 1e6, 'y')", "1999999"),
        ("table.insert(setmetatable({}, { __len = function() return 1e9 end }), 1, 'x')", "! the program"),
        ("return select('#', string.byte(('x'):rep(1e6), 1, -1))", "! "),
        ("return ('%s'):rep(1e5):format(1)", "! "),
        ("return utf8.len(('x'):rep(4e6))", "4000000"),
        ("return #string.pack(('i16'):rep(1000), 1)", "! "),
        ("local s = ('x'):rep(1e6) while true do s = s:upper() .. '' end", "! the program used more than its limit"),
        ("local s = ('x'):rep(1e6) while true do s:reverse() s:byte(-1) s:lower() end", "! the program used more"),
        ("local s = ('x'):rep(1e6) .. 'y' while true do s:find('y', 1, true) s:find('[y]') end", "! the program"),
        ("coroutine.wrap(function() while true do end end)()", "! the program used more than its limit"),
        ("local t = setmetatable({}, { __gc = function() while true do end end }) t = nil collectgarbage()", "! "),
        ("return 1", "1"),
    ] {
        let found = run(&mut lua, source);
        assert!(found.starts_with(expected), "{source}: {found}");
    }
    assert!(lua.memory_bytes() < 8 << 20);
}

#[test]
fn errors_carry_their_value_and_a_traceback() {
    let mut lua = Lua::new().unwrap();
    let Error::Runtime { value, traceback } = lua.run("local function f() error({ code = 7 }) end f()").unwrap_err()
    else {
        panic!("the error is the program's");
    };
    let Owned::Object(object) = value else { panic!("the value is a table") };
    assert_eq!(lua.get(&object, "code").unwrap(), Owned::from(7));
    let text = String::from_utf8(traceback).unwrap();
    assert!(text.contains("in local 'f'") && text.contains("in main chunk"), "{text}");
    assert!(matches!(lua.run("x = = 1").unwrap_err(), Error::Syntax { .. }));
    let table = lua.table().unwrap();
    assert!(lua.set(&table, Owned::Nil, 1).unwrap_err().to_string().contains("table index is nil"));
    assert!(lua.call(&table, []).unwrap_err().to_string().contains("attempt to call a table value"));
}

#[test]
fn handles_keep_their_objects() {
    let mut lua = Lua::new().unwrap();
    let handles: Vec<Owned> = (0..100).map(|_| lua.run("return {}").unwrap().remove(0)).collect();
    lua.run("collectgarbage() for i = 1, 1000 do local t = { i } end collectgarbage()").unwrap();
    for (idx, handle) in handles.iter().enumerate() {
        let Owned::Object(object) = handle else { panic!("it is a table") };
        lua.set(object, "idx", idx as i64).unwrap();
    }
    for (idx, handle) in handles.iter().enumerate() {
        let Owned::Object(object) = handle else { panic!("it is a table") };
        assert_eq!(lua.get(object, "idx").unwrap(), Owned::from(idx as i64));
    }
}

#[test]
fn a_closure_is_dropped_with_its_function() {
    let mut lua = Lua::new().unwrap();
    let shared = std::rc::Rc::new(());
    let kept = std::rc::Rc::clone(&shared);
    let function = lua
        .function(move |call| {
            let _ = &kept;
            call.ret0()
        })
        .unwrap();
    lua.call(&function, []).unwrap();
    drop(function);
    lua.run("collectgarbage() collectgarbage()").unwrap();
    assert_eq!(std::rc::Rc::strong_count(&shared), 1);
}

#[test]
fn an_interrupted_call_leaves_the_machine_usable() {
    let mut lua = Lua::new().unwrap();
    lua.set_instruction_limit(Some(1000));
    for _ in 0..3 {
        let source = "local up = 5
            keep = keep or function() up = up + 1 return up end
            string.gsub(('x'):rep(1e6), '.', function() local t <close> = setmetatable({}, { __close = print }) end)";
        assert!(matches!(lua.run(source), Err(Error::InstructionLimit)));
    }
    assert_eq!(run(&mut lua, "collectgarbage() return keep(), keep()"), "6 7");
    let body = lua.load("coroutine.wrap(function() while true do end end)()", "=body").unwrap();
    let mut thread = lua.thread(&body).unwrap();
    assert!(matches!(lua.resume(&mut thread, []), Err(Error::InstructionLimit)));
    assert!(lua.resume(&mut thread, []).is_err());
}

#[test]
fn a_native_parks_a_thread_and_not_a_call() {
    let mut lua = Lua::new().unwrap();
    let park = lua.function(|call| call.park()).unwrap();
    lua.set_global("park", park).unwrap();
    assert!(run(&mut lua, "park()").starts_with("! attempt to park outside a thread"));
    let body = lua.load("return park() + 1", "=body").unwrap();
    let mut thread = lua.thread(&body).unwrap();
    assert_eq!(lua.resume(&mut thread, []).unwrap(), Resumed::Parked);
    let finished = Resumed::Finished(vec![Owned::from(42)]);
    assert_eq!(lua.resume(&mut thread, [Owned::from(41)]).unwrap(), finished);
}

#[test]
fn an_interrupted_finaliser_does_not_stop_the_others() {
    let mut lua = Lua::new().unwrap();
    lua.set_instruction_limit(Some(10_000));
    let endless = "setmetatable({}, { __gc = function() while true do end end }) collectgarbage()";
    assert!(matches!(lua.run(endless), Err(Error::InstructionLimit)));
    let other = "setmetatable({}, { __gc = function() ran = true end }) collectgarbage() return ran";
    assert_eq!(run(&mut lua, other), "true");
}
