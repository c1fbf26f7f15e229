//! An engine with scripts from a folder of the test's own, and services that answer in threads.

use perilune_nse::{Engine, Options, Phase};
use perilune_scan::real::RealNetwork;
use perilune_scan::result::{Host, Port, PortState, Protocol, Reason};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is removed with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("perilune-nse-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder can be made");
        Folder(path)
    }

    /// Writes a script; its path.
    pub fn script(&self, name: &str, source: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, source).expect("the script can be written");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a service on loopback that handles each connection in a thread; its port.
pub fn service(handle: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = handle.clone();
            std::thread::spawn(move || handle(stream));
        }
    });
    port
}

/// Sends back what it gets.
pub fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Loopback with these ports open.
pub fn host(ports: &[u16]) -> Host {
    let mut host = Host::new(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let port = |&number| Port {
        number,
        protocol: Protocol::Tcp,
        state: PortState::Open,
        reason: Reason::SynAck,
        reason_ttl: 0,
        reason_address: None,
        service: None,
        version: None,
        scripts: Vec::new(),
    };
    host.ports = ports.iter().map(port).collect();
    host
}

pub fn engine(options: Options) -> Engine {
    let network = RealNetwork::new().expect("the system has a poller");
    Engine::new(options, Box::new(network)).expect("the engine opens")
}

/// Runs scripts over loopback with these ports; `port id: output` of each result, sorted.
pub fn results(options: Options, scripts: &[String], ports: &[u16]) -> Vec<String> {
    let mut engine = engine(options);
    engine.select(scripts).expect("the scripts load");
    let (hosts, _) = engine.run(Phase::Scan, vec![host(ports)]);
    let text = |output: &[u8]| String::from_utf8_lossy(output).into_owned();
    let mut lines: Vec<String> =
        hosts[0].scripts.iter().map(|result| format!("host {}: {}", result.id, text(&result.output))).collect();
    for (idx, port) in hosts[0].ports.iter().enumerate() {
        lines.extend(port.scripts.iter().map(|result| format!("{idx} {}: {}", result.id, text(&result.output))));
    }
    lines
}

/// Runs one port script against one service; its output.
pub fn output(source: &str, handle: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let folder = Folder::new();
    let body = format!("portrule = function() return true end\naction = function(host, port)\n{source}\nend");
    let script = folder.script("test.nse", &body);
    let lines = results(Options::default(), &[script], &[service(handle)]);
    assert!(lines.len() <= 1, "one result at most: {lines:?}");
    lines.into_iter().next().map_or_else(|| "nothing".to_owned(), |line| line.replacen("0 test: ", "", 1))
}
