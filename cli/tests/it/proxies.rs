//! Scans and scripts through real proxies, and the rate that both keep.

use crate::daemons::{Daemons, free_port};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn perilune(args: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    let output = command.args(args).stdin(Stdio::null()).output().expect("the binary starts");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.code())
}

/// Greets who connects, and notes the local ports of all peers.
fn greeter() -> (u16, Arc<Mutex<Vec<Instant>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            noted.lock().expect("nobody panics with it").push(Instant::now());
            let _ = stream.write_all(b"greeting\n");
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                drop(stream);
            });
        }
    });
    (port, times)
}

#[test]
fn scans_and_scripts_go_through_proxies() {
    let daemons = Daemons::start_proxies();
    let (open, _) = greeter();
    let closed = free_port();
    let (http, socks) = (daemons.all[0].port, daemons.all[1].port);
    let chain = format!("socks5://127.0.0.1:{socks},http://127.0.0.1:{http},socks4://127.0.0.1:{socks}");
    for proxies in [
        format!("http://127.0.0.1:{http}"),
        format!("socks4://127.0.0.1:{socks}"),
        format!("socks5://127.0.0.1:{socks}"),
        chain,
    ] {
        let ports = format!("{open},{closed}");
        let args = ["-n", "-Pn", "-p", &ports, "--proxies", &proxies, "--script", "banner", "127.0.0.1"];
        let (report, status) = perilune(&args);
        assert_eq!(status, Some(0), "{proxies}\n{report}");
        let has = |port: u16, state: &str| report.lines().any(|line| line.starts_with(&format!("{port}/tcp {state}")));
        assert!(has(open, "open") && !has(closed, "open"), "{proxies}\n{report}");
        assert!(report.contains("|_banner: greeting"), "{proxies}\n{report}");
    }
    // What proxies can't carry is refused, and so are those that are none.
    for (args, part) in [
        (["-n", "-sU", "-p", "53", "--proxies", "socks5://127.0.0.1:1", "127.0.0.1"], "proxies carry no UDP"),
        (["-n", "-sS", "-p", "53", "--proxies", "socks5://127.0.0.1:1", "127.0.0.1"], "-sS needs the privilege"),
        (["-n", "-sT", "-p", "53", "--proxies", "gopher://127.0.0.1:1", "127.0.0.1"], "http, socks4 or socks5"),
    ] {
        let (report, status) = perilune(&args);
        assert!(status == Some(1) && report.contains(part), "{report}");
    }
}

#[test]
fn one_rate_holds_for_scans_and_scripts() {
    let (port, times) = greeter();
    let started = Instant::now();
    let ports = format!("{port},24200-24218");
    let (report, _) =
        perilune(&["-n", "-sT", "-Pn", "-p", &ports, "--max-rate", "20", "--script", "banner", "127.0.0.1"]);
    assert!(report.contains("|_banner: greeting"), "{report}");
    // Twenty probes and one connection of the script are twenty gaps; one may be caught up.
    assert!(started.elapsed() >= Duration::from_millis(850), "{:?}", started.elapsed());
    assert!(times.lock().expect("nobody panics with it").len() >= 2);
}
