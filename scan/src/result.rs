//! What a run found: plain data that scans and scripts fill and reports print.
//!
//! Nothing here decides or formats, so that every output is written from the same facts. Times of day are seconds since
//! 1970; round-trip times are microseconds. Text that came from the network stays bytes until a report escapes it.

use std::fmt;
use std::net::IpAddr;

/// Generates an enum whose variants have fixed names in outputs and scripts: one list for both directions.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// The name in outputs and scripts.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

named! {
    /// Transport of a port. The order is that of port tables.
    Protocol { Tcp = "tcp", Udp = "udp", Sctp = "sctp", Ip = "ip" }
}

named! {
    /// Whether a host answers.
    HostState {
        Up = "up",
        Down = "down",
        /// Listed, never asked.
        Unknown = "unknown",
        Skipped = "skipped",
    }
}

named! {
    /// What the evidence says about a port.
    PortState {
        Open = "open",
        Closed = "closed",
        Filtered = "filtered",
        Unfiltered = "unfiltered",
        OpenFiltered = "open|filtered",
        ClosedFiltered = "closed|filtered",
    }
}

impl PortState {
    /// Whether the port may be open.
    pub fn can_be_open(self) -> bool {
        matches!(self, PortState::Open | PortState::OpenFiltered)
    }
}

named! {
    /// The evidence for a state; one vocabulary for hosts and ports.
    Reason {
        Reset = "reset",
        ConnRefused = "conn-refused",
        SynAck = "syn-ack",
        SplitHandshakeSyn = "split-handshake-syn",
        UdpResponse = "udp-response",
        ProtoResponse = "proto-response",
        PermDenied = "perm-denied",
        NetUnreach = "net-unreach",
        HostUnreach = "host-unreach",
        ProtoUnreach = "proto-unreach",
        PortUnreach = "port-unreach",
        EchoReply = "echo-reply",
        DestUnreach = "dest-unreach",
        SourceQuench = "source-quench",
        NetProhibited = "net-prohibited",
        HostProhibited = "host-prohibited",
        AdminProhibited = "admin-prohibited",
        TimeExceeded = "time-exceeded",
        TimestampReply = "timestamp-reply",
        AddressmaskReply = "addressmask-reply",
        NoIpidChange = "no-ipid-change",
        IpidChange = "ipid-change",
        ArpResponse = "arp-response",
        NdResponse = "nd-response",
        TcpResponse = "tcp-response",
        NoResponse = "no-response",
        InitAck = "init-ack",
        Abort = "abort",
        LocalhostResponse = "localhost-response",
        /// A script changed the state.
        ScriptSet = "script-set",
        UnknownResponse = "unknown-response",
        /// The user said so: `-Pn`.
        UserSet = "user-set",
        NoRoute = "no-route",
        BeyondScope = "beyond-scope",
        RejectRoute = "reject-route",
        ParamProblem = "param-problem",
    }
}

/// One scanned address.
#[derive(Clone, Debug)]
pub struct Host {
    pub address: IpAddr,
    /// The name as the user wrote it.
    pub target_name: Option<String>,
    /// The name that reverse resolution gave.
    pub reverse_name: Option<String>,
    /// Further addresses of `target_name`, not scanned.
    pub other_addresses: Vec<IpAddr>,
    pub state: HostState,
    pub reason: Reason,
    /// Time to live of the answer, 0 when there was none or it is not known.
    pub reason_ttl: u8,
    /// Seconds since 1970.
    pub started_at: u64,
    pub ended_at: u64,
    /// The TCP or UDP port whose answer showed that it is up.
    pub seen_by: Option<(Protocol, u16)>,
    /// `None`: nothing was measured.
    pub times: Option<Times>,
    /// Hardware address of a neighbour on the same link.
    pub mac: Option<[u8; 6]>,
    /// Who made the hardware.
    pub mac_vendor: Option<String>,
    /// The way to it, if that was asked for.
    pub trace: Option<Trace>,
    /// What is left of `--host-timeout`, milliseconds; phases count it down and end with it.
    pub time_left_ms: Option<u64>,
    /// `--host-timeout` ended the work on it.
    pub timed_out: bool,
    /// The run was stopped before all was done.
    pub is_partial: bool,
    /// Ascending by protocol and number.
    pub ports: Vec<Port>,
    /// Results of host scripts, by script id.
    pub scripts: Vec<ScriptResult>,
}

impl Host {
    /// A host nothing is known of but that the user said it is up (`-Pn`).
    pub fn new(address: IpAddr) -> Host {
        Host {
            address,
            target_name: None,
            reverse_name: None,
            other_addresses: Vec::new(),
            state: HostState::Up,
            reason: Reason::UserSet,
            reason_ttl: 0,
            started_at: 0,
            ended_at: 0,
            seen_by: None,
            times: None,
            mac: None,
            mac_vendor: None,
            trace: None,
            time_left_ms: None,
            timed_out: false,
            is_partial: false,
            ports: Vec::new(),
            scripts: Vec::new(),
        }
    }

    /// Takes what a phase needed off the time that is left; none left: it timed out.
    pub fn spend(&mut self, spent_ms: u64) {
        if let Some(left) = &mut self.time_left_ms {
            *left = left.saturating_sub(spent_ms);
            self.timed_out |= *left == 0;
        }
    }

    /// The user's name, else the one of reverse resolution.
    pub fn name(&self) -> Option<&str> {
        self.target_name.as_deref().or(self.reverse_name.as_deref())
    }
}

/// Round-trip estimate of a host, microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    pub srtt_us: u64,
    pub rttvar_us: u64,
    /// How long a probe waits for its answer.
    pub timeout_us: u64,
}

/// The way to a host.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    /// What the probes were: a TCP or UDP port; `None`: ICMP.
    pub port: Option<(Protocol, u16)>,
    /// Ascending by `ttl`; those that did not answer are left out.
    pub hops: Vec<Hop>,
}

/// A router on the way, or the host itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Hop {
    pub ttl: u8,
    pub address: IpAddr,
    pub name: Option<String>,
    pub rtt_us: u64,
}

/// One port of a host.
#[derive(Clone, Debug)]
pub struct Port {
    pub number: u16,
    pub protocol: Protocol,
    pub state: PortState,
    pub reason: Reason,
    pub reason_ttl: u8,
    /// Who gave the evidence, if not the host itself.
    pub reason_address: Option<IpAddr>,
    /// Name from the table of well-known ports; `version` may know better.
    pub service: Option<String>,
    /// What version detection or a script found out.
    pub version: Option<Box<Version>>,
    /// By script id.
    pub scripts: Vec<ScriptResult>,
}

impl Port {
    /// The probed service name, else that of the table.
    pub fn service_name(&self) -> Option<&str> {
        self.version.as_deref().and_then(|version| version.name.as_deref()).or(self.service.as_deref())
    }
}

/// What is known about a service beyond the number of its port.
#[derive(Clone, Default, Debug)]
pub struct Version {
    pub name: Option<String>,
    pub product: Option<String>,
    pub version: Option<String>,
    pub extra_info: Option<String>,
    pub hostname: Option<String>,
    pub os_type: Option<String>,
    pub device_type: Option<String>,
    /// The answers of a service nobody knows, as fingerprint text.
    pub fingerprint: Option<String>,
    /// The service speaks inside TLS.
    pub tls_tunnel: bool,
    /// The service was asked; otherwise the name comes from the table.
    pub probed: bool,
    /// 0 to 10; a name of the table has 3.
    pub confidence: u8,
    /// In the order applications, hardware, operating systems.
    pub cpes: Vec<String>,
}

/// What one script gave for a host, a port or a phase.
#[derive(Clone, PartialEq, Debug)]
pub struct ScriptResult {
    pub id: String,
    /// The text as the script made it, not yet escaped.
    pub output: Vec<u8>,
    /// The table it returned, if it did.
    pub structured: Option<Element>,
}

/// A value of a script's structured output.
#[derive(Clone, PartialEq, Debug)]
pub enum Element {
    Text(Vec<u8>),
    /// Pairs in output order; a list item has no key.
    Table(Vec<(Option<Vec<u8>>, Element)>),
}

/// One kind of scan on one protocol, for the head of the reports.
#[derive(Clone, Debug)]
pub struct ScanInfo {
    /// `connect`, `syn`, `udp` …
    pub kind: &'static str,
    pub protocol: Protocol,
    /// Ascending.
    pub ports: Vec<u16>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    Success,
    /// The message is for people.
    Error(String),
}

/// Raw packets and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    pub sent: u64,
    pub sent_bytes: u64,
    pub received: u64,
    pub received_bytes: u64,
}

impl Traffic {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Traffic) {
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.received += other.received;
        self.received_bytes += other.received_bytes;
    }
}

/// What concerns the whole run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The command line, options first, special characters quoted.
    pub command_line: String,
    /// Seconds since 1970.
    pub started_at: u64,
    pub ended_at: u64,
    /// Finer than the difference of the two.
    pub elapsed_ms: u64,
    pub verbose: u8,
    pub debugging: u8,
    pub scans: Vec<ScanInfo>,
    /// The command line as words, without the program's name.
    pub args: Vec<String>,
    /// What random choices follow.
    pub seed: u64,
    /// Expressions that named no target.
    pub rejected_targets: Vec<String>,
    pub hosts_up: u64,
    pub hosts_down: u64,
    /// Results before the first and after the last host, by script id.
    pub prescripts: Vec<ScriptResult>,
    pub postscripts: Vec<ScriptResult>,
    pub exit: Exit,
    /// `None`: everything went over sockets.
    pub raw: Option<Traffic>,
}

impl Run {
    /// A run that has just started.
    pub fn new(command_line: String, started_at: u64) -> Run {
        Run {
            command_line,
            started_at,
            ended_at: started_at,
            elapsed_ms: 0,
            verbose: 0,
            debugging: 0,
            scans: Vec::new(),
            args: Vec::new(),
            seed: 0,
            rejected_targets: Vec::new(),
            hosts_up: 0,
            hosts_down: 0,
            prescripts: Vec::new(),
            postscripts: Vec::new(),
            exit: Exit::Success,
            raw: None,
        }
    }

    /// All hosts that were counted.
    pub fn hosts_total(&self) -> u64 {
        self.hosts_up + self.hosts_down
    }
}
