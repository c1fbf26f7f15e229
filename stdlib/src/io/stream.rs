//! Buffered streams over devices.
//!
//! A stream holds either bytes read ahead or bytes not yet written. Reading writes those first, and writing moves the
//! device back over what was read ahead, so that both may be mixed as scripts like. Standard input, output and error
//! exist once per process, so that `print`, `io.write` and all states share their buffers; every stream that writes is
//! in one list, so that the process can flush them all before it ends.
//!
//! # Invariants
//! - W1. Unread input implies that no output waits, unless the device can't seek: then both directions go their ways.
//! - W2. A closed stream has no device, no input and no output.

use crate::files::{Device, Mode};
use crate::sys;
use std::io::{self, IsTerminal, SeekFrom};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Size of a buffer unless `setvbuf` says otherwise.
pub(super) const CAPACITY: usize = 1 << 13;
/// Largest buffer `setvbuf` gives.
const CAPACITY_MAX: usize = 1 << 20;

/// When output is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Buffering {
    /// At once.
    None,
    /// When a line is complete.
    Line,
    /// When the buffer is full.
    Full,
}

/// A stream with what is buffered of it.
pub(crate) struct Stream {
    /// `None` once closed.
    device: Option<Box<dyn Device>>,
    mode: Mode,
    buffering: Buffering,
    capacity: usize,
    input: Vec<u8>,
    /// How much of the input was consumed.
    input_at: usize,
    output: Vec<u8>,
    /// Whether whoever types the input should see complete output first.
    is_prompted: bool,
}

/// A stream several handles may share.
pub(crate) type Shared = Arc<Mutex<Stream>>;

/// Streams that write, to be flushed at the end of the process.
static WRITERS: Mutex<Vec<Weak<Mutex<Stream>>>> = Mutex::new(Vec::new());

/// A stream for the time of one operation. A panic in the middle of another one does not matter: buffers are always
/// consistent.
pub(crate) fn lock(stream: &Shared) -> MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of the standard streams, by descriptor.
fn standard(descriptor: i32) -> &'static Shared {
    static STREAMS: [OnceLock<Shared>; 3] = [const { OnceLock::new() }; 3];
    STREAMS[descriptor as usize].get_or_init(|| {
        let mode = if descriptor == 0 { Mode::READ } else { Mode::WRITE };
        let buffering = match descriptor {
            1 if io::stdout().is_terminal() => Buffering::Line,
            2 => Buffering::None,
            _ => Buffering::Full,
        };
        let mut stream = Stream::new(Box::new(sys::standard_file(descriptor)), mode);
        stream.buffering = buffering;
        stream.is_prompted = descriptor == 0;
        share(stream)
    })
}

/// Standard input.
pub(crate) fn standard_input() -> &'static Shared {
    standard(0)
}

/// Standard output.
pub(crate) fn standard_output() -> &'static Shared {
    standard(1)
}

/// Standard error.
pub(crate) fn standard_error() -> &'static Shared {
    standard(2)
}

/// Makes a stream shareable, and notes it if it writes.
pub(crate) fn share(stream: Stream) -> Shared {
    let writes = stream.mode.write;
    let stream = Arc::new(Mutex::new(stream));
    if writes {
        let mut writers = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
        if writers.len() == writers.capacity() {
            writers.retain(|writer| writer.strong_count() > 0);
        }
        writers.push(Arc::downgrade(&stream));
    }
    stream
}

/// Writes what waits in any stream, except for those in use by another thread.
pub(crate) fn flush_all() {
    let writers = WRITERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for writer in writers {
        if let Some(stream) = writer.upgrade()
            && let Ok(mut stream) = stream.try_lock()
        {
            // Nobody is left to tell of an error.
            let _ = stream.flush();
        }
    }
}

impl Stream {
    /// A stream with a full buffer's buffering.
    pub fn new(device: Box<dyn Device>, mode: Mode) -> Stream {
        Stream {
            device: Some(device),
            mode,
            buffering: Buffering::Full,
            capacity: CAPACITY,
            input: Vec::new(),
            input_at: 0,
            output: Vec::new(),
            is_prompted: false,
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.device.is_none()
    }

    /// Input that is there, read if there is none; empty at the end.
    ///
    /// # Errors
    /// Those of the device, and when the stream can't be read.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        if self.input_at == self.input.len() {
            self.read_ahead()?;
        }
        Ok(&self.input[self.input_at..])
    }

    #[cold]
    fn read_ahead(&mut self) -> io::Result<()> {
        if !self.mode.read {
            return Err(sys::bad_descriptor());
        }
        self.flush()?;
        if self.is_prompted
            && let Ok(mut output) = standard_output().try_lock()
            && output.buffering == Buffering::Line
        {
            output.flush()?;
        }
        let device = self.device.as_mut().ok_or_else(sys::bad_descriptor)?;
        self.input.resize(self.capacity, 0);
        self.input_at = 0;
        let result = loop {
            match device.read(&mut self.input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.input.truncate(*result.as_ref().unwrap_or(&0));
        result.map(|_| ())
    }

    /// Takes bytes that [`Stream::fill`] gave.
    pub fn consume(&mut self, count: usize) {
        self.input_at += count;
    }

    /// Writes, or keeps to be written later.
    ///
    /// # Errors
    /// Those of the device, and when the stream can't be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.mode.write {
            return Err(sys::bad_descriptor());
        }
        if self.input_at < self.input.len() {
            let unread = (self.input.len() - self.input_at) as i64;
            if self.device().seek(SeekFrom::Current(-unread)).is_ok() {
                self.forget_input();
            }
        }
        if self.output.len() + bytes.len() > self.capacity || self.buffering == Buffering::None {
            self.flush()?;
            if bytes.len() >= self.capacity || self.buffering == Buffering::None {
                return write_all(self.device(), bytes);
            }
        }
        self.output.extend_from_slice(bytes);
        if self.buffering == Buffering::Line
            && let Some(at) = memchr::memrchr(b'\n', bytes)
        {
            let complete = self.output.len() - bytes.len() + at + 1;
            return self.write_out(complete);
        }
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// Those of the device; what could not be written is lost, as with C's streams.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() { Ok(()) } else { self.write_out(self.output.len()) }
    }

    fn write_out(&mut self, count: usize) -> io::Result<()> {
        let Some(device) = self.device.as_mut() else { return Ok(()) };
        let result = write_all(&mut **device, &self.output[..count]);
        self.output.drain(..count);
        result
    }

    /// Moves to a position; which one that is, from the start.
    ///
    /// # Errors
    /// Those of the device.
    pub fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.flush()?;
        let unread = (self.input.len() - self.input_at) as u64;
        match to {
            // Only asks, so that what was read ahead stays good.
            SeekFrom::Current(0) => Ok(self.device().seek(to)?.saturating_sub(unread)),
            SeekFrom::Current(offset) => {
                let position = self.device().seek(SeekFrom::Current(offset.saturating_sub_unsigned(unread)))?;
                self.forget_input();
                Ok(position)
            }
            _ => {
                let position = self.device().seek(to)?;
                self.forget_input();
                Ok(position)
            }
        }
    }

    /// Sets when output is written, and the size of the buffer.
    ///
    /// # Errors
    /// Those of writing what waits.
    pub fn set_buffering(&mut self, buffering: Buffering, capacity: usize) -> io::Result<()> {
        self.flush()?;
        self.buffering = buffering;
        self.capacity = capacity.clamp(1, CAPACITY_MAX);
        Ok(())
    }

    /// Closes; the status of a process.
    ///
    /// # Errors
    /// Those of writing what waits, and of the device.
    pub fn close(&mut self) -> io::Result<Option<ExitStatus>> {
        let flushed = self.flush();
        self.forget_input();
        self.output = Vec::new();
        let Some(device) = self.device.take() else { return Ok(None) };
        match device.close()? {
            Some(status) if !status.success() => Ok(Some(status)),
            status => flushed.map(|()| status),
        }
    }

    fn forget_input(&mut self) {
        self.input.clear();
        self.input_at = 0;
    }

    fn device(&mut self) -> &mut dyn Device {
        &mut **self.device.as_mut().expect("handles refuse to use a closed stream")
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Writes all bytes.
fn write_all(device: &mut dyn Device, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match device.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in memory that others may look into; writing cuts off what lies behind.
    #[derive(Clone, Default)]
    struct Memory {
        content: Arc<Mutex<Vec<u8>>>,
        position: usize,
    }

    impl Memory {
        fn content(&self) -> Vec<u8> {
            self.content.lock().expect("no panic").clone()
        }
    }

    impl Device for Memory {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let content = self.content();
            let count = buffer.len().min(content.len().saturating_sub(self.position));
            buffer[..count].copy_from_slice(&content[self.position..self.position + count]);
            self.position += count;
            Ok(count)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut content = self.content.lock().expect("no panic");
            // One byte at a time, as a slow device would.
            let count = bytes.len().min(1);
            content.truncate(self.position);
            content.extend_from_slice(&bytes[..count]);
            self.position += count;
            Ok(count)
        }

        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            let (from, offset) = match to {
                SeekFrom::Start(position) => (position as i64, 0),
                SeekFrom::Current(offset) => (self.position as i64, offset),
                SeekFrom::End(offset) => (self.content().len() as i64, offset),
            };
            self.position = (from + offset) as usize;
            Ok(self.position as u64)
        }

        fn close(self: Box<Self>) -> io::Result<Option<ExitStatus>> {
            Ok(None)
        }
    }

    fn stream() -> (Memory, Stream) {
        let memory = Memory::default();
        let mode = Mode { write: true, ..Mode::READ };
        (memory.clone(), Stream::new(Box::new(memory), mode))
    }

    #[test]
    fn full_buffers_wait_and_line_buffers_write_lines() {
        let (memory, mut stream) = stream();
        stream.write(b"one\ntwo").expect("memory takes all");
        assert_eq!(memory.content(), b"");
        stream.set_buffering(Buffering::Line, 100).expect("memory takes all");
        assert_eq!(memory.content(), b"one\ntwo");
        stream.write(b"\nthree").expect("memory takes all");
        assert_eq!(memory.content(), b"one\ntwo\n");
        drop(stream);
        assert_eq!(memory.content(), b"one\ntwo\nthree");
    }

    #[test]
    fn writing_goes_on_where_reading_stopped() {
        let (memory, mut stream) = stream();
        stream.write(b"0123456789").expect("memory takes all");
        assert_eq!(stream.seek(SeekFrom::Start(2)).expect("memory has positions"), 2);
        assert_eq!(stream.fill().expect("memory gives all"), b"23456789");
        stream.consume(3);
        assert_eq!(stream.seek(SeekFrom::Current(0)).expect("memory has positions"), 5);
        stream.write(b"x").expect("memory takes all");
        assert!(stream.close().expect("memory closes").is_none());
        assert_eq!(memory.content(), b"01234x");
    }

    #[test]
    fn more_than_the_buffer_passes_it_in_order() {
        let (memory, mut stream) = stream();
        stream.set_buffering(Buffering::Full, 4).expect("memory takes all");
        for part in [&b"ab"[..], b"cde", b"fghijk", b"l"] {
            stream.write(part).expect("memory takes all");
        }
        assert_eq!(memory.content(), b"abcdefghijk");
    }
}
