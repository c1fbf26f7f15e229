//! `cargo xtask layout`: puts the functions that Lua programs use side by side in the binary, in `cli/layout.ld`.
//!
//! The system maps a binary in pieces of 64 KiB and more around each page that is touched. Where functions in use lie
//! scattered, most of the binary becomes resident; together they take a fraction. So the benchmarks run once under
//! `valgrind` (`apt-get install valgrind`), and the functions seen there go into a linker script, by patterns that
//! leave out what changes from build to build. A script that has grown old costs memory, nothing else.

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::process::{Command, Stdio};

/// Libraries whose objects are moved as a whole: they do not have a section for each function.
const ARCHIVES: [&str; 2] = ["libc.a", "libm.a"];
/// Functions with a version for each kind of processor, of which any may be the one in use.
const VERSIONED: [&str; 6] = ["mem", "rawmem", "str", "stpcpy", "wcs", "wmem"];

pub fn main(workspace: &Workspace, args: &[String]) -> Result<(), Error> {
    if !args.is_empty() {
        return Err(Error::Usage("'layout' takes no arguments".into()));
    }
    let symbols = symbols_in_use(workspace)?;
    let members = members()?;
    let (mut functions, mut objects) = (BTreeSet::new(), BTreeSet::new());
    for symbol in &symbols {
        match pattern(symbol) {
            // Where the compiler knows a function to be cold, its section says so.
            Some(pattern) => _ = functions.insert(format!("*(.text.{pattern} .text.unlikely.{pattern})")),
            None => match members.get(symbol.as_str()) {
                Some(member) => _ = objects.insert(format!("*{member}(.text .text.*)")),
                None => _ = functions.insert(format!("*(.text.{symbol})")),
            },
        }
    }
    let lines: Vec<String> = functions.into_iter().chain(objects).map(|line| format!("    {line}\n")).collect();
    let path = workspace.root.join("cli/layout.ld");
    let text = format!(
        "/* Functions that Lua programs use, side by side. Made by `cargo xtask layout`; see there. */\n\
         SECTIONS\n{{\n  .text.lua : {{\n{}  }}\n}}\nINSERT BEFORE .text;\n",
        lines.concat()
    );
    fs::write(&path, text).map_err(Error::at(&path))?;
    println!("{}: {} functions and objects", path.display(), lines.len());
    Ok(())
}

/// Names, as the linker has them, of the functions that ran.
fn symbols_in_use(workspace: &Workspace) -> Result<BTreeSet<String>, Error> {
    let binary = workspace.perilune()?;
    let folder = workspace.root.join("benches/lua");
    let mut programs = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Error::at(&folder))? {
        let path = entry.map_err(Error::at(&folder))?.path();
        // This one starts other processes.
        if path.extension().is_some_and(|extension| extension == "lua") && !path.ends_with("startup.lua") {
            programs.push(path);
        }
    }
    let out = workspace.target_dir.join("layout.callgrind");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--demangle=no", "--quiet"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(binary).arg("lua");
    process::output(valgrind.arg(workspace.root.join("benches/layout.lua")).args(programs))?;
    let text = fs::read_to_string(&out).map_err(Error::at(&out))?;
    Ok(names(&text))
}

/// Function names in callgrind's format: `fn=(ID) NAME` where one comes first, with a count behind `'` if it recurses.
fn names(text: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let named = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn="))?;
        let name = named.split_once(' ')?.1.split('\'').next()?;
        (!name.starts_with("0x") && !name.starts_with('(')).then(|| name.to_owned())
    };
    text.lines().filter_map(name).collect()
}

/// The name of a Rust function's section, with stars for hashes; none for other functions.
fn pattern(symbol: &str) -> Option<String> {
    let symbol = symbol.split(".llvm.").next()?;
    if symbol.starts_with("_ZN") {
        return Some(format!("{}17h*", symbol.rsplit_once("17h")?.0));
    }
    if !symbol.starts_with("_R") {
        return None;
    }
    // `Cs` and a base-62 number in front of `_` tell crates of one name apart.
    let mut parts = symbol.split("Cs");
    let mut pattern = parts.next()?.to_owned();
    for part in parts {
        match part.split_once('_') {
            Some((hash, rest)) if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                pattern.push_str("Cs*_");
                pattern.push_str(rest);
            }
            _ => {
                pattern.push_str("Cs");
                pattern.push_str(part);
            }
        }
    }
    Some(pattern)
}

/// The archive member that defines each function of the C library.
fn members() -> Result<HashMap<String, String>, Error> {
    let mut members = HashMap::new();
    for archive in ARCHIVES {
        let path = process::output(Command::new("cc").arg(format!("-print-file-name={archive}")))?;
        // A library may be a script that names the real ones.
        let text = fs::read(path.trim()).unwrap_or_default();
        let real = if text.starts_with(b"!<arch>") {
            vec![path.trim().to_owned()]
        } else {
            let text = String::from_utf8_lossy(&text).into_owned();
            text.split_whitespace().filter(|word| word.ends_with(".a")).map(String::from).collect()
        };
        for path in real {
            // Objects without symbols are complained of.
            let mut nm = Command::new("nm");
            let listing = nm.args(["-A", "--defined-only", &path]).stderr(Stdio::null()).output();
            let listing = listing.map_err(|error| process::cannot_start(&nm, error))?;
            members.extend(String::from_utf8_lossy(&listing.stdout).lines().filter_map(member));
        }
    }
    Ok(members)
}

/// `PATH/libc.a:malloc.o:0000 T malloc` as the symbol and `libc*.a:malloc.o`, the version of a processor left open.
fn member(line: &str) -> Option<(String, String)> {
    let (place, rest) = line.rsplit_once(':')?;
    let (path, object) = place.rsplit_once(':')?;
    let mut fields = rest.split_whitespace().rev();
    let (symbol, kind) = (fields.next()?, fields.next()?);
    if !matches!(kind, "T" | "t" | "W" | "w" | "i") {
        return None;
    }
    // The name may hold the library's version.
    let archive = path.rsplit('/').next()?.split(['-', '.']).next()?;
    let object = match object.split_once('-') {
        Some((stem, _)) if VERSIONED.iter().any(|prefix| stem.starts_with(prefix)) => format!("{stem}-*.o"),
        _ => object.to_owned(),
    };
    Some((symbol.to_owned(), format!("{archive}*.a:{object}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_without_ids_and_counts() {
        let text = "fn=(1) main\ncfn=(2) _ZN1a1f17h0123456789abcdefE'2\nfn=(2)\ncfn=(3) 0x0000\nfn=(4) (below main)\n";
        assert_eq!(names(text).into_iter().collect::<Vec<_>>(), ["_ZN1a1f17h0123456789abcdefE", "main"]);
    }

    #[test]
    fn patterns_leave_out_hashes() {
        assert_eq!(pattern("_ZN1a1f17h0123456789abcdefE.llvm.12"), Some("_ZN1a1f17h*".into()));
        assert_eq!(pattern("_RNvNtCsfLfy6EI15iL_4core3fmt5write"), Some("_RNvNtCs*_4core3fmt5write".into()));
        assert_eq!(pattern("malloc"), None);
    }

    #[test]
    fn members_of_archives() {
        let found = |line| member(line).map(|(symbol, member)| format!("{symbol} {member}"));
        assert_eq!(found("/usr/lib/libc.a:malloc.o:0000 T malloc"), Some("malloc libc*.a:malloc.o".into()));
        let versioned = "/usr/lib/libc.a:memmove-avx-unaligned-erms.o:0000 T __memmove_avx_unaligned";
        assert_eq!(found(versioned), Some("__memmove_avx_unaligned libc*.a:memmove-*.o".into()));
        assert_eq!(found("/usr/lib/libc.a:malloc.o:         U mmap"), None);
    }
}
