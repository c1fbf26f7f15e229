//! The library `openssl`: digests, MACs, ciphers, random bytes, big numbers.
//!
//! What OpenSSL would do with a name, a key, a vector or odd data is in `digest`, `cipher` and `block`, which know no
//! Lua; `bignum` has the numbers.
//!
//! # Source
//! OpenSSL 3's manual pages; `native-modules` §2. Differences: no authenticated modes, for which scripts have no way to
//! pass a tag, no key wrapping, and no SEED; an extendable function makes no MAC.

pub(super) mod bignum;
mod block;
mod cipher;
pub(super) mod digest;

use cipher::{Cipher, CipherError};
use digest::Hash;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Value};

/// Longest string of random bytes.
const RANDOM_MAX: i64 = 1 << 30;
const NO_MEMORY: &str = "Couldn't allocate memory.";

/// What scripts see of the library's state: that it is there.
struct LibraryState;

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 40)?;
    let functions: [(&str, NativeFn); 13] = [
        ("DES_string_to_key", des_string_to_key),
        ("decrypt", |call| crypt(call, false)),
        ("digest", |call| {
            let name = call.check_string(1)?.as_bytes();
            named_digest(call, name)
        }),
        ("encrypt", |call| crypt(call, true)),
        ("hmac", hmac),
        ("md4", |call| shortcut(call, b"md4")),
        ("md5", |call| shortcut(call, b"md5")),
        ("rand_bytes", random),
        ("rand_pseudo_bytes", random),
        ("ripemd160", |call| shortcut(call, b"ripemd160")),
        ("sha1", |call| shortcut(call, b"sha1")),
        ("supported_ciphers", |call| list(call, cipher::listed())),
        ("supported_digests", |call| list(call, digest::LISTED.iter().map(|(name, _)| (*name).to_owned()).collect())),
    ];
    for (name, function) in functions {
        library.set_str(call, name.as_bytes(), Value::native(function))?;
    }
    bignum::open(call, library)?;
    let state = call.userdata(LibraryState)?;
    library.set_str(call, b"nse_openssl_state", state.into())?;
    Ok(library)
}

fn list(call: &mut Call<'_>, names: Vec<String>) -> NativeResult {
    let table = call.table(names.len(), 0)?;
    for (idx, name) in names.iter().enumerate() {
        let name = call.string(name.as_bytes())?;
        table.set_integer(call, idx as i64 + 1, name)?;
    }
    call.ret1(Value::from(table))
}

fn text(call: &mut Call<'_>, text: &[u8]) -> NativeResult {
    let text = call.string(text)?;
    call.ret1(text)
}

fn find_hash(call: &mut Call<'_>, name: &[u8]) -> Result<Hash, LuaError> {
    match Hash::named(name) {
        Some(hash) => Ok(hash),
        None => Err(call.error([b"Unknown digest algorithm: ", name].concat())),
    }
}

/// `openssl.digest(name, text) -> string`.
/// Errors: `Unknown digest algorithm: …`.
fn named_digest(call: &mut Call<'_>, name: &[u8]) -> NativeResult {
    let message = call.check_string(2)?.as_bytes();
    let hash = find_hash(call, name)?;
    call.charge(message.len() as u64)?;
    text(call, &hash.digest(&[message]))
}

/// `openssl.md5(text)` and its like: `digest` with the name put in front, which shows in the numbers of arguments.
fn shortcut(call: &mut Call<'_>, name: &'static [u8]) -> NativeResult {
    let message = call.arg(1);
    let count = call.count();
    call.set_count(count + 1);
    let name_value = call.string(name)?;
    call.set_arg(1, name_value);
    if count > 0 {
        call.set_arg(2, message);
    }
    call.set_count((count + 1).min(2));
    named_digest(call, name)
}

/// `openssl.hmac(name, key, text) -> string`.
/// Errors: `Unknown digest algorithm: …`.
fn hmac(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let (key, message) = (call.check_string(2)?.as_bytes(), call.check_string(3)?.as_bytes());
    let hash = find_hash(call, name)?;
    call.charge((key.len() + message.len()) as u64)?;
    match hash.hmac(key, message) {
        Some(mac) => text(call, &mac),
        None => Err(call.error("OpenSSL error: error:03000095:digital envelope routines::xof digests not allowed")),
    }
}

/// `openssl.encrypt(name, key, iv, data [, padding]) -> string`, and `decrypt`.
/// Errors: `Unknown cipher algorithm: …`, `Length of iv is …; should be …`, `OpenSSL error: …`.
fn crypt(call: &mut Call<'_>, encrypts: bool) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let Some(cipher) = Cipher::named(name) else {
        return Err(call.error([b"Unknown cipher algorithm: ", name].concat()));
    };
    let key = call.check_string(2)?.as_bytes();
    let iv = call.opt_string(3)?.map_or(&b""[..], |iv| iv.as_bytes());
    let data = call.check_string(4)?.as_bytes();
    call.check_size(data.len() * 2)?;
    call.charge(data.len() as u64)?;
    let error = match cipher.run(key, iv, data, encrypts, call.arg(5).is_truthy()) {
        Ok(processed) => return text(call, &processed),
        Err(error) => error,
    };
    // The texts of OpenSSL 3.0.
    Err(call.error(match error {
        CipherError::KeyLength => {
            "OpenSSL error: error:03000082:digital envelope routines::invalid key length".to_owned()
        }
        CipherError::IvLength(len, right) => format!("Length of iv is {len}; should be {right}"),
        CipherError::FinalBlockLength => {
            "OpenSSL error: error:1C80006B:Provider routines::wrong final block length".to_owned()
        }
        CipherError::BadDecrypt => "OpenSSL error: error:1C800064:Provider routines::bad decrypt".to_owned(),
    }))
}

/// Fresh random bytes, or the error.
fn random_bytes(call: &mut Call<'_>, count: i64) -> Result<Vec<u8>, LuaError> {
    let len = usize::try_from(count).ok().filter(|_| count <= RANDOM_MAX);
    let Some(len) = len.filter(|&len| call.check_size(len).is_ok()) else { return Err(call.error(NO_MEMORY)) };
    let mut bytes = vec![0; len];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(call.error("Failure in RAND_bytes.")),
    }
}

/// `openssl.rand_bytes(n) -> string`.
/// Errors: `Couldn't allocate memory.`, `Failure in RAND_bytes.`
fn random(call: &mut Call<'_>) -> NativeResult {
    let count = call.check_integer(1)?;
    let bytes = random_bytes(call, count)?;
    text(call, &bytes)
}

/// `openssl.DES_string_to_key(text) -> string`: 56 bits, seven to a byte from the highest; the lowest bit stays 0.
/// Errors: `String must have length of 7 bytes.`
fn des_string_to_key(call: &mut Call<'_>) -> NativeResult {
    let Ok(bytes) = <[u8; 7]>::try_from(call.check_string(1)?.as_bytes()) else {
        return Err(call.error("String must have length of 7 bytes."));
    };
    let bits = bytes.iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
    let key: Vec<u8> = (0..8).map(|idx| ((bits >> (49 - 7 * idx)) as u8) << 1).collect();
    text(call, &key)
}
