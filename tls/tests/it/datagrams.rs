//! DTLS against real servers.

use crate::client::PATIENCE;
use crate::keys::{certificate, key, openssl};
use crate::matrix::{gnutls_priority, gnutls_suites};
use crate::peer::Server;
use crate::table::{Cell, DATA_LEN, key_for};
use perilune_tls::{Authentication, Config, DtlsConnection, State, Suite, SystemRng, TlsError, Version};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// A connection and its socket.
struct Client {
    dtls: DtlsConnection,
    socket: UdpSocket,
    start: Instant,
    /// Sent datagrams to lose, by number.
    lose: Vec<usize>,
    sent: usize,
}

impl Client {
    fn connect(port: u16, config: Config, lose: &[usize]) -> Result<Client, TlsError> {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let dtls = DtlsConnection::new(config, Box::new(SystemRng), Duration::ZERO)?;
        let mut client = Client { dtls, socket, start: Instant::now(), lose: lose.to_vec(), sent: 0 };
        client.run_until(|client| client.dtls.is_open())?;
        Ok(client)
    }

    fn run_until(&mut self, mut done: impl FnMut(&mut Client) -> bool) -> Result<(), TlsError> {
        let until = Instant::now() + PATIENCE;
        loop {
            while let Some(datagram) = self.dtls.take_datagram() {
                if !self.lose.contains(&self.sent) {
                    let _ = self.socket.send(&datagram);
                }
                self.sent += 1;
            }
            if done(self) {
                return Ok(());
            }
            assert!(Instant::now() < until, "nothing happened for too long: {:?}", self.dtls);
            let mut buffer = [0; 65536];
            let now = self.start.elapsed();
            match self.socket.recv(&mut buffer) {
                Ok(len) => self.dtls.receive(&buffer[..len], now)?,
                Err(_) => self.dtls.tick(now)?,
            }
        }
    }

    fn receive(&mut self, len: usize) -> Result<Vec<u8>, TlsError> {
        let mut data = Vec::new();
        self.run_until(|client| {
            while let Some(more) = client.dtls.take_received() {
                data.extend(more);
            }
            len <= data.len() || *client.dtls.state() == State::PeerClosed
        })?;
        Ok(data)
    }
}

fn openssl_server(version: Version, suite: &Suite, more: &[&str]) -> Server {
    let name = match suite.authentication() {
        Authentication::Ecdsa => "p256",
        Authentication::Dss => "dsa2048",
        _ => "rsa2048",
    };
    let (key, certificate) = (key(name), certificate(name));
    let flag = if version == Version::Tls12 { "-dtls1_2" } else { "-dtls1" };
    let cipher = format!("{}:@SECLEVEL=0", suite.openssl_name());
    let mut args = vec!["s_server", "-quiet", "-accept", "127.0.0.1:{port}", flag, "-key", &key, "-cert", &certificate];
    args.extend(["-cipher", &cipher]);
    args.extend(more);
    Server::start("openssl", &args)
}

/// A megabyte each way, in turns: nobody sends more than the other has room for, so no datagram gets lost.
fn exchange(server: &mut Server, client: &mut Client) -> Result<(), String> {
    const ROUNDS: usize = 66;
    let line = [&b"0123456789".repeat(1600)[..], b"\n"].concat();
    assert!(ROUNDS * line.len() >= DATA_LEN);
    for _ in 0..ROUNDS {
        client.dtls.send(&line).map_err(|error| error.to_string())?;
        client.run_until(|_| true).map_err(|error| error.to_string())?;
        if server.output(line.len()) != line {
            return Err("the server saw other bytes".into());
        }
        server.say(&line);
        let received = client.receive(line.len()).map_err(|error| error.to_string())?;
        if received != line {
            return Err(format!("received {} other bytes", received.len()));
        }
    }
    Ok(())
}

#[test]
fn openssl_all_suites() {
    let text = String::from_utf8(openssl(&["ciphers", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"])).unwrap();
    let suites = text.trim().split(':').filter_map(Suite::from_name);
    let mut failures = Vec::new();
    let mut count = 0;
    println!("\nopenssl s_server: DTLS by suite, 1 MiB each way");
    for suite in suites {
        for version in [Version::Tls11, Version::Tls12].into_iter().filter(|version| suite.is_for(*version)) {
            let mut server = openssl_server(version, suite, &["-mtu", "500"]);
            let res = Client::connect(server.port, Config::default(), &[]).map_err(|error| error.to_string());
            let res = res.and_then(|mut client| {
                let peer = client.dtls.peer().unwrap();
                assert_eq!((peer.version, peer.suite_code), (version, suite.code()));
                exchange(&mut server, &mut client)
            });
            count += 1;
            let name = if version == Version::Tls12 { "DTLSv1.2" } else { "DTLSv1  " };
            println!("openssl  {:46} {name} {}", suite.iana_name(), if res.is_ok() { "yes" } else { "NO" });
            failures.extend(res.err().map(|error| format!("{name} {}: {error}", suite.iana_name())));
        }
    }
    println!("{} of {count} connected", count - failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn cookies_and_lost_datagrams() {
    let suite = Suite::from_name("ECDHE-RSA-AES128-GCM-SHA256").unwrap();
    // A cookie is asked for; of our datagrams the first one, then the flight with our key, gets lost.
    let mut server = openssl_server(Version::Tls12, suite, &["-listen"]);
    let mut client = Client::connect(server.port, Config::default(), &[0, 3]).unwrap();
    assert!(4 < client.sent, "something was sent again");
    exchange(&mut server, &mut client).unwrap();
    client.dtls.close();
    assert!(client.dtls.take_datagram().is_some());
    assert_eq!(client.dtls.send(b"x"), Err(TlsError::NotOpen));
}

/// A megabyte each way with a server that sends back what it gets.
fn echo(client: &mut Client) -> Result<(), TlsError> {
    let line = [&b"0123456789".repeat(100)[..], b"\n"].concat();
    for _ in 0..DATA_LEN.div_ceil(line.len()) {
        client.dtls.send(&line)?;
        assert_eq!(client.receive(line.len())?, line);
    }
    Ok(())
}

#[test]
fn gnutls_all_suites() {
    let mut failures = Vec::new();
    let mut count = 0;
    println!("\ngnutls-serv: DTLS by suite, 1 MiB each way");
    // RC4 has no place in DTLS: a lost datagram would cost the rest (RFC 6347 §4.1.2.2).
    for suite in gnutls_suites().into_iter().filter(|suite| !suite.iana_name().contains("RC4")) {
        for version in [Version::Tls11, Version::Tls12].into_iter().filter(|version| suite.is_for(*version)) {
            let cell = Cell { server: "gnutls", version, suite, key: key_for(suite) };
            let priority = gnutls_priority(&cell).expect("only suites that it names are tried");
            let priority = priority.replace("VERS-TLS1.1", "VERS-DTLS1.0").replace("VERS-TLS1.2", "VERS-DTLS1.2");
            let (key, certificate) = (key(cell.key), certificate(cell.key));
            let mut args = vec!["--quiet", "--echo", "--udp", "--mtu", "1400", "--port", "{port}"];
            args.extend(["--x509keyfile", &key, "--x509certfile", &certificate, "--priority", &priority]);
            let server = Server::start("gnutls-serv", &args);
            let res = Client::connect(server.port, cell.config(), &[]).and_then(|mut client| {
                let peer = client.dtls.peer().unwrap();
                assert_eq!((peer.version, peer.suite_code), (version, suite.code()));
                echo(&mut client)
            });
            count += 1;
            let name = if version == Version::Tls12 { "DTLSv1.2" } else { "DTLSv1  " };
            println!("gnutls   {:46} {name} {}", suite.iana_name(), if res.is_ok() { "yes" } else { "NO" });
            failures.extend(res.err().map(|error| format!("{name} {}: {error}", suite.iana_name())));
        }
    }
    println!("{} of {count} connected", count - failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
