//! `pcap_open` and `pcap_receive`.

use perilune_vm::{Call, NativeResult};

/// `socket:pcap_open(device, snaplen, promiscuous, filter)`.
/// Errors: `can't open pcap reader on …`.
pub(super) fn pcap_open(call: &mut Call<'_>) -> NativeResult {
    let device = String::from_utf8_lossy(call.check_string(2)?.as_bytes()).into_owned();
    Err(call.error(format!("can't open pcap reader on {device}")))
}

/// `socket:pcap_receive() -> true, length, layer2, layer3, time | nil, status`.
/// Errors: `not a pcap socket`.
pub(super) fn pcap_receive(call: &mut Call<'_>) -> NativeResult {
    Err(call.arg_error(1, "not a pcap socket"))
}
