//! The parts of the command line that read scripts and libraries.

#[path = "../../../cli/src/scripts/facts.rs"]
pub mod facts;
#[path = "../../../cli/src/scripts/lexer.rs"]
pub mod lexer;
#[path = "../../../cli/src/scripts/markup.rs"]
pub mod markup;
#[path = "../../../cli/src/scripts/nsedoc.rs"]
pub mod nsedoc;
#[path = "../../../cli/src/scripts/reader.rs"]
pub mod reader;
