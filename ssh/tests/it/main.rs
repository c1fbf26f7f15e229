//! The client against OpenSSH's server (`apt-get install openssh-server openssh-client`), on loopback.

mod hostile;
mod matrix;
mod server;
mod session;
