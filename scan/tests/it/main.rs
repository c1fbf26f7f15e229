//! The crate on the sockets of this machine, loopback only.

mod patterns;
mod port_scan;

mod real;
mod simulated;
