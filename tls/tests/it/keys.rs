//! Keys and certificates, made once per run by `openssl`.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Kinds of keys: name, arguments that make the key, digest of the certificate.
pub const KINDS: [(&str, &[&str], &str); 13] = [
    ("rsa2048", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha256"),
    ("rsa1024", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], "-sha1"),
    ("rsa512", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"], "-md5"),
    ("rsa4096", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"], "-sha512"),
    ("rsapss", &["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha256"),
    ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "-sha256"),
    ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "-sha384"),
    ("p521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "-sha512"),
    ("k256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "-sha256"),
    ("ed25519", &["-algorithm", "ED25519"], ""),
    ("ed448", &["-algorithm", "ED448"], ""),
    ("dsa1024", &["-paramfile", "{dir}/dsa1024.param"], "-sha1"),
    ("dsa2048", &["-paramfile", "{dir}/dsa2048.param"], "-sha256"),
];

/// The directory of `NAME.key`, `NAME.crt`.
pub fn dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(make)
}

pub fn key(name: &str) -> String {
    dir().join(format!("{name}.key")).to_str().unwrap().into()
}

pub fn certificate(name: &str) -> String {
    dir().join(format!("{name}.crt")).to_str().unwrap().into()
}

/// Where a daemon that serves all keys serves this one: an address each, and one port.
pub fn address(name: &str) -> Ipv4Addr {
    let idx = KINDS.iter().position(|(kind, ..)| *kind == name).expect("the key is one of the kinds");
    Ipv4Addr::new(127, 0, 0, 1 + idx as u8)
}

/// Runs `openssl` to its end.
pub fn openssl(args: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(args).output().expect("openssl must be installed");
    assert!(output.status.success(), "openssl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn make() -> PathBuf {
    let parent = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    // What earlier runs left; one that is under way is younger.
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        let is_ours = entry.file_name().to_string_lossy().starts_with("keys-");
        if is_ours && age.is_some_and(|age| Duration::from_secs(600) < age) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let dir = parent.join(format!("keys-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    for bits in ["1024", "2048"] {
        let option = format!("dsa_paramgen_bits:{bits}");
        let out = path(&format!("dsa{bits}.param"));
        openssl(&["genpkey", "-quiet", "-genparam", "-algorithm", "DSA", "-pkeyopt", &option, "-out", &out]);
    }
    for (name, args, digest) in KINDS {
        let key = path(&format!("{name}.key"));
        let args: Vec<String> = args.iter().map(|arg| arg.replace("{dir}", dir.to_str().unwrap())).collect();
        let mut make_key = vec!["genpkey", "-quiet", "-out", &key];
        make_key.extend(args.iter().map(String::as_str));
        openssl(&make_key);
        let subject = format!("/C=DE/O=Perilune test/CN={name}.example");
        let certificate = path(&format!("{name}.crt"));
        let mut make_certificate =
            vec!["req", "-x509", "-new", "-key", &key, "-out", &certificate, "-days", "30", "-subj", &subject];
        if !digest.is_empty() {
            make_certificate.push(digest);
        }
        openssl(&make_certificate);
    }
    dir
}
