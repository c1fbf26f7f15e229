//! `perilune demo`: small services inside this process, scanned like any others.

use crate::options::{Options, Parsed};
use crate::scan::{self, Failure};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Ports where scripts expect web servers; the first free ones are taken.
const WEB_PORTS: [u16; 8] = [8080, 8000, 8088, 8008, 8081, 8888, 5800, 631];
const SCRIPTS: &str = "banner,http-headers,http-server-header,http-title";

/// Starts the services, scans them with embedded scripts, and prints the report.
///
/// # Errors
/// When loopback has no free ports, and those of a scan.
pub fn run() -> Result<u8, Failure> {
    let services = [
        serve(&[0], |stream| greet(stream, "220 demo.perilune.example FTP ready\r\n")),
        serve(&[0], |stream| greet(stream, "SSH-2.0-PeriluneDemo_1.0\r\n")),
        serve(&WEB_PORTS, |stream| http(stream, "Perilune demo", "PeriluneDemo/1.0")),
        serve(&WEB_PORTS, |stream| http(stream, "Printer status: out of paper", "DemoPrinter/0.9")),
    ];
    let mut ports = Vec::new();
    for service in services {
        let port = service.map_err(|error| Failure(format!("cannot start a service on loopback: {error}")))?;
        ports.push(port.to_string());
    }
    let line = format!("-n -Pn -p {} --script {SCRIPTS} 127.0.0.1", ports.join(","));
    let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
    match Options::parse_args(args.iter().map(OsString::from).collect()) {
        Ok(Parsed::Scan(options)) => scan::scan(&options, args),
        Ok(Parsed::Text(_)) => Ok(0),
        Err(error) => Err(Failure(error.to_string())),
    }
}

/// Listens on the first of these ports of loopback that is free, 0 being any; a thread handles each connection.
fn serve(ports: &[u16], handle: fn(&mut TcpStream) -> io::Result<()>) -> io::Result<u16> {
    let addresses: Vec<_> = ports.iter().map(|&port| (Ipv4Addr::LOCALHOST, port).into()).collect();
    let listener = TcpListener::bind::<&[SocketAddr]>(&addresses)?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A client that goes away is none of the service's business.
            std::thread::spawn(move || drop(handle(&mut stream)));
        }
    });
    Ok(port)
}

/// Says something, and waits until the other side has enough.
fn greet(stream: &mut TcpStream, banner: &str) -> io::Result<()> {
    stream.write_all(banner.as_bytes())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    io::copy(stream, &mut io::sink()).map(drop)
}

/// Answers one request with a page.
fn http(stream: &mut TcpStream, title: &str, server: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16_384 {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    let page = format!("<html><head><title>{title}</title></head><body>Hello.</body></html>");
    let body = if request.starts_with(b"HEAD ") { "" } else { &page };
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        page.len()
    );
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
}
