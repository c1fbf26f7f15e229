//! Lists our own libraries, scripts and their data for `embedded.rs`, so that adding a file needs no edit.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let mut paths = Vec::new();
    for folder in ["nselib", "scripts"] {
        collect(&root, PathBuf::from(folder), &mut paths);
    }
    paths.sort();
    let mut list = String::from("&[\n");
    for path in paths {
        let full = root.join(&path);
        writeln!(list, "    ({path:?}, include_bytes!({full:?})),").expect("a string takes all");
    }
    list.push(']');
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("files.rs"), list).expect("the output folder can be written");
}

/// Adds what belongs in the binary: libraries, scripts and everything below `nselib/data/`.
fn collect(root: &Path, folder: PathBuf, paths: &mut Vec<String>) {
    println!("cargo::rerun-if-changed={}", root.join(&folder).display());
    let entries = std::fs::read_dir(root.join(&folder)).expect("the folder can be read");
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        let text = path.to_str().expect("names are ASCII").to_owned();
        if entry.path().is_dir() {
            collect(root, path, paths);
        } else if text.starts_with("nselib/data/") || text.ends_with(".lua") || text.ends_with(".nse") {
            paths.push(text);
        }
    }
}
