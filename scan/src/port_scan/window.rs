//! Congestion windows: how many probes may be in flight to a host, and to all hosts together.
//!
//! The rules are TCP's with the reference's changes: silence is no sign of loss, since filtered ports never answer; an
//! answer that comes only for a repeated probe is. Quiet hosts earn more for each answer. A loss also slows the host
//! down by a pause between probes once it is common enough.
//!
//! # Source
//! RFC 5681 for the shape; the figures are Nmap's.

use crate::timing::Timing;

/// Probes in flight before anything is known.
pub const WINDOW_FIRST: f64 = 10.0;
/// Where slow start ends at first.
const THRESHOLD_FIRST: f64 = 75.0;
/// What an answer may be worth at most, in ordinary answers.
const SCALE_MAX: f64 = 50.0;
/// Losses of a host before its pause grows.
const DROPS_MIN: u32 = 10;
/// The first pause between two probes, microseconds; for UDP the second.
const DELAY_FIRST_US: (u64, u64) = (5_000, 50_000);

/// A window and what moves it.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: f64,
    threshold: f64,
    low: f64,
    max: f64,
    /// Answers that were hoped for, and those that came.
    expected: f64,
    received: f64,
    /// A loss among probes sent before this moment was already answered for, microseconds.
    reduced_us: u64,
}

impl Window {
    pub fn new(timing: &Timing, first: f64) -> Window {
        let low = timing.parallelism_min.max(1) as f64;
        let max = low.max(timing.parallelism_max.max(1) as f64);
        Window {
            size: first.clamp(low, max),
            threshold: THRESHOLD_FIRST.max(low),
            low,
            max,
            expected: 0.0,
            received: 0.0,
            reduced_us: 0,
        }
    }

    /// Whether one more probe beside `active` ones fits.
    pub fn has_room(&self, active: usize) -> bool {
        self.size >= active as f64 + 0.5
    }

    /// A probe was sent.
    pub fn sent(&mut self) {
        self.expected += 1.0;
    }

    /// An answer came.
    pub fn grow(&mut self, timing: &Timing) {
        self.received += 1.0;
        let scale = (self.expected / self.received).clamp(1.0, SCALE_MAX);
        let step = if self.size < self.threshold { 1.0 } else { timing.window_step / self.size };
        self.size = (self.size + step * scale).min(self.max);
    }

    /// A probe that was sent at `sent_us` was lost; counts once for all that were in flight together.
    pub fn shrink(&mut self, active: usize, timing: &Timing, to_low: bool, sent_us: u64, now_us: u64) {
        if sent_us < self.reduced_us {
            return;
        }
        self.reduced_us = now_us;
        self.threshold = (active as f64 / timing.drop_divisor).max(2.0);
        self.size = if to_low { self.low } else { (self.size / 2.0).max(self.low) };
    }
}

/// The pause between two probes to one host, which grows when answers get lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delay {
    pub us: u64,
    drops: u32,
    answers: u32,
    /// When it last grew, microseconds: what was lost before says nothing of how long it is now.
    grown_us: u64,
}

/// Why a pause grew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// So many of so many answers since the last growth came to repeated probes only.
    Drops { drops: u32, answers: u32 },
    /// A port needed more tries than any before.
    Tries(u8),
}

impl Delay {
    pub fn new(timing: &Timing) -> Delay {
        Delay { us: timing.scan_delay_ms * 1000, ..Delay::default() }
    }

    pub fn answered(&mut self) {
        self.answers = self.answers.saturating_add(1);
    }

    /// A probe that was sent at `lost_us` was lost; `tries` were needed. Why the pause grew, if it did.
    pub fn dropped(&mut self, tries: u8, lost_us: u64, now_us: u64, timing: &Timing, is_udp: bool) -> Option<Loss> {
        if lost_us < self.grown_us {
            return None;
        }
        self.drops += 1;
        let is_common =
            self.drops > DROPS_MIN && f64::from(self.drops) > timing.drop_share * f64::from(self.answers.max(1));
        if !is_common && tries <= timing.tries_before_delay {
            return None;
        }
        let why = if is_common { Loss::Drops { drops: self.drops, answers: self.answers } } else { Loss::Tries(tries) };
        let max_us = if is_udp { timing.udp_delay_max_ms } else { timing.delay_max_ms } * 1000;
        let first_us = if is_udp { DELAY_FIRST_US.1 } else { DELAY_FIRST_US.0 };
        let grown = if self.us == 0 { first_us } else { self.us * 2 }.min(max_us.max(self.us));
        (self.drops, self.answers, self.grown_us) = (0, 0, now_us);
        (std::mem::replace(&mut self.us, grown) != grown).then_some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_open_the_window_and_losses_close_it() {
        let timing = Timing::default();
        let mut window = Window::new(&timing, WINDOW_FIRST);
        assert!(window.has_room(9) && !window.has_room(10));
        for _ in 0..1000 {
            window.sent();
            window.grow(&timing);
        }
        assert!(window.has_room(80) && !window.has_room(100));
        window.shrink(90, &timing, false, 10, 20);
        assert!(window.has_room(42) && !window.has_room(44));
        // One loss counts for all that were in flight.
        window.shrink(90, &timing, true, 15, 30);
        assert!(window.has_room(42));
        window.shrink(40, &timing, true, 25, 40);
        assert!(window.has_room(0) && !window.has_room(1));
    }

    #[test]
    fn delay_grows_when_losses_are_common() {
        let timing = Timing::default();
        let mut delay = Delay::new(&timing);
        (0..100).for_each(|_| delay.answered());
        assert!((0..30).all(|_| delay.dropped(1, 10, 20, &timing, false).is_none()));
        let why = (0..10).find_map(|_| delay.dropped(1, 10, 20, &timing, false));
        assert_eq!(why, Some(Loss::Drops { drops: 31, answers: 100 }));
        assert_eq!(delay.us, 5_000);
        // What was lost before the pause grew counts no more.
        assert_eq!(delay.dropped(9, 10, 25, &timing, false), None);
        assert_eq!(delay.dropped(9, 30, 30, &timing, false), Some(Loss::Tries(9)));
        (0..500).for_each(|_| _ = delay.dropped(9, 30, 30, &timing, false));
        assert_eq!(delay.us, 1_000_000);
    }
}
