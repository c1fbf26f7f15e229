//! How long to wait for an answer: timing templates and the round-trip estimate.
//!
//! The estimate is that of RFC 6298 with the clamps and the discarded samples of the reference, kept per host and once
//! for all hosts together; a host without samples of its own borrows the common one.

use crate::result::Times;

/// A first sample gives a variation between these, microseconds.
const FIRST_RTTVAR_US: (u64, u64) = (5_000, 2_000_000);
/// A sample this long says nothing about the next, microseconds.
const SAMPLE_MAX_US: u64 = 8_000_000;
/// A deviation above this and above the estimate is an outlier, microseconds.
const OUTLIER_US: u64 = 1_500_000;
/// A variation above the first is set to the second, microseconds.
const RTTVAR_CAP_US: (u64, u64) = (2_300_000, 2_000_000);

/// Limits of a scan.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Timing {
    pub min_rtt_ms: u64,
    pub initial_rtt_ms: u64,
    pub max_rtt_ms: u64,
    pub retries_max: u8,
    /// Pause between two probes to one host.
    pub scan_delay_ms: u64,
    /// Probes in flight at once, over all hosts.
    pub parallelism_max: usize,
    /// The window of probes in flight never gets smaller.
    pub parallelism_min: usize,
    /// Probes a second that are sent even when no window has room; 0: none.
    pub rate_min: f64,
    /// Whether the window of all hosts together counts.
    pub common_window: bool,
    pub host_timeout_ms: Option<u64>,
    /// How long losses can make the pause between two probes to one host; for UDP the second.
    pub delay_max_ms: u64,
    pub udp_delay_max_ms: u64,
    /// What an answer widens the window by once slow start is over, in windows.
    pub window_step: f64,
    /// A loss leaves the probes in flight divided by this as the end of slow start.
    pub drop_divisor: f64,
    /// Share of answers above which losses make the pause longer.
    pub drop_share: f64,
    /// More tries than these for an answer do the same.
    pub tries_before_delay: u8,
    /// Ports that version detection asks at once.
    pub version_parallelism: usize,
    pub script_timeout_ms: Option<u64>,
}

/// Probes in flight unless a template or an option says otherwise; the file limit of the process may say less.
const PARALLELISM: usize = 300;
/// The longest pause that losses lead to.
const DELAY_MAX_MS: u64 = 1000;

impl Timing {
    /// The template `-T0` to `-T5`; a higher number is 5.
    pub fn template(level: u8) -> Timing {
        let normal = Timing {
            min_rtt_ms: 100,
            initial_rtt_ms: 1000,
            max_rtt_ms: 10_000,
            retries_max: 10,
            scan_delay_ms: 0,
            parallelism_max: PARALLELISM,
            parallelism_min: 1,
            rate_min: 0.0,
            common_window: true,
            host_timeout_ms: None,
            delay_max_ms: DELAY_MAX_MS,
            udp_delay_max_ms: DELAY_MAX_MS,
            window_step: 1.0,
            drop_divisor: 1.5,
            drop_share: 0.3,
            tries_before_delay: 3,
            version_parallelism: 20,
            script_timeout_ms: None,
        };
        let slow = |initial_rtt_ms, scan_delay_ms: u64| Timing {
            initial_rtt_ms,
            max_rtt_ms: initial_rtt_ms.max(10_000),
            scan_delay_ms,
            delay_max_ms: scan_delay_ms.max(DELAY_MAX_MS),
            udp_delay_max_ms: scan_delay_ms.max(DELAY_MAX_MS),
            parallelism_max: 1,
            version_parallelism: 1,
            ..normal
        };
        let fast = Timing { window_step: 2.0, drop_share: 0.4, tries_before_delay: 4, ..normal };
        match level {
            0 => slow(300_000, 300_000),
            1 => slow(15_000, 15_000),
            2 => slow(1000, 400),
            3 => normal,
            4 => Timing {
                initial_rtt_ms: 500,
                max_rtt_ms: 1250,
                retries_max: 6,
                delay_max_ms: 10,
                drop_divisor: 4.0 / 3.0,
                version_parallelism: 30,
                ..fast
            },
            _ => Timing {
                min_rtt_ms: 50,
                initial_rtt_ms: 250,
                max_rtt_ms: 300,
                retries_max: 2,
                delay_max_ms: 5,
                drop_divisor: 1.25,
                version_parallelism: 40,
                host_timeout_ms: Some(15 * 60 * 1000),
                script_timeout_ms: Some(10 * 60 * 1000),
                ..fast
            },
        }
    }
}

impl Default for Timing {
    fn default() -> Timing {
        Timing::template(3)
    }
}

/// A round-trip estimate; empty until the first sample.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Estimate {
    times: Option<Times>,
}

impl Estimate {
    /// An estimate with what is known already.
    pub fn of(times: Option<Times>) -> Estimate {
        Estimate { times }
    }

    /// Takes a measured round trip into account.
    pub fn sample(&mut self, rtt_us: u64, timing: &Timing) {
        if rtt_us >= SAMPLE_MAX_US {
            return;
        }
        let (srtt_us, rttvar_us) = match self.times {
            None => (rtt_us, rtt_us.clamp(FIRST_RTTVAR_US.0, FIRST_RTTVAR_US.1)),
            Some(Times { srtt_us, rttvar_us, .. }) => {
                let deviation = rtt_us.abs_diff(srtt_us);
                if deviation > OUTLIER_US && deviation > 3 * srtt_us + 2 * rttvar_us {
                    return;
                }
                let srtt = if rtt_us > srtt_us { srtt_us + deviation / 8 } else { srtt_us - deviation / 8 };
                (srtt, (3 * rttvar_us + deviation) / 4)
            }
        };
        let rttvar_us = if rttvar_us > RTTVAR_CAP_US.0 { RTTVAR_CAP_US.1 } else { rttvar_us };
        let timeout_us = clamped(srtt_us + 4 * rttvar_us, timing);
        self.times = Some(Times { srtt_us, rttvar_us, timeout_us });
    }

    /// The figures; `None` without a sample.
    pub fn times(&self) -> Option<Times> {
        self.times
    }
}

/// How long to wait for a host: its own estimate, else the common one, else the initial value. Microseconds.
pub fn timeout_us(host: &Estimate, common: &Estimate, timing: &Timing) -> u64 {
    let known = host.times.or(common.times).map(|times| times.timeout_us);
    known.unwrap_or_else(|| clamped(timing.initial_rtt_ms * 1000, timing))
}

fn clamped(timeout_us: u64, timing: &Timing) -> u64 {
    let (min_us, max_us) = (timing.min_rtt_ms * 1000, timing.max_rtt_ms * 1000);
    timeout_us.min(max_us).max(min_us).max(timing.scan_delay_ms * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_follows_the_samples() {
        // Samples in microseconds; srtt, rttvar, timeout after them.
        type Row = (&'static [u64], (u64, u64, u64));
        let rows: [Row; 5] = [
            (&[100], (100, 5_000, 100_000)),
            (&[40_000], (40_000, 40_000, 200_000)),
            (&[40_000, 48_000], (41_000, 32_000, 169_000)),
            (&[40_000, 9_000_000], (40_000, 40_000, 200_000)),
            (&[40_000, 3_000_000], (40_000, 40_000, 200_000)),
        ];
        for (samples, (srtt_us, rttvar_us, timeout_us)) in rows {
            let mut estimate = Estimate::default();
            samples.iter().for_each(|&sample| estimate.sample(sample, &Timing::default()));
            assert_eq!(estimate.times(), Some(Times { srtt_us, rttvar_us, timeout_us }), "{samples:?}");
        }
    }

    #[test]
    fn timeout_borrows_and_starts() {
        let (none, mut some) = (Estimate::default(), Estimate::default());
        some.sample(100_000, &Timing::default());
        let timing = Timing::default();
        assert_eq!(timeout_us(&none, &none, &timing), 1_000_000);
        assert_eq!(timeout_us(&none, &some, &timing), 500_000);
        assert_eq!(timeout_us(&none, &none, &Timing::template(5)), 250_000);
    }
}
