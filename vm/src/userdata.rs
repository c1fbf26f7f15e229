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
    /// The value `debug.setuservalue` keeps.
    pub user_value: Raw,
}
