//! Reading and writing the wire's integers and length-prefixed vectors.
//!
//! A [`Reader`] knows the name of what it reads, so that every short read is an error that says which message was
//! malformed.

use crate::TlsError;

/// A cursor over bytes of unknown goodwill. Never panics; every failure is `TlsError::Malformed`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub fn malformed(&self) -> TlsError {
        TlsError::Malformed { what: self.what }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn take(&mut self, len: usize) -> Result<&'a [u8], TlsError> {
        let (head, tail) = self.bytes.split_at_checked(len).ok_or_else(|| self.malformed())?;
        self.bytes = tail;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], TlsError> {
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or_else(|| self.malformed())?;
        self.bytes = tail;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, TlsError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, TlsError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u24(&mut self) -> Result<usize, TlsError> {
        let [a, b, c] = self.array()?;
        Ok(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    pub fn u48(&mut self) -> Result<u64, TlsError> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// A vector with a one-byte length.
    pub fn vec8(&mut self) -> Result<&'a [u8], TlsError> {
        let len = self.u8()?;
        self.take(len.into())
    }

    /// A vector with a two-byte length.
    pub fn vec16(&mut self) -> Result<&'a [u8], TlsError> {
        let len = self.u16()?;
        self.take(len.into())
    }

    /// A vector with a three-byte length.
    pub fn vec24(&mut self) -> Result<&'a [u8], TlsError> {
        let len = self.u24()?;
        self.take(len)
    }

    /// A reader of a vector with a two-byte length, under the same name.
    pub fn sub16(&mut self) -> Result<Reader<'a>, TlsError> {
        let bytes = self.vec16()?;
        Ok(self.sub(bytes))
    }

    /// A reader of a part, under the same name.
    pub fn sub(&self, bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, what: self.what }
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), TlsError> {
        if self.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }
}

/// Appends to a message.
pub(crate) trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u24(&mut self, value: usize);
    fn put_u48(&mut self, value: u64);
    fn put_vec8(&mut self, bytes: &[u8]);
    fn put_vec16(&mut self, bytes: &[u8]);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u24(&mut self, value: usize) {
        assert!(value < 1 << 24, "a length that fits three bytes");
        self.extend_from_slice(&value.to_be_bytes()[size_of::<usize>() - 3..]);
    }

    fn put_u48(&mut self, value: u64) {
        assert!(value < 1 << 48, "a number that fits six bytes");
        self.extend_from_slice(&value.to_be_bytes()[2..]);
    }

    fn put_vec8(&mut self, bytes: &[u8]) {
        self.put_u8(u8::try_from(bytes.len()).expect("the caller checked the length"));
        self.extend_from_slice(bytes);
    }

    fn put_vec16(&mut self, bytes: &[u8]) {
        self.put_u16(u16::try_from(bytes.len()).expect("the caller checked the length"));
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_reads_name_the_message() {
        let mut reader = Reader::new(&[0, 3, 1], "ServerHello");
        assert_eq!(reader.vec16(), Err(TlsError::Malformed { what: "ServerHello" }));
    }

    #[test]
    fn what_is_put_is_read() {
        let mut bytes = Vec::new();
        bytes.put_u8(1);
        bytes.put_u16(0x0203);
        bytes.put_u24(0x040506);
        bytes.put_u48(0x0708_090a_0b0c);
        bytes.put_vec8(b"ab");
        bytes.put_vec16(b"cd");
        let mut reader = Reader::new(&bytes, "test");
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(0x0203));
        assert_eq!(reader.u24(), Ok(0x040506));
        assert_eq!(reader.u48(), Ok(0x0708_090a_0b0c));
        assert_eq!(reader.vec8(), Ok(&b"ab"[..]));
        assert_eq!(reader.vec16(), Ok(&b"cd"[..]));
        assert_eq!(reader.end(), Ok(()));
    }
}
