//! `pcap_open` and `pcap_receive`.

use super::socket::{SocketState, answer, deadline_of, receiver};
use crate::shared::{Answer, failure, shared};
use crate::wait::Wait;
use perilune_scan::link::Capture;
use perilune_vm::{Call, Kind, NativeResult};
use std::rc::Rc;

/// `socket:pcap_open(device, snaplen, promiscuous, filter)`.
/// Errors: `socket is already open`, `bad device name`, `can't open pcap reader on …`.
pub(super) fn pcap_open(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let device = String::from_utf8_lossy(call.check_string(2)?.as_bytes()).into_owned();
    let snap_len = usize::try_from(call.check_integer(3)?).unwrap_or(0);
    let Kind::Boolean(promiscuous) = call.arg(4).kind() else { return Err(call.type_error(4, "boolean")) };
    let filter = String::from_utf8_lossy(call.check_string(5)?.as_bytes()).into_owned();
    if socket.borrow().is_open {
        return Err(call.arg_error(1, "socket is already open"));
    }
    if device.is_empty() {
        return Err(call.arg_error(2, "bad device name"));
    }
    let engine = shared(call);
    let opened = Capture::open(&device, snap_len, promiscuous, &filter)
        .map_err(|error| perilune_stdlib::base::os_message(&error));
    let opened = opened.and_then(|capture| {
        let id = engine.network.borrow_mut().watch(capture.raw_fd());
        id.map(|id| (id, capture)).ok_or_else(|| "the network has no interfaces".to_owned())
    });
    match opened {
        Ok((id, capture)) => {
            let mut state = socket.borrow_mut();
            (state.id, state.is_open, state.capture) = (Some(id), true, Some(capture));
            drop(state);
            engine.own(socket);
            call.ret0()
        }
        Err(reason) => {
            eprintln!("NSOCK ERROR pcap_open(): {device}: {reason} [{filter}]");
            Err(call.error(format!("can't open pcap reader on {device}")))
        }
    }
}

/// `socket:pcap_receive() -> true, length, layer2, layer3, time | nil, status`.
/// Shape: the length is that on the wire; layer 2 is the link's header, layer 3 what was captured behind it.
/// Errors: `not a pcap socket`.
pub(super) fn pcap_receive(call: &mut Call<'_>) -> NativeResult {
    let socket = receiver(call)?;
    let id = socket.borrow().id.filter(|_| socket.borrow().capture.is_some());
    let Some(id) = id else { return Err(call.error("not a pcap socket")) };
    let engine = shared(call);
    if let Some(answers) = next_packet(&mut socket.borrow_mut()) {
        return answer(call, answers);
    }
    let until = deadline_of(engine, socket);
    socket.borrow_mut().busy = engine.current().map(|info| info.id);
    *engine.wait.borrow_mut() = Some(Wait::Capture { socket: Rc::clone(socket), id, until });
    call.park()
}

/// The next packet, if one has come.
pub(crate) fn next_packet(state: &mut SocketState) -> Option<Vec<Answer>> {
    Some(match state.capture.as_mut().map(Capture::next_packet) {
        Some(Ok(None)) => return None,
        Some(Ok(Some(packet))) => vec![
            Answer::Boolean(true),
            Answer::Integer(packet.wire_len as i64),
            Answer::Text(packet.link_header),
            Answer::Text(packet.rest),
            Answer::Float(packet.time),
        ],
        Some(Err(_)) | None => failure("ERROR"),
    })
}
