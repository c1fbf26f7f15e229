//! Ctrl-C and SIGTERM: the first says to begin nothing new, the second to end at once.
//!
//! The process then dies by the same signal, so that a shell sees what happened, after the outputs were closed. A
//! thread of its own turns signals into a count, which the loops of a scan look at.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

/// How long scripts may go on after the first signal.
const GRACE: Duration = Duration::from_secs(5);

/// Starts to count signals.
pub fn watch() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            LAST.store(signal, Ordering::Relaxed);
            if COUNT.fetch_add(1, Ordering::Relaxed) == 0 {
                std::thread::spawn(|| {
                    let first = Instant::now();
                    while first.elapsed() < GRACE {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    COUNT.fetch_add(1, Ordering::Relaxed);
                });
            }
        }
    });
}

/// How often a signal came; the end of the grace counts as one.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Dies by the signal that came, if one did.
pub fn die() {
    let last = LAST.load(Ordering::Relaxed);
    if last != 0 {
        let _ = signal_hook::low_level::emulate_default_handler(last);
    }
}
