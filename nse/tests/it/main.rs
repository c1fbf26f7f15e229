//! The engine on real sockets: small scripts against small services on loopback.

mod load;
mod modules;
mod run;
mod support;
mod tls;
