//! Published test vectors, put through the same functions that a connection uses.
//!
//! NIST's for AES, 3DES, GCM, the curves and the key derivations up to TLS 1.2; the RFCs' for the rest. The trace of a
//! whole handshake is in `rfc8448`.

use crate::cipher::{aead_cipher, cbc_cipher};
use crate::group::KeyShare;
use crate::hash::{HashKind, Prf, hkdf_extract};
use crate::suite::Bulk;
use crate::testing::{hex, unhex};

/// Encrypts and decrypts whole blocks in CBC mode.
fn cbc(bulk: Bulk, key: &str, iv: &str, plain: &str, sealed: &str) {
    let cipher = cbc_cipher(bulk, &unhex(key));
    let mut data = unhex(plain);
    cipher.encrypt(&unhex(iv), &mut data);
    assert_eq!(hex(&data), hex(&unhex(sealed)), "{bulk:?}");
    cipher.decrypt(&unhex(iv), &mut data);
    assert_eq!(hex(&data), hex(&unhex(plain)), "{bulk:?}");
}

/// Encrypts and decrypts; a changed tag must not open.
fn aead(bulk: Bulk, key: &str, nonce: &str, aad: &str, plain: &str, sealed: &str, tag: &str) {
    let cipher = aead_cipher(bulk, &unhex(key));
    let (nonce, aad) = (unhex(nonce).try_into().unwrap(), unhex(aad));
    let mut data = unhex(plain);
    let made = cipher.seal(&nonce, &aad, &mut data);
    assert_eq!((hex(&data), hex(&made)), (hex(&unhex(sealed)), hex(&unhex(tag))), "{bulk:?}");
    let mut changed = made.clone();
    for idx in 0..made.len() {
        changed[idx] ^= 0x80;
        assert!(cipher.open(&nonce, &aad, &mut data.clone(), &changed).is_err(), "{bulk:?} {idx}");
        changed[idx] ^= 0x80;
    }
    assert!(cipher.open(&nonce, &aad, &mut data.clone(), &made[1..]).is_err());
    cipher.open(&nonce, &aad, &mut data, &made).unwrap();
    assert_eq!(hex(&data), hex(&unhex(plain)), "{bulk:?}");
}

/// SP 800-38A, F.2.1 and F.2.5.
#[test]
fn aes_cbc_of_nist() {
    let iv = "000102030405060708090a0b0c0d0e0f";
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                 30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    let sealed = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
                  73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7";
    cbc(Bulk::Aes128Cbc, "2b7e151628aed2a6abf7158809cf4f3c", iv, plain, sealed);
    let key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    let sealed = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
                  39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b";
    cbc(Bulk::Aes256Cbc, key, iv, plain, sealed);
}

/// SP 800-67, B.1; RFC 3713, A; RFC 5794, A. One block with a vector of zeros is the block cipher alone.
#[test]
fn other_block_ciphers() {
    let key = "0123456789abcdef23456789abcdef01456789abcdef0123";
    for (plain, sealed) in [
        ("5468652071756663", "a826fd8ce53b855f"),
        ("6b2062726f776e20", "cce21c8112256fe6"),
        ("666f78206a756d70", "68d5c05dd9b6b900"),
    ] {
        cbc(Bulk::TripleDesCbc, key, "0000000000000000", plain, sealed);
    }
    let zeros = "00000000000000000000000000000000";
    let plain = "0123456789abcdeffedcba9876543210";
    cbc(Bulk::Camellia128Cbc, plain, zeros, plain, "67673138549669730857065648eabe43");
    let key = "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff";
    cbc(Bulk::Camellia256Cbc, key, zeros, plain, "9acc237dff16d76c20ef7c919e3a7509");
    let plain = "00112233445566778899aabbccddeeff";
    let key = "000102030405060708090a0b0c0d0e0f";
    cbc(Bulk::Aria128Cbc, key, zeros, plain, "d718fbd6ab644c739da95f3be6451778");
    let key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    cbc(Bulk::Aria256Cbc, key, zeros, plain, "f92bd7c79fb72e2f2b8f80c1972d24fc");
}

/// The cases 4 and 16 that GCM was submitted to NIST with; RFC 8439, 2.8.2.
#[test]
fn authenticated_encryption() {
    let plain = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                 1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
    let aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
    let sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e\
                  21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091";
    let (key, nonce) = ("feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888");
    aead(Bulk::Aes128Gcm, key, nonce, aad, plain, sealed, "5bc94fbc3221a5db94fae95ae7121a47");
    let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                  8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
    let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
    aead(Bulk::Aes256Gcm, key, nonce, aad, plain, sealed, "76fc6ece0f4e1768cddf8853bb2d551b");
    let plain = hex(b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                      sunscreen would be it.");
    let key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
    let sealed = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
                  1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
                  3ff4def08e4b7a9de576d26586cec64b6116";
    let (nonce, aad) = ("070000004041424344454647", "50515253c0c1c2c3c4c5c6c7");
    aead(Bulk::ChaCha20Poly1305, key, nonce, aad, &plain, sealed, "1ae10b594f09e26a7e902ecbd0600691");
}

/// RFC 7748, 6.1; the first of NIST's vectors for each curve (CAVP, ECC CDH).
#[test]
fn shared_secrets_of_curves() {
    let check = |share: KeyShare, public: &str, shared: &str| {
        assert_eq!(hex(&share.agree(&unhex(public)).unwrap()), hex(&unhex(shared)), "{:?}", share.group());
    };
    let secret = unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    check(
        KeyShare::X25519(<[u8; 32]>::try_from(secret).unwrap().into()),
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    );
    let secret = unhex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534");
    check(
        KeyShare::P256(Box::new(p256::SecretKey::from_slice(&secret).unwrap())),
        "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287\
         db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
        "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
    );
    let secret =
        unhex("3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1");
    check(
        KeyShare::P384(Box::new(p384::SecretKey::from_slice(&secret).unwrap())),
        "04a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066\
         ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a",
        "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1",
    );
    let secret = unhex(
        "017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4eac6564f6ee9974c5e6887a1fefee5743ae2\
         241bfeb95d5ce31ddcb6f9edb4d6fc47",
    );
    check(
        KeyShare::P521(Box::new(p521::SecretKey::from_slice(&secret).unwrap())),
        "0400685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854334b1e1b87fa395464c60626124a4e70d0f7\
         85601d37c09870ebf176666877a2046d01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83bde9\
         9e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676",
        "005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4c334a0ad9759\
         436a4d3c5bf6e74b9578fac148c831",
    );
}

/// The first of NIST's vectors for each version's derivation (SP 800-135, CAVP): master secret and key block.
#[test]
fn key_derivation_of_nist() {
    let check = |prf: Prf, premaster: &str, hellos: [&str; 2], master: &str, randoms: [&str; 2], block: &str| {
        let seed = |parts: [&str; 2]| parts.map(unhex).concat();
        let made = prf.derive(&unhex(premaster), b"master secret", &[&seed(hellos)], 48);
        assert_eq!(hex(&made), master);
        let expected = unhex(block);
        let made = prf.derive(&made, b"key expansion", &[&seed(randoms)], expected.len());
        assert_eq!(hex(&made), hex(&expected));
    };
    check(
        Prf::Tls10,
        "bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e780ec55d9844b2f1db02a96453513568d0",
        [
            "e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693",
            "135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2",
        ],
        "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf51a0891209f46c1e1e998f62",
        [
            "67267e650eb32444119d222a368c191af3082888dc35afe8368e638c828874be",
            "d58a7b1cd4fedaa232159df652ce188f9d997e061b9bf48e83b62990440931f6",
        ],
        "3088825988e77fce68d19f756e18e43eb7fe672433504feaf99b3c503d9091b164f166db301d70c9fc0870b4a94563907bee1a61\
         fb786cb717576890bcc51cb9ead97e01d0a2fea99c953377b195205ff07b369589178796edc963fd80fdbe518a2fc1c35c18ae8d",
    );
    check(
        Prf::Tls12(HashKind::Sha256),
        "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bcadb386b411fd4fe4313a604fce6c17fbc",
        [
            "36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c",
            "f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce",
        ],
        "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66125188bf",
        [
            "ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868",
            "62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616",
        ],
        "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531016a2530c51a3a0f7e1d6590d0f0566b2f387f8d\
         11fd4f731cdd572d2eae927f6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f1ad6f68b43495b10\
         a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928",
    );
}

/// RFC 5869, A.1; RFC 2202, 3 and RFC 4231, 4.3.
#[test]
fn macs() {
    let extracted = hkdf_extract(HashKind::Sha256, &unhex("000102030405060708090a0b0c"), &[0x0b; 22]);
    assert_eq!(hex(&extracted), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let check = |kind: HashKind, mac: &str| {
        assert_eq!(hex(&kind.hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"])), mac);
    };
    check(HashKind::Md5, "750c783e6ab0b503eaa86e310a5db738");
    check(HashKind::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    check(HashKind::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check(
        HashKind::Sha384,
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
    );
}
