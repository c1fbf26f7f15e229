//! The stand-alone interpreter's options and prompt, side by side with the reference's.

use crate::reference::both;
use std::path::Path;

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
