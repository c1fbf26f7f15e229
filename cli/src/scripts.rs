//! The engine as the command line asks for it.

use crate::options::Options;
use crate::scan::Failure;
use perilune_nse::Engine;

/// The engine with the scripts that were asked for; none when there are none.
pub fn engine(options: &Options) -> Result<Option<Engine>, Failure> {
    let scripts = &options.scripts;
    if !scripts.are_wanted() {
        return Ok(None);
    }
    let mut rules = scripts.script.clone();
    if scripts.default_scripts {
        rules.push("default".to_owned());
    }
    let network = crate::network::open(options)?;
    let engine_options = perilune_nse::Options {
        verbosity: options.verbose,
        debugging: options.debug,
        timing_level: options.timing,
        data_dirs: scripts.datadir.clone(),
        script_args: scripts.script_args.clone().unwrap_or_default(),
        script_timeout_ms: scripts.script_timeout.filter(|&timeout| timeout > 0),
        ..perilune_nse::Options::default()
    };
    let mut engine = Engine::new(engine_options, Box::new(network)).map_err(|error| Failure(error.to_string()))?;
    engine.select(&rules).map_err(|error| Failure(error.to_string()))?;
    Ok(Some(engine))
}
