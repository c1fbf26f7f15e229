//! The binary, side by side with the reference interpreter.

mod errors;
mod interpreter;
mod official;
mod programs;
mod reference;
mod scan;
