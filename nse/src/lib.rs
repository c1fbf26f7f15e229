//! The scripting engine: loads `.nse` scripts and runs an instance of each for every host and port its rules accept.
//!
//! A script instance is a [`thread::Thread`], one task of the virtual machine. A blocking operation of a library parks
//! the task and leaves word in [`shared::Shared`] what it waits for; the [`scheduler`] moves threads between its queues
//! `running`, `waiting` and `pending`, and knows hosts, sockets and time only through [`perilune_scan::net::Network`].

#![forbid(unsafe_code)]

mod args;
mod bindings;
mod clock;
mod data;
mod embedded;
mod engine;
mod files;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod instance;
mod load;
mod resolve;
mod sched_trace;
mod scheduler;
mod script;
mod script_db;
mod select;
mod shared;
mod slots;
mod targets;
mod thread;
mod trace;
mod wait;
mod watch;

pub use bindings::preload_modules;
pub use data::DataFolders;
pub use engine::{Engine, EngineError, Phase};
pub use script::{Script, ScriptError};
pub use shared::{Channel, LinkLayer, Options, Printer};
pub use watch::{Stop, Watch};
