//! The command line of the benchmarks.

use super::Vm;
use crate::error::Error;

/// Runs of each machine unless `--runs` says otherwise.
const RUNS: usize = 5;

/// What the command line asks for.
#[derive(PartialEq, Debug)]
pub struct Options {
    pub runs: usize,
    /// What the others are divided by, in place of the reference.
    pub versus: Option<Vm>,
    pub vms: Vec<Vm>,
    /// The figures are to be kept with the repository.
    pub store: bool,
    /// Empty: all.
    pub names: Vec<String>,
}

pub fn parse(args: &[String]) -> Result<Options, Error> {
    let mut options = Options { runs: RUNS, versus: None, vms: Vec::new(), store: false, names: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--runs" => {
                let runs = args.next().and_then(|count| count.parse().ok()).filter(|&count| count > 0);
                options.runs = runs.ok_or_else(|| usage("'--runs' needs a number above 0"))?;
            }
            "--vs" => {
                let path = args.next().ok_or_else(|| usage("'--vs' needs the path of a Lua interpreter"))?;
                options.versus = Some(Vm { name: file_name(path), command: vec![path.clone()] });
            }
            "--vm" => options.vms.push(
                args.next()
                    .and_then(|text| vm(text))
                    .ok_or_else(|| usage("'--vm' needs NAME=COMMAND, the command's words separated by spaces"))?,
            ),
            "--store" => options.store = true,
            _ if arg.starts_with('-') => return Err(usage(&format!("'bench' has no option '{arg}'"))),
            _ => options.names.push(arg.clone()),
        }
    }
    Ok(options)
}

fn usage(text: &str) -> Error {
    Error::Usage(text.into())
}

fn vm(text: &str) -> Option<Vm> {
    let (name, command) = text.split_once('=')?;
    let command: Vec<String> = command.split_whitespace().map(String::from).collect();
    (!name.is_empty() && !command.is_empty()).then(|| Vm { name: name.into(), command })
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        let args: Vec<String> = line.split_terminator(';').map(String::from).collect();
        parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn command_lines() {
        let plain = parsed("").unwrap();
        assert_eq!((plain.runs, plain.versus, plain.vms.len(), plain.names.len()), (RUNS, None, 0, 0));
        let options = parsed("fib;--runs;3;sort;--vs;/opt/lua;--vm;jit=luajit -joff;--store").unwrap();
        assert_eq!((options.runs, options.store, options.names), (3, true, vec!["fib".into(), "sort".into()]));
        assert_eq!(options.versus, Some(Vm { name: "lua".into(), command: vec!["/opt/lua".into()] }));
        assert_eq!(options.vms, [Vm { name: "jit".into(), command: vec!["luajit".into(), "-joff".into()] }]);
    }

    #[test]
    fn wrong_command_lines() {
        for (line, message) in [
            ("--runs;0", "'--runs' needs a number above 0"),
            ("--runs", "'--runs' needs a number above 0"),
            ("--vs", "'--vs' needs the path of a Lua interpreter"),
            ("--vm;luajit", "'--vm' needs NAME=COMMAND, the command's words separated by spaces"),
            ("--fast", "'bench' has no option '--fast'"),
        ] {
            assert_eq!(parsed(line), Err(message.into()));
        }
    }
}
