//! The files of scripts: the system's, and those inside the binary under paths of their own.
//!
//! `nmap.fetchfile` answers a path, and scripts open it. A file that is only in the binary has a path that begins with
//! [`PREFIX`]; it can be read, and nothing else.

use crate::embedded;
use perilune_stdlib::files::{Device, Files, Mode, Pipe, SystemFiles};
use std::ffi::{OsStr, OsString};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::process::ExitStatus;

/// In front of the path of a file inside the binary; no path of the system that a script is given begins like this.
pub(crate) const PREFIX: &str = "embedded:";

/// Linux's numbers, so that messages are the system's: no such file, permission denied.
const ENOENT: i32 = 2;
const EACCES: i32 = 13;

/// What scripts may do with files and processes.
#[derive(Debug)]
pub(crate) struct ScriptFiles;

impl Files for ScriptFiles {
    fn open(&self, path: &OsStr, mode: Mode) -> io::Result<Box<dyn Device>> {
        match path.to_str().and_then(|path| path.strip_prefix(PREFIX)) {
            Some(_) if mode != Mode::READ => Err(io::Error::from_raw_os_error(EACCES)),
            Some(name) => match embedded::file(name) {
                Some(bytes) => Ok(Box::new(Embedded(Cursor::new(bytes)))),
                None => Err(io::Error::from_raw_os_error(ENOENT)),
            },
            None => SystemFiles.open(path, mode),
        }
    }

    fn temporary(&self) -> io::Result<Box<dyn Device>> {
        SystemFiles.temporary()
    }

    fn temporary_name(&self) -> io::Result<OsString> {
        SystemFiles.temporary_name()
    }

    fn remove(&self, path: &OsStr) -> io::Result<()> {
        SystemFiles.remove(path)
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        SystemFiles.rename(from, to)
    }

    fn has_shell(&self) -> bool {
        SystemFiles.has_shell()
    }

    fn start(&self, command: &OsStr, pipe: Pipe) -> io::Result<Box<dyn Device>> {
        SystemFiles.start(command, pipe)
    }

    fn execute(&self, command: &OsStr) -> io::Result<ExitStatus> {
        SystemFiles.execute(command)
    }
}

/// A file inside the binary, open for reading.
struct Embedded(Cursor<&'static [u8]>);

impl Device for Embedded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(EACCES))
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }

    fn close(self: Box<Self>) -> io::Result<Option<ExitStatus>> {
        Ok(None)
    }
}
