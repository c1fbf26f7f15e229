//! What an installed Nmap's `ssl-cert` prints of certificates here and there: on the screen and in XML.
//!
//! Some certificates are served by `openssl s_server`, those that it would not load by tlslite-ng.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Kinds of keys: name, arguments that make the key, digest of the certificate.
const KEYS: [(&str, &[&str], &str); 13] = [
    ("rsa512", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"], "-md5"),
    ("rsa1024", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], "-sha1"),
    ("rsa2048", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha256"),
    ("rsa3", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3"], "-sha384"),
    ("rsa4096", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"], "-sha512"),
    ("rsapss", &["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha256"),
    ("p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "-sha256"),
    ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "-sha384"),
    ("p521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], "-sha512"),
    ("ed25519", &["-algorithm", "ED25519"], ""),
    ("ed448", &["-algorithm", "ED448"], ""),
    ("dsa2048", &["-paramfile", "{dir}/dsa.param"], "-sha256"),
    (
        "explicit",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
        "-sha256",
    ),
];

/// Extensions in `openssl`'s configuration language; each becomes a certificate.
const EXTENSIONS: [&str; 30] = [
    "basicConstraints=critical,CA:TRUE,pathlen:3",
    "keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,cRLSign,decipherOnly",
    "extendedKeyUsage=serverAuth,clientAuth,codeSigning,OCSPSigning,1.2.3.4.5",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid:always,issuer:always",
    "subjectAltName=DNS:a.example,DNS:*.b.example,IP:192.0.2.1,IP:2001:db8::1,email:x@y.example,URI:http://c.example/",
    "subjectAltName=RID:1.2.3.4,dirName:dir_section,otherName:1.2.3.4;UTF8:hello",
    "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example",
    "issuerAltName=DNS:i.example",
    "crlDistributionPoints=URI:http://crl.example/1.crl,URI:http://crl.example/2.crl",
    "certificatePolicies=1.2.3.4,2.23.140.1.2.1",
    "certificatePolicies=1.2.3.4,@policy_section",
    "authorityInfoAccess=OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/ca.der",
    "nameConstraints=permitted;DNS:.example,permitted;IP:192.0.2.0/255.255.255.0,excluded;email:bad.example",
    "tlsfeature=status_request,status_request_v2",
    "noCheck=ignored",
    "nsCertType=server,client",
    "nsComment=A comment",
    "policyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:1",
    "inhibitAnyPolicy=2",
    "1.2.3.4.5.6=critical,ASN1:UTF8String:unknown",
    "1.3.6.1.4.1.11129.2.4.3=critical,ASN1:NULL",
    "freshestCRL=URI:http://crl.example/delta.crl",
    "policyMappings=1.2.3.4:1.2.3.5",
    "basicConstraints=CA:TRUE",
    "authorityKeyIdentifier=keyid:always",
    "keyUsage=keyCertSign",
    "subjectInfoAccess=caRepository;URI:http://repo.example/",
    "subjectAltName=email:a@b.example",
    "extendedKeyUsage=critical,OCSPSigning",
];

const SECTIONS: &str = "
[req]
distinguished_name=dn
prompt=no
[dn]
C=DE
ST=Some, State
O=Perilune test
0.OU=One
1.OU=Two
CN=name.example
[dir_section]
C=UK
CN=My Name
[policy_section]
policyIdentifier=1.3.5.8
CPS.1=http://my.host.example/
userNotice.1=@notice
[notice]
explicitText=Explicit Text Here
organization=Organisation Name
noticeNumbers=1,2,3,4
";

/// The first date of a certificate, of the same length as the one that it replaces.
const DATES: [&[u8; 13]; 10] = [
    b"991231235959Z",
    b"500101000000Z",
    b"490101000000Z",
    b"231301000000Z",
    b"230132000000Z",
    b"230101250000Z",
    b"230101006100Z",
    b"2301010000000",
    b"xx0101000000Z",
    b"2301010000+01",
];

fn openssl(args: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(args).output().expect("openssl must be installed");
    assert!(output.status.success(), "openssl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the folder's name is text")
}

/// A certificate for a key, with one extension or none; in DER.
fn make(dir: &Path, name: &str, key: &Path, digest: &str, extension: &str) -> Vec<u8> {
    let (config, out) = (dir.join(format!("{name}.cnf")), dir.join(format!("{name}.der")));
    fs::write(&config, format!("{SECTIONS}\n[ext]\n{extension}\n")).unwrap();
    let mut args = vec!["req", "-x509", "-new", "-key", text(key), "-days", "30", "-config", text(&config)];
    args.extend(["-outform", "DER", "-out", text(&out)]);
    if !extension.is_empty() {
        args.extend(["-extensions", "ext"]);
    }
    if !digest.is_empty() {
        args.push(digest);
    }
    openssl(&args);
    fs::read(out).unwrap()
}

fn replaced(der: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = der.windows(from.len()).position(|window| window == from).expect("what to replace");
    [&der[..at], to, &der[at + from.len()..]].concat()
}

/// Certificates for the key of tlslite's server: every extension, odd names and dates, broken ones.
fn odd_certificates(dir: &Path, key: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for extension in EXTENSIONS {
        out.push((extension.to_string(), make(dir, &format!("extension{}", out.len()), key, "-sha256", extension)));
    }
    let base = make(dir, "base", key, "-sha256", "basicConstraints=CA:FALSE");
    for date in DATES {
        let at = base.windows(2).position(|pair| pair == [0x17, 13]).expect("a UTCTime");
        out.push((String::from_utf8_lossy(date).into_owned(), [&base[..at + 2], date, &base[at + 15..]].concat()));
    }
    let mut change = |name: &str, from: &[u8], to: &[u8]| out.push((name.to_string(), replaced(&base, from, to)));
    change("unknown attribute", &[6, 3, 0x55, 4, 0x0a], &[6, 3, 0x2a, 3, 4]);
    change("T61String", b"\x0c\x0dPerilune", b"\x14\x0dPerilune");
    change("BMPString", b"\x0c\x0cname.", b"\x1e\x0cname.");
    change("not ASCII", b"Perilune", b"P\xc3\xa9rilun");
    change("control characters", b"Perilune", b"Per\x01\n\0ne");
    change("not UTF-8", b"Perilune", b"P\xff\xferilun");
    change("version 1, with extensions", &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 0]);
    change("version 10", &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 9]);
    change("broken name", b"\x0c\x0dPerilune", b"\x0c\x0ePerilune");
    change("broken extension", &[4, 2, 0x30, 0], &[4, 2, 0x30, 5]);
    change("broken version", &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 2, 2]);
    out.push(("version 1".to_string(), make(dir, "bare", key, "-sha256", "")));
    out.push(("bytes behind it".to_string(), [&base[..], b"more"].concat()));
    out.push(("cut off".to_string(), base[..base.len() - 9].to_vec()));
    out
}

/// Processes that are killed at the end, and their open outputs.
struct Servers(Vec<Child>, Vec<BufReader<ChildStdout>>);

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where Python finds tlslite-ng, which the first run fetches.
fn tlslite() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tlslite-cli");
    if !dir.join("tlslite").is_dir() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]).arg(&dir);
        let output = pip.arg("tlslite-ng==0.8.2").output().expect("python3 must be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    dir
}

/// Serves each certificate on a port of its own; what is served, by port.
fn serve(dir: &Path) -> (Servers, BTreeMap<u16, String>) {
    let (mut servers, mut outputs) = (Servers(Vec::new(), Vec::new()), Vec::new());
    let mut names = BTreeMap::new();
    openssl(&["genpkey", "-quiet", "-genparam", "-algorithm", "DSA", "-out", text(&dir.join("dsa.param"))]);
    for (name, args, digest) in KEYS {
        let key = dir.join(format!("{name}.key"));
        let args: Vec<String> = args.iter().map(|arg| arg.replace("{dir}", text(dir))).collect();
        let mut make_key = vec!["genpkey", "-quiet", "-out", text(&key)];
        make_key.extend(args.iter().map(String::as_str));
        openssl(&make_key);
        make(dir, name, &key, digest, "");
        let cert = dir.join(format!("{name}.der"));
        let mut server = Command::new("openssl");
        server.args(["s_server", "-www", "-accept", "127.0.0.1:0", "-key", text(&key), "-cert", text(&cert)]);
        server.args(["-certform", "DER", "-cipher", "ALL:@SECLEVEL=0"]);
        server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        servers.0.push(server.spawn().unwrap());
        let mut out = BufReader::new(servers.0.last_mut().and_then(|server| server.stdout.take()).unwrap());
        let port = lines(&mut out).find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok());
        names.insert(port.expect("it says where it listens"), name.to_string());
        outputs.push(out);
    }
    let key = dir.join("rsa2048.key");
    let fitting = dir.join("fitting.pem");
    let pem = openssl(&["x509", "-inform", "DER", "-in", text(&dir.join("rsa2048.der"))]);
    fs::write(&fitting, pem).unwrap();
    let mut args = vec![text(&key).to_string(), text(&fitting).to_string()];
    let odd = odd_certificates(dir, &key);
    for (idx, (_, der)) in odd.iter().enumerate() {
        let path = dir.join(format!("odd{idx}.der"));
        fs::write(&path, der).unwrap();
        args.push(text(&path).to_string());
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/certificates_server.py");
    let mut server = Command::new("python3");
    server.env("PYTHONPATH", tlslite()).arg(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    servers.0.push(server.spawn().expect("python3 must be installed"));
    let mut out = BufReader::new(servers.0.last_mut().and_then(|server| server.stdout.take()).unwrap());
    for (name, _) in odd {
        let port = lines(&mut out).next().and_then(|line| line.parse().ok());
        names.insert(port.expect("it says where it listens"), name);
    }
    outputs.push(out);
    servers.1 = outputs;
    (servers, names)
}

fn lines(out: &mut impl BufRead) -> impl Iterator<Item = String> {
    out.lines().map_while(Result::ok)
}

/// Runs a scanner over the ports; by port what it shows on the screen, and what its XML says.
fn scan(program: &mut Command, ports: &BTreeMap<u16, String>, xml: &Path) -> BTreeMap<u16, (String, String)> {
    let list: Vec<String> = ports.keys().map(u16::to_string).collect();
    program.args(["-n", "-Pn", "-p", &list.join(","), "--script", "+ssl-cert", "-vv", "-oX"]).arg(xml).arg("127.0.0.1");
    let output = program.output().expect("both scanners are there");
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found: BTreeMap<u16, (String, String)> = BTreeMap::new();
    let mut current = None;
    for line in screen.lines() {
        match line.split_once("/tcp ").and_then(|(port, _)| port.parse::<u16>().ok()) {
            Some(port) => current = Some(port),
            None if !line.starts_with('|') => current = None,
            None => {}
        }
        if let Some(port) = current.filter(|_| line.starts_with('|')) {
            let shown = &mut found.entry(port).or_default().0;
            shown.push_str(&sorted_name(line));
            shown.push('\n');
        }
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/certificates_report.py");
    let report = Command::new("python3").arg(program).arg(xml).output().expect("python3 must be installed");
    assert!(report.status.success(), "{}\n{screen}", String::from_utf8_lossy(&report.stderr));
    for line in String::from_utf8_lossy(&report.stdout).lines() {
        let (port, line) = line.split_once(' ').expect("a port and a text");
        let shown = &mut found.entry(port.parse().expect("a port")).or_default().1;
        // The output as a whole is one line here.
        let lines: Vec<String> = line.split("\\n").map(sorted_name).collect();
        shown.push_str(&lines.join("\\n"));
        shown.push('\n');
    }
    found
}

/// Names are printed in the order of a table, which changes from run to run: here in the order of the alphabet.
fn sorted_name(line: &str) -> String {
    let at = ["Subject: ", "Issuer: "].into_iter().find_map(|label| Some(line.find(label)? + label.len()));
    let Some((label, name)) = at.and_then(|at| line.split_at_checked(at)) else { return line.to_string() };
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.sort_unstable();
    format!("{label}{}", parts.join("/"))
}

#[test]
fn ssl_cert_shows_what_it_shows_in_nmap() {
    let dir = tempfile::tempdir().unwrap();
    let (_servers, names) = serve(dir.path());
    let mut ours = Command::new(env!("CARGO_BIN_EXE_perilune"));
    ours.args(["--datadir", "/usr/share/nmap"]);
    let ours = scan(&mut ours, &names, &dir.path().join("ours.xml"));
    let theirs = scan(&mut Command::new("nmap"), &names, &dir.path().join("theirs.xml"));
    let (mut equal, mut nothing, mut failures) = (0, Vec::new(), Vec::new());
    for (port, name) in &names {
        match (ours.get(port), theirs.get(port)) {
            (ours, Some(theirs)) if ours == Some(theirs) => equal += 1,
            // OpenSSL refuses to read it and ends the connection; nothing there to be compared with.
            (_, None) => nothing.push(name.as_str()),
            (ours, theirs) => failures.push(format!("{name}\n  ours   {ours:#?}\n  theirs {theirs:#?}")),
        }
    }
    println!("{} certificates: {equal} shown the same, refused by Nmap: {nothing:?}", names.len());
    assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures.join("\n"));
    assert!(60 <= equal, "{equal} of {}", names.len());
}
