//! The binary, side by side with the reference interpreter.

mod authors;
mod certificates;
mod completions;
mod daemons;
mod errors;
mod folder;
mod interpreter;
mod interrupted;
mod official;
mod options;
mod programs;
mod proxies;
mod raw;
mod readers;
mod reference;
mod scan;
mod scripts;
mod targets;
mod tls;
mod versions;
