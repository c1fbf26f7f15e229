//! TLS and DTLS on script sockets, against servers of other makers.

use crate::support::{Folder, echo, output, results, service};
use perilune_nse::Options;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn openssl(args: &[&str]) {
    let output = Command::new("openssl").args(args).output().expect("openssl must be installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Key and self-signed certificate, made once: RSA and EC.
fn pair(kind: &str) -> (String, String) {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("nse-tls-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the folder can be made");
        for (kind, key) in [("rsa", "rsa:2048"), ("ec", "ec"), ("weak", "rsa:1024")] {
            let (key_path, cert) = (dir.join(format!("{kind}.key")), dir.join(format!("{kind}.pem")));
            let subject = format!("/C=DE/O=Perilune/CN={kind}.example");
            let mut args = vec!["req", "-x509", "-nodes", "-days", "30", "-newkey", key, "-subj", &subject];
            if key == "ec" {
                args.extend(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
            }
            args.extend(["-addext", "subjectAltName=DNS:a.example,IP:192.0.2.1"]);
            args.extend(["-keyout", key_path.to_str().unwrap(), "-out", cert.to_str().unwrap()]);
            openssl(&args);
        }
        dir
    });
    let path = |suffix: &str| dir.join(format!("{kind}.{suffix}")).to_str().unwrap().to_owned();
    (path("key"), path("pem"))
}

/// A server process, killed with the value.
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

impl Server {
    /// Starts a server on a free port, which stands for `{port}`, and waits until somebody listens there.
    fn start(program: &str, args: &[&str], udp: bool) -> Server {
        let port = if udp {
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
        } else {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
        };
        let args = args.iter().map(|arg| arg.replace("{port}", &port.to_string()));
        let null = Stdio::null;
        let child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(null()).stderr(null()).spawn();
        let server = Server { child: child.unwrap_or_else(|error| panic!("{program}: {error}")), port };
        let until = Instant::now() + Duration::from_secs(10);
        while !listens(port, udp) {
            assert!(Instant::now() < until, "{program} does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// `openssl s_server` that sends each line back in reverse.
    fn openssl(kind: &str, more: &[&str]) -> Server {
        let (key, cert) = pair(kind);
        let fixed = ["s_server", "-rev", "-accept", "127.0.0.1:{port}", "-key", &key, "-cert", &cert];
        Server::start("openssl", &[&fixed[..], more].concat(), false)
    }
}

/// Without a connection: some servers take one only.
pub fn listens(port: u16, udp: bool) -> bool {
    let (files, state) = if udp { (["udp", "udp6"], " 07 ") } else { (["tcp", "tcp6"], " 0A ") };
    let local = format!(":{port:04X} ");
    files.iter().any(|file| {
        let text = std::fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
        text.lines().any(|line| line.contains(&local) && line.contains(state))
    })
}

/// The output of a port script against a server.
fn run(port: u16, source: &str) -> String {
    let folder = Folder::new();
    let body = format!("portrule = function() return true end\naction = function(host, port)\n{source}\nend");
    let script = folder.script("test.nse", &body);
    let lines = results(Options::default(), &[script], &[port]);
    lines.into_iter().next().map_or_else(|| "nothing".to_owned(), |line| line.replacen("0 test: ", "", 1))
}

#[test]
fn connect_send_receive_close() {
    for flag in ["-tls1_2", "-tls1_3"] {
        let server = Server::openssl("rsa", &[flag]);
        let source = "local s = nmap.new_socket()
            local ok = s:connect(host, port, 'ssl')
            s:send('hello\\n')
            local _, line = s:receive_lines(1)
            local again = s:reconnect_ssl()
            s:send('world\\n')
            local _, second = s:receive_buf('\\n', false)
            local timeout = s:set_timeout(100)
            local nothing, status = s:receive()
            return table.concat({ tostring(ok), line, tostring(again), second, tostring(nothing), status, tostring(s:close()) }, '|')";
        assert_eq!(run(server.port, source), "true|olleh\n|true|dlrow|nil|TIMEOUT|true", "{flag}");
    }
}

#[test]
fn the_certificate_has_all_fields() {
    let server = Server::openssl("rsa", &[]);
    let source = "local s = nmap.new_socket()
        s:connect(host, port, 'ssl')
        local cert = s:get_ssl_certificate()
        s:close()
        local out = { type(cert), tostring(cert):match('^SSL_CERT: 0x') and 'named' }
        local put = function(text) out[#out + 1] = tostring(text) end
        put(cert.subject.commonName) put(cert.issuer.countryName)
        put(cert.sig_algorithm) put(cert.pubkey.type) put(cert.pubkey.bits) put(cert.pubkey.exponent)
        put(#tostring(cert.pubkey.modulus))
        put(math.type(cert.validity.notBefore.year)) put(cert.pem:sub(1, 27)) put(#cert:digest('SHA1'))
        put(select('#', cert:digest('nonsense')))
        for _, extension in ipairs(cert.extensions) do
          if extension.name:find('Alt') then put(extension.value) put(extension.critical) end
        end
        put(cert.nothing) put(pcall(function() cert.subject2 = 1 end)) put((pcall(function() return #cert end)))
        put(cert.subject == cert.subject)
        put(select(2, pcall(cert.digest, cert)))
        local parsed = nmap.socket.parse_ssl_certificate('nonsense')
        put(parsed)
        return table.concat(out, '|')";
    let expected = "userdata|named|rsa.example|DE|sha256WithRSAEncryption|rsa|2048|010001|512|integer|\
        -----BEGIN CERTIFICATE-----|20|0|DNS:a.example, IP Address:192.0.2.1|nil|nil|false|false|true|\
        bad argument #2 to '?' (string expected, got no value)|nil";
    assert_eq!(run(server.port, source), expected);
    let server = Server::openssl("ec", &[]);
    let source = "local s = nmap.new_socket()
        s:connect(host, port, 'ssl')
        local key = s:get_ssl_certificate().pubkey
        local curve = key.ecdhparams.curve_params
        return key.type .. key.bits .. curve.ec_curve_type .. curve.curve .. tostring(key.modulus)";
    assert_eq!(run(server.port, source), "ec256namedcurveprime256v1nil");
}

#[test]
fn without_tls_or_certificate() {
    let source = "local s = nmap.new_socket()
        local before = select(2, pcall(s.get_ssl_certificate, s))
        s:connect(host, port)
        local plain = select(2, pcall(function() return s:get_ssl_certificate() end))
        return before .. '|' .. plain";
    let got = output(source, echo);
    assert!(got.contains("bad argument #1 to '?' (not a SSL socket)"), "{got}");
    assert!(got.ends_with("calling 'get_ssl_certificate' on bad self (not a SSL socket)"), "{got}");
    let server = Server::openssl("rsa", &["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"]);
    let source = "local s = nmap.new_socket()
        return tostring(s:connect(host, port, 'ssl')) .. tostring(s:get_ssl_certificate())";
    assert_eq!(run(server.port, source), "truenil");
}

#[test]
fn failures_are_statuses() {
    let connect = "local s = nmap.new_socket()
        s:set_timeout(300)
        local ok, status = s:connect(host, port, 'ssl')
        return tostring(ok) .. status .. tostring(s:get_info()) .. tostring((s:send('x'))) .. tostring(s:close())";
    let words = |mut stream: TcpStream| drop(stream.write_all(b"220 no TLS here\r\n"));
    assert_eq!(output(connect, words), "nilERRORtrueniltrue");
    assert_eq!(output(connect, drop::<TcpStream>), "nilERRORtrueniltrue");
    let silent = |stream: TcpStream| {
        std::thread::sleep(Duration::from_secs(2));
        drop(stream);
    };
    assert!(output(connect, silent).starts_with("nilTIMEOUT"));
    let plain = "local s = nmap.new_socket()
        local ok, status = s:reconnect_ssl()
        local udp = nmap.new_socket('udp')
        local no = udp:reconnect_ssl()
        return tostring(ok) .. status .. tostring(no)";
    assert_eq!(output(plain, echo), "falsesocket must be connectedfalse");
    // A server that wants our certificate says so only after the handshake.
    let server = Server::openssl("rsa", &["-tls1_3", "-Verify", "1"]);
    let source = "local s = nmap.new_socket()
        local ok = s:connect(host, port, 'ssl')
        local got, status = s:receive()
        return tostring(ok) .. tostring(got) .. status";
    assert_eq!(run(server.port, source), "truenilERROR");
}

#[test]
fn the_name_that_is_asked_for() {
    let (key, cert) = pair("ec");
    let more = ["-servername", "second.example", "-key2", &key, "-cert2", &cert];
    let server = Server::openssl("rsa", &more);
    let source = "local name = function(target)
            local s = nmap.new_socket()
            s:connect(target, port, 'ssl')
            local name = s:get_ssl_certificate().subject.commonName
            s:close()
            return name
        end
        return name(host) .. name({ ip = host.ip, targetname = 'second.example' })
            .. name({ ip = host.ip, targetname = 'other.example' })";
    assert_eq!(run(server.port, source), "rsa.exampleec.examplersa.example");
}

/// Says a few words in clear, then passes bytes to and fro.
fn starttls(port: u16) -> impl Fn(TcpStream) + Clone + Send + 'static {
    move |mut stream| {
        let _ = stream.write_all(b"220 ready\r\n");
        let mut line = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let _ = reader.read_line(&mut line);
        let _ = stream.write_all(if line == "STARTTLS\r\n" { b"220 go\r\n" } else { b"500 what\r\n" });
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let pass = |mut from: TcpStream, mut to: TcpStream| {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..len]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Both);
        };
        let (a, b) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
        let back = std::thread::spawn(move || pass(b, a));
        pass(stream, server);
        let _ = back.join();
    }
}

#[test]
fn tls_starts_on_a_connection_that_is_there() {
    let server = Server::openssl("rsa", &[]);
    let source = "local s = nmap.new_socket()
        s:connect(host, port)
        s:receive_lines(1)
        s:send('STARTTLS\\r\\n')
        s:receive_lines(1)
        local ok = s:reconnect_ssl()
        s:send('after\\n')
        local _, line = s:receive_lines(1)
        return tostring(ok) .. line .. s:get_ssl_certificate().subject.commonName";
    assert_eq!(output(source, starttls(server.port)), "trueretfa\nrsa.example");
    // What the script did not read breaks the handshake.
    let early = "local s = nmap.new_socket()
        s:connect(host, port)
        local ok, status = s:reconnect_ssl()
        return tostring(ok) .. status";
    assert_eq!(output(early, starttls(server.port)), "nilERROR");
}

#[test]
fn much_data_both_ways() {
    let (key, cert) = pair("rsa");
    let args = ["--quiet", "--echo", "--port", "{port}", "--x509keyfile", &key, "--x509certfile", &cert];
    let server = Server::start("gnutls-serv", &args, false);
    let source = "local s = nmap.new_socket()
        s:connect(host, port, 'ssl')
        local sent, got = {}, {}
        for i = 1, 100 do
          local block = string.rep(string.char(i + 20), 7999) .. '\\n'
          s:send(block)
          local _, answer = s:receive_bytes(8000)
          sent[i], got[i] = block, answer
        end
        return tostring(table.concat(sent) == table.concat(got))";
    assert_eq!(run(server.port, source), "true");
}

#[test]
fn an_end_with_and_without_a_goodbye_is_an_end() {
    let (key, cert) = pair("rsa");
    let source = "local s = nmap.new_socket()
        s:connect(host, port, 'ssl')
        s:send('CLOSE\\n')
        local a, first = s:receive()
        local b, second = s:receive()
        return table.concat({ tostring(a), first, tostring(b), second }, '|')";
    // s_server -rev ends the connection when it reads CLOSE.
    let server = Server::openssl("rsa", &[]);
    assert_eq!(run(server.port, source), "nil|EOF|false|EOF");
    let args = ["s_server", "-quiet", "-accept", "127.0.0.1:{port}", "-key", &key, "-cert", &cert];
    let mut server = Server::start("openssl", &args, false);
    let port = server.port;
    let cut = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        let _ = server.child.kill();
        let _ = server.child.wait();
    });
    // Cut off, with nothing unread that would make it a reset.
    assert_eq!(run(port, &source.replace("s:send('CLOSE\\n')", "")), "nil|EOF|false|EOF");
    cut.join().unwrap();
}

#[test]
fn datagrams() {
    let (key, cert) = pair("rsa");
    let args = ["--udp", "--echo", "--port", "{port}", "--x509keyfile", &key, "--x509certfile", &cert];
    let server = Server::start("gnutls-serv", &args, true);
    let source = format!(
        "local s = nmap.new_socket('udp')
        s:set_timeout(15000)
        local ok, status = s:connect(host, {}, 'ssl')
        s:send('hello')
        local _, got = s:receive()
        local cert = s:get_ssl_certificate()
        s:close()
        return table.concat({{ tostring(ok), tostring(got), cert.subject.commonName }}, '|')",
        server.port
    );
    assert_eq!(output(&source, echo), "true|hello|rsa.example");
    // Nobody answers: the hello is sent again, and then the time is over.
    let deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = deaf.local_addr().unwrap().port();
    let source = format!(
        "local s = nmap.new_socket('udp')
        s:set_timeout(1600)
        local ok, status = s:connect(host, {port}, 'ssl')
        return tostring(ok) .. status"
    );
    assert_eq!(output(&source, echo), "nilTIMEOUT");
    deaf.set_nonblocking(true).unwrap();
    let hellos = (0..).take_while(|_| deaf.recv(&mut [0; 2048]).is_ok()).count();
    // A third one goes out when the machine was too busy to see in time that the time is over.
    assert!((2..=3).contains(&hellos), "{hellos}");
}

#[test]
fn ssl3_by_a_second_socket() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tlslite-nse");
    if !dir.join("tlslite").is_dir() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(&dir);
        let output = pip.arg("tlslite-ng==0.8.2").output().expect("python3 must be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../tls/tests/it/tlslite_server.py");
    let (key, cert) = pair("weak");
    let path = format!("PYTHONPATH={}", dir.display());
    let args = [&path, "python3", program, "{port}", &key, &cert, "ssl3"];
    let server = Server::start("env", &args, false);
    let source = "local s = nmap.new_socket()
        local ok = s:connect(host, port, 'ssl')
        s:send('hello')
        local _, got = s:receive_bytes(5)
        return tostring(ok) .. tostring(got) .. s:get_ssl_certificate().subject.commonName";
    assert_eq!(run(server.port, source), "truehelloweak.example");
}

/// Many at once: each its own connection, and one slow server does not hold up the others.
#[test]
fn many_at_once() {
    let servers: Vec<Server> = (0..6).map(|_| Server::openssl("ec", &[])).collect();
    let silent = service(|stream| {
        std::thread::sleep(Duration::from_secs(3));
        drop(stream);
    });
    let folder = Folder::new();
    let body = "portrule = function() return true end
        action = function(host, port)
          local s = nmap.new_socket()
          s:set_timeout(1000)
          if not s:connect(host, port, 'ssl') then return 'none' end
          local lines = {}
          for i = 1, 20 do s:send(i .. '\\n') lines[i] = select(2, s:receive_lines(1)) end
          return tostring(#table.concat(lines))
        end";
    let script = folder.script("test.nse", body);
    let mut ports: Vec<u16> = servers.iter().map(|server| server.port).collect();
    ports.push(silent);
    let lines = results(Options::default(), &[script], &ports);
    let good = lines.iter().filter(|line| line.ends_with(": 51")).count();
    assert_eq!((good, lines.len()), (6, 7), "{lines:?}");
}
