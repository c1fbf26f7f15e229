//! Names of well-known ports, and which ports are worth asking first.
//!
//! The names are those of the IANA registry (`registry.txt`: port, initials of its protocols, name), but where common
//! usage or what scripts ask for differs, or knows a port that is not registered: those stand here. The order of common
//! ports is our own judgement of what a scan is likely to find: first what most machines on a network run, then remote
//! administration, databases and web servers on their usual second ports. It is a total order of all ports, so that any
//! number of them can be chosen.
//!
//! # Source
//! The IANA Service Name and Transport Protocol Port Number Registry as of September 2026, names and numbers only;
//! product documentation for unregistered ports.

use crate::result::Protocol;
use hashbrown::HashMap;
use std::sync::{LazyLock, OnceLock};

/// The table of a file, when one is used in place of ours.
static INSTALLED: OnceLock<Table> = OnceLock::new();

/// What a file in the format of `nmap-services` lists.
#[derive(Debug, Default)]
struct Table {
    /// Name, `None` where only the ratio is known, and ratio.
    ports: HashMap<(Protocol, u16), (Option<String>, f64)>,
    /// Whether any line has a ratio: files of old have none.
    has_ratios: bool,
    /// Ports of a protocol, ascending, and by falling ratio. ORDER: TCP, UDP, SCTP.
    named: [Vec<u16>; 3],
    ranked: [Vec<u16>; 3],
}

/// Uses a file in place of our own table, for the whole process; only the first call counts.
///
/// Lines are `name port/protocol ratio`, the ratio a decimal or `n/d`; the first line of a port wins, a line that does
/// not fit is skipped. A file without ports changes nothing.
pub fn install(text: &[u8]) {
    let table = Table::parse(text);
    if !table.ports.is_empty() {
        let _ = INSTALLED.set(table);
    }
}

impl Table {
    fn parse(text: &[u8]) -> Table {
        let mut table = Table::default();
        for line in String::from_utf8_lossy(text).lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
            let (Some(name), Some((port, protocol))) = (words.next(), words.next().and_then(|it| it.split_once('/')))
            else {
                continue;
            };
            let (Ok(port), Some(protocol)) = (port.parse(), Protocol::from_name(protocol)) else { continue };
            let Some(place) = place(protocol) else { continue };
            let ratio = words.next().and_then(ratio_of);
            table.has_ratios |= ratio.is_some();
            let ratio = ratio.unwrap_or(0.0);
            let name = (name != "unknown").then(|| name.to_owned());
            if table.ports.contains_key(&(protocol, port)) {
                continue;
            }
            table.named[place].push(port);
            table.ranked[place].push(port);
            table.ports.insert((protocol, port), (name, ratio));
        }
        for (place, protocol) in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().enumerate() {
            table.named[place].sort_unstable();
            let ports = &table.ports;
            let ratio = |port: &u16| ports.get(&(protocol, *port)).map_or(0.0, |entry| entry.1);
            // Stable: ties stay in the order of the file.
            table.ranked[place].sort_by(|a, b| ratio(b).total_cmp(&ratio(a)));
        }
        table
    }
}

/// Index into the lists of a table.
fn place(protocol: Protocol) -> Option<usize> {
    match protocol {
        Protocol::Tcp => Some(0),
        Protocol::Udp => Some(1),
        Protocol::Sctp => Some(2),
        Protocol::Ip => None,
    }
}

fn ratio_of(text: &str) -> Option<f64> {
    let ratio = match text.split_once('/') {
        Some((n, d)) => n.parse::<f64>().ok()? / d.parse::<f64>().ok()?,
        None => text.parse().ok()?,
    };
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

/// How often a port was found open; `None` without a file that says it.
pub fn ratio(protocol: Protocol, port: u16) -> Option<f64> {
    INSTALLED.get()?.ports.get(&(protocol, port)).map(|entry| entry.1)
}

/// Whether a file says how often ports were found open.
pub fn has_ratios() -> bool {
    INSTALLED.get().is_some_and(|table| table.has_ratios)
}

/// Whether there is a file that does not say it.
pub fn lacks_ratios() -> bool {
    INSTALLED.get().is_some_and(|table| !table.has_ratios)
}

/// Transports an entry is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum On {
    Tcp,
    Udp,
    Both,
    Sctp,
    /// TCP, UDP and SCTP.
    All,
}

use On::{All, Both, Sctp, Tcp, Udp};

/// The registry, ascending by port: port, initials of protocols, name.
static REGISTRY: LazyLock<Vec<(u16, &str, &str)>> = LazyLock::new(|| {
    let lines = include_str!("registry.txt").lines().map(|line| line.splitn(3, ' '));
    lines.filter_map(|mut words| Some((words.next()?.parse().ok()?, words.next()?, words.next()?))).collect()
});

/// The name of a port, if it is well known.
pub fn name(protocol: Protocol, port: u16) -> Option<&'static str> {
    if let Some(table) = INSTALLED.get() {
        // That a name is unknown is a name, too, where the table says so.
        return Some(table.ports.get(&(protocol, port))?.0.as_deref().unwrap_or("unknown"));
    }
    name_in_use(protocol, port).or_else(|| registered_name(protocol, port))
}

fn name_in_use(protocol: Protocol, port: u16) -> Option<&'static str> {
    let from = SERVICES.partition_point(|entry| entry.0 < port);
    let same = SERVICES[from..].iter().take_while(|entry| entry.0 == port);
    same.filter(|entry| entry.1.includes(protocol)).map(|entry| entry.2).next()
}

fn registered_name(protocol: Protocol, port: u16) -> Option<&'static str> {
    let initial = match protocol {
        Protocol::Tcp => 't',
        Protocol::Udp => 'u',
        Protocol::Sctp => 's',
        Protocol::Ip => return None,
    };
    let from = REGISTRY.partition_point(|entry| entry.0 < port);
    let same = REGISTRY[from..].iter().take_while(|entry| entry.0 == port);
    same.filter(|entry| entry.1.contains(initial)).map(|entry| entry.2).next()
}

/// Whether the table lists the port, the condition of a bracket in a port list.
pub fn is_listed(protocol: Protocol, port: u16) -> bool {
    match INSTALLED.get() {
        Some(table) => table.ports.contains_key(&(protocol, port)),
        None => name(protocol, port).is_some(),
    }
}

/// The named ports of a protocol, ascending.
pub fn named(protocol: Protocol) -> impl Iterator<Item = (u16, &'static str)> {
    let ports = INSTALLED.get().zip(place(protocol)).map(|(table, place)| table.named[place].clone());
    let ports = ports.unwrap_or_else(|| (0..=u16::MAX).collect());
    ports.into_iter().filter_map(move |port| Some((port, name(protocol, port)?)))
}

/// All ports from the most to the least common, each once: the ranked ones, those whose name is in use, the privileged
/// ones, the first ones that systems hand out by themselves, the registered ones, all others; 0 comes last. A file in
/// place of our table says which ports there are at all.
pub fn by_popularity(protocol: Protocol) -> Vec<u16> {
    if let Some(table) = INSTALLED.get() {
        return place(protocol).map_or(Vec::new(), |place| table.ranked[place].clone());
    }
    let ranked: &[u16] = match protocol {
        Protocol::Tcp => &COMMON_TCP,
        Protocol::Udp => &COMMON_UDP,
        Protocol::Sctp | Protocol::Ip => &[],
    };
    let mut seen = vec![false; 1 << 16];
    let in_use = SERVICES.iter().filter(|entry| entry.1.includes(protocol)).map(|entry| entry.0);
    let privileged = (1..1024).chain(49_152..49_200).chain(32_768..32_800);
    let registered = (1024..=u16::MAX).filter(|&port| registered_name(protocol, port).is_some());
    let all = ranked.iter().copied().chain(in_use).chain(privileged).chain(registered);
    let all = all.chain(1024..=u16::MAX).chain([0]);
    all.filter(|&port| !std::mem::replace(&mut seen[usize::from(port)], true)).collect()
}

impl On {
    fn includes(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Tcp => matches!(self, Tcp | Both | All),
            Protocol::Udp => matches!(self, Udp | Both | All),
            Protocol::Sctp => matches!(self, Sctp | All),
            Protocol::Ip => false,
        }
    }
}

/// TCP ports by how likely they are open, best first.
#[rustfmt::skip]
const COMMON_TCP: [u16; 188] = [
    80, 443, 22, 445, 3389, 21, 25, 135, 139, 23, 53, 110, 143, 8080, 993, 995, 587, 3306, 111, 8443, 5900,
    465, 1723, 8000, 5060, 8888, 631, 2049, 5432, 1433, 389, 636, 88, 554, 5985, 9100, 515, 179, 873, 6379,
    27017, 9200, 1521, 5000, 81, 8081, 3000, 9090, 10000, 2222, 5357, 548, 7070, 1883, 8008, 8009, 9000, 5222,
    3128, 1080, 593, 49152, 49153, 49154, 49155, 49156, 49157, 514, 513, 512, 113, 79, 7, 9, 13, 19, 37, 119,
    199, 427, 444, 464, 543, 544, 563, 646, 853, 902, 990, 1025, 1026, 1027, 1194, 1311, 1434, 1720, 1801,
    1900, 2000, 2001, 2082, 2083, 2086, 2087, 2095, 2096, 2121, 2181, 2375, 2376, 2379, 2380, 3260, 3268,
    3269, 3478, 3690, 4000, 4369, 4443, 4444, 4786, 4848, 5001, 5061, 5269, 5353, 5555, 5601, 5666, 5672,
    5800, 5901, 5984, 5986, 6000, 6001, 6443, 6667, 7000, 7001, 7077, 7443, 7547, 7777, 8001, 8002, 8010,
    8042, 8060, 8069, 8082, 8083, 8086, 8088, 8089, 8090, 8091, 8123, 8139, 8161, 8180, 8181, 8291, 8333,
    8500, 8728, 8834, 8883, 8983, 9001, 9042, 9080, 9091, 9092, 9093, 9418, 9443, 9999, 10001, 10250, 11211,
    15672, 25565, 32768, 50000, 61616, 62078,
];

/// UDP ports by how likely they answer, best first.
#[rustfmt::skip]
const COMMON_UDP: [u16; 92] = [
    53, 161, 123, 137, 67, 1900, 5353, 500, 4500, 69, 138, 68, 514, 111, 631, 5060, 1194, 51820, 443, 3702,
    5355, 162, 520, 1812, 1813, 1434, 389, 88, 2049, 3478, 1701, 623, 5683, 47808, 4789, 8472, 6081, 2152,
    5351, 3283, 546, 547, 464, 177, 427, 502, 1645, 1646, 19, 7, 37, 17, 13, 9, 49, 80, 79, 853, 5061, 5349,
    11211, 27015, 27960, 19132, 25565, 10161, 1604, 2123, 3260, 3386, 3389, 4569, 5004, 5005, 5246, 5247,
    5684, 6514, 6881, 7001, 9600, 10000, 17185, 17500, 20000, 30718, 33434, 44818, 34964, 48101, 54915, 64738,
];

/// ORDER: ascending by port. Port, transports, name.
#[rustfmt::skip]
const SERVICES: [(u16, On, &str); 522] = [
    (1, Both, "tcpmux"), (5, Both, "rje"), (7, Both, "echo"), (9, All, "discard"), (11, Both, "systat"),
    (13, Both, "daytime"), (15, Tcp, "netstat"), (17, Both, "qotd"), (18, Both, "msp"), (19, Both, "chargen"),
    (20, All, "ftp-data"), (21, All, "ftp"), (22, All, "ssh"), (23, Both, "telnet"), (25, Both, "smtp"),
    (37, Both, "time"), (39, Both, "rlp"), (42, Both, "nameserver"), (43, Both, "whois"), (49, Both, "tacacs"),
    (50, Both, "re-mail-ck"), (53, Both, "domain"), (63, Both, "whoispp"), (67, Both, "bootps"), (68, Both, "bootpc"),
    (69, Both, "tftp"), (70, Both, "gopher"), (79, Both, "finger"), (80, All, "http"), (81, Tcp, "http-alt"),
    (88, Both, "kerberos-sec"), (95, Both, "supdup"), (98, Tcp, "linuxconf"), (101, Both, "hostname"),
    (102, Both, "iso-tsap"), (104, Both, "acr-nema"), (105, Both, "csnet-ns"), (106, Tcp, "pop3pw"),
    (107, Both, "rtelnet"), (109, Both, "pop2"), (110, Both, "pop3"), (111, Both, "rpcbind"), (113, Both, "ident"),
    (115, Both, "sftp"), (117, Both, "uucp-path"), (118, Both, "sqlserv"), (119, Both, "nntp"), (123, Both, "ntp"),
    (135, Both, "msrpc"), (136, Both, "profile"), (137, Both, "netbios-ns"), (138, Both, "netbios-dgm"),
    (139, Both, "netbios-ssn"), (143, Both, "imap"), (144, Both, "news"), (150, Both, "sql-net"),
    (156, Both, "sqlsrv"), (158, Both, "pcmail-srv"), (161, Both, "snmp"), (162, Both, "snmptrap"),
    (163, Both, "cmip-man"), (164, Both, "cmip-agent"), (174, Both, "mailq"), (177, Both, "xdmcp"),
    (178, Both, "nextstep"), (179, All, "bgp"), (191, Both, "prospero"), (194, Both, "irc"), (199, Both, "smux"),
    (201, Both, "at-rtmp"), (202, Both, "at-nbp"), (204, Both, "at-echo"), (206, Both, "at-zis"), (209, Both, "qmtp"),
    (210, Both, "z39.50"), (213, Both, "ipx"), (218, Both, "mpp"), (220, Both, "imap3"), (259, Both, "esro-gen"),
    (264, Both, "bgmp"), (280, Both, "http-mgmt"), (311, Both, "asip-webadmin"), (318, Both, "pkix-timestamp"),
    (319, Both, "ptp-event"), (320, Both, "ptp-general"), (345, Both, "pawserv"), (346, Both, "zserv"),
    (347, Both, "fatserv"), (366, Both, "odmr"), (369, Both, "rpc2portmap"), (370, Both, "codaauth2"),
    (371, Both, "clearcase"), (383, Both, "hp-alarm-mgr"), (387, Both, "aurp"), (389, Both, "ldap"),
    (401, Both, "ups"), (406, Both, "imsp"), (427, Both, "svrloc"), (433, Both, "nnsp"),
    (434, Both, "mobileip-agent"), (443, All, "https"), (444, Both, "snpp"), (445, Both, "microsoft-ds"),
    (464, Both, "kpasswd"), (465, Tcp, "smtps"), (487, Both, "saft"), (497, Both, "retrospect"),
    (500, Both, "isakmp"), (502, Both, "mbap"), (512, Tcp, "exec"), (512, Udp, "biff"), (513, Tcp, "login"),
    (513, Udp, "who"), (514, Tcp, "shell"), (514, Udp, "syslog"), (515, Both, "printer"), (517, Both, "talk"),
    (518, Both, "ntalk"), (520, Tcp, "efs"), (520, Udp, "route"), (521, Both, "ripng"), (524, Both, "ncp"),
    (525, Both, "timed"), (526, Both, "tempo"), (530, Both, "courier"), (531, Both, "conference"),
    (532, Both, "netnews"), (533, Both, "netwall"), (540, Both, "uucp"), (543, Both, "klogin"), (544, Both, "kshell"),
    (546, Both, "dhcpv6-client"), (547, Both, "dhcpv6-server"), (548, Both, "afp"), (554, Both, "rtsp"),
    (556, Both, "remotefs"), (563, Both, "snews"), (587, Both, "submission"), (591, Both, "http-alt"),
    (593, Both, "http-rpc-epmap"), (601, Both, "syslog-conn"), (623, Both, "asf-rmcp"),
    (625, Tcp, "apple-xsrvr-admin"), (626, Udp, "serialnumberd"), (631, Both, "ipp"), (636, Both, "ldapssl"),
    (639, Both, "msdp"), (646, Both, "ldp"), (647, Both, "dhcp-failover"), (648, Both, "rrp"), (652, Both, "dtcp"),
    (654, Both, "aodv"), (660, Both, "mac-srvr-admin"), (666, Both, "doom"), (674, Both, "acap"),
    (688, Both, "realm-rusd"), (691, Both, "msexch-routing"), (694, Both, "ha-cluster"), (698, Both, "olsr"),
    (700, Both, "epp"), (702, Both, "iris-beep"), (706, Both, "silc"), (749, Both, "kerberos-adm"),
    (750, Both, "kerberos"), (751, Both, "kerberos_master"), (754, Tcp, "krb_prop"), (765, Both, "webster"),
    (777, Both, "multiling-http"), (783, Tcp, "spamassassin"), (829, Both, "pkix-3-ca-ra"),
    (830, Both, "netconf-ssh"), (831, Both, "netconf-beep"), (843, Tcp, "flash-policy"),
    (847, Both, "dhcp-failover2"), (848, Both, "gdoi"), (853, Both, "domain-s"), (860, Both, "iscsi"),
    (861, Both, "owamp-control"), (873, Both, "rsync"), (888, Both, "cddbp"), (898, Tcp, "sun-manageconsole"),
    (901, Tcp, "samba-swat"), (902, Tcp, "iss-realsecure"), (903, Both, "iss-console-mgr"), (912, Both, "apex-mesh"),
    (953, Tcp, "rndc"), (989, Both, "ftps-data"), (990, Both, "ftps"), (991, Both, "nas"), (992, Both, "telnets"),
    (993, Both, "imaps"), (994, Both, "ircs"), (995, Both, "pop3s"), (1080, Both, "socks"),
    (1099, Both, "rmiregistry"), (1109, Tcp, "kpop"), (1110, Tcp, "nfsd-status"), (1110, Udp, "nfsd-keepalive"),
    (1194, Both, "openvpn"), (1214, Both, "kazaa"), (1220, Both, "quicktime"), (1241, Both, "nessus"),
    (1270, Both, "opsmgr"), (1311, Both, "rxmon"), (1344, Both, "icap"), (1352, Both, "lotusnotes"),
    (1433, Both, "ms-sql-s"), (1434, Both, "ms-sql-m"), (1494, Both, "citrix-ica"), (1500, Both, "vlsi-lm"),
    (1503, Both, "imtc-mcs"), (1512, Both, "wins"), (1521, Both, "oracle-tns"), (1524, Both, "ingreslock"),
    (1525, Both, "orasrv"), (1527, Both, "tlisrv"), (1589, Both, "vqp"), (1604, Both, "icabrowser"),
    (1645, Both, "radius"), (1646, Both, "radacct"), (1701, Both, "l2tp"), (1718, Both, "h323gatedisc"),
    (1719, Both, "h323gatestat"), (1720, Both, "h323q931"), (1723, Both, "pptp"), (1755, Both, "wms"),
    (1761, Both, "landesk-rc"), (1801, Both, "msmq"), (1812, Both, "radius"), (1813, Both, "radacct"),
    (1863, Both, "msnp"), (1880, Tcp, "node-red"), (1883, Both, "mqtt"), (1900, Both, "upnp"), (1935, Both, "rtmp"),
    (1984, Both, "bigbrother"), (1985, Both, "hsrp"), (2000, Both, "cisco-sccp"), (2002, Both, "globe"),
    (2049, All, "nfs"), (2082, Both, "infowave"), (2083, Both, "radsec"), (2086, Both, "gnunet"), (2087, Both, "eli"),
    (2095, Both, "nbx-ser"), (2096, Both, "nbx-dir"), (2100, Both, "amiganetfs"), (2103, Both, "zephyr-clt"),
    (2121, Tcp, "ccproxy-ftp"), (2152, Both, "gtp-user"), (2181, Tcp, "zookeeper"), (2222, Tcp, "ssh-alt"),
    (2223, Both, "rockwell-csp2"), (2375, Tcp, "docker"), (2376, Tcp, "docker-s"), (2377, Tcp, "swarm"),
    (2379, Tcp, "etcd-client"), (2380, Tcp, "etcd-server"), (2401, Both, "cvspserver"), (2404, Both, "iec-104"),
    (2427, Both, "mgcp-gateway"), (2483, Both, "ttc"), (2484, Both, "ttc-ssl"), (2525, Tcp, "smtp-alt"),
    (2601, Tcp, "zebra"), (2602, Tcp, "ripd"), (2603, Tcp, "ripngd"), (2604, Tcp, "ospfd"), (2605, Tcp, "bgpd"),
    (2628, Both, "dict"), (2638, Both, "sybase"), (2727, Both, "mgcp-callagent"), (2775, Both, "smpp"),
    (2809, Both, "corbaloc"), (2869, Both, "icslap"), (2905, Sctp, "m3ua"), (2944, All, "megaco-h248"),
    (2945, All, "h248-binary"), (2947, Both, "gpsd"), (2967, Both, "ssc-agent"), (3000, Tcp, "ppp"),
    (3020, Both, "cifs"), (3050, Both, "gds_db"), (3074, Both, "xbox"), (3128, Tcp, "squid-http"),
    (3205, Both, "isns"), (3260, Both, "iscsi"), (3268, Both, "globalcatLDAP"), (3269, Both, "globalcatLDAPssl"),
    (3283, Both, "netassistant"), (3299, Both, "saprouter"), (3306, Both, "mysql"), (3310, Both, "clam"),
    (3386, Both, "gprs-data"), (3389, Both, "ms-wbt-server"), (3478, Both, "stun"), (3483, Both, "slim-devices"),
    (3493, Both, "nut"), (3544, Both, "teredo"), (3632, Both, "distccd"), (3653, Both, "tsp"),
    (3659, Both, "apple-sasl"), (3689, Both, "rendezvous"), (3690, Both, "svn"), (3702, Both, "ws-discovery"),
    (3724, Both, "blizwow"), (3784, Both, "bfd-control"), (3785, Both, "bfd-echo"), (3868, All, "diameter"),
    (4000, Tcp, "remoteanything"), (4045, Both, "lockd"), (4190, Both, "sieve"), (4321, Both, "rwhois"),
    (4369, Both, "epmd"), (4443, Both, "pharos"), (4444, Tcp, "krb524"), (4500, Both, "ipsec-nat-t"),
    (4505, Tcp, "salt-publish"), (4506, Tcp, "salt-master"), (4567, Both, "tram"), (4569, Both, "iax2"),
    (4646, Tcp, "nomad"), (4712, Both, "pulseaudio"), (4739, All, "ipfix"), (4786, Tcp, "smart-install"),
    (4848, Tcp, "appserv-http"), (4899, Both, "radmin"), (4949, Both, "munin"), (5000, Both, "upnp"),
    (5001, Both, "commplex-link"), (5003, Both, "filemaker"), (5004, Both, "rtp-data"), (5005, Both, "rtcp-data"),
    (5050, Both, "mmcc"), (5060, All, "sip"), (5061, All, "sips"), (5093, Both, "sentinel-lm"), (5190, Both, "aol"),
    (5222, Both, "xmpp-client"), (5223, Tcp, "hpvirtgrp"), (5246, Udp, "capwap-control"), (5247, Udp, "capwap-data"),
    (5269, Both, "xmpp-server"), (5280, Both, "xmpp-bosh"), (5298, Both, "presence"), (5349, Both, "stuns"),
    (5351, Both, "nat-pmp"), (5353, Both, "mdns"), (5355, Both, "llmnr"), (5357, Both, "wsdapi"),
    (5358, Both, "wsdapi-s"), (5432, Both, "postgresql"), (5555, Tcp, "adb"), (5556, Both, "freeciv"),
    (5601, Tcp, "kibana"), (5631, Both, "pcanywheredata"), (5632, Both, "pcanywherestat"), (5666, Tcp, "nrpe"),
    (5667, Tcp, "nsca"), (5671, Both, "amqps"), (5672, All, "amqp"), (5683, Both, "coap"), (5684, Both, "coaps"),
    (5800, Tcp, "vnc-http"), (5801, Tcp, "vnc-http-1"), (5900, Both, "vnc"), (5901, Tcp, "vnc-1"),
    (5902, Tcp, "vnc-2"), (5903, Tcp, "vnc-3"), (5938, Both, "teamviewer"), (5984, Both, "couchdb"),
    (5985, Both, "wsman"), (5986, Both, "wsmans"), (6000, Both, "X11"), (6001, Both, "X11:1"), (6002, Both, "X11:2"),
    (6003, Both, "X11:3"), (6081, Udp, "geneve"), (6346, Both, "gnutella"), (6347, Both, "gnutella2"),
    (6379, Tcp, "redis"), (6443, Tcp, "sun-sr-https"), (6481, Both, "servicetags"), (6514, Both, "syslog-tls"),
    (6543, Both, "mythtv"), (6566, Tcp, "sane-port"), (6600, Tcp, "mshvlm"), (6633, Tcp, "openflow"),
    (6653, Both, "openflow"), (6665, Tcp, "irc"), (6666, Tcp, "irc"), (6667, Tcp, "irc"), (6668, Tcp, "irc"),
    (6669, Tcp, "irc"), (6697, Tcp, "ircs-u"), (6881, Tcp, "bittorrent-tracker"), (6969, Tcp, "acmsoda"),
    (7000, Both, "afs3-fileserver"), (7001, Both, "afs3-callback"), (7002, Both, "afs3-prserver"),
    (7003, Both, "afs3-vlserver"), (7004, Both, "afs3-kaserver"), (7070, Tcp, "arcp"), (7077, Tcp, "spark"),
    (7200, Both, "fodms"), (7210, Both, "maxdb"), (7443, Both, "oracleas-https"), (7474, Tcp, "neo4j"),
    (7547, Both, "cwmp"), (7680, Tcp, "pando-pub"), (7777, Tcp, "cbt"), (8000, Both, "http-alt"),
    (8001, Tcp, "vcs-appserver"), (8008, Both, "http"), (8009, Tcp, "ajp13"), (8042, Tcp, "fs-agent"),
    (8080, Both, "http-proxy"), (8081, Tcp, "sunproxyadmin"), (8082, Tcp, "us-cli"), (8086, Tcp, "influxdb"),
    (8088, Both, "radan-http"), (8089, Tcp, "splunkd"), (8090, Tcp, "opsmessaging"), (8091, Tcp, "jamlink"),
    (8118, Both, "privoxy"), (8123, Tcp, "polipo"), (8140, Tcp, "puppet"), (8161, Tcp, "patrol-snmp"),
    (8172, Tcp, "wmsvc"), (8180, Tcp, "http-alt"), (8200, Tcp, "trivnet1"), (8291, Tcp, "winbox"),
    (8333, Tcp, "bitcoin"), (8443, Both, "https-alt"), (8500, Tcp, "consul"), (8649, Tcp, "ganglia"),
    (8728, Tcp, "routeros-api"), (8729, Tcp, "routeros-apis"), (8765, Tcp, "ultraseek-http"), (8787, Tcp, "msgsrvr"),
    (8834, Tcp, "nessus-xmlrpc"), (8883, Both, "secure-mqtt"), (8888, Tcp, "ddi-tcp-1"), (8983, Tcp, "solr"),
    (9000, Tcp, "cslistener"), (9001, Tcp, "tor-orport"), (9009, Tcp, "pichat"), (9042, Tcp, "cassandra"),
    (9050, Tcp, "tor-socks"), (9051, Tcp, "tor-control"), (9080, Both, "glrpc"), (9090, Tcp, "websm"),
    (9091, Tcp, "xmltec-xmlmail"), (9092, Tcp, "kafka"), (9100, Both, "jetdirect"), (9101, Both, "bacula-dir"),
    (9102, Both, "bacula-fd"), (9103, Both, "bacula-sd"), (9160, Tcp, "cassandra-thrift"),
    (9200, Tcp, "elasticsearch"), (9300, Tcp, "elasticsearch-node"), (9389, Both, "adws"), (9418, Both, "git"),
    (9443, Both, "tungsten-https"), (9535, Both, "man"), (9600, Udp, "omron"), (9695, Both, "ccnx"),
    (9876, Both, "sd"), (9899, Sctp, "sctp-tunneling"), (9900, All, "iua"), (9999, Tcp, "distinct"),
    (10000, Both, "ndmp"), (10050, Both, "zabbix-agent"), (10051, Both, "zabbix-trapper"), (10080, Both, "amanda"),
    (10250, Tcp, "kubelet"), (10809, Tcp, "nbd"), (11211, Both, "memcache"), (11371, Both, "pksd"),
    (13720, Both, "netbackup"), (13722, Tcp, "bpjava-msvc"), (13782, Both, "netbackup-bpcd"), (13783, Both, "vopied"),
    (15672, Tcp, "rabbitmq-admin"), (16992, Both, "amt-soap-http"), (16993, Both, "amt-soap-https"),
    (17185, Udp, "wdbrpc"), (17500, Both, "dropbox-lansync"), (18080, Tcp, "xmr-rpc"), (19132, Udp, "minecraft-be"),
    (20000, Both, "dnp"), (20031, Udp, "bakbonenetvault"), (22273, Both, "wnn6"), (25565, Tcp, "minecraft"),
    (26000, Both, "quake"), (27015, Both, "halflife"), (27017, Tcp, "mongodb"), (27018, Tcp, "mongodb-shard"),
    (27019, Tcp, "mongodb-config"), (27960, Udp, "quake3"), (28015, Tcp, "rethinkdb"), (28017, Tcp, "mongodb-http"),
    (30718, Both, "lantronix"), (31337, Both, "eldim"), (32400, Tcp, "plex"), (33060, Both, "mysqlx"),
    (33434, Both, "traceroute"), (33848, Udp, "jenkins"), (34567, Tcp, "dvr"), (35357, Tcp, "openstack-id"),
    (37777, Tcp, "dahua-dvr"), (44818, Both, "ethernet-ip"), (47808, Both, "bacnet"), (50000, Tcp, "ibm-db2"),
    (50070, Tcp, "hadoop-namenode"), (51413, Both, "transmission"), (51820, Udp, "wireguard"),
    (55553, Tcp, "metasploit-rpc"), (61613, Tcp, "stomp"), (61616, Tcp, "activemq"), (62078, Tcp, "iphone-sync"),
    (64738, Both, "murmur"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read() {
        let text =
            b"# c\nhttp\t80/tcp\t0.5 # web\nother 80/tcp 1\nunknown 9/tcp 3/4\nx 7/tcp 0.5\nd 53/udp 0.2\nbad 1\n";
        let table = Table::parse(text);
        assert_eq!(table.ports[&(Protocol::Tcp, 80)], (Some("http".into()), 0.5));
        assert_eq!(table.ports[&(Protocol::Tcp, 9)], (None, 0.75));
        assert_eq!(table.ranked, [vec![9, 80, 7], vec![53], vec![]]);
        assert_eq!(table.named[0], [7, 9, 80]);
    }

    #[test]
    fn table_is_ascending_and_unambiguous() {
        assert!(SERVICES.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            let ports: Vec<u16> = named(protocol).map(|(port, _)| port).collect();
            assert!(ports.windows(2).all(|pair| pair[0] < pair[1]), "{protocol}: a port has two names");
        }
        assert!(REGISTRY.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(REGISTRY.len(), include_str!("registry.txt").lines().count());
    }

    #[test]
    fn names_depend_on_the_protocol() {
        assert_eq!(name(Protocol::Tcp, 514), Some("shell"));
        assert_eq!(name(Protocol::Udp, 514), Some("syslog"));
        assert_eq!(name(Protocol::Sctp, 80), Some("http"));
        assert_eq!((name(Protocol::Tcp, 3), name(Protocol::Ip, 6)), (None, None));
        assert_eq!((name(Protocol::Tcp, 1328), name(Protocol::Sctp, 1328)), (Some("ewall"), None));
        // In use under another name than the registered one.
        assert_eq!((name(Protocol::Tcp, 111), registered_name(Protocol::Tcp, 111)), (Some("rpcbind"), Some("sunrpc")));
    }

    #[test]
    fn order_has_every_port_once() {
        for (protocol, first) in [(Protocol::Tcp, 80), (Protocol::Udp, 53), (Protocol::Sctp, 9)] {
            let mut order = by_popularity(protocol);
            assert_eq!(order[0], first);
            order.sort_unstable();
            assert!(order.iter().copied().eq(0..=u16::MAX), "{protocol}");
        }
    }

    #[test]
    fn ranked_ports_are_distinct() {
        for ranked in [&COMMON_TCP[..], &COMMON_UDP] {
            let mut ports = ranked.to_vec();
            ports.sort_unstable();
            assert!(ports.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
