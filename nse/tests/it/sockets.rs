//! Sockets beyond a simple conversation: datagrams, binding, ownership, places to connect, captures.

use crate::support::{Folder, echo, output, results, service};
use perilune_nse::Options;
use std::net::{Ipv4Addr, UdpSocket};

/// A UDP service on loopback that sends each datagram back; its port.
fn udp_echo() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = socket.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..count], from);
        }
    });
    port
}

#[test]
fn datagrams_go_to_anyone() {
    let source = format!(
        "local s = nmap.new_socket('udp')
        local fresh = {{ s:get_info() }}
        local ok = s:sendto(host, {0}, 'one')
        local _, got = s:receive()
        local _, _, _, ip, from = s:get_info()
        s:sendto('127.0.0.1', {0}, 'two')
        local _, again = s:receive()
        s:close()
        s:connect(host, {0}, 'udp')
        s:send('three')
        local _, third = s:receive()
        return table.concat({{ tostring(fresh[1]), fresh[2], tostring(ok), got, ip, tostring(from == {0}), again, third }}, '|')",
        udp_echo()
    );
    assert_eq!(output(&source, echo), "true|unknown protocol|true|one|127.0.0.1|true|two|three");
}

#[test]
fn sockets_are_bound_before_they_open() {
    let source = "local free = nmap.new_socket('udp')
        free:bind('127.0.0.1', 0)
        free:sendto(host, 9, 'x')
        local _, ip, port = free:get_info()
        local tcp = nmap.new_socket()
        tcp:bind('127.0.0.1', 0)
        tcp:connect(host, port_of_service)
        local taken = nmap.new_socket()
        local bad, why = taken:bind('no address', 1)
        return table.concat({ ip, tostring(port > 0), (select(2, tcp:get_info())), tostring(bad), why }, '|')";
    let source = format!("local port_of_service = port.number\n{source}");
    assert_eq!(output(&source, echo), "127.0.0.1|true|127.0.0.1|false|getaddrinfo: Name or service not known");
}

#[test]
fn misuse_has_its_answers() {
    let source = "local s = nmap.new_socket()
        local t = {}
        local function note(...) t[#t + 1] = table.concat({ tostring((...)), tostring((select(2, ...))) }, ' ') end
        note(s:receive()) note(s:get_info()) note(s:close()) note(s:pcap_close())
        note(pcall(s.get_ssl_certificate, s))
        note(pcall(s.pcap_receive, s))
        note(pcall(nmap.new_socket, 'ssl'))
        note(pcall(s.connect, s, {}, 1))
        note(pcall(s.connect, s, host, { number = '80' }))
        note(pcall(s.connect, s, host, { number = 80, protocol = 'sctp' }))
        note(pcall(s.set_timeout, s, -5))
        note(pcall(function() s.send('x') end))
        note(pcall(s.receive_bytes, {}))
        note(s:connect(host, 1)) note(s:send('x')) note(s:receive()) note(s:receive()) note(s:get_info()) note(s:close())
        return table.concat(t, '\\n')";
    let expected = "false socket must be connected
false socket must be connected
false socket already closed
false socket already closed
false not a SSL socket
false not a pcap socket
false invalid option 'ssl'
false host table lacks 'ip' or 'targetname' fields
false port table lacks integer 'number' field
false invalid option 'sctp'
false Negative timeout: -5
false nsock expected, got string
false nsock expected, got table
nil ERROR
nil ERROR
nil EOF
false EOF
true 127.0.0.1
true nil";
    let got = output(source, echo);
    // An error stands behind where it was raised and in front of which argument it is about.
    for (got, expected) in got.lines().zip(expected.lines()) {
        let (status, text) = expected.split_once(' ').expect("a status and a text");
        assert!(got.starts_with(status) && got.contains(text), "{got:?} is not {expected:?}");
    }
    assert_eq!(got.lines().count(), expected.lines().count(), "{got}");
}

#[test]
fn a_socket_has_one_operation_at_a_time() {
    let source = "local stdnse = require 'stdnse'
        local s = nmap.new_socket()
        s:connect(host, port)
        local said
        local worker = stdnse.new_thread(function()
            local ok, why = s:receive()
            said = tostring(ok) .. ' ' .. tostring(why)
        end)
        stdnse.sleep(0.1)
        local ok, why = pcall(s.receive, s)
        s:close()
        stdnse.sleep(0.1)
        return tostring(why):match('Invalid.*') .. ' / ' .. said .. ' / ' .. coroutine.status(worker)";
    assert_eq!(output(source, echo), "Invalid reuse of a socket from one thread to another. / nil CANCELLED / dead");
}

#[test]
fn a_flood_fills_no_memory() {
    let source = "local function fresh() local s = nmap.new_socket() s:connect(host, port) return s end
        local ok, lines = fresh():receive_lines(3)
        local found, why = fresh():receive_buf('no such text', true)
        return table.concat({ tostring(ok), tostring(#lines < 8e6), tostring(found), why }, '|')";
    let flood = |mut stream: std::net::TcpStream| {
        while std::io::Write::write_all(&mut stream, &[b'A'; 65536]).is_ok() {}
    };
    assert_eq!(output(source, flood), "true|true|false|ERROR");
    // Who takes whatever comes gets to an end, and may connect again.
    let source = "local s, sum, got = nmap.new_socket(), 0, nil
        s:connect(host, port)
        local ok = true
        while ok do
            ok, got = s:receive()
            sum = sum + (ok and #got or 0)
        end
        s:connect(host, port)
        return table.concat({ sum // (1 << 20), got, tostring((s:receive())) }, '|')";
    assert_eq!(output(source, flood), "128|EOF|true");
}

#[test]
fn places_to_connect_are_limited() {
    let folder = Folder::new();
    let script = folder.script(
        "slots.nse",
        "local stdnse = require 'stdnse'
        portrule = function() return true end
        action = function(host, port)
            local open, most, waiting, left = 0, 0, 0, 12
            for _ = 1, 12 do
                stdnse.new_thread(function()
                    local s, other = nmap.new_socket(), nmap.new_socket()
                    assert(s:connect(host, port))
                    -- The place is the thread's: a second socket needs none.
                    assert(other:connect(host, port))
                    open = open + 1
                    most = math.max(most, open)
                    waiting = math.max(waiting, nmap.socket.get_stats().connect_waiting)
                    stdnse.sleep(0.05)
                    open = open - 1
                    s:close() other:close()
                    left = left - 1
                end)
            end
            while left > 0 do stdnse.sleep(0.02) end
            return most .. ' ' .. tostring(waiting >= 6)
        end",
    );
    let options = Options { parallelism: 4, ..Options::default() };
    assert_eq!(results(options, &[script], &[service(echo)]), ["0 slots: 5 true"]);
}

#[test]
fn names_are_resolved() {
    let source = "local ok, list = nmap.resolve('localhost', 'inet')
        local numeric = select(2, nmap.resolve('192.0.2.7'))
        local wrong, why = nmap.resolve('192.0.2.7', 'inet6')
        local s = nmap.new_socket()
        return table.concat({ tostring(ok), list[1], numeric[1], tostring(wrong), why,
            tostring(s:connect('localhost', port)) }, '|')";
    assert_eq!(output(source, echo), "true|127.0.0.1|192.0.2.7|false|Failed to resolve|true");
}

#[test]
fn interfaces_are_listed() {
    let source = "local found
        for _, interface in ipairs(nmap.list_interfaces()) do
            if interface.address == '127.0.0.1' then found = interface end
        end
        local info = nmap.get_interface_info(found.device)
        local ok, why = pcall(nmap.get_interface_info, 'no-such-device')
        return table.concat({ found.link, found.up, tostring(found.mac), info.address, math.type(info.mtu),
            why:match('device .*') }, '|')";
    assert_eq!(output(source, echo), "loopback|up|nil|127.0.0.1|integer|device %s not found or no address configured)");
}

#[test]
fn packets_are_captured_or_the_privilege_is_missing() {
    let source = format!(
        "local stdnse = require 'stdnse'
        local p = nmap.new_socket()
        local ok, why = pcall(p.pcap_open, p, 'lo', 200, false, 'udp and dst port {0}')
        if not ok then return why:match('can.t open pcap reader on lo') end
        p:set_timeout(2000)
        local s = nmap.new_socket('udp')
        s:sendto(host, {0}, 'captured')
        local status, len, l2, l3, time = p:pcap_receive()
        local refused = select(2, p:send('x'))
        p:set_timeout(50)
        local none, timeout = p:pcap_receive()
        p:pcap_close()
        return table.concat({{ tostring(status), len, #l2, l3:sub(29), tostring(time > 1e9), refused,
            tostring(none), timeout }}, '|')",
        udp_echo()
    );
    let got = output(&source, echo);
    let captured = "true|50|14|captured|true|invalid operation on pcap socket|nil|TIMEOUT";
    assert!(got == captured || got == "can't open pcap reader on lo", "{got}");
}

#[test]
fn packets_of_the_own_making_need_headers() {
    let source = "local d = nmap.new_dnet()
        local ok, why = pcall(d.ip_send, d, 'x')
        local open, unable = pcall(d.ethernet_open, d, 'lo')
        local sent, closed = pcall(d.ethernet_send, d, 'x')
        return table.concat({ why:match('can.t.*'), unable:match('unable[^)]*'), closed:match('dnet .*'),
            tostring(d:ip_open()), tostring(d:ip_close()) }, '|')";
    assert_eq!(
        output(source, echo),
        "can't parse ip packet|unable to open dnet on ethernet interface lo|dnet ethernet interface is not open|true|true"
    );
}
