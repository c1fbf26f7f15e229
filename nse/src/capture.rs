//! Packets of an interface for `pcap_receive`.

use crate::bindings::socket::SocketState;
use crate::shared::{Answer, Shared, failure};

/// A capture that a script opened.
#[derive(Debug)]
pub(crate) struct Capture {}

/// The next packet, if one has come.
pub(crate) fn next(_: &Shared, state: &mut SocketState) -> Option<Vec<Answer>> {
    state.capture.is_none().then(|| failure("ERROR"))
}
