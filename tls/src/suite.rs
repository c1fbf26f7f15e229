//! The cipher suites: one table with every code, both spellings of its name, and what it is made of.

use crate::Version;
use crate::hash::HashKind;

/// How the two sides come to a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchange {
    /// TLS 1.3: negotiated apart from the suite.
    Tls13,
    /// A secret encrypted to the certificate's RSA key.
    Rsa,
    /// Finite-field Diffie-Hellman with a fresh key.
    Dhe,
    /// Elliptic-curve Diffie-Hellman with a fresh key.
    Ecdhe,
}

/// What kind of key the server signs with; not checked, as no signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// TLS 1.3: negotiated apart from the suite.
    Tls13,
    /// An RSA certificate.
    Rsa,
    /// A DSA certificate.
    Dss,
    /// A certificate on an elliptic curve.
    Ecdsa,
    /// No certificate at all.
    Anonymous,
}

/// The cipher that protects records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Bulk {
    Null,
    Rc4,
    DesCbc,
    TripleDesCbc,
    Aes128Cbc,
    Aes256Cbc,
    Camellia128Cbc,
    Camellia256Cbc,
    Aria128Cbc,
    Aria256Cbc,
    Aes128Gcm,
    Aes256Gcm,
    Camellia128Gcm,
    Camellia256Gcm,
    Aria128Gcm,
    Aria256Gcm,
    Aes128Ccm,
    Aes256Ccm,
    Aes128Ccm8,
    Aes256Ccm8,
    ChaCha20Poly1305,
}

/// How a bulk cipher is used in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Stream,
    Block,
    Aead,
}

impl Bulk {
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Null | Self::Rc4 => Mode::Stream,
            Self::DesCbc
            | Self::TripleDesCbc
            | Self::Aes128Cbc
            | Self::Aes256Cbc
            | Self::Camellia128Cbc
            | Self::Camellia256Cbc
            | Self::Aria128Cbc
            | Self::Aria256Cbc => Mode::Block,
            _ => Mode::Aead,
        }
    }

    /// Bytes of the key.
    pub(crate) fn key_len(self) -> usize {
        match self {
            Self::Null => 0,
            Self::DesCbc => 8,
            Self::TripleDesCbc => 24,
            Self::Rc4
            | Self::Aes128Cbc
            | Self::Camellia128Cbc
            | Self::Aria128Cbc
            | Self::Aes128Gcm
            | Self::Camellia128Gcm
            | Self::Aria128Gcm
            | Self::Aes128Ccm
            | Self::Aes128Ccm8 => 16,
            _ => 32,
        }
    }

    /// Bytes of a block of a cipher in CBC mode.
    pub(crate) fn block_len(self) -> usize {
        match self {
            Self::DesCbc | Self::TripleDesCbc => 8,
            _ => 16,
        }
    }

    /// Bytes of the nonce that come from the key block: all of it for ChaCha20, the salt for the others.
    pub(crate) fn fixed_iv_len(self) -> usize {
        match self.mode() {
            Mode::Stream => 0,
            Mode::Block => self.block_len(),
            Mode::Aead if self == Self::ChaCha20Poly1305 => 12,
            Mode::Aead => 4,
        }
    }
}

/// A cipher suite that this crate can speak.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    code: u16,
    iana_name: &'static str,
    openssl_name: &'static str,
    key_exchange: KeyExchange,
    authentication: Authentication,
    bulk: Bulk,
    hash: HashKind,
}

impl Suite {
    /// All suites, in the order in which they are offered: strong ones first, anonymous and NULL ones last.
    pub fn all() -> &'static [Suite] {
        SUITES
    }

    /// The suite with this number.
    pub fn from_code(code: u16) -> Option<&'static Suite> {
        SUITES.iter().find(|suite| suite.code == code)
    }

    /// The suite with this name, in either spelling.
    pub fn from_name(name: &str) -> Option<&'static Suite> {
        SUITES.iter().find(|suite| suite.iana_name == name || suite.openssl_name == name)
    }

    /// The number on the wire.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The name in IANA's registry: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub fn iana_name(&self) -> &'static str {
        self.iana_name
    }

    /// OpenSSL's name: `ECDHE-RSA-AES128-GCM-SHA256`; IANA's for suites that OpenSSL never had.
    pub fn openssl_name(&self) -> &'static str {
        self.openssl_name
    }

    /// How the shared secret comes about.
    pub fn key_exchange(&self) -> KeyExchange {
        self.key_exchange
    }

    /// What kind of certificate it goes with.
    pub fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// What protects the records.
    pub fn bulk(&self) -> Bulk {
        self.bulk
    }

    /// The hash in the suite's name: of the MAC for stream and block ciphers, of the key derivation for the others.
    pub(crate) fn hash(&self) -> HashKind {
        self.hash
    }

    /// The hash of key derivation and Finished in TLS 1.2 and 1.3 (RFC 5246 §5).
    pub(crate) fn prf_hash(&self) -> HashKind {
        match self.hash {
            HashKind::Sha384 => HashKind::Sha384,
            _ => HashKind::Sha256,
        }
    }

    /// Whether the suite exists in a version.
    pub fn is_for(&self, version: Version) -> bool {
        let tls13 = self.key_exchange == KeyExchange::Tls13;
        let since_tls12 = self.bulk.mode() == Mode::Aead || matches!(self.hash, HashKind::Sha256 | HashKind::Sha384);
        match version {
            Version::Tls13 => tls13,
            Version::Tls12 => !tls13,
            Version::Tls11 | Version::Tls10 => !tls13 && !since_tls12,
            Version::Ssl3 => !tls13 && !since_tls12 && self.key_exchange != KeyExchange::Ecdhe,
        }
    }

    /// Whether the suite can protect datagrams: a key stream that runs on from record to record cannot.
    pub(crate) fn is_for_datagrams(&self) -> bool {
        self.bulk != Bulk::Rc4
    }
}

/// A dash stands for IANA's name, where OpenSSL never had one or uses the same.
macro_rules! openssl_name {
    ($iana:literal -) => {
        concat!("TLS_", $iana)
    };
    ($iana:literal $openssl:literal) => {
        $openssl
    };
}

/// IANA's names are written without the `TLS_` that all of them begin with.
macro_rules! suites {
    ($($code:literal $iana:literal $openssl:tt $kx:ident $auth:ident $bulk:ident $hash:ident;)*) => {
        /// Source: IANA's registry for codes and names, `openssl ciphers -V` for OpenSSL's spelling.
        static SUITES: &[Suite] = &[$(Suite {
            code: $code,
            iana_name: concat!("TLS_", $iana),
            openssl_name: openssl_name!($iana $openssl),
            key_exchange: KeyExchange::$kx,
            authentication: Authentication::$auth,
            bulk: Bulk::$bulk,
            hash: HashKind::$hash,
        },)*];
    };
}

#[rustfmt::skip]
suites! {
    0x1302 "AES_256_GCM_SHA384" - Tls13 Tls13 Aes256Gcm Sha384;
    0x1301 "AES_128_GCM_SHA256" - Tls13 Tls13 Aes128Gcm Sha256;
    0x1303 "CHACHA20_POLY1305_SHA256" - Tls13 Tls13 ChaCha20Poly1305 Sha256;
    0x1304 "AES_128_CCM_SHA256" - Tls13 Tls13 Aes128Ccm Sha256;
    0x1305 "AES_128_CCM_8_SHA256" - Tls13 Tls13 Aes128Ccm8 Sha256;
    0xC02C "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" "ECDHE-ECDSA-AES256-GCM-SHA384" Ecdhe Ecdsa Aes256Gcm Sha384;
    0xC030 "ECDHE_RSA_WITH_AES_256_GCM_SHA384" "ECDHE-RSA-AES256-GCM-SHA384" Ecdhe Rsa Aes256Gcm Sha384;
    0xC02B "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" "ECDHE-ECDSA-AES128-GCM-SHA256" Ecdhe Ecdsa Aes128Gcm Sha256;
    0xC02F "ECDHE_RSA_WITH_AES_128_GCM_SHA256" "ECDHE-RSA-AES128-GCM-SHA256" Ecdhe Rsa Aes128Gcm Sha256;
    0xCCA8 "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" "ECDHE-RSA-CHACHA20-POLY1305" Ecdhe Rsa ChaCha20Poly1305 Sha256;
    0xCCA9 "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" "ECDHE-ECDSA-CHACHA20-POLY1305"
        Ecdhe Ecdsa ChaCha20Poly1305 Sha256;
    0xC0AD "ECDHE_ECDSA_WITH_AES_256_CCM" "ECDHE-ECDSA-AES256-CCM" Ecdhe Ecdsa Aes256Ccm Sha256;
    0xC0AC "ECDHE_ECDSA_WITH_AES_128_CCM" "ECDHE-ECDSA-AES128-CCM" Ecdhe Ecdsa Aes128Ccm Sha256;
    0xC05D "ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384" "ECDHE-ECDSA-ARIA256-GCM-SHA384" Ecdhe Ecdsa Aria256Gcm Sha384;
    0xC061 "ECDHE_RSA_WITH_ARIA_256_GCM_SHA384" "ECDHE-ARIA256-GCM-SHA384" Ecdhe Rsa Aria256Gcm Sha384;
    0xC087 "ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384" - Ecdhe Ecdsa Camellia256Gcm Sha384;
    0xC08B "ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384" - Ecdhe Rsa Camellia256Gcm Sha384;
    0xC05C "ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256" "ECDHE-ECDSA-ARIA128-GCM-SHA256" Ecdhe Ecdsa Aria128Gcm Sha256;
    0xC060 "ECDHE_RSA_WITH_ARIA_128_GCM_SHA256" "ECDHE-ARIA128-GCM-SHA256" Ecdhe Rsa Aria128Gcm Sha256;
    0xC086 "ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256" - Ecdhe Ecdsa Camellia128Gcm Sha256;
    0xC08A "ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256" - Ecdhe Rsa Camellia128Gcm Sha256;
    0xC0AF "ECDHE_ECDSA_WITH_AES_256_CCM_8" "ECDHE-ECDSA-AES256-CCM8" Ecdhe Ecdsa Aes256Ccm8 Sha256;
    0xC0AE "ECDHE_ECDSA_WITH_AES_128_CCM_8" "ECDHE-ECDSA-AES128-CCM8" Ecdhe Ecdsa Aes128Ccm8 Sha256;
    0x009F "DHE_RSA_WITH_AES_256_GCM_SHA384" "DHE-RSA-AES256-GCM-SHA384" Dhe Rsa Aes256Gcm Sha384;
    0x00A3 "DHE_DSS_WITH_AES_256_GCM_SHA384" "DHE-DSS-AES256-GCM-SHA384" Dhe Dss Aes256Gcm Sha384;
    0x009E "DHE_RSA_WITH_AES_128_GCM_SHA256" "DHE-RSA-AES128-GCM-SHA256" Dhe Rsa Aes128Gcm Sha256;
    0x00A2 "DHE_DSS_WITH_AES_128_GCM_SHA256" "DHE-DSS-AES128-GCM-SHA256" Dhe Dss Aes128Gcm Sha256;
    0xCCAA "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256" "DHE-RSA-CHACHA20-POLY1305" Dhe Rsa ChaCha20Poly1305 Sha256;
    0xC09F "DHE_RSA_WITH_AES_256_CCM" "DHE-RSA-AES256-CCM" Dhe Rsa Aes256Ccm Sha256;
    0xC09E "DHE_RSA_WITH_AES_128_CCM" "DHE-RSA-AES128-CCM" Dhe Rsa Aes128Ccm Sha256;
    0xC053 "DHE_RSA_WITH_ARIA_256_GCM_SHA384" "DHE-RSA-ARIA256-GCM-SHA384" Dhe Rsa Aria256Gcm Sha384;
    0xC057 "DHE_DSS_WITH_ARIA_256_GCM_SHA384" "DHE-DSS-ARIA256-GCM-SHA384" Dhe Dss Aria256Gcm Sha384;
    0xC07D "DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384" - Dhe Rsa Camellia256Gcm Sha384;
    0xC081 "DHE_DSS_WITH_CAMELLIA_256_GCM_SHA384" - Dhe Dss Camellia256Gcm Sha384;
    0xC052 "DHE_RSA_WITH_ARIA_128_GCM_SHA256" "DHE-RSA-ARIA128-GCM-SHA256" Dhe Rsa Aria128Gcm Sha256;
    0xC056 "DHE_DSS_WITH_ARIA_128_GCM_SHA256" "DHE-DSS-ARIA128-GCM-SHA256" Dhe Dss Aria128Gcm Sha256;
    0xC07C "DHE_RSA_WITH_CAMELLIA_128_GCM_SHA256" - Dhe Rsa Camellia128Gcm Sha256;
    0xC080 "DHE_DSS_WITH_CAMELLIA_128_GCM_SHA256" - Dhe Dss Camellia128Gcm Sha256;
    0xC0A3 "DHE_RSA_WITH_AES_256_CCM_8" "DHE-RSA-AES256-CCM8" Dhe Rsa Aes256Ccm8 Sha256;
    0xC0A2 "DHE_RSA_WITH_AES_128_CCM_8" "DHE-RSA-AES128-CCM8" Dhe Rsa Aes128Ccm8 Sha256;
    0x009D "RSA_WITH_AES_256_GCM_SHA384" "AES256-GCM-SHA384" Rsa Rsa Aes256Gcm Sha384;
    0x009C "RSA_WITH_AES_128_GCM_SHA256" "AES128-GCM-SHA256" Rsa Rsa Aes128Gcm Sha256;
    0xC09D "RSA_WITH_AES_256_CCM" "AES256-CCM" Rsa Rsa Aes256Ccm Sha256;
    0xC09C "RSA_WITH_AES_128_CCM" "AES128-CCM" Rsa Rsa Aes128Ccm Sha256;
    0xC051 "RSA_WITH_ARIA_256_GCM_SHA384" "ARIA256-GCM-SHA384" Rsa Rsa Aria256Gcm Sha384;
    0xC07B "RSA_WITH_CAMELLIA_256_GCM_SHA384" - Rsa Rsa Camellia256Gcm Sha384;
    0xC050 "RSA_WITH_ARIA_128_GCM_SHA256" "ARIA128-GCM-SHA256" Rsa Rsa Aria128Gcm Sha256;
    0xC07A "RSA_WITH_CAMELLIA_128_GCM_SHA256" - Rsa Rsa Camellia128Gcm Sha256;
    0xC0A1 "RSA_WITH_AES_256_CCM_8" "AES256-CCM8" Rsa Rsa Aes256Ccm8 Sha256;
    0xC0A0 "RSA_WITH_AES_128_CCM_8" "AES128-CCM8" Rsa Rsa Aes128Ccm8 Sha256;
    0xC024 "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384" "ECDHE-ECDSA-AES256-SHA384" Ecdhe Ecdsa Aes256Cbc Sha384;
    0xC028 "ECDHE_RSA_WITH_AES_256_CBC_SHA384" "ECDHE-RSA-AES256-SHA384" Ecdhe Rsa Aes256Cbc Sha384;
    0xC00A "ECDHE_ECDSA_WITH_AES_256_CBC_SHA" "ECDHE-ECDSA-AES256-SHA" Ecdhe Ecdsa Aes256Cbc Sha1;
    0xC014 "ECDHE_RSA_WITH_AES_256_CBC_SHA" "ECDHE-RSA-AES256-SHA" Ecdhe Rsa Aes256Cbc Sha1;
    0xC023 "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256" "ECDHE-ECDSA-AES128-SHA256" Ecdhe Ecdsa Aes128Cbc Sha256;
    0xC027 "ECDHE_RSA_WITH_AES_128_CBC_SHA256" "ECDHE-RSA-AES128-SHA256" Ecdhe Rsa Aes128Cbc Sha256;
    0xC009 "ECDHE_ECDSA_WITH_AES_128_CBC_SHA" "ECDHE-ECDSA-AES128-SHA" Ecdhe Ecdsa Aes128Cbc Sha1;
    0xC013 "ECDHE_RSA_WITH_AES_128_CBC_SHA" "ECDHE-RSA-AES128-SHA" Ecdhe Rsa Aes128Cbc Sha1;
    0xC073 "ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384" "ECDHE-ECDSA-CAMELLIA256-SHA384"
        Ecdhe Ecdsa Camellia256Cbc Sha384;
    0xC077 "ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384" "ECDHE-RSA-CAMELLIA256-SHA384" Ecdhe Rsa Camellia256Cbc Sha384;
    0xC072 "ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256" "ECDHE-ECDSA-CAMELLIA128-SHA256"
        Ecdhe Ecdsa Camellia128Cbc Sha256;
    0xC076 "ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256" "ECDHE-RSA-CAMELLIA128-SHA256" Ecdhe Rsa Camellia128Cbc Sha256;
    0xC049 "ECDHE_ECDSA_WITH_ARIA_256_CBC_SHA384" - Ecdhe Ecdsa Aria256Cbc Sha384;
    0xC04D "ECDHE_RSA_WITH_ARIA_256_CBC_SHA384" - Ecdhe Rsa Aria256Cbc Sha384;
    0xC048 "ECDHE_ECDSA_WITH_ARIA_128_CBC_SHA256" - Ecdhe Ecdsa Aria128Cbc Sha256;
    0xC04C "ECDHE_RSA_WITH_ARIA_128_CBC_SHA256" - Ecdhe Rsa Aria128Cbc Sha256;
    0x006A "DHE_DSS_WITH_AES_256_CBC_SHA256" "DHE-DSS-AES256-SHA256" Dhe Dss Aes256Cbc Sha256;
    0x006B "DHE_RSA_WITH_AES_256_CBC_SHA256" "DHE-RSA-AES256-SHA256" Dhe Rsa Aes256Cbc Sha256;
    0x0038 "DHE_DSS_WITH_AES_256_CBC_SHA" "DHE-DSS-AES256-SHA" Dhe Dss Aes256Cbc Sha1;
    0x0039 "DHE_RSA_WITH_AES_256_CBC_SHA" "DHE-RSA-AES256-SHA" Dhe Rsa Aes256Cbc Sha1;
    0x0040 "DHE_DSS_WITH_AES_128_CBC_SHA256" "DHE-DSS-AES128-SHA256" Dhe Dss Aes128Cbc Sha256;
    0x0067 "DHE_RSA_WITH_AES_128_CBC_SHA256" "DHE-RSA-AES128-SHA256" Dhe Rsa Aes128Cbc Sha256;
    0x0032 "DHE_DSS_WITH_AES_128_CBC_SHA" "DHE-DSS-AES128-SHA" Dhe Dss Aes128Cbc Sha1;
    0x0033 "DHE_RSA_WITH_AES_128_CBC_SHA" "DHE-RSA-AES128-SHA" Dhe Rsa Aes128Cbc Sha1;
    0x00C3 "DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256" "DHE-DSS-CAMELLIA256-SHA256" Dhe Dss Camellia256Cbc Sha256;
    0x00C4 "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256" "DHE-RSA-CAMELLIA256-SHA256" Dhe Rsa Camellia256Cbc Sha256;
    0x0087 "DHE_DSS_WITH_CAMELLIA_256_CBC_SHA" "DHE-DSS-CAMELLIA256-SHA" Dhe Dss Camellia256Cbc Sha1;
    0x0088 "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA" "DHE-RSA-CAMELLIA256-SHA" Dhe Rsa Camellia256Cbc Sha1;
    0x00BD "DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256" "DHE-DSS-CAMELLIA128-SHA256" Dhe Dss Camellia128Cbc Sha256;
    0x00BE "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256" "DHE-RSA-CAMELLIA128-SHA256" Dhe Rsa Camellia128Cbc Sha256;
    0x0044 "DHE_DSS_WITH_CAMELLIA_128_CBC_SHA" "DHE-DSS-CAMELLIA128-SHA" Dhe Dss Camellia128Cbc Sha1;
    0x0045 "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA" "DHE-RSA-CAMELLIA128-SHA" Dhe Rsa Camellia128Cbc Sha1;
    0xC043 "DHE_DSS_WITH_ARIA_256_CBC_SHA384" - Dhe Dss Aria256Cbc Sha384;
    0xC045 "DHE_RSA_WITH_ARIA_256_CBC_SHA384" - Dhe Rsa Aria256Cbc Sha384;
    0xC042 "DHE_DSS_WITH_ARIA_128_CBC_SHA256" - Dhe Dss Aria128Cbc Sha256;
    0xC044 "DHE_RSA_WITH_ARIA_128_CBC_SHA256" - Dhe Rsa Aria128Cbc Sha256;
    0x003D "RSA_WITH_AES_256_CBC_SHA256" "AES256-SHA256" Rsa Rsa Aes256Cbc Sha256;
    0x0035 "RSA_WITH_AES_256_CBC_SHA" "AES256-SHA" Rsa Rsa Aes256Cbc Sha1;
    0x003C "RSA_WITH_AES_128_CBC_SHA256" "AES128-SHA256" Rsa Rsa Aes128Cbc Sha256;
    0x002F "RSA_WITH_AES_128_CBC_SHA" "AES128-SHA" Rsa Rsa Aes128Cbc Sha1;
    0x00C0 "RSA_WITH_CAMELLIA_256_CBC_SHA256" "CAMELLIA256-SHA256" Rsa Rsa Camellia256Cbc Sha256;
    0x0084 "RSA_WITH_CAMELLIA_256_CBC_SHA" "CAMELLIA256-SHA" Rsa Rsa Camellia256Cbc Sha1;
    0x00BA "RSA_WITH_CAMELLIA_128_CBC_SHA256" "CAMELLIA128-SHA256" Rsa Rsa Camellia128Cbc Sha256;
    0x0041 "RSA_WITH_CAMELLIA_128_CBC_SHA" "CAMELLIA128-SHA" Rsa Rsa Camellia128Cbc Sha1;
    0xC03D "RSA_WITH_ARIA_256_CBC_SHA384" - Rsa Rsa Aria256Cbc Sha384;
    0xC03C "RSA_WITH_ARIA_128_CBC_SHA256" - Rsa Rsa Aria128Cbc Sha256;
    0xC008 "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA" "ECDHE-ECDSA-DES-CBC3-SHA" Ecdhe Ecdsa TripleDesCbc Sha1;
    0xC012 "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA" "ECDHE-RSA-DES-CBC3-SHA" Ecdhe Rsa TripleDesCbc Sha1;
    0x0013 "DHE_DSS_WITH_3DES_EDE_CBC_SHA" "DHE-DSS-DES-CBC3-SHA" Dhe Dss TripleDesCbc Sha1;
    0x0016 "DHE_RSA_WITH_3DES_EDE_CBC_SHA" "DHE-RSA-DES-CBC3-SHA" Dhe Rsa TripleDesCbc Sha1;
    0x000A "RSA_WITH_3DES_EDE_CBC_SHA" "DES-CBC3-SHA" Rsa Rsa TripleDesCbc Sha1;
    0xC007 "ECDHE_ECDSA_WITH_RC4_128_SHA" "ECDHE-ECDSA-RC4-SHA" Ecdhe Ecdsa Rc4 Sha1;
    0xC011 "ECDHE_RSA_WITH_RC4_128_SHA" "ECDHE-RSA-RC4-SHA" Ecdhe Rsa Rc4 Sha1;
    0x0066 "DHE_DSS_WITH_RC4_128_SHA" "DHE-DSS-RC4-SHA" Dhe Dss Rc4 Sha1;
    0x0004 "RSA_WITH_RC4_128_MD5" "RC4-MD5" Rsa Rsa Rc4 Md5;
    0x0005 "RSA_WITH_RC4_128_SHA" "RC4-SHA" Rsa Rsa Rc4 Sha1;
    0x0012 "DHE_DSS_WITH_DES_CBC_SHA" "DHE-DSS-DES-CBC-SHA" Dhe Dss DesCbc Sha1;
    0x0015 "DHE_RSA_WITH_DES_CBC_SHA" "DHE-RSA-DES-CBC-SHA" Dhe Rsa DesCbc Sha1;
    0x0009 "RSA_WITH_DES_CBC_SHA" "DES-CBC-SHA" Rsa Rsa DesCbc Sha1;
    0xC019 "ECDH_anon_WITH_AES_256_CBC_SHA" "AECDH-AES256-SHA" Ecdhe Anonymous Aes256Cbc Sha1;
    0xC018 "ECDH_anon_WITH_AES_128_CBC_SHA" "AECDH-AES128-SHA" Ecdhe Anonymous Aes128Cbc Sha1;
    0xC017 "ECDH_anon_WITH_3DES_EDE_CBC_SHA" "AECDH-DES-CBC3-SHA" Ecdhe Anonymous TripleDesCbc Sha1;
    0xC016 "ECDH_anon_WITH_RC4_128_SHA" "AECDH-RC4-SHA" Ecdhe Anonymous Rc4 Sha1;
    0x00A7 "DH_anon_WITH_AES_256_GCM_SHA384" "ADH-AES256-GCM-SHA384" Dhe Anonymous Aes256Gcm Sha384;
    0x00A6 "DH_anon_WITH_AES_128_GCM_SHA256" "ADH-AES128-GCM-SHA256" Dhe Anonymous Aes128Gcm Sha256;
    0xC05B "DH_anon_WITH_ARIA_256_GCM_SHA384" - Dhe Anonymous Aria256Gcm Sha384;
    0xC085 "DH_anon_WITH_CAMELLIA_256_GCM_SHA384" - Dhe Anonymous Camellia256Gcm Sha384;
    0xC05A "DH_anon_WITH_ARIA_128_GCM_SHA256" - Dhe Anonymous Aria128Gcm Sha256;
    0xC084 "DH_anon_WITH_CAMELLIA_128_GCM_SHA256" - Dhe Anonymous Camellia128Gcm Sha256;
    0x006D "DH_anon_WITH_AES_256_CBC_SHA256" "ADH-AES256-SHA256" Dhe Anonymous Aes256Cbc Sha256;
    0x003A "DH_anon_WITH_AES_256_CBC_SHA" "ADH-AES256-SHA" Dhe Anonymous Aes256Cbc Sha1;
    0x006C "DH_anon_WITH_AES_128_CBC_SHA256" "ADH-AES128-SHA256" Dhe Anonymous Aes128Cbc Sha256;
    0x0034 "DH_anon_WITH_AES_128_CBC_SHA" "ADH-AES128-SHA" Dhe Anonymous Aes128Cbc Sha1;
    0x00C5 "DH_anon_WITH_CAMELLIA_256_CBC_SHA256" "ADH-CAMELLIA256-SHA256" Dhe Anonymous Camellia256Cbc Sha256;
    0x0089 "DH_anon_WITH_CAMELLIA_256_CBC_SHA" "ADH-CAMELLIA256-SHA" Dhe Anonymous Camellia256Cbc Sha1;
    0x00BF "DH_anon_WITH_CAMELLIA_128_CBC_SHA256" "ADH-CAMELLIA128-SHA256" Dhe Anonymous Camellia128Cbc Sha256;
    0x0046 "DH_anon_WITH_CAMELLIA_128_CBC_SHA" "ADH-CAMELLIA128-SHA" Dhe Anonymous Camellia128Cbc Sha1;
    0xC047 "DH_anon_WITH_ARIA_256_CBC_SHA384" - Dhe Anonymous Aria256Cbc Sha384;
    0xC046 "DH_anon_WITH_ARIA_128_CBC_SHA256" - Dhe Anonymous Aria128Cbc Sha256;
    0x001B "DH_anon_WITH_3DES_EDE_CBC_SHA" "ADH-DES-CBC3-SHA" Dhe Anonymous TripleDesCbc Sha1;
    0x0018 "DH_anon_WITH_RC4_128_MD5" "ADH-RC4-MD5" Dhe Anonymous Rc4 Md5;
    0x001A "DH_anon_WITH_DES_CBC_SHA" "ADH-DES-CBC-SHA" Dhe Anonymous DesCbc Sha1;
    0xC006 "ECDHE_ECDSA_WITH_NULL_SHA" "ECDHE-ECDSA-NULL-SHA" Ecdhe Ecdsa Null Sha1;
    0xC010 "ECDHE_RSA_WITH_NULL_SHA" "ECDHE-RSA-NULL-SHA" Ecdhe Rsa Null Sha1;
    0xC015 "ECDH_anon_WITH_NULL_SHA" "AECDH-NULL-SHA" Ecdhe Anonymous Null Sha1;
    0x0001 "RSA_WITH_NULL_MD5" "NULL-MD5" Rsa Rsa Null Md5;
    0x003B "RSA_WITH_NULL_SHA256" "NULL-SHA256" Rsa Rsa Null Sha256;
    0x0002 "RSA_WITH_NULL_SHA" "NULL-SHA" Rsa Rsa Null Sha1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique() {
        for (idx, suite) in SUITES.iter().enumerate() {
            for other in &SUITES[idx + 1..] {
                assert_ne!(suite.code, other.code, "{}", suite.iana_name);
                assert_ne!(suite.iana_name, other.iana_name);
                assert_ne!(suite.openssl_name, other.openssl_name);
            }
        }
    }

    #[test]
    fn both_spellings_find_a_suite() {
        assert_eq!(Suite::from_name("DES-CBC3-SHA").map(Suite::code), Some(0x000a));
        assert_eq!(Suite::from_name("TLS_RSA_WITH_3DES_EDE_CBC_SHA").map(Suite::code), Some(0x000a));
    }

    #[test]
    fn versions_have_their_suites() {
        let check = |name: &str, versions: &[Version]| {
            let suite = Suite::from_name(name).unwrap();
            let all = [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13];
            let have: Vec<Version> = all.into_iter().filter(|version| suite.is_for(*version)).collect();
            assert_eq!(have, versions, "{name}");
        };
        check("TLS_AES_128_GCM_SHA256", &[Version::Tls13]);
        check("ECDHE-RSA-AES128-GCM-SHA256", &[Version::Tls12]);
        check("AES128-SHA256", &[Version::Tls12]);
        check("ECDHE-RSA-AES128-SHA", &[Version::Tls10, Version::Tls11, Version::Tls12]);
        check("RC4-MD5", &[Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12]);
    }
}
