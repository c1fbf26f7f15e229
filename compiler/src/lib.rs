//! The compiler: Lua 5.4 source bytes in, a [`Chunk`] or a [`SyntaxError`] out.
//!
//! Pure: no heap, no files. One pass: the parser emits code as it reads, an expression stays an `ExpDesc` until it
//! needs a register, and no tree is built. So limits, evaluation order and messages come out as the reference's.

#![forbid(unsafe_code)]

mod codegen;
mod error;
mod expr;
mod lexer;
mod parser;
mod scope;

pub use error::SyntaxError;
use perilune_vm::bytecode::Chunk;

/// Compiles a chunk. `chunk_name` is what messages and debug information call it: `@file`, `=name`, or the source.
///
/// # Errors
/// The first error in the source, with the reference's wording.
pub fn compile(source: &[u8], chunk_name: &[u8]) -> Result<Chunk, SyntaxError> {
    parser::Parser::new(source, chunk_name).compile().map_err(|error| *error)
}
