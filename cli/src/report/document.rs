//! A file that is a whole document at any moment: what closes it is written behind every part, and the next part is
//! written over that.
//!
//! So a scan that is killed leaves a document that can be read. What can't be sought in, a pipe or a terminal, gets its
//! end once, at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where outputs of all formats go.
#[derive(Debug)]
pub enum Target {
    Terminal,
    File(File),
}

impl Target {
    /// Opens a file anew, or at its end; `-` is the terminal.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, append: bool) -> io::Result<Target> {
        if path == Path::new("-") {
            return Ok(Target::Terminal);
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(!append).open(path)?;
        if append {
            file.seek(SeekFrom::End(0))?;
        }
        Ok(Target::File(file))
    }

    /// Opens a file to go on behind its last whole line; what was cut off is gone.
    ///
    /// # Errors
    /// What the system says.
    pub fn open_after_last_line(path: &Path) -> io::Result<Target> {
        if path == Path::new("-") {
            return Ok(Target::Terminal);
        }
        let text = std::fs::read(path)?;
        let len = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Target::File(file))
    }

    /// Whether it is the terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Target::Terminal)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Terminal => io::stdout().write(bytes),
            Target::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Terminal => io::stdout().flush(),
            Target::File(file) => file.flush(),
        }
    }
}

/// A document being written.
#[derive(Debug)]
pub struct Document {
    target: Target,
    /// Where the next part goes, in a regular file.
    end: Option<u64>,
    /// Bytes of the closing that stand behind it now.
    closing_len: u64,
}

impl Document {
    pub fn new(target: Target) -> Document {
        let end = match &target {
            Target::File(file) if file.metadata().is_ok_and(|data| data.is_file()) => {
                let mut file = file;
                file.stream_position().ok()
            }
            _ => None,
        };
        Document { target, end, closing_len: 0 }
    }

    /// Adds a part; `closing` is what would end the document now.
    ///
    /// # Errors
    /// What writing gives.
    pub fn add(&mut self, part: &[u8], closing: impl FnOnce() -> Vec<u8>) -> io::Result<()> {
        let Some(end) = self.end else {
            self.target.write_all(part)?;
            return self.target.flush();
        };
        let Target::File(file) = &self.target else { return Ok(()) };
        let closing = closing();
        let whole = [part, &closing].concat();
        file.write_all_at(&whole, end)?;
        let old_end = end + self.closing_len;
        let new_end = end + whole.len() as u64;
        if new_end < old_end {
            file.set_len(new_end)?;
        }
        self.end = Some(end + part.len() as u64);
        self.closing_len = closing.len() as u64;
        Ok(())
    }

    /// The last part.
    ///
    /// # Errors
    /// What writing gives.
    pub fn finish(&mut self, part: &[u8]) -> io::Result<()> {
        self.add(part, Vec::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_whole_at_any_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut document = Document::new(Target::open(&path, false).unwrap());
        let read = || std::fs::read_to_string(&path).unwrap();
        document.add(b"<a>", || b"</a>".to_vec()).unwrap();
        assert_eq!(read(), "<a></a>");
        document.add(b"<b/>", || b"</a>".to_vec()).unwrap();
        assert_eq!(read(), "<a><b/></a>");
        document.finish(b"!").unwrap();
        assert_eq!(read(), "<a><b/>!");
        let mut more = Document::new(Target::open(&path, true).unwrap());
        more.finish(b"+").unwrap();
        assert_eq!(read(), "<a><b/>!+");
    }
}
