//! Hosts as scripts see them.

use super::port::set_texts;
use perilune_scan::interface::Route;
use perilune_scan::result::{Hop, Host};
use perilune_vm::{Call, LuaError, Table, Value};
use std::net::IpAddr;

/// A host as scripts see it; `registry` is shared by all instances of the host.
pub(crate) fn host_table<'gc>(
    call: &mut Call<'gc>,
    idx: usize,
    host: &Host,
    route: Option<&Route>,
    registry: Value<'gc>,
) -> Result<Table<'gc>, LuaError> {
    let table = call.table(0, 16)?;
    let address = host.address.to_string();
    let texts = [
        ("ip", Some(address.as_str())),
        ("name", Some(host.reverse_name.as_deref().unwrap_or(""))),
        ("targetname", host.target_name.as_deref()),
        ("reason", Some(host.reason.as_str())),
    ];
    set_texts(call, table, &texts)?;
    let bytes = call.string(&octets(host.address))?;
    table.set_str(call, b"bin_ip", bytes)?;
    if let Some(mac) = host.mac {
        let mac = call.string(&mac)?;
        table.set_str(call, b"mac_addr", mac)?;
    }
    if let Some(trace) = host.trace.as_ref().filter(|trace| !trace.hops.is_empty()) {
        let hops = traceroute(call, &trace.hops)?;
        table.set_str(call, b"traceroute", hops.into())?;
    }
    table.set_str(call, b"reason_ttl", Value::integer(host.reason_ttl as i64))?;
    let mtu = route.and_then(|route| route.interface.as_ref()).map_or(0, |interface| interface.mtu);
    table.set_str(call, b"interface_mtu", Value::integer(i64::from(mtu)))?;
    if let Some(route) = route {
        set_route(call, table, route)?;
    }
    table.set_str(call, b"_Target", Value::light_userdata(idx + 1))?;
    table.set_str(call, b"registry", registry)?;
    let seconds = |us: u64| us as f64 / 1e6;
    let times = host.times.map_or([-1e-6, -1e-6, 1.0], |times| {
        [seconds(times.srtt_us), seconds(times.rttvar_us), seconds(times.timeout_us).max(0.1)]
    });
    let measured = call.table(0, 3)?;
    for (name, value) in ["srtt", "rttvar", "timeout"].into_iter().zip(times) {
        measured.set_str(call, name.as_bytes(), Value::float(value))?;
    }
    table.set_str(call, b"times", measured.into())?;
    Ok(table)
}

/// What is known of the link to a host.
fn set_route<'gc>(call: &mut Call<'gc>, table: Table<'gc>, route: &Route) -> Result<(), LuaError> {
    let source = call.string(&octets(route.source))?;
    table.set_str(call, b"bin_ip_src", source)?;
    table.set_str(call, b"directly_connected", Value::boolean(route.is_direct))?;
    let Some(interface) = &route.interface else { return Ok(()) };
    if let Some(hop) = route.next_hop_mac {
        let hop = call.string(&hop)?;
        table.set_str(call, b"mac_addr_next_hop", hop)?;
    }
    let name = call.string(interface.device.as_bytes())?;
    table.set_str(call, b"interface", name)?;
    if let Some(mac) = interface.mac {
        let mac = call.string(&mac)?;
        table.set_str(call, b"mac_addr_src", mac)?;
    }
    Ok(())
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The way to a host, one table per hop; those that did not answer are empty.
fn traceroute<'gc>(call: &mut Call<'gc>, hops: &[Hop]) -> Result<Table<'gc>, LuaError> {
    let list = call.table(hops.len(), 0)?;
    for ttl in 1..=hops.last().map_or(0, |hop| hop.ttl) {
        let entry = call.table(0, 3)?;
        if let Some(hop) = hops.iter().find(|hop| hop.ttl == ttl) {
            let address = hop.address.to_string();
            set_texts(call, entry, &[("ip", Some(address.as_str())), ("name", hop.name.as_deref())])?;
            entry.set_str(call, b"srtt", Value::float(hop.rtt_us as f64 / 1e6))?;
        }
        list.set_integer(call, i64::from(ttl), entry.into())?;
    }
    Ok(list)
}
