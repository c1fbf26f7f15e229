//! `cargo xtask no-c`: shows that neither a C compiler nor a shared library is needed.
//!
//! Three checks: no package in the dependency tree compiles or binds C; the release build goes through with every C
//! tool replaced by `/bin/false` (rustc calls the linker `cc` by itself, not through `$CC`); the binary names no
//! program interpreter, so that it is static. An entry in `Cargo.lock` alone is no failure: inactive features list
//! packages there that are never built.

use crate::error::Error;
use crate::process;
use crate::workspace::{TARGET, Workspace};
use std::collections::BTreeSet;
use std::fs;

/// Packages that compile, find or bind C.
const C_TOOLS: [&str; 5] = ["cc", "cmake", "bindgen", "pkg-config", "nasm-rs"];
/// Packages whose names end in `-sys` although they hold plain declarations.
const PURE_SYS: [&str; 2] = ["linux-raw-sys", "windows-sys"];
/// Program header type of the path of the dynamic loader.
const PT_INTERP: u32 = 3;

/// Runs the three checks.
pub fn main(workspace: &Workspace, _: &[String]) -> Result<(), Error> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--workspace", "--all-features", "--target", TARGET, "--edges", "normal,build,dev"]);
    tree.args(["--prefix", "none", "--format", "{p}"]);
    let tree = process::output(&mut tree)?;
    let offenders = c_packages(&tree);
    if !offenders.is_empty() {
        let names: Vec<&str> = offenders.into_iter().collect();
        return Err(Error::Findings(format!("packages that bring C: {}", names.join(", "))));
    }
    let mut build = workspace.cargo();
    build.args(["build", "--release"]);
    process::run(build.env("CC", "/bin/false").env("CXX", "/bin/false").env("AR", "/bin/false"))?;
    let path = workspace.release_binary();
    let file = fs::read(&path).map_err(Error::at(&path))?;
    match has_interpreter(&file) {
        Some(false) => {
            println!("no C in the dependency tree or the build; {} is static", path.display());
            Ok(())
        }
        Some(true) => Err(Error::Findings(format!("{} is linked dynamically", path.display()))),
        None => Err(Error::Findings(format!("{} is not a 64-bit little-endian ELF file", path.display()))),
    }
}

/// The packages of `cargo tree`'s listing (`name vX.Y.Z …` a line) that bring C.
fn c_packages(tree: &str) -> BTreeSet<&str> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| C_TOOLS.contains(name) || name.ends_with("-sys") && !PURE_SYS.contains(name)).collect()
}

/// Whether an ELF file asks for a dynamic loader; `None` when it is no 64-bit little-endian ELF file.
fn has_interpreter(file: &[u8]) -> Option<bool> {
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    // Offsets from the ELF-64 specification: e_phoff, e_phentsize, e_phnum of the header, p_type of an entry.
    let table = usize::try_from(u64::from_le_bytes(field(file, 0x20)?)).ok()?;
    let entry_len = usize::from(u16::from_le_bytes(field(file, 0x36)?));
    let entry_count = usize::from(u16::from_le_bytes(field(file, 0x38)?));
    for idx in 0..entry_count {
        let at = table.checked_add(idx * entry_len)?;
        if u32::from_le_bytes(field(file, at)?) == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

fn field<const LEN: usize>(file: &[u8], at: usize) -> Option<[u8; LEN]> {
    file.get(at..at.checked_add(LEN)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file with program headers of these types right behind the header.
    fn elf(types: &[u32]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(0x40, 0);
        file[0x20] = 0x40;
        file[0x36] = 56;
        file[0x38] = types.len() as u8;
        for kind in types {
            file.extend_from_slice(&kind.to_le_bytes());
            file.resize(file.len() + 52, 0);
        }
        file
    }

    #[test]
    fn interpreter_of_an_elf_file() {
        let truncated = elf(&[1, 1])[..0x40].to_vec();
        let cases = [
            (elf(&[]), Some(false)),
            (elf(&[6, 1, 1, 2]), Some(false)),
            (elf(&[6, PT_INTERP, 1]), Some(true)),
            (truncated, None),
            (b"#!/bin/sh\n".to_vec(), None),
            (Vec::new(), None),
        ];
        for (file, expected) in cases {
            assert_eq!(has_interpreter(&file), expected, "{file:x?}");
        }
    }

    #[test]
    fn packages_that_bring_c() {
        let tree = "perilune-cli v0.1.0 (/x/cli)\nlibc v0.2.1\nlinux-raw-sys v0.1.0\n\n\
            zstd-sys v2.0.0\ncc v1.0.0 (*)\nccl v1.0.0\n";
        assert_eq!(c_packages(tree).into_iter().collect::<Vec<_>>(), ["cc", "zstd-sys"]);
    }
}
