//! Ctrl-C, SIGTERM and a terminal that is hung up: the first says to begin nothing new, the second to end at once.
//!
//! The process then dies by the same signal, so that a shell sees what happened, after the outputs were closed. A
//! thread of its own turns signals into a count, which the loops of a scan look at.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);

/// How long scripts may go on after the first signal.
const GRACE: Duration = Duration::from_secs(5);

/// Starts to count signals.
pub fn watch() {
    let of_terminal = (!ignores_hang_up()).then_some(SIGHUP);
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM].into_iter().chain(of_terminal)) else { return };
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

/// Whether `nohup` or the like started the program: the scan is to outlive the terminal.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 << (SIGHUP - 1) != 0)
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
