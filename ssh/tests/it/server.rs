//! A server with keys of its own, and a client on a socket.

use perilune_ssh::{AuthAnswer, Client, PrivateKey};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a program that must succeed.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Keys in PEM by `ssh-keygen`: name, kind, format, passphrase.
pub const PEM_KEYS: [(&str, &str, &str, &str); 5] = [
    ("pem", "rsa", "PEM", ""),
    ("pem-locked", "rsa", "PEM", "secret"),
    ("pem-ec", "ecdsa", "PEM", ""),
    ("pem-ec-locked", "ecdsa", "PEM", "secret"),
    ("pkcs8", "rsa", "PKCS8", ""),
];

/// Keys in PEM that `openssl` converts: name, what it is made of, the command, with `secret` when it locks.
pub const OPENSSL_KEYS: [(&str, &str, &[&str]); 7] = [
    ("pkcs8-ec", "pem-ec", &["pkcs8", "-topk8", "-nocrypt"]),
    ("pkcs8-rsa-aes", "pem", &["pkcs8", "-topk8", "-v2", "aes-256-cbc"]),
    ("pkcs8-ec-3des", "pem-ec", &["pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1"]),
    ("pkcs8-rsa-aes128", "pem", &["pkcs8", "-topk8", "-v2", "aes-128-cbc", "-iter", "100000"]),
    ("rsa-3des", "pem", &["rsa", "-traditional", "-des3"]),
    ("rsa-aes192", "pem", &["rsa", "-traditional", "-aes192"]),
    ("ec-aes256", "pem-ec", &["ec", "-aes256"]),
];

fn openssl_keys(folder: &Path) {
    for (name, source, args) in OPENSSL_KEYS {
        let (path, source) = (folder.join(name), folder.join(source));
        run(Command::new("openssl")
            .args(args)
            .args(["-passout", "pass:secret", "-in"])
            .arg(&source)
            .arg("-out")
            .arg(&path));
        let public = source.with_extension("pub");
        std::fs::copy(public, path.with_extension("pub")).expect("the key was made");
    }
}

/// A user of the machine with the password `secret`, made when missing; takes root.
pub fn guest() -> &'static str {
    const NAME: &str = "perilune-guest";
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        if !Command::new("id").arg(NAME).output().expect("id starts").status.success() {
            run(Command::new("useradd").args(["--system", "--shell", "/bin/sh", NAME]));
        }
        run(Command::new("sh").args(["-c", &format!("echo {NAME}:secret | chpasswd")]));
    });
    NAME
}

/// A folder with keys, shared by all tests: host keys `rsa`, `ecdsa`, `ed25519`, and `locked` with the passphrase
/// `secret`.
pub fn keys() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("perilune-ssh-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let kinds = [
            ("rsa", "rsa", "2048", ""),
            ("ecdsa", "ecdsa", "256", ""),
            ("ecdsa384", "ecdsa", "384", ""),
            ("ecdsa521", "ecdsa", "521", ""),
            ("ed25519", "ed25519", "256", ""),
            ("locked", "ed25519", "256", "secret"),
        ];
        for (name, kind, bits, passphrase) in kinds {
            let path = folder.join(name);
            run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-b", bits, "-N", passphrase, "-f"]).arg(&path));
        }
        for (name, kind, format, passphrase) in PEM_KEYS {
            let path = folder.join(name);
            run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-m", format, "-N", passphrase, "-f"]).arg(&path));
        }
        openssl_keys(&folder);
        let names = kinds.iter().map(|(name, ..)| *name).chain(PEM_KEYS.iter().map(|(name, ..)| *name));
        let mut authorized = Vec::new();
        for name in names.chain(OPENSSL_KEYS.iter().map(|(name, ..)| *name)) {
            authorized.extend(std::fs::read(folder.join(format!("{name}.pub"))).expect("the key was made"));
        }
        std::fs::write(folder.join("authorized"), authorized).expect("the file can be written");
        folder
    })
}

/// A running server.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts one with options of its configuration.
    pub fn start(options: &[&str]) -> Server {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = keys();
        let _ = std::fs::create_dir_all("/run/sshd");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("loopback has a free port").port();
        // The first word on a thing counts. What the user's shell would read at its start is not there.
        let mut text: String = options.iter().map(|option| format!("{option}\n")).collect();
        text += &format!(
            "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nStrictModes no\nUsePAM no\nLogLevel ERROR\n\
             AuthorizedKeysFile {0}/authorized\nPermitRootLogin yes\nKbdInteractiveAuthentication yes\n\
             Banner {0}/ed25519.pub\nMaxAuthTries 20\nSetEnv HOME={0}\n",
            folder.display()
        );
        for name in ["rsa", "ecdsa", "ed25519"] {
            text += &format!("HostKey {}/{name}\n", folder.display());
        }
        let config = folder.join(format!("config{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&config, text).expect("the file can be written");
        let log = std::fs::File::create(config.with_extension("log")).expect("the file can be written");
        let child =
            Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(&config).stderr(Stdio::from(log)).spawn();
        let server = Server { child: child.expect("sshd starts"), port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "sshd does not listen: {}", std::fs::read_to_string(&config).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client on a socket.
pub struct Peer {
    pub client: Client,
    stream: TcpStream,
}

/// Who the server knows.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Peer {
    pub fn connect(port: u16) -> Peer {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Peer { client: Client::new("SSH-2.0-test").expect("there are random numbers"), stream }
    }

    /// Sends and receives until the answer is there.
    pub fn until<T>(&mut self, mut look: impl FnMut(&mut Client) -> Option<T>) -> Result<T, String> {
        let mut buffer = [0; 16384];
        loop {
            if let Some(found) = look(&mut self.client) {
                return Ok(found);
            }
            if self.client.has_output() {
                let output = self.client.take_output(4096);
                self.stream.write_all(&output).map_err(|error| error.to_string())?;
                continue;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("end of stream".to_owned()),
                Ok(len) => self.client.feed(&buffer[..len]).map_err(|error| error.to_string())?,
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    pub fn handshake(&mut self) -> Result<(), String> {
        self.until(|client| client.is_ready().then_some(()))
    }

    pub fn answer(&mut self) -> Result<AuthAnswer, String> {
        self.until(Client::take_auth_answer)
    }

    /// Authenticates with a key file of the folder.
    pub fn log_in(&mut self, name: &str, passphrase: &str) -> AuthAnswer {
        let text = std::fs::read(keys().join(name)).expect("the key was made");
        let key = PrivateKey::parse(&text, passphrase.as_bytes()).expect("the key is read");
        self.client.auth_key(user().as_bytes(), &key).expect("the key signs");
        self.answer().expect("the server answers")
    }

    /// Runs a command; its output and errors.
    pub fn exec(&mut self, command: &str) -> (Vec<u8>, Vec<u8>) {
        let id = self.client.open_channel().expect("there is room");
        let open = self.until(|client| client.channel(id).and_then(|channel| channel.is_open()));
        assert_eq!(open, Ok(true));
        let mut data = (command.len() as u32).to_be_bytes().to_vec();
        data.extend_from_slice(command.as_bytes());
        self.client.channel_request(id, b"exec", &data).expect("it is queued");
        let done = self.until(|client| client.channel(id).and_then(|channel| channel.take_answer()));
        assert_eq!(done, Ok(true));
        let mut streams = [Vec::new(), Vec::new()];
        self.until(|client| {
            for (stream, text) in streams.iter_mut().enumerate() {
                text.extend(client.channel_read(id, stream, 1 << 20).expect("it is queued"));
            }
            client.channel(id).is_none_or(|channel| channel.is_closed()).then_some(())
        })
        .expect("the command ends");
        let [out, errors] = streams;
        (out, errors)
    }
}
