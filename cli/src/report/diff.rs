//! What changed between two scans: hosts and ports that came, went or are something else now.

use super::text;
use perilune_scan::result::{Host, HostState, Port};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines of difference, with `-` for what was and `+` for what is; empty when nothing changed.
///
/// States that a scan folded into a count are compared, too; what was not scanned in one of them is not.
pub fn diff(before: &[Host], after: &[Host]) -> String {
    let by_address = |hosts: &[Host]| -> BTreeMap<_, Host> {
        hosts.iter().filter(|host| host.state == HostState::Up).map(|host| (host.address, host.clone())).collect()
    };
    let (before, after) = (by_address(before), by_address(after));
    let mut out = String::new();
    let addresses: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for address in addresses {
        match (before.get(address), after.get(address)) {
            (Some(old), None) => out.push_str(&whole('-', old)),
            (None, Some(new)) => out.push_str(&whole('+', new)),
            (Some(old), Some(new)) => out.push_str(&changed(old, new)),
            (None, None) => {}
        }
    }
    out
}

fn title(host: &Host) -> String {
    match host.name() {
        Some(name) => format!("{} ({})", text::printable(name.as_bytes()), host.address),
        None => host.address.to_string(),
    }
}

fn whole(mark: char, host: &Host) -> String {
    let mut out = format!("{mark}{}: {}\n", title(host), host.state);
    for port in host.ports.iter().filter(|port| port.state.can_be_open()) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{mark}  {}", line(port));
    }
    out
}

fn changed(old: &Host, new: &Host) -> String {
    let ports = |host: &Host| -> BTreeMap<_, Port> {
        host.ports.iter().map(|port| ((port.protocol, port.number), port.clone())).collect()
    };
    let (old_ports, new_ports) = (ports(old), ports(new));
    let keys: std::collections::BTreeSet<_> = old_ports.keys().chain(new_ports.keys()).collect();
    let mut lines = String::new();
    if let (Some(before), Some(after)) = (old.mac, new.mac)
        && before != after
    {
        let (before, after) = (text::mac(&before), text::mac(&after));
        let _ = writeln!(lines, "-  hardware address {before}\n+  hardware address {after}");
    }
    for key in keys {
        let (before, after) = (old_ports.get(key), new_ports.get(key));
        let open = |port: Option<&Port>| port.is_some_and(|port| port.state.can_be_open());
        let (before_line, after_line) = (before.map(line), after.map(line));
        let differs = before.zip(after).is_some_and(|(before, after)| !is_same(before, after));
        let came_or_went = before.is_none() != after.is_none() && (open(before) || open(after));
        if differs || came_or_went {
            lines.extend(before_line.map(|line| format!("-  {line}\n")));
            lines.extend(after_line.map(|line| format!("+  {line}\n")));
        }
        if let (Some(before), Some(after)) = (before, after) {
            lines.push_str(&scripts(&line(after), &before.scripts, &after.scripts));
        }
    }
    lines.push_str(&scripts("host", &old.scripts, &new.scripts));
    if old.name() != new.name() {
        return format!("-{}\n+{}\n{lines}", title(old), title(new));
    }
    if lines.is_empty() { lines } else { format!(" {}:\n{lines}", title(new)) }
}

/// Whether a port is what it was. A name that is only looked up says what list was used, nothing about the port.
fn is_same(before: &Port, after: &Port) -> bool {
    let is_probed = |port: &Port| port.version.as_deref().is_some_and(|version| version.probed);
    if is_probed(before) || is_probed(after) {
        return line(before) == line(after);
    }
    before.state == after.state && text::version(before) == text::version(after)
}

fn line(port: &Port) -> String {
    let service = text::printable(port.service_name().unwrap_or("unknown").as_bytes());
    let tunnel = if port.version.as_deref().is_some_and(|version| version.tls_tunnel) { "ssl/" } else { "" };
    let version = text::version(port);
    let text = format!("{}/{} {} {tunnel}{service} {version}", port.number, port.protocol, port.state);
    text.trim_end().to_owned()
}

/// Scripts whose output differs.
fn scripts(
    place: &str,
    old: &[perilune_scan::result::ScriptResult],
    new: &[perilune_scan::result::ScriptResult],
) -> String {
    let find = |results: &[perilune_scan::result::ScriptResult], id: &str| {
        results.iter().find(|result| result.id == id).map(|result| text::printable(&result.output))
    };
    let ids: std::collections::BTreeSet<&str> = old.iter().chain(new).map(|result| result.id.as_str()).collect();
    let mut out = String::new();
    for id in ids {
        let (before, after) = (find(old, id), find(new, id));
        if before == after {
            continue;
        }
        let _ = writeln!(out, "   {place}, {id}:");
        for (mark, text) in [('-', before), ('+', after)] {
            for line in text.iter().flat_map(|text| text.trim_matches('\n').lines()) {
                let _ = writeln!(out, "{mark}    {line}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use perilune_scan::result::{PortState, Protocol, Reason, ScriptResult, Version};

    fn host(address: &str, ports: &[(u16, PortState)]) -> Host {
        let mut host = Host::new(address.parse().unwrap());
        host.ports = ports
            .iter()
            .map(|&(number, state)| Port {
                number,
                protocol: Protocol::Tcp,
                state,
                reason: Reason::SynAck,
                reason_ttl: 0,
                reason_address: None,
                service: None,
                version: None,
                scripts: Vec::new(),
            })
            .collect();
        host
    }

    fn script(id: &str, output: &str) -> ScriptResult {
        ScriptResult { id: id.to_owned(), output: output.as_bytes().to_vec(), structured: None }
    }

    fn check(before: &Host, after: &Host, expected: &str) {
        assert_eq!(diff(std::slice::from_ref(before), std::slice::from_ref(after)), expected);
        assert_eq!(diff(std::slice::from_ref(after), std::slice::from_ref(after)), "");
    }

    const OPEN: PortState = PortState::Open;
    const CLOSED: PortState = PortState::Closed;

    #[test]
    fn hosts_come_and_go() {
        let (a, b) = (host("10.0.0.1", &[(80, OPEN), (81, CLOSED)]), host("10.0.0.2", &[(22, OPEN)]));
        let gone = "-10.0.0.1: up\n-  80/tcp open unknown\n+10.0.0.2: up\n+  22/tcp open unknown\n";
        assert_eq!(diff(std::slice::from_ref(&a), std::slice::from_ref(&b)), gone);
        let mut down = a.clone();
        down.state = HostState::Down;
        check(&a, &down, "-10.0.0.1: up\n-  80/tcp open unknown\n");
        check(&down, &a, "+10.0.0.1: up\n+  80/tcp open unknown\n");
    }

    #[test]
    fn ports_change() {
        let a = host("10.0.0.1", &[(80, OPEN), (81, CLOSED), (82, CLOSED)]);
        let b = host("10.0.0.1", &[(80, OPEN), (81, OPEN), (90, OPEN), (91, CLOSED)]);
        // What was not scanned in one of them is not told of, unless it is open.
        let expected = " 10.0.0.1:\n-  81/tcp closed unknown\n+  81/tcp open unknown\n+  90/tcp open unknown\n";
        check(&a, &b, expected);
        check(&b, &a, " 10.0.0.1:\n-  81/tcp open unknown\n+  81/tcp closed unknown\n-  90/tcp open unknown\n");
    }

    #[test]
    fn services_and_versions_change() {
        let (mut a, mut b) = (host("10.0.0.1", &[(80, OPEN)]), host("10.0.0.1", &[(80, OPEN)]));
        // Another list of names changes nothing.
        b.ports[0].service = Some("http".into());
        check(&a, &b, "");
        let version = |number: &str| {
            let (name, product) = (Some("http".to_owned()), Some("Web".to_owned()));
            Some(Box::new(Version { name, product, version: Some(number.into()), probed: true, ..Version::default() }))
        };
        (a.ports[0].version, b.ports[0].version) = (version("1"), version("2"));
        check(&a, &b, " 10.0.0.1:\n-  80/tcp open http Web 1\n+  80/tcp open http Web 2\n");
        (a.ports[0].version, b.ports[0].version) = (version("1"), version("1"));
        b.ports[0].version.as_mut().unwrap().tls_tunnel = true;
        check(&a, &b, " 10.0.0.1:\n-  80/tcp open http Web 1\n+  80/tcp open ssl/http Web 1\n");
    }

    #[test]
    fn scripts_change() {
        let (mut a, mut b) = (host("10.0.0.1", &[(80, OPEN)]), host("10.0.0.1", &[(80, OPEN)]));
        a.ports[0].scripts = vec![script("gone", "x"), script("same", "y"), script("title", "one\ntwo")];
        b.ports[0].scripts = vec![script("new", "z\x01"), script("same", "y"), script("title", "\none\nthree")];
        (a.scripts, b.scripts) = (vec![script("skew", "1s")], vec![script("skew", "2s")]);
        let expected = " 10.0.0.1:\n   80/tcp open unknown, gone:\n-    x\n   80/tcp open unknown, new:\n+    z\\x01\n   \
                        80/tcp open unknown, title:\n-    one\n-    two\n+    one\n+    three\n   host, skew:\n-    1s\n+    2s\n";
        check(&a, &b, expected);
    }

    #[test]
    fn names_and_hardware_change() {
        let (mut a, mut b) = (host("10.0.0.1", &[(80, OPEN)]), host("10.0.0.1", &[(80, OPEN)]));
        b.reverse_name = Some("moon.example".into());
        check(&a, &b, "-10.0.0.1\n+moon.example (10.0.0.1)\n");
        b.reverse_name = None;
        b.mac = Some([0, 0, 0x5E, 0, 0x53, 1]);
        // Without privilege nobody knows it.
        check(&a, &b, "");
        a.mac = Some([0, 0, 0x5E, 0, 0x53, 2]);
        let expected = " 10.0.0.1:\n-  hardware address 00:00:5E:00:53:02\n+  hardware address 00:00:5E:00:53:01\n";
        check(&a, &b, expected);
    }
}
