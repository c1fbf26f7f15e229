//! Our own libraries, scripts and data, inside the binary.

/// A file by its path below the data folder.
pub(crate) fn file(path: &str) -> Option<&'static [u8]> {
    FILES.binary_search_by_key(&path, |(name, _)| name).ok().map(|idx| FILES[idx].1)
}

/// Paths of all scripts.
pub(crate) fn scripts() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name).filter(|name| name.starts_with("scripts/"))
}

/// Paths of the files in a folder and below it, from there.
pub(crate) fn files(folder: &str) -> impl Iterator<Item = &'static str> {
    let inside = move |(path, _): &(&'static str, _)| path.strip_prefix(folder)?.strip_prefix('/');
    FILES.iter().filter_map(inside)
}

/// Sorted by path; the build script lists them.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
