//! The options of a scan.
//!
//! Nmap's words with a single dash, such as `-sT` and `-oX`, are rewritten to long options before `clap` parses, so
//! that help, completions and the man page come from one place. Defaults from a file are options put in front, unless
//! the command line has them.

mod defaults;
mod rewrite;

use crate::script_options::ScriptOptions;
use crate::timing_options::{TimingOptions, milliseconds};
use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};
use perilune_nse::DataFolders;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

/// Headings of the help.
mod heading {
    pub const TARGETS: &str = "Targets and discovery";
    pub const PORTS: &str = "Ports and scans";
    pub const VERSION: &str = "Services and versions";
    pub const NETWORK: &str = "Network";
    pub const OUTPUT: &str = "Output";
    pub const OTHER: &str = "Other";
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// Scans hosts and runs scripts against what it finds.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "perilune",
    version,
    disable_version_flag = true,
    disable_help_flag = true,
    infer_long_args = true,
    args_override_self = true,
    max_term_width = 100,
    styles = STYLES,
    after_help = "Sub-commands: demo, lua, script, convert, diff, completions, man. All options: perilune --help-all"
)]
pub struct Options {
    /// Addresses, ranges such as 10.0.0-3.1-254, networks such as 192.0.2.0/28, names
    #[arg(value_name = "TARGET", value_parser = OsStringValueParser::new().map(lossy), help_heading = heading::TARGETS)]
    pub targets: Vec<String>,
    /// Take targets from a file, "-" for standard input; a line may be host:port,port (-iL)
    #[arg(long, value_name = "FILE", help_heading = heading::TARGETS)]
    pub input_list: Option<PathBuf>,
    /// Take N random IPv4 addresses, 0 for no end (-iR)
    #[arg(long, value_name = "N", help_heading = heading::TARGETS, hide_short_help = true)]
    pub input_random: Option<u64>,
    /// Leave out these targets
    #[arg(long, value_name = "LIST", help_heading = heading::TARGETS)]
    pub exclude: Option<String>,
    /// Leave out the targets of a file
    #[arg(long, value_name = "FILE", help_heading = heading::TARGETS, hide_short_help = true)]
    pub excludefile: Option<PathBuf>,
    /// Scan this part of the targets: I/N, I from 1 to N
    #[arg(long, value_name = "I/N", help_heading = heading::TARGETS)]
    pub shard: Option<String>,
    /// Number that random choices follow: order of ports, random targets
    #[arg(long, value_name = "N", help_heading = heading::TARGETS, hide_short_help = true)]
    pub seed: Option<u64>,
    /// Use IPv4 only (-4)
    #[arg(short = '4', help_heading = heading::TARGETS, hide_short_help = true)]
    pub ipv4: bool,
    /// Use IPv6 only (-6)
    #[arg(short = '6', help_heading = heading::TARGETS, hide_short_help = true)]
    pub ipv6: bool,
    /// Scan all addresses of a name
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub resolve_all: bool,
    /// Scan each address once
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub unique: bool,
    /// Scan hosts in random order (-rH)
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub randomize_hosts: bool,
    /// List targets, send nothing to them (-sL)
    #[arg(long, help_heading = heading::TARGETS)]
    pub list_scan: bool,
    /// Find out which hosts are up, scan no ports (-sn)
    #[arg(long, help_heading = heading::TARGETS)]
    pub no_port_scan: bool,
    /// Take all targets as up (-Pn)
    #[arg(long, help_heading = heading::TARGETS)]
    pub skip_discovery: bool,
    /// Ask these TCP ports whether a host is up, by SYN or by connecting (-PS)
    #[arg(long, value_name = "PORTS", help_heading = heading::TARGETS, hide_short_help = true)]
    pub ping_syn: Option<String>,
    /// The same by ACK (-PA)
    #[arg(long, value_name = "PORTS", help_heading = heading::TARGETS, hide_short_help = true)]
    pub ping_ack: Option<String>,
    /// Ask these UDP ports, as root (-PU)
    #[arg(long, value_name = "PORTS", help_heading = heading::TARGETS, hide_short_help = true)]
    pub ping_udp: Option<String>,
    /// Ask by ICMP echo (-PE)
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub ping_echo: bool,
    /// Ask by ICMP timestamp (-PP)
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub ping_timestamp: bool,
    /// Ask by ICMP address mask (-PM)
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub ping_mask: bool,
    /// Never ask by ARP or neighbour discovery
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub disable_arp_ping: bool,
    /// A refused connection does not show that a host is up
    #[arg(long, help_heading = heading::TARGETS, hide_short_help = true)]
    pub discovery_ignore_rst: bool,
    /// Resolve no addresses to names
    #[arg(short = 'n', help_heading = heading::TARGETS)]
    pub no_names: bool,
    /// Resolve the addresses of hosts that are down, too (-R)
    #[arg(short = 'R', help_heading = heading::TARGETS)]
    pub all_names: bool,
    /// Ask these name servers
    #[arg(long, value_name = "LIST", help_heading = heading::TARGETS)]
    pub dns_servers: Option<String>,
    /// Find the way to each host, as root
    #[arg(long, help_heading = heading::TARGETS)]
    pub traceroute: bool,

    /// Ports to scan: 22,80,8000-8100 or names; "-" for all [default: the 1,000 most common]
    #[arg(short = 'p', value_name = "PORTS", allow_hyphen_values = true, help_heading = heading::PORTS)]
    pub ports: Vec<String>,
    /// Scan the 100 most common ports
    #[arg(short = 'F', help_heading = heading::PORTS)]
    pub fast: bool,
    /// Scan the N most common ports
    #[arg(long, value_name = "N", help_heading = heading::PORTS)]
    pub top_ports: Option<u32>,
    /// Scan ports found open at least this often, 0 to 1; needs nmap-services in --datadir
    #[arg(long, value_name = "RATIO", help_heading = heading::PORTS, hide_short_help = true)]
    pub port_ratio: Option<f64>,
    /// Ports to leave out
    #[arg(long, value_name = "PORTS", help_heading = heading::PORTS, hide_short_help = true)]
    pub exclude_ports: Option<String>,
    /// Scan ports in ascending order
    #[arg(short = 'r', help_heading = heading::PORTS, hide_short_help = true)]
    pub sequential: bool,
    /// File with names of services, in place of our own list
    #[arg(long, value_name = "FILE", help_heading = heading::PORTS, hide_short_help = true)]
    pub servicedb: Option<PathBuf>,
    /// Scan TCP ports by connecting, which needs no privilege (-sT)
    #[arg(long, help_heading = heading::PORTS)]
    pub connect_scan: bool,
    /// Scan TCP ports by SYN packets, as root (-sS)
    #[arg(long, help_heading = heading::PORTS)]
    pub syn_scan: bool,
    /// Scan UDP ports (-sU)
    #[arg(long, help_heading = heading::PORTS)]
    pub udp_scan: bool,

    /// Ask open ports which service and version they run (-sV)
    #[arg(long, help_heading = heading::VERSION)]
    pub version_detection: bool,
    /// How many probes to try: 0 (few) to 9 (all) [default: 7]
    #[arg(
        long,
        value_name = "LEVEL",
        value_parser = clap::value_parser!(u8).range(0..=9),
        help_heading = heading::VERSION
    )]
    pub version_intensity: Option<u8>,
    /// The same as --version-intensity 2
    #[arg(long, help_heading = heading::VERSION, hide_short_help = true)]
    pub version_light: bool,
    /// The same as --version-intensity 9
    #[arg(long, help_heading = heading::VERSION, hide_short_help = true)]
    pub version_all: bool,
    /// Show what version detection asks and finds
    #[arg(long, help_heading = heading::VERSION, hide_short_help = true)]
    pub version_trace: bool,
    /// Probe the ports, too, that the probe file excludes
    #[arg(long, help_heading = heading::VERSION, hide_short_help = true)]
    pub allports: bool,
    /// File with service probes, in place of the one in --datadir or our own
    #[arg(long, value_name = "FILE", help_heading = heading::VERSION, hide_short_help = true)]
    pub versiondb: Option<PathBuf>,
    /// Versions, default scripts and, as root, the way to each host (-A)
    #[arg(short = 'A', help_heading = heading::VERSION)]
    pub aggressive: bool,

    #[command(flatten)]
    pub scripts: ScriptOptions,

    #[command(flatten)]
    pub timing: TimingOptions,

    /// Connect through proxies, one or several in a row: http://, socks4://, socks5://HOST:PORT
    #[arg(long, value_name = "URLS", help_heading = heading::NETWORK)]
    pub proxies: Option<String>,
    /// Send through this interface
    #[arg(short = 'e', value_name = "NAME", help_heading = heading::NETWORK, hide_short_help = true)]
    pub interface: Option<String>,
    /// Send from this address
    #[arg(short = 'S', value_name = "ADDRESS", help_heading = heading::NETWORK, hide_short_help = true)]
    pub source_address: Option<IpAddr>,
    /// Time to live of raw packets
    #[arg(long, value_name = "N", help_heading = heading::NETWORK, hide_short_help = true)]
    pub ttl: Option<u8>,
    /// Source port of raw packets (-g)
    #[arg(short = 'g', long, value_name = "PORT", help_heading = heading::NETWORK, hide_short_help = true)]
    pub source_port: Option<u16>,
    /// Put these bytes into raw packets: hexadecimal digits
    #[arg(long, value_name = "HEX", help_heading = heading::NETWORK, hide_short_help = true)]
    pub data: Option<String>,
    /// Put this text into raw packets
    #[arg(long, value_name = "TEXT", help_heading = heading::NETWORK, hide_short_help = true)]
    pub data_string: Option<String>,
    /// Put so many random bytes into raw packets
    #[arg(long, value_name = "N", help_heading = heading::NETWORK, hide_short_help = true)]
    pub data_length: Option<usize>,
    /// Scripts send packets of their own through IP sockets only
    #[arg(long, help_heading = heading::NETWORK, hide_short_help = true)]
    pub send_ip: bool,
    /// Scripts send packets of their own in Ethernet frames
    #[arg(long, conflicts_with = "send_ip", help_heading = heading::NETWORK, hide_short_help = true)]
    pub send_eth: bool,
    /// Print interfaces and routes, and scan nothing
    #[arg(long, help_heading = heading::NETWORK, hide_short_help = true)]
    pub iflist: bool,
    /// Act as if privileged
    #[arg(long, help_heading = heading::NETWORK, hide_short_help = true)]
    pub privileged: bool,
    /// Send no raw packets
    #[arg(long, conflicts_with = "privileged", help_heading = heading::NETWORK, hide_short_help = true)]
    pub unprivileged: bool,

    /// Write the report to a file (-oN); "-" is the terminal
    #[arg(long, allow_hyphen_values = true, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub output_normal: Option<PathBuf>,
    /// Write the report as XML (-oX); "-" is the terminal
    #[arg(long, allow_hyphen_values = true, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub output_xml: Option<PathBuf>,
    /// Write one line for each host (-oG); "-" is the terminal
    #[arg(long, allow_hyphen_values = true, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub output_grepable: Option<PathBuf>,
    /// Write events as lines of JSON, as they happen (-oJ); "-" is the terminal
    #[arg(long, allow_hyphen_values = true, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub output_json: Option<PathBuf>,
    /// Write BASE.nmap, BASE.xml and BASE.gnmap (-oA)
    #[arg(long, allow_hyphen_values = true, value_name = "BASE", help_heading = heading::OUTPUT)]
    pub output_all: Option<PathBuf>,
    /// Write a report for a browser
    #[arg(long, allow_hyphen_values = true, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub html: Option<PathBuf>,
    /// Add to output files in place of starting them anew
    #[arg(long, help_heading = heading::OUTPUT, hide_short_help = true)]
    pub append_output: bool,
    /// Stylesheet that the XML names
    #[arg(long, value_name = "URL", help_heading = heading::OUTPUT, hide_short_help = true)]
    pub stylesheet: Option<String>,
    /// Name the stylesheet on the web that Nmap names
    #[arg(long, help_heading = heading::OUTPUT, hide_short_help = true)]
    pub webxml: bool,
    /// Name no stylesheet
    #[arg(long, help_heading = heading::OUTPUT, hide_short_help = true)]
    pub no_stylesheet: bool,
    /// Say why a port has its state
    #[arg(long, help_heading = heading::OUTPUT)]
    pub reason: bool,
    /// Show open ports only
    #[arg(long, help_heading = heading::OUTPUT)]
    pub open: bool,
    /// Show every probe and answer
    #[arg(long, help_heading = heading::OUTPUT, hide_short_help = true)]
    pub packet_trace: bool,
    /// Say how far the scan is, this often
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    #[arg(help_heading = heading::OUTPUT, hide_short_help = true)]
    pub stats_every: Option<u64>,
    /// Read no keys from the terminal
    #[arg(long, help_heading = heading::OUTPUT, hide_short_help = true)]
    pub noninteractive: bool,
    /// Say more; given twice, still more; -v0 says nothing
    #[arg(short = 'v', action = clap::ArgAction::Count, help_heading = heading::OUTPUT)]
    pub verbose: u8,
    /// Level of -v as a number
    #[arg(long, value_name = "LEVEL", hide = true)]
    pub verbosity: Option<u8>,
    /// Say what goes wrong in scripts
    #[arg(short = 'd', action = clap::ArgAction::Count, help_heading = heading::OUTPUT)]
    pub debug: u8,
    /// Level of -d as a number
    #[arg(long, value_name = "LEVEL", hide = true)]
    pub debugging: Option<u8>,
    /// Go on with the scan of a log: JSON lines exactly, XML host by host
    #[arg(long, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub resume: Option<PathBuf>,

    /// Exit with 2 when something of this list was found: open, vuln, error
    #[arg(long, value_name = "LIST", help_heading = heading::OTHER)]
    pub fail_on: Option<String>,
    /// Defaults: a TOML file whose keys are long options
    #[arg(long, value_name = "FILE", help_heading = heading::OTHER)]
    pub config: Option<PathBuf>,
    /// Print the names Nmap prints: "nmap"
    #[arg(long, value_name = "NAME", value_parser = ["nmap"], help_heading = heading::OTHER, hide_short_help = true)]
    pub compat: Option<String>,
    /// Print this help
    #[arg(short = 'h', long, help_heading = heading::OTHER)]
    pub help: bool,
    /// Print all options
    #[arg(long, help_heading = heading::OTHER)]
    pub help_all: bool,
    /// Print the version
    #[arg(short = 'V', long, help_heading = heading::OTHER)]
    pub version: bool,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    Scan(Box<Options>),
    /// A text to print: help, version.
    Text(String),
}

impl Options {
    /// How many probes version detection tries.
    pub fn intensity(&self) -> u8 {
        match self {
            Options { version_all: true, .. } => 9,
            Options { version_light: true, .. } => 2,
            _ => self.version_intensity.unwrap_or(7),
        }
    }

    /// A data file of the folders of `--datadir` and the environment.
    pub fn data_file(&self, name: &str) -> Option<PathBuf> {
        let folders = DataFolders::of_environment(self.scripts.datadir.clone()).folders;
        folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// Words with one dash that stand for an option.
    pub fn words_of(option: &str) -> impl Iterator<Item = &'static str> + use<> {
        rewrite::words_of(option)
    }

    /// Parses a command line without the program's name.
    ///
    /// # Errors
    /// Usage errors, what is not supported, a file of defaults that can't be read.
    pub fn parse_args(args: Vec<OsString>) -> Result<Parsed, clap::Error> {
        let mut args = rewrite::rewrite(args)?;
        if let Some(path) = defaults::config_path(&args) {
            let defaults =
                defaults::defaults(&path, &args).map_err(|message| usage(format!("{}: {message}", path.display())))?;
            args.splice(0..0, defaults);
        }
        let words = [OsString::from("perilune")].into_iter().chain(args);
        let mut options = Options::from_arg_matches(&Options::command().try_get_matches_from(words)?)?;
        let text = |text: clap::builder::StyledStr| {
            let coloured = std::io::IsTerminal::is_terminal(&std::io::stdout())
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            if coloured { text.ansi().to_string() } else { text.to_string() }
        };
        if options.help_all {
            return Ok(Parsed::Text(text(Options::command().render_long_help())));
        }
        if options.help {
            return Ok(Parsed::Text(text(Options::command().render_help())));
        }
        options.debug = options.debugging.unwrap_or(options.debug);
        options.verbose = options.verbosity.unwrap_or(options.verbose).max(options.debug);
        if options.aggressive {
            (options.version_detection, options.scripts.default_scripts) = (true, true);
        }
        if options.version {
            return Ok(Parsed::Text(version(&options)));
        }
        Ok(Parsed::Scan(Box::new(options)))
    }
}

/// A target that is no text names nothing, which is said when it is looked up.
fn lossy(target: OsString) -> String {
    target.to_string_lossy().into_owned()
}

/// What `-V` prints.
fn version(options: &Options) -> String {
    if options.compat.is_some() {
        return format!("Nmap version {} ( https://nmap.org )\n", crate::report::NMAP_VERSION);
    }
    format!("Perilune {}\nBehaves as Nmap {}; Lua 5.4\n", env!("CARGO_PKG_VERSION"), crate::report::NMAP_VERSION)
}

fn usage(message: impl std::fmt::Display) -> clap::Error {
    Options::command().error(ErrorKind::InvalidValue, message)
}

/// An error of which Nmap, too, says that it is fatal, and not that the program is used wrongly.
fn fatal(word: &str, message: impl std::fmt::Display) -> clap::Error {
    let mut error = Options::command().error(ErrorKind::ValueValidation, message);
    error.insert(ContextKind::InvalidValue, ContextValue::String(word.to_owned()));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        let args = line.split_whitespace().map(OsString::from).collect();
        match Options::parse_args(args).expect("the line is right") {
            Parsed::Scan(options) => *options,
            Parsed::Text(text) => panic!("{text}"),
        }
    }

    fn refusal(line: &str) -> String {
        let args = line.split_whitespace().map(OsString::from).collect();
        Options::parse_args(args).map(|_| ()).expect_err("the line is wrong").to_string()
    }

    #[test]
    fn words_with_one_dash_are_options() {
        let options = parse("-n -Pn -sT -p 80,443 -T4 --script a,b -oX out.xml -script-args x=1 -vv 127.0.0.1 -p-");
        assert!(options.no_names && options.skip_discovery && options.connect_scan);
        assert_eq!(options.ports, ["80,443", "-"]);
        assert_eq!((options.timing.template, options.verbose), (4, 2));
        assert_eq!(options.scripts.script, ["a,b"]);
        assert_eq!(options.scripts.script_args.as_deref(), Some("x=1"));
        assert_eq!(options.output_xml, Some(PathBuf::from("out.xml")));
        assert_eq!(options.targets, ["127.0.0.1"]);
        assert_eq!(parse("-- -sT").targets, ["-sT"]);
    }

    #[test]
    fn letters_combine() {
        let options = parse("-sSU -PS22,80 -PA -v3 -d2 -Taggressive --max-ret 1 -iL - 10.0.0.1");
        assert!(options.syn_scan && options.udp_scan);
        assert_eq!((options.ping_syn.as_deref(), options.ping_ack.as_deref()), (Some("22,80"), Some("80")));
        assert_eq!((options.verbose, options.debug, options.timing.template), (3, 2, 4));
        assert_eq!((options.timing.max_retries, options.input_list), (Some(1), Some(PathBuf::from("-"))));
        let options = parse("-sCV -A -p22 --nsock-engine epoll x");
        assert!(options.scripts.default_scripts && options.version_detection);
        assert_eq!(options.targets, ["x"]);
    }

    #[test]
    fn what_is_not_supported_is_said() {
        for (line, part) in [
            ("-sA x", "-sA is not supported: ACK scans"),
            ("-sTA x", "-sA is not supported: ACK scans"),
            ("-O x", "-O is not supported: operating-system detection"),
            ("-sQ x", "no scan type Q"),
            ("--max-ratt 1 x", "--max-rate"),
            ("\u{2013}sT x", "printed text"),
        ] {
            assert!(refusal(line).contains(part), "{line}: {}", refusal(line));
        }
    }

    #[test]
    fn defaults_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(
            &path,
            "verbose = 2\nmax-rate = 100\nopen = true\nscript = ['a', 'b']\nports = '1-5'\nreason = false",
        )
        .unwrap();
        let options = parse(&format!("--config {} -p 80 x", path.display()));
        assert_eq!((options.timing.max_rate, options.open, options.reason), (Some(100.0), true, false));
        assert_eq!(options.verbose, 2);
        assert_eq!((options.scripts.script, options.ports), (vec!["a".into(), "b".into()], vec!["80".to_owned()]));
        std::fs::write(&path, "no-such = 1").unwrap();
        assert!(refusal(&format!("--config {} x", path.display())).contains("no-such is no option"));
    }

    #[test]
    fn the_command_is_consistent() {
        Options::command().debug_assert();
        assert!(Options::command().render_help().to_string().lines().count() < 75);
    }
}
