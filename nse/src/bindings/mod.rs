//! The compiled modules that scripts `require`, one file each.

pub(crate) mod certificate;
pub(crate) mod nmap;
pub(crate) mod port;
pub(crate) mod socket;
pub(crate) mod stdnse;
pub(crate) mod sync;
