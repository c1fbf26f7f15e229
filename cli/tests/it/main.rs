//! The binary, side by side with the reference interpreter.

mod errors;
mod interpreter;
mod programs;
mod reference;
mod scan;
