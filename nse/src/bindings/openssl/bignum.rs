//! Big numbers, of any size that is of use: sign and magnitude, changed in place by two of their methods.
//!
//! Everything that could take long has a limit: a script may get its numbers from a server. Primality is tested with
//! trial divisions first, so that most composites cost nothing, then Baillie-PSW.

use super::{NO_MEMORY, random_bytes};
use crypto_bigint::BoxedUint;
use num_bigint::{BigInt, BigUint, Sign};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Value};
use std::cell::RefCell;

const NAME: &[u8] = b"BIGNUM";
/// Bits of a number.
const BITS_MAX: u64 = 1 << 20;
/// Bits of a modulus or exponent, and of a number tested for being prime: those of a key, and more.
const MODULUS_BITS_MAX: u64 = 16384;
/// Primes below it are divided by first.
const TRIAL_MAX: u32 = 2000;

/// What a number's userdata owns.
struct Number(RefCell<BigInt>);

/// Functions with their names as methods, if they are any.
const FUNCTIONS: [(&str, &[&str], NativeFn); 19] = [
    ("add", &[], add),
    ("bin2bn", &[], bin2bn),
    ("bn2bin", &["tobin"], bn2bin),
    ("bn2dec", &["todec"], bn2dec),
    ("bn2hex", &["tohex", "__tostring"], bn2hex),
    ("bn2mpi", &["tompi"], bn2mpi),
    ("clear_bit", &["clear_bit"], |call| change_bit(call, false)),
    ("dec2bn", &[], |call| parse(call, 10)),
    ("div", &[], div),
    ("hex2bn", &[], |call| parse(call, 16)),
    ("is_bit_set", &["is_bit_set"], is_bit_set),
    ("is_prime", &["is_prime"], is_prime),
    ("is_safe_prime", &["is_safe_prime"], is_safe_prime),
    ("mod_exp", &[], mod_exp),
    ("num_bits", &["num_bits"], num_bits),
    ("num_bytes", &["num_bytes"], num_bytes),
    ("pseudo_rand", &[], rand),
    ("rand", &[], rand),
    ("set_bit", &["set_bit"], |call| change_bit(call, true)),
];

/// Sets the functions in the library.
pub(super) fn open<'gc>(call: &mut Call<'gc>, library: Table<'gc>) -> Result<(), LuaError> {
    let metatable = call.table(0, 16)?;
    for (name, methods, function) in FUNCTIONS {
        let function = call.closure(function, &[metatable.into()])?;
        library.set_str(call, format!("bignum_{name}").as_bytes(), function)?;
        for method in methods {
            metatable.set_str(call, method.as_bytes(), function)?;
        }
    }
    metatable.set_str(call, b"__index", metatable.into())?;
    let name = call.string(NAME)?;
    metatable.set_str(call, b"__name", name)?;
    call.registry().set_str(call, NAME, metatable.into())
}

/// A number of another module's, such as a certificate's, from its magnitude.
pub(in crate::bindings) fn from_magnitude<'gc>(call: &mut Call<'gc>, bytes: &[u8]) -> Result<Value<'gc>, LuaError> {
    let metatable = call.registry().get_str(call, NAME).as_table();
    make(call, BigUint::from_bytes_be(bytes).into(), metatable)
}

/// A number as a value.
fn new_number<'gc>(call: &mut Call<'gc>, number: BigInt) -> Result<Value<'gc>, LuaError> {
    let metatable = call.upvalue(1).as_table();
    make(call, number, metatable)
}

fn make<'gc>(call: &mut Call<'gc>, number: BigInt, metatable: Option<Table<'gc>>) -> Result<Value<'gc>, LuaError> {
    if number.bits() > BITS_MAX {
        return Err(call.error(NO_MEMORY));
    }
    let bytes = number.bits() as usize / 8 + 32;
    let userdata = call.userdata(Number(RefCell::new(number)))?;
    userdata.set_metatable(call, metatable);
    userdata.set_extra_bytes(call, bytes)?;
    Ok(userdata.into())
}

fn answer(call: &mut Call<'_>, number: BigInt) -> NativeResult {
    let number = new_number(call, number)?;
    call.ret1(number)
}

fn cell<'gc>(call: &mut Call<'gc>, pos: usize) -> Result<&'gc RefCell<BigInt>, LuaError> {
    let number = call.arg(pos).as_userdata().and_then(|userdata| userdata.downcast::<Number>(call));
    match number {
        Some(number) => Ok(&number.0),
        None => Err(call.type_error(pos, "BIGNUM")),
    }
}

fn number(call: &mut Call<'_>, pos: usize) -> Result<BigInt, LuaError> {
    cell(call, pos).map(|cell| cell.borrow().clone())
}

fn text(call: &mut Call<'_>, text: &[u8]) -> NativeResult {
    let text = call.string(text)?;
    call.ret1(text)
}

/// `openssl.bignum_bin2bn(bytes) -> number`, big-endian.
fn bin2bn(call: &mut Call<'_>) -> NativeResult {
    let bytes = call.check_string(1)?.as_bytes();
    if bytes.len() as u64 > BITS_MAX / 8 {
        return Err(call.error(NO_MEMORY));
    }
    answer(call, BigInt::from_bytes_be(Sign::Plus, bytes))
}

/// `openssl.bignum_dec2bn(text) -> number`, and `hex2bn`: an optional minus and the digits behind it, 0 without any.
fn parse(call: &mut Call<'_>, radix: u32) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let (sign, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (Sign::Minus, rest),
        None => (Sign::Plus, text),
    };
    let len = digits.iter().take_while(|&&byte| (byte as char).is_digit(radix)).count();
    if len as u64 > BITS_MAX / 3 {
        return Err(call.error(NO_MEMORY));
    }
    call.charge((len as u64).pow(2) / 256)?;
    let magnitude = BigUint::parse_bytes(&digits[..len], radix).unwrap_or_default();
    answer(call, BigInt::from_biguint(sign, magnitude))
}

/// `openssl.bignum_rand(bits) -> number` from 0 up, below 2^bits.
fn rand(call: &mut Call<'_>) -> NativeResult {
    let bits = call.check_integer(1)?.max(0);
    if bits as u64 > BITS_MAX {
        return Err(call.error(NO_MEMORY));
    }
    let mut bytes = random_bytes(call, (bits + 7) / 8)?;
    if let (Some(first), used @ 1..) = (bytes.first_mut(), bits % 8) {
        *first &= (1 << used) - 1;
    }
    answer(call, BigInt::from_bytes_be(Sign::Plus, &bytes))
}

fn bn2bin(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    text(call, &magnitude(&number))
}

/// Bytes of the magnitude; none for 0.
fn magnitude(number: &BigInt) -> Vec<u8> {
    if number.sign() == Sign::NoSign { Vec::new() } else { number.magnitude().to_bytes_be() }
}

/// `bn2mpi`: a length of four bytes, then the magnitude with room for its highest bit, which is the sign.
fn bn2mpi(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    let mut bytes = magnitude(&number);
    if bytes.first().is_some_and(|&first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    if let (Some(first), Sign::Minus) = (bytes.first_mut(), number.sign()) {
        *first |= 0x80;
    }
    let len = (bytes.len() as u32).to_be_bytes();
    text(call, &[&len[..], &bytes].concat())
}

fn bn2dec(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    call.charge((number.bits() / 64).pow(2))?;
    text(call, number.to_str_radix(10).as_bytes())
}

/// `bn2hex`: upper case, two digits for each byte; a lone `0` for 0.
fn bn2hex(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    if number.sign() == Sign::NoSign {
        return text(call, b"0");
    }
    let sign = if number.sign() == Sign::Minus { "-" } else { "" };
    let digits: String = magnitude(&number).iter().map(|byte| format!("{byte:02X}")).collect();
    text(call, format!("{sign}{digits}").as_bytes())
}

fn num_bits(call: &mut Call<'_>) -> NativeResult {
    let bits = number(call, 1)?.bits();
    call.ret1(bits as i64)
}

fn num_bytes(call: &mut Call<'_>) -> NativeResult {
    let bits = number(call, 1)?.bits();
    call.ret1(bits.div_ceil(8) as i64)
}

/// `set_bit(b, i)` and `clear_bit`, in place; nothing happens below 0, and nothing is cleared above the top.
fn change_bit(call: &mut Call<'_>, value: bool) -> NativeResult {
    let cell = cell(call, 1)?;
    let Ok(bit) = u64::try_from(call.check_integer(2)?) else { return call.ret0() };
    if bit >= BITS_MAX {
        if value {
            return Err(call.error(NO_MEMORY));
        }
        return call.ret0();
    }
    let mut number = cell.borrow_mut();
    let sign = if number.sign() == Sign::Minus { Sign::Minus } else { Sign::Plus };
    let mut changed = number.magnitude().clone();
    changed.set_bit(bit, value);
    *number = BigInt::from_biguint(sign, changed);
    let bytes = number.bits() as usize / 8 + 32;
    drop(number);
    if let Some(userdata) = call.arg(1).as_userdata() {
        userdata.set_extra_bytes(call, bytes)?;
    }
    call.ret0()
}

fn is_bit_set(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    let bit = u64::try_from(call.check_integer(2)?);
    call.ret1(bit.is_ok_and(|bit| number.magnitude().bit(bit)))
}

fn add(call: &mut Call<'_>) -> NativeResult {
    let (a, b) = (number(call, 1)?, number(call, 2)?);
    answer(call, a + b)
}

/// `bignum_div(a, d) -> quotient, remainder`: cut toward zero, the remainder with the sign of `a`; both 0 for `d` = 0.
fn div(call: &mut Call<'_>) -> NativeResult {
    let (a, d) = (number(call, 1)?, number(call, 2)?);
    call.charge(a.bits() / 64 * (d.bits() / 64 + 1))?;
    let (quotient, remainder) = if d.sign() == Sign::NoSign { Default::default() } else { (&a / &d, &a % &d) };
    let (quotient, remainder) = (new_number(call, quotient)?, new_number(call, remainder)?);
    call.ret2(quotient, remainder)
}

/// `bignum_mod_exp(a, p, m) -> a ^ |p| mod |m|`; for `m` = 0 it is 0, or 1 when `p` is 0, too.
fn mod_exp(call: &mut Call<'_>) -> NativeResult {
    let (a, p, m) = (number(call, 1)?, number(call, 2)?, number(call, 3)?);
    let modulus = m.magnitude();
    if modulus.bits() <= 1 {
        // OpenSSL looks at an exponent of 0 before it looks at a modulus of 0.
        let is_one = modulus.bits() == 0 && p.bits() == 0;
        return answer(call, BigInt::from(u8::from(is_one)));
    }
    if modulus.bits() > MODULUS_BITS_MAX || p.bits() > MODULUS_BITS_MAX {
        return Err(call.error(NO_MEMORY));
    }
    call.charge(p.bits() * (modulus.bits() / 64 + 1).pow(2) / 2)?;
    let mut base = a.magnitude() % modulus;
    if a.sign() == Sign::Minus && base.bits() > 0 {
        base = modulus - base;
    }
    let power = base.modpow(p.magnitude(), modulus);
    answer(call, BigInt::from(power))
}

/// Whether a number is prime; the error is that it is too large to tell.
fn tests_prime(number: &BigUint) -> Result<bool, ()> {
    if let Ok(small) = u32::try_from(number)
        && small < TRIAL_MAX
    {
        return Ok(small >= 2 && (2..small).take_while(|d| d * d <= small).all(|d| !small.is_multiple_of(d)));
    }
    let is_divided = |d: u32| (number % d) == BigUint::default();
    if (2..TRIAL_MAX).any(is_divided) {
        return Ok(false);
    }
    if number.bits() > MODULUS_BITS_MAX {
        return Err(());
    }
    let bytes = number.to_bytes_be();
    let boxed = BoxedUint::from_be_slice(&bytes, bytes.len() as u32 * 8).map_err(|_| ())?;
    Ok(crypto_primes::is_prime(crypto_primes::Flavor::Any, &boxed))
}

/// [`tests_prime`] for a number of a script's.
fn check_prime(call: &mut Call<'_>, number: &BigUint) -> Result<bool, LuaError> {
    call.charge(number.bits().min(MODULUS_BITS_MAX).pow(2) / 64)?;
    tests_prime(number).map_err(|()| call.error(NO_MEMORY))
}

fn is_prime(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    let is_prime = number.sign() == Sign::Plus && check_prime(call, number.magnitude())?;
    call.ret1(is_prime)
}

/// `is_safe_prime(b) -> boolean, boolean`: whether it is a prime `2 q + 1` of a prime `q`, and whether it is prime.
fn is_safe_prime(call: &mut Call<'_>) -> NativeResult {
    let number = number(call, 1)?;
    if number.sign() != Sign::Plus || !check_prime(call, number.magnitude())? {
        return call.ret2(false, false);
    }
    let half: BigUint = number.magnitude() >> 1u32;
    let is_safe = number.magnitude().bit(0) && check_prime(call, &half)?;
    call.ret2(is_safe, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_found() {
        let mut sieve = vec![true; 20000];
        for number in 2..sieve.len() {
            if sieve[number] {
                (number * 2..sieve.len()).step_by(number).for_each(|multiple| sieve[multiple] = false);
            }
        }
        for (number, &is_prime) in sieve.iter().enumerate() {
            let is_prime = is_prime && number >= 2;
            assert_eq!(tests_prime(&BigUint::from(number)), Ok(is_prime), "{number}");
        }
        let mersenne = (BigUint::from(1u32) << 1279u32) - 1u32;
        assert_eq!(tests_prime(&mersenne), Ok(true));
        assert_eq!(tests_prime(&(mersenne.clone() * mersenne)), Ok(false));
        // Products of primes that fool single Miller-Rabin bases.
        for composite in [3_215_031_751u64, 3_825_123_056_546_413_051, 318_665_857_834_031_151] {
            assert_eq!(tests_prime(&BigUint::from(composite)), Ok(false), "{composite}");
        }
        let huge = (BigUint::from(1u32) << 44497u32) - 1u32;
        assert_eq!(tests_prime(&huge), Err(()));
    }
}
