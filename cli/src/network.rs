//! The real network as the command line wants it, for scans and scripts alike.

use crate::options::Options;
use crate::scan::Failure;
use perilune_scan::proxy;
use perilune_scan::real::{Limiter, RealNetwork};
use perilune_scan::target::Hosts;
use std::sync::{Arc, OnceLock};

/// One limiter for all networks of the process.
static LIMITER: OnceLock<Arc<Limiter>> = OnceLock::new();

/// A network with the rate of `--max-rate` and the proxies of `--proxies`.
///
/// # Errors
/// The system has no poll to give; a rate that is none; proxies that are none.
pub fn open(options: &Options) -> Result<RealNetwork, Failure> {
    let mut network = RealNetwork::new().map_err(|error| Failure::of("no sockets", error))?;
    network.set_way(options.source_address, options.interface.as_deref());
    if let Some(rate) = options.timing.max_rate {
        network.set_limiter(Some(Arc::clone(LIMITER.get_or_init(|| Arc::new(Limiter::new(rate))))));
    }
    if let Some(list) = &options.proxies {
        let names = Hosts::of_system().map_err(|error| Failure::of("cannot read the hosts file", error))?;
        let proxies = proxy::parse(list, |name| names.addresses(name).first().copied());
        network.set_proxies(proxies.map_err(|error| Failure(error.to_string()))?);
    }
    Ok(network)
}
