//! The binary, side by side with the reference interpreter.

mod certificates;
mod errors;
mod interpreter;
mod official;
mod programs;
mod reference;
mod scan;
mod tls;
