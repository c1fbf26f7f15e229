//! Files and processes: the one place where libraries reach the system's.
//!
//! Whatever opens, makes, renames or removes a file, or starts a process, goes through the [`Files`] of the state. By
//! default that is the system; an embedder that wants to restrict scripts, or to give them files of its own, sets
//! another one. What is opened is a [`Device`], without a buffer: buffers are `io`'s.

use perilune_vm::{Call, LuaError, NativeResult, Value};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

/// How a file is opened, by the letters of C's `fopen`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mode {
    /// May be read.
    pub read: bool,
    /// May be written.
    pub write: bool,
    /// Everything is written at the end.
    pub append: bool,
    /// Starts empty, and is made if there is none. With `append`, only the latter.
    pub create: bool,
}

impl Mode {
    /// `"r"`
    pub const READ: Mode = Mode { read: true, write: false, append: false, create: false };
    /// `"w"`
    pub const WRITE: Mode = Mode { read: false, write: true, append: false, create: true };

    /// Reads `[rwa]%+?b*`.
    pub fn parse(text: &[u8]) -> Option<Mode> {
        let (letter, rest) = text.split_first()?;
        let (plus, rest) = match rest.split_first() {
            Some((b'+', rest)) => (true, rest),
            _ => (false, rest),
        };
        if rest.iter().any(|&byte| byte != b'b') {
            return None;
        }
        let mode = match letter {
            b'r' => Mode::READ,
            b'w' => Mode::WRITE,
            b'a' => Mode { append: true, ..Mode::WRITE },
            _ => return None,
        };
        Some(Mode { read: mode.read || plus, write: mode.write || plus, ..mode })
    }
}

/// Which end of a process is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pipe {
    /// Its output is read.
    FromProcess,
    /// Its input is written.
    ToProcess,
}

/// Something open: a file, a pipe, a terminal.
pub trait Device: Send {
    /// Reads up to as many bytes; 0 at the end.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes; how many.
    ///
    /// # Errors
    /// Those of the system.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Moves to a position; which one that is, from the start.
    ///
    /// # Errors
    /// Those of the system, also when there are no positions.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64>;

    /// Closes. A process is waited for, and gives its status.
    ///
    /// # Errors
    /// Those of the system.
    fn close(self: Box<Self>) -> io::Result<Option<ExitStatus>>;
}

/// What scripts may do with files and processes.
pub trait Files: 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// Those of the system.
    fn open(&self, path: &OsStr, mode: Mode) -> io::Result<Box<dyn Device>>;

    /// Opens a file without a name that is gone once it is closed.
    ///
    /// # Errors
    /// Those of the system.
    fn temporary(&self) -> io::Result<Box<dyn Device>>;

    /// Makes an empty file with a new name.
    ///
    /// # Errors
    /// Those of the system.
    fn temporary_name(&self) -> io::Result<OsString>;

    /// Removes a file or an empty directory.
    ///
    /// # Errors
    /// Those of the system.
    fn remove(&self, path: &OsStr) -> io::Result<()>;

    /// Renames.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()>;

    /// Whether there is a shell for `start` and `execute`.
    fn has_shell(&self) -> bool;

    /// Starts a shell command with a pipe to it.
    ///
    /// # Errors
    /// Those of the system.
    fn start(&self, command: &OsStr, pipe: Pipe) -> io::Result<Box<dyn Device>>;

    /// Runs a shell command.
    ///
    /// # Errors
    /// Those of the system.
    fn execute(&self, command: &OsStr) -> io::Result<ExitStatus>;
}

/// The system's files and processes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

/// Where the reference makes its temporary files.
const TEMPORARY_PREFIX: &str = "/tmp/lua_";
/// Random characters behind that.
const TEMPORARY_SUFFIX_LEN: usize = 6;
/// Names tried before giving up.
const TEMPORARY_TRIES: usize = 100;
const SHELL: &str = "/bin/sh";

impl Files for SystemFiles {
    fn open(&self, path: &OsStr, mode: Mode) -> io::Result<Box<dyn Device>> {
        let mut file = OpenOptions::new()
            .read(mode.read)
            .write(mode.write && !mode.append)
            .append(mode.append)
            .create(mode.create)
            .truncate(mode.create && !mode.append)
            .open(path)?;
        if mode.append && !mode.read {
            // As C has it; a pipe has no end to move to.
            let _ = Seek::seek(&mut file, SeekFrom::End(0));
        }
        Ok(Box::new(file))
    }

    fn temporary(&self) -> io::Result<Box<dyn Device>> {
        let (file, path) = make_temporary()?;
        std::fs::remove_file(path)?;
        Ok(Box::new(file))
    }

    fn temporary_name(&self) -> io::Result<OsString> {
        make_temporary().map(|(_, path)| path)
    }

    fn remove(&self, path: &OsStr) -> io::Result<()> {
        std::fs::remove_file(path).or_else(|error| {
            if error.kind() == io::ErrorKind::IsADirectory { std::fs::remove_dir(path) } else { Err(error) }
        })
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn has_shell(&self) -> bool {
        std::path::Path::new(SHELL).exists()
    }

    fn start(&self, command: &OsStr, pipe: Pipe) -> io::Result<Box<dyn Device>> {
        let mut shell = shell(command);
        match pipe {
            Pipe::FromProcess => shell.stdout(Stdio::piped()),
            Pipe::ToProcess => shell.stdin(Stdio::piped()),
        };
        let mut child = shell.spawn()?;
        let end: Option<OwnedFd> = match pipe {
            Pipe::FromProcess => child.stdout.take().map(OwnedFd::from),
            Pipe::ToProcess => child.stdin.take().map(OwnedFd::from),
        };
        Ok(Box::new(Process { child, pipe: end.map(File::from) }))
    }

    /// Unlike C's `system`, it lets signals from the terminal through to this process while it waits.
    fn execute(&self, command: &OsStr) -> io::Result<ExitStatus> {
        shell(command).status()
    }
}

fn shell(command: &OsStr) -> Command {
    let mut shell = Command::new(SHELL);
    // The name C's `system` and `popen` give it, which stands in front of its messages.
    shell.arg0("sh").arg("-c").arg(command);
    shell
}

/// A new file that only its owner may use.
fn make_temporary() -> io::Result<(File, OsString)> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut tries = 0;
    loop {
        let mut random = getrandom::u64().map_err(io::Error::other)?;
        let mut path = TEMPORARY_PREFIX.to_owned();
        for _ in 0..TEMPORARY_SUFFIX_LEN {
            path.push(LETTERS[(random % LETTERS.len() as u64) as usize] as char);
            random /= LETTERS.len() as u64;
        }
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        tries += 1;
        match made {
            Ok(file) => return Ok((file, path.into())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TEMPORARY_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

impl Device for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        Seek::seek(self, to)
    }

    fn close(self: Box<Self>) -> io::Result<Option<ExitStatus>> {
        Ok(None)
    }
}

/// A process with one end of a pipe.
struct Process {
    child: Child,
    /// `None` once closed.
    pipe: Option<File>,
}

impl Process {
    fn pipe(&mut self) -> &mut File {
        self.pipe.as_mut().expect("the pipe is open until the process is waited for")
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        self.pipe = None;
        self.child.wait()
    }
}

impl Device for Process {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self.pipe(), buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self.pipe(), bytes)
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        Seek::seek(self.pipe(), to)
    }

    fn close(mut self: Box<Self>) -> io::Result<Option<ExitStatus>> {
        self.wait().map(Some)
    }
}

impl Drop for Process {
    /// A process nobody closed is waited for all the same, lest it stays as a zombie.
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

/// Where the registry keeps the state's files.
const KEY: &[u8] = b"_FILES";

/// Sets what scripts of this state may do with files and processes.
///
/// # Errors
/// When memory is short.
pub fn set(call: &mut Call<'_>, files: Box<dyn Files>) -> Result<(), LuaError> {
    let files = call.userdata(files)?;
    call.registry().set_str(call, KEY, files.into())
}

/// What scripts of this state may do; nothing was set means everything the system allows.
pub(crate) fn of<'gc>(call: &Call<'gc>) -> &'gc dyn Files {
    let files = call.registry().get_str(call, KEY).as_userdata();
    match files.and_then(|files| files.downcast::<Box<dyn Files>>(call)) {
        Some(files) => &**files,
        None => &SystemFiles,
    }
}

/// Everything in a file.
///
/// # Errors
/// Those of opening, then those of reading; also when it does not fit into the memory.
pub(crate) fn read(call: &mut Call<'_>, path: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut device = of(call).open(OsStr::from_bytes(c_string(path)), Mode::READ).map_err(ReadError::Open)?;
    let mut content = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match device.read(&mut buffer) {
            Ok(0) => return Ok(content),
            Ok(len) => {
                check_content(call, content.len() + len).map_err(ReadError::Read)?;
                content.extend_from_slice(&buffer[..len]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Read(error)),
        }
    }
}

/// Refuses content that would pass the memory limit.
///
/// # Errors
/// `out of memory`
pub(crate) fn check_content(call: &mut Call<'_>, len: usize) -> io::Result<()> {
    call.check_size(len).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

/// Why a file's content is not there.
#[derive(Debug)]
pub(crate) enum ReadError {
    Open(io::Error),
    Read(io::Error),
}

/// A text as C sees it: up to the first zero.
pub(crate) fn c_string(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// A string argument as a path or a command.
///
/// # Errors
/// Those of the argument's type.
pub(crate) fn check_path<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<&'gc OsStr, LuaError> {
    Ok(OsStr::from_bytes(c_string(call.check_string(pos)?.as_bytes())))
}

/// An argument that is one of a few words; its index.
///
/// # Errors
/// `invalid option '%s'`, those of the argument's type.
pub(crate) fn check_option(
    call: &mut Call<'_>,
    pos: usize,
    default: Option<usize>,
    words: &[&str],
) -> Result<usize, LuaError> {
    if let Some(default) = default
        && call.arg(pos).is_nil()
    {
        return Ok(default);
    }
    let text = c_string(call.check_string(pos)?.as_bytes());
    match words.iter().position(|word| word.as_bytes() == text) {
        Some(idx) => Ok(idx),
        None => Err(call.arg_error(pos, [b"invalid option '", text, b"'"].concat())),
    }
}

/// The system's text of an error, without the number Rust puts behind it.
pub fn os_message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Answers `true`, or nil, message and error number.
///
/// # Errors
/// Memory.
pub(crate) fn file_result(call: &mut Call<'_>, result: io::Result<()>, path: Option<&OsStr>) -> NativeResult {
    match result {
        Ok(()) => call.ret1(true),
        Err(error) => failure(call, &error, path),
    }
}

/// Answers nil, message and error number.
///
/// # Errors
/// Memory.
pub(crate) fn failure(call: &mut Call<'_>, error: &io::Error, path: Option<&OsStr>) -> NativeResult {
    let message = os_message(error);
    let message = match path {
        Some(path) => [path.as_bytes(), b": ", message.as_bytes()].concat(),
        None => message.into_bytes(),
    };
    let message = call.string(&message)?;
    call.ret3(Value::NIL, message, error.raw_os_error().unwrap_or(0) as i64)
}

/// Answers how a process ended: `true` or nil, `"exit"` or `"signal"`, and the code.
///
/// # Errors
/// Memory.
pub(crate) fn exit_result(call: &mut Call<'_>, result: io::Result<ExitStatus>) -> NativeResult {
    let status = match result {
        Ok(status) => status,
        Err(error) => return failure(call, &error, None),
    };
    let (what, code) = match status.signal() {
        Some(signal) => ("signal", signal),
        None => ("exit", status.code().unwrap_or(0)),
    };
    let what = call.string(what.as_bytes())?;
    let success = if status.success() { Value::boolean(true) } else { Value::NIL };
    call.ret3(success, what, code as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_fopen() {
        for text in ["", "rw", "rb+", "+", "b", "x", "r+k", "r++"] {
            assert_eq!(Mode::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Mode::parse(b"rb"), Some(Mode::READ));
        assert_eq!(Mode::parse(b"r+"), Some(Mode { write: true, ..Mode::READ }));
        assert_eq!(Mode::parse(b"a+bb"), Some(Mode { read: true, write: true, append: true, create: true }));
    }
}
