//! The engine as the command line asks for it, and `--script-help`.

mod check;
pub mod command;
mod definitions;
mod doc_html;
mod doc_text;
mod facts;
mod known;
mod lexer;
mod markup;
mod nsedoc;
mod page;
mod reader;
mod skeleton;

use crate::options::Options;
use crate::outputs::Outputs;
use crate::report::{Event, MessageKind};
use crate::scan::Failure;
use perilune_nse::{Channel, DataFolders, Engine, EngineError, LinkLayer, Printer, ScriptError};
use perilune_scan::interface;
use perilune_scan::timing::Timing;
use perilune_scan::version::ProbeFile;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;

/// Threads of scripts that may live at once, unless `--min-parallelism` is more.
const THREADS: usize = 1000;

/// Lines of the engine that are not yet told: it speaks while the outputs are someone else's.
#[derive(Clone, Default, Debug)]
pub struct Said(Rc<RefCell<Vec<(Channel, String)>>>);

impl Said {
    /// Tells them.
    pub fn tell(&self, outputs: &mut Outputs) {
        for (channel, text) in self.0.take() {
            let kind = if channel == Channel::Stdout { MessageKind::Trace } else { MessageKind::Warning };
            outputs.send(&Event::Message { kind, text });
        }
    }

    fn printer(&self) -> Printer {
        let lines = Rc::clone(&self.0);
        let keep = move |channel, line: &[u8]| {
            lines.borrow_mut().push((channel, String::from_utf8_lossy(line).into_owned()));
        };
        Printer(Some(Rc::new(keep)))
    }
}

/// The engine where nothing is scanned: what it says goes straight out.
pub fn lone_engine(options: &Options) -> Result<Option<Engine>, Failure> {
    let said = Said::default();
    let engine = engine(options, None, &said);
    said.0.take().iter().for_each(|(_, text)| eprintln!("{text}"));
    engine
}

/// The engine with the scripts that were asked for; none when there are none.
pub fn engine(options: &Options, probes: Option<&ProbeFile>, said: &Said) -> Result<Option<Engine>, Failure> {
    let scripts = &options.scripts;
    if !scripts.are_wanted() && !options.version_detection {
        return Ok(None);
    }
    let network = crate::network::open(options)?;
    let mut data = DataFolders::of_environment(scripts.datadir.clone());
    data.script_folders = scripts.script_path.clone();
    (data.services, data.probes) = (options.servicedb.clone(), options.versiondb.clone());
    let mut engine_options = perilune_nse::Options {
        verbosity: options.verbose,
        debugging: options.debug,
        timing_level: options.timing.template,
        version_intensity: options.intensity(),
        version_scan: options.version_detection,
        script_scan: scripts.are_wanted(),
        ipv6: options.ipv6,
        source: source(options)?,
        interface: options.interface.clone(),
        excluded: probes
            .filter(|_| options.version_detection && !options.allports)
            .map(|probes| probes.excluded().clone())
            .unwrap_or_default(),
        shows_routes: crate::plan::sends_packets(options)?,
        dns_servers: crate::plan::servers(options)?.iter().map(|server| server.ip()).collect(),
        ttl: options.ttl,
        payload_len: crate::plan::data(options, 0)?.len(),
        link_layer: match options {
            Options { send_ip: true, .. } => LinkLayer::Ip,
            Options { send_eth: true, .. } => LinkLayer::Ethernet,
            _ => LinkLayer::Any,
        },
        // The slow templates let one thread connect at a time.
        parallelism: options.timing.max_parallelism.unwrap_or(if options.timing.template <= 2 { 1 } else { 20 }),
        threads_max: options.timing.min_parallelism.unwrap_or(0).max(THREADS),
        data,
        script_args: scripts.script_args.clone().unwrap_or_default(),
        script_args_file: scripts.script_args_file.clone(),
        update_db: scripts.script_updatedb,
        script_trace: scripts.script_trace || options.packet_trace,
        sched_trace: scripts.sched_trace.clone(),
        script_timeout_ms: scripts
            .script_timeout
            .or(Timing::template(options.timing.template).script_timeout_ms)
            .filter(|&timeout| timeout > 0),
        script_instructions_max: scripts.script_max_instructions,
        printer: said.printer(),
        privileged: crate::plan::is_privileged(options)?,
        ..perilune_nse::Options::default()
    };
    if let Some(megabytes) = scripts.script_max_memory {
        engine_options.memory_max = Some(megabytes.saturating_mul(1 << 20));
    }
    let known = engine_options.data.clone();
    let mut engine = Engine::new(engine_options, Box::new(network)).map_err(|error| Failure(error.to_string()))?;
    match engine.select(&rules(options)) {
        Ok(()) => Ok(Some(engine)),
        Err(error) => {
            let mut message = error.to_string();
            if let EngineError::Script(ScriptError::NotFound(name)) = &error {
                message.push_str(&suggestion(&known, name));
            }
            Err(Failure(message))
        }
    }
}

/// The address that the user chose, or that of the interface: sockets of scripts are bound to it.
fn source(options: &Options) -> Result<Option<IpAddr>, Failure> {
    let Some(name) = options.interface.as_ref().filter(|_| options.source_address.is_none()) else {
        return Ok(options.source_address);
    };
    let interfaces = interface::list().map_err(|error| Failure::of("cannot list the interfaces", error))?;
    let of_name = interfaces.iter().filter(|interface| interface.device == *name || interface.short_name() == name);
    Ok(of_name.filter_map(|interface| interface.address).find(|address| address.is_ipv6() == options.ipv6))
}

/// The script whose name is nearest to one that is none, as a sentence; empty when none is near.
fn suggestion(known: &DataFolders, name: &str) -> String {
    /// Letters that may be wrong.
    const DISTANCE_MAX: usize = 3;
    let ids = known.names("scripts", ".nse");
    let distances = ids.iter().map(|id| (distance(id, name), id));
    match distances.min().filter(|(distance, _)| *distance <= DISTANCE_MAX) {
        Some((_, near)) => format!("\nDid you mean '{near}'?"),
        None => String::new(),
    }
}

/// How many letters have to be changed, added or taken away to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// What is to be selected; the default only when nothing is named.
fn rules(options: &Options) -> Vec<String> {
    let scripts = &options.scripts;
    let mut rules = [&scripts.script[..], &scripts.script_help[..]].concat();
    if rules.is_empty() && scripts.default_scripts {
        rules.push("default".to_owned());
    }
    if scripts.script_help.is_empty() && options.version_detection {
        rules.push("version".to_owned());
    }
    rules
}

/// Tells about the selected scripts.
pub fn help_text(engine: &Engine) -> String {
    let mut text = String::new();
    for script in engine.scripts() {
        let (id, categories) = (&script.id, script.categories.join(" "));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{id}\nCategories: {categories}\nhttps://nmap.org/nsedoc/scripts/{id}.html");
        let description = script.description.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        for line in description.split_inclusive('\n') {
            text.push_str(if line == "\n" { "" } else { "  " });
            text.push_str(line);
        }
    }
    text
}

/// The same as XML.
pub fn help_xml(engine: &Engine, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "<nse-scripts>")?;
    for (name, path) in ["scripts", "nselib"].into_iter().zip(engine.folders()) {
        let path = escaped(path.unwrap_or_default().as_bytes());
        writeln!(out, "<directory name=\"{name}\" path=\"{path}\"></directory>")?;
    }
    for script in engine.scripts() {
        writeln!(out, "<script filename=\"{}\">", escaped(script.path.as_bytes()))?;
        let categories =
            script.categories.iter().map(|name| format!("<category>{}</category>", escaped(name.as_bytes())));
        writeln!(out, "<categories>{}</categories>", categories.collect::<String>())?;
        if let Some(description) = &script.description {
            writeln!(out, "<description>{}</description>", escaped(description))?;
        }
        writeln!(out, "</script>")?;
    }
    writeln!(out, "</nse-scripts>")
}

/// Text for XML; control bytes and those beyond ASCII as character references.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut before = 0;
    for &byte in bytes {
        match byte {
            b'<' => text.push_str("&lt;"),
            b'>' => text.push_str("&gt;"),
            b'&' => text.push_str("&amp;"),
            b'"' => text.push_str("&quot;"),
            b'\'' => text.push_str("&apos;"),
            b'-' if before == b'-' => text.push_str("&#45;"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "&#x{byte:x};");
            }
        }
        before = byte;
    }
    text
}
