//! Logs read back: the events of a file in any format that holds them all.

use super::{Event, json, read_xml};
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file could not be read.
#[derive(Debug)]
pub struct ReadError {
    pub path: PathBuf,
    pub reason: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for ReadError {}

/// Formats that hold everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Json,
    Xml,
}

/// The events of a file, XML or lines of JSON.
///
/// # Errors
/// The file can't be read, or is neither.
pub fn events(path: &Path) -> Result<(Format, Vec<Event>), ReadError> {
    let wrong = |reason: String| ReadError { path: path.to_owned(), reason };
    let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    if text.trim_ascii_start().starts_with(b"<") {
        return read_xml::events(&text).map(|events| (Format::Xml, events)).map_err(wrong);
    }
    let events = json_events(&text);
    match events.first() {
        Some(Event::Start(_)) => Ok((Format::Json, events)),
        _ => Err(wrong("it is neither XML nor lines of JSON of a scan".to_owned())),
    }
}

/// The events of whole lines; a last line that was cut off is left out, and so are events of a later schema.
pub fn json_events(text: &[u8]) -> Vec<Event> {
    let lines = text.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.filter_map(|line| json::from_json(&serde_json::from_slice(line).ok()?)).collect()
}
