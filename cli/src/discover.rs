//! Finding out which hosts are up: with privilege by packets, neighbours by their link, else by connecting.

use crate::options::Options;
use crate::scan::Failure;
use crate::targets::Candidate;
use perilune_scan::discovery;
use perilune_scan::interface;
use perilune_scan::neighbour::{self, Neighbours};
use perilune_scan::net::Network;
use perilune_scan::port::{self, PortLists, Protocols};
use perilune_scan::port_scan::connect::Connect;
use perilune_scan::port_scan::raw::{Kind, Ping, Raw, RawOptions};
use perilune_scan::port_scan::{Method, PortScan};
use perilune_scan::result::{Host, HostState, Reason};
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

impl Discovery<'_> {
    /// What asking is called, and how many probes a host gets.
    ///
    /// # Errors
    /// Lists of ports that are wrong, probes that need privilege.
    pub fn task(&self, batch: &[Candidate]) -> Result<(&'static str, usize), Failure> {
        if !self.is_privileged {
            return Ok(("Ping Scan", self.connect_ports()?.len()));
        }
        let interfaces = raw::interfaces().unwrap_or_default();
        let mut hosts = batch.iter().map(|candidate| &candidate.host).filter(|host| !is_own(&interfaces, host));
        let asks_links = |host: &Host| self.asks_links(true) && is_near(&interfaces, host);
        Ok(match hosts.next().map(|host| host.address.is_ipv4()) {
            Some(true) if batch.iter().all(|candidate| asks_links(&candidate.host)) => ("ARP Ping Scan", 1),
            Some(false) if batch.iter().all(|candidate| asks_links(&candidate.host)) => ("ND Ping Scan", 1),
            _ => ("Ping Scan", self.pings()?.len()),
        })
    }

    /// Whether neighbours are asked on their link; `asks`: hosts are asked at all.
    fn asks_links(&self, asks: bool) -> bool {
        (asks || self.has_raw_scan) && !self.options.disable_arp_ping && !self.options.send_ip
    }

    /// Whether anything is sent: this machine itself is up without that.
    pub fn sends(&self, batch: &[Candidate], asks: bool) -> bool {
        if !self.is_privileged {
            return asks;
        }
        let interfaces = raw::interfaces().unwrap_or_default();
        batch.iter().any(|candidate| {
            let host = &candidate.host;
            !is_own(&interfaces, host) && (asks || (self.asks_links(asks) && is_near(&interfaces, host)))
        })
    }

    /// Sets the state of each host. Without `asks` (`-Pn`) neighbours alone are asked, for a raw scan.
    ///
    /// # Errors
    /// Those of [`Discovery::task`], and a system that gives no sockets.
    pub fn run(
        &self,
        network: &mut dyn Network,
        batch: &mut [Candidate],
        asks: bool,
        stop: impl FnMut(&mut PortScan<'_>) -> bool,
    ) -> Result<(), Failure> {
        let mut hosts: Vec<Host> = batch.iter().map(|candidate| candidate.host.clone()).collect();
        if self.is_privileged {
            self.by_packets(network, &mut hosts, asks, stop)?;
        } else if asks {
            let mut method = Connect::default();
            method.trace().set(self.traces_packets);
            discovery::ping(network, &mut method, &mut hosts, &self.connect_ports()?, self.timing, stop);
        }
        for (candidate, mut host) in batch.iter_mut().zip(hosts) {
            if self.options.discovery_ignore_rst && matches!(host.reason, Reason::ConnRefused | Reason::Reset) {
                host.state = HostState::Down;
            }
            candidate.host = host;
        }
        Ok(())
    }

    fn by_packets(
        &self,
        network: &mut dyn Network,
        hosts: &mut [Host],
        asks: bool,
        mut stop: impl FnMut(&mut PortScan<'_>) -> bool,
    ) -> Result<(), Failure> {
        let failed = |error| Failure::of("no raw packets", error);
        let interfaces = raw::interfaces().map_err(failed)?;
        let mut neighbours = Vec::new();
        let mut others = Vec::new();
        for (idx, host) in hosts.iter_mut().enumerate() {
            if is_own(&interfaces, host) {
                if asks {
                    (host.state, host.reason) = (HostState::Up, Reason::LocalhostResponse);
                }
            } else if self.asks_links(asks) && is_near(&interfaces, host) {
                neighbours.push(idx);
            } else if asks {
                others.push(idx);
            }
        }
        if !neighbours.is_empty() {
            let mut method = Neighbours::open().map_err(failed)?;
            method.trace().set(self.traces_packets);
            let timing = Timing { initial_rtt_ms: self.timing.initial_rtt_ms.min(200), ..self.timing };
            some(hosts, &neighbours, |group| {
                discovery::ping(network, &mut method, group, &[0], timing, &mut stop);
            });
            self.note_hardware(hosts, &neighbours, &method);
            note_links(&interfaces, hosts, &neighbours);
        }
        if !others.is_empty() {
            let pings = self.pings()?;
            let indices: Vec<u16> = (0..pings.len() as u16).collect();
            let method = Raw::open(Kind::Ping(pings), None, self.base_port, self.seed, self.raw.clone());
            let mut method = method.map_err(failed)?;
            method.trace().set(self.traces_packets);
            some(hosts, &others, |group| {
                discovery::ping(network, &mut method, group, &indices, self.timing, &mut stop);
            });
        }
        Ok(())
    }

    fn note_hardware(&self, hosts: &mut [Host], neighbours: &[usize], method: &Neighbours) {
        let vendors = vendors(self.options);
        for &idx in neighbours {
            let host = &mut hosts[idx];
            host.mac = method.macs.get(&host.address).copied();
            host.mac_vendor = host.mac.and_then(|mac| vendors.of(&mac)).map(str::to_owned);
        }
    }

    /// Questions with privilege.
    fn pings(&self) -> Result<Vec<Ping>, Failure> {
        let options = self.options;
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
        let spared = self.spared()?;
        pings.retain(|ping| match ping {
            Ping::Syn(port) | Ping::Ack(port) => !spared.tcp.contains(port),
            Ping::Udp(port) => !spared.udp.contains(port),
            Ping::Echo | Ping::Timestamp | Ping::Mask => true,
        });
        Ok(pings)
    }

    /// Ports that are connected to without privilege.
    fn connect_ports(&self) -> Result<Vec<u16>, Failure> {
        let options = self.options;
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
        if found.is_empty() {
            found = discovery::CONNECT_PORTS.to_vec();
        }
        let spared = self.spared()?;
        found.retain(|port| !spared.tcp.contains(port));
        Ok(found)
    }

    /// Ports that nothing is sent to (`--exclude-ports`).
    fn spared(&self) -> Result<PortLists, Failure> {
        let Some(list) = self.options.exclude_ports.as_deref() else { return Ok(PortLists::default()) };
        let protocols = Protocols { tcp: true, udp: true, ..Protocols::default() };
        let chosen = port::parse(list, protocols).map_err(|error| Failure(error.to_string()))?;
        Ok(chosen.ports)
    }

    /// What to tell of a host that no probe is left for.
    ///
    /// # Errors
    /// Those of [`Discovery::task`].
    pub fn remark(&self) -> Result<Option<String>, Failure> {
        let is_empty = if self.is_privileged { self.pings()?.is_empty() } else { self.connect_ports()?.is_empty() };
        Ok(is_empty.then(|| "WARNING: --exclude-ports leaves nothing to ask hosts with".to_owned()))
    }
}

fn vendors(options: &Options) -> Vendors {
    let text = options.data_file("nmap-mac-prefixes").and_then(|path| std::fs::read(path).ok());
    Vendors::parse(&text.unwrap_or_default())
}

/// Hardware addresses of neighbours that were not asked for theirs: the system has learned them for our packets.
pub fn learned_hardware(options: &Options, hosts: &mut [Host]) {
    let interfaces = raw::interfaces().unwrap_or_default();
    let is_near = |host: &&mut Host| {
        host.mac.is_none() && neighbour::interface_of(&interfaces, host.address).is_some() && host.address.is_ipv4()
    };
    let mut near = hosts.iter_mut().filter(is_near).peekable();
    if near.peek().is_none() {
        return;
    }
    let vendors = vendors(options);
    for host in near {
        host.mac = interface::next_hop_mac(host.address);
        host.mac_vendor = host.mac.and_then(|mac| vendors.of(&mac)).map(str::to_owned);
    }
}

/// Notes where link-local neighbours without a zone answered: on the first link that their address fits.
fn note_links(interfaces: &[Interface], hosts: &[Host], neighbours: &[usize]) {
    for host in neighbours.iter().map(|&idx| &hosts[idx]).filter(|host| host.state == HostState::Up) {
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

/// Does something with some of the hosts.
fn some(hosts: &mut [Host], which: &[usize], work: impl FnOnce(&mut [Host])) {
    let mut group: Vec<Host> = which.iter().map(|&idx| hosts[idx].clone()).collect();
    work(&mut group);
    for (&idx, host) in which.iter().zip(group) {
        hosts[idx] = host;
    }
}

fn ports(list: Option<&str>, udp: bool) -> Result<Vec<u16>, Failure> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let protocols = Protocols { tcp: !udp, udp, ..Protocols::default() };
    let chosen = port::parse(list, protocols).map_err(|error| Failure(error.to_string()))?;
    Ok(if udp { chosen.ports.udp } else { chosen.ports.tcp })
}
