//! `perilune script definitions`: files by which language servers complete and check scripts, in the LuaCATS notation.
//!
//! What is compiled into the engine is described by hand, in `docs/definitions/`; libraries by their documentation, and
//! whatever else is in them by its name and type, which the engine is asked for.

use super::known::Known;
use super::markup;
use super::nsedoc::Tag;
use super::page::{Entry, Kind, Page};
use crate::scan::Failure;
use perilune_nse::DataFolders;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Files written by hand.
const NATIVE: [(&str, &str); 13] = [
    ("bin", include_str!("../../../docs/definitions/bin.lua")),
    ("bit", include_str!("../../../docs/definitions/bit.lua")),
    ("lfs", include_str!("../../../docs/definitions/lfs.lua")),
    ("libssh2", include_str!("../../../docs/definitions/libssh2.lua")),
    ("lpeg", include_str!("../../../docs/definitions/lpeg.lua")),
    ("nmap", include_str!("../../../docs/definitions/nmap.lua")),
    ("nmap.dnet", include_str!("../../../docs/definitions/nmap.dnet.lua")),
    ("nmap.socket", include_str!("../../../docs/definitions/nmap.socket.lua")),
    ("nmapdb", include_str!("../../../docs/definitions/nmapdb.lua")),
    ("nse", include_str!("../../../docs/definitions/nse.lua")),
    ("openssl", include_str!("../../../docs/definitions/openssl.lua")),
    ("pcre", include_str!("../../../docs/definitions/pcre.lua")),
    ("zlib", include_str!("../../../docs/definitions/zlib.lua")),
];

/// Where the definitions lie, below the folder with the settings.
const FOLDER: &str = ".definitions";

const SETTINGS: &str = r#"{
  "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
  "runtime.version": "Lua 5.4",
  "runtime.extensions": [".nse"],
  "workspace.library": [".definitions"],
  "workspace.checkThirdParty": false,
  "diagnostics.disable": ["lowercase-global"]
}
"#;

/// Writes the definitions of all libraries and the settings of a language server; what to tell the user.
///
/// # Errors
/// When a file can't be written, or a library does not compile.
pub fn write(data: &DataFolders, folder: &Path) -> Result<String, Failure> {
    let of = |error| Failure::of(&format!("cannot write to {}", folder.display()), error);
    let below = folder.join(FOLDER);
    std::fs::create_dir_all(&below).map_err(of)?;
    let mut count = 0;
    for (name, text) in NATIVE {
        std::fs::write(below.join(format!("{name}.lua")), text).map_err(of)?;
        count += 1;
    }
    let mut known = Known::new(data)?;
    let (libraries, end) = Kind::Library.place();
    for name in data.names(libraries, end) {
        if NATIVE.iter().all(|(native, _)| *native != name) {
            let page = Page::load(data, Kind::Library, &name)?;
            std::fs::write(below.join(format!("{name}.lua")), library(&page, &mut known)).map_err(of)?;
            count += 1;
        }
    }
    let settings = folder.join(".luarc.json");
    let mut text = format!("{count} definitions are in {}.\n", below.display());
    if settings.exists() {
        let _ = writeln!(
            text,
            "{} is left as it is; it should name \"{FOLDER}\" in \"workspace.library\".",
            settings.display()
        );
    } else {
        std::fs::write(&settings, SETTINGS).map_err(of)?;
        let _ = writeln!(text, "{} has the settings for lua-language-server.", settings.display());
    }
    Ok(text)
}

/// The definitions of a library.
fn library(page: &Page, known: &mut Known) -> String {
    let mut out = format!("---@meta {}\n\n", page.name);
    comment(&mut out, &page.description);
    let _ = writeln!(out, "---@class {}lib\nlocal M = {{}}", identifier(&page.name));
    // Tables that were opened so far, and all names of the library itself.
    let (mut tables, mut names) = (BTreeSet::new(), BTreeSet::new());
    // Values first: a class has its fields after it was made.
    let (functions, values): (Vec<&Entry>, Vec<&Entry>) = page.items.iter().partition(|item| item.params.is_some());
    for item in values.into_iter().chain(functions) {
        let parts: Vec<&str> = item.name.split(['.', ':']).collect();
        if !parts.iter().all(|part| is_identifier(part)) {
            continue;
        }
        for depth in 1..parts.len() {
            let table = parts[..depth].join(".");
            if tables.insert(table.clone()) && names.insert(table.clone()) {
                let _ = writeln!(out, "\n---@class {}.{table}\nM.{table} = {{}}", identifier(&page.name));
            }
        }
        if names.insert(item.name.clone()) {
            out.push('\n');
            definition(&mut out, item);
        }
    }
    for (name, kind) in known.sorted_members(&page.name) {
        // What `stdnse.module` puts there is nobody's business.
        if !name.starts_with('_') && is_identifier(&name) && names.insert(name.clone()) {
            let kind = if kind == "nil" { "any" } else { &kind };
            let _ = writeln!(out, "\n---@type {kind}\nM.{name} = nil");
        }
    }
    out.push_str("\nreturn M\n");
    out
}

fn definition(out: &mut String, item: &Entry) {
    comment(out, &item.block.text);
    let Some(params) = &item.params else {
        let _ = writeln!(out, "---@type any\nM.{} = nil", item.name);
        return;
    };
    for param in params {
        let tag = item.block.tags("param").find(|tag| tag.subject.trim_end_matches([',', '?']) == param);
        let _ = writeln!(out, "---@param {}", param_of(param, tag));
    }
    let returns: Vec<&Tag> = item.block.tags("return").collect();
    for idx in 0..returns.len().max(item.results_max) {
        let text = returns.get(idx).map(|tag| format!(" # {}", one_line(&tag.text))).unwrap_or_default();
        let _ = writeln!(out, "---@return any{text}");
    }
    if item.block.tag("deprecated").is_some() {
        out.push_str("---@deprecated\n");
    }
    let params: Vec<&str> =
        params.iter().map(String::as_str).filter(|name| *name == "..." || is_identifier(name)).collect();
    let _ = writeln!(out, "function M.{} ({}) end", item.name, params.join(", "));
}

/// A parameter with its type, as far as its name tells, and what is said of it.
fn param_of(name: &str, tag: Option<&Tag>) -> String {
    /// Words by which authors say that a parameter may be left out.
    const OPTIONAL: [&str; 8] = ["optional", "default", "nil", "left out", "without", "if given", "if any", "omitted"];
    let text = tag.map(|tag| one_line(&tag.text)).unwrap_or_default();
    let small = text.to_lowercase();
    let may_be_left_out = name != "..." && (tag.is_none() || OPTIONAL.iter().any(|word| small.contains(word)));
    let kind = match name {
        "host" => "Host|string",
        "port" => "Port|number",
        "socket" | "sock" => "Socket",
        _ => "any",
    };
    let mark = if may_be_left_out { "?" } else { "" };
    format!("{name}{mark} {kind} {text}").trim_end().to_owned()
}

/// Text as a comment in front of a definition.
fn comment(out: &mut String, text: &str) {
    use markup::Part;
    let plain = |runs: &[markup::Run]| runs.iter().map(|run| run.text.as_str()).collect::<String>();
    for part in markup::read(text) {
        let lines = match part {
            Part::Paragraph(runs) => plain(&runs),
            Part::Item { runs, .. } => format!("* {}", plain(&runs)),
            Part::Lines(lines) => lines,
        };
        for line in lines.lines() {
            // An annotation would be one behind spaces, too.
            let line = line.trim_end().replace('@', "\u{ff20}");
            let _ = writeln!(out, "---{line}");
        }
        out.push_str("---\n");
    }
}

fn one_line(text: &str) -> String {
    markup::plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name for a class.
fn identifier(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "_")
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    starts && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) && !super::lexer::is_word(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is compiled in is described by hand: this is where a forgotten function shows.
    #[test]
    fn hand_written_definitions_have_all_that_is_compiled_in() {
        let mut known = Known::new(&DataFolders::default()).expect("the engine opens");
        for (library, text) in NATIVE.iter().filter(|(library, _)| !matches!(*library, "nse")) {
            let table = library.rsplit('.').next().unwrap_or_default();
            let text = if library.starts_with("nmap.") { NATIVE[5].1 } else { text };
            let table = if library.starts_with("nmap.") { format!("{table}lib") } else { table.to_owned() };
            let members = known.sorted_members(library);
            assert!(!members.is_empty(), "{library} loads");
            for (name, kind) in members {
                let forms =
                    [format!("function {table}.{name}("), format!("{table}.{name} ="), format!("---@field {name} ")];
                assert!(forms.iter().any(|form| text.contains(form)), "{library}.{name}, a {kind}");
            }
        }
    }

    #[test]
    fn each_function_of_a_library_is_defined() {
        let data = DataFolders::default();
        let mut known = Known::new(&data).expect("the engine opens");
        let mut count = 0;
        for name in data.names("nselib", ".lua") {
            let page = Page::load(&data, Kind::Library, &name).expect("the library compiles");
            let text = library(&page, &mut known);
            perilune_compiler::compile(text.as_bytes(), b"=definitions").expect("the definitions compile");
            for (member, _) in known.sorted_members(&name) {
                let forms = [format!("\nfunction M.{member} ("), format!("\nM.{member} = ")];
                let is_defined = member.starts_with('_') || forms.iter().any(|form| text.contains(form));
                assert!(is_defined || !is_identifier(&member), "{name}.{member}");
                count += 1;
            }
        }
        assert!(count > 1000, "{count} names");
    }

    #[test]
    fn texts_can_not_become_annotations() {
        let mut out = String::new();
        comment(&mut out, "@param x\n\n<pre>\n @return\n</pre>");
        assert!(!out.contains('@'), "{out}");
        let tag = |text: &str| Tag { name: "param".into(), subject: "x".into(), text: text.into(), line: 1 };
        assert_eq!(param_of("host", Some(&tag("a\n  b"))), "host Host|string a b");
        assert_eq!(param_of("x", Some(&tag("Optional."))), "x? any Optional.");
    }
}
