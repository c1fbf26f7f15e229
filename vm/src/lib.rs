//! The Perilune virtual machine: values, heap, bytecode, interpreter.

pub mod bytecode;
pub mod number;
