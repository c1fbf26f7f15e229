//! The crate on the sockets of this machine, loopback only.

mod connect_scan;
mod patterns;
mod real;
