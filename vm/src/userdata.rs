//! Userdata: a Rust value owned by the heap, with a metatable.

use crate::table::Table;
use crate::value::{Header, Raw};
use std::any::Any;

/// A userdata object.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Userdata {
    pub header: Header,
    pub metatable: *mut Table,
    pub data: Box<dyn Any>,
    /// Bytes that `data` owns elsewhere, on the heap's books.
    pub extra_bytes: usize,
    /// A value that lives as long as the userdata.
    pub user_value: Raw,
}
