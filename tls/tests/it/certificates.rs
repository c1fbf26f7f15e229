//! Certificates as `openssl` shows them: the same names, the same texts.

use crate::keys::{dir, key, openssl};
use perilune_tls::x509::{Attribute, Certificate, Curve, KeyKind, Time};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// Extensions in `openssl`'s configuration language; each becomes a certificate.
const EXTENSIONS: [&str; 37] = [
    "basicConstraints=critical,CA:TRUE,pathlen:3",
    "basicConstraints=CA:FALSE",
    "basicConstraints=CA:TRUE",
    "keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,cRLSign,decipherOnly",
    "extendedKeyUsage=serverAuth,clientAuth,codeSigning,OCSPSigning,1.2.3.4.5",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid:always,issuer:always",
    "subjectAltName=DNS:a.example,DNS:*.b.example,IP:192.0.2.1,IP:2001:db8::1,email:x@y.example,URI:http://c.example/",
    "subjectAltName=RID:1.2.3.4,dirName:dir_section,otherName:1.2.3.4;UTF8:hello",
    "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example",
    "issuerAltName=DNS:i.example",
    "crlDistributionPoints=URI:http://crl.example/1.crl,URI:http://crl.example/2.crl",
    "crlDistributionPoints=point_section",
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
    "subjectInfoAccess=caRepository;URI:http://repo.example/",
    "freshestCRL=URI:http://crl.example/delta.crl",
    "policyMappings=1.2.3.4:1.2.3.5,1.2.3.6:2.23.140.1.2.1",
    "crlDistributionPoints=relative_section",
    "issuingDistributionPoint=critical,@issuing_section",
    "2.5.29.16=ASN1:SEQUENCE:period_section",
    "inhibitAnyPolicy=0x123456789ABCDEF0123456789ABCDEF012345",
    "subjectAltName=otherName:1.3.6.1.5.5.7.8.9;UTF8:a@b,otherName:1.3.6.1.5.5.7.8.7;IA5:_ldap,otherName:1.2.3;INTEGER:5",
    "authorityKeyIdentifier=keyid:always",
    "keyUsage=keyCertSign",
    "subjectAltName=dirName:odd_section",
    "1.3.6.1.4.1.11129.2.4.2=DER:0481f100ef007600000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0000018df4bc567b0000\
     04030047000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d\
     2e2f303132333435363738393a3b3c3d3e3f40414243444546007500000102030405060708090a0b0c0d0e0f101112131415\
     161718191a1b1c1d1e1f000001869d0b2a05000004010046000102030405060708090a0b0c0d0e0f10111213141516171819\
     1a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445",
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
emailAddress=a@b.example
[dir_section]
C=UK
O=My Org
CN=My Name
[point_section]
fullname=URI:http://myhost.example/my.crl
CRLissuer=dirName:dir_section
reasons=keyCompromise,CACompromise
[relative_section]
relativename=relative_name
[relative_name]
CN=Relative
[issuing_section]
fullname=URI:http://myhost.example/my.crl
onlyuser=TRUE
onlysomereasons=keyCompromise
[period_section]
notBefore=IMPLICIT:0,GENERALIZEDTIME:20230101000000Z
notAfter=IMPLICIT:1,GENERALIZEDTIME:20240101000000Z
[odd_section]
C=UK
O=a+b
CN=<x>
[policy_section]
policyIdentifier=1.3.5.8
CPS.1=http://my.host.example/
CPS.2=http://my.your.example/
userNotice.1=@notice
[notice]
explicitText=Explicit Text Here
organization=Organisation Name
noticeNumbers=1,2,3,4
";

/// Makes a certificate with one extension, and gives its DER.
fn make(name: &str, key_name: &str, extension: &str) -> Vec<u8> {
    let path = |suffix: &str| dir().join(format!("{name}.{suffix}")).to_str().unwrap().to_string();
    let (config, out) = (path("cnf"), path("der"));
    std::fs::write(&config, format!("{SECTIONS}\n[ext]\n{extension}\n")).unwrap();
    let key = key(key_name);
    let extensions = if extension.is_empty() { vec![] } else { vec!["-extensions", "ext"] };
    let args =
        ["req", "-x509", "-new", "-key", &key, "-days", "30", "-config", &config, "-outform", "DER", "-out", &out];
    openssl(&[&args[..], &extensions[..]].concat());
    std::fs::read(out).unwrap()
}

/// The extensions in the text that `openssl x509` prints: name, criticality, value.
fn printed(der: &[u8], name: &str) -> Vec<(String, bool, String)> {
    let path = dir().join(format!("{name}.print"));
    std::fs::write(&path, der).unwrap();
    let text = openssl(&["x509", "-inform", "DER", "-noout", "-text", "-in", path.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut out: Vec<(String, bool, String)> = Vec::new();
    let lines = text.lines().skip_while(|line| line.trim() != "X509v3 extensions:").skip(1);
    for line in lines.take_while(|line| line.starts_with("            ") || line.is_empty()) {
        if let Some(value) = line.strip_prefix("                ") {
            let last = &mut out.last_mut().unwrap().2;
            if !last.is_empty() {
                last.push('\n');
            }
            last.push_str(value);
        } else if !line.is_empty() {
            let (name, critical) = line.trim_start().split_once(": ").unwrap_or((line.trim_start(), ""));
            out.push((name.into(), critical.trim() == "critical", String::new()));
        }
    }
    out
}

#[test]
fn extensions_read_as_openssl_prints_them() {
    let mut failures = Vec::new();
    for (idx, extension) in EXTENSIONS.iter().enumerate() {
        let name = format!("extension{idx}");
        let der = make(&name, "p256", extension);
        let certificate = Certificate::parse(&der).unwrap();
        let ours: Vec<(String, bool, String)> = certificate
            .extensions
            .iter()
            .filter_map(|extension| {
                let value = String::from_utf8_lossy(extension.value.as_ref()?).trim_end().to_string();
                Some((extension.name(), extension.critical, value))
            })
            .collect();
        // What has no text here is what openssl has no method for: it dumps the bytes then.
        let mut theirs = printed(&der, &name);
        theirs.retain(|(name, ..)| !name.starts_with("1.2.3"));
        // It indents without a line end in one place, so that indentation is not compared; with nmap's it is.
        theirs.iter_mut().for_each(|(_, _, value)| *value = value.trim_end().replace(&" ".repeat(16), ""));
        let ours: Vec<(String, bool, String)> = ours
            .into_iter()
            .map(|(name, critical, value)| (name, critical, value.replace(&" ".repeat(16), "")))
            .collect();
        if ours != theirs {
            failures.push(format!("{extension}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn keys_have_the_types_that_scripts_know() {
    let check = |name: &str, expected: (&str, usize), signature: &str| {
        let der = openssl(&["x509", "-in", &crate::keys::certificate(name), "-outform", "DER"]);
        let certificate = Certificate::parse(&der).unwrap();
        let key = &certificate.public_key;
        assert_eq!((key.type_name(), key.bits), expected, "{name}");
        assert_eq!(certificate.signature_name(), signature);
        assert_eq!(certificate.version, 3);
    };
    check("rsa512", ("rsa", 512), "md5WithRSAEncryption");
    check("rsa1024", ("rsa", 1024), "sha1WithRSAEncryption");
    check("rsa4096", ("rsa", 4096), "sha512WithRSAEncryption");
    check("rsapss", ("unknown", 2048), "rsassaPss");
    check("p256", ("ec", 256), "ecdsa-with-SHA256");
    check("p521", ("ec", 521), "ecdsa-with-SHA512");
    check("k256", ("ec", 256), "ecdsa-with-SHA256");
    check("ed25519", ("unknown", 256), "ED25519");
    check("ed448", ("unknown", 456), "ED448");
    check("dsa1024", ("dsa", 1024), "dsaWithSHA1");
    check("dsa2048", ("dsa", 2048), "dsa_with_SHA256");
}

#[test]
fn pem_digest_and_names() {
    let der = make("whole", "rsa2048", "");
    let mut long = der.clone();
    long.extend(b"trailing bytes");
    let certificate = Certificate::parse(&long).unwrap();
    assert_eq!(certificate.der(), der);
    let path = dir().join("whole.der");
    let path = path.to_str().unwrap();
    let pem = openssl(&["x509", "-inform", "DER", "-in", path]);
    assert_eq!(certificate.pem(), String::from_utf8(pem).unwrap());
    for name in ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] {
        let expected = openssl(&["dgst", &format!("-{name}"), "-binary", path]);
        assert_eq!(certificate.digest(name), Some(expected), "{name}");
    }
    assert_eq!(certificate.digest("nonsense"), None);
    let subject: Vec<(&str, &[u8])> =
        certificate.subject.iter().map(|part| (part.name().unwrap(), &part.value[..])).collect();
    assert_eq!(
        subject,
        [
            ("countryName", &b"DE"[..]),
            ("stateOrProvinceName", b"Some, State"),
            ("organizationName", b"Perilune test"),
            ("organizationalUnitName", b"One"),
            ("organizationalUnitName", b"Two"),
            ("commonName", b"name.example"),
            ("emailAddress", b"a@b.example"),
        ]
    );
    let KeyKind::Rsa(key) = &certificate.public_key.kind else { panic!("an RSA key") };
    let modulus = openssl(&["x509", "-inform", "DER", "-in", path, "-noout", "-modulus"]);
    let digits: String = key.modulus.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(String::from_utf8(modulus).unwrap().trim(), format!("Modulus={digits}"));
    assert_eq!(key.exponent, [1, 0, 1]);
}

/// Whatever byte is changed, wherever the certificate is cut: an error or an odd certificate, never a panic.
#[test]
fn broken_certificates_do_no_harm() {
    let mut parsed = 0;
    for extension in [EXTENSIONS[7], EXTENSIONS[8], EXTENSIONS[12], EXTENSIONS[14], EXTENSIONS[16]] {
        let der = make("broken", "p256", extension);
        for len in 0..der.len() {
            assert!(Certificate::parse(&der[..len]).is_err());
        }
        for idx in 0..der.len() {
            for byte in [0x00, 0x01, 0x30, 0x80, 0xff, der[idx] ^ 0x20, der[idx].wrapping_add(1)] {
                let mut changed = der.clone();
                changed[idx] = byte;
                parsed += usize::from(Certificate::parse(&changed).is_ok());
            }
        }
    }
    assert!(1000 < parsed, "most changes leave a certificate that can be shown: {parsed}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The table that scripts see: the last one of a name's attributes wins.
fn table(name: &[Attribute]) -> String {
    let key = |part: &Attribute| part.name().unwrap_or(part.oid.dotted()).to_string();
    let map: BTreeMap<String, String> = name.iter().map(|part| (key(part), hex(&part.value))).collect();
    let mut lines: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    lines.sort();
    lines.join(" ")
}

fn date(time: &Option<Time>) -> String {
    match time {
        Some(Time::Date(date)) => date.to_string(),
        Some(Time::Raw(bytes)) => hex(bytes),
        None => "nil".into(),
    }
}

/// What `certificates.nse` writes.
fn show(der: &[u8]) -> String {
    let Ok(certificate) = Certificate::parse(der) else { return "none\n".into() };
    let mut out = String::new();
    let key = &certificate.public_key;
    writeln!(out, "subject {}", table(&certificate.subject)).unwrap();
    writeln!(out, "issuer {}", table(&certificate.issuer)).unwrap();
    writeln!(out, "signature {}", certificate.signature_name()).unwrap();
    writeln!(out, "from {}", date(&certificate.not_before)).unwrap();
    writeln!(out, "to {}", date(&certificate.not_after)).unwrap();
    writeln!(out, "key {} {}", key.type_name(), key.bits).unwrap();
    match &key.kind {
        KeyKind::Rsa(key) => {
            let upper = |bytes: &[u8]| hex(bytes).to_uppercase();
            writeln!(out, "rsa {} {}", upper(&key.exponent), upper(&key.modulus)).unwrap();
        }
        KeyKind::Ec(Curve::Named(name)) => writeln!(out, "curve namedcurve {name}").unwrap(),
        KeyKind::Ec(Curve::ExplicitPrime) => out.push_str("curve explicit_prime nil\n"),
        KeyKind::Ec(Curve::ExplicitChar2) => out.push_str("curve explicit_char2 nil\n"),
        _ => {}
    }
    for extension in &certificate.extensions {
        let value = extension.value.as_ref().map_or_else(|| "nil".into(), |value| hex(value));
        writeln!(out, "extension {} {} {value}", extension.name(), extension.critical).unwrap();
    }
    writeln!(out, "sha1 {}", hex(&certificate.digest("sha1").unwrap())).unwrap();
    writeln!(out, "pem {}", hex(certificate.pem().as_bytes())).unwrap();
    out
}

/// Replaces the first date of a certificate, length for length.
fn with_date(der: &[u8], date: &[u8; 13]) -> Vec<u8> {
    let mut out = der.to_vec();
    let at = out.windows(2).position(|pair| pair == [0x17, 13]).expect("a UTCTime");
    out[at + 2..at + 15].copy_from_slice(date);
    out
}

fn replaced(der: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = der.windows(from.len()).position(|window| window == from).expect("what to replace");
    [&der[..at], to, &der[at + from.len()..]].concat()
}

/// Certificates of every kind, by name.
/// All of them are such that OpenSSL parses them, or refuses them as we do; what it refuses and we show (a BMPString of
/// odd length, say) has nothing to be compared with.
fn samples() -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for name in
        ["rsa512", "rsa1024", "rsa2048", "rsa4096", "rsapss", "p256", "p384", "p521", "k256", "ed25519", "ed448"]
    {
        out.push((name.to_string(), openssl(&["x509", "-in", &crate::keys::certificate(name), "-outform", "DER"])));
    }
    for name in ["dsa1024", "dsa2048"] {
        out.push((name.to_string(), openssl(&["x509", "-in", &crate::keys::certificate(name), "-outform", "DER"])));
    }
    for (idx, extension) in EXTENSIONS.iter().enumerate() {
        out.push((format!("sample{idx}"), make(&format!("sample{idx}"), "p256", extension)));
    }
    let base = make("base", "rsa2048", EXTENSIONS[1]);
    out.push(("version1".into(), make("bare", "rsa2048", "")));
    for (idx, date) in [
        b"991231235959Z",
        b"500101000000Z",
        b"490101000000Z",
        b"231301000000Z",
        b"230001000000Z",
        b"230132000000Z",
        b"230101250000Z",
        b"230101006100Z",
        b"230101000099Z",
        b"2301010000000",
        b"23010100000xZ",
        b"xx0101000000Z",
        b"2301010000+01",
        b"230100000000Z",
        b"2301010000Z  ",
    ]
    .iter()
    .enumerate()
    {
        out.push((format!("date{idx}"), with_date(&base, date)));
    }
    // Subject and issuer: an unknown attribute, other types of string, the version.
    out.push(("oid".into(), replaced(&base, &[6, 3, 0x55, 4, 0x0a], &[6, 3, 0x2a, 3, 4])));
    out.push(("t61".into(), replaced(&base, b"\x0c\x0dPerilune", b"\x14\x0dPerilune")));
    out.push(("bmp".into(), replaced(&base, b"\x0c\x0cname.", b"\x1e\x0cname.")));
    out.push(("version1said".into(), replaced(&base, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 0])));
    out.push(("version9".into(), replaced(&base, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 9])));
    out.push(("algorithm".into(), replaced(&base, &[0xf7, 0x0d, 1, 1, 1, 5], &[0xf7, 0x0d, 1, 1, 0x77, 5])));
    out.push(("empty".into(), Vec::new()));
    out.push(("noise".into(), b"nonsense".to_vec()));
    out.push(("cut".into(), base[..base.len() - 1].to_vec()));
    out.push(("trailing".into(), [&base[..], b"more"].concat()));
    out
}

#[test]
fn scripts_see_what_they_see_in_nmap() {
    let samples = samples();
    let dir = dir().join("nmap");
    std::fs::create_dir_all(&dir).unwrap();
    let mut list = String::new();
    for (name, der) in &samples {
        std::fs::write(dir.join(name), der).unwrap();
        writeln!(list, "{name}").unwrap();
    }
    std::fs::write(dir.join("list.txt"), list).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/certificates.nse");
    let args = format!("dir={}", dir.display());
    let output = Command::new("nmap").args(["-n", "--script", script, "--script-args", &args]).output();
    let output = output.expect("nmap must be installed");
    let theirs = std::fs::read_to_string(dir.join("nmap.txt"));
    let theirs = theirs.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)));
    let mut theirs: BTreeMap<&str, &str> = theirs.split("== ").filter_map(|section| section.split_once('\n')).collect();
    let mut failures = Vec::new();
    for (name, der) in &samples {
        let ours = show(der);
        let theirs = theirs.remove(name.as_str()).unwrap_or("nothing");
        if ours == theirs {
            continue;
        }
        let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
        let only = |a: &[&str], b: &[&str]| a.iter().filter(|line| !b.contains(line)).map(|l| l.to_string()).collect();
        let (ours_only, theirs_only): (Vec<String>, Vec<String>) = (only(&ours, &theirs), only(&theirs, &ours));
        failures.push(format!(
            "{name}\n  ours   {}\n  theirs {}",
            ours_only.join("\n         "),
            theirs_only.join("\n         ")
        ));
    }
    println!("{} certificates compared, {} differ", samples.len(), failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
