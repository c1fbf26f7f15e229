//! The safe face of the virtual machine, without compiler and libraries.

mod table;
mod values;
