//! The programs that are timed, and how a machine is called on one.

use super::Vm;
use crate::error::Error;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which folder a program is from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Suite {
    Language,
    Modules,
}

#[derive(Debug)]
pub struct Program {
    pub name: String,
    pub suite: Suite,
    path: PathBuf,
}

impl Program {
    /// The program under a machine.
    pub fn under(&self, vm: &Vm) -> Command {
        let mut command = Command::new(&vm.command[0]);
        command.args(&vm.command[1..]).arg(&self.path).env("LUA_BENCH_VM", vm.command.join(" "));
        command
    }

    /// What the program is compared with: the machine, or the C original of a module.
    pub fn original(&self, vm: &Vm) -> Command {
        let python = self.path.with_extension("py");
        match self.suite {
            Suite::Language => {
                let mut command = self.under(vm);
                // Messages begin with this name.
                command.arg0("lua");
                command
            }
            Suite::Modules if python.exists() => {
                let mut command = Command::new("python3");
                command.arg(python);
                command
            }
            Suite::Modules => self.under(&Vm { name: String::new(), command: vec!["lua5.4".into()] }),
        }
    }
}

/// The programs below `benches`, by name; all of them when no names are given.
pub fn find(benches: &Path, names: &[String]) -> Result<Vec<Program>, Error> {
    let mut programs = Vec::new();
    for (folder, suite) in [("lua", Suite::Language), ("modules", Suite::Modules)] {
        let folder = benches.join(folder);
        let start = programs.len();
        for entry in fs::read_dir(&folder).map_err(Error::at(&folder))? {
            let path = entry.map_err(Error::at(&folder))?.path();
            if path.extension().is_some_and(|extension| extension == "lua") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                programs.push(Program { name, suite, path });
            }
        }
        programs[start..].sort_by(|a, b| a.name.cmp(&b.name));
    }
    if let Some(name) = names.iter().find(|name| programs.iter().all(|program| program.name != **name)) {
        return Err(Error::Usage(format!("no benchmark '{name}'")));
    }
    programs.retain(|program| names.is_empty() || names.contains(&program.name));
    Ok(programs)
}
