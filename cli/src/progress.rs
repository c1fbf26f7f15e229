//! How far a scan is: a display on a terminal, lines now and then elsewhere, and the keys that ask for it.
//!
//! The display is drawn on standard error, so that reports can be piped on. Keys are read by a thread of their own,
//! which hands them over; `Enter` and all that has no meaning ask for a status line.

use crate::interrupt;
use crate::options::Options;
use crate::outputs::Outputs;
use crate::report::{Event, MessageKind, Progress as Report};
use crate::scan::seconds_since_epoch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use perilune_scan::port_scan::{self, Loss, Note, PortScan};
use perilune_scan::result::Traffic;
use perilune_scan::sys::terminal::{self, Keys};
use std::io::{IsTerminal, Read};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Redraws of the display in a second.
const REDRAWS: u8 = 8;
/// With `-v` an estimate comes of itself after this time.
const FIRST_ESTIMATE: Duration = Duration::from_secs(30);
const HELP: &str = "Keys: v/V verbosity up/down, d/D debugging up/down, p/P packet trace on/off, ? this help; \
                    any other: status";

/// What a scan tells about itself.
pub struct Progress {
    every: Option<Duration>,
    last_line: Instant,
    bar: ProgressBar,
    /// Keys that were pressed.
    pressed: Option<Receiver<u8>>,
    keys: Option<Keys>,
    verbose: u8,
    debugging: u8,
    packet_trace: bool,
    task: String,
    task_began: Instant,
    started: Instant,
    total_hosts: Option<u64>,
    hosts_done: u64,
    hosts_up: u64,
    hosts_now: u64,
    /// Raw packets so far.
    pub traffic: Traffic,
    /// Raw packets when the task began.
    traffic_before: Traffic,
    /// Probes of the task.
    sent_count: u64,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("task", &self.task).finish_non_exhaustive()
    }
}

impl Progress {
    pub fn new(options: &Options, outputs: &mut Outputs, verbose: u8, debugging: u8) -> Progress {
        let interactive = !options.noninteractive && std::io::stdin().is_terminal();
        let keys = if interactive { terminal::keys().ok() } else { None };
        let shows = std::io::stderr().is_terminal() && !options.noninteractive;
        let bar = if shows { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if shows {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
            let plain = "{msg} [{bar:30}] {percent}% {prefix} {elapsed}, {eta} left";
            bar.set_style(ProgressStyle::with_template(plain).unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        // What is printed goes above the display.
        outputs.set_display(bar.clone());
        Progress {
            every: options.stats_every.filter(|&ms| ms > 0).map(Duration::from_millis),
            last_line: Instant::now(),
            bar,
            pressed: keys.is_some().then(read_keys),
            keys,
            verbose,
            debugging,
            packet_trace: options.packet_trace,
            task: String::new(),
            task_began: Instant::now(),
            started: Instant::now(),
            total_hosts: None,
            hosts_done: 0,
            hosts_up: 0,
            hosts_now: 0,
            traffic: Traffic::default(),
            traffic_before: Traffic::default(),
            sent_count: 0,
        }
    }

    /// How many addresses there are, if that is known.
    pub fn set_total(&mut self, total: Option<u64>) {
        self.total_hosts = total;
    }

    /// Whether `--packet-trace` or the key is on.
    pub fn traces_packets(&self) -> bool {
        self.packet_trace
    }

    /// A task begins.
    pub fn begin(&mut self, task: &str, hosts: usize, started: Instant) {
        self.task = task.to_owned();
        (self.task_began, self.started) = (Instant::now(), started);
        self.hosts_now = hosts as u64;
        (self.traffic_before, self.sent_count) = (self.traffic, 0);
        self.bar.reset();
        self.bar.set_message(self.task.clone());
    }

    pub fn host_done(&mut self, is_up: bool) {
        self.hosts_done += 1;
        self.hosts_up += u64::from(is_up);
        let of = self.total_hosts.map(|total| format!("/{total}")).unwrap_or_default();
        self.bar.set_prefix(format!("{}{of} hosts", self.hosts_done));
    }

    /// A step of a port scan; whether it is to end.
    pub fn of_ports(&mut self, scan: &mut PortScan<'_>, outputs: &mut Outputs) -> bool {
        for text in scan.take_trace(self.packet_trace) {
            outputs.send(&Event::Message { kind: MessageKind::Trace, text });
        }
        self.traffic.add(scan.take_traffic());
        self.sent_count = scan.sent_count();
        for note in scan.take_notes() {
            self.tell(note, outputs);
        }
        if let port_scan::Progress::Going { decided, total } = scan.progress() {
            self.done_of(decided, total, outputs);
        }
        interrupt::count() > 0 || outputs.has_failed()
    }

    /// With `-d`, how fast the task sent.
    pub fn tell_rates(&self, outputs: &mut Outputs) {
        if self.debugging == 0 {
            return;
        }
        let seconds = self.task_began.elapsed().as_secs_f64().max(1e-6);
        let (packets, bytes) =
            (self.traffic.sent - self.traffic_before.sent, self.traffic.sent_bytes - self.traffic_before.sent_bytes);
        let text = match packets {
            0 => format!("Overall sending rates: {:.2} packets / s.", self.sent_count as f64 / seconds),
            _ => format!(
                "Overall sending rates: {:.2} packets / s, {:.2} bytes / s.",
                packets as f64 / seconds,
                bytes as f64 / seconds
            ),
        };
        outputs.send(&Event::Message { kind: MessageKind::Trace, text });
    }

    fn tell(&self, note: Note, outputs: &mut Outputs) {
        let text = match note {
            Note::GaveUp { address, tries } => {
                format!("Warning: {address} giving up on port because retransmission cap hit ({tries}).")
            }
            Note::Slowed { address, from_ms, to_ms, why } => {
                let why = match why {
                    Loss::Drops { drops, answers } => {
                        format!("{drops} out of {answers} dropped probes since last increase.")
                    }
                    Loss::Tries(tries) => format!("max_successful_tryno increase to {tries}"),
                };
                format!("Increasing send delay for {address} from {from_ms} to {to_ms} due to {why}")
            }
            Note::TimedOut { address, left } => {
                format!(
                    "{address} timed out during {} ({left} host{} left)",
                    self.task,
                    if left == 1 { "" } else { "s" }
                )
            }
        };
        let kind = if matches!(note, Note::GaveUp { .. }) { MessageKind::Warning } else { MessageKind::Trace };
        if kind == MessageKind::Warning || self.verbose > 0 {
            outputs.send(&Event::Message { kind, text });
        }
    }

    /// A step of any task; whether it was told how far that is.
    pub fn done_of(&mut self, done: usize, total: usize, outputs: &mut Outputs) -> bool {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        let mut wanted = self.every.is_some_and(|every| self.last_line.elapsed() >= every);
        if self.every.is_none() && self.verbose > 0 && self.last_line.elapsed() >= FIRST_ESTIMATE {
            wanted = self.task_began.elapsed() >= FIRST_ESTIMATE;
        }
        let pressed: Vec<u8> = self.pressed.iter().flat_map(|pressed| pressed.try_iter()).collect();
        for key in pressed {
            wanted |= self.key(key, outputs);
        }
        if wanted {
            self.last_line = Instant::now();
            let report = self.report(done, total);
            outputs.send(&Event::Progress(report));
        }
        wanted
    }

    fn report(&self, done: usize, total: usize) -> Report {
        let share = done as f64 / total.max(1) as f64;
        let took = self.task_began.elapsed().as_secs_f64();
        let remaining = if share > 0.0 { (took / share - took).clamp(0.0, 1e9) as u64 } else { 0 };
        let time = seconds_since_epoch();
        Report {
            task: self.task.clone(),
            time,
            percent: share * 100.0,
            remaining,
            etc: time + remaining,
            elapsed_ms: self.started.elapsed().as_millis() as u64,
            hosts_done: self.hosts_done,
            hosts_up: self.hosts_up + if self.is_of_up_hosts() { self.hosts_now } else { 0 },
            hosts_now: self.hosts_now,
        }
    }

    /// Whether the hosts of the present task are known to be up.
    fn is_of_up_hosts(&self) -> bool {
        !self.task.ends_with("Ping Scan") && !self.task.starts_with("Parallel DNS")
    }

    /// Does what a key says; `true`: a status is wanted.
    fn key(&mut self, key: u8, outputs: &mut Outputs) -> bool {
        let text = match key {
            b'v' | b'V' | b'd' | b'D' => {
                let up = key.is_ascii_lowercase();
                let is_verbosity = key.eq_ignore_ascii_case(&b'v');
                let level = if is_verbosity { &mut self.verbose } else { &mut self.debugging };
                *level = if up { level.saturating_add(1) } else { level.saturating_sub(1) };
                let level = *level;
                outputs.set_levels(self.verbose, self.debugging);
                let (what, way) = (if is_verbosity { "Verbosity" } else { "Debugging" }, if up { "In" } else { "De" });
                format!("{what} {way}creased to {level}.")
            }
            b'p' | b'P' => {
                self.packet_trace = key == b'p';
                format!("Packet Tracing {}.", if self.packet_trace { "enabled" } else { "disabled" })
            }
            b'?' => HELP.to_owned(),
            _ => return true,
        };
        outputs.send(&Event::Message { kind: MessageKind::Trace, text });
        false
    }

    /// Takes the display away and gives the terminal back.
    pub fn finish(&mut self) {
        self.bar.finish_and_clear();
        self.keys = None;
    }
}

/// A thread that reads keys as long as the process lives.
fn read_keys() -> Receiver<u8> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|len| len == 1) {
            if sender.send(byte[0]).is_err() {
                return;
            }
        }
    });
    receiver
}
