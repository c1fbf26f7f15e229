//! The binary, side by side with the reference interpreter.

mod errors;
mod programs;
mod reference;
mod scan;
