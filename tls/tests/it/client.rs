//! Drives a connection over a blocking socket.

use perilune_tls::{Config, Connection, State, SystemRng, TlsError};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// Time for anything at all that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Has reads return soon when there is nothing.
pub fn poll_often(socket: &TcpStream) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
}

/// A connection and its socket.
pub struct Client {
    pub tls: Connection,
    pub socket: TcpStream,
}

impl Client {
    /// Connects and shakes hands.
    pub fn connect(port: u16, config: Config) -> Result<Client, TlsError> {
        Client::connect_to(Ipv4Addr::LOCALHOST, port, config)
    }

    /// The same with one of the machine's other loopback addresses.
    pub fn connect_to(host: Ipv4Addr, port: u16, config: Config) -> Result<Client, TlsError> {
        let mut client = Client::start(host, port, config);
        client.run_until(|client| client.tls.is_open())?;
        Ok(client)
    }

    /// Connects the socket; nothing has been sent.
    pub fn start(host: Ipv4Addr, port: u16, config: Config) -> Client {
        let socket = TcpStream::connect((host, port)).expect("the server listens");
        poll_often(&socket);
        socket.set_nodelay(true).unwrap();
        let tls = Connection::new(config, Box::new(SystemRng)).expect("the configuration is sound");
        Client { tls, socket }
    }

    /// Moves bytes until something holds.
    pub fn run_until(&mut self, mut done: impl FnMut(&mut Client) -> bool) -> Result<(), TlsError> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.flush();
            if done(self) {
                return Ok(());
            }
            assert!(Instant::now() < until, "nothing happened for too long: {:?}", self.tls);
            let res = self.read();
            if res.is_err() {
                self.flush();
                return res;
            }
        }
    }

    fn flush(&mut self) {
        // A peer that is gone shows when reading.
        let _ = self.socket.write_all(&self.tls.take_output());
    }

    fn read(&mut self) -> Result<(), TlsError> {
        let mut buffer = [0; 65536];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.tls.receive_end(),
            Ok(len) => self.tls.receive(&buffer[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
            Err(_) => self.tls.receive_end(),
        }
    }

    /// Sends and encrypts.
    pub fn send(&mut self, data: &[u8]) {
        self.tls.send(data).expect("the connection is open");
        self.flush();
    }

    /// Receives as many bytes.
    pub fn receive(&mut self, len: usize) -> Result<Vec<u8>, TlsError> {
        let mut data = Vec::new();
        self.run_until(|client| {
            data.extend(client.tls.take_received());
            len <= data.len() || *client.tls.state() == State::PeerClosed
        })?;
        Ok(data)
    }
}
