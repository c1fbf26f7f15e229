//! Libraries of an installed Nmap on our modules (`apt-get install nmap`).

use super::machine::file;
use crate::support::{Folder, results, service};
use perilune_nse::{DataFolders, Options};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

fn with_nmap_libraries() -> Options {
    let folder = PathBuf::from("/usr/share/nmap");
    assert!(folder.join("nselib/json.lua").exists(), "Nmap is installed");
    Options { data: DataFolders::of(vec![folder]), ..Options::default() }
}

#[test]
fn grammars_of_libraries_work() {
    let script = file("libraries.nse").to_string_lossy().into_owned();
    let lines = results(with_nmap_libraries(), &[script], &[1]);
    // The depths of JSON documents in the first lines are those of LPeg 0.12.
    let expected = "0 libraries: 33 too many pending calls/choices
31 too many pending calls/choices
31 too many pending calls/choices
15 too many pending calls/choices
true 1 2.5 -300.0 true false true xA
\"y nil
false syntax error
false syntax error
[1, \"two\", {\"x\": true}]
abc 123
7 9
h*ll* w*rld
false pattern error near '[a-'
false nselib/re.lua:188: name 'nothing' undefined
false rule 'b' undefined in given grammar
4
5002
a b  c
HTTP

add 3 33
true";
    assert_eq!(lines.join("\n"), expected);
}

/// "packed body of a page" as the C library packs it.
#[rustfmt::skip]
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0x48,
    0x4c, 0xce, 0x4e, 0x4d, 0x51, 0x48, 0xca, 0x4f, 0xa9, 0x54, 0xc8, 0x4f,
    0x53, 0x48, 0x54, 0x28, 0x48, 0x4c, 0x4f, 0x05, 0x00, 0x8e, 0xaf, 0x00,
    0xdb, 0x15, 0x00, 0x00, 0x00,
];

/// Answers `/gzip`, `/cut` and `/bad` with a packed body, whole, cut or damaged.
fn packed_pages(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let body = match request.split(|&byte| byte == b' ').nth(1) {
        Some(b"/gzip") => GZIP,
        Some(b"/cut") => &GZIP[..24],
        _ => b"\x1f\x8b\x07 is no method",
    };
    let head = format!("HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

#[test]
fn packed_bodies_are_read() {
    let folder = Folder::new();
    let script = folder.script(
        "packed.nse",
        "local http = require 'http'
        portrule = function() return true end
        action = function(host, port)
            local texts = {}
            for i, path in ipairs { '/gzip', '/cut', '/bad' } do
                local response = http.get(host, port, path)
                texts[i] = tostring(response.body) .. ' ' .. tostring(response.decoded and response.decoded[1])
            end
            return table.concat(texts, '|')
        end",
    );
    let lines = results(with_nmap_libraries(), &[script], &[service(packed_pages)]);
    assert_eq!(lines, ["0 packed: packed body of a page gzip|packed body o gzip|nil nil"]);
}
