//! What the fuzz targets in `fuzz/` call: what users write for `--script-args` and `--script`.

use crate::{args, select};

/// Arguments of scripts.
pub fn script_args(text: &str) {
    if let Some(joined) = args::join(Some(text), text) {
        let _ = args::parse(&joined);
    }
}

/// Rules that choose scripts.
pub fn script_rules(text: &str) {
    for item in select::items(&[text.to_owned()]).iter().take(100) {
        let _ = item.ask("http-title", &["default".to_owned(), "safe".to_owned()]);
    }
}
