//! Handshakes and bulk encryption beside OpenSSL's, in one run: `cargo bench -p perilune-tls`.
//!
//! The peer is `openssl s_server` on loopback. What counts is CPU time of the client's side, from `/proc`; of bulk data
//! only the time inside the connection, not what the sockets cost.

use perilune_tls::{Config, Connection, Suite, SystemRng, Version};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Handshakes of ours that are timed.
const HANDSHAKES: u32 = 2000;
/// Whole processes of `openssl s_client` that are timed.
const PROCESSES: u32 = 200;
/// Bytes encrypted, and decrypted.
const BULK_LEN: usize = 512 << 20;
/// Time of one of OpenSSL's runs, in seconds.
const OPENSSL_SECONDS: &str = "3";

/// A server, killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).stdin(Stdio::null()).output().expect("openssl must be installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn server(more: &[&str], stdin: Stdio) -> Server {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (key, cert) = (dir.join("bench.key"), dir.join("bench.pem"));
    let (key, cert) = (key.to_str().unwrap(), cert.to_str().unwrap());
    if !dir.join("bench.pem").exists() {
        let kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let out = ["-keyout", key, "-out", cert, "-subj", "/CN=bench.example", "-days", "3650"];
        openssl(&[&["req", "-x509", "-nodes"][..], &kind, &out].concat());
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let accept = format!("127.0.0.1:{port}");
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", &accept, "-key", key, "-cert", cert, "-tls1_3", "-num_tickets", "0"]);
    let child = command.args(more).stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let server = Server { child: child.expect("openssl must be installed"), port };
    while !fs::read_to_string("/proc/net/tcp").unwrap().contains(&format!(":{port:04X} 00000000:0000 0A")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}

/// CPU time of this thread.
fn own_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).expect("nanoseconds come first"))
}

/// CPU time of children that ended, in hundredths of a second.
fn children_cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    // Fields 16 and 17 of proc(5); the first two are before the parenthesis.
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn config(suite: &str) -> Config {
    let suites = vec![Suite::from_name(suite).expect("a suite of ours")];
    Config { suites, versions: vec![Version::Tls13], ..Config::default() }
}

/// Connects and shakes hands.
fn connect(port: u16, config: Config) -> (Connection, TcpStream) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    socket.set_nodelay(true).unwrap();
    let mut tls = Connection::new(config, Box::new(SystemRng)).expect("the configuration is sound");
    let mut buffer = [0; 32768];
    loop {
        socket.write_all(&tls.take_output()).unwrap();
        if tls.is_open() {
            return (tls, socket);
        }
        let len = socket.read(&mut buffer).unwrap();
        assert_ne!(len, 0, "the server ended");
        tls.receive(&buffer[..len]).unwrap();
    }
}

fn handshakes() {
    let server = server(&["-www"], Stdio::null());
    let address = format!("127.0.0.1:{}", server.port);
    connect(server.port, Config::default());
    let before = own_cpu();
    for _ in 0..HANDSHAKES {
        connect(server.port, Config::default());
    }
    let ours = (own_cpu() - before) / HANDSHAKES;
    let before = children_cpu();
    let text = openssl(&["s_time", "-connect", &address, "-new", "-tls1_3", "-time", OPENSSL_SECONDS]);
    let count = text.lines().find_map(|line| line.split_once(" connections in ")?.0.parse::<u32>().ok());
    let theirs = (children_cpu() - before) / count.expect("s_time says how many");
    let before = children_cpu();
    for _ in 0..PROCESSES {
        openssl(&["s_client", "-connect", &address, "-tls1_3"]);
    }
    let process = (children_cpu() - before) / PROCESSES;
    println!("full TLS 1.3 handshake, CPU of the client, sockets included");
    println!("  perilune-tls                 {ours:>10.1?}");
    println!("  openssl s_time               {theirs:>10.1?}  ratio {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    println!(
        "  openssl s_client, whole      {process:>10.1?}  ratio {:.2}",
        ours.as_secs_f64() / process.as_secs_f64()
    );
}

fn bulk(suite: &str) {
    let zeros = fs::File::open("/dev/zero").unwrap();
    let server = server(&["-quiet", "-ciphersuites", suite], zeros.into());
    let (mut tls, mut socket) = connect(server.port, config(suite));
    // The server sends nothing while it may be waiting for the rest of something.
    tls.send(b"go\n").unwrap();
    socket.write_all(&tls.take_output()).unwrap();
    let data = vec![0x5a; 16384];
    let (before, mut len) = (own_cpu(), 0);
    while len < BULK_LEN {
        for _ in 0..4 {
            tls.send(&data).unwrap();
        }
        len += 4 * data.len();
        tls.take_output();
    }
    let encrypted = len as f64 / (own_cpu() - before).as_secs_f64() / 1e6;
    // What was sent is not sent in truth; the other direction goes on all the same.
    let (mut spent, mut len) = (Duration::ZERO, 0);
    let mut buffer = vec![0; 65536];
    while len < BULK_LEN {
        let count = socket.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the server ended");
        let start = Instant::now();
        tls.receive(&buffer[..count]).unwrap();
        len += tls.take_received().len();
        spent += start.elapsed();
    }
    let decrypted = len as f64 / spent.as_secs_f64() / 1e6;
    println!("  {suite:28} encrypts {encrypted:7.0} MB/s, decrypts {decrypted:7.0} MB/s");
}

fn main() {
    handshakes();
    println!("bulk data in records of 16 KiB, one core");
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"].into_iter().for_each(bulk);
}
