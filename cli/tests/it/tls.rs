//! TLS as a user of the command line meets it.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A web server over TLS in the current folder, with the pair of files `key.pem` and `cert.pem`; prints its port.
const SERVER: &str = "
import http.server, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
";

/// A server that is killed with the value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn perilune(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perilune")).args(args).stdin(Stdio::null()).output().expect("the binary starts")
}

fn serve(folder: &Path) -> (Server, u16) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-keyout", "key.pem", "-out", "cert.pem"]);
    let made = openssl.args(["-subj", "/CN=web.example"]).current_dir(folder).output();
    assert!(made.expect("openssl must be installed").status.success());
    std::fs::write(folder.join("index.html"), "<html><title>Over TLS</title></html>").unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", SERVER]).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = python.spawn().expect("python3 must be installed");
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Server(child), line.trim().parse().expect("it says where it listens"))
}

/// Our own scripts and libraries, which find out by themselves that the port speaks TLS.
#[test]
fn pages_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = serve(folder.path());
    let output = perilune(&["-n", "-Pn", "-p", &port.to_string(), "--script", "+http-title", "127.0.0.1"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("http-title: Over TLS"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// A script hears only `ERROR`; who debugs reads why.
#[test]
fn why_a_handshake_failed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"220 mail.example\r\n");
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("plain.nse");
    let source = "portrule = function() return true end
        action = function(host, port) return select(2, nmap.new_socket():connect(host, port, 'ssl')) end";
    std::fs::write(&script, source).unwrap();
    let port = port.to_string();
    let output = perilune(&["-d", "-n", "-Pn", "-p", &port, "--script", script.to_str().unwrap(), "127.0.0.1"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("plain: ERROR"));
    let expected = format!(
        "TLS handshake with 127.0.0.1:{port} failed: the peer does not speak TLS: its answer begins with \
         \"220 mail.example\\r\\n\""
    );
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains(&expected), "{errors}");
}
