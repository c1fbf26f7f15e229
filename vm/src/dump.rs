//! Binary chunks: a [`Chunk`] as bytes, and back.
//!
//! The header is the reference's, so that programs know a binary chunk when they see one; behind it comes a mark and
//! our own layout: numbers in little-endian groups of seven bits, lists with their length in front. Inline caches are
//! not stored. What is read back is only taken apart here; whether it can do harm is for [`crate::verify`] to say.
//!
//! # Source
//! Manual §6.4 (`string.dump`); the header of `lundump.h`.

use crate::bytecode::{Chunk, Constant, Instruction, LocalVar, Operand, Proto, StrId, Strings, UpvalueDesc};
use std::fmt;

/// Escape, name, version 5.4, official format, bytes that transfers in text mode spoil, and sizes of an instruction (as
/// the reference says it), an integer and a float.
const HEADER: &[u8] = b"\x1bLua\x54\0\x19\x93\r\n\x1a\n\x04\x08\x08";
/// Numbers that tell byte order and float format.
const CHECK_INTEGER: i64 = 0x5678;
const CHECK_FLOAT: f64 = 370.5;
/// Tells our layout from the reference's; the last byte is the layout's version.
const MARK: &[u8] = b"plun\x01";
/// Functions within functions, as the verifier allows them.
const DEPTH_MAX: usize = 250;

/// Why bytes are no chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadError {
    /// They end too early.
    Truncated,
    /// The header is of another version, format or machine.
    Mismatch(&'static str),
    /// A length or number that cannot be.
    Corrupted,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Truncated => f.write_str("truncated chunk"),
            ReadError::Mismatch(what) => f.write_str(what),
            ReadError::Corrupted => f.write_str("corrupted chunk"),
        }
    }
}

impl std::error::Error for ReadError {}

/// A chunk as bytes.
pub fn write(chunk: &Chunk) -> Vec<u8> {
    let mut writer = Writer { out: HEADER.to_vec() };
    writer.out.extend_from_slice(&CHECK_INTEGER.to_le_bytes());
    writer.out.extend_from_slice(&CHECK_FLOAT.to_bits().to_le_bytes());
    writer.out.extend_from_slice(MARK);
    writer.bytes(&chunk.source);
    writer.number(chunk.strings.len() as u64);
    chunk.strings.iter().for_each(|string| writer.bytes(string));
    writer.proto(&chunk.main);
    writer.out
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn number(&mut self, value: u64) {
        let mut rest = value;
        while rest >= 0x80 {
            self.out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn proto(&mut self, proto: &Proto) {
        self.number(proto.line_defined as u64);
        self.number(proto.last_line_defined as u64);
        self.out.extend_from_slice(&[proto.num_params, proto.is_vararg as u8, proto.stack_len_max]);
        self.number(proto.code.len() as u64);
        for &i in &proto.code {
            let i = if i.op().operands().contains(&Operand::cache) { i.with_d(0) } else { i };
            self.out.extend_from_slice(&i.to_bits().to_le_bytes());
        }
        self.number(proto.constants.len() as u64);
        proto.constants.iter().for_each(|&constant| self.constant(constant));
        self.number(proto.upvalues.len() as u64);
        for upvalue in &proto.upvalues {
            self.out.extend_from_slice(&[upvalue.in_stack as u8, upvalue.idx]);
            self.number(upvalue.name.map_or(0, |name| name.0 as u64 + 1));
        }
        self.number(proto.lines.len() as u64);
        proto.lines.iter().for_each(|&line| self.number(line as u64));
        self.number(proto.locals.len() as u64);
        for local in &proto.locals {
            [local.name.0, local.start_pc, local.end_pc].into_iter().for_each(|value| self.number(value as u64));
        }
        self.number(proto.protos.len() as u64);
        proto.protos.iter().for_each(|inner| self.proto(inner));
    }

    fn constant(&mut self, constant: Constant) {
        match constant {
            Constant::Nil => self.out.push(0),
            Constant::Boolean(value) => self.out.push(1 + value as u8),
            Constant::Integer(value) => {
                self.out.push(3);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            Constant::Float(value) => {
                self.out.push(4);
                self.out.extend_from_slice(&value.to_bits().to_le_bytes());
            }
            Constant::String(id) => {
                self.out.push(5);
                self.number(id.0 as u64);
            }
        }
    }
}

/// Takes the bytes of a chunk apart.
///
/// # Errors
/// They are no chunk of this machine's. A chunk that is read still has to be verified.
pub fn read(bytes: &[u8]) -> Result<Chunk, ReadError> {
    let mut reader = Reader { rest: bytes };
    reader.header()?;
    let source = reader.bytes()?.into();
    let mut strings = Strings::default();
    for _ in 0..reader.len(1)? {
        let string = reader.bytes()?;
        strings.push(string);
    }
    let main = reader.proto(0)?;
    Ok(Chunk { source, strings, main })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn header(&mut self) -> Result<(), ReadError> {
        const PARTS: [(usize, &str); 5] = [
            (4, "not a binary chunk"),
            (1, "version mismatch"),
            (1, "format mismatch"),
            (6, "corrupted chunk"),
            (3, "size mismatch"),
        ];
        let mut at = 0;
        for (len, what) in PARTS {
            if self.take(len)? != &HEADER[at..at + len] {
                return Err(ReadError::Mismatch(what));
            }
            at += len;
        }
        if self.word()? != CHECK_INTEGER as u64 {
            return Err(ReadError::Mismatch("integer format mismatch"));
        }
        if self.word()? != CHECK_FLOAT.to_bits() {
            return Err(ReadError::Mismatch("float format mismatch"));
        }
        if self.take(MARK.len())? == MARK { Ok(()) } else { Err(ReadError::Mismatch("format mismatch")) }
    }

    fn word(&mut self) -> Result<u64, ReadError> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |word, &byte| word << 8 | byte as u64))
    }

    fn byte(&mut self) -> Result<u8, ReadError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u64, ReadError> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= ((byte & 0x7f) as u64) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ReadError::Corrupted)
    }

    fn number32(&mut self) -> Result<u32, ReadError> {
        u32::try_from(self.number()?).map_err(|_| ReadError::Corrupted)
    }

    /// Length of a list whose items take at least so many bytes: never more than there can be.
    fn len(&mut self, item_bytes: usize) -> Result<usize, ReadError> {
        let len = usize::try_from(self.number()?).map_err(|_| ReadError::Corrupted)?;
        if len.checked_mul(item_bytes).is_none_or(|bytes| bytes > self.rest.len()) {
            return Err(ReadError::Truncated);
        }
        Ok(len)
    }

    fn bytes(&mut self) -> Result<&'a [u8], ReadError> {
        let len = self.len(1)?;
        self.take(len)
    }

    fn list<T>(
        &mut self,
        item_bytes: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, ReadError>,
    ) -> Result<Vec<T>, ReadError> {
        let len = self.len(item_bytes)?;
        (0..len).map(|_| item(self)).collect()
    }

    fn flag(&mut self) -> Result<bool, ReadError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ReadError::Corrupted),
        }
    }

    fn proto(&mut self, depth: usize) -> Result<Proto, ReadError> {
        if depth > DEPTH_MAX {
            return Err(ReadError::Corrupted);
        }
        Ok(Proto {
            line_defined: self.number32()?,
            last_line_defined: self.number32()?,
            num_params: self.byte()?,
            is_vararg: self.flag()?,
            stack_len_max: self.byte()?,
            code: self.list(8, |reader| Instruction::from_bits(reader.word()?).ok_or(ReadError::Corrupted))?,
            constants: self.list(1, Reader::constant)?,
            upvalues: self.list(3, |reader| {
                let (in_stack, idx) = (reader.flag()?, reader.byte()?);
                let name = reader.number32()?.checked_sub(1).map(StrId);
                Ok(UpvalueDesc { name, in_stack, idx })
            })?,
            lines: self.list(1, Reader::number32)?,
            locals: self.list(3, |reader| {
                let name = StrId(reader.number32()?);
                Ok(LocalVar { name, start_pc: reader.number32()?, end_pc: reader.number32()? })
            })?,
            protos: self.list(8, |reader| reader.proto(depth + 1))?,
        })
    }

    fn constant(&mut self) -> Result<Constant, ReadError> {
        Ok(match self.byte()? {
            0 => Constant::Nil,
            1 => Constant::Boolean(false),
            2 => Constant::Boolean(true),
            3 => Constant::Integer(self.word()? as i64),
            4 => Constant::Float(f64::from_bits(self.word()?)),
            5 => Constant::String(StrId(self.number32()?)),
            _ => return Err(ReadError::Corrupted),
        })
    }
}
