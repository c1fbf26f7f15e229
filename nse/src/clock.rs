//! When the time of a script or a host is over.

use perilune_scan::net::Millis;

/// What a host may still take; it runs while one of its threads does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub left_ms: u64,
    /// Threads that live.
    pub threads: usize,
    /// When it was started, while it runs.
    pub since: Option<Millis>,
}

impl Clock {
    pub fn deadline(&self) -> Option<Millis> {
        self.since.map(|since| since.after(self.left_ms))
    }

    pub fn stop(&mut self, now: Millis) {
        if let Some(since) = self.since.take() {
            self.left_ms = self.left_ms.saturating_sub(now.since(since));
        }
    }
}

/// When a limit in milliseconds is over that began now: time-outs compare whole seconds, and end what is above.
pub(crate) fn over_after(now: Millis, limit_ms: u64) -> Millis {
    Millis((now.0 / 1000).saturating_add(limit_ms / 1000).saturating_add(1).saturating_mul(1000))
}
