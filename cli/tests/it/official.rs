//! The official tests of Lua 5.4.8, unmodified and without their soft mode, each from their own folder.
//!
//! Each file runs with what it holds back from other systems, too; all in one run without, as `main.lua` would then
//! load modules made by a C compiler.

use crate::reference::testes;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one file may take; the stress build collects garbage all the time.
const TIME_LIMIT: Duration = Duration::from_secs(if cfg!(feature = "stress") { 1800 } else { 180 });

/// Runs arguments of the interpreter in a copy of the tests, since some write files next to themselves; a failure shows
/// the end of what was printed.
fn check(args: &[&str]) {
    let folder = tempfile::tempdir().expect("there is room for the tests");
    copy(&testes(), folder.path()).expect("the tests can be copied");
    let output = tempfile::tempfile().expect("there is room for what the tests print");
    let clone = || Stdio::from(output.try_clone().expect("a file can be shared"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_perilune"))
        .args(["lua", "-e", "_nomsg=true"])
        .args(args)
        .current_dir(folder.path())
        .env_remove("LUA_INIT")
        // One cannot seek in it, which is tried.
        .stdin(Stdio::piped())
        .stdout(clone())
        .stderr(clone())
        .spawn()
        .expect("the interpreter starts");
    let started_at = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the interpreter can be waited for") {
            break Some(status);
        }
        if started_at.elapsed() > TIME_LIMIT {
            child.kill().expect("the interpreter can be stopped");
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.is_some_and(|status| status.success()), "{args:?}: {status:?}\n{}", end_of(output));
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn end_of(mut output: File) -> String {
    let mut bytes = Vec::new();
    let len = output.metadata().map_or(0, |metadata| metadata.len());
    let read = output.seek(SeekFrom::Start(len.saturating_sub(2000))).and_then(|_| output.read_to_end(&mut bytes));
    read.expect("what the tests print can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

macro_rules! files {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(&[concat!(stringify!($name), ".lua")]);
            }
        )*
    };
}

files! {
    api attrib bitwise bwcoercion calls closure code constructs coroutine cstack db errors events files gc gengc goto
    literals locals math nextvar pm sort strings tpack utf8 vararg verybig
}

#[test]
fn big_inside_a_coroutine() {
    check(&["-e", "local f = coroutine.wrap(assert(loadfile('big.lua'))) assert(f() == 'b') assert(f() == 'a')"]);
}

#[test]
fn all_in_one_run() {
    check(&["-e", "_port=true", "all.lua"]);
}
