//! The daemons that people run, all of them on OpenSSL: nginx, stunnel, and Postfix by STARTTLS.
//!
//! Each allows everything it can be told to allow; the client offers one protocol and one suite at a time.

use crate::client::Client;
use crate::keys::{KINDS, address, certificate, dir, key, openssl};
use crate::matrix::TLS13_SUITES;
use crate::peer::Server;
use crate::table::{Cell, DATA_LEN, cells, check_peer, data, exchange, openssl_suites, run};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// What the daemons are told to allow.
const CIPHERS: &str = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
/// The daemons must take the smallest keys too.
const CONFIGURATION: &str = "openssl_conf = start\n[start]\nssl_conf = modules\n[modules]\nsystem_default = all\n\
    [all]\nCipherString = DEFAULT:@SECLEVEL=0\nMinProtocol = TLSv1\n";

/// Starts a daemon that knows how low it may go.
fn daemon(program: &str, args: impl Fn(u16) -> Vec<String>) -> Server {
    let configuration = format!("OPENSSL_CONF={}", write("openssl.cnf", CONFIGURATION));
    Server::start_with("env", |port| [vec![configuration.clone(), program.into()], args(port)].concat())
}

/// What is made of each key with its address.
fn for_each_key(make: impl Fn(&str, Ipv4Addr) -> String) -> String {
    KINDS.iter().map(|(name, ..)| make(name, address(name))).collect()
}

/// A client that got what the cell asks for.
fn connect(port: u16, cell: &Cell) -> Result<Client, String> {
    let client = Client::connect_to(address(cell.key), port, cell.config()).map_err(|error| error.to_string())?;
    check_peer(&client, cell)?;
    Ok(client)
}

/// A service behind a daemon, on a port of its own.
fn service(handle: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = handle.clone();
            thread::spawn(move || handle(stream));
        }
    });
    port
}

fn write(name: &str, text: &str) -> String {
    let path = dir().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

/// Parameters for a Diffie-Hellman exchange.
fn dh_parameters() -> String {
    let path = dir().join("ffdhe2048.pem");
    let path = path.to_str().unwrap();
    let args = ["genpkey", "-quiet", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", path];
    openssl(&args);
    path.to_string()
}

/// Answers a request with its body.
fn answer_http(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut len = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            len = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; len];
    if reader.read_exact(&mut body).is_ok() {
        let _ = stream.write_all(format!("HTTP/1.0 200 OK\r\nContent-Length: {len}\r\n\r\n").as_bytes());
        let _ = stream.write_all(&body);
    }
}

#[test]
fn nginx() {
    let upstream = service(answer_http);
    let parameters = dh_parameters();
    let folder = dir().join("nginx");
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.display().to_string();
    let server = daemon("/usr/sbin/nginx", |port| {
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"))
            .collect();
        let servers = for_each_key(|name, host| {
            format!(
                "server {{ listen {host}:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
                 location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }}\n",
                certificate(name),
                key(name)
            )
        });
        let config = write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;\n\
                 events {{}}\n\
                 http {{ access_log off; {temp}\n\
                 ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers {CIPHERS}; ssl_dhparam {parameters};\n\
                 ssl_conf_command Ciphersuites {TLS13_SUITES};\n\
                 client_max_body_size 4m; client_body_buffer_size 4m;\n\
                 {servers} }}\n",
            ),
        );
        vec!["-c".into(), config, "-p".into(), folder.clone(), "-e".into(), "stderr".into()]
    });
    let attempt = |cell: &Cell| {
        let mut client = connect(server.port, cell)?;
        let head = format!("POST / HTTP/1.0\r\nHost: perilune.example\r\nContent-Length: {DATA_LEN}\r\n\r\n");
        client.send(head.as_bytes());
        client.send(&data());
        let answer = client.receive(usize::MAX).map_err(|error| error.to_string())?;
        if answer.ends_with(&data()) { Ok(()) } else { Err(format!("received {} other bytes", answer.len())) }
    };
    let others = |cell: &Cell| cell.openssl_connects(address(cell.key), server.port, &[]);
    run("nginx: protocol by suite by key", &cells("nginx", &openssl_suites()), attempt, others);
}

#[test]
fn stunnel() {
    let upstream = service(|mut stream| {
        let mut buffer = [0; 65536];
        while let Ok(len @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
    });
    let parameters = std::fs::read_to_string(dh_parameters()).unwrap();
    let server = daemon("/usr/bin/stunnel4", |port| {
        let services = for_each_key(|name, host| {
            let pair = [key(name), certificate(name)].map(|path| std::fs::read_to_string(path).unwrap());
            let pem = write(&format!("stunnel-{name}.pem"), &format!("{}{}{parameters}", pair[0], pair[1]));
            format!(
                "[{name}]\naccept = {host}:{port}\nconnect = 127.0.0.1:{upstream}\ncert = {pem}\n\
                 sslVersionMin = TLSv1\nsecurityLevel = 0\nciphers = {CIPHERS}\nciphersuites = {TLS13_SUITES}\n"
            )
        });
        let config = format!("foreground = yes\nsyslog = no\npid =\ndebug = err\n{services}");
        vec![write("stunnel.conf", &config)]
    });
    let attempt = |cell: &Cell| exchange(&mut connect(server.port, cell)?, &data(), <[u8]>::to_vec);
    let others = |cell: &Cell| cell.openssl_connects(address(cell.key), server.port, &[]);
    run("stunnel: protocol by suite by key", &cells("stunnel", &openssl_suites()), attempt, others);
}

/// Bytes that Postfix adds to an answer; a line of a command may not be much longer.
const ANSWER_LEN: usize = 1900;

/// A Postfix of the test's own, in a folder that its user may enter.
struct Postfix {
    server: Server,
    folder: PathBuf,
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Asked to end, it ends its children; killed, it would leave them.
        let _ = Command::new("kill").arg(self.server.pid().to_string()).status();
        self.server.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn postfix() -> Postfix {
    let folder = std::env::temp_dir().join(format!("perilune-postfix-{}", std::process::id()));
    let path = folder.display().to_string();
    // The folders that its start script would make; it runs as root only.
    shell(&format!(
        "mkdir -p {path}/conf {path}/data {path}/queue/pid; chmod 755 {path}; cd {path}/queue
         for name in active bounce corrupt defer deferred flush hold incoming private saved trace public maildrop; do
           mkdir -p $name
           chown postfix $name
         done
         chgrp postdrop public maildrop; chown postfix ../data; chmod 700 private"
    ));
    let server = daemon("/usr/lib/postfix/sbin/master", |port| {
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {path}/queue\ndata_directory = {path}/data\n\
             daemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n\
             inet_interfaces = all\ninet_protocols = ipv4\nmydestination =\nmyhostname = perilune.example\n\
             smtpd_tls_security_level = may\nimport_environment = MAIL_CONFIG OPENSSL_CONF\n\
             smtpd_tls_protocols = >=TLSv1\nsmtpd_tls_ciphers = null\nsmtpd_tls_exclude_ciphers =\n\
             tls_null_cipherlist = {CIPHERS}\nsmtpd_peername_lookup = no\n\
             smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000000\nsmtpd_reject_footer = {}\n\
             maillog_file = {path}/log\nmaillog_file_prefixes = {path}\n",
            "word ".repeat(ANSWER_LEN / 5)
        );
        std::fs::write(folder.join("conf/main.cf"), main).unwrap();
        let smtpds = for_each_key(|name, host| {
            format!(
                "{host}:{port} inet n - n - - smtpd\n  -o smtpd_tls_chain_files={},{}\n",
                key(name),
                certificate(name)
            )
        });
        let services = format!(
            "{smtpds}tlsmgr unix - - n 1000? 1 tlsmgr\n\
             postlog unix-dgram n - n - 1 postlogd\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\nrewrite unix - - n - - trivial-rewrite\n"
        );
        std::fs::write(folder.join("conf/master.cf"), services).unwrap();
        vec!["-c".into(), folder.join("conf").display().to_string(), "-d".into()]
    });
    Postfix { server, folder }
}

/// Reads the lines of one reply.
fn reply(reader: &mut impl BufRead) -> Result<String, String> {
    loop {
        let mut line = String::new();
        let len = reader.read_line(&mut line).map_err(|error| error.to_string())?;
        if len == 0 || line.as_bytes().get(3) == Some(&b' ') {
            return Ok(line);
        }
    }
}

/// The dialogue up to where TLS starts.
fn start_tls(socket: &TcpStream) -> Result<(), String> {
    socket.set_read_timeout(Some(crate::client::PATIENCE)).unwrap();
    let mut reader = BufReader::new(socket);
    let mut greeting = reply(&mut reader)?;
    for command in ["EHLO test.example\r\n", "STARTTLS\r\n"] {
        let mut socket = socket;
        socket.write_all(command.as_bytes()).map_err(|error| error.to_string())?;
        greeting = reply(&mut reader)?;
    }
    crate::client::poll_often(socket);
    if greeting.starts_with("220 ") { Ok(()) } else { Err(greeting) }
}

#[test]
fn postfix_by_starttls() {
    let postfix = postfix();
    let port = postfix.server.port;
    // Commands it does not know, which it answers at the same length, until a megabyte has gone each way.
    const BATCH: usize = 138;
    let command = format!("XTRA {}\r\n", "word ".repeat(ANSWER_LEN / 5)).repeat(BATCH);
    let attempt = |cell: &Cell| {
        let mut client = Client::start(address(cell.key), port, cell.config());
        start_tls(&client.socket)?;
        client.run_until(|client| client.tls.is_open()).map_err(|error| error.to_string())?;
        check_peer(&client, cell)?;
        let (mut sent, mut received) = (0, 0);
        while sent < DATA_LEN || received < DATA_LEN {
            client.send(command.as_bytes());
            sent += command.len();
            let mut answer = Vec::new();
            while answer.windows(5).filter(|window| window == b"\n500 ").count() < BATCH || !answer.ends_with(b"\n") {
                let more = client.receive(1).map_err(|error| format!("after {received} bytes: {error}"))?;
                if more.is_empty() {
                    return Err(format!("it ended after {received} bytes"));
                }
                answer.extend(more);
            }
            received += answer.len();
        }
        Ok(())
    };
    let others = |cell: &Cell| cell.openssl_connects(address(cell.key), port, &["-starttls", "smtp"]);
    run("postfix, STARTTLS: protocol by suite by key", &cells("postfix", &openssl_suites()), attempt, others);
}
