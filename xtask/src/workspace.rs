//! Where things are: the workspace's root, the target directory, the binary under test.

use crate::error::Error;
use crate::process;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The only target this is built for; `.cargo/config.toml` says the same.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The checkout that the command works on.
#[derive(Debug)]
pub struct Workspace {
    pub root: PathBuf,
    /// What Cargo builds into: `$CARGO_TARGET_DIR`, else `target`.
    pub target_dir: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// Asks the environment that `cargo run` sets. The value compiled in is only the fallback: the target directory
    /// may be shared by several checkouts, and the binary come from another one.
    pub fn find() -> Result<Workspace, Error> {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest_dir).parent().expect("xtask lies in a folder of the workspace").to_path_buf();
        let current_dir = env::current_dir().map_err(Error::at(Path::new(".")))?;
        let target_dir = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => current_dir.join(dir),
            None => root.join("target"),
        };
        Ok(Workspace { root, target_dir, cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()) })
    }

    /// A Cargo command at the root.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target_dir);
        command
    }

    /// Where a release build puts the binary.
    pub fn release_binary(&self) -> PathBuf {
        self.target_dir.join(TARGET).join("release/perilune")
    }

    /// The binary to compare with the reference: `$PERILUNE_BIN`, else the release build, brought up to date first.
    pub fn perilune(&self) -> Result<PathBuf, Error> {
        if let Some(path) = env::var_os("PERILUNE_BIN") {
            return Ok(path.into());
        }
        process::run(self.cargo().args(["build", "--release", "--quiet", "--package", "perilune-cli"]))?;
        Ok(self.release_binary())
    }
}
