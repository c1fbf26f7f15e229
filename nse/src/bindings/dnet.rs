//! `nmap.new_dnet`: frames and packets that scripts make themselves.

use crate::resolve::{self, Family};
use crate::shared::{Channel, LinkLayer, Shared, bind, shared};
use perilune_scan::interface;
use perilune_scan::link::{FrameSender, PacketSender};
use perilune_vm::{Call, LuaError, NativeFn, NativeResult, Value};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

/// Kinds of what frames carry.
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xDD];

/// What a script holds.
#[derive(Default)]
struct Dnet {
    frames: RefCell<Option<(String, FrameSender)>>,
    packets: RefCell<PacketSender>,
}

/// `new_dnet`, with the metatable as its second upvalue.
pub(super) fn open<'gc>(call: &mut Call<'gc>, engine: Value<'gc>) -> Result<Value<'gc>, LuaError> {
    let methods = call.table(0, 6)?;
    let functions: [(&str, NativeFn); 6] = [
        ("ethernet_close", ethernet_close),
        ("ethernet_open", ethernet_open),
        ("ethernet_send", ethernet_send),
        ("ip_close", ip_close),
        ("ip_open", ip_open),
        ("ip_send", ip_send),
    ];
    for (name, function) in functions {
        let function = bind(call, engine, function)?;
        methods.set_str(call, name.as_bytes(), function)?;
    }
    let metatable = call.table(0, 3)?;
    metatable.set_str(call, b"__index", methods.into())?;
    let hidden = call.table(0, 0)?;
    metatable.set_str(call, b"__metatable", hidden.into())?;
    call.closure(new, &[engine, metatable.into()])
}

fn new(call: &mut Call<'_>) -> NativeResult {
    let object = call.userdata(Rc::new(Dnet::default()))?;
    let metatable = call.upvalue(2).as_table();
    object.set_metatable(call, metatable);
    call.ret1(object)
}

fn receiver<'gc>(call: &mut Call<'gc>) -> Result<&'gc Rc<Dnet>, LuaError> {
    let userdata = call.arg(1).as_userdata();
    match userdata.and_then(|userdata| userdata.downcast::<Rc<Dnet>>(call)) {
        Some(object) => Ok(object),
        None => Err(call.type_error(1, "dnet")),
    }
}

fn trace(engine: &Shared, text: &str) {
    if engine.options.script_trace {
        engine.log(Channel::Stdout, text.as_bytes());
    }
}

/// `dnet:ethernet_open(device) -> true`.
/// Errors: `unable to open dnet on ethernet interface …`.
fn ethernet_open(call: &mut Call<'_>) -> NativeResult {
    let object = receiver(call)?;
    let device = String::from_utf8_lossy(call.check_string(2)?.as_bytes()).into_owned();
    match FrameSender::open(&device) {
        Ok(sender) => {
            trace(shared(call), &format!("Ethernet open {device}"));
            *object.frames.borrow_mut() = Some((device, sender));
            call.ret1(true)
        }
        Err(_) => Err(call.arg_error(2, format!("unable to open dnet on ethernet interface {device}"))),
    }
}

/// `dnet:ethernet_send(frame) -> true | false, message`.
/// Errors: `dnet ethernet interface is not open`.
fn ethernet_send(call: &mut Call<'_>) -> NativeResult {
    let object = receiver(call)?;
    let frame = call.check_string(2)?.as_bytes();
    let sent = match &*object.frames.borrow() {
        Some((device, sender)) => {
            trace(shared(call), &format!("Ethernet frame ({} bytes) > {device}", frame.len()));
            Some(sender.send(frame).map_or(-1, |sent| sent as i64))
        }
        None => None,
    };
    match sent {
        Some(sent) if sent == frame.len() as i64 => call.ret1(true),
        Some(sent) => {
            let message = call.string(format!("netutil_eth_send error: {sent}").as_bytes())?;
            call.ret2(false, message)
        }
        None => Err(call.error("dnet ethernet interface is not open")),
    }
}

fn ethernet_close(call: &mut Call<'_>) -> NativeResult {
    let object = receiver(call)?;
    if let Some((device, _)) = object.frames.borrow_mut().take() {
        trace(shared(call), &format!("Ethernet close {device}"));
    }
    call.ret1(true)
}

/// `dnet:ip_open() -> true`, also where there is no such socket to be had: packets then go in frames.
/// Errors: `Unable to open raw IP socket.` when they must not.
fn ip_open(call: &mut Call<'_>) -> NativeResult {
    let object = receiver(call)?;
    let engine = shared(call);
    let opened = object.packets.borrow_mut().open(engine.options.ipv6).map(|_| ());
    match opened {
        Ok(()) => trace(engine, "raw IP socket open"),
        Err(error) => {
            trace(engine, &format!("failed to open raw socket: {}", numbered(&error)));
            if engine.options.link_layer == LinkLayer::Ip {
                return Err(call.error("Unable to open raw IP socket."));
            }
        }
    }
    call.ret1(true)
}

/// An error of the system's with its number.
fn numbered(error: &std::io::Error) -> String {
    let number = error.raw_os_error().unwrap_or(0);
    format!("{} (errno {number})", perilune_stdlib::base::os_message(error))
}

fn ip_close(call: &mut Call<'_>) -> NativeResult {
    let object = receiver(call)?;
    trace(shared(call), "raw IP socket close");
    *object.packets.borrow_mut() = PacketSender::default();
    object.frames.borrow_mut().take();
    call.ret1(true)
}

/// `dnet:ip_send(packet [, host]) -> true | false, message`: the packet begins with its IP header.
/// Errors: `can't parse ip packet`.
fn ip_send(call: &mut Call<'_>) -> NativeResult {
    let object = receiver(call)?;
    let packet = call.check_string(2)?.as_bytes();
    let Some(own) = destination(packet) else { return Err(call.error("can't parse ip packet")) };
    let to = match call.arg(3) {
        value if value.is_nil() => Some(own),
        value => {
            let name = match value.as_table() {
                Some(table) => {
                    let field = |name: &[u8]| table.get_str(call, name).as_str();
                    field(b"ip").or_else(|| field(b"targetname"))
                }
                None => value.as_str(),
            };
            name.and_then(|name| resolve::known(name.as_bytes(), Family::Any).first().copied())
        }
    };
    let Some(to) = to else {
        let message = call.string(resolve::NOT_KNOWN.as_bytes())?;
        return call.ret2(false, message);
    };
    let engine = shared(call);
    trace(engine, &format!("RAW SEND {} bytes > {to}", packet.len()));
    let layer = engine.options.link_layer;
    let sent = match layer {
        LinkLayer::Ethernet if !object.packets.borrow().is_open() => None,
        _ => Some(object.packets.borrow_mut().send(packet, to)),
    };
    match sent {
        Some(Ok(())) => call.ret1(true),
        Some(Err(error)) if layer == LinkLayer::Ip || error.kind() != ErrorKind::PermissionDenied => {
            let message = call.string(format!("error while sending: {}", numbered(&error)).as_bytes())?;
            call.ret2(false, message)
        }
        _ => send_framed(call, packet, to),
    }
}

/// Sends a packet in a frame to the neighbour that its way begins with.
/// Errors: `unable to open dnet on ethernet interface …`, `failed to determine next hop MAC address`.
fn send_framed(call: &mut Call<'_>, packet: &[u8], to: IpAddr) -> NativeResult {
    let object = receiver(call)?;
    let interfaces = interface::list().unwrap_or_default();
    let route = interface::route(&interfaces, to, shared(call).options.interface.as_deref());
    let Some(interface) = route.and_then(|route| route.interface) else {
        let message = call.string(format!("Can't find route to {to}").as_bytes())?;
        return call.ret2(false, message);
    };
    let mut frames = object.frames.borrow_mut();
    if frames.as_ref().is_none_or(|(device, _)| *device != interface.device) {
        *frames = FrameSender::open(&interface.device).ok().map(|sender| (interface.device.clone(), sender));
    }
    let (Some((device, sender)), Some(own)) = (&*frames, interface.mac) else {
        drop(frames);
        return Err(call.error(format!("unable to open dnet on ethernet interface {}", interface.device)));
    };
    let Some(hop) = interface::next_hop_mac(to) else {
        drop(frames);
        return Err(call.error("failed to determine next hop MAC address"));
    };
    let kind = if to.is_ipv6() { ETHERTYPE_IPV6 } else { ETHERTYPE_IPV4 };
    let frame = [&hop[..], &own, &kind, packet].concat();
    trace(shared(call), &format!("Ethernet frame ({} bytes) > {device}", frame.len()));
    let sent = sender.send(&frame);
    drop(frames);
    match sent {
        Ok(_) => call.ret1(true),
        Err(error) => {
            let message = call.string(format!("error while sending: {}", numbered(&error)).as_bytes())?;
            call.ret2(false, message)
        }
    }
}

/// Where a packet's header says it goes.
fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?).into()),
        6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?).into()),
        _ => None,
    }
}
