//! The library of operating-system facilities, manual §6.9.
//!
//! Files and processes are reached through [`crate::files`], the calendar through `sys`. The process's locale is always
//! `C`, so `setlocale` only says so.

use crate::files::{self, check_option, check_path, exit_result, file_result};
use crate::set_functions;
use crate::sys::{self, CalendarFields, CalendarTime};
use perilune_vm::{Call, GcAction, LuaError, NativeFn, NativeResult, Step, Table, Value};
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 11)?;
    set_functions(
        call,
        library,
        &[
            ("clock", clock),
            ("date", date),
            ("difftime", difftime),
            ("execute", execute),
            ("exit", exit),
            ("getenv", getenv),
            ("remove", remove),
            ("rename", rename),
            ("setlocale", setlocale),
            ("time", time),
            ("tmpname", tmpname),
        ],
    )?;
    Ok(library)
}

/// `os.clock() -> float`: processor time used, in seconds.
/// Source: manual §6.9.
fn clock(call: &mut Call<'_>) -> NativeResult {
    call.ret1(sys::processor_seconds())
}

/// `os.difftime(t2, t1) -> float`: `t2 - t1`, in seconds.
/// Source: manual §6.9.
fn difftime(call: &mut Call<'_>) -> NativeResult {
    let (end, start) = (call.check_integer(1)?, call.check_integer(2)?);
    call.ret1((end as i128 - start as i128) as f64)
}

/// `os.execute([command]) -> true | nil (fail), "exit" | "signal", code`: runs a shell command; without one, whether
/// there is a shell.
/// Source: manual §6.9.
fn execute(call: &mut Call<'_>) -> NativeResult {
    if call.arg(1).is_nil() {
        let has_shell = files::of(call).has_shell();
        return call.ret1(has_shell);
    }
    let command = check_path(call, 1)?;
    let status = files::of(call).execute(command);
    exit_result(call, status)
}

/// `os.exit([code [, close]])`: ends the process with a code, `true` (the default) being 0 and `false` 1, after what
/// waits in buffers was written. With `close`, the pending variables of the main program are closed and finalisers run
/// first.
/// Source: manual §6.9.
fn exit(call: &mut Call<'_>) -> NativeResult {
    let code = match call.arg(1) {
        value if value.raw_equal(Value::boolean(true)) => 0,
        value if value.raw_equal(Value::boolean(false)) => 1,
        _ => call.opt_integer(1, 0)?,
    };
    if call.arg(2).is_truthy() {
        return call.replace_task(close_state, Value::integer(code));
    }
    end_process(code)
}

/// Runs all finalisers, then ends the process with the code in the first argument.
fn close_state(call: &mut Call<'_>) -> NativeResult {
    call.finalize_all();
    let collect: NativeFn = |call| call.collect(GcAction::Full);
    let then: NativeFn = |call| end_process(call.check_integer(1)?);
    call.invoke(Value::native(collect), &[], then)
}

fn end_process(code: i64) -> NativeResult {
    crate::flush();
    std::process::exit(code as i32)
}

/// `os.getenv(name) -> string | nil (fail)`.
/// Source: manual §6.9.
fn getenv(call: &mut Call<'_>) -> NativeResult {
    let name = check_path(call, 1)?;
    match std::env::var_os(name) {
        Some(value) => {
            let value = call.string(value.as_bytes())?;
            call.ret1(value)
        }
        None => call.ret1(Value::NIL),
    }
}

/// `os.remove(filename) -> true | nil (fail), message, error number`: a file or an empty directory.
/// Source: manual §6.9.
fn remove(call: &mut Call<'_>) -> NativeResult {
    let path = check_path(call, 1)?;
    let result = files::of(call).remove(path);
    file_result(call, result, Some(path))
}

/// `os.rename(oldname, newname) -> true | nil (fail), message, error number`.
/// Source: manual §6.9.
fn rename(call: &mut Call<'_>) -> NativeResult {
    let (from, to) = (check_path(call, 1)?, check_path(call, 2)?);
    let result = files::of(call).rename(from, to);
    file_result(call, result, None)
}

/// `os.tmpname() -> string`: the name of a new, empty file.
/// Errors: `unable to generate a unique filename`.
/// Source: manual §6.9.
fn tmpname(call: &mut Call<'_>) -> NativeResult {
    match files::of(call).temporary_name() {
        Ok(name) => {
            let name = call.string(name.as_bytes())?;
            call.ret1(name)
        }
        Err(_) => Err(call.error("unable to generate a unique filename")),
    }
}

/// `os.setlocale([locale [, category]]) -> "C" | nil (fail)`: there is no other locale.
/// Errors: `invalid option '%s'`.
/// Source: manual §6.9.
fn setlocale(call: &mut Call<'_>) -> NativeResult {
    let locale = call.opt_string(1)?.map(|locale| files::c_string(locale.as_bytes()));
    check_option(call, 2, Some(0), &["all", "collate", "ctype", "monetary", "numeric", "time"])?;
    match locale {
        None | Some(b"" | b"C" | b"POSIX") => {
            let name = call.string(b"C")?;
            call.ret1(name)
        }
        Some(_) => call.ret1(Value::NIL),
    }
}

// Dates and times

/// Conversions of `strftime` with one letter.
const CONVERSIONS: &[u8] = b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%";
/// Letters that may follow `%E` and `%O`.
const CONVERSIONS_E: &[u8] = b"cCxXyY";
const CONVERSIONS_O: &[u8] = b"deHImMSuUVwWy";

/// Seconds since 1970.
fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs_f64().ceil() as i64),
    }
}

/// `os.date([format [, time]]) -> string | table`: a time as text by the conversions of `strftime`, or for `"*t"` as a
/// table; in universal time when the format starts with `!`.
/// Shape: format default `"%c"`, time default now.
/// Errors: `invalid conversion specifier '%s'`, `date result cannot be represented in this installation`.
/// Source: manual §6.9.
fn date(call: &mut Call<'_>) -> NativeResult {
    let format = call.opt_string(1)?.map_or(&b"%c"[..], |format| format.as_bytes());
    let seconds = if call.arg(2).is_nil() { now() } else { call.check_integer(2)? };
    let (time, format) = match format.strip_prefix(b"!") {
        Some(format) => (CalendarTime::universal(seconds), format),
        None => (CalendarTime::local(seconds), format),
    };
    let Some(time) = time else {
        return Err(call.error("date result cannot be represented in this installation"));
    };
    if files::c_string(format) == b"*t" {
        let table = call.table(0, 9)?;
        for (key, value) in table_fields(time.fields()) {
            table.set_str(call, key.as_bytes(), value)?;
        }
        return call.ret1(table);
    }
    let mut out = Vec::new();
    let mut rest = format;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let len = conversion_len(rest);
        if len == 0 {
            let message = [b"invalid conversion specifier '%", files::c_string(rest), b"'"].concat();
            return Err(call.arg_error(1, message));
        }
        out.extend_from_slice(&time.format(&[b"%", &rest[..len]].concat()));
        call.check_size(out.len())?;
        rest = &rest[len..];
    }
    out.extend_from_slice(rest);
    let text = call.string(&out)?;
    call.ret1(text)
}

/// Length of the conversion a text starts with; 0 when there is no such.
fn conversion_len(text: &[u8]) -> usize {
    match text {
        [letter, ..] if CONVERSIONS.contains(letter) => 1,
        [b'E', letter, ..] if CONVERSIONS_E.contains(letter) => 2,
        [b'O', letter, ..] if CONVERSIONS_O.contains(letter) => 2,
        _ => 0,
    }
}

/// A date as `os.date` gives it and `os.time` leaves it, in the order the reference sets it. What is not known about
/// daylight saving is left out.
fn table_fields<'gc>(fields: CalendarFields) -> impl Iterator<Item = (&'static str, Value<'gc>)> {
    let integer = |value: i32, delta: i64| Value::integer(value as i64 + delta);
    let daylight = (fields.daylight >= 0).then(|| ("isdst", Value::boolean(fields.daylight > 0)));
    [
        ("year", integer(fields.year, 1900)),
        ("month", integer(fields.month, 1)),
        ("day", integer(fields.day, 0)),
        ("hour", integer(fields.hour, 0)),
        ("min", integer(fields.minute, 0)),
        ("sec", integer(fields.second, 0)),
        ("yday", integer(fields.yearday, 1)),
        ("wday", integer(fields.weekday, 1)),
    ]
    .into_iter()
    .chain(daylight)
}

/// `os.time([table]) -> integer`: seconds since 1970, now or of a local date, whose fields are brought into range.
/// Shape: fields `year`, `month`, `day`, `hour` (default 12), `min`, `sec` (default 0), `isdst`; metamethods are
/// respected.
/// Errors: `field '%s' is not an integer`, `field '%s' missing in date table`, `field '%s' is out-of-bound`, `time
/// result cannot be represented in this installation`.
/// Source: manual §6.9.
fn time(call: &mut Call<'_>) -> NativeResult {
    if call.arg(1).is_nil() {
        return call.ret1(now());
    }
    call.check_table(1)?;
    Box::new(ReadDate { at: 0, fields: CalendarFields { daylight: -1, ..CalendarFields::default() } }).run(call)
}

/// A field of a date that is an integer.
struct DateField {
    key: &'static str,
    /// What stands in for it.
    default: Option<i32>,
    /// What C's counting is behind.
    delta: i64,
    slot: fn(&mut CalendarFields) -> &mut i32,
}

/// In the order the reference reads them; `isdst` follows.
const DATE_FIELDS: [DateField; 6] = [
    DateField { key: "year", default: None, delta: 1900, slot: |fields| &mut fields.year },
    DateField { key: "month", default: None, delta: 1, slot: |fields| &mut fields.month },
    DateField { key: "day", default: None, delta: 0, slot: |fields| &mut fields.day },
    DateField { key: "hour", default: Some(12), delta: 0, slot: |fields| &mut fields.hour },
    DateField { key: "min", default: Some(0), delta: 0, slot: |fields| &mut fields.minute },
    DateField { key: "sec", default: Some(0), delta: 0, slot: |fields| &mut fields.second },
];

impl DateField {
    /// The field's value in C's counting.
    fn check(&self, call: &mut Call<'_>, value: Value<'_>) -> Result<i32, LuaError> {
        let key = self.key;
        match value.to_integer() {
            Some(value) => value
                .checked_sub(self.delta)
                .and_then(|value| i32::try_from(value).ok())
                .ok_or_else(|| call.error(format!("field '{key}' is out-of-bound"))),
            None if !value.is_nil() => Err(call.error(format!("field '{key}' is not an integer"))),
            None => self.default.ok_or_else(|| call.error(format!("field '{key}' missing in date table"))),
        }
    }
}

/// Reads a date from the table in the first argument, a field at a time.
struct ReadDate {
    /// Field asked for.
    at: usize,
    fields: CalendarFields,
}

impl ReadDate {
    fn run(self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let key = DATE_FIELDS.get(self.at).map_or("isdst", |field| field.key);
        let key = call.string(key.as_bytes())?;
        let table = call.arg(1);
        call.index_then(table, key, self)
    }
}

impl Step for ReadDate {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let value = call.result(1);
        if let Some(field) = DATE_FIELDS.get(self.at) {
            *(field.slot)(&mut self.fields) = field.check(call, value)?;
            self.at += 1;
            return self.run(call);
        }
        if !value.is_nil() {
            self.fields.daylight = value.is_truthy() as i32;
        }
        let mut time = CalendarTime::from_fields(self.fields);
        let seconds = time.normalize();
        Box::new(WriteDate { at: 0, fields: time.fields(), seconds }).run(call)
    }
}

/// Writes a date back to the table in the first argument, and returns its time.
struct WriteDate {
    /// Field to be set.
    at: usize,
    fields: CalendarFields,
    seconds: i64,
}

impl WriteDate {
    fn run(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        if let Some((key, value)) = table_fields(self.fields).nth(self.at) {
            let key = call.string(key.as_bytes())?;
            let table = call.arg(1);
            self.at += 1;
            return call.set_index_then(table, key, value, self);
        }
        if self.seconds == -1 {
            return Err(call.error("time result cannot be represented in this installation"));
        }
        call.ret1(self.seconds)
    }
}

impl Step for WriteDate {
    fn step<'gc>(self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        self.run(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_those_of_c99() {
        for (text, len) in
            [("Ya", 1), ("Ec", 2), ("Od", 2), ("%", 1), ("", 0), ("E", 0), ("Ez", 0), ("Oc", 0), ("f", 0)]
        {
            assert_eq!(conversion_len(text.as_bytes()), len, "{text}");
        }
    }
}
