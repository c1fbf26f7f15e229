//! Completions in the shells they are for, and the manual page in its readers.

use std::process::{Command, Stdio};

/// Runs a shell with the completions in `COMPLETIONS` and the binary in its path; what it prints.
fn run(program: &str, shell: &str, args: &[&str]) -> String {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_perilune"));
    let folder = tempfile::tempdir().expect("a folder");
    let completions = Command::new(binary).args(["completions", shell]).output().expect("the binary starts");
    let file = folder.path().join("_perilune");
    std::fs::write(&file, completions.stdout).expect("it can be written");
    let path = format!("{}:{}", binary.parent().expect("a folder").display(), env!("PATH"));
    let output = Command::new(program)
        .args(args)
        .env("COMPLETIONS", file)
        .env("OUT", folder.path().join("out"))
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{program}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn bash_completes_options_scripts_and_files() {
    let script = r#"source "$COMPLETIONS"
t() { COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _perilune; echo "$*: ${COMPREPLY[*]}"; }
t perilune --version-l; t perilune -s; t perilune --script http-titl; t perilune --script = banner,http-titl
t perilune -oX /etc/passw; t perilune conv; t perilune -T 4"#;
    let expected = "perilune --version-l: --version-light\nperilune -s: -sL -sn -sT -sS -sU -sV -sC\n\
        perilune --script http-titl: http-title\nperilune --script = banner,http-titl: banner,http-title\n";
    let seen = run("bash", "bash", &["--norc", "-c", script]);
    assert!(seen.starts_with(expected), "{seen}");
    assert!(seen.contains("passw: /etc/passwd") && seen.ends_with("conv: convert\nperilune -T 4: \n"), "{seen}");
}

#[test]
fn fish_completes_options_scripts_and_files() {
    let script = r#"source "$COMPLETIONS"
for line in --version-l -sV '--script http-titl' '--script=banner,http-titl' '-oX /etc/passw' conv
    complete -C "perilune $line"
end"#;
    let seen = run("fish", "fish", &["--no-config", "-c", script]);
    let words: Vec<&str> = seen.lines().filter_map(|line| line.split('\t').next()).collect();
    let expected = ["--version-light", "-sV", "http-title", "--script=banner,http-title", "/etc/passwd", "convert"];
    assert_eq!(words.into_iter().filter(|word| *word != "/etc/passwd-").collect::<Vec<_>>(), expected, "{seen}");
}

/// Types lines into an interactive zsh, a tab behind each, and prints what they became.
const IN_ZSH: &str = r#"import os, pty, select, sys, time
out = os.environ['OUT']
pid, fd = pty.fork()
if pid == 0: os.execvp('zsh', ['zsh', '-f', '-i'])
def wait(count):
    end = time.time() + 20
    while time.time() < end and not (os.path.exists(out) and open(out).read().count('\n') >= count):
        if select.select([fd], [], [], 0.05)[0]: os.read(fd, 65536)
os.write(fd, b'autoload -Uz compinit; compinit -u -D; source $COMPLETIONS; dump() { print -r -- "$BUFFER" >> $OUT; BUFFER=; }; zle -N dump; bindkey "^X" dump; print READY > $OUT\n')
wait(1)
for number, line in enumerate(sys.argv[1:], 2):
    os.write(fd, b'perilune ' + line.encode() + b'\t\x18')
    wait(number)
print(open(out).read(), end='')
os.kill(pid, 9)"#;

#[test]
fn zsh_completes_options_scripts_and_files() {
    let lines = ["--version-l", "--script http-titl", "--script=banner,http-titl", "--html=/etc/hostn", "conv", "-T 4"];
    let seen = run("python3", "zsh", &[&["-c", IN_ZSH], &lines[..]].concat());
    let expected = "READY\nperilune --version-light \nperilune --script http-title\n\
        perilune --script=banner,http-title\nperilune --html=/etc/hostname \nperilune convert \nperilune -T 4\n";
    assert_eq!(seen, expected);
}

#[test]
fn the_manual_page_is_read_without_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = Command::new(env!("CARGO_BIN_EXE_perilune")).arg("man").output().expect("the binary starts").stdout;
    let file = folder.path().join("perilune.1");
    std::fs::write(&file, page).expect("it can be written");
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).arg(&file).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(said("mandoc", &["-T", "lint"]).0, "");
    assert_eq!(said("groff", &["-ww", "-man", "-T", "utf8"]).1, "");
    let (text, warnings) = said("man", &["--warnings", "-l"]);
    assert_eq!(warnings, "");
    for part in ["-sV, --version-detection", "-oX, --output-xml FILE", "--stats-every TIME", "EXIT STATUS"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}
