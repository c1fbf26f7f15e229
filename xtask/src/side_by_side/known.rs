//! What changes by itself, and the differences that stay, each with its reason.

/// Scripts whose results change by themselves: times, counters, salts.
pub const CHANGING: [&str; 35] = [
    "banner",
    "clock-skew",
    "daytime",
    "ftp-brute",
    "ftp-syst",
    "http-apache-server-status",
    "http-chrono",
    "http-date",
    "http-headers",
    "http-brute",
    "imap-brute",
    "ldap-brute",
    "memcached-info",
    "mqtt-subscribe",
    "mysql-brute",
    "mysql-enum",
    "mysql-info",
    "mysql-variables",
    "ntp-info",
    "pgsql-brute",
    "pop3-brute",
    "redis-info",
    "rfc868-time",
    "sip-enum-users",
    "smb-enum-shares",
    "smb-os-discovery",
    "smb2-time",
    "snmp-info",
    "snmp-interfaces",
    "snmp-sysdescr",
    "ssh-brute",
    "ssl-date",
    "svn-brute",
    "telnet-brute",
    "vnc-brute",
];

/// Differences that stay, or do while the reference happens to say the same three times: the script and why.
pub const KNOWN: &[(&str, &str)] = &[
    ("clock-skew", "is printed or not as the clock turns: whole seconds are compared"),
    ("http-apache-server-status", "lists the virtual hosts of the requests under way"),
    ("http-date", "says how far the clocks are apart in whole seconds, which turn between the two requests"),
    ("mqtt-subscribe", "the broker sends another choice of its counters each time"),
    ("mysql-variables", "holds random numbers and times, also in letters; the reference's script fails now and then"),
    ("port-states", "the reference sends nothing to a SIP port that it would answer; ours finds it open"),
    ("smb-ls", "smb-enum-shares, which runs beside it, writes a file to try, and the folder's time changes"),
    ("snmp-netstat", "lists the connections of this moment"),
    ("snmp-processes", "lists the processes of this moment"),
    ("smb2-capabilities", "the server offers several credits or not, as it happens; the reference differs from itself"),
    ("ssl-ccs-injection", "the server answers or closes, as it happens; the reference differs from itself"),
    ("ssl-dh-params", "numbers its groups in the order of a table that has none; the reference differs from itself"),
];

/// Differences that stay when Nmap's scripts run on our libraries: the script, or the service and the script, and why.
pub const OWN_KNOWN: &[(&str, &str)] = &[
    ("http-useragent-tester", "names the user agent of the library, which is its own"),
    ("imap-capabilities", "the reference takes words at the end of the answer for capabilities"),
    ("nginx, deflated http-generator", "the reference does not inflate what is deflated"),
    ("nginx, deflated http-title", "the reference does not inflate what is deflated"),
    ("rsync-list-modules", "the reference's library does not understand version 32 of the protocol"),
    ("smb-enum-shares", "the reference takes a share that is read only for one that is not"),
    ("smb-os-discovery", "the reference leaves the octet that ends a name in the name"),
    ("snmp-interfaces", "version 7.93 of the reference loses the colons of addresses"),
    ("ssh-hostkey", "version 7.93 of the reference loses the colons, and keys that sign with newer hashes"),
];

/// Scripts that tell of the moment, or of the scanner: counters, connections, processes, clocks, and what is not known.
/// That they tell something is a fact; what they tell is none.
pub const OF_THE_MOMENT: [&str; 4] = ["clock-skew", "mqtt-subscribe", "snmp-netstat", "snmp-processes"];

/// Facts that the bare binary does not tell: the script, or place and subject; words of the fact; and why.
pub const EXCUSED: &[(&str, &str, &str)] = &[
    ("http-open-proxy", "redirecting", "the server is no proxy, but sends its own page whatever the host"),
    ("imap-capabilities", "", "the reference takes words at the end of the answer for capabilities"),
    ("smb-os-discovery", "\\x00", "the reference leaves the octet that ends a name in the name"),
    ("tcp/389 service", "version", "the server is version 2.5.13; the reference takes it for a much older one"),
    ("tcp/10809 service", "tcpwrapped", "the server starts again after each bad connection, and is met while it does"),
];

/// Why a result of a case differs when Nmap's scripts run on our libraries, if there is a reason.
pub fn own_reason(case: &str, script: &str) -> Option<&'static str> {
    let in_case = format!("{case} {script}");
    let mut known = KNOWN.iter().chain(OWN_KNOWN);
    known.find(|(known, _)| *known == script || *known == in_case).map(|(_, reason)| *reason)
}
