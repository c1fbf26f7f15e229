//! Streams that decompress.
//!
//! Decoded bytes wait in a buffer until somebody reads them; decoding goes on only while a reader lacks some. Input
//! comes from a string at once, or from calls of Lua, for which reading is a [`Step`].

use super::{CHUNK, Checksum, State, WINDOW_BITS, decoder, invalid_stream, new_stream, stream};
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Step, Value};
use zlib_rs::{InflateError, InflateFlush, Status};

/// What sources are asked for.
const READ_LEN: i64 = 8192;
/// Bytes decoded before others get a turn.
const WORK_MAX: usize = 1 << 20;

/// Where input comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    /// It is all there.
    Text,
    Function,
    /// An object with `read`.
    Reader,
    /// An object with `peek` and `read`.
    Peeker,
}

pub(super) struct Inflating {
    decoder: zlib_rs::Inflate,
    source: Source,
    input: Vec<u8>,
    input_at: usize,
    /// Decoded and not read yet, from `out_at` on.
    out: Vec<u8>,
    out_at: usize,
    /// Nothing more will be decoded.
    ended: bool,
    /// No more input will come.
    exhausted: bool,
    checksum: Checksum,
    /// The checksum's kind follows from the first byte.
    detects: bool,
    dictionary: Option<Vec<u8>>,
}

/// How far decoding came.
#[derive(PartialEq, Eq, Debug)]
enum Decoded {
    /// There are as many bytes as were wanted, or all there are.
    Enough,
    NeedsInput,
    Tired,
}

/// Why decoding failed.
#[derive(Debug)]
enum Failure {
    Code(i32),
    NoDictionary,
    BadDictionary,
}

impl Inflating {
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    fn pending(&self) -> &[u8] {
        &self.out[self.out_at..]
    }

    fn take(&mut self, len: usize) -> &[u8] {
        let start = self.out_at;
        self.out_at += len;
        &self.out[start..self.out_at]
    }

    fn feed(&mut self, data: &[u8]) {
        self.input.drain(..self.input_at);
        self.input_at = 0;
        self.input.extend_from_slice(data);
    }

    /// Decodes until `wanted` bytes are pending.
    fn decode(&mut self, wanted: usize, work: &mut usize) -> Result<Decoded, Failure> {
        while self.out.len() - self.out_at < wanted && !self.ended {
            if self.input_at == self.input.len() {
                if self.source != Source::Text && !self.exhausted {
                    return Ok(Decoded::NeedsInput);
                }
                // A stream that ends too early is as good as its beginning.
                self.ended = true;
                break;
            }
            if *work >= WORK_MAX {
                *work = 0;
                return Ok(Decoded::Tired);
            }
            if self.out_at > 0 && self.out_at * 2 >= self.out.len() {
                self.out.drain(..self.out_at);
                self.out_at = 0;
            }
            if self.detects {
                self.detects = false;
                let is_gzip = self.input[self.input_at] == 0x1f;
                self.checksum = if is_gzip { Checksum::CRC } else { Checksum::ADLER };
            }
            *work += self.decode_some()?;
        }
        Ok(Decoded::Enough)
    }

    /// One call of the decoder; the bytes it made.
    fn decode_some(&mut self) -> Result<usize, Failure> {
        let start = self.out.len();
        self.out.resize(start + CHUNK, 0);
        let (taken, made) = (self.decoder.total_in(), self.decoder.total_out());
        let status =
            self.decoder.decompress(&self.input[self.input_at..], &mut self.out[start..], InflateFlush::NoFlush);
        let taken = (self.decoder.total_in() - taken) as usize;
        let made = (self.decoder.total_out() - made) as usize;
        self.input_at += taken;
        self.out.truncate(start + made);
        self.checksum.update(&self.out[start..]);
        match status {
            Ok(Status::StreamEnd) => self.ended = true,
            // All input is taken; whoever asks again brings some, or knows that there is none.
            Ok(_) if taken > 0 || made > 0 => {}
            Ok(_) => self.ended = true,
            Err(InflateError::NeedDict { .. }) => {
                let dictionary = self.dictionary.as_deref().ok_or(Failure::NoDictionary)?;
                self.decoder.set_dictionary(dictionary).map_err(|_| Failure::BadDictionary)?;
            }
            Err(InflateError::DataError) => return Err(Failure::Code(-3)),
            Err(InflateError::MemError) => return Err(Failure::Code(-4)),
            Err(InflateError::StreamError) => return Err(Failure::Code(super::STREAM_ERROR)),
        }
        Ok(made)
    }
}

/// `zlib.inflate(source [, wbits [, dictionary]]) -> stream`.
/// Shape: `source` a string, a function `f(n)`, or an object with a method `read(n)`.
/// Errors: `input parameter must be a string, function, table or userdata value`, `input parameter does not provide
/// :read function`, `call to inflateInit2 failed`.
pub(super) fn inflate(call: &mut Call<'_>) -> NativeResult {
    let has_source = match call.arg(1).kind() {
        Kind::String(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Function(_) => true,
        Kind::Table(_) | Kind::Userdata(_) => false,
        _ => {
            let message = "input parameter must be a string, function, table or userdata value";
            return Err(call.arg_error(1, message));
        }
    };
    if call.count() < 3 {
        call.set_count(3);
    }
    if has_source {
        let is_text = call.arg(1).as_function().is_none();
        return make(call, if is_text { Source::Text } else { Source::Function });
    }
    let (object, name) = (call.arg(1), call.string(b"read")?);
    let then: NativeFn = |call| {
        if call.result(1).as_function().is_none() {
            return Err(call.arg_error(1, "input parameter does not provide :read function"));
        }
        let (object, name) = (call.arg(1), call.string(b"peek")?);
        let then: NativeFn = |call| {
            let peeks = call.result(1).as_function().is_some();
            make(call, if peeks { Source::Peeker } else { Source::Reader })
        };
        call.index_then(object, name, then)
    };
    call.index_then(object, name, then)
}

fn make(call: &mut Call<'_>, source: Source) -> NativeResult {
    let input = if source == Source::Text { call.check_string(1)?.as_bytes() } else { b"" };
    let window_bits = call.opt_integer(2, WINDOW_BITS)?;
    let dictionary = call.opt_string(3)?.map(|text| text.as_bytes().to_vec());
    let window_bits = if (1..=15).contains(&window_bits) { window_bits + 32 } else { window_bits };
    let Some(decoder) = decoder(window_bits) else { return Err(call.error("call to inflateInit2 failed")) };
    call.check_size(input.len())?;
    let checksum = match window_bits {
        ..0 => Checksum::None,
        16..32 => Checksum::CRC,
        _ => Checksum::ADLER,
    };
    let state = Inflating {
        decoder,
        source,
        input: input.to_vec(),
        input_at: 0,
        out: Vec::new(),
        out_at: 0,
        ended: false,
        exhausted: false,
        checksum,
        detects: window_bits >= 32,
        dictionary,
    };
    let callback = if source == Source::Text { Value::NIL } else { call.arg(1) };
    let stream = new_stream(call, State::Inflate(Box::new(state)), callback, (64 << 10) + input.len())?;
    call.ret1(Value::from(stream))
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Count(usize),
    Line,
    All,
}

/// What the call under way is for.
#[derive(Clone, Copy, Debug)]
enum Pending {
    Nothing,
    /// The method that gives input.
    Method,
    Data,
    /// The method that drops so many bytes that were only looked at.
    DropMethod(usize),
    Dropped,
}

/// A `read` under way. The stream is the first argument, values read follow the arguments.
struct Reading {
    formats: Vec<Format>,
    next: usize,
    /// Position of the first value read.
    first: usize,
    /// Pending bytes without an end of line.
    scanned: usize,
    work: usize,
    pending: Pending,
}

/// `stream:read(format...) -> values`: `n` bytes, `"*l"` a line, `"*a"` the rest; a line without formats.
/// Errors: `invalid format`, `invalid option`, `failed to decompress [n]`, `deflate callback must return string or
/// nil`, `no inflate dictionary provided`, `call to inflateSetDictionnary failed`.
pub(super) fn read(call: &mut Call<'_>) -> NativeResult {
    let (_, stream) = stream(call)?;
    if !matches!(&*stream.0.borrow(), State::Inflate(_)) {
        return Err(invalid_stream(call));
    }
    let mut formats = Vec::new();
    for pos in 2..=call.count() {
        let format = format(call, pos)?;
        formats.push(format);
    }
    if formats.is_empty() {
        formats.push(Format::Line);
    }
    begin(call, formats)
}

fn begin(call: &mut Call<'_>, formats: Vec<Format>) -> NativeResult {
    let first = call.count() + 1;
    let reading = Reading { formats, next: 0, first, scanned: 0, work: 0, pending: Pending::Nothing };
    Box::new(reading).go_on(call)
}

fn format(call: &mut Call<'_>, pos: usize) -> Result<Format, LuaError> {
    let value = call.arg(pos);
    if let Some(number) = value.as_number() {
        let count = Value::number(number).to_float().unwrap_or(0.0);
        return Ok(Format::Count(count.clamp(0.0, usize::MAX as f64) as usize));
    }
    match value.as_str().map_or(&b""[..], |text| text.as_bytes()) {
        [] | [_] => Err(call.arg_error(pos, "invalid format")),
        [b'*', b'l', ..] => Ok(Format::Line),
        [b'*', b'a', ..] => Ok(Format::All),
        [b'*', ..] => Err(call.arg_error(pos, "invalid format")),
        _ => Err(call.arg_error(pos, "invalid option")),
    }
}

/// `stream:lines() -> iterator`.
pub(super) fn lines(call: &mut Call<'_>) -> NativeResult {
    let (userdata, stream) = stream(call)?;
    if !matches!(&*stream.0.borrow(), State::Inflate(_)) {
        return Err(invalid_stream(call));
    }
    let iterator: NativeFn = |call| {
        let stream = call.upvalue(1);
        call.set_count(1);
        call.set_arg(1, stream);
        begin(call, vec![Format::Line])
    };
    let iterator = call.closure(iterator, &[userdata.into()])?;
    call.ret1(iterator)
}

impl Reading {
    /// Tries to read what is next: the value, nil at the end, or what is lacking.
    fn attempt(&mut self, inflating: &mut Inflating) -> Result<Result<Option<Vec<u8>>, Decoded>, Failure> {
        match self.formats[self.next] {
            Format::Count(count) => {
                let decoded = inflating.decode(count.max(1), &mut self.work)?;
                if decoded != Decoded::Enough {
                    return Ok(Err(decoded));
                }
                let pending = inflating.pending().len();
                Ok(Ok((pending > 0).then(|| inflating.take(count.min(pending)).to_vec())))
            }
            Format::All => {
                let decoded = inflating.decode(usize::MAX, &mut self.work)?;
                if decoded != Decoded::Enough {
                    return Ok(Err(decoded));
                }
                let pending = inflating.pending().len();
                Ok(Ok(Some(inflating.take(pending).to_vec())))
            }
            Format::Line => self.attempt_line(inflating),
        }
    }

    fn attempt_line(&mut self, inflating: &mut Inflating) -> Result<Result<Option<Vec<u8>>, Decoded>, Failure> {
        loop {
            let pending = inflating.pending();
            let end = pending[self.scanned..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let Some(end) = end.map(|end| self.scanned + end) else {
                self.scanned = pending.len();
                let decoded = inflating.decode(self.scanned + 1, &mut self.work)?;
                if decoded != Decoded::Enough {
                    return Ok(Err(decoded));
                }
                if inflating.pending().len() == self.scanned {
                    let rest = std::mem::take(&mut self.scanned);
                    return Ok(Ok((rest > 0).then(|| inflating.take(rest).to_vec())));
                }
                continue;
            };
            self.scanned = end;
            if pending[end] == b'\r' {
                // A line feed may follow.
                let decoded = inflating.decode(end + 2, &mut self.work)?;
                if decoded != Decoded::Enough {
                    return Ok(Err(decoded));
                }
            }
            self.scanned = 0;
            let line = inflating.take(end).to_vec();
            let both = inflating.pending().starts_with(b"\r\n");
            inflating.take(if both { 2 } else { 1 });
            return Ok(Ok(Some(line)));
        }
    }

    fn go_on(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        while self.next < self.formats.len() {
            let (userdata, stream) = stream(call)?;
            let mut state = stream.0.borrow_mut();
            let State::Inflate(inflating) = &mut *state else {
                drop(state);
                return Err(invalid_stream(call));
            };
            let attempt = self.attempt(inflating);
            let (source, bytes) = (inflating.source, inflating.out.capacity() + inflating.input.capacity());
            drop(state);
            call.charge(CHUNK as u64 / 4)?;
            userdata.set_extra_bytes(call, (64 << 10) + bytes)?;
            match attempt {
                Ok(Ok(value)) => {
                    let is_last = value.is_none();
                    let value = match value {
                        Some(text) => call.string(&text)?,
                        None => Value::NIL,
                    };
                    call.append_arg(value)?;
                    self.next += 1;
                    if is_last {
                        break;
                    }
                }
                Ok(Err(Decoded::NeedsInput)) => return self.ask(call, source),
                Ok(Err(_)) => {
                    self.pending = Pending::Nothing;
                    let nothing: NativeFn = |call| call.ret0();
                    return call.invoke(Value::native(nothing), &[], self);
                }
                Err(failure) => {
                    stream.0.replace(State::Closed);
                    return Err(match failure {
                        Failure::Code(code) => call.bare_error(format!("failed to decompress [{code}]")),
                        Failure::NoDictionary => call.error("no inflate dictionary provided"),
                        Failure::BadDictionary => call.error("call to inflateSetDictionnary failed"),
                    });
                }
            }
        }
        call.ret_args(self.first)
    }

    /// Calls Lua for input.
    fn ask(mut self: Box<Self>, call: &mut Call<'_>, source: Source) -> NativeResult {
        let object = callback(call);
        if source == Source::Function {
            self.pending = Pending::Data;
            return call.invoke(object, &[Value::integer(READ_LEN)], self);
        }
        self.pending = Pending::Method;
        let name = call.string(if source == Source::Peeker { b"peek" } else { b"read" })?;
        call.index_then(object, name, self)
    }

    /// Takes what the source gave.
    fn take_data<'gc>(mut self: Box<Self>, call: &mut Call<'gc>, data: Value<'gc>) -> NativeResult {
        let text = match data.kind() {
            Kind::Nil => None,
            Kind::String(text) => Some(text),
            Kind::Integer(_) | Kind::Float(_) => {
                let number = data.as_number().map_or(Value::NIL, Value::number);
                call.number_text(number)?.as_str()
            }
            _ => return Err(call.error("deflate callback must return string or nil")),
        };
        let text = text.map_or(&b""[..], |text| text.as_bytes());
        let (_, stream) = stream(call)?;
        let mut state = stream.0.borrow_mut();
        let State::Inflate(inflating) = &mut *state else {
            drop(state);
            return Err(invalid_stream(call));
        };
        inflating.feed(text);
        inflating.exhausted = text.is_empty();
        if inflating.source != Source::Peeker || text.is_empty() {
            drop(state);
            return self.go_on(call);
        }
        // How much of it belongs to the stream shows when all of it is decoded.
        let mut dropped = text.len();
        let mut work = 0;
        while inflating.input_at < inflating.input.len() && !inflating.ended {
            if inflating.decode_some().is_err() {
                break;
            }
            work += CHUNK;
        }
        dropped -= inflating.input.len() - inflating.input_at;
        drop(state);
        call.charge(work as u64)?;
        self.pending = Pending::DropMethod(dropped);
        let (object, name) = (callback(call), call.string(b"read")?);
        call.index_then(object, name, self)
    }
}

fn callback<'gc>(call: &Call<'gc>) -> Value<'gc> {
    call.arg(1).as_userdata().map_or(Value::NIL, |stream| stream.user_value(call))
}

impl Step for Reading {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let result = call.result(1);
        match self.pending {
            Pending::Nothing | Pending::Dropped => self.go_on(call),
            Pending::Method => {
                self.pending = Pending::Data;
                let object = callback(call);
                call.invoke(result, &[object, Value::integer(READ_LEN)], self)
            }
            Pending::Data => self.take_data(call, result),
            Pending::DropMethod(count) => {
                self.pending = Pending::Dropped;
                let object = callback(call);
                call.invoke(result, &[object, Value::integer(count as i64)], self)
            }
        }
    }
}
