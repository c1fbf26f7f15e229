//! The library `zlib`, with the interface of lzlib: checksums, whole strings, streams.
//!
//! The work is done by `zlib-rs`; here are the rules around it: which window bits mean what, what is an error and what
//! is a short result. A stream never gives more than it was asked for, so that a small body can't fill the memory.
//!
//! # Source
//! The manuals of zlib and lzlib 0.4. Differences: truncated input is an error of `decompress`, for which the original
//! never returns.

mod deflate;
mod inflate;

use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Userdata, Value};
use std::cell::RefCell;
use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Method, Strategy};

const NAME: &[u8] = b"zlib:zstream";
/// Output of `decompress` unless it is given a limit.
const LIMIT: i64 = 10 << 20;
/// Bytes in which output grows.
const CHUNK: usize = 16 << 10;
/// The default of window bits.
const WINDOW_BITS: i64 = 15;
/// zlib's codes.
const STREAM_END: f64 = 1.0;
const STREAM_ERROR: i32 = -2;

/// What a stream's userdata owns.
struct ZStream(RefCell<State>);

enum State {
    Inflate(Box<inflate::Inflating>),
    Deflate(Box<deflate::Deflating>),
    Closed,
}

/// The checksum of what a stream has given or taken.
#[derive(Clone, Copy, Debug)]
enum Checksum {
    Adler(u32),
    Crc(u32),
    /// Raw streams have none.
    None,
}

impl Checksum {
    const ADLER: Checksum = Checksum::Adler(1);
    const CRC: Checksum = Checksum::Crc(0);

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Checksum::Adler(sum) => *sum = zlib_rs::adler32::adler32(*sum, bytes),
            Checksum::Crc(sum) => *sum = zlib_rs::crc32::crc32(*sum, bytes),
            Checksum::None => {}
        }
    }

    fn value(self) -> f64 {
        match self {
            Checksum::Adler(sum) | Checksum::Crc(sum) => sum as f64,
            Checksum::None => 1.0,
        }
    }
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    const NUMBERS: [(&str, i64); 17] = [
        ("NO_COMPRESSION", 0),
        ("BEST_SPEED", 1),
        ("BEST_COMPRESSION", 9),
        ("DEFAULT_COMPRESSION", -1),
        ("FILTERED", 1),
        ("HUFFMAN_ONLY", 2),
        ("RLE", 3),
        ("FIXED", 4),
        ("DEFAULT_STRATEGY", 0),
        ("MINIMUM_MEMLEVEL", 1),
        ("MAXIMUM_MEMLEVEL", 9),
        ("DEFAULT_MEMLEVEL", 8),
        ("MINIMUM_WINDOWBITS", 8),
        ("DEFAULT_WINDOWBITS", WINDOW_BITS),
        ("MAXIMUM_WINDOWBITS", 15),
        ("GZIP_WINDOWBITS", 16),
        ("RAW_WINDOWBITS", -1),
    ];
    const TEXTS: [(&str, &str); 3] = [
        ("_COPYRIGHT", "Copyright (C) 2003-2010 Tiago Dionizio"),
        ("_DESCRIPTION", "Lua 5 interface to access zlib library functions"),
        ("_VERSION", "lzlib 0.4-work3"),
    ];
    let (library, metatable) = (call.table(0, 30)?, call.table(0, 10)?);
    for (name, number) in NUMBERS {
        library.set_str(call, name.as_bytes(), Value::integer(number))?;
    }
    for (name, text) in TEXTS {
        let text = call.string(text.as_bytes())?;
        library.set_str(call, name.as_bytes(), text)?;
    }
    let functions: [(&str, NativeFn); 7] = [
        ("adler32", |call| checksum(call, Checksum::ADLER)),
        ("compress", compress),
        ("crc32", |call| checksum(call, Checksum::CRC)),
        ("decompress", decompress),
        ("deflate", deflate::deflate),
        ("inflate", inflate::inflate),
        ("version", |call| {
            let version = call.string(b"1.2.13")?;
            call.ret1(version)
        }),
    ];
    for (name, function) in functions {
        let function = call.closure(function, &[metatable.into()])?;
        library.set_str(call, name.as_bytes(), function)?;
    }
    let methods: [(&str, NativeFn); 7] = [
        ("__tostring", to_string),
        ("adler", adler),
        ("close", close),
        ("flush", deflate::flush),
        ("lines", inflate::lines),
        ("read", inflate::read),
        ("write", deflate::write),
    ];
    for (name, function) in methods {
        metatable.set_str(call, name.as_bytes(), Value::native(function))?;
    }
    metatable.set_str(call, b"__index", metatable.into())?;
    let name = call.string(NAME)?;
    metatable.set_str(call, b"__name", name)?;
    Ok(library)
}

/// Makes a stream; `callback` is what it reads from or writes to.
fn new_stream<'gc>(
    call: &mut Call<'gc>,
    state: State,
    callback: Value<'gc>,
    bytes: usize,
) -> Result<Userdata<'gc>, LuaError> {
    let stream = call.userdata(ZStream(RefCell::new(state)))?;
    stream.set_user_value(call, callback);
    let metatable = call.upvalue(1).as_table();
    stream.set_metatable(call, metatable);
    stream.set_extra_bytes(call, bytes)?;
    Ok(stream)
}

fn invalid_stream(call: &mut Call<'_>) -> LuaError {
    call.arg_error(1, "attempt to use invalid zlib stream")
}

/// The first argument, which is a stream.
fn stream<'gc>(call: &mut Call<'gc>) -> Result<(Userdata<'gc>, &'gc ZStream), LuaError> {
    let userdata = call.arg(1).as_userdata();
    match userdata.and_then(|userdata| userdata.downcast(call).map(|stream| (userdata, stream))) {
        Some((userdata, stream)) => Ok((userdata, stream)),
        None => Err(call.type_error(1, "zlib:zstream")),
    }
}

/// `zlib.adler32([sum, text]) -> float`, `crc32` alike: the sum with the text added; without arguments the first sum.
fn checksum(call: &mut Call<'_>, first: Checksum) -> NativeResult {
    if call.count() == 0 {
        return call.ret1(first.value());
    }
    let sum = call.check_integer(1)? as u32;
    let text = call.check_string(2)?.as_bytes();
    let mut sum = match first {
        Checksum::Adler(_) => Checksum::Adler(sum),
        _ => Checksum::Crc(sum),
    };
    call.charge(text.len() as u64 / 64)?;
    sum.update(text);
    call.ret1(sum.value())
}

/// What `compress` and `deflate` are told, from an argument on: level, method, window bits, memory level, strategy.
/// `None` when zlib would refuse it.
fn deflate_config(call: &mut Call<'_>, pos: usize) -> Result<Option<DeflateConfig>, LuaError> {
    let level = call.opt_integer(pos, -1)?;
    let method = call.opt_integer(pos + 1, 8)?;
    let window_bits = call.opt_integer(pos + 2, WINDOW_BITS)?;
    let mem_level = call.opt_integer(pos + 3, 8)?;
    let strategy = call.opt_integer(pos + 4, 0)?;
    let strategy = i32::try_from(strategy).ok().and_then(|strategy| Strategy::try_from(strategy).ok());
    let fits = (-1..=9).contains(&level)
        && method == 8
        && (1..=9).contains(&mem_level)
        && matches!(window_bits, 8..=15 | 25..=31 | -15..=-9);
    Ok(strategy.filter(|_| fits).map(|strategy| DeflateConfig {
        level: level as i32,
        method: Method::Deflated,
        window_bits: window_bits as i32,
        mem_level: mem_level as i32,
        strategy,
    }))
}

/// `zlib.compress(text [, level [, method [, wbits [, memlevel [, strategy]]]]]) -> data, 1.0 | nil, -2.0`.
fn compress(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let Some(config) = deflate_config(call, 2)? else { return call.ret2(Value::NIL, STREAM_ERROR as f64) };
    // More than any setting makes of data that does not compress.
    call.check_size(text.len() + text.len() / 8 + 1024)?;
    call.charge(text.len() as u64 * 4)?;
    let mut out = Vec::new();
    let mut stream = zlib_rs::Deflate::new_with_config(config);
    match deflate::pump(&mut stream, text, DeflateFlush::Finish, &mut out) {
        Ok(()) => {
            let data = call.string(&out)?;
            call.ret2(data, STREAM_END)
        }
        Err(code) => call.ret2(Value::NIL, code as f64),
    }
}

/// A decoder for window bits, or `None` where zlib would refuse them.
fn decoder(window_bits: i64) -> Option<zlib_rs::Inflate> {
    match window_bits {
        -15..=-8 => Some(zlib_rs::Inflate::new(false, window_bits.unsigned_abs() as u8)),
        0 | 8..=15 | 16 | 24..=31 | 32 | 40..=47 => Some(zlib_rs::Inflate::new(true, window_bits as u8)),
        _ => None,
    }
}

/// `zlib.decompress(data [, wbits [, limit]]) -> text`, cut at the limit; what follows the stream is ignored.
/// Errors: `failed to initialize zstream structures`, `failed to process zlib stream`.
fn decompress(call: &mut Call<'_>) -> NativeResult {
    let mut data = call.check_string(1)?.as_bytes();
    let window_bits = call.opt_integer(2, WINDOW_BITS)?;
    let limit = usize::try_from(call.opt_integer(3, LIMIT)?).unwrap_or(0);
    let Some(mut stream) = decoder(window_bits) else {
        return Err(call.error("failed to initialize zstream structures"));
    };
    let mut out = Vec::new();
    while out.len() < limit {
        let start = out.len();
        call.check_size(start + CHUNK)?;
        call.charge(CHUNK as u64 / 2)?;
        out.resize(start + CHUNK.max(start / 2).min(limit - start), 0);
        let (taken, made) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(data, &mut out[start..], InflateFlush::NoFlush);
        let taken = (stream.total_in() - taken) as usize;
        data = &data[taken..];
        let made = (stream.total_out() - made) as usize;
        out.truncate(start + made);
        match status {
            Ok(zlib_rs::Status::StreamEnd) => break,
            Ok(_) if taken > 0 || made > 0 => {}
            _ => return Err(call.error("failed to process zlib stream")),
        }
    }
    let text = call.string(&out)?;
    call.ret1(text)
}

/// `stream:adler() -> float`: the checksum so far.
fn adler(call: &mut Call<'_>) -> NativeResult {
    let (_, stream) = stream(call)?;
    let sum = match &*stream.0.borrow() {
        State::Inflate(inflating) => Some(inflating.checksum()),
        State::Deflate(deflating) => Some(deflating.checksum()),
        State::Closed => None,
    };
    match sum {
        Some(sum) => call.ret1(sum.value()),
        None => Err(invalid_stream(call)),
    }
}

/// `stream:close() -> true`; one that compresses is finished first.
fn close(call: &mut Call<'_>) -> NativeResult {
    let (userdata, stream) = stream(call)?;
    if matches!(&*stream.0.borrow(), State::Deflate(_)) {
        return deflate::close(call);
    }
    stream.0.replace(State::Closed);
    userdata.set_user_value(call, Value::NIL);
    userdata.set_extra_bytes(call, 0)?;
    call.ret1(true)
}

fn to_string(call: &mut Call<'_>) -> NativeResult {
    let (_, stream) = stream(call)?;
    let address = call.arg(1).address();
    let text = match &*stream.0.borrow() {
        State::Inflate(_) => format!("zlib inflate stream ({address:#x})"),
        State::Deflate(_) => format!("zlib deflate stream ({address:#x})"),
        State::Closed => "zlib stream (closed)".to_owned(),
    };
    let text = call.string(text.as_bytes())?;
    call.ret1(text)
}
