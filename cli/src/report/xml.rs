//! XML output (`-oX`), in the layout that readers of the format expect, byte for byte.

use super::text::{escape, protect};
use super::{clock, collapse, counts};
use perilune_scan::result::{Element, Exit, Host, Port, Run, ScriptResult};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Everything in front of the first host.
pub fn start(out: &mut impl Write, run: &Run, program: &str, version: &str) -> io::Result<()> {
    let (args, when) = (escape(&run.command_line), clock::long(run.started_at));
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>")?;
    writeln!(out, "<!-- {program} scan initiated {when} as: {args} -->")?;
    writeln!(
        out,
        "<nmaprun scanner=\"nmap\" args=\"{args}\" start=\"{}\" startstr=\"{when}\" version=\"{version}\" \
         xmloutputversion=\"1.05\">",
        run.started_at
    )?;
    for scan in &run.scans {
        let (count, services) = (scan.ports.len(), ranges(&scan.ports));
        let (kind, protocol) = (scan.kind, scan.protocol);
        writeln!(
            out,
            "<scaninfo type=\"{kind}\" protocol=\"{protocol}\" numservices=\"{count}\" services=\"{services}\"/>"
        )?;
    }
    writeln!(out, "<verbose level=\"{}\"/>\n<debugging level=\"{}\"/>", run.verbose, run.debugging)?;
    for rejected in &run.rejected_targets {
        let specification = escape(rejected);
        writeln!(out, "<target specification=\"{specification}\" status=\"skipped\" reason=\"invalid\"/>")?;
    }
    Ok(())
}

/// Everything behind the last host.
pub fn end(out: &mut impl Write, run: &Run, name: &str) -> io::Result<()> {
    let (when, seconds) = (clock::long(run.ended_at), run.elapsed_ms as f64 / 1000.0);
    let counted = counts(run.hosts_total(), run.hosts_up);
    let exit = match &run.exit {
        Exit::Success => "exit=\"success\"".to_owned(),
        Exit::Error(message) => format!("exit=\"error\" errormsg=\"{}\"", escape(message)),
    };
    writeln!(
        out,
        "<runstats><finished time=\"{}\" timestr=\"{when}\" summary=\"{name} done at {when}; {counted} scanned in \
         {seconds:.2} seconds\" elapsed=\"{seconds:.2}\" {exit}/><hosts up=\"{}\" down=\"{}\" total=\"{}\"/>",
        run.ended_at,
        run.hosts_up,
        run.hosts_down,
        run.hosts_total()
    )?;
    writeln!(out, "</runstats>\n</nmaprun>")
}

/// `<prescript>`, `<hostscript>` or `<postscript>` with its results; nothing without any.
pub fn scripts(out: &mut impl Write, element: &str, results: &[ScriptResult]) -> io::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    write!(out, "<{element}>{}</{element}>", results.iter().map(script).collect::<String>())
}

/// One host that is up.
pub fn host(out: &mut impl Write, host: &Host, run: &Run) -> io::Result<()> {
    write!(out, "<host starttime=\"{}\" endtime=\"{}\">", host.started_at, host.ended_at)?;
    let (state, reason, ttl) = (host.state, host.reason, host.reason_ttl);
    writeln!(out, "<status state=\"{state}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"/>")?;
    let kind = if host.address.is_ipv4() { "ipv4" } else { "ipv6" };
    writeln!(out, "<address addr=\"{}\" addrtype=\"{kind}\"/>\n<hostnames>", host.address)?;
    for (name, kind) in [(&host.target_name, "user"), (&host.reverse_name, "PTR")] {
        if let Some(name) = name {
            writeln!(out, "<hostname name=\"{}\" type=\"{kind}\"/>", escape(name))?;
        }
    }
    writeln!(out, "</hostnames>")?;
    if !host.ports.is_empty() {
        ports(out, host, run)?;
    }
    scripts(out, "hostscript", &host.scripts)?;
    if let Some(times) = host.times {
        let (srtt, rttvar, to) = (times.srtt_us, times.rttvar_us, times.timeout_us);
        writeln!(out, "<times srtt=\"{srtt}\" rttvar=\"{rttvar}\" to=\"{to}\"/>")?;
    }
    writeln!(out, "</host>")
}

fn ports(out: &mut impl Write, host: &Host, run: &Run) -> io::Result<()> {
    let (listed, ignored) = collapse(host, run.verbose, run.debugging);
    write!(out, "<ports>")?;
    for group in &ignored {
        writeln!(out, "<extraports state=\"{}\" count=\"{}\">", group.state, group.count)?;
        for (reason, ports) in &group.reasons {
            let numbers: Vec<u16> = ports.iter().map(|port| port.number).collect();
            let (count, protocol, numbers) = (ports.len(), ports[0].protocol, ranges(&numbers));
            writeln!(
                out,
                "<extrareasons reason=\"{reason}\" count=\"{count}\" proto=\"{protocol}\" ports=\"{numbers}\"/>"
            )?;
        }
        writeln!(out, "</extraports>")?;
    }
    for port in listed {
        writeln!(out, "{}", port_element(port))?;
    }
    writeln!(out, "</ports>")
}

fn port_element(port: &Port) -> String {
    let (protocol, number) = (port.protocol, port.number);
    let (state, reason, ttl) = (port.state, port.reason, port.reason_ttl);
    let state = format!("<state state=\"{state}\" reason=\"{reason}\" reason_ttl=\"{ttl}\"/>");
    let scripts: String = port.scripts.iter().map(script).collect();
    format!("<port protocol=\"{protocol}\" portid=\"{number}\">{state}{}{scripts}</port>", service(port))
}

fn service(port: &Port) -> String {
    let Some(name) = port.service_name() else { return String::new() };
    let mut text = format!("<service name=\"{}\"", escape(name));
    let Some(version) = port.version.as_deref() else { return text + " method=\"table\" conf=\"3\"/>" };
    for (attribute, value) in [
        ("product", &version.product),
        ("version", &version.version),
        ("extrainfo", &version.extra_info),
        ("hostname", &version.hostname),
        ("ostype", &version.os_type),
        ("devicetype", &version.device_type),
        ("servicefp", &version.fingerprint),
    ] {
        if let Some(value) = value {
            let value = escape(&protect(value.replace("\nSF:", "").as_bytes()));
            let _ = write!(text, " {attribute}=\"{value}\"");
        }
    }
    let tunnel = if version.tls_tunnel { " tunnel=\"ssl\"" } else { "" };
    let method = if version.probed { "probed" } else { "table" };
    let _ = write!(text, "{tunnel} method=\"{method}\" conf=\"{}\"", version.confidence);
    if version.cpes.is_empty() {
        return text + "/>";
    }
    let cpes: String = version.cpes.iter().map(|cpe| format!("<cpe>{}</cpe>", escape(cpe))).collect();
    text + ">" + &cpes + "</service>"
}

fn script(result: &ScriptResult) -> String {
    let (id, output) = (escape(&result.id), escape(&protect(&result.output)));
    match &result.structured {
        None => format!("<script id=\"{id}\" output=\"{output}\"/>"),
        Some(body) => format!("<script id=\"{id}\" output=\"{output}\">{}</script>", content(body)),
    }
}

/// What stands inside a script or table element.
fn content(element: &Element) -> String {
    let pairs = match element {
        Element::Text(text) => return escape(&protect(text)),
        Element::Table(pairs) => pairs,
    };
    let mut out = String::new();
    for (key, item) in pairs {
        let key = key.as_ref().map_or_else(String::new, |key| format!(" key=\"{}\"", escape(&protect(key))));
        let _ = match item {
            Element::Text(_) => writeln!(out, "<elem{key}>{}</elem>", content(item)),
            Element::Table(_) => writeln!(out, "<table{key}>\n{}</table>", content(item)),
        };
    }
    out
}

/// `1-5,80` from ascending numbers.
fn ranges(numbers: &[u16]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = numbers;
    while let Some(&first) = rest.first() {
        let run = rest.iter().enumerate().take_while(|(idx, number)| **number as usize == first as usize + idx).count();
        let last = rest[run - 1];
        parts.push(if run == 1 { first.to_string() } else { format!("{first}-{last}") });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_neighbours() {
        assert_eq!(ranges(&[1, 2, 3, 80, 65535]), "1-3,80,65535");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn structure_is_nested_elements() {
        let text = |text: &str| Element::Text(text.as_bytes().to_vec());
        let key = |key: &str| Some(key.as_bytes().to_vec());
        let list = Element::Table(vec![(None, text("x")), (None, text("y"))]);
        let table = Element::Table(vec![(key("name"), text("a<b>\x01")), (key("list"), list)]);
        let result = ScriptResult { id: "pre".to_owned(), output: b"\n  name: --".to_vec(), structured: Some(table) };
        assert_eq!(
            script(&result),
            "<script id=\"pre\" output=\"&#xa;  name: -&#45;\"><elem key=\"name\">a&lt;b&gt;\\x01</elem>\n\
             <table key=\"list\">\n<elem>x</elem>\n<elem>y</elem>\n</table>\n</script>"
        );
        let empty = ScriptResult { id: "e".to_owned(), output: Vec::new(), structured: Some(Element::Table(vec![])) };
        assert_eq!(script(&empty), "<script id=\"e\" output=\"\"></script>");
    }
}
