//! Which hosts a scan takes, and what they are called.

use crate::daemons::free_port;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};

fn perilune(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    let output = command.args(args).stdin(Stdio::null()).output().expect("the binary starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{args:?}: {text}");
    text
}

/// Hosts that are listed, as they are called.
fn listed(args: &[&str]) -> Vec<String> {
    let report = perilune(&[&["-sL"], args].concat());
    report.lines().filter_map(|line| line.strip_prefix("Nmap scan report for ")).map(str::to_owned).collect()
}

#[test]
fn lists_exclusions_and_shards() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.to_string_lossy().into_owned()
    };
    let list = file("list", "10.0.0.1 # one\n10.0.0.8/30\t::1\n# none\n10.0.1-2.5");
    let spared = file("spared", "10.0.0.9\n10.0.2.0/24 # all\n");
    let found = listed(&["-n", "-iL", &list, "--exclude", "10.0.0.10,::2", "--excludefile", &spared, "10.9.9.9"]);
    assert_eq!(found, ["10.9.9.9", "10.0.0.1", "10.0.0.8", "10.0.0.11", "::1", "10.0.1.5"]);
    let whole = listed(&["-n", "10.0.0.0/28"]);
    let mut parts: Vec<Vec<String>> =
        ["1/3", "2/3", "3/3"].iter().map(|shard| listed(&["-n", "10.0.0.0/28", "--shard", shard])).collect();
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [6, 5, 5]);
    let mut together = parts.concat();
    let order = |text: &String| text.parse::<Ipv4Addr>().expect("an address");
    together.sort_by_key(order);
    assert_eq!(together, whole);
    parts[0].dedup();
    assert_eq!(parts[0].len(), 6);
    // Four billion addresses, of which two are this shard's.
    assert_eq!(listed(&["-n", "0.0.0.0/0", "--shard", "3/4000000000"]), ["0.0.0.2", "238.107.40.2"]);
    let random = || listed(&["-n", "-iR", "20", "--seed", "5"]);
    assert_eq!((random().len(), random()), (20, random()));
    assert_eq!(listed(&["-n", "--unique", "10.0.0.1", "10.0.0.1", "10.0.0-1.1"]), ["10.0.0.1", "10.0.1.1"]);
    assert_eq!(listed(&["-n", "-4", "localhost", "::1"]), ["localhost (127.0.0.1)"]);
}

#[test]
fn lines_of_a_list_may_name_ports() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list");
    let open = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("there is a free port");
    let port = open.local_addr().expect("it is bound").port();
    let closed = free_port();
    std::fs::write(&list, format!("127.0.0.1:{port},{closed}\n127.0.0.2:{closed}\n127.0.0.3\n"))
        .expect("it can be written");
    let report = perilune(&["-n", "-sT", "-p", &port.to_string(), "-iL", &list.to_string_lossy()]);
    let ports: Vec<String> = report
        .lines()
        .filter(|line| line.contains("/tcp "))
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let mut first = [(port, "open"), (closed, "closed")];
    first.sort();
    let expected = [first[0], first[1], (closed, "closed"), (port, "open")];
    assert_eq!(ports, expected.map(|(port, state)| format!("{port}/tcp {state}")), "{report}");
}

/// Answers a question for the name of 10.0.0.N: `hostN.example`, with a byte that has no place in a name; for N above
/// 200 only over TCP, and for 13 not at all. Names are at 10.0.0.77.
fn answer(question: &[u8], is_tcp: bool) -> Option<Vec<u8>> {
    let label_len = usize::from(question[12]);
    let label = String::from_utf8_lossy(&question[13..13 + label_len]).into_owned();
    let mut reply = question.to_vec();
    reply[2] |= 0x80;
    let data = match question[question.len() - 3] {
        12 => {
            let number: u8 = label.parse().ok()?;
            if number == 13 {
                return None;
            }
            if number > 200 && !is_tcp {
                reply[2] |= 2;
                return Some(reply);
            }
            let host = format!("host {number}");
            [&[host.len() as u8], host.as_bytes(), b"\x07example\0"].concat()
        }
        1 => vec![10, 0, 0, 77],
        _ => return Some(reply),
    };
    let kind = question[question.len() - 3];
    reply[7] = 1;
    reply.extend_from_slice(&[0xC0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, data.len() as u8]);
    reply.extend_from_slice(&data);
    Some(reply)
}

/// A name server of the test's own; its address.
fn name_server() -> String {
    let port = free_port();
    let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("it was free");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it was free");
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((len, peer)) = datagrams.recv_from(&mut buffer) {
            if let Some(reply) = answer(&buffer[..len], false) {
                let _ = datagrams.send_to(&reply, peer);
            }
        }
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut len = [0; 2];
            let _ = stream.read_exact(&mut len);
            let mut question = vec![0; usize::from(u16::from_be_bytes(len))];
            let _ = stream.read_exact(&mut question);
            if let Some(reply) = answer(&question, true) {
                let _ = stream.write_all(&[&(reply.len() as u16).to_be_bytes()[..], &reply].concat());
            }
        }
    });
    format!("127.0.0.1:{port}")
}

#[test]
fn names_come_from_name_servers() {
    let server = name_server();
    let found = listed(&["--dns-servers", &server, "10.0.0.12-14", "10.0.0.240", "some.example"]);
    let expected = [
        "host*12.example (10.0.0.12)",
        "10.0.0.13",
        "host*14.example (10.0.0.14)",
        "host*240.example (10.0.0.240)",
        "some.example (10.0.0.77)",
    ];
    assert_eq!(found, expected);
    // A server that is not there is passed over.
    let dead = format!("127.0.0.1:{}", free_port());
    assert_eq!(listed(&["--dns-servers", &format!("{dead},{server}"), "10.0.0.1"]), ["host*1.example (10.0.0.1)"]);
}
