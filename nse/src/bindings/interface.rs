//! `nmap.list_interfaces` and `nmap.get_interface_info`.

use crate::shared::shared;
use perilune_scan::interface::{self, Interface, Link};
use perilune_vm::{Call, LuaError, NativeResult, Table, Value};

/// Names of this length or more are no names of interfaces.
const NAME_LEN_MAX: usize = 32;

fn table<'gc>(call: &mut Call<'gc>, interface: &Interface) -> Result<Table<'gc>, LuaError> {
    let table = call.table(0, 9)?;
    let link = match interface.link {
        Link::Ethernet => "ethernet",
        Link::Loopback => "loopback",
        Link::PointToPoint => "p2p",
        Link::Other => "other",
    };
    let texts = [
        ("device", Some(interface.device.clone().into_bytes())),
        ("shortname", Some(interface.short_name().as_bytes().to_vec())),
        ("address", interface.address.map(|address| address.to_string().into_bytes())),
        ("broadcast", interface.broadcast.map(|address| address.to_string().into_bytes())),
        ("link", Some(link.as_bytes().to_vec())),
        ("mac", interface.mac.map(|mac| mac.to_vec())),
        ("up", Some(if interface.is_up { b"up".to_vec() } else { b"down".to_vec() })),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            let text = call.string(&text)?;
            table.set_str(call, name.as_bytes(), text)?;
        }
    }
    table.set_str(call, b"netmask", Value::integer(i64::from(interface.prefix_len)))?;
    table.set_str(call, b"mtu", Value::integer(i64::from(interface.mtu)))?;
    Ok(table)
}

/// `nmap.list_interfaces() -> list | false, message`: one entry per address.
pub(super) fn list_interfaces(call: &mut Call<'_>) -> NativeResult {
    let interfaces = match interface::list() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            let message = call.string(perilune_stdlib::base::os_message(&error).as_bytes())?;
            return call.ret2(false, message);
        }
    };
    let list = call.table(interfaces.len(), 0)?;
    for (idx, interface) in (1..).zip(&interfaces) {
        let entry = table(call, interface)?;
        list.set_integer(call, idx, entry.into())?;
    }
    call.ret1(list)
}

/// `nmap.get_interface_info(name) -> table`: the first address of the family that is scanned.
/// Errors: `device … not found or no address configured`, `device name too long`.
pub(super) fn get_interface_info(call: &mut Call<'_>) -> NativeResult {
    let name = String::from_utf8_lossy(call.check_string(1)?.as_bytes()).into_owned();
    if name.len() >= NAME_LEN_MAX {
        return Err(call.arg_error(1, "device name too long"));
    }
    let wants_v6 = shared(call).options.ipv6;
    let interfaces = interface::list().unwrap_or_default();
    let found = interfaces.iter().find(|interface| {
        (interface.device == name || interface.short_name() == name)
            && interface.address.is_some_and(|address| address.is_ipv6() == wants_v6)
    });
    match found {
        Some(interface) => {
            let table = table(call, interface)?;
            call.ret1(table)
        }
        // The reference prints its placeholder.
        None => Err(call.arg_error(1, "device %s not found or no address configured")),
    }
}
