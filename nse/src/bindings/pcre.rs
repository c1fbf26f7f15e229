//! The library `pcre`, for scripts of older times: PCRE 8 as Nmap bound it.
//!
//! The work is done by [`perilune_scan::regex`]. A match that takes too many steps is none, as with the limit of PCRE.

use perilune_scan::regex::{Flags, Groups, Regex};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Step, Table, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

const NAME: &[u8] = b"pcre_regex_handle";
/// Locales in which letters are those of ASCII.
const LOCALES: [&[u8]; 3] = [b"", b"C", b"POSIX"];

/// Options by name. Those of compiling and of matching share the numbers.
const FLAGS: [(&str, i64); 27] = [
    ("CASELESS", CASELESS),
    ("MULTILINE", MULTILINE),
    ("DOTALL", DOTALL),
    ("EXTENDED", EXTENDED),
    ("ANCHORED", ANCHORED),
    ("DOLLAR_ENDONLY", DOLLAR_ENDONLY),
    ("EXTRA", 0x40),
    ("NOTBOL", NOTBOL),
    ("NOTEOL", NOTEOL),
    ("UNGREEDY", UNGREEDY),
    ("NOTEMPTY", NOTEMPTY),
    ("UTF8", 0x800),
    ("NO_AUTO_CAPTURE", NO_AUTO_CAPTURE),
    ("NO_UTF8_CHECK", 0x2000),
    ("AUTO_CALLOUT", 0x4000),
    ("PARTIAL", 0x8000),
    ("DFA_SHORTEST", 0x10000),
    ("DFA_RESTART", 0x20000),
    ("FIRSTLINE", 0x40000),
    ("DUPNAMES", 0x80000),
    ("NEWLINE_CR", 0x10_0000),
    ("NEWLINE_LF", NEWLINE_LF),
    ("NEWLINE_CRLF", 0x30_0000),
    ("NEWLINE_ANY", 0x40_0000),
    ("NEWLINE_ANYCRLF", 0x50_0000),
    ("BSR_ANYCRLF", 0x80_0000),
    ("BSR_UNICODE", BSR_UNICODE),
];
const CASELESS: i64 = 0x1;
const MULTILINE: i64 = 0x2;
const DOTALL: i64 = 0x4;
const EXTENDED: i64 = 0x8;
const ANCHORED: i64 = 0x10;
const DOLLAR_ENDONLY: i64 = 0x20;
const NOTBOL: i64 = 0x80;
const NOTEOL: i64 = 0x100;
const UNGREEDY: i64 = 0x200;
const NOTEMPTY: i64 = 0x400;
const NO_AUTO_CAPTURE: i64 = 0x1000;
const NEWLINE_LF: i64 = 0x20_0000;
const BSR_UNICODE: i64 = 0x100_0000;
/// What can be asked for when a pattern is compiled.
const COMPILE_FLAGS: i64 = CASELESS
    | MULTILINE
    | DOTALL
    | EXTENDED
    | ANCHORED
    | DOLLAR_ENDONLY
    | UNGREEDY
    | NO_AUTO_CAPTURE
    | NEWLINE_LF
    | BSR_UNICODE;
/// What can be asked for when it is matched.
const MATCH_FLAGS: i64 = ANCHORED | NOTBOL | NOTEOL | NOTEMPTY;

/// What a regex's userdata owns.
struct Handle {
    pattern: Vec<u8>,
    flags: i64,
    /// The pattern compiled for options of matching, as far as they were asked for.
    compiled: RefCell<HashMap<i64, Option<Rc<Regex>>>>,
}

fn flags_of(bits: i64) -> Flags {
    let has = |flag: i64| bits & flag != 0;
    Flags {
        case_insensitive: has(CASELESS),
        multi_line: has(MULTILINE),
        dot_all: has(DOTALL),
        extended: has(EXTENDED),
        ungreedy: has(UNGREEDY),
        dollar_end_only: has(DOLLAR_ENDONLY),
        no_auto_capture: has(NO_AUTO_CAPTURE),
        anchored: has(ANCHORED),
        not_bol: has(NOTBOL),
        not_eol: has(NOTEOL),
        not_empty: has(NOTEMPTY),
    }
}

impl Handle {
    /// The pattern for options of matching; `None` for options that are not supported.
    fn regex(&self, bits: i64) -> Option<Rc<Regex>> {
        if bits & !MATCH_FLAGS != 0 {
            return None;
        }
        let mut compiled = self.compiled.borrow_mut();
        let compile = || Regex::new(&self.pattern, flags_of(self.flags | bits)).ok().map(Rc::new);
        compiled.entry(bits).or_insert_with(compile).clone()
    }
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let (library, metatable, methods) = (call.table(0, 3)?, call.table(0, 3)?, call.table(0, 5)?);
    let tostring: NativeFn = |call| {
        handle(call)?;
        let value = call.arg(1);
        let text = call.try_text(value)?.unwrap_or(Value::NIL);
        call.ret1(text)
    };
    let finalize: NativeFn = |call| call.ret0();
    let functions: [(&str, NativeFn); 5] = [
        ("__gc", finalize),
        ("__tostring", tostring),
        ("exec", |call| find_once(call, true)),
        ("gmatch", gmatch),
        ("match", |call| find_once(call, false)),
    ];
    for (name, function) in functions {
        methods.set_str(call, name.as_bytes(), Value::native(function))?;
    }
    metatable.set_str(call, b"__index", methods.into())?;
    let name = call.string(NAME)?;
    metatable.set_str(call, b"__name", name)?;
    let functions: [(&str, NativeFn); 3] = [
        ("flags", flags),
        ("new", new),
        ("version", |call| {
            let version = call.string(b"8.39 2016-06-14")?;
            call.ret1(version)
        }),
    ];
    for (name, function) in functions {
        let function = call.closure(function, &[metatable.into()])?;
        library.set_str(call, name.as_bytes(), function)?;
    }
    Ok(library)
}

/// `pcre.flags() -> table` of numbers by name.
fn flags(call: &mut Call<'_>) -> NativeResult {
    let table = call.table(0, FLAGS.len())?;
    for (name, value) in FLAGS {
        table.set_str(call, name.as_bytes(), Value::integer(value))?;
    }
    call.ret1(Value::from(table))
}

/// `pcre.new(pattern, flags, locale) -> regex`. The pattern ends at its first zero byte.
/// Errors: `… (pattern offset: …)`, `PCRE compilation failed` without a locale, `cannot set locale`.
fn new(call: &mut Call<'_>) -> NativeResult {
    let pattern = call.check_string(1)?.as_bytes();
    let bits = call.check_integer(2)?;
    let Some(locale) = call.opt_string(3)? else { return Err(call.error("PCRE compilation failed")) };
    if !LOCALES.contains(&locale.as_bytes()) {
        return Err(call.error("cannot set locale"));
    }
    let end = pattern.iter().position(|&byte| byte == 0).unwrap_or(pattern.len());
    let pattern = &pattern[..end];
    call.charge(pattern.len() as u64 * 1000)?;
    if bits & !COMPILE_FLAGS != 0 {
        return Err(call.error("unknown option bit(s) set (pattern offset: 1)"));
    }
    let regex = match Regex::new(pattern, flags_of(bits)) {
        Ok(regex) => regex,
        Err(error) => {
            return Err(call.error(format!("{} (pattern offset: {})", error.reason, error.offset + 1)));
        }
    };
    let compiled = RefCell::new(HashMap::from([(0, Some(Rc::new(regex)))]));
    let userdata = call.userdata(Handle { pattern: pattern.to_vec(), flags: bits, compiled })?;
    let metatable = call.upvalue(1).as_table();
    userdata.set_metatable(call, metatable);
    // Compiled patterns take about that much.
    userdata.set_extra_bytes(call, (20 << 10) + pattern.len() * 100)?;
    call.ret1(Value::from(userdata))
}

fn handle<'gc>(call: &mut Call<'gc>) -> Result<&'gc Handle, LuaError> {
    let handle = call.arg(1).as_userdata().and_then(|userdata| userdata.downcast::<Handle>(call));
    match handle {
        Some(handle) => Ok(handle),
        None => Err(call.type_error(1, "pcre_regex_handle")),
    }
}

/// An offset from a 1-based start: negative from the end, 0 as 1; `None` behind the end.
fn start_offset(start: i64, len: usize) -> Option<usize> {
    let offset = match start {
        1.. => usize::try_from(start - 1).unwrap_or(usize::MAX),
        0 => 0,
        _ => len.saturating_sub(usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    (offset <= len).then_some(offset)
}

/// A group's text; false for one that took no part.
fn group_text<'gc>(
    call: &mut Call<'gc>,
    subject: &[u8],
    group: Option<(usize, usize)>,
) -> Result<Value<'gc>, LuaError> {
    match group {
        Some((start, end)) => call.string(&subject[start..end]),
        None => Ok(Value::boolean(false)),
    }
}

/// The table of groups: texts by number and name.
fn group_table<'gc>(
    call: &mut Call<'gc>,
    regex: &Regex,
    subject: &[u8],
    groups: &Groups,
) -> Result<Table<'gc>, LuaError> {
    let table = call.table(groups.len(), regex.names().len())?;
    for (idx, &group) in groups.iter().enumerate().skip(1) {
        let text = group_text(call, subject, group)?;
        table.set_integer(call, idx as i64, text)?;
    }
    for (name, idx) in regex.names() {
        let text = group_text(call, subject, groups[*idx])?;
        table.set_str(call, name, text)?;
    }
    Ok(table)
}

/// The first match from an offset on, unless it takes too long.
fn search(call: &mut Call<'_>, regex: &Regex, subject: &[u8], from: usize) -> Result<Option<Groups>, LuaError> {
    call.charge((subject.len() - from) as u64 + 100)?;
    Ok(regex.find(subject, from).ok().flatten())
}

/// `regex:match(subject [, start [, flags]]) -> first, last, texts`, and `exec` with positions instead of texts.
/// Shape: nothing at all without a match; positions are 1-based and inclusive.
fn find_once(call: &mut Call<'_>, positions: bool) -> NativeResult {
    let handle = handle(call)?;
    let subject = call.check_string(2)?.as_bytes();
    let start = call.opt_integer(3, 1)?;
    let bits = call.opt_integer(4, 0)?;
    let (Some(from), Some(regex)) = (start_offset(start, subject.len()), handle.regex(bits)) else {
        return call.ret0();
    };
    let Some(groups) = search(call, &regex, subject, from)? else { return call.ret0() };
    let (first, last) = groups[0].unwrap_or_default();
    let table = if positions {
        let table = call.table(groups.len() * 2, 0)?;
        for (idx, group) in groups.iter().enumerate().skip(1) {
            let (start, end) = match *group {
                Some((start, end)) => (Value::integer(start as i64 + 1), Value::integer(end as i64)),
                None => (Value::boolean(false), Value::boolean(false)),
            };
            table.set_integer(call, idx as i64 * 2 - 1, start)?;
            table.set_integer(call, idx as i64 * 2, end)?;
        }
        table
    } else {
        group_table(call, &regex, subject, &groups)?
    };
    call.ret3(first as i64 + 1, last as i64, table)
}

/// A `gmatch` under way. Arguments: the regex, the subject, the function.
struct Gmatch {
    regex: Rc<Regex>,
    at: usize,
    count: i64,
    max: i64,
}

/// `regex:gmatch(subject, f [, n [, flags]]) -> count`: calls `f(text, texts)` for each match, until it returns a true
/// value or has been called `n` times.
fn gmatch(call: &mut Call<'_>) -> NativeResult {
    let handle = handle(call)?;
    call.check_string(2)?;
    call.check_function(3)?;
    let max = call.opt_integer(4, 0)?;
    let bits = call.opt_integer(5, 0)?;
    let Some(regex) = handle.regex(bits) else { return call.ret1(0i64) };
    Box::new(Gmatch { regex, at: 0, count: 0, max }).go_on(call)
}

impl Gmatch {
    fn go_on(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let subject = call.check_string(2)?.as_bytes();
        if (self.max > 0 && self.count >= self.max) || self.at > subject.len() {
            return call.ret1(self.count);
        }
        let Some(groups) = search(call, &self.regex, subject, self.at)? else { return call.ret1(self.count) };
        let (start, end) = groups[0].unwrap_or_default();
        // Behind an empty match one byte is left out, where the original would stay for ever.
        self.at = if end == start { end + 1 } else { end };
        self.count += 1;
        let text = call.string(&subject[start..end])?;
        let table = group_table(call, &self.regex, subject, &groups)?;
        let function = call.arg(3);
        call.invoke(function, &[text, table.into()], self)
    }
}

impl Step for Gmatch {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if call.result(1).is_truthy() {
            return call.ret1(self.count);
        }
        self.go_on(call)
    }
}
