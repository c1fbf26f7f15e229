//! The engine on real sockets: small scripts against small services on loopback.

mod conversations;
mod libraries;
mod load;
mod modules;
mod records;
mod run;
mod sockets;
mod support;
mod threads;
mod tls;
