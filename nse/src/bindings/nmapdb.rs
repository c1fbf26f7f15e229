//! The library `nmapdb`: names of ports and protocols, makers of network cards.
//!
//! The files of the data folders come first, each for itself; without them the names inside the program are used.
//! Makers are known from a file only.

use crate::data::DataFolders;
use crate::shared::{bind, shared};
use perilune_scan::result::Protocol;
use perilune_scan::services;
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Table, Value};
use std::collections::HashMap;
use std::io::Read;

/// Largest data file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Hexadecimal digits of the prefixes of makers, the longest first.
const PREFIX_LENS: [usize; 3] = [9, 7, 6];

/// The parts of the files that look-ups need.
#[derive(Debug)]
pub(crate) struct Database {
    services: Option<HashMap<(u16, &'static str), String>>,
    /// Number and name, in the order of the file.
    protocols: Vec<(u8, String)>,
    makers: HashMap<String, String>,
}

/// The library's table.
pub(crate) fn open<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Table<'gc>, LuaError> {
    let library = call.table(0, 4)?;
    let functions: [(&str, NativeFn); 4] = [
        ("getprotbyname", getprotbyname),
        ("getprotbynum", getprotbynum),
        ("getservbyport", getservbyport),
        ("mac2corp", mac2corp),
    ];
    for (name, function) in functions {
        let function = bind(call, engine, function)?;
        library.set_str(call, name.as_bytes(), function)?;
    }
    Ok(library)
}

impl Database {
    /// Reads the files.
    pub fn read(data: &DataFolders) -> Database {
        let text = |name: &str| {
            let file = std::fs::File::open(data.file(name)?).ok()?;
            let mut bytes = Vec::new();
            file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let protocols = text("nmap-protocols");
        Database {
            services: text("nmap-services").map(|text| parse_services(&text)),
            protocols: protocols.map_or_else(known_protocols, |text| parse_protocols(&text)),
            makers: text("nmap-mac-prefixes").map(|text| parse_makers(&text)).unwrap_or_default(),
        }
    }

    fn maker(&self, address: &str) -> Option<&str> {
        PREFIX_LENS.iter().find_map(|&len| self.makers.get(&address[..len])).map(String::as_str)
    }
}

/// Lines without comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}

const TRANSPORTS: [(&str, Protocol); 3] = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("sctp", Protocol::Sctp)];

/// `name port/transport …`; the first entry of a port counts.
fn parse_services(text: &str) -> HashMap<(u16, &'static str), String> {
    let mut services = HashMap::new();
    for line in lines(text) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
        let Some((port, transport)) = port.split_once('/') else { continue };
        let transport = TRANSPORTS.iter().find(|(name, _)| *name == transport);
        if let (Ok(port), Some(&(transport, _))) = (port.parse(), transport) {
            services.entry((port, transport)).or_insert_with(|| name.to_owned());
        }
    }
    services
}

/// `name number …`.
fn parse_protocols(text: &str) -> Vec<(u8, String)> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((words.next()?.parse().ok()?, name))
    };
    lines(text).filter_map(entry).collect()
}

/// `PREFIX maker`.
fn parse_makers(text: &str) -> HashMap<String, String> {
    let entry = |line: &str| {
        let (prefix, maker) = line.split_once(char::is_whitespace)?;
        let is_prefix = PREFIX_LENS.contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_prefix.then(|| (prefix.to_ascii_uppercase(), maker.trim().to_owned()))
    };
    // A maker's name may contain the comment sign.
    text.lines().filter(|line| !line.starts_with('#')).filter_map(entry).collect()
}

/// Protocols by the keywords of the IANA registry "Assigned Internet Protocol Numbers".
fn known_protocols() -> Vec<(u8, String)> {
    const PROTOCOLS: [(u8, &str); 48] = [
        (0, "hopopt"),
        (1, "icmp"),
        (2, "igmp"),
        (3, "ggp"),
        (4, "ipv4"),
        (5, "st"),
        (6, "tcp"),
        (7, "cbt"),
        (8, "egp"),
        (9, "igp"),
        (12, "pup"),
        (17, "udp"),
        (20, "hmp"),
        (22, "xns-idp"),
        (27, "rdp"),
        (29, "iso-tp4"),
        (33, "dccp"),
        (36, "xtp"),
        (37, "ddp"),
        (41, "ipv6"),
        (42, "sdrp"),
        (43, "ipv6-route"),
        (44, "ipv6-frag"),
        (45, "idrp"),
        (46, "rsvp"),
        (47, "gre"),
        (48, "dsr"),
        (50, "esp"),
        (51, "ah"),
        (54, "narp"),
        (57, "skip"),
        (58, "ipv6-icmp"),
        (59, "ipv6-nonxt"),
        (60, "ipv6-opts"),
        (88, "eigrp"),
        (89, "ospfigp"),
        (94, "ipip"),
        (97, "etherip"),
        (98, "encap"),
        (103, "pim"),
        (108, "ipcomp"),
        (112, "vrrp"),
        (115, "l2tp"),
        (124, "isis"),
        (132, "sctp"),
        (135, "mobility-header"),
        (136, "udplite"),
        (137, "mpls-in-ip"),
    ];
    PROTOCOLS.iter().map(|&(number, name)| (number, name.to_owned())).collect()
}

/// A look-up's answer.
fn answer(call: &mut Call<'_>, found: Option<&str>) -> NativeResult {
    let value = match found {
        Some(text) => call.string(text.as_bytes())?,
        None => Value::NIL,
    };
    call.ret1(value)
}

/// The hexadecimal digits of an address: six bytes, or twelve digits with single colons between pairs.
fn address_digits(text: &[u8]) -> Option<String> {
    if text.len() == 6 {
        return Some(text.iter().map(|byte| format!("{byte:02X}")).collect());
    }
    let (mut digits, mut rest) = (String::new(), text);
    while let [first, second, more @ ..] = rest {
        for digit in [first, second] {
            if !digit.is_ascii_hexdigit() {
                return None;
            }
            digits.push(digit.to_ascii_uppercase() as char);
        }
        rest = match more {
            [b':', after @ ..] if !after.is_empty() => after,
            _ => more,
        };
    }
    (digits.len() == 12 && rest.is_empty()).then_some(digits)
}

/// `nmapdb.mac2corp(address) -> maker | nil`: six bytes, or twelve hexadecimal digits with or without colons.
/// Errors: `Expected a 6-byte MAC address`.
fn mac2corp(call: &mut Call<'_>) -> NativeResult {
    let text = call.check_string(1)?.as_bytes();
    let Some(digits) = address_digits(text) else {
        return Err(call.error("Expected a 6-byte MAC address"));
    };
    let found = shared(call).database().maker(&digits);
    answer(call, found)
}

/// `nmapdb.getservbyport(port, transport) -> name | nil`.
/// Errors: `Port number out of range`, `invalid option '…'`.
fn getservbyport(call: &mut Call<'_>) -> NativeResult {
    let port = call.check_integer(1)?;
    let transport = call.check_string(2)?.as_bytes();
    let Some(&(transport, protocol)) = TRANSPORTS.iter().find(|(name, _)| name.as_bytes() == transport) else {
        return Err(call.arg_error(2, [b"invalid option '", transport, b"'"].concat()));
    };
    let Ok(port) = u16::try_from(port) else { return Err(call.error("Port number out of range")) };
    let found = match &shared(call).database().services {
        Some(services) => services.get(&(port, transport)).map(String::as_str),
        None => services::name(protocol, port),
    };
    answer(call, found)
}

/// `nmapdb.getprotbynum(number) -> name | nil`.
/// Errors: `Protocol number out of range`.
fn getprotbynum(call: &mut Call<'_>) -> NativeResult {
    let Ok(number) = u8::try_from(call.check_integer(1)?) else {
        return Err(call.error("Protocol number out of range"));
    };
    let protocols = &shared(call).database().protocols;
    answer(call, protocols.iter().find(|entry| entry.0 == number).map(|entry| entry.1.as_str()))
}

/// `nmapdb.getprotbyname(name) -> number | nil`; names are as they are, in lower case.
fn getprotbyname(call: &mut Call<'_>) -> NativeResult {
    let name = call.check_string(1)?.as_bytes();
    let found = shared(call).database().protocols.iter().find(|entry| entry.1.as_bytes() == name);
    match found {
        Some(entry) => call.ret1(entry.0 as i64),
        None => call.ret1(Value::NIL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let digits = |text: &[u8]| address_digits(text).unwrap_or_default();
        assert_eq!(digits(b"\x00\x0c\x29\xab\xcd\xef"), "000C29ABCDEF");
        assert_eq!(digits(b"000c29ABCDEF"), "000C29ABCDEF");
        assert_eq!(digits(b"00:0c:29:ab:cd:ef"), "000C29ABCDEF");
        assert_eq!(digits(b"00:0c29:abcd:ef"), "000C29ABCDEF");
        assert_eq!(digits(b"000C29"), "303030433239");
        for bad in
            [&b""[..], b"00-0c-29-ab-cd-ef", b"00::0c:29:ab:cd:ef", b"00:0c:29:ab:cd:ef:", b"0:00c29abcdef", b"x"]
        {
            assert_eq!(digits(bad), "", "{bad:?}");
        }
    }

    #[test]
    fn the_longest_prefix_names_the_maker() {
        let makers = parse_makers("# comment\n000C29 First # Inc\n000C29A Second\n000C29AB1 Third\nbad\n12 Short\n");
        let database = Database { services: None, protocols: known_protocols(), makers };
        assert_eq!(database.maker("000C29000000"), Some("First # Inc"));
        assert_eq!(database.maker("000C29A00000"), Some("Second"));
        assert_eq!(database.maker("000C29AB1000"), Some("Third"));
        assert_eq!(database.maker("000C28000000"), None);
    }

    #[test]
    fn files_are_parsed() {
        let services = parse_services("# comment\nhttp 80/tcp 0.48 # web\nother 80/tcp\ndomain\t53/udp 0.2\nbad 1\n");
        assert_eq!(services[&(80, "tcp")], "http");
        assert_eq!(services[&(53, "udp")], "domain");
        assert_eq!(services.len(), 2);
        let protocols = parse_protocols("icmp 1 ICMP # x\ntcp 6\nbad\nworse 300\n");
        assert_eq!(protocols, [(1, "icmp".to_owned()), (6, "tcp".to_owned())]);
        assert!(known_protocols().is_sorted_by(|a, b| a.0 < b.0));
    }
}
