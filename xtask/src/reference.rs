//! `cargo xtask reference`: makes the interpreter whose behaviour is right by definition, with its official tests.
//!
//! PUC-Rio Lua 5.4.8 comes as part of the source package `lupa` 2.8 on PyPI, with the tests in `testes/`. Nothing of it
//! is ever committed; it lies in `.reference/`, which Git ignores. Names kept for older versions are there as in the
//! reference's default build (`LUA_COMPAT_5_3`). Debian's `lua5.4` is 5.4.4 and fails tests of its successor, so it is
//! not the oracle.

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The package and the folder its archive unpacks to.
const PACKAGE: &str = "lupa==2.8";
const UNPACKED: &str = "lupa-2.8";
/// What `lua -v` must begin with.
const VERSION: &str = "Lua 5.4.8 ";
/// Sources that are not part of the interpreter: the compiler's `main`, everything in one file, internal tests.
const NOT_COMPILED: [&str; 3] = ["luac.c", "onelua.c", "ltests.c"];

/// Where the reference lies.
#[derive(Debug)]
pub struct Reference {
    pub lua: PathBuf,
    pub testes: PathBuf,
}

/// Makes the reference if it is missing, and prints where it is.
pub fn main(workspace: &Workspace, _: &[String]) -> Result<(), Error> {
    println!("{}", ensure(workspace)?.lua.display());
    Ok(())
}

/// The reference, made first if it is missing.
pub fn ensure(workspace: &Workspace) -> Result<Reference, Error> {
    let folder = workspace.root.join(".reference");
    let home = folder.join("lua-5.4.8");
    let reference = Reference { lua: home.join("lua"), testes: home.join("testes") };
    // The interpreter is put in place last, so its presence says that the rest is there.
    if !reference.lua.exists() {
        let sources = unpack(&download(&folder.join("download"))?)?;
        fs::create_dir_all(&home).map_err(Error::at(&home))?;
        take_tests(&sources, &reference.testes)?;
        compile(&sources, &reference.lua)?;
    }
    Ok(reference)
}

/// Fetches the source package; answers the archive.
fn download(folder: &Path) -> Result<PathBuf, Error> {
    let mut pip = Command::new("python3");
    let present = pip.args(["-m", "pip", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !present.map_err(|error| process::cannot_start(&pip, error))?.success() {
        return Err(Error::Missing { program: "python3 -m pip".into(), package: "python3-pip" });
    }
    eprintln!("fetching {PACKAGE}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", PACKAGE, "--no-binary", "lupa", "--no-deps", "--quiet", "-d"]).arg(folder);
    pip.arg("--disable-pip-version-check");
    // pip asks the package for its metadata, and the package answers only after it has translated one module per
    // bundled Lua. Without the bundle there is one: 7 s instead of 50. The archive is the same.
    pip.env("LUPA_NO_BUNDLE", "true").stdout(Stdio::null());
    process::run(&mut pip)?;
    Ok(folder.join(format!("{UNPACKED}.tar.gz")))
}

/// Unpacks the archive beside itself; answers the folder with Lua's sources.
fn unpack(archive: &Path) -> Result<PathBuf, Error> {
    let folder = archive.parent().expect("the archive lies in the download folder");
    let lua = format!("{UNPACKED}/third-party/lua54");
    process::run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder).arg(&lua))?;
    Ok(folder.join(lua))
}

/// Moves the official tests to their place, in exchange for what an interrupted run may have left there.
fn take_tests(sources: &Path, place: &Path) -> Result<(), Error> {
    if place.exists() {
        fs::remove_dir_all(place).map_err(Error::at(place))?;
    }
    fs::rename(sources.join("testes"), place).map_err(Error::at(place))
}

/// Compiles the interpreter to a neighbour of `lua`, tries it, and moves it there.
fn compile(sources: &Path, lua: &Path) -> Result<(), Error> {
    eprintln!("compiling {}", VERSION.trim_end());
    let made = lua.with_extension("new");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-std=gnu99", "-DLUA_USE_LINUX", "-DLUA_COMPAT_5_3", "-o"]).arg(&made);
    gcc.args(c_files(sources)?).args(["-Wl,-E", "-lm", "-ldl"]);
    process::run(&mut gcc)?;
    let version = process::output(Command::new(&made).arg("-v"))?;
    if !version.starts_with(VERSION) {
        return Err(Error::Findings(format!("{PACKAGE} does not hold {}but {version}", VERSION)));
    }
    fs::rename(&made, lua).map_err(Error::at(lua))
}

fn c_files(sources: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(sources).map_err(Error::at(sources))? {
        let path = entry.map_err(Error::at(sources))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".c") && !NOT_COMPILED.contains(&name) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
