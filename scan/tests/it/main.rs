//! The crate on the sockets of this machine, loopback only.

mod real;
