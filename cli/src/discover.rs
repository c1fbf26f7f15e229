//! Finding out which hosts are up: with privilege by packets, neighbours by their link, else by connecting.

use crate::options::Options;
use crate::scan::Failure;
use crate::targets::Candidate;
use perilune_scan::discovery;
use perilune_scan::interface;
use perilune_scan::neighbour::{self, Neighbours};
use perilune_scan::net::Network;
use perilune_scan::port::{self, Protocols};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::raw::{Kind, Ping, Raw, RawOptions};
use perilune_scan::port_scan::{Method, PortScan};
use perilune_scan::result::{Host, HostState, Protocol, Reason};
use perilune_scan::sys::raw::{self, Interface};
use perilune_scan::timing::Timing;
use perilune_scan::vendor::Vendors;
use perilune_scan::zone;
use std::net::IpAddr;

/// What discovery works with.
pub struct Discovery<'a> {
    pub options: &'a Options,
    pub timing: Timing,
    pub is_privileged: bool,
    pub base_port: u16,
    pub seed: u64,
    pub raw: RawOptions,
    pub traces_packets: bool,
    /// Raw packets go to hosts that are up: neighbours are asked for even when hosts are not.
    pub has_raw_scan: bool,
}

/// Hosts that are asked together.
#[derive(Debug)]
pub struct Round {
    /// For the screen.
    pub name: &'static str,
    /// Indices into the batch.
    pub which: Vec<usize>,
    asked: Asked,
}

/// How hosts are asked.
#[derive(Debug)]
enum Asked {
    /// For their hardware address.
    OnTheLink,
    ByPackets(Vec<Ping>),
    /// On these ports.
    ByConnecting(Vec<u16>),
}

impl Round {
    /// How many probes a host gets.
    pub fn probe_count(&self) -> usize {
        match &self.asked {
            Asked::OnTheLink => 1,
            Asked::ByPackets(pings) => pings.len(),
            Asked::ByConnecting(ports) => ports.len(),
        }
    }
}

impl Discovery<'_> {
    /// Which hosts are asked how, in the order of the rounds. Those that need no asking are up then; without `asks`
    /// (`-Pn`) neighbours alone are asked, for a raw scan.
    ///
    /// # Errors
    /// Lists of ports that are wrong, probes that need privilege.
    pub fn rounds(&self, batch: &mut [Candidate], asks: bool) -> Result<Vec<Round>, Failure> {
        let pings = if self.is_privileged { pings(self.options)? } else { Vec::new() };
        let connect_ports = if self.is_privileged { Vec::new() } else { connect_ports(self.options)? };
        let interfaces = if self.is_privileged { raw::interfaces().map_err(no_packets)? } else { Vec::new() };
        let links = self.links(&interfaces);
        let asks_links = (asks || self.has_raw_scan) && !self.options.disable_arp_ping && !self.options.send_ip;
        let [mut near_v4, mut near_v6, mut others] = [const { Vec::new() }; 3];
        for (idx, Candidate { host, .. }) in batch.iter_mut().enumerate() {
            if self.is_privileged && is_own(&interfaces, host) {
                if asks {
                    (host.state, host.reason) = (HostState::Up, Reason::LocalhostResponse);
                }
            } else if asks_links && is_near(&links, host) {
                if host.address.is_ipv4() { near_v4.push(idx) } else { near_v6.push(idx) }
            } else if asks {
                others.push(idx);
            }
        }
        let asked = if self.is_privileged { Asked::ByPackets(pings) } else { Asked::ByConnecting(connect_ports) };
        let rounds = [
            Round { name: "ARP Ping Scan", which: near_v4, asked: Asked::OnTheLink },
            Round { name: "ND Ping Scan", which: near_v6, asked: Asked::OnTheLink },
            Round { name: "Ping Scan", which: others, asked },
        ];
        Ok(rounds.into_iter().filter(|round| !round.which.is_empty()).collect())
    }

    /// Asks the hosts of a round, and sets their states.
    ///
    /// # Errors
    /// A system that gives no sockets.
    pub fn run(
        &self,
        network: &mut dyn Network,
        batch: &mut [Candidate],
        round: Round,
        stop: impl FnMut(&mut PortScan<'_>) -> bool,
    ) -> Result<(), Failure> {
        let mut hosts: Vec<Host> = round.which.iter().map(|&idx| batch[idx].host.clone()).collect();
        match round.asked {
            Asked::OnTheLink => {
                let links = self.links(&raw::interfaces().map_err(no_packets)?);
                let mut method = Neighbours::open(links.clone()).map_err(no_packets)?;
                method.trace().set(self.traces_packets);
                discovery::ping(network, &mut method, &mut hosts, &[0], timing_on_links(self.timing), stop);
                self.note_hardware(&mut hosts, &method);
                note_links(&links, &hosts);
            }
            Asked::ByPackets(pings) => {
                let indices: Vec<u16> = (0..pings.len() as u16).collect();
                let kind = Kind::Ping(pings.clone());
                let method = Raw::open(kind, None, self.base_port, self.seed, self.raw.clone());
                let mut method = method.map_err(no_packets)?;
                method.trace().set(self.traces_packets);
                let seen = discovery::ping(network, &mut method, &mut hosts, &indices, self.timing, stop);
                for (host, idx) in hosts.iter_mut().zip(seen) {
                    host.seen_by = idx.and_then(|idx| port_of(pings.get(usize::from(idx))?));
                }
            }
            Asked::ByConnecting(ports) => {
                let mut method = Connect::default();
                method.trace().set(self.traces_packets);
                let seen = discovery::ping(network, &mut method, &mut hosts, &ports, self.timing, stop);
                for (host, port) in hosts.iter_mut().zip(seen) {
                    host.seen_by = port.map(|port| (Protocol::Tcp, port));
                }
            }
        }
        for (idx, mut host) in round.which.into_iter().zip(hosts) {
            if self.options.discovery_ignore_rst && matches!(host.reason, Reason::ConnRefused | Reason::Reset) {
                host.state = HostState::Down;
            }
            batch[idx].host = host;
        }
        Ok(())
    }

    /// The interfaces that neighbours are asked on: all, or the one that was chosen.
    fn links(&self, interfaces: &[Interface]) -> Vec<Interface> {
        let is_chosen = |it: &&Interface| self.raw.interface.as_ref().is_none_or(|name| it.name == *name);
        interfaces.iter().filter(is_chosen).cloned().collect()
    }

    fn note_hardware(&self, hosts: &mut [Host], method: &Neighbours) {
        let vendors = vendors(self.options);
        for host in hosts {
            host.mac = method.macs.get(&host.address).copied();
            host.mac_vendor = host.mac.and_then(|mac| vendors.of(&mac)).map(str::to_owned);
        }
    }
}

/// Neighbours answer fast.
fn timing_on_links(timing: Timing) -> Timing {
    Timing { initial_rtt_ms: timing.initial_rtt_ms.min(200), ..timing }
}

/// The port that a question is about.
fn port_of(ping: &Ping) -> Option<(Protocol, u16)> {
    match *ping {
        Ping::Syn(port) | Ping::Ack(port) => Some((Protocol::Tcp, port)),
        Ping::Udp(port) => Some((Protocol::Udp, port)),
        Ping::Echo | Ping::Timestamp | Ping::Mask => None,
    }
}

/// Questions with privilege, before any port is left out.
fn all_pings(options: &Options) -> Result<Vec<Ping>, Failure> {
    if options.ipv6 && (options.ping_timestamp || options.ping_mask) {
        return Err(Failure("-PP and -PM ask IPv4 hosts only".to_owned()));
    }
    let mut pings = Vec::new();
    if options.ping_echo {
        pings.push(Ping::Echo);
    }
    pings.extend(ports(options.ping_syn.as_deref(), false)?.into_iter().map(Ping::Syn));
    pings.extend(ports(options.ping_ack.as_deref(), false)?.into_iter().map(Ping::Ack));
    if options.ping_timestamp {
        pings.push(Ping::Timestamp);
    }
    pings.extend(ports(options.ping_udp.as_deref(), true)?.into_iter().map(Ping::Udp));
    if options.ping_mask {
        pings.push(Ping::Mask);
    }
    if pings.is_empty() {
        pings = vec![Ping::Echo, Ping::Syn(443), Ping::Ack(80), Ping::Timestamp];
    }
    Ok(pings)
}

/// The same without the ports of `--exclude-ports`.
fn pings(options: &Options) -> Result<Vec<Ping>, Failure> {
    let (mut pings, excluded) = (all_pings(options)?, options.exclude_ports.as_deref());
    let (tcp, udp) = (ports(excluded, false)?, ports(excluded, true)?);
    pings.retain(|ping| match ping {
        Ping::Syn(port) | Ping::Ack(port) => !tcp.contains(port),
        Ping::Udp(port) => !udp.contains(port),
        Ping::Echo | Ping::Timestamp | Ping::Mask => true,
    });
    Ok(pings)
}

/// Ports that are connected to without privilege, before any is left out.
fn all_connect_ports(options: &Options) -> Result<Vec<u16>, Failure> {
    if options.ping_udp.is_some() {
        return Err(Failure("-PU needs the privilege to send raw packets".to_owned()));
    }
    let mut found = ports(options.ping_syn.as_deref(), false)?;
    found.extend(ports(options.ping_ack.as_deref(), false)?);
    if options.ping_echo || options.ping_timestamp || options.ping_mask {
        found.push(80);
    }
    found.sort_unstable();
    found.dedup();
    Ok(if found.is_empty() { discovery::CONNECT_PORTS.to_vec() } else { found })
}

/// The same without the ports of `--exclude-ports`.
fn connect_ports(options: &Options) -> Result<Vec<u16>, Failure> {
    let excluded = ports(options.exclude_ports.as_deref(), false)?;
    Ok(all_connect_ports(options)?.into_iter().filter(|port| !excluded.contains(port)).collect())
}

/// Whether `--exclude-ports` leaves none of the TCP ports that were to show whether hosts are up.
pub fn loses_tcp(options: &Options, is_privileged: bool) -> bool {
    let Ok(excluded) = ports(options.exclude_ports.as_deref(), false) else { return false };
    let of_ping = |ping: &Ping| match ping {
        Ping::Syn(port) | Ping::Ack(port) => Some(*port),
        _ => None,
    };
    let asked: Vec<u16> = if is_privileged {
        all_pings(options).unwrap_or_default().iter().filter_map(of_ping).collect()
    } else {
        all_connect_ports(options).unwrap_or_default()
    };
    let asks = !options.skip_discovery && !options.list_scan;
    asks && !asked.is_empty() && asked.iter().all(|port| excluded.contains(port))
}

fn vendors(options: &Options) -> Vendors {
    let text = options.data_file("nmap-mac-prefixes").and_then(|path| std::fs::read(path).ok());
    Vendors::parse(&text.unwrap_or_default())
}

/// Hardware addresses of neighbours that were not asked for theirs: the system has learned those of IPv4 for our
/// packets and tells them; the others are asked now.
pub fn learned_hardware(network: &mut dyn Network, options: &Options, timing: Timing, hosts: &mut [Host]) {
    let interfaces = raw::interfaces().unwrap_or_default();
    let is_near = |host: &&mut Host| host.mac.is_none() && neighbour::interface_of(&interfaces, host.address).is_some();
    let mut near: Vec<&mut Host> = hosts.iter_mut().filter(is_near).collect();
    if near.is_empty() {
        return;
    }
    for host in &mut near {
        host.mac = interface::next_hop_mac(host.address);
    }
    let mut unknown: Vec<Host> = near.iter().filter(|host| host.mac.is_none()).map(|host| (**host).clone()).collect();
    if !unknown.is_empty()
        && let Ok(mut method) = Neighbours::open(interfaces.clone())
    {
        let stop = |_: &mut PortScan<'_>| crate::interrupt::count() > 0;
        discovery::ping(network, &mut method, &mut unknown, &[0], timing_on_links(timing), stop);
        for host in near.iter_mut().filter(|host| host.mac.is_none()) {
            host.mac = method.macs.get(&host.address).copied();
        }
    }
    let vendors = vendors(options);
    for host in near {
        host.mac_vendor = host.mac.and_then(|mac| vendors.of(&mac)).map(str::to_owned);
    }
}

/// Notes where link-local neighbours without a zone answered: on the first link that their address fits.
fn note_links(interfaces: &[Interface], hosts: &[Host]) {
    for host in hosts.iter().filter(|host| host.state == HostState::Up) {
        if let (Some(link), IpAddr::V6(address)) = (neighbour::interface_of(interfaces, host.address), host.address)
            && address.is_unicast_link_local()
        {
            zone::note(address, address, link.index);
        }
    }
}

/// Whether a host is on a link of ours.
fn is_near(interfaces: &[Interface], host: &Host) -> bool {
    neighbour::interface_of(interfaces, host.address).is_some()
}

/// Whether a host is this machine.
fn is_own(interfaces: &[Interface], host: &Host) -> bool {
    host.address.is_loopback() || interfaces.iter().any(|it| it.address == host.address)
}

fn no_packets(error: std::io::Error) -> Failure {
    Failure::of("no raw packets", error)
}

fn ports(list: Option<&str>, udp: bool) -> Result<Vec<u16>, Failure> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let protocols = Protocols { tcp: !udp, udp, ..Protocols::default() };
    let chosen = port::parse(list, protocols).map_err(|error| Failure(error.to_string()))?;
    Ok(if udp { chosen.ports.udp } else { chosen.ports.tcp })
}
