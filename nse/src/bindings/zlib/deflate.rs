//! Streams that compress.

use super::{CHUNK, Checksum, STREAM_ERROR, State, deflate_config, invalid_stream, new_stream, stream};
use perilune_vm::{Call, Kind, NativeFn, NativeResult, Step, Value};
use zlib_rs::{Deflate, DeflateError, DeflateFlush, Status};

/// Bytes compressed before others get a turn.
const WORK_MAX: usize = 256 << 10;
/// What a stream takes at most for its windows and tables.
const STATE_BYTES: usize = 400 << 10;

pub(super) struct Deflating {
    encoder: Deflate,
    checksum: Checksum,
    /// The sink is a function, not an object.
    is_function: bool,
    finished: bool,
}

impl Deflating {
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Compresses into `out`.
    fn pump(&mut self, input: &[u8], flush: DeflateFlush, out: &mut Vec<u8>) -> Result<(), i32> {
        if self.finished {
            return Err(STREAM_ERROR);
        }
        self.finished = flush == DeflateFlush::Finish;
        self.checksum.update(input);
        pump(&mut self.encoder, input, flush, out)
    }
}

/// Compresses all of the input, and with a flush mode all there is to write; zlib's code when it fails.
pub(super) fn pump(encoder: &mut Deflate, mut input: &[u8], flush: DeflateFlush, out: &mut Vec<u8>) -> Result<(), i32> {
    loop {
        let start = out.len();
        out.resize(start + CHUNK, 0);
        let (taken, made) = (encoder.total_in(), encoder.total_out());
        let status = encoder.compress(input, &mut out[start..], flush);
        input = &input[(encoder.total_in() - taken) as usize..];
        let made = (encoder.total_out() - made) as usize;
        out.truncate(start + made);
        match status {
            Ok(Status::StreamEnd) => return Ok(()),
            // Room was left: there is no more to write.
            Ok(_) if made < CHUNK && flush != DeflateFlush::Finish => return Ok(()),
            Ok(Status::BufError) if made == 0 => return Err(-5),
            Ok(_) => {}
            Err(DeflateError::StreamError) => return Err(STREAM_ERROR),
            Err(DeflateError::DataError) => return Err(-3),
            Err(DeflateError::MemError) => return Err(-4),
        }
    }
}

/// `zlib.deflate(sink [, level [, method [, wbits [, memlevel [, strategy [, dictionary]]]]]]) -> stream`.
/// Shape: `sink` a function `f(data)`, or an object with a method `write(data)`.
/// Errors: `output parameter must be a function, table or userdata value`, `output parameter does not provide :write
/// function`, `call to deflateInit2 failed`, `call to deflateSetDictionnary failed`.
pub(super) fn deflate(call: &mut Call<'_>) -> NativeResult {
    match call.arg(1).kind() {
        Kind::Function(_) => make(call, true),
        Kind::Table(_) | Kind::Userdata(_) => {
            let (object, name) = (call.arg(1), call.string(b"write")?);
            let then: NativeFn = |call| {
                if call.result(1).as_function().is_none() {
                    return Err(call.arg_error(1, "output parameter does not provide :write function"));
                }
                make(call, false)
            };
            call.index_then(object, name, then)
        }
        _ => Err(call.arg_error(1, "output parameter must be a function, table or userdata value")),
    }
}

fn make(call: &mut Call<'_>, is_function: bool) -> NativeResult {
    let config = deflate_config(call, 2)?;
    let dictionary = call.opt_string(7)?;
    let Some(config) = config else { return Err(call.error("call to deflateInit2 failed")) };
    let checksum = match config.window_bits {
        ..0 => Checksum::None,
        16.. => Checksum::CRC,
        _ => Checksum::ADLER,
    };
    let mut encoder = Deflate::new_with_config(config);
    if let Some(dictionary) = dictionary
        && encoder.set_dictionary(dictionary.as_bytes()).is_err()
    {
        return Err(call.error("call to deflateSetDictionnary failed"));
    }
    let state = Deflating { encoder, checksum, is_function, finished: false };
    let sink = call.arg(1);
    let stream = new_stream(call, State::Deflate(Box::new(state)), sink, STATE_BYTES)?;
    call.ret1(Value::from(stream))
}

/// What is to be compressed next.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// An argument from a place on.
    Write {
        pos: usize,
        at: usize,
    },
    Flush(DeflateFlush),
    Done,
}

/// A `write`, `flush` or `close` under way.
struct Writing {
    work: Work,
    /// The stream is closed in the end.
    closes: bool,
    out: Vec<u8>,
    /// The sink's method is being looked up.
    looks_up: bool,
}

/// `stream:write(text...) -> true | false, message`.
/// Errors: those of the sink.
pub(super) fn write(call: &mut Call<'_>) -> NativeResult {
    for pos in 2..=call.count() {
        call.check_string(pos)?;
    }
    start(call, Work::Write { pos: 2, at: 0 }, false)
}

/// `stream:flush([what]) -> true | false, message`: `"sync"`, `"full"` or `"finish"`.
/// Errors: `invalid option '…'`, those of the sink.
pub(super) fn flush(call: &mut Call<'_>) -> NativeResult {
    let mode = match call.opt_string(2)?.map_or(&b"sync"[..], |mode| mode.as_bytes()) {
        b"sync" => DeflateFlush::SyncFlush,
        b"full" => DeflateFlush::FullFlush,
        b"finish" => DeflateFlush::Finish,
        other => return Err(call.arg_error(2, [b"invalid option '", other, b"'"].concat())),
    };
    start(call, Work::Flush(mode), false)
}

/// `close` of a stream that compresses.
pub(super) fn close(call: &mut Call<'_>) -> NativeResult {
    start(call, Work::Flush(DeflateFlush::Finish), true)
}

fn start(call: &mut Call<'_>, work: Work, closes: bool) -> NativeResult {
    let (_, stream) = stream(call)?;
    if !matches!(&*stream.0.borrow(), State::Deflate(_)) {
        return Err(invalid_stream(call));
    }
    Box::new(Writing { work, closes, out: Vec::new(), looks_up: false }).go_on(call)
}

impl Writing {
    /// One piece of work: false when it failed.
    fn work(&mut self, call: &mut Call<'_>, deflating: &mut Deflating) -> Result<(), i32> {
        match self.work {
            Work::Write { pos, at } => {
                let text = call.arg(pos).as_str().map_or(&b""[..], |text| text.as_bytes());
                let piece = &text[at..text.len().min(at + WORK_MAX)];
                let at = at + piece.len();
                self.work = match at == text.len() {
                    true if pos >= call.count() => Work::Done,
                    true => Work::Write { pos: pos + 1, at: 0 },
                    false => Work::Write { pos, at },
                };
                deflating.pump(piece, DeflateFlush::NoFlush, &mut self.out)
            }
            Work::Flush(mode) => {
                self.work = Work::Done;
                if self.closes && deflating.finished {
                    return Ok(());
                }
                deflating.pump(b"", mode, &mut self.out)
            }
            Work::Done => Ok(()),
        }
    }

    fn go_on(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let (userdata, stream) = stream(call)?;
        if !matches!(self.work, Work::Done) {
            let mut state = stream.0.borrow_mut();
            let State::Deflate(deflating) = &mut *state else {
                drop(state);
                return Err(invalid_stream(call));
            };
            let worked = self.work(call, deflating);
            let is_function = deflating.is_function;
            drop(state);
            call.charge(WORK_MAX as u64)?;
            if let Err(code) = worked {
                let message = call.string(format!("failed to compress [{code}]").as_bytes())?;
                return call.ret2(false, message);
            }
            return self.hand_over(call, userdata.user_value(call), is_function);
        }
        if self.closes {
            stream.0.replace(State::Closed);
            userdata.set_user_value(call, Value::NIL);
            userdata.set_extra_bytes(call, 0)?;
        }
        call.ret1(true)
    }

    /// Gives the sink what was made; nothing made, the machine gets a turn all the same.
    fn hand_over<'gc>(mut self: Box<Self>, call: &mut Call<'gc>, sink: Value<'gc>, is_function: bool) -> NativeResult {
        if self.out.is_empty() {
            let nothing: NativeFn = |call| call.ret0();
            return call.invoke(Value::native(nothing), &[], self);
        }
        if is_function {
            let data = call.string(&std::mem::take(&mut self.out))?;
            return call.invoke(sink, &[data], self);
        }
        self.looks_up = true;
        let name = call.string(b"write")?;
        call.index_then(sink, name, self)
    }
}

impl Step for Writing {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        if !self.looks_up {
            return self.go_on(call);
        }
        self.looks_up = false;
        let method = call.result(1);
        let data = call.string(&std::mem::take(&mut self.out))?;
        let sink = call.arg(1).as_userdata().map_or(Value::NIL, |stream| stream.user_value(call));
        call.invoke(method, &[sink, data], self)
    }
}
