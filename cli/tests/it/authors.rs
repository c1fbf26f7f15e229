//! What authors of scripts use: documentation, the check, the first script, definitions for editors. On our own scripts
//! and libraries, and on an installed Nmap's.

use crate::folder::Folder;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const INSTALLED: [&str; 2] = ["--datadir", "/usr/share/nmap"];

fn script_in(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    command.arg("script").args(args).current_dir(folder).env_remove("NMAPDIR").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn script(args: &[&str]) -> Output {
    script_in(&std::env::temp_dir(), args)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a command that succeeds and complains of nothing.
#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success() && output.stderr.is_empty(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A data folder with one script and one library.
fn data_folder(folder: &Folder, script: &str, library: &str) -> String {
    for (below, name, text) in [("scripts", "told.nse", script), ("nselib", "tell.lua", library)] {
        std::fs::create_dir_all(folder.path().join(below)).expect("the folder can be made");
        folder.file(&format!("{below}/{name}"), text);
    }
    folder.path().to_string_lossy().into_owned()
}

// Documentation ------------------------------------------------------------------------------------------------------

#[test]
fn documentation_is_text() {
    let shown = good(&script(&["doc", "http-title"]));
    for part in [
        "http-title (script)\n  categories: default, discovery, safe\n  rules: portrule\n",
        "\nDescription\n  Shows the title of a web server's first page.\n",
        "\nArguments\n  http-title.url\n      The path to fetch. Default: /.\n",
        "\nUsage\n  perilune -p 80 --script http-title ",
        "\nOutput\n  PORT   STATE SERVICE\n  80/tcp open  http\n  |_http-title: Welcome\n",
        "\nStructured output\n  <elem key=\"title\">Sign in</elem>\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = good(&script(&["doc", "comm"]));
    for part in
        ["comm (library)\n", "  * bytes - read at least this many bytes.\n", "  get_banner (host, port, opts)\n"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    let missing = script(&["doc", "no-such-script"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("'no-such-script' is no script and no library"));
}

/// Pages below a folder, by their paths.
fn pages(folder: &Path) -> HashMap<PathBuf, String> {
    let mut pages = HashMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).expect("a page is UTF-8");
                pages.insert(path, text);
            }
        }
    }
    pages
}

fn attributes<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let opening = format!(" {name}=\"");
    let parts: Vec<&str> = page.split(&opening).skip(1).collect();
    parts.into_iter().filter_map(|rest| rest.split_once('"').map(|(value, _)| value))
}

/// Every link leads to a page and a place in it, or to the web; nothing is loaded; the only script is ours.
fn check_site(folder: &Path) -> usize {
    let pages = pages(folder);
    let places: HashMap<&PathBuf, HashSet<&str>> =
        pages.iter().map(|(path, page)| (path, attributes(page, "id").collect())).collect();
    for (path, page) in &pages {
        let at = path.display();
        assert_eq!(page.matches("<script").count(), 1, "{at}");
        assert!(["<img", "<link", "<iframe", "<object"].iter().all(|tag| !page.contains(tag)), "{at}");
        for link in attributes(page, "href").chain(attributes(page, "action")) {
            if link.starts_with("http://") || link.starts_with("https://") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let mut target = path.parent().expect("a page is in a folder").to_owned();
            for part in file.split('/').filter(|part| !part.is_empty()) {
                if part == ".." {
                    target.pop();
                } else {
                    target.push(part);
                }
            }
            let target = if file.is_empty() { path.clone() } else { target };
            let places = places.get(&target).unwrap_or_else(|| panic!("{at}: {link} leads nowhere"));
            assert!(place.is_empty() || places.contains(place), "{at}: {link} has no such place");
        }
    }
    pages.len()
}

#[test]
fn the_site_of_our_own_has_no_dead_link_and_can_be_searched() {
    let folder = Folder::new();
    let site = folder.path().join("site");
    good(&script(&["doc", "--html", &site.to_string_lossy()]));
    assert!(check_site(&site) > 300);
    // Opened in a browser with a search: what does not fit is hidden.
    let index = std::fs::read_to_string(site.join("index.html")).expect("there is an index");
    let probe = "<script>addEventListener('load', () => { \
        const rows = [...document.querySelectorAll('.list tr:not([hidden]) a')].map(a => a.textContent); \
        document.title = 'SEEN ' + document.getElementById('count').textContent + ';' + rows.join(',') + ' END'; \
        });</script></body>";
    std::fs::write(site.join("probe.html"), index.replace("</body>", probe)).expect("the page can be written");
    let address = format!("file://{}?q=exchange+BANNER", site.join("probe.html").display());
    let data = format!("--user-data-dir={}", folder.path().join("browser").display());
    let args = ["--headless", "--no-sandbox", "--disable-gpu", &data, "--dump-dom", &address];
    let shown = Command::new("chromium").args(args).stdin(Stdio::null()).output().expect("chromium must be installed");
    let dom = text(&shown.stdout);
    let seen = dom.split_once("<title>SEEN ").and_then(|(_, rest)| rest.split_once(" END")).map(|(seen, _)| seen);
    let seen = seen.unwrap_or_else(|| panic!("{dom}"));
    assert!(seen.starts_with("1 of ") && seen.ends_with(";comm"), "{seen}");
}

#[test]
fn an_installed_nmaps_documentation_is_written_without_an_error() {
    let folder = Folder::new();
    let site = folder.path().to_string_lossy().into_owned();
    let said = good(&script(&[&INSTALLED[..], &["doc", "--html", &site]].concat()));
    // 604 scripts, 130 libraries, an index, categories.
    let count: usize = said.split(' ').next().and_then(|count| count.parse().ok()).expect("it says how many");
    assert!(count > 740, "{said}");
    assert_eq!(check_site(folder.path()), count);
    let shown = good(&script(&[&INSTALLED[..], &["doc", "all"]].concat()));
    assert!(shown.matches(" (script)\n").count() >= 600 && shown.matches(" (library)\n").count() >= 120);
    assert!(!shown.contains('\x1b'));
}

#[test]
fn what_authors_write_stays_text() {
    const EVIL: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b]0;x\x07 \"'><b onclick=x>";
    let folder = Folder::new();
    let data = data_folder(
        &folder,
        &format!(
            "description = [[{EVIL}]]\n---\n-- {EVIL}\n-- @args {EVIL} {EVIL}\n-- @usage {EVIL}\n-- @see {EVIL}\n\
             -- @see javascript:alert(1)\n-- @output\n-- {EVIL}\nauthor = [[{EVIL}]]\nlicense = [[{EVIL}]]\n\
             categories = {{ [[{EVIL}]], '../../x' }}\ndependencies = {{ [[{EVIL}]] }}\n\
             portrule = 1 action = 1"
        ),
        &format!("--- {EVIL}\n\n--- {EVIL} <a href=\"javascript:x\">y</a>\n-- @param {EVIL}\nfunction f () end"),
    );
    let site = folder.path().join("site");
    good(&script(&["--datadir", &data, "doc", "--html", &site.to_string_lossy()]));
    check_site(&site);
    for (path, page) in pages(&site) {
        for bad in ["<img", "alert(1)</script>", "onclick=x>", "href=\"javascript", "\x1b"] {
            assert!(!page.contains(bad), "{}: {bad}", path.display());
        }
    }
    let shown = good(&script(&["--datadir", &data, "doc", "told", "tell"]));
    assert!(shown.contains("alert(1)") && !shown.contains(['\x1b', '\x07']), "{shown}");
}

// The check ----------------------------------------------------------------------------------------------------------

#[test]
fn our_own_scripts_and_libraries_pass_their_check() {
    let said = good(&script(&["check", "all"]));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains(" checked: 0 errors, "), "{said}");
}

/// Findings of a file, without its path.
fn findings(name: &str, source: &str) -> (Vec<String>, Option<i32>) {
    let folder = Folder::new();
    let path = folder.file(name, source);
    let output = script(&["check", &path]);
    let said = text(&output.stdout);
    let lines = said.lines().filter_map(|line| line.strip_prefix(&format!("{path}:")));
    (lines.map(str::to_owned).collect(), output.status.code())
}

#[test]
fn each_finding_has_a_line_and_a_reason() {
    let (found, status) = findings("bad.nse", "local a = 1 +");
    assert_eq!((found, status), (vec!["1: syntax: unexpected symbol near 'end'".to_owned()], Some(1)));
    let (found, status) = findings("bad.nse", "portrule = false\ncategories = { 'saf', 1 }\n");
    let expected = [
        "1: field-type: 'portrule' is a boolean, not a function",
        "1: warning: missing-doc: no @output shows what it prints",
        "1: warning: missing-doc: no @usage shows how it is run",
        "1: missing-field: the script has no 'action'",
        "1: missing-field: the script has no 'author'",
        "1: missing-field: the script has no 'description'",
        "1: missing-field: the script has no 'license'",
        "2: field-type: 'categories' holds a number, not only strings",
        "2: unknown-category: 'saf' is none of auth, broadcast, brute, default, discovery, dos, exploit, external, \
         fuzzer, intrusive, malware, safe, version, vuln",
    ];
    assert_eq!((found, status), (expected.map(str::to_owned).to_vec(), Some(1)));
    let (found, status) = findings(
        "bad.nse",
        "local http = require 'http'
        local comm = require 'comm'
        local missing = require 'no.such'
        description, author, license = 'x', 'x', 'x'
        categories, dependencies = { 'safe' }, { 'no-such' }
        --- @usage x
        -- @output x
        local first = http.get('127.0.0.1', 80, '/')
        local function ask() return nmap.new_socket():connect('127.0.0.1', 80) end
        ask()
        portrule = http.no_such
        action = function(host)
            counter = (counter or 0) + undeclared
            local unused = 1
            return missing, first, stdnse.get_script_args('bad.path')
        end",
    );
    let expected = [
        "2: warning: unused-require: library 'comm' is not used",
        "3: unknown-library: there is no library 'no.such'",
        "5: warning: unknown-dependency: there is no script 'no-such'",
        "8: blocking-at-load: 'http.get' is called while the file is loaded, where nothing can wait",
        "10: blocking-at-load: 'connect' is called while the file is loaded, where nothing can wait",
        "11: unknown-member: library 'http' has no 'no_such'",
        "13: warning: accidental-global: 'counter' is a global set in a function; is 'local' missing?",
        "13: undeclared-global: nothing gives 'undeclared' a value",
        "14: warning: unused-local: 'unused' is never read",
        "15: warning: missing-doc: no @args tells of 'bad.path'",
        "15: undeclared-global: nothing gives 'stdnse' a value",
    ];
    assert_eq!((found, status), (expected.map(str::to_owned).to_vec(), Some(1)));
}

#[test]
fn libraries_are_checked_and_warnings_alone_are_no_failure() {
    let (found, status) = findings(
        "lib.lua",
        "--- A library.
        local stdnse = require 'stdnse'
        _ENV = stdnse.module('lib', stdnse.seeall)
        --- F.
        -- @param a One.
        -- @param c None.
        function f (a, b) return _NAME, stdnse end
        function g () end
        return _ENV",
    );
    let expected = [
        "4: warning: missing-doc: no @param of 'f' tells of 'b'",
        "6: warning: unknown-param: 'f' has no parameter 'c'",
        "8: warning: missing-doc: nothing says what 'g' does",
    ];
    assert_eq!((found, status), (expected.map(str::to_owned).to_vec(), Some(0)));
    let (found, status) = findings("lib.lua", "--- A.\nx = 1\nlocal function f () y = 2 end\nreturn f");
    let expected = [
        "1: warning: missing-doc: nothing says what the library is for",
        "2: warning: leaked-global: 'x' becomes a global of all scripts",
        "3: undeclared-global: 'y' is assigned, but declared nowhere",
    ];
    assert_eq!((found, status), (expected.map(str::to_owned).to_vec(), Some(1)));
}

#[test]
fn findings_are_json_lines_if_asked() {
    let folder = Folder::new();
    let path = folder.file("bad.nse", "x =");
    let said = text(&script(&["check", "--json", &path]).stdout);
    let value: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    assert_eq!((&value["line"], &value["rule"], &value["severity"]), (&1.into(), &"syntax".into(), &"error".into()));
}

#[test]
fn an_installed_nmaps_scripts_can_be_checked() {
    let output = script(&[&INSTALLED[..], &["check", "all"]].concat());
    let said = text(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    let numbers: Vec<usize> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [checked, errors, _] = numbers[..] else { panic!("{last}") };
    assert!(checked >= 730, "{last}");
    // They run, so that hardly anything is an error; what is, was looked at.
    assert!(errors <= 30, "{said}");
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
}

// The first script ---------------------------------------------------------------------------------------------------

#[test]
fn a_new_script_passes_its_check_and_runs() {
    for (rule, shown) in [
        ("port", "|_first-port: hello, port "),
        ("host", "|_first-host: hello, 127.0.0.1"),
        ("prerule", "|_first-prerule: hello, world"),
        ("postrule", "|_first-postrule: hello, world"),
    ] {
        let folder = Folder::new();
        let name = format!("first-{rule}");
        good(&script_in(folder.path(), &["new", &name, "--rule", rule, "--category", "safe,default"]));
        let file = format!("{name}.nse");
        let said = good(&script_in(folder.path(), &["check", &file]));
        assert_eq!(said, "1 checked: 0 errors, 0 warnings\n");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port().to_string();
        let rules = format!("+./{file}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
        command.args(["-n", "-Pn", "-sT", "-p", &port, "--script", &rules, "127.0.0.1"]).current_dir(folder.path());
        let said = text(&command.stdin(Stdio::null()).output().expect("the binary runs").stdout);
        assert!(said.contains(shown), "{said}");
        let again = script_in(folder.path(), &["new", &name]);
        assert!(!again.status.success() && text(&again.stderr).contains("cannot write"), "{}", text(&again.stderr));
    }
    for (args, message) in [
        (["new", "A b"].as_slice(), "is no name of a script"),
        (&["new", "../x"], "is no name of a script"),
        (&["new", "http-title"], "there is a script 'http-title' already"),
        (&["new", "x", "--category", "saf"], "'saf' is no category"),
    ] {
        let output = script(args);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
}

// Definitions --------------------------------------------------------------------------------------------------------

#[test]
fn definitions_are_lua_and_settings_are_json() {
    let folder = Folder::new();
    let root = folder.path().to_string_lossy().into_owned();
    for data in [&[][..], &INSTALLED[..]] {
        good(&script(&[data, &["definitions", &root]].concat()));
        let entries = std::fs::read_dir(folder.path().join(".definitions")).expect("the folder is there");
        let files: Vec<String> = entries.flatten().map(|entry| entry.path().to_string_lossy().into_owned()).collect();
        assert!(files.len() > 120, "{}", files.len());
        // The reference reads them, too.
        let list: String = files.iter().map(|file| format!("assert(loadfile({file:?}))\n")).collect();
        let program = folder.file("read.lua", &list);
        let output = Command::new("lua5.4").arg(program).output().expect("lua5.4 must be installed");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let settings = std::fs::read_to_string(folder.path().join(".luarc.json")).expect("the settings are there");
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("they are JSON");
    assert_eq!(settings["workspace.library"], serde_json::json!([".definitions"]));
}

#[test]
fn files_inside_the_binary_can_be_fetched_and_read() {
    let folder = Folder::new();
    let script = folder.file(
        "reads.nse",
        "prerule = function() return true end
        action = function()
            local path = nmap.fetchfile('nselib/data/usernames.lst')
            local file = assert(io.open(path))
            local first, second, third = file:read('l', 'l', 'l')
            assert(file:seek('set', 0) == 0 and file:read('l') == first)
            file:close()
            local libraries = loadfile(nmap.fetchfile('nselib/data/tls_registry.lua'))()
            local written, message, code = io.open(path, 'w')
            local absent = { io.open('embedded:no/such') }
            return table.concat({ third, tostring(libraries.alerts.close_notify), message, code, absent[2], absent[3] }, '|')
        end",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    command.args(["--script", &script]).env_remove("NMAPDIR").current_dir(folder.path()).stdin(Stdio::null());
    let said = text(&command.output().expect("the binary runs").stdout);
    let path = "embedded:nselib/data/usernames.lst";
    let expected = format!("reads: root|0|{path}: Permission denied|13|embedded:no/such: No such file or directory|2");
    assert!(said.contains(&expected), "{said}");
}
