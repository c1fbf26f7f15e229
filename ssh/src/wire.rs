//! The data types of RFC 4251 §5.

use crate::SshError;

/// Reads a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

const SHORT: SshError = SshError::Protocol("a message is too short");

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { rest: data }
    }

    pub fn take(&mut self, len: usize) -> Result<&'a [u8], SshError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, SshError> {
        Ok(self.take(1)?[0])
    }

    pub fn boolean(&mut self) -> Result<bool, SshError> {
        Ok(self.byte()? != 0)
    }

    pub fn number(&mut self) -> Result<u32, SshError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub fn string(&mut self) -> Result<&'a [u8], SshError> {
        let len = self.number()? as usize;
        self.take(len)
    }

    /// A positive number's bytes without leading zeros.
    pub fn mpint(&mut self) -> Result<&'a [u8], SshError> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|&first| first & 0x80 != 0) {
            return Err(SshError::Protocol("a number is negative"));
        }
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Ok(&bytes[zeros..])
    }

    /// A list of names.
    pub fn names(&mut self) -> Result<Vec<&'a [u8]>, SshError> {
        Ok(self.string()?.split(|&byte| byte == b',').filter(|name| !name.is_empty()).collect())
    }
}

/// Writes a message.
pub(crate) trait Write {
    fn number(&mut self, value: u32);
    fn string(&mut self, text: &[u8]);
    fn mpint(&mut self, number: &[u8]);
    fn boolean(&mut self, value: bool);
}

impl Write for Vec<u8> {
    fn number(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn string(&mut self, text: &[u8]) {
        self.number(text.len() as u32);
        self.extend_from_slice(text);
    }

    fn mpint(&mut self, number: &[u8]) {
        let zeros = number.iter().take_while(|&&byte| byte == 0).count();
        let number = &number[zeros..];
        let pads = number.first().is_some_and(|&first| first & 0x80 != 0);
        self.number(number.len() as u32 + u32::from(pads));
        if pads {
            self.push(0);
        }
        self.extend_from_slice(number);
    }

    fn boolean(&mut self, value: bool) {
        self.push(u8::from(value));
    }
}
