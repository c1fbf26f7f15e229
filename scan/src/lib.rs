//! The scanner: targets, ports, sockets, port scans and what they found.
//!
//! Knows no Lua and prints nothing. The scripting engine and the port scan see the network and the time only through
//! [`net::Network`]; [`real::RealNetwork`] is the one that sends packets. Everything found is plain data in [`result`],
//! from which the command line writes its reports.

#![deny(unsafe_code)]

pub mod discovery;
pub mod dns;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod interface;
pub mod link;
pub mod neighbour;
pub mod net;
pub mod port;
pub mod port_scan;
pub mod proxy;
pub mod real;
pub mod regex;
pub mod result;
pub mod secure;
pub mod services;
pub mod sys;
pub mod target;
pub mod timing;
pub mod traceroute;
pub mod vendor;
pub mod version;
pub mod wire;
pub mod zone;
