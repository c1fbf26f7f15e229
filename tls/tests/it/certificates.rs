//! Certificates as `openssl` shows them: the same names, the same texts.

use crate::keys::{dir, key, openssl};
use perilune_tls::x509::{Certificate, KeyKind};

/// Extensions in `openssl`'s configuration language; each becomes a certificate.
const EXTENSIONS: [&str; 26] = [
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
        // It indents without a line end in one place.
        theirs.iter_mut().for_each(|(_, _, value)| *value = value.trim_end().replace(&" ".repeat(16), ""));
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
