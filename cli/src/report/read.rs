//! Logs read back: the events of a file in any format that holds them all.

use super::{Event, json, read_xml};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
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
    let mut events = json_events(&text);
    // A scan that was gone on with tells of what was stopped once more, and of its end.
    let last: HashMap<IpAddr, usize> = events
        .iter()
        .enumerate()
        .filter_map(|(idx, event)| if let Event::Host(host) = event { Some((host.address, idx)) } else { None })
        .collect();
    let count = events.len();
    let mut idx = 0..;
    events.retain(|event| {
        let idx = idx.next().unwrap_or(count);
        match event {
            Event::Host(host) if host.is_partial => last.get(&host.address) == Some(&idx),
            Event::End(_) => idx + 1 == count,
            _ => true,
        }
    });
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
