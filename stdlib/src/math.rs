//! The mathematical library, manual §6.7, with the functions kept for older Lua.

use crate::set_functions;
use perilune_vm::number;
use perilune_vm::{Call, Kind, LuaError, NativeFn, NativeResult, Step, Table, Userdata, Value};
use std::cell::Cell;

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 36)?;
    set_functions(
        call,
        library,
        &[
            ("abs", abs),
            ("acos", |call| float_function(call, f64::acos)),
            ("asin", |call| float_function(call, f64::asin)),
            ("atan", atan),
            ("ceil", ceil),
            ("cos", |call| float_function(call, f64::cos)),
            ("cosh", |call| float_function(call, f64::cosh)),
            ("deg", |call| float_function(call, |x| x * (180.0 / std::f64::consts::PI))),
            ("exp", |call| float_function(call, f64::exp)),
            ("floor", floor),
            ("fmod", fmod),
            ("frexp", frexp),
            ("ldexp", ldexp),
            ("log", log),
            ("log10", |call| float_function(call, f64::log10)),
            ("max", |call| extreme(call, true)),
            ("min", |call| extreme(call, false)),
            ("modf", modf),
            ("pow", pow),
            ("rad", |call| float_function(call, |x| x * (std::f64::consts::PI / 180.0))),
            ("sin", |call| float_function(call, f64::sin)),
            ("sinh", |call| float_function(call, f64::sinh)),
            ("sqrt", |call| float_function(call, f64::sqrt)),
            ("tan", |call| float_function(call, f64::tan)),
            ("tanh", |call| float_function(call, f64::tanh)),
            ("tointeger", tointeger),
            ("type", type_of),
            ("ult", ult),
        ],
    )?;
    library.set_str(call, b"pi", Value::float(std::f64::consts::PI))?;
    library.set_str(call, b"huge", Value::float(f64::INFINITY))?;
    library.set_str(call, b"maxinteger", Value::integer(i64::MAX))?;
    library.set_str(call, b"mininteger", Value::integer(i64::MIN))?;
    let generator = Generator::new(random_word(), random_word());
    let generator = call.userdata(generator)?;
    let functions: [(&[u8], NativeFn); 2] = [(b"random", random), (b"randomseed", randomseed)];
    for (name, function) in functions {
        let function = call.closure(function, &[generator.into()])?;
        library.set_str(call, name, function)?;
    }
    Ok(library)
}

fn float_function(call: &mut Call<'_>, function: fn(f64) -> f64) -> NativeResult {
    let x = call.check_number(1)?;
    call.ret1(function(x))
}

/// `math.abs(x) -> number` of the same kind.
fn abs(call: &mut Call<'_>) -> NativeResult {
    // A numeral in a string counts as a float, as in the reference.
    match call.arg(1).kind() {
        Kind::Integer(value) => call.ret1(value.wrapping_abs()),
        _ => {
            let value = call.check_number(1)?;
            call.ret1(value.abs())
        }
    }
}

/// `math.atan(y [, x]) -> radians`; `x` default 1.
fn atan(call: &mut Call<'_>) -> NativeResult {
    let (y, x) = (call.check_number(1)?, call.opt_number(2, 1.0)?);
    call.ret1(y.atan2(x))
}

fn float_or_integer(call: &mut Call<'_>, value: f64) -> NativeResult {
    match number::float_to_integer(value) {
        Some(integer) => call.ret1(integer),
        None => call.ret1(value),
    }
}

/// `math.floor(x) -> integer`, or a float when out of range.
fn floor(call: &mut Call<'_>) -> NativeResult {
    match call.arg(1).kind() {
        Kind::Integer(value) => call.ret1(value),
        Kind::Float(value) => float_or_integer(call, value.floor()),
        _ => {
            let value = call.check_number(1)?;
            float_or_integer(call, value.floor())
        }
    }
}

/// `math.ceil(x) -> integer`, or a float when out of range.
fn ceil(call: &mut Call<'_>) -> NativeResult {
    match call.arg(1).kind() {
        Kind::Integer(value) => call.ret1(value),
        _ => {
            let value = call.check_number(1)?;
            float_or_integer(call, value.ceil())
        }
    }
}

/// `math.fmod(x, y) -> number`: the remainder that has the sign of `x`.
/// Errors: `bad argument #2 to 'fmod' (zero)` for integers.
fn fmod(call: &mut Call<'_>) -> NativeResult {
    if let (Kind::Integer(x), Kind::Integer(y)) = (call.arg(1).kind(), call.arg(2).kind()) {
        if y == 0 {
            return Err(call.arg_error(2, "zero"));
        }
        return call.ret1(x.wrapping_rem(y));
    }
    // The reference's compiler evaluates arguments from the last to the first.
    let y = call.check_number(2)?;
    let x = call.check_number(1)?;
    call.ret1(x % y)
}

/// `math.frexp(x) -> m, e` with `x = m * 2^e` and `m` in [0.5, 1).
fn frexp(call: &mut Call<'_>) -> NativeResult {
    let x = call.check_number(1)?;
    if x == 0.0 || !x.is_finite() {
        return call.ret2(x, 0i64);
    }
    // Subnormal numbers are scaled up first.
    let (scaled, shift) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(54), -54) } else { (x, 0) };
    let bits = scaled.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1022;
    let mantissa = f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52);
    call.ret2(mantissa, exponent + shift)
}

/// `math.ldexp(m, e) -> m * 2^e`.
fn ldexp(call: &mut Call<'_>) -> NativeResult {
    let (mut m, e) = (call.check_number(1)?, call.check_integer(2)?);
    // Cut to a C `int` first, as in the reference.
    let mut e = (e as i32).clamp(-5000, 5000);
    while e != 0 && m != 0.0 && m.is_finite() {
        let step = e.clamp(-1000, 1000);
        m *= 2f64.powi(step);
        e -= step;
    }
    call.ret1(m)
}

/// `math.log(x [, base]) -> float`; the base is e by default.
fn log(call: &mut Call<'_>) -> NativeResult {
    let x = call.check_number(1)?;
    if call.arg(2).is_nil() {
        return call.ret1(x.ln());
    }
    let base = call.check_number(2)?;
    if base == 2.0 {
        call.ret1(x.log2())
    } else if base == 10.0 {
        call.ret1(x.log10())
    } else {
        call.ret1(x.ln() / base.ln())
    }
}

/// `math.max(x, ...)` and `math.min(x, ...)`: the value as it is, by `<`.
/// Errors: `value expected`, those of comparisons.
fn extreme(call: &mut Call<'_>, largest: bool) -> NativeResult {
    if call.count() == 0 {
        return Err(call.arg_error(1, "value expected"));
    }
    Extreme { largest, best: 1, pos: 2 }.run(call)
}

/// Compares arguments with the best so far; a comparison may run Lua code.
struct Extreme {
    largest: bool,
    /// Argument with the best value.
    best: usize,
    /// Argument to be compared next.
    pos: usize,
}

impl Extreme {
    fn take(&mut self, is_better: bool) {
        if is_better {
            self.best = self.pos;
        }
        self.pos += 1;
    }

    fn run(mut self, call: &mut Call<'_>) -> NativeResult {
        while self.pos <= call.count() {
            let (best, candidate) = (call.arg(self.best), call.arg(self.pos));
            let (low, high) = if self.largest { (best, candidate) } else { (candidate, best) };
            match call.try_less(low, high) {
                Some(is_better) => self.take(is_better),
                None => return call.less_then(low, high, Box::new(self)),
            }
        }
        let best = call.arg(self.best);
        call.ret1(best)
    }
}

impl Step for Extreme {
    fn step<'gc>(mut self: Box<Self>, call: &mut Call<'gc>) -> NativeResult {
        let is_better = call.result(1).is_truthy();
        self.take(is_better);
        self.run(call)
    }
}

/// `math.modf(x) -> integral part (an integer when it fits), fraction`.
fn modf(call: &mut Call<'_>) -> NativeResult {
    if let Kind::Integer(value) = call.arg(1).kind() {
        return call.ret2(value, 0.0);
    }
    let x = call.check_number(1)?;
    let whole = x.trunc();
    let fraction = if x.is_infinite() { 0.0 } else { x - whole };
    match number::float_to_integer(whole) {
        Some(whole) => call.ret2(whole, fraction),
        None => call.ret2(whole, fraction),
    }
}

/// `math.pow(x, y) -> float`.
fn pow(call: &mut Call<'_>) -> NativeResult {
    let (x, y) = (call.check_number(1)?, call.check_number(2)?);
    call.ret1(number::pow(x, y))
}

/// `math.tointeger(x) -> integer | nil (fail)`.
fn tointeger(call: &mut Call<'_>) -> NativeResult {
    call.check_any(1)?;
    match call.arg(1).to_integer() {
        Some(integer) => call.ret1(integer),
        None => call.ret1(Value::NIL),
    }
}

/// `math.type(x) -> "integer" | "float" | nil (fail)`.
fn type_of(call: &mut Call<'_>) -> NativeResult {
    call.check_any(1)?;
    let name = match call.arg(1).kind() {
        Kind::Integer(_) => "integer",
        Kind::Float(_) => "float",
        _ => return call.ret1(Value::NIL),
    };
    let name = call.string(name.as_bytes())?;
    call.ret1(name)
}

/// `math.ult(m, n) -> boolean`: comparison as unsigned integers.
fn ult(call: &mut Call<'_>) -> NativeResult {
    let (m, n) = (call.check_integer(1)?, call.check_integer(2)?);
    call.ret1((m as u64) < n as u64)
}

/// The generator xoshiro256**.
#[derive(Debug)]
struct Generator {
    state: Cell<[u64; 4]>,
}

impl Generator {
    fn new(first: u64, second: u64) -> Generator {
        let generator = Generator { state: Cell::default() };
        generator.seed(first, second);
        generator
    }

    /// Seeds with two words, as the reference does, and throws the first numbers away.
    fn seed(&self, first: u64, second: u64) {
        self.state.set([first, 0xff, second, 0]);
        for _ in 0..16 {
            self.next();
        }
    }

    fn next(&self) -> u64 {
        let [s0, s1, s2, s3] = self.state.get();
        let s2 = s2 ^ s0;
        let s3 = s3 ^ s1;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        self.state.set([s0 ^ s3, s1 ^ s2, s2 ^ (s1 << 17), s3.rotate_left(45)]);
        result
    }

    /// A number in 0..=limit: random bits, those above the limit thrown away.
    fn project(&self, random: u64, limit: u64) -> u64 {
        if limit & limit.wrapping_add(1) == 0 {
            return random & limit;
        }
        let mask = u64::MAX >> limit.leading_zeros();
        let mut random = random & mask;
        while random > limit {
            random = self.next() & mask;
        }
        random
    }
}

fn random_word() -> u64 {
    getrandom::u64().unwrap_or(0x9e37_79b9_7f4a_7c15)
}

fn generator<'gc>(call: &Call<'gc>) -> &'gc Generator {
    let userdata: Option<Userdata<'gc>> = call.upvalue(1).as_userdata();
    userdata.and_then(|userdata| userdata.downcast(call)).expect("`open` made this function with a generator")
}

/// `math.random([m [, n]])`: a float in [0, 1), or an integer in [1, m] or [m, n]; any integer for `random(0)`.
/// Errors: `interval is empty`, `wrong number of arguments`.
fn random(call: &mut Call<'_>) -> NativeResult {
    let generator = generator(call);
    let random = generator.next();
    let (low, high) = match call.count() {
        0 => return call.ret1((random >> 11) as f64 * (0.5 / (1u64 << 52) as f64)),
        1 => {
            let high = call.check_integer(1)?;
            if high == 0 {
                return call.ret1(random as i64);
            }
            (1, high)
        }
        2 => (call.check_integer(1)?, call.check_integer(2)?),
        _ => return Err(call.error("wrong number of arguments")),
    };
    if low > high {
        return Err(call.arg_error(1, "interval is empty"));
    }
    let offset = generator.project(random, (high as u64).wrapping_sub(low as u64));
    call.ret1((low as u64).wrapping_add(offset) as i64)
}

/// `math.randomseed([x [, y]]) -> the two seeds`.
fn randomseed(call: &mut Call<'_>) -> NativeResult {
    let generator = generator(call);
    let (first, second) = if call.count() == 0 {
        (random_word() as i64, random_word() as i64)
    } else {
        let first = match call.arg(1).kind() {
            Kind::Float(value) => number::float_to_integer(value).unwrap_or(value.to_bits() as i64),
            _ => call.check_integer(1)?,
        };
        (first, call.opt_integer(2, 0)?)
    };
    generator.seed(first as u64, second as u64);
    call.ret2(first, second)
}
