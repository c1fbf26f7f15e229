//! `libssh2` against OpenSSH's server (`apt-get install openssh-server openssh-client`), by itself and under the
//! scripts of an installed Nmap.

use super::machine::file;
use crate::support::{Folder, results};
use perilune_nse::{DataFolders, Options};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A running server with a folder of keys; `locked` has the passphrase `secret`.
struct Server {
    child: Child,
    port: u16,
    folder: Folder,
}

impl Server {
    fn start() -> Server {
        let folder = Folder::new();
        let path = folder.0.display().to_string();
        for (name, kind, passphrase) in
            [("ed25519", "ed25519", ""), ("rsa", "rsa", ""), ("locked", "ed25519", "secret")]
        {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(folder.0.join(name));
            assert!(keygen.status().expect("ssh-keygen starts").success());
        }
        let keys = ["ed25519", "rsa", "locked"].map(|name| std::fs::read(folder.0.join(format!("{name}.pub"))));
        let keys: Vec<u8> = keys.into_iter().flat_map(|key| key.expect("the key was made")).collect();
        std::fs::write(folder.0.join("authorized"), keys).expect("the file can be written");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nStrictModes no\nUsePAM no\nLogLevel ERROR\n\
             AuthorizedKeysFile {path}/authorized\nPermitRootLogin yes\nBanner {path}/rsa.pub\n\
             HostKey {path}/ed25519\nMaxAuthTries 20\nSetEnv HOME={path}\n"
        );
        let config = folder.0.join("config");
        std::fs::write(&config, text).expect("the file can be written");
        let _ = std::fs::create_dir_all("/run/sshd");
        let child = Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(&config).spawn().expect("sshd starts");
        let server = Server { child, port, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Runs a script against it; its output.
    fn script(&self, script: &str, args: &str) -> String {
        let options = Options {
            data: DataFolders::of(vec![PathBuf::from("/usr/share/nmap")]),
            script_args: args.to_owned(),
            ..Options::default()
        };
        results(options, &[script.to_owned()], &[self.port]).join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn golden_session() {
    let server = Server::start();
    let args = format!("folder={},user={}", server.folder.0.display(), user());
    let expected = "0 libssh2: userdata true
59 47
! bad argument #2 to 'libssh2.hostkey_hash' (invalid option 'sha256')
0 0
publickey,password,keyboard-interactive
ssh-
false
true false
! Invalid public key: Invalid public key
! Error reading file
false
false
false
true
out
 err

terminal
 0
100000
userdata true
5
! Invalid buffer
hello
false
! Error sending no-such-request request
nil
true 0
0 0
! bad argument #1 to 'libssh2.userauth_list' (ssh2 expected, got closed session)
! bad argument #1 to 'libssh2.userauth_list' (ssh2 expected, got table)
! ERROR
true
30 100";
    assert_eq!(server.script(&file("libssh2.nse").to_string_lossy(), &args), expected);
}

#[test]
fn scripts_of_nmap_work() {
    let server = Server::start();
    let (folder, user) = (server.folder.0.display(), user());
    let output = server.script("+ssh-auth-methods", "");
    assert!(output.starts_with("0 ssh-auth-methods: "), "{output}");
    assert!(output.contains("publickey\n") && output.contains("password\n"), "{output}");
    let args = format!("ssh.usernames={{{user}}},ssh.publickeys={{{folder}/ed25519.pub}}");
    let output = server.script("+ssh-publickey-acceptance", &args);
    assert!(output.contains(&format!("Key {folder}/ed25519.pub accepted for user {user}")), "{output}");
    let args = format!(
        "ssh-run.cmd=echo hello,ssh-run.username={user},ssh-run.privatekey={folder}/rsa,ssh-run.publickey={folder}/rsa.pub"
    );
    let output = server.script("+ssh-run", &args);
    assert!(output.starts_with("0 ssh-run: ") && output.trim_end().ends_with("hello"), "{output}");
}
