//! Interoperation with real servers, on loopback only.
//!
//! OpenSSL, GnuTLS, nginx, stunnel, Postfix and tlslite-ng must be installed: where one is missing the tests fail, they
//! do not skip.
//! Every server listens on an ephemeral port of 127.0.0.1, and is killed when its test ends, however it ends.

mod certificates;
mod client;
mod daemons;
mod datagrams;
mod keys;
mod matrix;
mod peer;
mod scenarios;
mod table;
mod tlslite;
