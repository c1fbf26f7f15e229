//! `--iflist`: the interfaces of this machine and the routes that the system knows.

use crate::report::text;
use crate::scan::Failure;
use perilune_scan::interface::{self, Interface, Link};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Both tables.
///
/// # Errors
/// The system does not tell.
pub fn list() -> Result<String, Failure> {
    let interfaces = interface::list().map_err(|error| Failure::of("cannot list interfaces", error))?;
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let routes = routes(&read("/proc/net/route"), &read("/proc/net/ipv6_route"));
    let rows = interfaces.iter().map(row).collect();
    Ok(format!(
        "INTERFACES\n{}\nROUTES\n{}",
        table(["DEV", "(SHORT)", "IP/MASK", "TYPE", "UP", "MTU", "MAC"], rows),
        table(["DST/MASK", "DEV", "METRIC", "GATEWAY"], routes)
    ))
}

fn row(it: &Interface) -> [String; 7] {
    let kind = match it.link {
        Link::Ethernet => "ethernet",
        Link::Loopback => "loopback",
        Link::PointToPoint => "point2point",
        Link::Other => "other",
    };
    [
        it.device.clone(),
        format!("({})", it.short_name()),
        it.address.map_or("(none)/0".to_owned(), |address| format!("{address}/{}", it.prefix_len)),
        kind.to_owned(),
        if it.is_up { "up" } else { "down" }.to_owned(),
        it.mtu.to_string(),
        it.mac.map(|mac| text::mac(&mac)).unwrap_or_default(),
    ]
}

/// The routes of the two files of the system; a line that does not fit is left out.
fn routes(v4: &str, v6: &str) -> Vec<[String; 4]> {
    let v4 = v4.lines().skip(1).filter_map(route_v4);
    v4.chain(v6.lines().filter_map(route_v6)).collect()
}

/// `lo 0000007F 00000000 0001 0 0 0 000000FF 0 0 0`: addresses as numbers of this machine.
fn route_v4(line: &str) -> Option<[String; 4]> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = |text: &str| Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()));
    let (to, gateway, mask) = (address(words.get(1)?)?, address(words.get(2)?)?, address(words.get(7)?)?);
    let gateway = if gateway.is_unspecified() { String::new() } else { gateway.to_string() };
    let bits = u32::from(mask).leading_ones();
    Some([format!("{to}/{bits}"), words[0].to_owned(), (*words.get(6)?).to_owned(), gateway])
}

/// Destination, bits, source, bits, gateway, metric, two counters, flags, interface; all hexadecimal.
fn route_v6(line: &str) -> Option<[String; 4]> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = |text: &str| Some(Ipv6Addr::from(u128::from_str_radix(text, 16).ok()?));
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    let (to, gateway) = (address(words.first()?)?, address(words.get(4)?)?);
    let (bits, metric) = (number(words.get(1)?)?, number(words.get(5)?)?);
    let gateway = if gateway.is_unspecified() { String::new() } else { gateway.to_string() };
    Some([format!("{to}/{bits}"), (*words.get(9)?).to_owned(), metric.to_string(), gateway])
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let width = |idx: usize| rows.iter().map(|row| row[idx].len()).max().unwrap_or(0);
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = (0..N).map(|idx| format!("{:1$}", row[idx], width(idx))).collect();
        out.push_str(cells.join(" ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read() {
        let hex = |text: &str| format!("{:08X}", u32::from_ne_bytes(text.parse::<Ipv4Addr>().unwrap().octets()));
        let v4 = format!(
            "Iface Destination\neth0 {} {} 0003 0 0 100 {} 0 0 0\nbad\n",
            hex("10.1.0.0"),
            hex("10.0.0.1"),
            hex("255.255.0.0")
        );
        let v6 = "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
                  00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n";
        let expected = [["10.1.0.0/16", "eth0", "100", "10.0.0.1"], ["fe80::/64", "eth0", "256", ""]];
        assert_eq!(routes(&v4, v6), expected.map(|row| row.map(str::to_owned)));
        assert!(list().unwrap().contains("127.0.0.1/8"));
    }
}
