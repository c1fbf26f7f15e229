//! What is wrong with a source.

use perilune_vm::chunk_id;
use std::fmt;

/// The first error in a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    /// Chunk name, as messages have it.
    pub chunk: Vec<u8>,
    /// Line, from 1; `None` where the parser itself is at its limit, whose message has no position.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: Vec<u8>,
    /// The text in front of which the reader stopped, quoted as the reference does; `None` when it does not matter.
    pub near: Option<Vec<u8>>,
}

impl SyntaxError {
    pub(crate) fn new(chunk_name: &[u8], line: u32, message: impl Into<Vec<u8>>, near: Option<Vec<u8>>) -> Box<Self> {
        Box::new(SyntaxError { chunk: chunk_id(chunk_name), line: Some(line), message: message.into(), near })
    }

    /// Constructs that nest too deep.
    pub(crate) fn too_deep(chunk_name: &[u8]) -> Box<Self> {
        Box::new(SyntaxError {
            chunk: chunk_id(chunk_name),
            line: None,
            message: b"C stack overflow".to_vec(),
            near: None,
        })
    }

    /// The whole message: `chunk:line: message near 'token'`.
    pub fn message_bytes(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(line) = self.line {
            text.extend_from_slice(&self.chunk);
            text.extend_from_slice(format!(":{line}: ").as_bytes());
        }
        text.extend_from_slice(&self.message);
        if let Some(near) = &self.near {
            text.extend_from_slice(b" near ");
            text.extend_from_slice(near);
        }
        text
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message_bytes()))
    }
}

impl std::error::Error for SyntaxError {}
