//! `lfs`, `bit`, `bin`, `nmapdb`, and where modules are found.

use super::machine::golden;
use crate::support::{Folder, results};
use perilune_nse::{DataFolders, Options};

#[test]
fn golden_vectors() {
    golden("small.lua");
}

/// Runs a script with data files; its output.
fn with_files(files: &[(&str, &str)], source: &str) -> String {
    let folder = Folder::new();
    for (name, text) in files {
        std::fs::create_dir_all(folder.0.join(name).parent().expect("files lie in folders")).expect("it can be made");
        std::fs::write(folder.0.join(name), text).expect("the file can be written");
    }
    let body = format!("portrule = function() return true end\naction = function(host, port)\n{source}\nend");
    let script = folder.script("test.nse", &body);
    let options = Options { data: DataFolders::of(vec![folder.0.clone()]), ..Options::default() };
    results(options, &[script], &[1]).join("\n")
}

const LOOK_UPS: &str = "local texts = {}
    local function note(...) texts[#texts + 1] = table.concat({ tostring((...)), select(2, ...) }, ' ') end
    note(nmapdb.getservbyport(80, 'tcp')) note(nmapdb.getservbyport(4, 'udp'))
    note(nmapdb.getprotbyname('tcp')) note(nmapdb.getprotbyname('TCP')) note(nmapdb.getprotbynum(132))
    note(nmapdb.mac2corp('00:0c:29:ab:cd:ef')) note(nmapdb.mac2corp('\\0\\12\\41\\171\\205\\239')) note(nmapdb.mac2corp('000C29'))
    note(select(2, pcall(nmapdb.mac2corp, '00-0c-29-ab-cd-ef')))
    note(select(2, pcall(nmapdb.getservbyport, 65536, 'tcp'))) note(select(2, pcall(nmapdb.getservbyport, 1, 'ip')))
    note(select(2, pcall(nmapdb.getprotbynum, 256)))
    return table.concat(texts, '|')";

#[test]
fn names_come_from_files_or_from_inside() {
    let errors = "Expected a 6-byte MAC address|Port number out of range|\
                  bad argument #2 to 'nmapdb.getservbyport' (invalid option 'ip')|Protocol number out of range";
    assert_eq!(with_files(&[], LOOK_UPS), format!("0 test: http|nil|6|nil|sctp|nil|nil|nil|{errors}"));
    let files = [
        ("nmap-services", "web 80/tcp 0.5\nfour 4/udp 0.1 # comment\n"),
        ("nmap-protocols", "tcp 66 TCP\nother 132\n"),
        ("nmap-mac-prefixes", "000C29 Maker\n000C29A Other Maker\n"),
    ];
    let expected = format!("0 test: web|four|66|nil|other|Other Maker|Other Maker|nil|{errors}");
    assert_eq!(with_files(&files, LOOK_UPS), expected);
}

#[test]
fn modules_are_globals_and_loaded() {
    let source = "local texts = {}
        for _, name in ipairs { 'lfs', 'lpeg', 'nmapdb', 'openssl', 'zlib' } do
            texts[#texts + 1] = tostring(require(name) == _G[name])
        end
        for _, name in ipairs { 'bin', 'bit', 'pcre' } do
            texts[#texts + 1] = type(require(name)) .. tostring(rawget(_G, name))
        end
        return table.concat(texts, ' ')";
    assert_eq!(with_files(&[], source), "0 test: true true true true true tablenil tablenil tablenil");
}

#[test]
fn library_files_go_before_modules_for_old_scripts_only() {
    let files = [("nselib/bit.lua", "return 'file'"), ("nselib/lpeg.lua", "return 'file'")];
    assert_eq!(with_files(&files, "return require 'bit' .. type(require 'lpeg')"), "0 test: filetable");
}
