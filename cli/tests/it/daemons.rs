//! Real servers of Debian's packages on ports of loopback, each in a folder of its own.
//!
//! A program that is missing, or that does not listen in time, fails the test. Servers end with the value that
//! holds them, with all processes of their groups.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// The port of `rpcbind`.
const RPC_PORT: u16 = 111;

/// A running server.
pub struct Daemon {
    pub name: &'static str,
    /// TCP unless `udp`.
    pub port: u16,
    pub udp: bool,
    child: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// Servers and the folder they live in.
pub struct Daemons {
    pub all: Vec<Daemon>,
    folder: PathBuf,
}

impl Drop for Daemons {
    fn drop(&mut self) {
        self.all.clear();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port of loopback that was free a moment ago, for TCP and UDP, each time another one.
///
/// Above those that the system gives to connections: a scan beside would else take one before its server does.
pub fn free_port() -> u16 {
    const FIRST: u32 = 61_000;
    const COUNT: u32 = 65_536 - FIRST;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Programs of tests that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let place = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let at = (Ipv4Addr::LOCALHOST, u16::try_from(FIRST + place).expect("it is below 65,536"));
        if TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
            return at.1;
        }
    }
    panic!("loopback has no free port from {FIRST} on");
}

/// What a server wrote: the ends of its files in a folder, `nginx.log` and `nginx.err` for `nginx-tls`.
fn logs(folder: &Path, name: &str) -> String {
    const SHOWN: usize = 4000;
    let name = name.split('-').next().unwrap_or(name);
    let files = std::fs::read_dir(folder).expect("the folder is there").filter_map(Result::ok);
    let mut logs = String::new();
    for path in files.map(|entry| entry.path()).filter(|path| path.is_file()) {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.starts_with(name) && (file.ends_with(".log") || file.ends_with(".err")) {
            let text = std::fs::read(&path).unwrap_or_default();
            let end = String::from_utf8_lossy(&text[text.len().saturating_sub(SHOWN)..]).into_owned();
            logs.push_str(&format!("--- {file}\n{end}\n"));
        }
    }
    logs
}

fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().expect("there is a shell");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

impl Daemons {
    pub fn new() -> Daemons {
        let folder = std::env::temp_dir().join(format!("perilune-daemons-{}-{}", std::process::id(), free_port()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        // Servers that give up root must still get in.
        shell(&format!("chmod 755 {}", folder.display()));
        Daemons { all: Vec::new(), folder }
    }

    /// Writes a file; answers its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path.to_string_lossy().into_owned()
    }

    /// Starts a server without waiting for it.
    fn start(&mut self, name: &'static str, port: u16, udp: bool, command: &str) {
        let log = std::fs::File::create(self.folder.join(format!("{name}.log"))).expect("a log can be written");
        let errors = log.try_clone().expect("the log is open");
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("there is a shell");
        self.all.push(Daemon { name, port, udp, child });
    }

    /// Waits until every TCP server accepts.
    fn wait(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for daemon in self.all.iter_mut().filter(|daemon| !daemon.udp) {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, daemon.port)).is_err() {
                let (name, port) = (daemon.name, daemon.port);
                if let Ok(Some(status)) = daemon.child.try_wait() {
                    panic!("{name} ended with {status}\n{}", logs(&self.folder, name));
                }
                if Instant::now() > deadline {
                    panic!("{name} does not listen at {port}\n{}", logs(&self.folder, name));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        // Those without a connection to try get the same time.
        std::thread::sleep(Duration::from_millis(500));
    }

    /// A certificate for those that speak TLS.
    fn certificate(&self) {
        shell(&format!(
            "cd {} && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=perilune.example",
            self.folder.display()
        ));
    }

    /// Web servers only.
    pub fn start_web() -> Daemons {
        let mut daemons = Daemons::new();
        daemons.certificate();
        daemons.web();
        daemons.wait();
        daemons
    }

    /// All that there are.
    pub fn start_all() -> Daemons {
        let mut daemons = Daemons::new();
        daemons.certificate();
        daemons.web();
        daemons.stores();
        daemons.databases();
        daemons.mail();
        daemons.files();
        daemons.names();
        daemons.messages();
        daemons.wait();
        daemons
    }

    /// An HTTP proxy and a SOCKS proxy.
    pub fn start_proxies() -> Daemons {
        let mut daemons = Daemons::new();
        let port = free_port();
        let config = daemons.file("tinyproxy.conf", &format!("Port {port}\nListen 127.0.0.1\nTimeout 60\n"));
        daemons.start("tinyproxy", port, false, &format!("/usr/bin/tinyproxy -d -c {config}"));
        let port = free_port();
        let config = daemons.file(
            "danted.conf",
            &format!(
                "logoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: lo\nsocksmethod: none\n\
                 clientmethod: none\nuser.privileged: root\nuser.unprivileged: root\n\
                 client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\nsocks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
            ),
        );
        daemons.start("danted", port, false, &format!("/usr/sbin/danted -f {config}"));
        daemons.wait();
        daemons
    }

    fn web(&mut self) {
        let home = self.folder.display().to_string();
        let (plain, tls) = (free_port(), free_port());
        let config = self.file(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/nginx.err;
                events {{ }}
                http {{ access_log off;
                    client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
                    uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
                    server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
                        ssl_certificate {home}/cert.pem; ssl_certificate_key {home}/key.pem; root {home}; }} }}"
            ),
        );
        self.start("nginx", plain, false, &format!("/usr/sbin/nginx -c {config} -p {home} -e {home}/nginx.err"));
        self.start("nginx-tls", tls, false, "sleep 600");
        let port = free_port();
        let config = self.file(
            "lighttpd.conf",
            &format!("server.document-root = \"{home}\"\nserver.port = {port}\nserver.bind = \"127.0.0.1\"\n"),
        );
        self.start("lighttpd", port, false, &format!("/usr/sbin/lighttpd -D -f {config}"));
        let port = free_port();
        let config = self.file(
            "apache.conf",
            &format!(
                "ServerRoot {home}\nListen 127.0.0.1:{port}\nPidFile {home}/apache.pid\nErrorLog {home}/apache.err\n\
                 ServerName perilune.example\nDocumentRoot {home}\n\
                 LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
                 LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
            ),
        );
        self.start("apache", port, false, &format!("/usr/sbin/apache2 -D FOREGROUND -f {config}"));
        let port = free_port();
        let config = self.file("tinyproxy.conf", &format!("Port {port}\nListen 127.0.0.1\nTimeout 60\n"));
        self.start("tinyproxy", port, false, &format!("/usr/bin/tinyproxy -d -c {config}"));
    }

    fn stores(&mut self) {
        let home = self.folder.display().to_string();
        let port = free_port();
        self.start(
            "redis",
            port,
            false,
            &format!("/usr/bin/redis-server --bind 127.0.0.1 --port {port} --save '' --daemonize no --dir {home}"),
        );
        let port = free_port();
        self.start("memcached", port, false, &format!("/usr/bin/memcached -u root -l 127.0.0.1 -p {port} -U 0"));
        let port = free_port();
        let config = self.file(
            "slapd.conf",
            &format!(
                "include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
                 pidfile {home}/slapd.pid\ndatabase mdb\nsuffix dc=perilune,dc=example\ndirectory {home}/ldap\n"
            ),
        );
        shell(&format!("mkdir -p {home}/ldap"));
        self.start("slapd", port, false, &format!("/usr/sbin/slapd -h ldap://127.0.0.1:{port} -f {config} -d 0"));
    }

    fn databases(&mut self) {
        let home = self.folder.display().to_string();
        let port = free_port();
        shell(&format!(
            "mariadb-install-db --no-defaults --user=root --datadir={home}/mariadb \
             --auth-root-authentication-method=normal --skip-test-db >/dev/null"
        ));
        self.start(
            "mariadb",
            port,
            false,
            &format!(
                "/usr/sbin/mariadbd --no-defaults --user=root --datadir={home}/mariadb --bind-address=127.0.0.1 \
                 --port={port} --socket={home}/mariadb.sock --pid-file={home}/mariadb.pid"
            ),
        );
        let port = free_port();
        shell(&format!(
            "mkdir {home}/pg && chown postgres {home}/pg && cd / && \
             runuser -u postgres -- $(ls /usr/lib/postgresql/*/bin/initdb | tail -n1) -D {home}/pg -A trust >/dev/null"
        ));
        self.start(
            "postgresql",
            port,
            false,
            &format!(
                "runuser -u postgres -- $(ls /usr/lib/postgresql/*/bin/postgres | tail -n1) -D {home}/pg -p {port} \
                 -c listen_addresses=127.0.0.1 -c unix_socket_directories={home}/pg"
            ),
        );
    }

    fn mail(&mut self) {
        let home = self.folder.display().to_string();
        let (imap, pop3) = (free_port(), free_port());
        let config = self.file(
            "dovecot.conf",
            &format!(
                "base_dir = {home}/dovecot\nprotocols = imap pop3\nlisten = 127.0.0.1\nssl = no\nlog_path = /dev/stderr\n\
                 state_dir = {home}/dovecot-state\n\
                 service imap-login {{\n chroot =\n inet_listener imap {{\n  port = {imap}\n }}\n inet_listener imaps {{\n  port = 0\n }}\n}}\n\
                 service pop3-login {{\n chroot =\n inet_listener pop3 {{\n  port = {pop3}\n }}\n inet_listener pop3s {{\n  port = 0\n }}\n}}\n\
                 passdb {{\n driver = static\n args = nopassword=y\n}}\nuserdb {{\n driver = static\n args = uid=root gid=root home={home}\n}}\n"
            ),
        );
        self.start("dovecot-imap", imap, false, &format!("/usr/sbin/dovecot -F -c {config}"));
        self.start("dovecot-pop3", pop3, false, "sleep 600");
        let port = free_port();
        shell(&format!(
            "mkdir -p {home}/pf/conf {home}/pf/data {home}/pf/queue/pid; cd {home}/pf/queue
             for name in active bounce corrupt defer deferred flush hold incoming private saved trace public maildrop; do
               mkdir -p $name; chown postfix $name
             done
             chgrp postdrop public maildrop; chown postfix ../data; chmod 700 private"
        ));
        self.file(
            "pf/conf/main.cf",
            &format!(
                "compatibility_level = 3.6\nqueue_directory = {home}/pf/queue\ndata_directory = {home}/pf/data\n\
                 daemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n\
                 inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmydestination =\nmyhostname = perilune.example\n\
                 smtpd_peername_lookup = no\nmaillog_file = {home}/postfix.err\nmaillog_file_prefixes = {home}\n"
            ),
        );
        self.file(
            "pf/conf/master.cf",
            &format!(
                "127.0.0.1:{port} inet n - n - - smtpd\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n\
                 postlog unix-dgram n - n - 1 postlogd\nrewrite unix - - n - - trivial-rewrite\n"
            ),
        );
        self.start("postfix", port, false, &format!("/usr/lib/postfix/sbin/master -c {home}/pf/conf -d"));
    }

    fn files(&mut self) {
        let home = self.folder.display().to_string();
        let port = free_port();
        shell(&format!("mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f {home}/host_key"));
        let config = self.file(
            "sshd.conf",
            &format!("Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host_key\nPidFile none\nUsePAM no\n"),
        );
        self.start("sshd", port, false, &format!("/usr/sbin/sshd -D -e -f {config}"));
        let port = free_port();
        shell(&format!("mkdir -p {home}/ftp/empty"));
        let config = self.file(
            "vsftpd.conf",
            &format!(
                "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nanonymous_enable=YES\nanon_root={home}/ftp\n\
                 secure_chroot_dir={home}/ftp/empty\nbackground=NO\n"
            ),
        );
        self.start("vsftpd", port, false, &format!("/usr/sbin/vsftpd {config}"));
        let port = free_port();
        let config = self.file("rsyncd.conf", &format!("use chroot = no\n[files]\npath = {home}\n"));
        self.start(
            "rsync",
            port,
            false,
            &format!("/usr/bin/rsync --daemon --no-detach --address=127.0.0.1 --port={port} --config={config}"),
        );
        let port = free_port();
        let config = self.file(
            "smb.conf",
            &format!(
                "[global]\nworkgroup = PERILUNE\nnetbios name = MOON\nsmb ports = {port}\nbind interfaces only = yes\n\
                 interfaces = lo\nprivate dir = {home}/samba\nlock directory = {home}/samba\nstate directory = {home}/samba\n\
                 cache directory = {home}/samba\npid directory = {home}/samba\nncalrpc dir = {home}/samba/rpc\n\
                 map to guest = Bad User\nserver min protocol = NT1\nlog file = {home}/samba.log\ndisable spoolss = yes\n\
                 load printers = no\n[public]\npath = {home}/ftp\nguest ok = yes\n"
            ),
        );
        shell(&format!("mkdir -p {home}/samba/rpc"));
        self.start(
            "samba",
            port,
            false,
            &format!("/usr/sbin/smbd --foreground --no-process-group --configfile={config}"),
        );
    }

    fn messages(&mut self) {
        let port = free_port();
        let config = self.file("mosquitto.conf", &format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
        self.start("mosquitto", port, false, &format!("/usr/sbin/mosquitto -c {config}"));
        // It knows no port but its own, and may run already, or begin to just now. It listens on
        // 127.0.0.1 unasked, and trips when that is named.
        if TcpStream::connect((Ipv4Addr::LOCALHOST, RPC_PORT)).is_ok() {
            self.start("rpcbind", RPC_PORT, false, "sleep 600");
        } else {
            self.start("rpcbind", RPC_PORT, false, "sh -c '/usr/sbin/rpcbind -f -h 127.0.0.2; exec sleep 600'");
        }
        self.start("rpcbind-udp", RPC_PORT, true, "sleep 600");
    }

    fn names(&mut self) {
        let home = self.folder.display().to_string();
        let port = free_port();
        let config = self.file(
            "named.conf",
            &format!(
                "options {{ directory \"{home}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
                 pid-file none; session-keyfile \"{home}/session.key\"; recursion no; \
                 managed-keys-directory \"{home}\"; }};\ncontrols {{ }};\n"
            ),
        );
        self.start("named", port, false, &format!("/usr/sbin/named -g -c {config} -n 1"));
        self.start("named-udp", port, true, "sleep 600");
        let port = free_port();
        let config =
            self.file("snmpd.conf", &format!("agentaddress udp:127.0.0.1:{port}\nrocommunity public\nsysName moon\n"));
        self.start("snmpd", port, true, &format!("/usr/sbin/snmpd -f -Lo -C -c {config} -p {home}/snmpd.pid"));
    }
}

/// The path of an installed Nmap's data.
pub fn data_folder() -> &'static Path {
    let path = Path::new("/usr/share/nmap");
    assert!(path.is_dir(), "Nmap is installed");
    path
}
