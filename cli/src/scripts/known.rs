//! What the engine knows: its globals, and what is in each library.

use crate::scan::Failure;
use perilune_nse::{DataFolders, Engine, Options, Printer};
use perilune_scan::real::RealNetwork;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// An engine that runs no script, and what it answered.
#[derive(Debug)]
pub struct Known {
    engine: Engine,
    data: DataFolders,
    globals: HashSet<String>,
    scripts: HashSet<String>,
    /// Names in libraries; none for those that do not load.
    members: HashMap<String, Option<HashMap<String, String>>>,
}

impl Known {
    /// Opens an engine.
    ///
    /// # Errors
    /// When the system has no poller, or a library of the engine's own does not load.
    pub fn new(data: &DataFolders) -> Result<Known, Failure> {
        let network = RealNetwork::new().map_err(|error| Failure::of("cannot open the network", error))?;
        // Libraries that do not load say so where they are asked for.
        let printer = Printer(Some(Rc::new(|_, _| {})));
        let options = Options { data: data.clone(), printer, ..Options::default() };
        let mut engine = Engine::new(options, Box::new(network)).map_err(|error| Failure(error.to_string()))?;
        let globals = engine.members(None).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        let scripts = data.names("scripts", ".nse").into_iter().collect();
        Ok(Known { engine, data: data.clone(), globals, scripts, members: HashMap::new() })
    }

    pub fn has_global(&self, name: &str) -> bool {
        self.globals.contains(name)
    }

    pub fn has_script(&self, name: &str) -> bool {
        self.scripts.contains(name)
    }

    /// Whether `require` finds a library.
    pub fn has_library(&mut self, name: &str) -> bool {
        let is_file = matches!(self.data.source(&format!("nselib/{}.lua", name.replace('.', "/"))), Ok(Some(_)));
        is_file || self.members(name).is_some()
    }

    /// Names in a library and their types; none if it does not load.
    pub fn members(&mut self, library: &str) -> Option<&HashMap<String, String>> {
        if !self.members.contains_key(library) {
            let members = self.engine.members(Some(library)).map(|members| members.into_iter().collect());
            self.members.insert(library.to_owned(), members);
        }
        self.members[library].as_ref()
    }

    /// The same in the order of the names; empty for what does not load.
    pub fn sorted_members(&mut self, library: &str) -> Vec<(String, String)> {
        let members = self.members(library).into_iter().flatten();
        let mut members: Vec<_> = members.map(|(name, kind)| (name.clone(), kind.clone())).collect();
        members.sort();
        members
    }

    /// Whether there is such a name in a library.
    pub fn has_member(&mut self, library: &str, name: &str) -> bool {
        self.members(library).is_some_and(|members| members.contains_key(name))
    }

    /// Whether a library is known, and a name is not in it. An empty one is none: it makes its names when asked.
    pub fn lacks(&mut self, library: &str, name: &str) -> bool {
        if self.globals.contains(name) || library == "_G" {
            return false;
        }
        self.members(library).is_some_and(|members| !members.is_empty() && !members.contains_key(name))
    }
}
