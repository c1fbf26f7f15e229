//! `perilune script list` and `perilune script show`.

use std::ffi::OsString;
use std::process::ExitCode;

pub fn main(_args: &[OsString]) -> ExitCode {
    ExitCode::SUCCESS
}
