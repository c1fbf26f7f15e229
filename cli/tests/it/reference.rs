//! Runs the same thing here and under the reference.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run gave. Standard error is without the interpreter's own name in front.
#[derive(PartialEq, Eq)]
pub struct Outcome {
    status: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        write!(f, "status {:?}\n--- stdout\n{}--- stderr\n{}", self.status, text(&self.stdout), text(&self.stderr))
    }
}

impl Outcome {
    /// Forgets the first line of standard output.
    pub fn drop_first_line(&mut self) {
        let end = self.stdout.iter().position(|&byte| byte == b'\n').map_or(self.stdout.len(), |at| at + 1);
        self.stdout.drain(..end);
    }
}

/// The reference interpreter: `PERILUNE_REFERENCE`, or what `cargo xtask reference` made.
fn reference() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.reference/lua-5.4.8/lua");
    let path = std::env::var_os("PERILUNE_REFERENCE").map_or_else(default, PathBuf::from);
    assert!(path.exists(), "no reference interpreter at {}: run `cargo xtask reference`", path.display());
    path
}

/// The folder of the official tests, which come with the reference.
pub fn testes() -> PathBuf {
    let folder = reference().with_file_name("testes");
    assert!(folder.exists(), "no official tests at {}: run `cargo xtask reference`", folder.display());
    folder
}

/// Runs a command that calls itself by a name in front of errors.
fn run(mut command: Command, name: &[u8], folder: &Path, input: &[u8]) -> Outcome {
    command.current_dir(folder);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    // A program that does not read its input may end before it is written.
    let _ = child.stdin.take().expect("it was piped above").write_all(input);
    let output = child.wait_with_output().expect("the interpreter ends");
    let own_name = [name, b": "].concat();
    let name_end = if output.stderr.starts_with(&own_name) { own_name.len() } else { 0 };
    Outcome { status: output.status.code(), stdout: output.stdout, stderr: output.stderr[name_end..].to_vec() }
}

/// Runs an interpreter's arguments in a folder, here and under the reference; answers both.
pub fn both(folder: &Path, args: &[&str], input: &[u8]) -> (Outcome, Outcome) {
    both_with(folder, args, &[], input)
}

/// As [`both`], with variables in the environment.
pub fn both_with(folder: &Path, args: &[&str], variables: &[(&str, &str)], input: &[u8]) -> (Outcome, Outcome) {
    let mut ours = Command::new(env!("CARGO_BIN_EXE_perilune"));
    ours.arg("lua").args(args);
    let mut theirs = Command::new(reference());
    theirs.args(args);
    for command in [&mut ours, &mut theirs] {
        command.env_remove("LUA_INIT").env_remove("LUA_PATH").env("TZ", "UTC").envs(variables.iter().copied());
    }
    let path = reference();
    (run(ours, b"lua", folder, input), run(theirs, path.as_os_str().as_encoded_bytes(), folder, input))
}
