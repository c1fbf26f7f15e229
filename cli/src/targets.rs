//! The addresses of a scan, one after the other: from the command line, lists, chance; without what is excluded, and
//! of several machines' shards only our own.

use crate::options::Options;
use crate::report::{Event, MessageKind};
use crate::scan::Failure;
use perilune_scan::dns::{self, Answer, Question};
use perilune_scan::net::Network;
use perilune_scan::port::{self, Protocols};
use perilune_scan::result::{Host, HostState, Reason};
use perilune_scan::target::{self, Families, Hosts, Target, TargetErrorKind};
use std::collections::HashSet;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;

/// The largest list of targets.
const LIST_MAX: u64 = 1 << 30;

/// Addresses that are looked at between two looks at signals.
const LOOK_TURNS: u64 = 1 << 16;

/// A host to be scanned, with ports of its own if the list named some.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub host: Host,
    /// TCP ports.
    pub ports: Option<Rc<[u16]>>,
}

/// Where candidates come from.
#[derive(Debug)]
pub struct Targets {
    sources: Vec<Source>,
    next_source: usize,
    excluded: Vec<Target>,
    /// `None`: addresses may repeat.
    seen: Option<HashSet<IpAddr>>,
    /// Index from 0, and count.
    shard: (u64, u64),
    position: u64,
    /// Addresses that are done already.
    done: HashSet<IpAddr>,
    families: Families,
    /// What to tell before the scan.
    pub events: Vec<Event>,
}

#[derive(Debug)]
enum Source {
    Expression { target: Box<Target>, next: u64, ports: Option<Rc<[u16]>> },
    Random { left: Option<u64>, state: u64, families: Families },
}

impl Targets {
    /// Reads what the options say. Names that no file knows are looked up.
    ///
    /// # Errors
    /// Lists that can't be read, exclusions that name nothing, wrong numbers.
    pub fn new(
        options: &Options,
        network: &mut dyn Network,
        servers: &[SocketAddr],
        seed: u64,
    ) -> Result<Targets, Failure> {
        let mut expressions = options.targets.clone();
        if let Some(path) = &options.input_list {
            expressions.extend(list(path)?);
        }
        let families = match (options.ipv4, options.ipv6) {
            (true, _) => Families::V4,
            (_, true) => Families::V6,
            _ => Families::Any,
        };
        let mut names = Hosts::of_system().map_err(|error| Failure::of("cannot read the hosts file", error))?;
        look_up(&mut names, &expressions, families, network, servers, seed);
        let mut targets = Targets {
            sources: Vec::new(),
            next_source: 0,
            excluded: excluded(options, &mut names, network, servers, seed)?,
            // Lines of JSON name hosts by their addresses.
            seen: (options.unique || options.output_json.is_some()).then(HashSet::new),
            shard: shard(options)?,
            position: 0,
            done: HashSet::new(),
            families,
            events: Vec::new(),
        };
        for expression in &expressions {
            targets.expression(expression, families, &names, options.resolve_all);
        }
        if let Some(count) = options.input_random {
            targets.sources.push(Source::Random { left: (count > 0).then_some(count), state: seed, families });
        }
        Ok(targets)
    }

    /// Adds an expression that a script has found; what is none of a target is told among the events.
    pub fn add(&mut self, expression: &str) {
        let names = Hosts::of_system().unwrap_or_default();
        self.expression(expression, self.families, &names, false);
    }

    /// Leaves out what is done.
    pub fn skip(&mut self, addresses: impl Iterator<Item = IpAddr>) {
        self.done.extend(addresses);
    }

    /// How many addresses there are; `None`: without end, or too many to count.
    pub fn address_count(&self) -> Option<u64> {
        let mut sum: u128 = 0;
        for source in &self.sources {
            sum += match source {
                Source::Expression { target, .. } => target.count(),
                Source::Random { left, .. } => u128::from((*left)?),
            };
        }
        u64::try_from(sum).ok().map(|sum| sum.div_ceil(self.shard.1))
    }

    fn expression(&mut self, expression: &str, families: Families, names: &Hosts, resolve_all: bool) {
        let (place, ports) = with_ports(expression);
        match target::parse(place, families, names) {
            Ok(mut target) => {
                if !target.note_zone() {
                    self.events.push(warn(format!("{place}: the address is scanned in one zone, the first")));
                    self.events.push(Event::TargetRejected(expression.to_owned()));
                    return;
                }
                let others = if resolve_all { std::mem::take(&mut target.other_addresses) } else { Vec::new() };
                let told = target.warnings.iter().filter(|_| !resolve_all);
                self.events.extend(told.map(|warning| warn(warning.to_string())));
                self.sources.push(Source::Expression { target: Box::new(target), next: 0, ports: ports.clone() });
                for other in others {
                    if let Ok(target) = target::parse(&other.to_string(), families, names) {
                        let target = Box::new(target);
                        self.sources.push(Source::Expression { target, next: 0, ports: ports.clone() });
                    }
                }
            }
            Err(error) => {
                self.events.push(warn(error.to_string()));
                if !matches!(error.kind, TargetErrorKind::Unresolved | TargetErrorKind::OtherFamilyOnly(_)) {
                    self.events.push(Event::TargetRejected(expression.to_owned()));
                }
            }
        }
    }

    /// Passes over addresses of other shards at once, where nothing else decides which are taken.
    fn pass_over(&mut self) {
        let (own, count) = self.shard;
        let others = (own + count - self.position % count) % count;
        if others == 0 || !self.excluded.is_empty() || self.seen.is_some() {
            return;
        }
        if let Some(Source::Expression { target, next, .. }) = self.sources.get_mut(self.next_source) {
            let left = u64::try_from(target.count()).unwrap_or(u64::MAX).saturating_sub(*next);
            let passed = others.min(left);
            *next += passed;
            self.position += passed;
        }
    }

    fn next_address(&mut self) -> Option<Candidate> {
        loop {
            match self.sources.get_mut(self.next_source)? {
                Source::Expression { target, next, ports } => {
                    let Some(found) = target.nth(*next) else {
                        self.next_source += 1;
                        continue;
                    };
                    *next += 1;
                    let mut host = Host::new(found.address);
                    (host.target_name, host.other_addresses) = (found.name, found.other_addresses);
                    return Some(Candidate { host, ports: ports.clone() });
                }
                Source::Random { left: Some(0), .. } => self.next_source += 1,
                Source::Random { left, state, families } => {
                    if *families == Families::V6 {
                        self.next_source += 1;
                        continue;
                    }
                    if let Some(left) = left {
                        *left -= 1;
                    }
                    return Some(Candidate { host: Host::new(random_address(state).into()), ports: None });
                }
            }
        }
    }
}

impl Iterator for Targets {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        for turn in 1_u64.. {
            // There may be billions of which none is ours.
            if turn.is_multiple_of(LOOK_TURNS) && crate::interrupt::count() > 0 {
                return None;
            }
            self.pass_over();
            let candidate = self.next_address()?;
            let address = candidate.host.address;
            if self.excluded.iter().any(|excluded| excluded.contains(address)) {
                continue;
            }
            if self.seen.as_mut().is_some_and(|seen| !seen.insert(address)) {
                continue;
            }
            let position = self.position;
            self.position += 1;
            if position % self.shard.1 != self.shard.0 || self.done.contains(&address) {
                continue;
            }
            return Some(candidate);
        }
        None
    }
}

/// A host that is only listed.
pub fn listed(host: &mut Host) {
    (host.state, host.reason) = (HostState::Unknown, Reason::UserSet);
}

fn warn(text: String) -> Event {
    Event::Message { kind: MessageKind::Warning, text }
}

/// The expressions of a file, `-` for standard input.
fn list(path: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error: std::io::Error| Failure::of(&format!("cannot read {}", path.display()), error);
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(LIST_MAX).read_to_end(&mut text).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(LIST_MAX).read_to_end(&mut text).map_err(failed)?;
    }
    target::expressions(&text).map_err(|error| Failure(error.to_string()))
}

/// `host:22,80` and `[address]:22,80` into the place and its ports.
fn with_ports(expression: &str) -> (&str, Option<Rc<[u16]>>) {
    let Some((place, ports)) = expression.rsplit_once(':') else { return (expression, None) };
    let inner = place.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    if inner.is_none() && place.contains(':') {
        return (expression, None);
    }
    let tcp = Protocols { tcp: true, ..Protocols::default() };
    match port::parse(ports, tcp) {
        Ok(chosen) => (inner.unwrap_or(place), Some(chosen.ports.tcp.into())),
        Err(_) => (expression, None),
    }
}

/// Asks name servers for the names that the file does not know.
fn look_up(
    names: &mut Hosts,
    expressions: &[String],
    families: Families,
    network: &mut dyn Network,
    servers: &[SocketAddr],
    seed: u64,
) {
    let mut unknown: Vec<String> = Vec::new();
    for expression in expressions {
        let place = with_ports(expression).0;
        let name = place.split('/').next().unwrap_or_default();
        let is_name = name.bytes().any(|byte| byte.is_ascii_alphabetic()) && !name.contains([':', '*', ',', '%']);
        let kind = target::parse(place, families, names).map(drop).map_err(|error| error.kind);
        if is_name && kind == Err(TargetErrorKind::Unresolved) && !unknown.iter().any(|other| other == name) {
            unknown.push(name.to_owned());
        }
    }
    if unknown.is_empty() {
        return;
    }
    let questions = unknown.iter().flat_map(|name| [Question::V4(name.clone()), Question::V6(name.clone())]).collect();
    let answers = dns::resolve(network, servers, questions, seed, |_| crate::interrupt::count() > 0);
    for (name, answers) in unknown.iter().zip(answers.chunks(2)) {
        let found = answers.iter().flat_map(|answer| match answer {
            Answer::Addresses(addresses) => addresses.clone(),
            _ => Vec::new(),
        });
        names.insert(name, found);
    }
}

fn excluded(
    options: &Options,
    names: &mut Hosts,
    network: &mut dyn Network,
    servers: &[SocketAddr],
    seed: u64,
) -> Result<Vec<Target>, Failure> {
    // An empty list excludes nothing; an empty item of another is a slip that could hide what was to be spared.
    let lists = options.exclude.iter().filter(|list| !list.trim().is_empty());
    let mut expressions: Vec<String> =
        lists.flat_map(|list| list.split(',')).map(|item| item.trim().to_owned()).collect();
    if let Some(path) = &options.excludefile {
        expressions.extend(list(path)?);
    }
    look_up(names, &expressions, Families::Any, network, servers, seed);
    let mut excluded = Vec::new();
    for expression in &expressions {
        excluded.extend(target::exclusions(expression, names).map_err(|error| Failure(format!("--exclude: {error}")))?);
    }
    Ok(excluded)
}

/// `2/8` as index and count.
fn shard(options: &Options) -> Result<(u64, u64), Failure> {
    let Some(text) = &options.shard else { return Ok((0, 1)) };
    let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
    match numbers {
        Some((i, n)) if 0 < i && i <= n => Ok((i - 1, n)),
        _ => Err(Failure(format!("--shard {text}: I/N with I from 1 to N is expected"))),
    }
}

/// An address of the public Internet. SplitMix64, as for the order of ports.
fn random_address(state: &mut u64) -> Ipv4Addr {
    loop {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = *state;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let address = Ipv4Addr::from((value >> 32) as u32);
        if is_public(address) {
            return address;
        }
    }
}

fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)
            | (100, 64..128, _)
            | (169, 254, _)
            | (172, 16..32, _)
            | (192, 0, 0 | 2)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_line() {
        let split = |text| {
            let (place, ports) = with_ports(text);
            (place.to_owned(), ports.map(|ports| ports.to_vec()))
        };
        assert_eq!(split("10.0.0.1:22,80-82"), ("10.0.0.1".into(), Some(vec![22, 80, 81, 82])));
        assert_eq!(split("[::1]:443"), ("::1".into(), Some(vec![443])));
        assert_eq!(split("::1"), ("::1".into(), None));
        assert_eq!(split("a.example:x"), ("a.example:x".into(), None));
    }

    #[test]
    fn random_addresses_are_public_and_follow_the_seed() {
        let (mut a, mut b) = (7, 7);
        for _ in 0..10_000 {
            let address = random_address(&mut a);
            assert_eq!(address, random_address(&mut b));
            assert!(!address.is_private() && !address.is_loopback() && !address.is_multicast());
        }
    }
}
