//! The options that concern scripts alone.

use crate::timing_options::milliseconds;
use clap::Args;
use std::path::PathBuf;

/// Heading of the help.
const HEADING: &str = "Scripts";

#[derive(Args, Clone, Default, Debug)]
#[command(next_help_heading = HEADING)]
pub struct ScriptOptions {
    /// Run scripts: names with *, paths, categories, expressions of them; + in front runs one without asking its rule
    #[arg(long, value_name = "RULES", allow_hyphen_values = true)]
    pub script: Vec<String>,
    /// Run the scripts of category "default" (-sC)
    #[arg(long)]
    pub default_scripts: bool,
    /// Arguments of scripts: name=value,flag,table={a=1}
    #[arg(long, value_name = "ARGS")]
    pub script_args: Option<String>,
    /// Take arguments of scripts from a file, too
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub script_args_file: Option<String>,
    /// Say what scripts do, in place of running them
    #[arg(long, value_name = "RULES")]
    pub script_help: Vec<String>,
    /// Make the list of scripts and their categories anew
    #[arg(long, hide_short_help = true)]
    pub script_updatedb: bool,
    /// Show what scripts send and receive
    #[arg(long)]
    pub script_trace: bool,
    /// End a script that runs longer: 500ms, 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    pub script_timeout: Option<u64>,
    /// End a script that computes longer, in calls and turns of loops
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub script_max_instructions: Option<u64>,
    /// Limit the memory of all scripts together, in megabytes [default: 1024]
    #[arg(long, value_name = "MB", hide_short_help = true)]
    pub script_max_memory: Option<usize>,
    /// Write the moves of script threads to a file; as a timeline for Perfetto if its name ends in .json
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub sched_trace: Option<PathBuf>,
    /// Folder of scripts to be looked at first
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub script_path: Vec<PathBuf>,
    /// Folder with scripts/, nselib/ and data files to be looked at first
    #[arg(long, value_name = "DIR")]
    pub datadir: Vec<PathBuf>,
}

impl ScriptOptions {
    /// Whether any scripts may run, or are to be told about.
    pub fn are_wanted(&self) -> bool {
        self.default_scripts || self.script_updatedb || !self.script.is_empty() || !self.script_help.is_empty()
    }
}
