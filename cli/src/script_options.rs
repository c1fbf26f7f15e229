//! The options that concern scripts alone.

use crate::options::milliseconds;
use clap::Args;
use std::path::PathBuf;

/// Heading of the help.
const HEADING: &str = "Scripts";

#[derive(Args, Clone, Default, Debug)]
#[command(next_help_heading = HEADING)]
pub struct ScriptOptions {
    /// Run scripts: names, paths, categories
    #[arg(long, value_name = "RULES")]
    pub script: Vec<String>,
    /// Run the scripts of category "default" (-sC)
    #[arg(long)]
    pub default_scripts: bool,
    /// Arguments of scripts: name=value,flag,table={a=1}
    #[arg(long, value_name = "ARGS")]
    pub script_args: Option<String>,
    /// End a script that runs longer: 500ms, 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    pub script_timeout: Option<u64>,
    /// Folder with scripts/, nselib/ and data files to be looked at first
    #[arg(long, value_name = "DIR")]
    pub datadir: Vec<PathBuf>,
}

impl ScriptOptions {
    /// Whether any scripts may run.
    pub fn are_wanted(&self) -> bool {
        self.default_scripts || !self.script.is_empty()
    }
}
