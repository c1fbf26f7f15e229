//! What an embedder can do with the virtual machine and these libraries.

mod embed;
mod files;
mod limits;
mod park;
mod support;
