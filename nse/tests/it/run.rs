//! Sockets, timeouts, scheduling and results.

use crate::support::{Folder, echo, engine, host, output, results, service};
use perilune_nse::{Options, Phase};
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn silent(stream: TcpStream) {
    std::thread::sleep(Duration::from_secs(20));
    drop(stream);
}

#[test]
fn sockets_connect_send_and_receive() {
    let source = "local s = nmap.new_socket()
        local before = { s:send('x') }
        local ok = s:connect(host, port)
        s:send('hello\\nworld\\n')
        local got, lines = s:receive_lines(2)
        s:send('12345')
        local _, bytes = s:receive_bytes(5)
        local closed, again = s:close(), select(2, s:close())
        return table.concat({ tostring(before[1]), before[2], tostring(ok), lines, bytes, tostring(closed), again }, '|')";
    assert_eq!(
        output(source, echo),
        "false|socket must be connected|true|hello\nworld\n|12345|true|socket already closed"
    );
}

#[test]
fn the_end_of_a_stream_is_told_once_as_nil_then_as_false() {
    let source = "local s = nmap.new_socket()
        s:connect(host, port)
        local a, data = s:receive_bytes(100)
        local b, first = s:receive()
        local c, second = s:receive()
        return table.concat({ tostring(a), data, tostring(b), first, tostring(c), second }, '|')";
    let handle = |mut stream: TcpStream| drop(stream.write_all(b"short"));
    let got = output(source, handle);
    // The end comes with the data or behind it.
    assert!(got == "true|short|nil|EOF|false|EOF" || got == "true|short|false|EOF|false|EOF", "{got}");
}

#[test]
fn timeouts_deliver_what_is_there() {
    let source = "local s = nmap.new_socket()
        s:set_timeout(200)
        s:connect(host, port)
        local a, data = s:receive_bytes(100)
        local b, status = s:receive()
        return table.concat({ tostring(a), data, tostring(b), status }, '|')";
    let handle = |mut stream: TcpStream| {
        let _ = stream.write_all(b"part");
        silent(stream);
    };
    assert_eq!(output(source, handle), "true|part|nil|TIMEOUT");
}

#[test]
fn a_refused_connection_is_an_error() {
    let source = "local s = nmap.new_socket()
        local ok, status = s:connect(host.ip, 1)
        return tostring(ok) .. ' ' .. status";
    assert_eq!(output(source, echo), "nil ERROR");
}

#[test]
fn delimiters_split_the_stream() {
    let source = "local s = nmap.new_socket()
        s:connect(host, port)
        s:send('one\\r\\ntwo\\r\\nrest')
        local _, a = s:receive_buf('\\r\\n', false)
        local _, b = s:receive_buf('\\r\\n', true)
        local _, c = s:receive_buf(function(buffer) if #buffer >= 4 then return 4, 4 end end, true)
        return table.concat({ a, b, c }, '|')";
    assert_eq!(output(source, echo), "one|two\r\n|rest");
}

#[test]
fn operations_work_inside_callbacks_and_coroutines() {
    let source = "local s = nmap.new_socket()
        s:connect(host, port)
        local function ask(text) s:send(text) return (select(2, s:receive())) end
        local replaced = ('a-b'):gsub('%a', function(c) return ask(c:upper()) end)
        local co = coroutine.wrap(function(x) local got = ask(x) coroutine.yield(got) return ask('end') end)
        return table.concat({ replaced, co('one'), co() }, '|')";
    assert_eq!(output(source, echo), "A-B|one|end");
}

#[test]
fn results_are_formatted_as_tables() {
    let source = "return { 'item', key = 'value', { 1, 2 } }";
    assert_eq!(output(source, echo), "\n  item\n  \n    1\n    2\n  key: value");
    assert_eq!(output("return nil", echo), "nothing");
    assert_eq!(output("return false", echo), "false");
    assert_eq!(output("return {}, 'text'", echo), "text");
    assert_eq!(output("error('x')", echo), "ERROR: Script execution failed (use -d to debug)");
    assert_eq!(output("nmap.new_try()(false, 'stop')", echo), "nothing");
    assert_eq!(output("local t = {} t.t = t return t", echo), "");
}

#[test]
fn undeclared_globals_are_errors_and_own_ones_are_not() {
    assert_eq!(
        output("return select(2, pcall(function() return nothing_here end)):match('variable .*')", echo),
        "variable 'nothing_here' is not declared"
    );
    assert_eq!(output("own = 5 return own .. SCRIPT_TYPE .. SCRIPT_NAME", echo), "5portruletest");
}

#[test]
fn an_endless_script_stops_neither_sockets_nor_the_run() {
    let folder = Folder::new();
    let endless =
        folder.script("endless.nse", "portrule = function() return true end action = function() while true do end end");
    let talker = folder.script(
        "talker.nse",
        "portrule = function() return true end
        action = function(host, port)
            local s, count = nmap.new_socket(), 0
            s:connect(host, port)
            for i = 1, 3 do s:send('x') count = count + #select(2, s:receive()) end
            return tostring(count)
        end",
    );
    let options = Options { script_timeout_ms: Some(2000), ..Options::default() };
    let started = Instant::now();
    let lines = results(options, &[endless, talker], &[service(echo)]);
    let elapsed = started.elapsed();
    assert_eq!(lines, ["0 talker: 3"]);
    assert!(elapsed >= Duration::from_millis(1900) && elapsed < Duration::from_secs(10), "{elapsed:?}");
}

#[test]
fn sleepers_sleep_side_by_side() {
    let folder = Folder::new();
    let script = folder.script(
        "sleeper.nse",
        "local stdnse = require 'stdnse'
        hostrule = function() return true end
        portrule = hostrule
        action = function() stdnse.sleep(0.5) return 'slept' end",
    );
    let ports: Vec<u16> = (1..=40).collect();
    let started = Instant::now();
    assert_eq!(results(Options::default(), &[script], &ports).len(), 41);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn workers_and_mutexes_share_a_script() {
    let source = "local stdnse = require 'stdnse'
        local done, mutex, cond = {}, nmap.mutex('list'), nmap.condvar('done')
        local threads = {}
        for i = 1, 5 do
            local co = stdnse.new_thread(function(n)
                local finished = nmap.condvar('done')
                mutex 'lock'
                stdnse.sleep(0.01 * (6 - n))
                done[#done + 1] = n
                mutex 'done'
                finished 'signal'
            end, i)
            threads[co] = true
        end
        repeat
            for co in pairs(threads) do if coroutine.status(co) == 'dead' then threads[co] = nil end end
            if next(threads) then cond 'wait' end
        until next(threads) == nil
        return table.concat(done, ',')";
    let got = output(source, echo);
    let mut sorted: Vec<&str> = got.split(',').collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ["1", "2", "3", "4", "5"], "{got}");
}

#[test]
fn dependencies_come_first_and_see_each_others_changes() {
    let folder = Folder::new();
    let first = folder.script(
        "first.nse",
        "portrule = function() return true end
        action = function(host, port)
            host.registry.seen = 'registry'
            port.version.name = 'renamed'
            nmap.set_port_version(host, port)
            return port.version.name
        end",
    );
    let second = folder.script(
        "second.nse",
        "dependencies = { 'first' }
        portrule = function(host, port) return port.service == 'renamed' end
        action = function(host, port) return host.registry.seen .. ' ' .. port.version.name end",
    );
    assert_eq!(
        results(Options::default(), &[second, first], &[service(echo)]),
        ["0 first: renamed", "0 second: registry renamed"]
    );
}

#[test]
fn phases_before_and_after_have_results_of_their_own() {
    let folder = Folder::new();
    let script = folder.script(
        "phases.nse",
        "prerule = function(...) return select('#', ...) == 0 end
        postrule = prerule
        action = function(...) return SCRIPT_TYPE .. select('#', ...) end",
    );
    let mut engine = engine(Options::default());
    engine.select(&[script]).expect("the script loads");
    let mut run =
        |phase| engine.run(phase, vec![host(&[1])]).1.into_iter().map(|result| result.output).collect::<Vec<_>>();
    assert_eq!(run(Phase::PreScan), [b"prerule0"]);
    assert!(run(Phase::Scan).is_empty());
    assert_eq!(run(Phase::PostScan), [b"postrule0"]);
}

#[test]
fn arguments_reach_scripts() {
    let folder = Folder::new();
    let script = folder.script(
        "args.nse",
        "local stdnse = require 'stdnse'
        portrule = function() return true end
        action = function() return stdnse.get_script_args('args.name') .. nmap.registry.args[1] end",
    );
    let options = Options { script_args: "args.name=value, flag".to_owned(), ..Options::default() };
    assert_eq!(results(options, &[script], &[1]), ["0 args: valueflag"]);
}
