//! Files of the embedder's instead of the system's.

use crate::support::Machine;
use perilune_stdlib::files::{self, Device, Files, Mode, Pipe};
use perilune_vm::Run;
use std::ffi::{OsStr, OsString};
use std::io::{self, SeekFrom};
use std::process::ExitStatus;

/// One file that can be read, and nothing else.
struct OneFile;

/// What the file holds.
const TEXT: &[u8] = b"return 'from memory'\n2nd line";

/// The file, open; where reading goes on.
struct Text(usize);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(13))
}

impl Files for OneFile {
    fn open(&self, path: &OsStr, mode: Mode) -> io::Result<Box<dyn Device>> {
        if path == "one" && mode == Mode::READ { Ok(Box::new(Text(0))) } else { refused() }
    }

    fn temporary(&self) -> io::Result<Box<dyn Device>> {
        refused()
    }

    fn temporary_name(&self) -> io::Result<OsString> {
        refused()
    }

    fn remove(&self, _path: &OsStr) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _from: &OsStr, _to: &OsStr) -> io::Result<()> {
        refused()
    }

    fn has_shell(&self) -> bool {
        false
    }

    fn start(&self, _command: &OsStr, _pipe: Pipe) -> io::Result<Box<dyn Device>> {
        refused()
    }

    fn execute(&self, _command: &OsStr) -> io::Result<ExitStatus> {
        refused()
    }
}

impl Device for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Less than asked for, as pipes do.
        let count = buffer.len().min(3).min(TEXT.len() - self.0);
        buffer[..count].copy_from_slice(&TEXT[self.0..self.0 + count]);
        self.0 += count;
        Ok(count)
    }

    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        refused()
    }

    fn seek(&mut self, _to: SeekFrom) -> io::Result<u64> {
        refused()
    }

    fn close(self: Box<Self>) -> io::Result<Option<ExitStatus>> {
        Ok(None)
    }
}

fn check(source: &str, expected: &str) {
    let mut machine = Machine::new();
    machine.state.enter(|call| files::set(call, Box::new(OneFile))).expect("there is memory");
    let mut task = machine.task(source);
    assert_eq!(machine.resume(&mut task, &[], u64::MAX), Run::Finished, "{source}");
    assert_eq!(machine.results(), expected, "{source}");
}

#[test]
fn only_the_embedders_file_is_there() {
    check("return io.open('one'):read('l', 'n', 'a')", "return 'from memory' 2 nd line");
    check("local t = {} for line in io.lines('one', 5) do t[#t + 1] = #line end return #t, t[1], t[#t]", "6 5 4");
    check("return io.open('one', 'w')", "nil one: Permission denied 13");
    check("return io.open('/etc/passwd')", "nil /etc/passwd: Permission denied 13");
    check("return select(2, loadfile('one'))", "one:2: malformed number near '2n'");
}

#[test]
fn nothing_else_is_possible() {
    check("return io.popen('ls')", "nil ls: Permission denied 13");
    check("return io.tmpfile()", "nil Permission denied 13");
    check("return pcall(os.tmpname)", "false unable to generate a unique filename");
    check("return os.remove('one')", "nil one: Permission denied 13");
    check("return os.rename('one', 'two')", "nil Permission denied 13");
    check("return os.execute()", "false");
    check("return os.execute('ls')", "nil Permission denied 13");
}
