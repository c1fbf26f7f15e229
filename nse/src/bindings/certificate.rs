//! Certificates as scripts see them: a userdata with fields, made in full when the certificate is handed out.
//!
//! The fields lie in a table that is the `__index` of a metatable of the certificate's own, so that a field is the same
//! table each time. Nothing is verified.

use super::openssl::bignum;
use crate::shared::shared;
use perilune_tls::x509::{Attribute, Certificate, CertificateError, Curve, KeyKind, PublicKey, Time};
use perilune_vm::{Call, LuaError, NativeResult, Table, Value};

/// What a script holds.
struct CertificateObject(Certificate);

/// `socket:get_ssl_certificate() -> certificate | nil`: the leaf of the server's chain, nil when it has none.
/// Errors: `not a SSL socket`.
pub(super) fn get_ssl_certificate(call: &mut Call<'_>) -> NativeResult {
    let leaf = {
        let socket = super::socket::receiver(call)?.borrow();
        socket.secure.as_ref().map(|secure| secure.peer().and_then(|peer| peer.certificate()).map(<[u8]>::to_vec))
    };
    let Some(leaf) = leaf else { return Err(call.arg_error(1, "not a SSL socket")) };
    match leaf.map(|der| Certificate::parse(&der)) {
        Some(Ok(certificate)) => give(call, certificate),
        Some(Err(error)) => {
            if shared(call).options.debugging > 0 {
                shared(call).log(crate::shared::Channel::Stderr, format!("certificate not shown: {error}").as_bytes());
            }
            call.ret1(Value::NIL)
        }
        None => call.ret1(Value::NIL),
    }
}

/// `nmap.socket.parse_ssl_certificate(der) -> certificate | nil [, message]`.
pub(super) fn parse_ssl_certificate(call: &mut Call<'_>) -> NativeResult {
    let der = call.check_string(1)?.as_bytes();
    match Certificate::parse(der) {
        Ok(certificate) => give(call, certificate),
        Err(error @ CertificateError::PublicKey) => {
            let message = call.string(format!("Error parsing cert: {error}").as_bytes())?;
            call.ret2(Value::NIL, message)
        }
        Err(_) => call.ret1(Value::NIL),
    }
}

fn give(call: &mut Call<'_>, certificate: Certificate) -> NativeResult {
    let fields = fields(call, &certificate)?;
    let metatable = call.table(0, 2)?;
    metatable.set_str(call, b"__index", fields.into())?;
    let name = call.string(b"SSL_CERT")?;
    metatable.set_str(call, b"__name", name)?;
    let object = call.userdata(CertificateObject(certificate))?;
    object.set_metatable(call, Some(metatable));
    call.ret1(object)
}

/// `cert:digest(algorithm) -> bytes`, nothing for an unknown algorithm.
fn digest(call: &mut Call<'_>) -> NativeResult {
    let object = call.arg(1).as_userdata().and_then(|userdata| userdata.downcast::<CertificateObject>(call));
    let Some(object) = object else { return Err(call.type_error(1, "SSL_CERT")) };
    let algorithm = String::from_utf8_lossy(call.check_string(2)?.as_bytes()).into_owned();
    match object.0.digest(&algorithm) {
        Some(digest) => {
            let digest = call.string(&digest)?;
            call.ret1(digest)
        }
        None => call.ret0(),
    }
}

/// Sets a field to a string.
fn set<'gc>(call: &mut Call<'gc>, table: Table<'gc>, name: &str, value: &[u8]) -> Result<(), LuaError> {
    let value = call.string(value)?;
    table.set_str(call, name.as_bytes(), value)
}

fn fields<'gc>(call: &mut Call<'gc>, certificate: &Certificate) -> Result<Table<'gc>, LuaError> {
    let fields = call.table(0, 8)?;
    let subject = name(call, &certificate.subject)?;
    fields.set_str(call, b"subject", subject.into())?;
    let issuer = name(call, &certificate.issuer)?;
    fields.set_str(call, b"issuer", issuer.into())?;
    set(call, fields, "sig_algorithm", certificate.signature_name().as_bytes())?;
    set(call, fields, "pem", certificate.pem().as_bytes())?;
    let validity = call.table(0, 2)?;
    for (field, time) in [("notBefore", &certificate.not_before), ("notAfter", &certificate.not_after)] {
        match time {
            Some(Time::Date(date)) => {
                let table = call.table(0, 6)?;
                for (name, value) in [
                    ("year", i64::from(date.year)),
                    ("month", i64::from(date.month)),
                    ("day", i64::from(date.day)),
                    ("hour", i64::from(date.hour)),
                    ("min", i64::from(date.min)),
                    ("sec", i64::from(date.sec)),
                ] {
                    table.set_str(call, name.as_bytes(), Value::integer(value))?;
                }
                validity.set_str(call, field.as_bytes(), table.into())?;
            }
            Some(Time::Raw(bytes)) => set(call, validity, field, bytes)?,
            None => {}
        }
    }
    fields.set_str(call, b"validity", validity.into())?;
    let key = public_key(call, &certificate.public_key)?;
    fields.set_str(call, b"pubkey", key.into())?;
    if !certificate.extensions.is_empty() {
        let extensions = extensions(call, certificate)?;
        fields.set_str(call, b"extensions", extensions.into())?;
    }
    fields.set_str(call, b"digest", Value::native(digest))?;
    Ok(fields)
}

/// Values by their names; of two with the same name the last one. What has no name goes under its numbers, in a table.
fn name<'gc>(call: &mut Call<'gc>, attributes: &[Attribute]) -> Result<Table<'gc>, LuaError> {
    let table = call.table(0, attributes.len())?;
    for attribute in attributes {
        match attribute.name() {
            Some(name) => set(call, table, name, &attribute.value)?,
            None => {
                let key = call.table(8, 0)?;
                for (position, component) in (1..).zip(attribute.oid.components()) {
                    let component = call.string(component.as_bytes())?;
                    key.set_integer(call, position, component)?;
                }
                let value = call.string(&attribute.value)?;
                table.set(call, key.into(), value)?;
            }
        }
    }
    Ok(table)
}

fn public_key<'gc>(call: &mut Call<'gc>, key: &PublicKey) -> Result<Table<'gc>, LuaError> {
    let table = call.table(0, 4)?;
    set(call, table, "type", key.type_name().as_bytes())?;
    table.set_str(call, b"bits", Value::integer(i64::try_from(key.bits).unwrap_or(i64::MAX)))?;
    match &key.kind {
        KeyKind::Rsa(key) => {
            for (name, number) in [("modulus", &key.modulus), ("exponent", &key.exponent)] {
                let number = bignum::from_magnitude(call, number)?;
                table.set_str(call, name.as_bytes(), number)?;
            }
        }
        KeyKind::Ec(curve) => {
            let parameters = call.table(0, 2)?;
            let kind = match curve {
                Curve::Named(_) => "namedcurve",
                Curve::ExplicitPrime => "explicit_prime",
                Curve::ExplicitChar2 => "explicit_char2",
            };
            set(call, parameters, "ec_curve_type", kind.as_bytes())?;
            if let Curve::Named(name) = curve {
                set(call, parameters, "curve", name.as_bytes())?;
            }
            let outer = call.table(0, 1)?;
            outer.set_str(call, b"curve_params", parameters.into())?;
            table.set_str(call, b"ecdhparams", outer.into())?;
        }
        _ => {}
    }
    Ok(table)
}

fn extensions<'gc>(call: &mut Call<'gc>, certificate: &Certificate) -> Result<Table<'gc>, LuaError> {
    let list = call.table(certificate.extensions.len(), 0)?;
    for (position, extension) in (1..).zip(&certificate.extensions) {
        let table = call.table(0, 3)?;
        set(call, table, "name", extension.name().as_bytes())?;
        match &extension.value {
            Some(value) => set(call, table, "value", value)?,
            None => table.set_str(call, b"error", true.into())?,
        }
        if extension.critical {
            table.set_str(call, b"critical", true.into())?;
        }
        list.set_integer(call, position, table.into())?;
    }
    Ok(list)
}
