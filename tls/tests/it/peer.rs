//! Server processes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A server; killed when dropped.
pub struct Server {
    child: Child,
    pub stdin: Option<ChildStdin>,
    stdout: Mutex<Receiver<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts a server on a free port, which stands for `{port}` in the arguments, and waits until it listens.
    pub fn start(program: &str, args: &[&str]) -> Server {
        Server::start_with(program, |port| args.iter().map(|arg| arg.replace("{port}", &port.to_string())).collect())
    }

    /// The same with arguments made for the port, and whatever files they name.
    pub fn start_with(program: &str, args: impl Fn(u16) -> Vec<String>) -> Server {
        for _ in 0..5 {
            let port = free_port();
            if let Some(server) = Server::try_start(program, port, args(port)) {
                return server;
            }
        }
        panic!("{program} {} does not start", args(0).join(" "));
    }

    /// The same for a server that may refuse what it is given; then there is none.
    pub fn start_if_it_can(program: &str, args: &[&str]) -> Option<Server> {
        let port = free_port();
        let args = args.iter().map(|arg| arg.replace("{port}", &port.to_string())).collect();
        Server::try_start(program, port, args)
    }

    fn try_start(program: &str, port: u16, args: Vec<String>) -> Option<Server> {
        let udp = args.iter().any(|arg| matches!(arg.as_str(), "--udp" | "-dtls" | "-dtls1" | "-dtls1_2"));
        let mut child = Command::new(program)
            .args(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
        let (sender, stdout) = channel();
        let mut out = child.stdout.take().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(len) = out.read(&mut buffer) {
                if len == 0 || sender.send(buffer[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (mut err, log) = (child.stderr.take().unwrap(), stderr.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len) = err.read(&mut buffer) {
                if len == 0 {
                    break;
                }
                log.lock().unwrap().extend_from_slice(&buffer[..len]);
            }
        });
        let stdin = child.stdin.take();
        let mut server = Server { child, stdin, stdout: Mutex::new(stdout), stderr, port };
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if server.child.try_wait().unwrap().is_some() {
                // Mostly another test took the port in between.
                eprintln!("{program} ended: {}", server.log());
                return None;
            }
            if listens(server.child.id(), port, udp) {
                return Some(server);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Writes to the server's standard input, on another thread.
    pub fn type_in(&mut self, bytes: Vec<u8>) {
        self.type_lines(vec![bytes]);
    }

    /// The same in pieces that it reads one by one.
    pub fn type_lines(&mut self, lines: Vec<Vec<u8>>) {
        let mut stdin = self.stdin.take().expect("typed once only");
        thread::spawn(move || {
            for line in lines {
                let _ = stdin.write_all(&line);
                let _ = stdin.flush();
                thread::sleep(Duration::from_millis(150));
            }
            // Its end would end the server.
            thread::sleep(Duration::from_secs(60));
        });
    }

    /// Writes to the server's standard input at once: less than a pipe holds.
    pub fn say(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("nothing else types");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).expect("the server reads");
    }

    /// Bytes of the server's standard output until there are as many.
    pub fn output(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            match self.stdout.get_mut().unwrap().recv_timeout(Duration::from_secs(10)) {
                Ok(more) => bytes.extend(more),
                Err(_) => break,
            }
        }
        bytes
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) {
        let _ = self.child.wait();
    }

    /// What it wrote on standard error.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }
}

/// Whether a process listens on a port, without a connection: servers that take one connection only would lose it. That
/// somebody does is not enough, since another test may have been given the same free port.
fn listens(pid: u32, port: u16, udp: bool) -> bool {
    let sockets = sockets_of(pid);
    let table = if udp { "/proc/net/udp" } else { "/proc/net/tcp" };
    let suffix = format!(":{port:04X}");
    [table.to_string(), format!("{table}6")].iter().any(|table| {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        text.lines().any(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let column = |idx: usize| columns.get(idx).copied().unwrap_or_default();
            let listening = udp || column(3) == "0A";
            listening && column(1).ends_with(&suffix) && sockets.iter().any(|inode| inode == column(9))
        })
    })
}

/// Inode numbers of the sockets that a process has open.
fn sockets_of(pid: u32) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let links = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inode = |link: std::path::PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    links.filter_map(inode).collect()
}
