//! What scripts know of hosts and ports and change there, and what becomes of their results.

use crate::support::{Folder, echo, engine, host, output, results};
use perilune_nse::{Options, Phase};
use perilune_scan::port::PortLists;
use perilune_scan::result::Host;
use std::time::{Duration, Instant};

#[test]
fn versions_are_taken_over_as_far_as_they_fit() {
    let source = "local function set(version, state)
            port.version = version
            nmap.set_port_version(host, port, state)
            local now = nmap.get_port_state(host, port)
            return tostring(now.service) .. ' ' .. now.version.name_confidence
        end
        local texts = { set({ name = 12 }), set({}), set({}, 'tcpwrapped') }
        set { product = ('x'):rep(100), version = 5.1, extrainfo = 'a\\1b', cpe = { 'cpe:/a:b', 5, {} } }
        local version = nmap.get_port_state(host, port).version
        texts[#texts + 1] = #version.product .. ' ' .. version.version .. ' ' .. version.extrainfo .. ' ' .. #version.cpe
        port.version = { cpe = 1 }
        texts[#texts + 1] = select(2, pcall(nmap.set_port_version, host, port))
        texts[#texts + 1] = select('#', nmap.set_port_state(host, { number = 0, protocol = 'tcp' }, 'no state'))
        return table.concat(texts, '|')";
    assert_eq!(
        output(source, echo),
        "12 10.0|nil 10.0|tcpwrapped 8.0|80 5.1 a.b 2|port.version 'cpe' field must be a table|0"
    );
}

#[test]
fn a_result_is_formatted_when_all_scripts_are_through() {
    let folder = Folder::new();
    let first = "hostrule = function() return true end
        action = function() nmap.registry.shared = { 'early' } return nmap.registry.shared end";
    let second = "dependencies = { 'first' } hostrule = function() return true end
        action = function() nmap.registry.shared[1] = 'late' end";
    let scripts = [folder.script("first.nse", first), folder.script("second.nse", second)];
    assert_eq!(results(Options::default(), &scripts, &[]), ["host first: \n  late"]);
}

#[test]
fn ports_that_version_detection_leaves_alone_are_named() {
    let folder = Folder::new();
    let script = folder.script(
        "test.nse",
        "hostrule = function() return true end
        action = function()
            return tostring(nmap.port_is_excluded(9100, 'tcp')) .. tostring(nmap.port_is_excluded(9100, 'udp'))
        end",
    );
    let excluded = PortLists { tcp: vec![9100], ..PortLists::default() };
    let options = Options { excluded, ..Options::default() };
    assert_eq!(results(options, &[script], &[]), ["host test: truefalse"]);
}

#[test]
fn links_are_shown_if_the_scan_uses_them() {
    let folder = Folder::new();
    let source = "hostrule = function() return true end
        action = function(host) return tostring(host.interface) .. ' ' .. tostring(host.directly_connected)
            .. ' ' .. tostring(host.bin_ip_src and #host.bin_ip_src) .. ' ' .. host.interface_mtu end";
    let script = folder.script("test.nse", source);
    let scripts = std::slice::from_ref(&script);
    assert_eq!(results(Options::default(), scripts, &[]), ["host test: nil nil nil 0"]);
    let options = Options { shows_routes: true, ..Options::default() };
    let shown = results(options, scripts, &[]);
    assert!(shown[0].starts_with("host test: lo true 4 "), "{shown:?}");
}

#[test]
fn the_time_of_a_host_ends_its_scripts() {
    let folder = Folder::new();
    let source = "local stdnse = require 'stdnse'
        hostrule = function() return true end
        action = function() stdnse.sleep(20) return 'slept' end";
    let script = folder.script("test.nse", source);
    for (limit_ms, timed_out) in [(300, true), (60_000, false)] {
        let mut engine = engine(Options { script_timeout_ms: Some(1000), ..Options::default() });
        engine.select(std::slice::from_ref(&script)).expect("the script loads");
        let began = Instant::now();
        let hurried = Host { time_left_ms: Some(limit_ms), ..host(&[]) };
        let (hosts, _) = engine.run(Phase::Scan, vec![hurried]);
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!((hosts[0].timed_out, hosts[0].scripts.len()), (timed_out, 0), "{limit_ms} ms");
    }
}
