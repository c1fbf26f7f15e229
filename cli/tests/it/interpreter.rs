//! The stand-alone interpreter's options and prompt, side by side with the reference's.

use crate::reference::{both, both_with};
use std::path::Path;

/// `os.exit` from a coroutine: the main program's variables are closed, one of them with an error.
const CLOSING_EXIT: &str = "
local function on_close(f) return setmetatable({}, { __close = f }) end
local a <close> = on_close(function(_, e) print('closed a', e) end)
kept = setmetatable({}, { __gc = function() print('finalised') end })
pcall(function()
  local b <close> = on_close(function(_, e) print('closed b', e) error('late') end)
  local c <close> = on_close(function(_, e) print('closed c', e) coroutine.close(coroutine.create(print)) end)
  coroutine.wrap(function()
    local d <close> = on_close(function() print('not closed') end)
    os.exit(3, true)
  end)()
end)
print('not reached')";

#[test]
fn options_do_the_same() {
    let differing: Vec<String> = [
        &["-e", "x=1 print(x)"][..],
        &["-eprint(2)"],
        &["-lmath", "-e", "print(math.pi)"],
        &["-l", "m=math", "-e", "print(m.pi)"],
        &["-l", "no.such.module"],
        &["-e", "print(...)"],
        &["-e", "error('x')"],
        &["-e", "error({})"],
        &["-e", "x = = 1"],
        &["-e", "os.exit(3)"],
        &["-e", "os.exit(true, true)"],
        &["-e", "io.write('no newline')"],
        &["-E", "-e", "print(package.path)"],
        &["-W", "-e", "warn('x')"],
        &["-e", "warn('x')"],
        &["-e", "warn('@on') warn('a', 'b') warn('@off') warn('c')"],
        &["-e", "warn('@on') setmetatable({}, { __gc = function() error('gc', 0) end }) collectgarbage()"],
        &["-e", "print(arg[1], arg[2], #arg)"],
        &["-", "a", "b"],
        &["/no/such/file"],
        &["/"],
    ]
    .into_iter()
    .filter_map(|args| {
        let (ours, theirs) = both(Path::new("."), args, b"print('stdin', ...)");
        (ours != theirs).then(|| format!("{args:?}\n=== here: {ours:?}\n=== reference: {theirs:?}"))
    })
    .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn the_prompt_answers_the_same() {
    let input =
        b"x = 5\nx\nfor i = 1, 2 do\nprint(i)\nend\nerror('e')\n1, nil, 'two'\nx = 'a' ..\n'b'\nx\nlocal y = 1\ny\nx = = 2\n";
    // The first line is the interpreter's name.
    let (mut ours, mut theirs) = both(Path::new("."), &["-i"], input);
    ours.drop_first_line();
    theirs.drop_first_line();
    assert_eq!(ours, theirs);
}

#[test]
fn the_environment_does_the_same() {
    let folder = tempfile::tempdir().expect("there is room for a file");
    std::fs::write(folder.path().join("init.lua"), "x = 'from the file' print(..., #arg)")
        .expect("a file can be written");
    std::fs::write(folder.path().join("mod.lua"), "return { name = ..., where = select(2, ...) }").expect("as above");
    std::fs::write(
        folder.path().join("args.lua"),
        "for i = -9, 9 do if arg[i] then print(i, (arg[i]:match('[^/]*$'))) end end print(...)",
    )
    .expect("as above");
    std::fs::write(folder.path().join("shebang.lua"), "#!/usr/bin/lua\nerror('line 2')").expect("as above");
    const PRINT_X: &[&str] = &["-e", "print(x, package.path)"];
    /// Arguments, and variables in the environment.
    type Case = (&'static [&'static str], &'static [(&'static str, &'static str)]);
    let cases: &[Case] = &[
        (PRINT_X, &[("LUA_INIT", "x = 1")]),
        (PRINT_X, &[("LUA_INIT", "x = 1"), ("LUA_INIT_5_4", "x = 2")]),
        (PRINT_X, &[("LUA_INIT", "@init.lua")]),
        (PRINT_X, &[("LUA_INIT", "@missing.lua")]),
        (PRINT_X, &[("LUA_INIT", "error('in init')")]),
        (PRINT_X, &[("LUA_INIT", "x = = 1")]),
        (PRINT_X, &[("LUA_PATH", "./?.x;;")]),
        (PRINT_X, &[("LUA_PATH", "./?.x"), ("LUA_PATH_5_4", "./?.y")]),
        (&["-E", "-e", "print(x, package.path, package.cpath)"], &[("LUA_INIT", "x = 1"), ("LUA_PATH", "./?.x")]),
        (&["-l", "mod", "-e", "print(mod.name, mod.where)"], &[]),
        (&["-l", "short=mod", "-e", "print(short.name, mod)"], &[]),
        (&["-lmod", "args.lua", "a", "b"], &[]),
        (&["-e", "", "args.lua", "-x", "--", "c"], &[]),
        (&["--", "args.lua"], &[]),
        (&["args.lua"], &[]),
        (&["-W", "-e", "warn('w')", "args.lua", "1"], &[]),
        (&["shebang.lua"], &[]),
        (&["-e", "print(1)", "-e", "print(2)", "-e", "error('three')", "-e", "print(4)"], &[]),
        (&["-e", "local t = setmetatable({}, { __tostring = function() return 'text' end }) error(t)"], &[]),
        (&["-e", "error(setmetatable({}, { __tostring = function() return 5 end }))"], &[]),
        (&["-e", "error()"], &[]),
        (&["-e", "error(nil)"], &[]),
        (&["-e", "error(5)"], &[]),
        (&["-e", "os.exit(false)"], &[]),
        (&["-e", "os.exit(7, true)"], &[]),
        (&["-e", CLOSING_EXIT], &[]),
        (&["-e", "setmetatable({}, { __gc = function() print('closed') end })"], &[]),
        (&["-e", "io.stdout:setvbuf('full') io.write('kept')"], &[]),
        (&["-e", "print(#arg, arg[0])", "-", "q"], &[]),
    ];
    let differing: Vec<String> = cases
        .iter()
        .filter_map(|(args, variables)| {
            let (ours, theirs) = both_with(folder.path(), args, variables, b"print('stdin', ...)");
            (ours != theirs).then(|| format!("{args:?} {variables:?}\n=== here: {ours:?}\n=== reference: {theirs:?}"))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn prompts_are_the_programs_own() {
    let input = b"_PROMPT = 'p: '\n_PROMPT2 = setmetatable({}, { __tostring = function() return 'q: ' end })\nreturn (\n5)\n_PROMPT = nil\n= 1\n";
    let (mut ours, mut theirs) = both(Path::new("."), &["-i"], input);
    ours.drop_first_line();
    theirs.drop_first_line();
    assert_eq!(ours, theirs);
}
