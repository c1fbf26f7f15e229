//! The real network against listeners in the same process.

use perilune_scan::net::{Millis, NetError, Network, Read, Ready, SocketId, Transport, Write};
use perilune_scan::real::RealNetwork;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// A test that waits longer has failed.
const LIMIT_MS: u64 = 5_000;

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Waits until `done` gives something, asking after each wait.
fn until<T>(network: &mut RealNetwork, mut done: impl FnMut(&mut RealNetwork, &[Ready]) -> Option<T>) -> T {
    let limit = network.now().after(LIMIT_MS);
    let mut ready = Vec::new();
    loop {
        if let Some(value) = done(network, &ready) {
            return value;
        }
        assert!(network.now() < limit, "nothing happened in {LIMIT_MS} ms");
        ready.clear();
        network.wait(Some(limit), &mut ready);
    }
}

fn connect(network: &mut RealNetwork, to: SocketAddr) -> Result<SocketId, NetError> {
    let id = network.open(Transport::Tcp, Some(to), None)?;
    until(network, |network, _| network.connect_result(id)).map(|()| id)
}

#[test]
fn stream_is_written_read_and_ends() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut peer = listener.accept().unwrap().0;
        let mut question = [0; 5];
        peer.read_exact(&mut question).unwrap();
        peer.write_all(b"pong ").unwrap();
        peer.write_all(&question).unwrap();
    });
    let mut network = RealNetwork::new().unwrap();
    let id = connect(&mut network, address).unwrap();
    assert_eq!(network.peer_addr(id), Some(address));
    assert!(network.local_addr(id).is_some());
    assert_eq!(network.write(id, b"hello"), Write::Written(5));
    let mut got = Vec::new();
    until(&mut network, |network, _| {
        loop {
            match network.read(id, &mut got, 4) {
                Read::Data(len) => assert!((1..=4).contains(&len)),
                Read::WouldBlock => return None,
                Read::Eof => return Some(()),
                Read::Failed(error) => panic!("{error:?}"),
            }
        }
    });
    assert_eq!(got, b"pong hello");
    network.close(id);
    assert_eq!(network.read(id, &mut got, 4), Read::Failed(NetError::Other));
    assert_eq!(network.sockets_open(), 0);
    server.join().unwrap();
}

#[test]
fn closed_port_refuses() {
    let address = TcpListener::bind(loopback()).unwrap().local_addr().unwrap();
    let mut network = RealNetwork::new().unwrap();
    assert_eq!(connect(&mut network, address), Err(NetError::Refused));
}

/// What becomes of a probe; a busy system may need more than one look.
fn probe(network: &mut RealNetwork, to: SocketAddr) -> Result<SocketId, NetError> {
    let (id, _) = network.open_probe(to)?;
    until(network, |network, _| network.probe_result(id)).map(|()| id).inspect_err(|_| network.close(id))
}

/// Sockets of refused connections are used again, for whatever may be asked next.
#[test]
fn refused_sockets_are_used_again() {
    let mut network = RealNetwork::new().unwrap();
    let closed = TcpListener::bind(loopback()).unwrap().local_addr().unwrap().port();
    let servers = ["127.0.0.1", "127.71.3.4", "::1"].map(|ip| TcpListener::bind((ip, 0)).unwrap());
    for server in &servers {
        let open = server.local_addr().unwrap();
        for round in 0..4 {
            for other in &servers {
                let asked = SocketAddr::new(other.local_addr().unwrap().ip(), closed);
                assert_eq!(probe(&mut network, asked), Err(NetError::Refused), "{asked}, round {round}");
            }
            let id = probe(&mut network, open).unwrap();
            let (peer, _) = (network.local_addr(id), network.abort(id));
            assert_eq!(server.accept().map(|(_, peer)| peer).ok(), peer, "{open}, round {round}");
        }
        let id = connect(&mut network, open).unwrap();
        assert_eq!(network.peer_addr(id), Some(open));
        network.close(id);
    }
    assert_eq!(network.sockets_open(), 0);
}

#[test]
fn readiness_names_the_socket() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let mut network = RealNetwork::new().unwrap();
    let idle = connect(&mut network, listener.local_addr().unwrap()).unwrap();
    let id = connect(&mut network, listener.local_addr().unwrap()).unwrap();
    let _first = listener.accept().unwrap();
    let mut peer = listener.accept().unwrap().0;
    peer.write_all(b"x").unwrap();
    until(&mut network, |_, ready| {
        assert!(!ready.iter().any(|ready| ready.id == idle && ready.readable));
        ready.iter().any(|ready| ready.id == id && ready.readable).then_some(())
    });
}

#[test]
fn what_comes_after_a_read_is_told() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let mut network = RealNetwork::new().unwrap();
    let id = connect(&mut network, listener.local_addr().unwrap()).unwrap();
    let mut peer = listener.accept().unwrap().0;
    let mut got = Vec::new();
    let mut next = |network: &mut RealNetwork| {
        until(network, |network, _| match network.read(id, &mut got, 100) {
            Read::WouldBlock => None,
            read => Some(read),
        })
    };
    for _ in 0..3 {
        peer.write_all(b"some").unwrap();
        assert_eq!(next(&mut network), Read::Data(4));
    }
    // Data and the end of the stream in one event.
    peer.write_all(b"last").unwrap();
    drop(peer);
    assert_eq!(next(&mut network), Read::Data(4));
    assert_eq!([next(&mut network), next(&mut network)], [Read::Eof; 2]);
}

#[test]
fn abort_resets_the_peer() {
    let listener = TcpListener::bind(loopback()).unwrap();
    let mut network = RealNetwork::new().unwrap();
    let id = connect(&mut network, listener.local_addr().unwrap()).unwrap();
    let mut peer = listener.accept().unwrap().0;
    network.abort(id);
    let error = peer.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn datagrams_with_and_without_a_peer() {
    let server = UdpSocket::bind(loopback()).unwrap();
    server.set_read_timeout(Some(Duration::from_millis(LIMIT_MS))).unwrap();
    let address = server.local_addr().unwrap();
    let mut network = RealNetwork::new().unwrap();
    let free = network.open(Transport::Udp, None, None).unwrap();
    let bound = network.open(Transport::Udp, Some(address), Some(loopback())).unwrap();
    assert_eq!(network.write_to(free, b"free", address), Write::Written(4));
    assert_eq!(network.write(bound, b"bound"), Write::Written(5));
    let mut buffer = [0; 16];
    for expected in [&b"free"[..], b"bound"] {
        let (len, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], expected);
        server.send_to(b"answer", from).unwrap();
    }
    for id in [free, bound] {
        let mut got = Vec::new();
        let from = until(&mut network, |network, _| match network.read_from(id, &mut got, 3) {
            (Read::WouldBlock, None) => None,
            read => Some(read),
        });
        assert_eq!((from, &got[..]), ((Read::Data(3), Some(address)), &b"ans"[..]));
    }
}

#[test]
fn wait_ends_at_its_time() {
    let mut network = RealNetwork::new().unwrap();
    let mut ready = Vec::new();
    network.wait(None, &mut ready);
    let started = Instant::now();
    network.wait(Some(network.now().after(30)), &mut ready);
    network.wait(Some(Millis(0)), &mut ready);
    assert!(started.elapsed() >= Duration::from_millis(28) && ready.is_empty());
}

#[test]
fn tcp_needs_a_peer_and_one_family() {
    let mut network = RealNetwork::new().unwrap();
    assert_eq!(network.open(Transport::Tcp, None, Some(loopback())), Err(NetError::Other));
    let mixed = network.open(Transport::Tcp, Some("[::1]:1".parse().unwrap()), Some(loopback()));
    assert!(mixed.is_err());
}
