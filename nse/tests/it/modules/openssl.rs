//! `openssl`, also side by side with the C library through an installed Nmap (`apt-get install nmap`).

use super::machine::{file, golden, output, run};
use crate::support::Folder;
use std::process::Command;

/// Cases of one seed.
const CASES: usize = if cfg!(feature = "stress") { 400 } else { 10_000 };
const SEEDS: [u64; 2] = [3, 1_000_033];

#[test]
fn golden_vectors() {
    golden("openssl.lua");
}

fn ours(seed: u64) -> String {
    let generator = std::fs::read_to_string(file("openssl_cases.lua")).expect("the generator is there");
    let source = format!(
        "local lines = {{}}
        load(..., '=generated')({seed}, {CASES}, function(line) lines[#lines + 1] = line end)
        return table.concat(lines, '\\n')"
    );
    run(&source, "=ours", &generator).expect("the generator runs")
}

/// The same cases in a script that Nmap runs.
fn theirs(seed: u64) -> String {
    let folder = Folder::new();
    let out = folder.0.join("out");
    let script = folder.script(
        "cases.nse",
        &format!(
            "categories = {{ 'safe' }}
            prerule = function() return true end
            action = function()
                local out = assert(io.open({out:?}, 'w'))
                loadfile({:?})({seed}, {CASES}, function(line) out:write(line, '\\n') end)
                out:close()
            end",
            file("openssl_cases.lua")
        ),
    );
    let run = output(Command::new("nmap").arg("--script").arg(&script).current_dir(&folder.0));
    let text = std::fs::read_to_string(out);
    text.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&run.stdout)))
}

/// OpenSSL's texts without what Nmap leaves to chance: it reports the oldest error of the process, which may be that of
/// an earlier call.
fn without_reasons(line: &str) -> String {
    line.split(" / ")
        .map(|part| match part.find("OpenSSL error: ") {
            Some(at) => &part[..at + "OpenSSL error".len()],
            None => part.trim_end(),
        })
        .collect::<Vec<_>>()
        .join(" / ")
}

#[test]
fn generated_calls_answer_as_with_the_c_library() {
    for seed in SEEDS {
        let (ours, theirs) = (ours(seed), theirs(seed));
        assert_eq!(ours.lines().count(), CASES);
        assert_eq!(theirs.lines().count(), CASES);
        for (ours, theirs) in ours.lines().zip(theirs.lines()) {
            assert_eq!(without_reasons(ours), without_reasons(theirs), "seed {seed}");
        }
    }
}
