//! What must not pass, in the manner of Project Wycheproof: valid but for one thing, and each with the error it gives.

use crate::cipher::Protection;
use crate::codec::Put;
use crate::connection::content;
use crate::group::{KeyShare, dh_exchange, rsa_encrypt};
use crate::limits::{
    CERTIFICATE_LEN_MAX, COOKIE_LEN_MAX, EXTENSION_TEXT_MAX, EXTENSIONS_MAX, NAME_ATTRIBUTES_MAX, RECORD_PLAINTEXT_MAX,
    VERIFY_REQUESTS_MAX,
};
use crate::message::{RETRY_RANDOM, kind};
use crate::puppet::{Choice, Puppet, certificate, server_hello};
use crate::testing::unhex;
use crate::x509::der::tag;
use crate::x509::{Certificate, CertificateError};
use crate::{Group, SystemRng, TlsError, Version};

const MALFORMED_EMPTY: TlsError = TlsError::Malformed { what: "record, which is empty" };

/// A record whose plaintext, padding included, is what is given; the MAC of `data` stands where `None` is.
fn cbc_record(puppet: &mut Puppet, seq: u64, parts: &[Option<&[u8]>], data: &[u8]) -> Vec<u8> {
    let Protection::Block { cipher, mac, .. } = puppet.keys() else { panic!("a CBC suite") };
    let tag = mac.compute(seq, content::DATA, 0x0303, &[data]);
    let mut plain: Vec<u8> = parts.iter().flat_map(|part| part.unwrap_or(&tag).to_vec()).collect();
    let vector = vec![7; cipher.block_len()];
    let whole = plain.len() - plain.len() % cipher.block_len();
    if whole != 0 {
        cipher.encrypt(&vector, &mut plain[..whole]);
    }
    let mut record = vec![content::DATA, 3, 3];
    record.put_vec16(&[vector, plain].concat());
    record
}

#[test]
fn cbc_records() {
    let choice = Choice::new("AES128-SHA", Version::Tls12);
    let check = |name: &str, parts: &[Option<&[u8]>], data: &[u8], expected: Result<(), TlsError>| {
        let mut puppet = Puppet::open(choice, 1).unwrap();
        let record = cbc_record(&mut puppet, 1, parts, data);
        assert_eq!(puppet.client.receive(&record), expected, "{name}");
        assert_eq!(puppet.client.drain(), if expected.is_ok() { data } else { b"" }, "{name}");
    };
    const BAD: Result<(), TlsError> = Err(TlsError::BadRecord);
    // Five bytes, the MAC of twenty, and seven bytes make two blocks.
    let pad = |len: u8| vec![len; usize::from(len) + 1];
    check("valid", &[Some(b"hello"), None, Some(&pad(6))], b"hello", Ok(()));
    check("longest padding", &[Some(b"hello"), None, Some(&pad(246))], b"hello", Ok(()));
    check("all of it padding", &[None, Some(&pad(11))], b"", Ok(()));
    check("wrong last byte", &[Some(b"hello"), None, Some(&[6, 6, 6, 6, 6, 6, 5])], b"hello", BAD);
    check("wrong first byte", &[Some(b"hello"), None, Some(&[5, 6, 6, 6, 6, 6, 6])], b"hello", BAD);
    check("wrong byte between", &[Some(b"hello"), None, Some(&[6, 6, 7, 6, 6, 6, 6])], b"hello", BAD);
    check("padding longer than the record", &[Some(b"hello"), None, Some(&[32; 7])], b"hello", BAD);
    check("padding into the MAC", &[Some(b"hello"), None, Some(&[12; 7])], b"hello", BAD);
    check("longest number", &[Some(b"hello"), None, Some(&[255; 7])], b"hello", BAD);
    check("MAC of other data", &[Some(b"hellO"), None, Some(&pad(6))], b"hello", BAD);
    check("no MAC", &[Some(&[15; 16])], b"", BAD);
    check("half a MAC", &[Some(&[1; 31]), Some(&[0])], b"", BAD);
    check("not a whole block", &[Some(b"hello"), None, Some(&pad(5))], b"hello", BAD);
    check("nothing", &[], b"", BAD);
}

#[test]
fn replayed_dropped_and_exchanged_records() {
    for (suite, version) in [
        ("AES128-SHA", Version::Tls12),
        ("AES128-SHA", Version::Tls10),
        ("RC4-SHA", Version::Ssl3),
        ("NULL-SHA", Version::Tls11),
        ("AES128-GCM-SHA256", Version::Tls12),
        ("ECDHE-RSA-CHACHA20-POLY1305", Version::Tls12),
        ("TLS_AES_128_GCM_SHA256", Version::Tls13),
    ] {
        let records = || {
            let mut puppet = Puppet::open(Choice::new(suite, version), 1).unwrap();
            let records: Vec<Vec<u8>> =
                [b"one", b"two"].iter().map(|data| puppet.record(content::DATA, *data)).collect();
            (puppet, records)
        };
        let (mut puppet, list) = records();
        assert_eq!(puppet.client.receive(&list.concat()), Ok(()));
        assert_eq!(puppet.client.receive(&list[1]), Err(TlsError::BadRecord), "{suite} {version}: again");
        let (mut puppet, list) = records();
        assert_eq!(puppet.client.receive(&list[1]), Err(TlsError::BadRecord), "{suite} {version}: dropped");
        let (mut puppet, mut list) = records();
        list[0][0] = content::ALERT;
        assert!(puppet.client.receive(&list[0]).is_err(), "{suite} {version}: another type");
    }
}

#[test]
fn records_of_tls13() {
    let choice = Choice::new("TLS_AES_128_GCM_SHA256", Version::Tls13);
    let check = |name: &str, kind: u8, data: &[u8], expected: TlsError| {
        let mut puppet = Puppet::open(choice, 1).unwrap();
        assert_eq!(puppet.send(kind, data), Err(expected), "{name}");
    };
    let unexpected = |what: &str, awaited| TlsError::Unexpected { what: what.into(), awaited };
    check("no type", 0, &[], TlsError::Malformed { what: "record, which has no content type" });
    check("zeros only", 0, &[0; 100], TlsError::Malformed { what: "record, which has no content type" });
    check("empty message", content::HANDSHAKE, &[], MALFORMED_EMPTY);
    check("empty alert", content::ALERT, &[], MALFORMED_EMPTY);
    check("long alert", content::ALERT, &[1, 0, 0], TlsError::Malformed { what: "alert" });
    check("type 99", 99, b"x", unexpected("a record of type 99", "a record of a known type"));
    check("sealed change of cipher", 20, &[1], unexpected("a change of cipher", "a handshake message or data"));
    check("key update of another kind", 22, &[24, 0, 0, 1, 2], TlsError::Malformed { what: "KeyUpdate message" });
    check("key update without a body", 22, &[24, 0, 0, 0], TlsError::Malformed { what: "KeyUpdate message" });
    let after_update = [24, 0, 0, 1, 0, 4, 0, 0, 0];
    check("under old keys", 22, &after_update, unexpected("a handshake message under old keys", "one under new keys"));
    check("a second Finished", 22, &[20, 0, 0, 0], unexpected("a Finished message", "a ticket, a key update or data"));
    let max = RECORD_PLAINTEXT_MAX;
    check("too much data", 23, &vec![1; max + 1], TlsError::Limit { what: "bytes in a record", max });
    // In the clear after the handshake, and data between the parts of a message.
    let mut puppet = Puppet::open(choice, 1).unwrap();
    assert_eq!(puppet.client.receive(&[21, 3, 3, 0, 2, 2, 40]), Err(TlsError::BadRecord));
    let mut puppet = Puppet::open(choice, 1).unwrap();
    puppet.send(22, &[24, 0, 0]).unwrap();
    assert_eq!(puppet.send(23, b"x"), Err(unexpected("data", "the rest of a handshake message")));
}

#[test]
fn handshakes() {
    let choice = Choice::new("ECDHE-RSA-AES128-SHA", Version::Tls12);
    let hello = |change: fn(&mut Vec<u8>)| {
        let mut body = server_hello(&choice);
        change(&mut body);
        Puppet::new(choice, 1).send_message(kind::SERVER_HELLO, &body)
    };
    assert_eq!(hello(|_| {}), Ok(()));
    assert_eq!(hello(|body| body[1] = 4), Err(TlsError::VersionNotOffered(0x0304)));
    assert_eq!(hello(|body| body[1] = 1), Err(TlsError::VersionNotOffered(0x0301)));
    assert_eq!(hello(|body| body[36] = 0x14), Err(TlsError::SuiteNotOffered(0xc014)));
    assert_eq!(hello(|body| body[37] = 1), Err(TlsError::Compression(1)));
    assert_eq!(hello(|body| body[34] = 33), Err(TlsError::Malformed { what: "ServerHello" }));
    // A Finished that is wrong in one bit, too short, too long; one that comes without the change of cipher.
    let finished = |change: fn(&mut Vec<u8>)| {
        let mut puppet = Puppet::new(choice, 1);
        puppet.send_message(kind::SERVER_HELLO, &server_hello(&choice)).unwrap();
        puppet.key_messages().unwrap();
        puppet.send(content::CHANGE_CIPHER_SPEC, &[1]).unwrap();
        puppet.change_keys();
        let mut verify = puppet.client.handshake().server_finished().unwrap();
        change(&mut verify);
        puppet.send_message(kind::FINISHED, &verify)
    };
    assert_eq!(finished(|_| {}), Ok(()));
    assert_eq!(finished(|verify| verify[11] ^= 1), Err(TlsError::BadFinished));
    assert_eq!(finished(|verify| verify.truncate(11)), Err(TlsError::BadFinished));
    assert_eq!(finished(|verify| verify.push(0)), Err(TlsError::BadFinished));
    assert_eq!(finished(Vec::clear), Err(TlsError::BadFinished));
    let mut puppet = Puppet::new(choice, 1);
    puppet.send_message(kind::SERVER_HELLO, &server_hello(&choice)).unwrap();
    puppet.key_messages().unwrap();
    let early = TlsError::Unexpected { what: "a Finished message".into(), awaited: "a change of cipher" };
    assert_eq!(puppet.finish(), Err(early));
    // A chain without a certificate, a certificate without an RSA key.
    let choice = Choice::new("AES128-SHA", Version::Tls12);
    for list in [vec![0, 0, 0], [&[0, 0, 8, 0, 0, 5][..], b"hello"].concat()] {
        let mut puppet = Puppet::new(choice, 1);
        puppet.send_message(kind::SERVER_HELLO, &server_hello(&choice)).unwrap();
        puppet.send_message(kind::CERTIFICATE, &list).unwrap();
        assert_eq!(puppet.send_message(kind::SERVER_HELLO_DONE, &[]), Err(TlsError::NoKey));
    }
    assert!(crate::x509::rsa_key(&certificate()).is_some());
}

#[test]
fn points() {
    let share = |group| KeyShare::generate(group, &mut SystemRng).unwrap();
    // All points of small order on Curve25519 and its twist, some not reduced.
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let res = share(Group::X25519).agree(&unhex(point));
        assert_eq!(res, Err(TlsError::KeyShare("it is a point of low order")), "{point}");
    }
    for len in [0, 31, 33] {
        let res = share(Group::X25519).agree(&vec![9; len]);
        assert_eq!(res, Err(TlsError::KeyShare("it has the wrong length")));
    }
    for group in [Group::P256, Group::P384, Group::P521] {
        let valid = share(group).public();
        let len = valid.len() / 2;
        let check = |name: &str, point: &[u8]| {
            let res = share(group).agree(point);
            assert_eq!(res, Err(TlsError::KeyShare("it is no point of the curve")), "{group:?} {name}");
        };
        check("empty", &[]);
        check("at infinity", &[0]);
        check("cut", &valid[..valid.len() - 1]);
        check("longer", &[&valid[..], &[0]].concat());
        check("zeros", &[&[4][..], &vec![0; 2 * len]].concat());
        check("not reduced", &[&[4][..], &vec![0xff; 2 * len]].concat());
        check("another form", &[&[5][..], &valid[1..]].concat());
        let mut changed = valid.clone();
        changed[2 * len] ^= 1;
        check("off the curve", &changed);
    }
}

#[test]
fn numbers() {
    let dh =
        |prime: &[u8], generator: &[u8], public: &[u8]| dh_exchange(prime, generator, public, &mut SystemRng).map(drop);
    let out_of_range = Err(TlsError::KeyShare("its Diffie-Hellman value is out of range"));
    let bad_prime = Err(TlsError::KeyShare("its Diffie-Hellman prime is even or too small"));
    assert_eq!(dh(&[0xfb], &[2], &[2]), Ok(()));
    for public in [&[][..], &[0], &[0, 0], &[1], &[0xfb], &[0xfc], &[1, 0]] {
        assert_eq!(dh(&[0xfb], &[2], public), out_of_range, "{public:?}");
    }
    for prime in [&[][..], &[0], &[1], &[2], &[0xfa]] {
        assert_eq!(dh(prime, &[2], &[2]), bad_prime, "{prime:?}");
    }
    // Generators of no use are the server's business: it gets what it asks for.
    for generator in [&[][..], &[0], &[1], &[0xfa], &[0xff; 40]] {
        assert_eq!(dh(&[0xfb], generator, &[2]), Ok(()), "{generator:?}");
    }
    let rsa = |modulus: &[u8], exponent: &[u8]| rsa_encrypt(modulus, exponent, &[1; 48], &mut SystemRng).map(drop);
    assert_eq!(rsa(&[0xff; 64], &[3]), Ok(()));
    assert_eq!(rsa(&[0xff; 58], &[3]), Err(TlsError::RsaKey("it is too short to encrypt a secret")));
    assert_eq!(rsa(&[], &[3]), Err(TlsError::RsaKey("it is too short to encrypt a secret")));
    assert_eq!(rsa(&[0xfe; 64], &[3]), Err(TlsError::RsaKey("its modulus is even")));
}

/// What holds keys erases them when it is dropped: a promise of the types, which the compiler checks.
#[test]
fn keys_are_erased() {
    fn erases<T: zeroize::ZeroizeOnDrop>() {}
    erases::<aes::Aes128>();
    erases::<aes::Aes256>();
    erases::<des::TdesEde3>();
    erases::<camellia::Camellia128>();
    erases::<camellia::Camellia256>();
    erases::<aria::Aria128>();
    erases::<aria::Aria256>();
    erases::<rc4::Rc4>();
    erases::<chacha20poly1305::ChaCha20Poly1305>();
    erases::<aes_gcm::AesGcm<aes::Aes128, aes_gcm::aead::consts::U12>>();
    // HMAC is made of three of them, and nothing else.
    erases::<md5::Md5>();
    erases::<sha1::Sha1>();
    erases::<sha2::Sha256>();
    erases::<sha2::Sha384>();
    erases::<x25519_dalek::StaticSecret>();
    erases::<p256::SecretKey>();
    erases::<crate::hash::Secret>();
}

/// A DER value.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &len, content].concat()
}

/// The smallest certificate, with this name of the subject and these extensions.
fn with_parts(subject: &[u8], extensions: &[u8]) -> Vec<u8> {
    let small = certificate();
    // From its end: the public key.
    let spki = &small[small.len() - 89..];
    assert_eq!(spki[0], tag::SEQUENCE);
    let empty = der(tag::SEQUENCE, &[]);
    let list = der(tag::context(3), &der(tag::SEQUENCE, extensions));
    let parts = [&der(tag::INTEGER, &[1])[..], &empty, &empty, &empty, &der(tag::SEQUENCE, subject), spki, &list];
    der(tag::SEQUENCE, &der(tag::SEQUENCE, &parts.concat()))
}

#[test]
fn limits_of_certificates() {
    let parse = |subject: &[u8], extensions: &[u8]| Certificate::parse(&with_parts(subject, extensions)).unwrap();
    let extension = der(tag::SEQUENCE, &[der(tag::OID, &[0x2a, 3]), der(tag::OCTET_STRING, b"x")].concat());
    let kept = |count| parse(&[], &extension.repeat(count)).extensions.len();
    assert_eq!((kept(EXTENSIONS_MAX), kept(EXTENSIONS_MAX + 1)), (EXTENSIONS_MAX, EXTENSIONS_MAX));
    let attribute = der(tag::SEQUENCE, &[der(tag::OID, &[0x55, 4, 3]), der(tag::UTF8_STRING, b"x")].concat());
    let kept = |count| parse(&der(0x31, &attribute).repeat(count), &[]).subject.len();
    assert_eq!((kept(NAME_ATTRIBUTES_MAX), kept(NAME_ATTRIBUTES_MAX + 1)), (NAME_ATTRIBUTES_MAX, NAME_ATTRIBUTES_MAX));
    // Addresses without a byte: two bytes each, and many more in words.
    let text_len = |count: usize| {
        let names = der(tag::SEQUENCE, &[0x87, 0].repeat(count));
        let extension = [der(tag::OID, &[0x55, 0x1d, 0x11]), der(tag::OCTET_STRING, &names)].concat();
        parse(&[], &der(tag::SEQUENCE, &extension)).extensions[0].value.as_ref().map(Vec::len)
    };
    let one = text_len(2).unwrap() - text_len(1).unwrap();
    assert!(text_len(EXTENSION_TEXT_MAX / one).is_some());
    assert_eq!(text_len(EXTENSION_TEXT_MAX / one + 2), None);
    let long = with_parts(&[], &vec![0; CERTIFICATE_LEN_MAX]);
    assert_eq!(Certificate::parse(&long), Err(CertificateError::TooLong));
}

#[test]
fn limits_of_cookies() {
    let choice = Choice::new("TLS_AES_128_GCM_SHA256", Version::Tls13);
    let retry = |len: usize| {
        let mut body = vec![3, 3];
        body.extend(RETRY_RANDOM);
        body.extend([0, 0x13, 0x01, 0]);
        let mut extensions = vec![0, 43, 0, 2, 3, 4, 0, 44];
        let mut cookie = Vec::new();
        cookie.put_vec16(&vec![1; len]);
        extensions.put_vec16(&cookie);
        body.put_vec16(&extensions);
        Puppet::new(choice, 1).send_message(kind::SERVER_HELLO, &body)
    };
    assert_eq!(retry(COOKIE_LEN_MAX), Ok(()));
    let limit = TlsError::Limit { what: "bytes of a cookie", max: COOKIE_LEN_MAX };
    assert_eq!(retry(COOKIE_LEN_MAX + 1), Err(limit));
    let choice = Choice { datagram: true, ..Choice::new("AES128-SHA", Version::Tls12) };
    let mut puppet = Puppet::new(choice, 1);
    for _ in 0..VERIFY_REQUESTS_MAX {
        puppet.send_message(kind::HELLO_VERIFY_REQUEST, &[0xfe, 0xff, 1, 7]).unwrap();
    }
    let limit = TlsError::Limit { what: "HelloVerifyRequests", max: VERIFY_REQUESTS_MAX };
    assert_eq!(puppet.send_message(kind::HELLO_VERIFY_REQUEST, &[0xfe, 0xff, 1, 7]), Err(limit));
}
