//! Our own libraries and scripts, inside the binary.

/// A file by its path below the data folder.
pub(crate) fn file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// Paths of all scripts.
pub(crate) fn scripts() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name).filter(|name| name.starts_with("scripts/"))
}

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../../", $path)))),*] };
}

const FILES: &[(&str, &str)] = files![
    "nselib/comm.lua",
    "nselib/datetime.lua",
    "nselib/http.lua",
    "nselib/match.lua",
    "nselib/shortport.lua",
    "nselib/stdnse.lua",
    "nselib/strict.lua",
    "nselib/stringaux.lua",
    "nselib/tableaux.lua",
    "nselib/url.lua",
    "scripts/banner.nse",
    "scripts/http-headers.nse",
    "scripts/http-server-header.nse",
    "scripts/http-title.nse",
];
