//! The kinds of cases: whole programs, damaged programs, patterns, formats, packing, numbers, library calls.

use super::program;
use super::random::Random;

/// A source, and whether it is only compiled: it might not end.
pub struct Case {
    pub source: Vec<u8>,
    pub compiled_only: bool,
}

/// A batch with some of each kind.
pub fn batch(random: &mut Random, count: usize) -> Vec<Case> {
    let kinds = [programs, programs, damaged, patterns, patterns, formats, packing, numerals, calls, calls];
    let make = |idx: usize| {
        let kind = idx % kinds.len();
        Case { source: kinds[kind](random), compiled_only: kind == 2 }
    };
    (0..count).map(make).collect()
}

fn programs(random: &mut Random) -> Vec<u8> {
    program::make(random).into_bytes()
}

/// A program with bytes removed, doubled, swapped or replaced: mostly for the messages of the compiler.
fn damaged(random: &mut Random) -> Vec<u8> {
    const PIECES: [&str; 41] = [
        "end", "(", ")", "[[", "]]", "--", "--[==[", "]==]", "\"", "'", "\\", "\\x", "\\u{", "\\z", "\\300", "::",
        "goto x", "<const>", "<close>", "=", "==", "~", "~=", "//", "..", "...", "0x", "1e", "0x.p1", "local",
        "return", "break", "function", "}", "{", ",", ";", "\0", "\r", "\n", "nil",
    ];
    let mut source = program::make(random).into_bytes();
    for _ in 0..1 + random.below(3) {
        let at = random.below(source.len().max(1)).min(source.len());
        match random.below(5) {
            0 => source.truncate(at),
            1 if at < source.len() => source[at] = random.next() as u8,
            2 => drop(source.splice(at..at, random.pick(&PIECES).bytes())),
            3 => {
                let end = (at + random.below(12)).min(source.len());
                source.drain(at..end);
            }
            _ => {
                let end = (at + random.below(20)).min(source.len());
                let piece = source[at..end].to_vec();
                source.splice(at..at, piece);
            }
        }
    }
    source
}

/// A string literal with any bytes.
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
    text + "\""
}

fn subject(random: &mut Random) -> Vec<u8> {
    const ALPHABET: &[u8] = b"aaabbbcAB01  .-+%()[]^$\n\0\xff_,";
    (0..random.below(14)).map(|_| ALPHABET[random.below(ALPHABET.len())]).collect()
}

fn pattern(random: &mut Random) -> Vec<u8> {
    const ITEMS: [&str; 42] = [
        "a",
        "b",
        ".",
        "%a",
        "%d",
        "%s",
        "%w",
        "%p",
        "%A",
        "%S",
        "%x",
        "%g",
        "%c",
        "%u",
        "%l",
        "%%",
        "%.",
        "[ab]",
        "[^a]",
        "[a-c]",
        "[%d_]",
        "[]]",
        "[^]]",
        "[%a-c]",
        "[a-",
        "[",
        "%b()",
        "%b",
        "%f[%w]",
        "%f[^%s]",
        "%f",
        "%1",
        "%2",
        "()",
        "^",
        "$",
        "%z",
        "\0",
        "[\0-\u{1}]",
        "%",
        "-",
        "]",
    ];
    let mut text = Vec::new();
    let mut open = 0;
    if random.one_in(5) {
        text.push(b'^');
    }
    for _ in 0..random.below(7) {
        match random.below(8) {
            0 => {
                text.push(b'(');
                open += 1;
            }
            1 if open > 0 => {
                text.push(b')');
                open -= 1;
            }
            _ => {
                text.extend_from_slice(random.pick(&ITEMS).as_bytes());
                if random.one_in(3) {
                    text.push(b"*+-?"[random.below(4)]);
                }
            }
        }
    }
    if !random.one_in(12) {
        text.extend(std::iter::repeat_n(b')', open));
    }
    if random.one_in(6) {
        text.push(b'$');
    }
    text
}

fn patterns(random: &mut Random) -> Vec<u8> {
    let (subject, pattern) = (quoted(&subject(random)), quoted(&pattern(random)));
    let init = random.below(20) as i64 - 9;
    match random.below(6) {
        0 => format!("return string.find({subject}, {pattern}, {init})"),
        1 => format!("return string.match({subject}, {pattern}, {init})"),
        2 => format!("for a, b, c in string.gmatch({subject}, {pattern}, {init}) do out(a, b, c) end"),
        3 => {
            const REPLACEMENTS: [&str; 10] = ["x", "%0", "%1", "<%1%2>", "%%", "%", "%9", "", "%0%0", "%a"];
            let replacement = quoted(random.pick(&REPLACEMENTS).as_bytes());
            let limit = if random.one_in(3) { format!(", {}", random.below(4) as i64 - 1) } else { String::new() };
            format!("return string.gsub({subject}, {pattern}, {replacement}{limit})")
        }
        4 => {
            const FUNCTIONS: [&str; 6] = [
                "{ a = 1, b = true, [''] = 'e', ab = {} }",
                "function(...) out(...) end",
                "function(a) return a end",
                "function(a, b) return b end",
                "function() return false end",
                "setmetatable({}, { __index = function(_, key) return key end })",
            ];
            format!("return string.gsub({subject}, {pattern}, {})", random.pick(&FUNCTIONS))
        }
        _ => format!("return string.find({subject}, {pattern}), ({subject}):match({pattern})"),
    }
    .into_bytes()
}

/// An argument of any type, most often a number.
fn value(random: &mut Random) -> String {
    const VALUES: [&str; 40] = [
        "0",
        "1",
        "-1",
        "7",
        "255",
        "-128",
        "65536",
        "2^31",
        "2^53",
        "2^63",
        "-2^63",
        "1e15",
        "1e16",
        "1e100",
        "-1e-5",
        "0.1",
        "1.5",
        "-0.0",
        "1/0",
        "-1/0",
        "0/0",
        "math.maxinteger",
        "math.mininteger",
        "3.0",
        "1e300 * 1e10",
        "5e-324",
        "'10'",
        "'0x10'",
        "'abc'",
        "''",
        "' 5 '",
        "'1e2'",
        "nil",
        "true",
        "false",
        "{}",
        "print",
        "'a\\0b'",
        "'\\200'",
        "123456.789",
    ];
    match random.below(4) {
        0 => (random.next() as i64).to_string(),
        1 => format!("{:?}", f64::from_bits(random.next())).replace("inf", "1/0").replace("NaN", "0/0"),
        _ => random.pick(&VALUES).to_owned(),
    }
}

fn formats(random: &mut Random) -> Vec<u8> {
    let mut format = String::new();
    let mut args = String::new();
    for _ in 0..1 + random.below(3) {
        format.push_str(random.pick(&["", "_", " ", "%%"]));
        format.push('%');
        for _ in 0..random.below(3) {
            format.push_str(random.pick(&["-", "+", " ", "#", "0"]));
        }
        if random.one_in(2) {
            format.push_str(&random.below(25).to_string());
        }
        if random.one_in(3) {
            format.push_str(&format!(".{}", random.below(25)));
        }
        if random.one_in(40) {
            format.push_str(random.pick(&["100", ".100", "*", "l", "h"]));
        }
        format.push_str(
            random.pick(&["d", "i", "u", "c", "x", "X", "o", "e", "E", "f", "F", "g", "G", "a", "A", "s", "q", "%"]),
        );
        if !random.one_in(30) {
            args.push_str(", ");
            args.push_str(&value(random));
        }
    }
    format!("return string.format({}{args})", quoted(format.as_bytes())).into_bytes()
}

fn packing(random: &mut Random) -> Vec<u8> {
    let mut format = String::new();
    let mut args = String::new();
    for _ in 0..1 + random.below(5) {
        match random.below(8) {
            0 => format.push_str(random.pick(&["<", ">", "=", "!", "!4", "!8", "!1", " ", "!3", "!17"])),
            1 => format.push_str(random.pick(&["x", "Xb", "Xi4", "X", "Xz"])),
            _ => {
                let option =
                    random.pick(&["b", "B", "h", "H", "i", "I", "l", "L", "j", "J", "T", "f", "d", "n", "s", "z", "c"]);
                format.push_str(option);
                if matches!(option, "i" | "I" | "s" | "c") && random.one_in(2) || option == "c" && !random.one_in(9) {
                    format.push_str(&random.below(18).to_string());
                }
                args.push_str(", ");
                args.push_str(&match random.below(3) {
                    0 => value(random),
                    1 => (random.below(300) as i64 - 100).to_string(),
                    _ if matches!(option, "s" | "z" | "c") => quoted(&subject(random)),
                    _ => random.below(100).to_string(),
                });
            }
        }
    }
    let quoted_format = quoted(format.as_bytes());
    match random.below(3) {
        0 => {
            let bytes: Vec<u8> = (0..random.below(24)).map(|_| random.next() as u8 % 5 * 63).collect();
            format!("return string.unpack({quoted_format}, {}, {})", quoted(&bytes), random.below(6) as i64 - 2)
        }
        1 => format!(
            "local s = string.pack({quoted_format}{args}) out(s) return string.packsize({quoted_format}), string.unpack({quoted_format}, s)"
        ),
        _ => format!("return string.pack({quoted_format}{args}), string.packsize({quoted_format})"),
    }
    .into_bytes()
}

fn numeral(random: &mut Random) -> String {
    let digits = |random: &mut Random, set: &str, max: usize| -> String {
        let set = set.as_bytes();
        (0..random.below(max)).map(|_| char::from(set[random.below(set.len())])).collect()
    };
    let (prefix, set, mark) =
        if random.one_in(3) { ("0x", "0123456789abcdefABCDEF", "p") } else { ("", "0123456789", "e") };
    let long = if random.one_in(6) { 40 } else { 8 };
    let mut text = format!("{prefix}{}", digits(random, set, long));
    if random.one_in(2) {
        text.push('.');
        text.push_str(&digits(random, set, long));
    }
    if random.one_in(3) {
        text.push_str(mark);
        text.push_str(random.pick(&["", "+", "-"]));
        text.push_str(&digits(random, "0123456789", 4));
    }
    if random.one_in(12) {
        text.push_str(random.pick(&["x", "_", "..", "n", "f", " ", "e", "p1"]));
    }
    text
}

fn numerals(random: &mut Random) -> Vec<u8> {
    let text = numeral(random);
    match random.below(5) {
        0 => format!("return {text}"),
        1 => format!("local x = {text} return x, -x, x // 1, string.format('%.14g %.17g %q', x, x, x), tostring(x)"),
        2 => {
            let padded =
                format!("{}{text}{}", random.pick(&["", " ", "\t-", "-", "+"]), random.pick(&["", " ", "\n", "z"]));
            format!("return tonumber({})", quoted(padded.as_bytes()))
        }
        3 => format!("return tonumber({}, {})", quoted(text.as_bytes()), random.below(40)),
        _ => format!("return {} + 0, math.tointeger({})", quoted(text.as_bytes()), quoted(text.as_bytes())),
    }
    .into_bytes()
}

/// A call of a library function with arguments that may or may not fit.
fn calls(random: &mut Random) -> Vec<u8> {
    const FUNCTIONS: [(&str, &str); 64] = [
        ("string.byte", "sii"),
        ("string.char", "bbb"),
        ("string.len", "s"),
        ("string.lower", "s"),
        ("string.upper", "s"),
        ("string.rep", "sis"),
        ("string.reverse", "s"),
        ("string.sub", "sii"),
        ("string.find", "ssib"),
        ("utf8.char", "bbi"),
        ("utf8.codepoint", "uiil"),
        ("utf8.len", "uiil"),
        ("utf8.offset", "uii"),
        ("table.concat", "tsii"),
        ("table.unpack", "tii"),
        ("table.pack", "vvv"),
        ("select", "ivvv"),
        ("math.abs", "v"),
        ("math.ceil", "v"),
        ("math.floor", "v"),
        ("math.fmod", "vv"),
        ("math.max", "vvv"),
        ("math.min", "vv"),
        ("math.modf", "v"),
        ("math.sqrt", "v"),
        ("math.tointeger", "v"),
        ("math.type", "v"),
        ("math.ult", "vv"),
        ("tonumber", "v"),
        ("tonumber", "si"),
        ("tostring", "v"),
        ("type", "v"),
        ("rawequal", "vv"),
        ("rawlen", "v"),
        ("rawget", "tv"),
        ("rawset", "tvv"),
        ("next", "v"),
        ("ipairs", "v"),
        ("assert", "vv"),
        ("error", "v"),
        ("pcall", "v"),
        ("setmetatable", "tv"),
        ("getmetatable", "v"),
        ("load", "s"),
        ("string.format", "svv"),
        ("coroutine.create", "v"),
        ("coroutine.status", "v"),
        ("coroutine.resume", "v"),
        ("coroutine.close", "v"),
        ("coroutine.wrap", "v"),
        ("math.exp", "v"),
        ("math.log", "vv"),
        ("string.dump", "v"),
        ("math.pow", "vv"),
        ("math.ldexp", "vi"),
        ("math.frexp", "v"),
        ("math.log10", "v"),
        ("xpcall", "vv"),
        ("utf8.codes", "u"),
        ("string.gsub", "sss"),
        ("string.pack", "sv"),
        ("string.unpack", "ssi"),
        ("string.packsize", "s"),
        ("math.cosh", "v"),
    ];
    match random.below(6) {
        0 => return table_edit(random),
        1 => return codes(random),
        2 => return sorting(random),
        _ => {}
    }
    let (name, shape) = FUNCTIONS[random.below(FUNCTIONS.len())];
    let count = if random.one_in(4) { random.below(shape.len() + 2) } else { shape.len() };
    let args: Vec<String> = (0..count)
        .map(|idx| match if random.one_in(12) { b'v' } else { *shape.as_bytes().get(idx).unwrap_or(&b'v') } {
            b's' => quoted(&subject(random)),
            b'u' => utf8(random),
            b'i' => (random.below(14) as i64 - 5).to_string(),
            b'b' => random.below(300).to_string(),
            b'l' => random.pick(&["true", "false", "nil"]).to_owned(),
            b't' => list(random),
            _ => value(random),
        })
        .collect();
    format!("return {name}({})", args.join(", ")).into_bytes()
}

fn utf8(random: &mut Random) -> String {
    const PIECES: [&[u8]; 12] = [
        b"a",
        b"\xc3\xa9",
        b"\xe2\x82\xac",
        b"\xf0\x9f\x98\x80",
        b"\x80",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
        b"\xfd\xbf\xbf\xbf\xbf\xbf",
        b"\xe2\x82",
        b"\0",
    ];
    let bytes: Vec<u8> = (0..random.below(6)).flat_map(|_| PIECES[random.below(PIECES.len())].to_vec()).collect();
    quoted(&bytes)
}

fn codes(random: &mut Random) -> Vec<u8> {
    let lax = random.pick(&["", ", true"]);
    format!("for p, c in utf8.codes({}{lax}) do out(p, c) end", utf8(random)).into_bytes()
}

/// A list without holes.
fn list(random: &mut Random) -> String {
    let items: Vec<String> =
        (0..random.below(6)).map(|_| random.pick(&["1", "2.5", "'x'", "-3", "'10'"]).to_owned()).collect();
    format!("{{{}}}", items.join(", "))
}

fn table_edit(random: &mut Random) -> Vec<u8> {
    let mut text = format!("local t = {} ", list(random));
    for _ in 0..1 + random.below(3) {
        let position = random.below(8) as i64 - 1;
        text.push_str(&match random.below(3) {
            0 => format!("table.insert(t, {position}, 'i') "),
            1 => "table.insert(t, 'e') ".to_owned(),
            _ => format!("out(table.remove(t, {position})) "),
        });
    }
    if random.one_in(3) {
        // Last, since it may leave holes.
        let (first, last, to) = (random.below(4) as i64 - 1, random.below(5), random.below(8) as i64 - 1);
        text.push_str(&format!("table.move(t, {first}, {last}, {to}) "));
    }
    text.push_str("for i = -2, 9 do out(i, t[i]) end");
    text.into_bytes()
}

fn sorting(random: &mut Random) -> Vec<u8> {
    const ORDERS: [&str; 7] = [
        "",
        ", function(a, b) return a > b end",
        ", function(a, b) return tostring(a) < tostring(b) end",
        ", function(a, b) return true end",
        ", function(a, b) error('order') end",
        ", function(a, b) return a.x < b.x end",
        ", 5",
    ];
    let items: Vec<String> = (0..random.below(12)).map(|_| (random.below(20) as i64 - 8).to_string()).collect();
    let odd = random.pick(&["", "", "", ", 'x'", ", 1.5", ", {}"]);
    let order = random.pick(&ORDERS);
    format!("local t = {{1, {}{odd}}} table.sort(t{order}) out(table.unpack(t))", items.join(", ")).into_bytes()
}
