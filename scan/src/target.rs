//! Target expressions: what a word on the command line or in a list stands for.
//!
//! An IPv4 expression is four sets of octets, so that `10.0-255.*.1` takes as much room as one address and addresses
//! are made only when they are asked for. An IPv6 expression is a first and a last address. A name is looked up in a
//! hosts file given by the caller, and with `/bits` expands around its first address. No lookup over the network
//! happens here, and the system's blocking resolver is never called.
//!
//! # Source
//! Nmap's target syntax. Difference: both address families may be used in one run, so an IPv6 literal needs no option.

use crate::zone;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The longest expression in a list.
pub const EXPRESSION_LEN_MAX: usize = 1023;

/// Address families that a run uses.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Families {
    #[default]
    Any,
    /// `-4`
    V4,
    /// `-6`
    V6,
}

impl Families {
    fn includes(self, address: &IpAddr) -> bool {
        match self {
            Families::Any => true,
            Families::V4 => address.is_ipv4(),
            Families::V6 => address.is_ipv6(),
        }
    }
}

/// Names and addresses of a hosts file.
#[derive(Clone, Default, Debug)]
pub struct Hosts {
    /// By name in lower case, in the order of the file.
    by_name: HashMap<String, Vec<IpAddr>>,
    /// The first name of an address.
    by_address: HashMap<IpAddr, String>,
}

impl Hosts {
    /// The hosts file of this machine.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_system() -> io::Result<Hosts> {
        Hosts::read(Path::new("/etc/hosts"))
    }

    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path) -> io::Result<Hosts> {
        Ok(Hosts::parse(&std::fs::read(path)?))
    }

    /// Reads lines of an address and its names; `#` starts a comment. A line that does not fit is skipped.
    pub fn parse(text: &[u8]) -> Hosts {
        let mut hosts = Hosts::default();
        for line in String::from_utf8_lossy(text).lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let addresses = hosts.by_name.entry(name.to_ascii_lowercase()).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
                hosts.by_address.entry(address).or_insert_with(|| name.to_string());
            }
        }
        hosts
    }

    /// Adds what a name server said of a name.
    pub fn insert(&mut self, name: &str, addresses: impl Iterator<Item = IpAddr>) {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let known = self.by_name.entry(name).or_default();
        for address in addresses {
            if !known.contains(&address) {
                known.push(address);
            }
        }
    }

    /// The addresses of a name; empty when it is not in the file.
    pub fn addresses(&self, name: &str) -> &[IpAddr] {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.by_name.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The first name of an address.
    pub fn name(&self, address: IpAddr) -> Option<&str> {
        self.by_address.get(&address).map(String::as_str)
    }
}

/// What an expression stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    addresses: Addresses,
    /// The link that the addresses are on, `%eth0`, as the system's number.
    zone: Option<u32>,
    /// The name it was given by, and the one address that carries it.
    name: Option<(String, IpAddr)>,
    /// Further addresses of the name, not scanned.
    pub other_addresses: Vec<IpAddr>,
    pub warnings: Vec<TargetWarning>,
}

/// One address to scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetAddress {
    pub address: IpAddr,
    /// The name as the user wrote it.
    pub name: Option<String>,
    /// Further addresses of the name.
    pub other_addresses: Vec<IpAddr>,
}

/// Why an expression names no target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetError {
    pub expression: String,
    pub kind: TargetErrorKind,
}

/// Causes of a [`TargetError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetErrorKind {
    /// Neither an address nor a known name.
    Unresolved,
    /// `/` without a number after it.
    BadMask,
    /// The mask of an exclusion has more bits than an address.
    LongMask,
    /// An address of a family that the run does not use.
    WrongFamily(Families),
    /// The name is known, but with addresses of the other family only.
    OtherFamilyOnly(Families),
    TooLong,
}

/// What is worth telling though the expression is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TargetWarning {
    /// The mask has more bits than an address; one host is scanned.
    MaskIgnored { expression: String },
    /// Only the first address of a name is scanned.
    ManyAddresses { name: String, count: usize, used: IpAddr },
}

/// Reads one expression.
///
/// # Errors
/// It is no address and no known name, its mask is no number, or it is of a family that the run does not use.
pub fn parse(expression: &str, families: Families, hosts: &Hosts) -> Result<Target, TargetError> {
    let wrong = |kind| TargetError { expression: expression.to_string(), kind };
    if expression.len() > EXPRESSION_LEN_MAX {
        return Err(wrong(TargetErrorKind::TooLong));
    }
    let (base, bits) = split_mask(expression).map_err(wrong)?;
    let mut warnings = Vec::new();
    let mut addresses_of = |base: Addresses| {
        let (addresses, ignored) = base.masked(bits);
        if ignored {
            warnings.push(TargetWarning::MaskIgnored { expression: expression.to_string() });
        }
        addresses
    };
    if let Some((literal, zone)) = literal(base) {
        if !families.includes(&literal.first()) {
            return Err(wrong(TargetErrorKind::WrongFamily(families)));
        }
        let addresses = addresses_of(literal);
        return Ok(Target { addresses, zone, name: None, other_addresses: Vec::new(), warnings });
    }
    let short = short_form(base).map(IpAddr::from);
    let all = short.as_ref().map_or_else(|| hosts.addresses(base), std::slice::from_ref);
    let mut usable: Vec<IpAddr> = all.iter().copied().filter(|address| families.includes(address)).collect();
    if usable.is_empty() {
        let known = !all.is_empty();
        return Err(wrong(if known {
            TargetErrorKind::OtherFamilyOnly(families)
        } else {
            TargetErrorKind::Unresolved
        }));
    }
    let other_addresses = usable.split_off(1);
    let used = usable[0];
    let addresses = addresses_of(Addresses::one(used));
    if !other_addresses.is_empty() {
        let count = other_addresses.len() + 1;
        warnings.push(TargetWarning::ManyAddresses { name: base.to_string(), count, used });
    }
    Ok(Target { addresses, zone: None, name: Some((base.to_string(), used)), other_addresses, warnings })
}

/// The expressions of a list file (`-iL`), separated by white space or NUL; `#` starts a comment.
///
/// # Errors
/// An expression that is too long; what of it fits is in the error.
pub fn expressions(list: &[u8]) -> Result<Vec<String>, TargetError> {
    let mut found = Vec::new();
    for line in list.split(|&byte| byte == b'\n' || byte == b'\r') {
        let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        for word in line.split(|&byte| matches!(byte, b' ' | b'\t' | 0)).filter(|word| !word.is_empty()) {
            let expression = String::from_utf8_lossy(&word[..word.len().min(EXPRESSION_LEN_MAX)]).into_owned();
            if word.len() > EXPRESSION_LEN_MAX {
                return Err(TargetError { expression, kind: TargetErrorKind::TooLong });
            }
            found.push(expression);
        }
    }
    Ok(found)
}

/// What `--exclude` spares: a comma-separated list of expressions, names with all their addresses.
///
/// # Errors
/// Any expression that cannot be read, an empty one included: scanning what was to be spared is worse than stopping.
pub fn exclusions(list: &str, hosts: &Hosts) -> Result<Vec<Target>, TargetError> {
    let mut excluded = Vec::new();
    for expression in list.split(',').map(str::trim) {
        let target = parse(expression, Families::Any, hosts)?;
        let bits = split_mask(expression).map(|(_, bits)| bits).unwrap_or_default();
        if bits.is_some_and(|bits| bits > target.addresses.bits()) {
            return Err(TargetError { expression: expression.to_owned(), kind: TargetErrorKind::LongMask });
        }
        for &other in &target.other_addresses {
            let addresses = Addresses::one(other).masked(bits).0;
            let (other_addresses, warnings) = (Vec::new(), Vec::new());
            excluded.push(Target { addresses, zone: None, name: None, other_addresses, warnings });
        }
        excluded.push(target);
    }
    Ok(excluded)
}

impl Target {
    /// The addresses, ascending, made as they are asked for.
    pub fn iter(&self) -> TargetAddresses<'_> {
        TargetAddresses { target: self, next: Some(self.addresses.first()) }
    }

    /// The address with an index, from 0 in ascending order.
    pub fn nth(&self, idx: u64) -> Option<TargetAddress> {
        let address = self.addresses.nth(u128::from(idx))?;
        let named = self.name.as_ref().filter(|(_, named)| *named == address);
        Some(TargetAddress {
            address,
            name: named.map(|(name, _)| name.clone()),
            other_addresses: named.map(|_| self.other_addresses.clone()).unwrap_or_default(),
        })
    }

    /// Notes the zone for all that is sent to the addresses; `false` when some of them have another already.
    pub fn note_zone(&self) -> bool {
        match (self.zone, &self.addresses) {
            (Some(zone), Addresses::Range(first, last)) => zone::note(*first, *last, zone),
            _ => true,
        }
    }

    /// How many addresses there are.
    pub fn count(&self) -> u128 {
        match &self.addresses {
            Addresses::Octets(sets) => sets.iter().map(|set| u128::from(set.count())).product(),
            Addresses::Range(first, last) => (u128::from(*last) - u128::from(*first)).saturating_add(1),
        }
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (&self.addresses, address) {
            (Addresses::Octets(sets), IpAddr::V4(address)) => {
                sets.iter().zip(address.octets()).all(|(set, octet)| set.contains(octet))
            }
            (Addresses::Range(first, last), IpAddr::V6(address)) => (first..=last).contains(&&address),
            _ => false,
        }
    }
}

impl<'a> IntoIterator for &'a Target {
    type Item = TargetAddress;
    type IntoIter = TargetAddresses<'a>;

    fn into_iter(self) -> TargetAddresses<'a> {
        self.iter()
    }
}

/// The addresses of a target, one after the other.
#[derive(Clone, Debug)]
pub struct TargetAddresses<'a> {
    target: &'a Target,
    next: Option<IpAddr>,
}

impl Iterator for TargetAddresses<'_> {
    type Item = TargetAddress;

    fn next(&mut self) -> Option<TargetAddress> {
        let address = self.next?;
        self.next = self.target.addresses.after(address);
        let named = self.target.name.as_ref().filter(|(_, named)| *named == address);
        Some(TargetAddress {
            address,
            name: named.map(|(name, _)| name.clone()),
            other_addresses: named.map(|_| self.target.other_addresses.clone()).unwrap_or_default(),
        })
    }
}

/// A set of octets, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct OctetSet([u64; 4]);

impl OctetSet {
    fn insert(&mut self, octet: u8) {
        self.0[usize::from(octet >> 6)] |= 1 << (octet & 63);
    }

    fn contains(&self, octet: u8) -> bool {
        self.0[usize::from(octet >> 6)] >> (octet & 63) & 1 == 1
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The smallest member that is `from` or above.
    fn at_or_after(&self, from: u8) -> Option<u8> {
        (from..=u8::MAX).find(|&octet| self.contains(octet))
    }

    fn first(&self) -> u8 {
        self.at_or_after(0).expect("an octet set is never empty")
    }

    /// All octets that agree with a member in the bits of `mask`.
    fn widened(&self, mask: u8) -> OctetSet {
        let mut widened = OctetSet::default();
        for octet in 0..=u8::MAX {
            if (0..=u8::MAX).any(|member| self.contains(member) && member & mask == octet & mask) {
                widened.insert(octet);
            }
        }
        widened
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Addresses {
    Octets([OctetSet; 4]),
    /// First and last, both included.
    Range(Ipv6Addr, Ipv6Addr),
}

impl Addresses {
    fn one(address: IpAddr) -> Addresses {
        match address {
            IpAddr::V4(address) => Addresses::Octets(address.octets().map(|octet| {
                let mut set = OctetSet::default();
                set.insert(octet);
                set
            })),
            IpAddr::V6(address) => Addresses::Range(address, address),
        }
    }

    /// How long an address is.
    fn bits(&self) -> u32 {
        match self {
            Addresses::Octets(_) => 32,
            Addresses::Range(..) => 128,
        }
    }

    /// Widened by the bits that the mask leaves free; `true`: the mask is longer than the address and does not count.
    fn masked(self, bits: Option<u32>) -> (Addresses, bool) {
        let Some(bits) = bits else { return (self, false) };
        match self {
            Addresses::Octets(_) if bits > 32 => (self, true),
            // A longer mask is silently ignored here.
            Addresses::Range(..) if bits > 128 => (self, false),
            Addresses::Octets(sets) => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0).to_be_bytes();
                (Addresses::Octets(std::array::from_fn(|idx| sets[idx].widened(mask[idx]))), false)
            }
            Addresses::Range(first, last) => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                let (first, last) = (u128::from(first) & mask, u128::from(last) | !mask);
                (Addresses::Range(first.into(), last.into()), false)
            }
        }
    }

    /// The member with an index.
    fn nth(&self, mut idx: u128) -> Option<IpAddr> {
        match self {
            Addresses::Octets(sets) => {
                let mut octets = [0; 4];
                for place in (0..4).rev() {
                    let count = u128::from(sets[place].count());
                    let nth = (idx % count) as usize;
                    idx /= count;
                    octets[place] = (0..=u8::MAX).filter(|&octet| sets[place].contains(octet)).nth(nth)?;
                }
                (idx == 0).then(|| Ipv4Addr::from(octets).into())
            }
            Addresses::Range(first, last) => {
                let address = u128::from(*first).checked_add(idx)?;
                (address <= u128::from(*last)).then(|| Ipv6Addr::from(address).into())
            }
        }
    }

    fn first(&self) -> IpAddr {
        match self {
            Addresses::Octets(sets) => Ipv4Addr::from(sets.map(|set| set.first())).into(),
            Addresses::Range(first, _) => (*first).into(),
        }
    }

    /// The next address after a member.
    fn after(&self, address: IpAddr) -> Option<IpAddr> {
        match (self, address) {
            (Addresses::Octets(sets), IpAddr::V4(address)) => {
                let mut octets = address.octets();
                for idx in (0..4).rev() {
                    if let Some(next) = octets[idx].checked_add(1).and_then(|from| sets[idx].at_or_after(from)) {
                        octets[idx] = next;
                        return Some(Ipv4Addr::from(octets).into());
                    }
                    octets[idx] = sets[idx].first();
                }
                None
            }
            (Addresses::Range(_, last), IpAddr::V6(address)) if address < *last => {
                Some(Ipv6Addr::from(u128::from(address) + 1).into())
            }
            _ => None,
        }
    }
}

/// Splits off `/bits`; more bits than fit a number are as good as the largest.
fn split_mask(expression: &str) -> Result<(&str, Option<u32>), TargetErrorKind> {
    let Some((base, bits)) = expression.rsplit_once('/') else { return Ok((expression, None)) };
    if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetErrorKind::BadMask);
    }
    Ok((base, Some(bits.parse().unwrap_or(u32::MAX))))
}

/// The addresses that the expression spells out, if it does, and their zone.
fn literal(base: &str) -> Option<(Addresses, Option<u32>)> {
    if let Some(sets) = octets(base) {
        return Some((Addresses::Octets(sets), None));
    }
    let (address, zone) = zone::parse(base)?;
    Some((Addresses::Range(address, address), zone))
}

/// An IPv4 address in a form that C libraries take for one, `127.1` or `0x7f000001`: up to four numbers, the last of
/// which fills what the others leave.
pub fn short_form(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| {
        let (digits, radix) = match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
            None => (part, 10),
        };
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
    };
    let parts: Vec<u32> = text.splitn(5, '.').map(number).collect::<Option<_>>()?;
    let (&last, octets) = parts.split_last()?;
    let last_bits = 32_u32.checked_sub(8 * octets.len() as u32).filter(|&bits| bits > 0)?;
    let fits = octets.iter().all(|&octet| octet < 256) && (last_bits == 32 || last < 1 << last_bits);
    let front = octets.iter().fold(0, |front, &octet| front << 8 | octet);
    fits.then(|| Ipv4Addr::from((u64::from(front) << last_bits) as u32 | last))
}

/// Four octet sets parted by dots.
fn octets(base: &str) -> Option<[OctetSet; 4]> {
    let mut sets = [OctetSet::default(); 4];
    let mut parts = base.split('.');
    for set in &mut sets {
        *set = octet(parts.next()?)?;
    }
    parts.next().is_none().then_some(sets)
}

/// `*`, or numbers and ranges parted by commas.
fn octet(text: &str) -> Option<OctetSet> {
    let mut set = OctetSet::default();
    let text = if text == "*" { "-" } else { text };
    for item in text.split(',') {
        let (start, end) = match item.split_once('-') {
            Some((start, end)) => (number(start, 0)?, number(end, u8::MAX)?),
            None if item.is_empty() => return None,
            None => (number(item, 0)?, number(item, 0)?),
        };
        if start > end {
            return None;
        }
        (start..=end).for_each(|octet| set.insert(octet));
    }
    Some(set)
}

/// A decimal number up to 255; nothing at all is `open`.
fn number(text: &str, open: u8) -> Option<u8> {
    if text.is_empty() {
        return Some(open);
    }
    // `parse` alone would take a sign.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expression = self.expression.escape_debug();
        let option = |families: &Families| match families {
            Families::V4 => "-4",
            Families::V6 => "-6",
            Families::Any => "the chosen family",
        };
        match &self.kind {
            TargetErrorKind::Unresolved if self.expression == "-" => {
                f.write_str("Failed to resolve \"-\": is there a stray dash on the command line?")
            }
            TargetErrorKind::Unresolved => write!(f, "Failed to resolve \"{expression}\"."),
            TargetErrorKind::BadMask => {
                write!(f, "Target \"{expression}\": a number of bits must follow the slash")
            }
            TargetErrorKind::LongMask => write!(f, "\"{expression}\": the mask is longer than an address"),
            TargetErrorKind::WrongFamily(families) => {
                write!(f, "Target \"{expression}\" is not of the family that {} chooses", option(families))
            }
            TargetErrorKind::OtherFamilyOnly(families) => write!(
                f,
                "Failed to resolve \"{expression}\": it has addresses of the other family only; try without {}",
                option(families)
            ),
            TargetErrorKind::TooLong => write!(
                f,
                "A target expression has at most {EXPRESSION_LEN_MAX} characters; this one is longer: \"{}...\"",
                self.expression.chars().take(40).collect::<String>().escape_debug()
            ),
        }
    }
}

impl std::error::Error for TargetError {}

impl fmt::Display for TargetWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetWarning::MaskIgnored { expression } => {
                write!(f, "Target \"{}\": an IPv4 mask has at most 32 bits; it is ignored", expression.escape_debug())
            }
            TargetWarning::ManyAddresses { name, count, used } => {
                write!(f, "\"{}\" has {count} addresses; only {used} is scanned", name.escape_debug())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "# a comment\n127.0.0.1 localhost loop\n::1 localhost ip6\n10.0.0.5 Many # tail\n\
                         10.0.0.4\tmany\nnot-an-address x\n";

    /// Up to eight addresses with names, then the count if there are more; or the error.
    fn show(expression: &str, families: Families) -> String {
        let target = match parse(expression, families, &Hosts::parse(HOSTS.as_bytes())) {
            Ok(target) => target,
            Err(error) => return error.to_string(),
        };
        let mut parts: Vec<String> = target
            .iter()
            .take(8)
            .map(|one| one.name.map_or(one.address.to_string(), |name| format!("{name}={}", one.address)))
            .collect();
        if target.count() > 8 {
            parts.push(format!("of {}", target.count()));
        }
        parts.extend(target.warnings.iter().map(|warning| format!("; {warning}")));
        parts.join(" ")
    }

    #[test]
    fn expressions_name_addresses() {
        let rows = [
            ("127.0.0.1", "127.0.0.1"),
            ("10.0.0.3,1-2,2", "10.0.0.1 10.0.0.2 10.0.0.3"),
            ("10.0.0.254-", "10.0.0.254 10.0.0.255"),
            ("1,3.0.0.-1", "1.0.0.0 1.0.0.1 3.0.0.0 3.0.0.1"),
            ("127.0.0-1.5/30", "127.0.0.4 127.0.0.5 127.0.0.6 127.0.0.7 127.0.1.4 127.0.1.5 127.0.1.6 127.0.1.7"),
            ("10.1.2.3/31", "10.1.2.2 10.1.2.3"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("*.0.0.1", "0.0.0.1 1.0.0.1 2.0.0.1 3.0.0.1 4.0.0.1 5.0.0.1 6.0.0.1 7.0.0.1 of 256"),
            ("9.9.9.9/0", "0.0.0.0 0.0.0.1 0.0.0.2 0.0.0.3 0.0.0.4 0.0.0.5 0.0.0.6 0.0.0.7 of 4294967296"),
            ("1.2.3.4/33", "1.2.3.4 ; Target \"1.2.3.4/33\": an IPv4 mask has at most 32 bits; it is ignored"),
            (
                "1.2.3.4/99999999999",
                "1.2.3.4 ; Target \"1.2.3.4/99999999999\": an IPv4 mask has at most 32 bits; it is ignored",
            ),
            ("::1", "::1"),
            ("fe80::6/127", "fe80::6 fe80::7"),
            ("::1/129", "::1"),
            ("fe80::6%lo/127", "fe80::6 fe80::7"),
            ("LOOP", "LOOP=127.0.0.1"),
            ("loop./31", "127.0.0.0 loop.=127.0.0.1"),
            ("many", "many=10.0.0.5 ; \"many\" has 2 addresses; only 10.0.0.5 is scanned"),
        ];
        for (expression, expected) in rows {
            assert_eq!(show(expression, Families::Any), expected, "{expression}");
        }
        assert_eq!(show("localhost", Families::V4), "localhost=127.0.0.1");
        assert_eq!(show("localhost", Families::V6), "localhost=::1");
    }

    #[test]
    fn errors() {
        let rows = [
            ("127.0.0.300", Families::Any, "Failed to resolve \"127.0.0.300\"."),
            ("1.2.3.4.5", Families::Any, "Failed to resolve \"1.2.3.4.5\"."),
            ("1.2.3.+4", Families::Any, "Failed to resolve \"1.2.3.+4\"."),
            ("1.2.3.*,4", Families::Any, "Failed to resolve \"1.2.3.*,4\"."),
            ("1.2.3.9-8", Families::Any, "Failed to resolve \"1.2.3.9-8\"."),
            ("1.2..4", Families::Any, "Failed to resolve \"1.2..4\"."),
            ("127.0.0.1-3,9.1/30", Families::Any, "Failed to resolve \"127.0.0.1-3,9.1/30\"."),
            ("", Families::Any, "Failed to resolve \"\"."),
            ("no.such\n", Families::Any, "Failed to resolve \"no.such\\n\"."),
            ("-", Families::Any, "Failed to resolve \"-\": is there a stray dash on the command line?"),
            ("1.2.3.4/", Families::Any, "Target \"1.2.3.4/\": a number of bits must follow the slash"),
            ("1.2.3.4/x", Families::Any, "Target \"1.2.3.4/x\": a number of bits must follow the slash"),
            ("::1%lo", Families::Any, "Failed to resolve \"::1%lo\"."),
            ("fe80::1%no-such", Families::Any, "Failed to resolve \"fe80::1%no-such\"."),
            ("fe80::1%lo", Families::V4, "Target \"fe80::1%lo\" is not of the family that -4 chooses"),
            ("::1", Families::V4, "Target \"::1\" is not of the family that -4 chooses"),
            ("1.2.3.4", Families::V6, "Target \"1.2.3.4\" is not of the family that -6 chooses"),
            (
                "ip6",
                Families::V4,
                "Failed to resolve \"ip6\": it has addresses of the other family only; try without -4",
            ),
        ];
        for (expression, families, expected) in rows {
            assert_eq!(show(expression, families), expected, "{expression}");
        }
        assert!(show(&"a".repeat(2000), Families::Any).starts_with("A target expression has at most 1023"));
    }

    #[test]
    fn whole_internet_is_lazy() {
        let hosts = Hosts::default();
        let all = parse("0.0.0.0/0", Families::Any, &hosts).unwrap();
        assert_eq!(
            (all.count(), all.iter().nth(100_000).unwrap().address.to_string().as_str()),
            (1 << 32, "0.1.134.160")
        );
        assert_eq!(parse("::/0", Families::Any, &hosts).unwrap().count(), u128::MAX);
    }

    #[test]
    fn lists_have_comments_and_limits() {
        let list = b"10.0.0.1 loop\t# rest\nhost#x y\r\n\0::1";
        assert_eq!(expressions(list).unwrap(), ["10.0.0.1", "loop", "host", "::1"]);
        let long = [b'a'; 1024];
        assert_eq!(expressions(&long[..1023]).unwrap().len(), 1);
        assert_eq!(expressions(&long).unwrap_err().kind, TargetErrorKind::TooLong);
    }

    #[test]
    fn exclusions_cover_all_addresses_of_a_name() {
        let hosts = Hosts::parse(HOSTS.as_bytes());
        let excluded = exclusions("10.1.0.0/16, many,::/126", &hosts).unwrap();
        let spared = |address: &str| excluded.iter().any(|target| target.contains(address.parse().unwrap()));
        for (address, expected) in [
            ("10.1.2.3", true),
            ("10.2.0.0", false),
            ("10.0.0.4", true),
            ("10.0.0.5", true),
            ("::3", true),
            ("::4", false),
        ] {
            assert_eq!(spared(address), expected, "{address}");
        }
        for wrong in ["10.0.0.1,nosuch", "10.0.0.1/33", "::1/129", "10.0.0.1/", "", ",", "10.0.0.1,", "10.0.0.1,,::1"] {
            assert!(exclusions(wrong, &hosts).is_err(), "{wrong}");
        }
    }

    #[test]
    fn short_forms_are_as_c_libraries_read_them() {
        let cases = [
            ("127.1", Some([127, 0, 0, 1])),
            ("127.1.1", Some([127, 1, 0, 1])),
            ("2130706433", Some([127, 0, 0, 1])),
            ("0x7f.010.256", Some([127, 8, 1, 0])),
            ("5", Some([0, 0, 0, 5])),
            ("0", Some([0, 0, 0, 0])),
            ("4294967295", Some([255, 255, 255, 255])),
            ("4294967296", None),
            ("256.1", None),
            ("127.16777216", None),
            ("1.2.3.256", None),
            ("1.2.3.4.5", None),
            ("09", None),
            ("0x", None),
            ("+5", None),
            ("1.", None),
            ("", None),
            ("a", None),
        ];
        for (text, octets) in cases {
            assert_eq!(short_form(text), octets.map(Ipv4Addr::from), "{text}");
        }
        let target = parse("127.1/31", Families::Any, &Hosts::default()).expect("it is an address");
        let named: Vec<_> = target.iter().map(|found| (found.address.to_string(), found.name)).collect();
        assert_eq!(named, [("127.0.0.0".to_owned(), None), ("127.0.0.1".to_owned(), Some("127.1".to_owned()))]);
    }

    #[test]
    fn hosts_give_names_of_addresses() {
        let hosts = Hosts::parse(HOSTS.as_bytes());
        assert_eq!(hosts.name("127.0.0.1".parse().unwrap()), Some("localhost"));
        assert_eq!(hosts.name("127.0.0.2".parse().unwrap()), None);
    }
}
