//! Finding out which hosts are up: with privilege by packets, neighbours by their link, else by connecting.

use crate::options::Options;
use crate::scan::Failure;
use crate::targets::Candidate;
use perilune_scan::discovery;
use perilune_scan::neighbour::{self, Neighbours};
use perilune_scan::net::Network;
use perilune_scan::port::{self, Protocols};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::raw::{Kind, Ping, Raw, RawOptions};
use perilune_scan::port_scan::{Method, PortScan};
use perilune_scan::result::{Host, HostState, Reason};
use perilune_scan::sys::raw::{self, Interface};
use perilune_scan::timing::Timing;
use perilune_scan::vendor::Vendors;

/// What discovery works with.
pub struct Discovery<'a> {
    pub options: &'a Options,
    pub timing: Timing,
    pub is_privileged: bool,
    pub base_port: u16,
    pub seed: u64,
    pub raw: RawOptions,
    pub traces_packets: bool,
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
    /// (`-Pn`) only neighbours are asked.
    ///
    /// # Errors
    /// Lists of ports that are wrong, probes that need privilege.
    pub fn rounds(&self, batch: &mut [Candidate], asks: bool) -> Result<Vec<Round>, Failure> {
        let pings = if self.is_privileged { pings(self.options)? } else { Vec::new() };
        let connect_ports = if self.is_privileged { Vec::new() } else { connect_ports(self.options)? };
        let interfaces = if self.is_privileged { raw::interfaces().map_err(no_packets)? } else { Vec::new() };
        let [mut near_v4, mut near_v6, mut others] = [const { Vec::new() }; 3];
        for (idx, Candidate { host, .. }) in batch.iter_mut().enumerate() {
            let near = neighbour::interface_of(&interfaces, host.address).is_some();
            if self.is_privileged && is_own(&interfaces, host) {
                if asks {
                    (host.state, host.reason) = (HostState::Up, Reason::LocalhostResponse);
                }
            } else if near && !self.options.disable_arp_ping {
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
                let mut method = Neighbours::open().map_err(no_packets)?;
                method.trace().set(self.traces_packets);
                let timing = Timing { initial_rtt_ms: self.timing.initial_rtt_ms.min(200), ..self.timing };
                discovery::ping(network, &mut method, &mut hosts, &[0], timing, stop);
                self.note_hardware(&mut hosts, &method);
            }
            Asked::ByPackets(pings) => {
                let indices: Vec<u16> = (0..pings.len() as u16).collect();
                let method = Raw::open(Kind::Ping(pings), None, self.base_port, self.seed, self.raw.clone());
                let mut method = method.map_err(no_packets)?;
                method.trace().set(self.traces_packets);
                discovery::ping(network, &mut method, &mut hosts, &indices, self.timing, stop);
            }
            Asked::ByConnecting(ports) => {
                let mut method = Connect::default();
                method.trace().set(self.traces_packets);
                discovery::ping(network, &mut method, &mut hosts, &ports, self.timing, stop);
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

    fn note_hardware(&self, hosts: &mut [Host], method: &Neighbours) {
        let text = self.options.data_file("nmap-mac-prefixes").and_then(|path| std::fs::read(path).ok());
        let vendors = Vendors::parse(&text.unwrap_or_default());
        for host in hosts {
            host.mac = method.macs.get(&host.address).copied();
            host.mac_vendor = host.mac.and_then(|mac| vendors.of(&mac)).map(str::to_owned);
        }
    }
}

/// Questions with privilege, before any port is left out.
fn all_pings(options: &Options) -> Result<Vec<Ping>, Failure> {
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
