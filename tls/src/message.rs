//! Handshake messages: ours are written here, theirs are taken apart here.
//!
//! Everything that comes in is any bytes at all; the parsers keep slices and never allocate by a length on the wire.
//!
//! # Source
//! RFC 8446 §4, RFC 5246 §7.4, RFC 8422 (curves), RFC 7301 (ALPN), RFC 6066 (names), RFC 5746 (renegotiation), RFC
//! 7366, RFC 7627.

use crate::codec::{Put, Reader};
use crate::config::Config;
use crate::limits::{CERTIFICATE_BYTES_MAX, CERTIFICATES_MAX};
use crate::{KeyExchange, TlsError, Version};

/// Numbers and names of handshake messages: the one list.
macro_rules! kinds {
    ($($code:literal $constant:ident $name:literal;)*) => {
        /// Numbers of handshake messages.
        pub(crate) mod kind {
            $(pub const $constant: u8 = $code;)*
        }

        /// The name of a handshake message, for errors.
        pub(crate) fn kind_name(kind: u8) -> String {
            match kind {
                $($code => concat!("a ", $name, " message").into(),)*
                _ => format!("handshake message {kind}"),
            }
        }
    };
}

kinds! {
    0 HELLO_REQUEST "HelloRequest";
    1 CLIENT_HELLO "ClientHello";
    2 SERVER_HELLO "ServerHello";
    3 HELLO_VERIFY_REQUEST "HelloVerifyRequest";
    4 NEW_SESSION_TICKET "NewSessionTicket";
    8 ENCRYPTED_EXTENSIONS "EncryptedExtensions";
    11 CERTIFICATE "Certificate";
    12 SERVER_KEY_EXCHANGE "ServerKeyExchange";
    13 CERTIFICATE_REQUEST "CertificateRequest";
    14 SERVER_HELLO_DONE "ServerHelloDone";
    15 CERTIFICATE_VERIFY "CertificateVerify";
    16 CLIENT_KEY_EXCHANGE "ClientKeyExchange";
    20 FINISHED "Finished";
    22 CERTIFICATE_STATUS "CertificateStatus";
    24 KEY_UPDATE "KeyUpdate";
}

/// Numbers of extensions.
mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const SUPPORTED_GROUPS: u16 = 10;
    pub const EC_POINT_FORMATS: u16 = 11;
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    pub const ALPN: u16 = 16;
    pub const PADDING: u16 = 21;
    pub const ENCRYPT_THEN_MAC: u16 = 22;
    pub const EXTENDED_MASTER_SECRET: u16 = 23;
    pub const SUPPORTED_VERSIONS: u16 = 43;
    pub const COOKIE: u16 = 44;
    pub const KEY_SHARE: u16 = 51;
    pub const RENEGOTIATION_INFO: u16 = 0xff01;
}

/// The suite number that stands for an empty renegotiation_info (RFC 5746).
const RENEGOTIATION_SCSV: u16 = 0x00ff;

/// All signature algorithms with a number: none is checked, so none need be implemented.
/// Order: PSS, ECDSA, PKCS #1, EdDSA, then the weak ones.
const SIGNATURE_ALGORITHMS: [u16; 25] = [
    0x0403, 0x0503, 0x0603, // ECDSA with SHA-256, -384, -512.
    0x0807, 0x0808, // Ed25519, Ed448.
    0x081a, 0x081b, 0x081c, // ECDSA on Brainpool curves, TLS 1.3.
    0x0809, 0x080a, 0x080b, // PSS with PSS keys.
    0x0804, 0x0805, 0x0806, // PSS with RSA keys.
    0x0401, 0x0501, 0x0601, // PKCS #1 with SHA-256, -384, -512.
    0x0303, 0x0301, 0x0302, // SHA-224: ECDSA, RSA, DSA.
    0x0402, 0x0502, 0x0602, // DSA with SHA-256, -384, -512.
    0x0203, 0x0201, // SHA-1: ECDSA, RSA.
];
/// Those that TLS 1.2 servers of the past may want: DSA with SHA-1, RSA with MD5.
const SIGNATURE_ALGORITHMS_OLD: [u16; 2] = [0x0202, 0x0101];

/// The random field that makes a ServerHello a HelloRetryRequest (RFC 8446 §4.1.3).
pub(crate) const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a ClientHello is made of.
pub(crate) struct ClientHello<'a> {
    pub config: &'a Config,
    pub datagram: bool,
    pub random: &'a [u8; 32],
    pub session_id: &'a [u8],
    /// DTLS: the cookie field. `None` on streams, which have no such field.
    pub datagram_cookie: &'a [u8],
    /// TLS 1.3: the cookie of a HelloRetryRequest; empty when there was none.
    pub retry_cookie: &'a [u8],
    /// TLS 1.3: group and public key.
    pub key_share: Option<(u16, Vec<u8>)>,
}

impl ClientHello<'_> {
    /// The message's body.
    pub fn encode(&self) -> Vec<u8> {
        let config = self.config;
        let mut body = Vec::with_capacity(600);
        body.put_u16(config.hello_version(self.datagram));
        body.extend_from_slice(self.random);
        body.put_vec8(self.session_id);
        if self.datagram {
            body.put_vec8(self.datagram_cookie);
        }
        let mut suites = Vec::new();
        config.suites.iter().for_each(|suite| suites.put_u16(suite.code()));
        if config.versions[0] <= Version::Tls12 {
            suites.put_u16(RENEGOTIATION_SCSV);
        }
        body.put_vec16(&suites);
        body.put_vec8(&[0]);
        if config.version_max() == Version::Ssl3 {
            return body;
        }
        let mut extensions = self.extensions();
        // Some load balancers hang on a hello of 256 to 511 bytes (RFC 7685); the message header counts too.
        let len = 4 + body.len() + 2 + extensions.len();
        if !self.datagram && (256..512).contains(&len) {
            put_extension(&mut extensions, extension::PADDING, &vec![0; (512 - len).saturating_sub(4).max(1)]);
        }
        body.put_vec16(&extensions);
        body
    }

    fn extensions(&self) -> Vec<u8> {
        let config = self.config;
        let mut out = Vec::with_capacity(400);
        let legacy = config.versions[0] <= Version::Tls12;
        let tls13 = config.offers(Version::Tls13);
        let curves = config.suites.iter().any(|s| matches!(s.key_exchange(), KeyExchange::Ecdhe | KeyExchange::Tls13));
        if let Some(name) = &config.server_name {
            let mut list = vec![0];
            list.put_vec16(name.as_bytes());
            put_extension(&mut out, extension::SERVER_NAME, &vec16(&list));
        }
        if curves {
            if legacy {
                put_extension(&mut out, extension::EC_POINT_FORMATS, &[1, 0]);
            }
            let mut groups = Vec::new();
            config.groups.iter().for_each(|group| groups.put_u16(group.code()));
            put_extension(&mut out, extension::SUPPORTED_GROUPS, &vec16(&groups));
        }
        if !config.alpn.is_empty() {
            let mut names = Vec::new();
            config.alpn.iter().for_each(|name| names.put_vec8(name));
            put_extension(&mut out, extension::ALPN, &vec16(&names));
        }
        if legacy {
            put_extension(&mut out, extension::ENCRYPT_THEN_MAC, &[]);
            put_extension(&mut out, extension::EXTENDED_MASTER_SECRET, &[]);
        }
        if Version::Tls12 <= config.version_max() {
            let mut list = Vec::new();
            SIGNATURE_ALGORITHMS.iter().for_each(|code| list.put_u16(*code));
            if legacy {
                SIGNATURE_ALGORITHMS_OLD.iter().for_each(|code| list.put_u16(*code));
            }
            put_extension(&mut out, extension::SIGNATURE_ALGORITHMS, &vec16(&list));
        }
        if tls13 {
            let mut versions = Vec::new();
            config.versions.iter().rev().for_each(|version| versions.put_u16(version.code()));
            let mut list = Vec::new();
            list.put_vec8(&versions);
            put_extension(&mut out, extension::SUPPORTED_VERSIONS, &list);
            if !self.retry_cookie.is_empty() {
                put_extension(&mut out, extension::COOKIE, &vec16(self.retry_cookie));
            }
            if let Some((group, public)) = &self.key_share {
                let mut share = Vec::new();
                share.put_u16(*group);
                share.put_vec16(public);
                put_extension(&mut out, extension::KEY_SHARE, &vec16(&share));
            }
        }
        out
    }
}

fn vec16(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.put_vec16(bytes);
    out
}

fn put_extension(out: &mut Vec<u8>, code: u16, body: &[u8]) {
    out.put_u16(code);
    out.put_vec16(body);
}

/// A ServerHello or HelloRetryRequest, with the extensions that we asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerHello {
    /// The version field, or what supported_versions says instead.
    pub version: u16,
    pub random: [u8; 32],
    pub session_id: Vec<u8>,
    pub suite: u16,
    pub compression: u8,
    pub key_share: Option<(u16, Vec<u8>)>,
    pub cookie: Vec<u8>,
    pub alpn: Option<Vec<u8>>,
    pub extended_master_secret: bool,
    pub encrypt_then_mac: bool,
    pub secure_renegotiation: bool,
}

impl ServerHello {
    pub fn is_retry(&self) -> bool {
        self.random == RETRY_RANDOM
    }

    pub fn decode(body: &[u8]) -> Result<ServerHello, TlsError> {
        let mut reader = Reader::new(body, "ServerHello");
        let mut hello = ServerHello { version: reader.u16()?, random: reader.array()?, ..ServerHello::default() };
        let session_id = reader.vec8()?;
        if 32 < session_id.len() {
            return Err(reader.malformed());
        }
        hello.session_id = session_id.to_vec();
        hello.suite = reader.u16()?;
        hello.compression = reader.u8()?;
        if reader.is_empty() {
            return Ok(hello);
        }
        let is_retry = hello.is_retry();
        let mut list = reader.sub16()?;
        while !list.is_empty() {
            let code = list.u16()?;
            let mut body = list.sub16()?;
            match code {
                extension::SUPPORTED_VERSIONS => hello.version = body.u16()?,
                extension::KEY_SHARE if is_retry => hello.key_share = Some((body.u16()?, Vec::new())),
                extension::KEY_SHARE => hello.key_share = Some((body.u16()?, body.vec16()?.to_vec())),
                extension::COOKIE => hello.cookie = body.vec16()?.to_vec(),
                extension::ALPN => hello.alpn = Some(alpn(body)?),
                extension::EXTENDED_MASTER_SECRET => hello.extended_master_secret = true,
                extension::ENCRYPT_THEN_MAC => hello.encrypt_then_mac = true,
                extension::RENEGOTIATION_INFO => hello.secure_renegotiation = true,
                // Answers to what was not asked are passed over: a scanner goes on.
                _ => {}
            }
        }
        Ok(hello)
    }
}

fn alpn(mut body: Reader<'_>) -> Result<Vec<u8>, TlsError> {
    let mut names = body.sub16()?;
    let name = names.vec8()?.to_vec();
    names.end()?;
    Ok(name)
}

/// EncryptedExtensions: the application protocol, if one was chosen.
pub(crate) fn decode_encrypted_extensions(body: &[u8]) -> Result<Option<Vec<u8>>, TlsError> {
    let mut reader = Reader::new(body, "EncryptedExtensions message");
    let mut list = reader.sub16()?;
    let mut chosen = None;
    while !list.is_empty() {
        let code = list.u16()?;
        let body = list.sub16()?;
        if code == extension::ALPN {
            chosen = Some(alpn(body)?);
        }
    }
    Ok(chosen)
}

/// A Certificate message: the certificates as they are, leaf first.
pub(crate) fn decode_certificates(body: &[u8], tls13: bool) -> Result<Vec<Vec<u8>>, TlsError> {
    let mut reader = Reader::new(body, "Certificate message");
    if tls13 {
        reader.vec8()?;
    }
    let list = reader.vec24()?;
    if CERTIFICATE_BYTES_MAX < list.len() {
        return Err(TlsError::Limit { what: "bytes of certificates", max: CERTIFICATE_BYTES_MAX });
    }
    let mut list = reader.sub(list);
    let mut chain = Vec::new();
    while !list.is_empty() {
        if chain.len() == CERTIFICATES_MAX {
            return Err(TlsError::Limit { what: "certificates", max: CERTIFICATES_MAX });
        }
        chain.push(list.vec24()?.to_vec());
        if tls13 {
            list.vec16()?;
        }
    }
    Ok(chain)
}

/// The parameters of a ServerKeyExchange; the signature behind them is passed over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerKeyExchange<'a> {
    Dhe { prime: &'a [u8], generator: &'a [u8], public: &'a [u8] },
    Ecdhe { group: u16, public: &'a [u8] },
}

impl<'a> ServerKeyExchange<'a> {
    pub fn decode(body: &'a [u8], key_exchange: KeyExchange) -> Result<Self, TlsError> {
        let mut reader = Reader::new(body, "ServerKeyExchange message");
        if key_exchange == KeyExchange::Dhe {
            return Ok(Self::Dhe { prime: reader.vec16()?, generator: reader.vec16()?, public: reader.vec16()? });
        }
        // Only named curves: nobody ever used the other forms, and they were forbidden in 2018.
        if reader.u8()? != 3 {
            return Err(TlsError::KeyShare("its curve has no name"));
        }
        Ok(Self::Ecdhe { group: reader.u16()?, public: reader.vec8()? })
    }
}

/// A HelloVerifyRequest of DTLS: its cookie.
pub(crate) fn decode_hello_verify(body: &[u8]) -> Result<Vec<u8>, TlsError> {
    let mut reader = Reader::new(body, "HelloVerifyRequest message");
    reader.u16()?;
    Ok(reader.vec8()?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::unhex;

    fn hello(config: &Config) -> Vec<u8> {
        let config = config.clone().prepare(false).unwrap();
        ClientHello {
            config: &config,
            datagram: false,
            random: &[1; 32],
            session_id: &[],
            datagram_cookie: &[],
            retry_cookie: &[],
            key_share: None,
        }
        .encode()
    }

    #[test]
    fn ssl3_hello_has_no_extensions() {
        let body = hello(&Config::ssl3());
        assert_eq!(body[..2], [3, 0]);
        let suites = usize::from(u16::from_be_bytes([body[35], body[36]]));
        assert_eq!(body.len(), 35 + 2 + suites + 2);
        assert_eq!(body[37 + suites - 2..], [0x00, 0xff, 1, 0]);
    }

    #[test]
    fn hellos_keep_clear_of_awkward_sizes() {
        for count in 1..138 {
            let suites = Config::default().suites[..count].to_vec();
            let body = hello(&Config { suites, server_name: Some("a.example".into()), ..Config::default() });
            assert!(!(256..512).contains(&(body.len() + 4)), "{count}: {}", body.len());
        }
    }

    /// The ServerHello of RFC 8448 §3.
    #[test]
    fn server_hello_of_the_rfc() {
        let body = unhex(
            "0303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020\
             c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304",
        );
        let hello = ServerHello::decode(&body).unwrap();
        assert_eq!((hello.version, hello.suite), (0x0304, 0x1301));
        assert_eq!(hello.key_share.unwrap().0, 29);
        // Cut anywhere it is an error or, where only the extensions are gone, an old hello; never a panic.
        for len in 0..body.len() {
            let res = ServerHello::decode(&body[..len]);
            assert_eq!(res.is_ok(), len == 38, "{len}");
        }
    }

    #[test]
    fn too_many_certificates() {
        let chain = |count: usize, len: usize| {
            let mut list = Vec::new();
            for _ in 0..count {
                list.put_u24(len);
                list.resize(list.len() + len, 0);
            }
            let mut body = Vec::new();
            body.put_u24(list.len());
            body.extend(list);
            decode_certificates(&body, false)
        };
        assert_eq!(chain(CERTIFICATES_MAX, 1).unwrap().len(), CERTIFICATES_MAX);
        assert_eq!(chain(CERTIFICATES_MAX + 1, 1), Err(TlsError::Limit { what: "certificates", max: 100 }));
        assert!(matches!(chain(2, CERTIFICATE_BYTES_MAX / 2), Err(TlsError::Limit { .. })));
    }

    #[test]
    fn nonsense_is_malformed() {
        for len in 0..64 {
            for byte in [0, 1, 3, 0x7f, 0xff] {
                let body = vec![byte; len];
                let _ = ServerHello::decode(&body);
                let _ = decode_encrypted_extensions(&body);
                let _ = decode_certificates(&body, true);
                let _ = decode_certificates(&body, false);
                let _ = decode_hello_verify(&body);
                let _ = ServerKeyExchange::decode(&body, KeyExchange::Dhe);
                let _ = ServerKeyExchange::decode(&body, KeyExchange::Ecdhe);
            }
        }
    }
}
