//! Running programs, on the terminal or for their output.

use crate::error::Error;
use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// Programs that may be missing, and the Debian package that brings each.
const PACKAGES: [(&str, &str); 4] = [("gcc", "gcc"), ("python3", "python3"), ("tar", "tar"), ("git", "git")];

/// Runs a command on the terminal; its failure is an error.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(|error| cannot_start(command, error))?;
    if status.success() { Ok(()) } else { Err(failed(command, status)) }
}

/// Runs a command and answers its standard output; its failure is an error.
pub fn output(command: &mut Command) -> Result<String, Error> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, error))?;
    if !output.status.success() {
        return Err(failed(command, output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The error for a program that did not start.
pub fn cannot_start(command: &Command, error: io::Error) -> Error {
    let program = command.get_program().to_string_lossy().into_owned();
    match PACKAGES.iter().find(|(name, _)| *name == program) {
        Some((_, package)) if error.kind() == io::ErrorKind::NotFound => Error::Missing { program, package },
        _ => Error::File { path: program.into(), error },
    }
}

/// The error for a program that ended badly.
pub fn failed(command: &Command, status: ExitStatus) -> Error {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    Error::Failed { command: text, status }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let error = run(Command::new("no-such-program").arg("x")).unwrap_err();
        assert!(error.to_string().starts_with("no-such-program: "), "{error}");
    }
}
