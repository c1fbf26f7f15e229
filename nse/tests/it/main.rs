//! The engine on real sockets: small scripts against small services on loopback.

mod load;
mod run;
mod support;
mod tls;
