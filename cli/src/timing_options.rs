//! The options that concern time, and the limits that they make of a template.

use crate::plan::GROUP_MAX;
use crate::scan::Failure;
use clap::Args;
use perilune_scan::timing::Timing;

#[derive(Args, Clone, Default, Debug)]
#[command(next_help_heading = "Timing")]
pub struct TimingOptions {
    /// Timing template, 0 (slow) to 5 (fast), or its name
    #[arg(short = 'T', value_name = "LEVEL", default_value = "3", value_parser = template)]
    pub template: u8,
    /// How long to wait for an answer at least
    #[arg(long, value_name = "TIME", value_parser = rtt, hide_short_help = true)]
    pub min_rtt_timeout: Option<u64>,
    /// The same at most
    #[arg(long, value_name = "TIME", value_parser = rtt, hide_short_help = true)]
    pub max_rtt_timeout: Option<u64>,
    /// The same before anything is measured
    #[arg(long, value_name = "TIME", value_parser = rtt, hide_short_help = true)]
    pub initial_rtt_timeout: Option<u64>,
    /// How often to repeat a probe
    #[arg(long, value_name = "N", value_parser = retries, hide_short_help = true)]
    pub max_retries: Option<u8>,
    /// Give up a host after this time: 500ms, 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = host_time)]
    pub host_timeout: Option<u64>,
    /// Pause between two probes to a host
    #[arg(long, value_name = "TIME", value_parser = pause, hide_short_help = true)]
    pub scan_delay: Option<u64>,
    /// The longest pause that losses lead to
    #[arg(long, value_name = "TIME", value_parser = pause, hide_short_help = true)]
    pub max_scan_delay: Option<u64>,
    /// Probes in flight at least
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub min_parallelism: Option<usize>,
    /// Probes in flight at most
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub max_parallelism: Option<usize>,
    /// Hosts scanned together at least
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub min_hostgroup: Option<usize>,
    /// Hosts scanned together at most
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub max_hostgroup: Option<usize>,
    /// Probes a second at least, whatever the network bears
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub min_rate: Option<f64>,
    /// Probes and connections a second at most, of scans and scripts together
    #[arg(long, value_name = "N")]
    pub max_rate: Option<f64>,
    /// Limit probes in flight for each host only, not for all together
    #[arg(long, hide_short_help = true)]
    pub nogcc: bool,
}

impl TimingOptions {
    /// The template with what the options change. Neighbours move along: least, first and longest wait stay in order.
    ///
    /// # Errors
    /// What can't be, and a least that is above its most.
    pub fn timing(&self) -> Result<Timing, Failure> {
        self.check()?;
        let mut timing = Timing::template(self.template);
        timing.min_rtt_ms = self.min_rtt_timeout.unwrap_or(timing.min_rtt_ms);
        timing.max_rtt_ms = self.max_rtt_timeout.unwrap_or(timing.max_rtt_ms.max(timing.min_rtt_ms));
        timing.min_rtt_ms = timing.min_rtt_ms.min(timing.max_rtt_ms);
        let initial_ms = self.initial_rtt_timeout.unwrap_or(timing.initial_rtt_ms);
        timing.initial_rtt_ms = initial_ms.clamp(timing.min_rtt_ms, timing.max_rtt_ms);
        timing.retries_max = self.max_retries.unwrap_or(timing.retries_max);
        timing.host_timeout_ms = self.host_timeout.or(timing.host_timeout_ms).filter(|&ms| ms > 0);
        if let Some(ms) = self.max_scan_delay {
            (timing.delay_max_ms, timing.udp_delay_max_ms) = (ms, ms);
        }
        if let Some(ms) = self.scan_delay {
            timing.scan_delay_ms = ms;
            timing.delay_max_ms = timing.delay_max_ms.max(ms);
            timing.udp_delay_max_ms = timing.udp_delay_max_ms.max(ms);
        }
        timing.parallelism_min = self.min_parallelism.unwrap_or(timing.parallelism_min);
        timing.parallelism_max = self.max_parallelism.unwrap_or(timing.parallelism_max).max(timing.parallelism_min);
        timing.rate_min = self.min_rate.unwrap_or(0.0);
        timing.common_window = !self.nogcc;
        Ok(timing)
    }

    fn check(&self) -> Result<(), Failure> {
        fn ordered<T: PartialOrd>(what: &str, min: Option<T>, max: Option<T>) -> Result<(), Failure> {
            match (min, max) {
                (Some(min), Some(max)) if min > max => {
                    Err(Failure(format!("--min-{what} is above --max-{what}: nothing would fit")))
                }
                _ => Ok(()),
            }
        }
        ordered("rtt-timeout", self.min_rtt_timeout, self.max_rtt_timeout)?;
        ordered("rate", self.min_rate, self.max_rate)?;
        ordered("parallelism", self.min_parallelism, self.max_parallelism)?;
        ordered("hostgroup", self.min_hostgroup, self.max_hostgroup)?;
        if self.max_rtt_timeout.is_some_and(|ms| ms < 5) {
            return Err(Failure("--max-rtt-timeout: 5ms or more are expected".to_owned()));
        }
        for (name, rate) in [("--min-rate", self.min_rate), ("--max-rate", self.max_rate)] {
            if rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
                return Err(Failure(format!("{name}: a number above 0 is expected")));
            }
        }
        let (parallelism, hosts) = ("parallelism", "hostgroup");
        for (name, what, count) in [
            ("--min-", parallelism, self.min_parallelism),
            ("--max-", parallelism, self.max_parallelism),
            ("--max-", hosts, self.max_hostgroup),
        ] {
            if count == Some(0) {
                return Err(Failure(format!("{name}{what}: a number above 0 is expected")));
            }
        }
        if self.min_hostgroup.is_some_and(|count| count > GROUP_MAX) {
            return Err(Failure(format!("--min-hostgroup: at most {GROUP_MAX} are expected")));
        }
        Ok(())
    }
}

/// A timing template by number or name.
fn template(text: &str) -> Result<u8, String> {
    const NAMES: [&str; 6] = ["paranoid", "sneaky", "polite", "normal", "aggressive", "insane"];
    let named = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|level| level as u8);
    let level = named.or_else(|| text.parse().ok().filter(|level| *level <= 5));
    level.ok_or_else(|| "a number from 0 to 5 or the name of a template is expected".to_owned())
}

/// A count of retries; no scan gets past 255.
fn retries(text: &str) -> Result<u8, String> {
    let count = text.parse::<u32>().map_err(|error| error.to_string())?;
    Ok(u8::try_from(count).unwrap_or(u8::MAX))
}

/// A time with a unit in either case, seconds without one.
pub fn milliseconds(text: &str) -> Result<u64, String> {
    let text = text.to_ascii_lowercase();
    let (number, factor) = [("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3600e3)]
        .into_iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, factor)))
        .unwrap_or((&text, 1e3));
    match number.parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok((value * factor) as u64),
        _ => Err("a time such as 500ms, 30s, 5m or 1h is expected".to_owned()),
    }
}

/// A time whose number without a unit must be below `limit`: long ago these were milliseconds.
fn not_ancient(text: &str, limit: f64) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(number) if number >= limit => {
            Err(format!("a number without a unit is seconds: {text}ms or {text}s says which is meant"))
        }
        _ => milliseconds(text),
    }
}

fn rtt(text: &str) -> Result<u64, String> {
    not_ancient(text, 50.0)
}

fn host_time(text: &str) -> Result<u64, String> {
    not_ancient(text, 10_000.0)
}

fn pause(text: &str) -> Result<u64, String> {
    not_ancient(text, 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in
            [("2s", 2000), ("500ms", 500), ("1.5", 1500), ("2m", 120_000), ("1h", 3_600_000), ("5MS", 5)]
        {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        assert_eq!((retries("3"), retries("1000")), (Ok(3), Ok(255)));
        assert!(retries("-1").is_err() && retries("1s").is_err());
        assert!(milliseconds("x").is_err() && milliseconds("-1s").is_err());
        assert!(rtt("50").is_err() && rtt("49") == Ok(49_000) && rtt("50s") == Ok(50_000));
        assert!(host_time("10000").is_err() && host_time("9999").is_ok());
        assert!(pause("100").is_err() && pause("99").is_ok());
    }

    #[test]
    fn neighbours_move_along() {
        let options = TimingOptions {
            template: 4,
            min_rtt_timeout: Some(150),
            initial_rtt_timeout: Some(300),
            max_rtt_timeout: Some(200),
            ..TimingOptions::default()
        };
        let timing = options.timing().unwrap();
        assert_eq!((timing.min_rtt_ms, timing.initial_rtt_ms, timing.max_rtt_ms), (150, 200, 200));
        let options = TimingOptions { template: 3, max_rtt_timeout: Some(50), ..TimingOptions::default() };
        let timing = options.timing().unwrap();
        assert_eq!((timing.min_rtt_ms, timing.initial_rtt_ms, timing.max_rtt_ms), (50, 50, 50));
        for wrong in [
            TimingOptions { min_rate: Some(9.0), max_rate: Some(5.0), ..TimingOptions::default() },
            TimingOptions { min_hostgroup: Some(GROUP_MAX + 1), ..TimingOptions::default() },
            TimingOptions { max_hostgroup: Some(0), ..TimingOptions::default() },
        ] {
            assert!(wrong.timing().is_err(), "{wrong:?}");
        }
        assert!(TimingOptions { min_hostgroup: Some(0), ..TimingOptions::default() }.timing().is_ok());
    }
}
