//! What can go wrong in a command.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a command failed. Its text is one line for the terminal.
#[derive(Debug)]
pub enum Error {
    /// The command line is wrong.
    Usage(String),
    /// A program that must be installed is not; `package` says what brings it.
    Missing { program: String, package: &'static str },
    /// A program ran and failed.
    Failed { command: String, status: std::process::ExitStatus },
    /// A file could not be read or written.
    File { path: PathBuf, error: io::Error },
    /// A check found something, and has printed it; this is the summary.
    Findings(String),
    /// Everything has been said; only the exit status is left.
    Reported,
}

impl Error {
    /// Turns an I/O error at `path` into one that names the path.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |error| Error::File { path, error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(what) | Error::Findings(what) => f.write_str(what),
            Error::Missing { program, package } => write!(f, "'{program}' is not installed; it comes with {package}"),
            Error::Reported => Ok(()),
            Error::Failed { command, status } => write!(f, "{command}: {status}"),
            Error::File { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}
