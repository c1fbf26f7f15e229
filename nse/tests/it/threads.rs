//! Workers, mutexes, condition variables, time-outs, deadlocks: what threads may count on.

use crate::support::{Folder, echo, engine, host, output, results};
use perilune_nse::{Options, Phase};
use std::time::{Duration, Instant};

/// Output of an action that has `stdnse` at hand.
fn action(source: &str) -> String {
    output(&format!("local stdnse = require 'stdnse'\n{source}"), echo)
}

#[test]
fn workers_start_later_and_their_status_can_be_asked() {
    let got = action(
        "local log = {}
        local function note(text) log[#log + 1] = text end
        local good, of_good = stdnse.new_thread(function(a, b, c) note(tostring(a) .. tostring(b) .. tostring(c)) end, 1, nil, 3)
        local bad, of_bad = stdnse.new_thread(function() error({ code = 7 }) end)
        local tried, of_tried = stdnse.new_thread(function() nmap.new_try()(false, 'stop') end)
        local stray, of_stray = stdnse.new_thread(function() coroutine.yield(1) end)
        note(of_good())
        stdnse.sleep(0.05)
        local function say(f) local status, e = f() return status .. ' ' .. tostring(type(e) == 'table' and e.code or e) end
        for _, f in ipairs { of_good, of_bad, of_tried, of_stray } do note(say(f)) end
        note(tostring(stdnse.isworker()))
        return table.concat(log, '|')",
    );
    assert_eq!(
        got,
        "suspended|1nil3|dead nil|dead 7|dead stop|suspended yielded unexpectedly and cannot be resumed|false"
    );
}

#[test]
fn workers_know_their_script() {
    let got = action(
        "local own, id, info, base
        local co = stdnse.new_thread(function()
            own, id, info, base = stdnse.gettid(), stdnse.getid(), stdnse.getinfo(), stdnse.base()
        end)
        stdnse.sleep(0.02)
        return table.concat({ tostring(own == tostring(stdnse.base())), id, (info:gsub('%x+$', 'HEX')), tostring(base == co),
            (stdnse.getinfo():gsub('%x+$', 'HEX')), tostring(stdnse.gethostport().ip == host.ip) }, '|')",
    );
    assert_eq!(got, "true|test|test W:HEX|true|test M:HEX|true");
}

#[test]
fn the_last_worker_is_dropped_with_its_script() {
    let folder = Folder::new();
    let script = folder.script(
        "orphans.nse",
        "local stdnse = require 'stdnse'
        hostrule = function() return true end
        action = function()
            stdnse.new_thread(function() nmap.registry.ran = true while true do stdnse.sleep(1) end end)
            return 'done'
        end",
    );
    let began = Instant::now();
    assert_eq!(results(Options::default(), &[script], &[]), ["host orphans: done"]);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn mutexes_are_handed_on_in_order() {
    let got = action(
        "local m, log = nmap.mutex('a'), {}
        m 'lock'
        for i = 1, 3 do
            stdnse.new_thread(function()
                m 'lock'
                log[#log + 1] = i
                if i == 2 then error('dies with the lock') end
                m 'done'
            end)
        end
        stdnse.sleep(0.02)
        log[#log + 1] = tostring(m 'trylock')
        m 'done'
        stdnse.sleep(0.05)
        log[#log + 1] = tostring(pcall(m, 'done'))
        log[#log + 1] = tostring(m 'trylock')
        log[#log + 1] = tostring(m 'running' == coroutine.running())
        log[#log + 1] = tostring(nmap.mutex('a') == m)
        log[#log + 1] = select(2, pcall(m, 'foo')):match('invalid.*')
        log[#log + 1] = select(2, pcall(nmap.mutex, 5)):match('object.*')
        return table.concat(log, ' ')",
    );
    assert_eq!(got, "false 1 2 3 false true true true invalid option 'foo') object expected)");
}

#[test]
fn condition_variables_wake_the_last_first_and_at_the_end_of_a_thread() {
    let got = action(
        "local c, log = nmap.condvar({}), {}
        c 'signal'
        for i = 1, 2 do stdnse.new_thread(function() c 'wait' log[#log + 1] = i end) end
        stdnse.sleep(0.02)
        c 'signal'
        log[#log + 1] = 'signalled'
        stdnse.sleep(0.02)
        c 'broadcast'
        stdnse.sleep(0.02)
        -- A worker that asked for the variable wakes who waits when it dies.
        local key = {}
        local own = nmap.condvar(key)
        local co = stdnse.new_thread(function() nmap.condvar(key) error('dies') end)
        own 'wait'
        log[#log + 1] = coroutine.status(co)
        return table.concat(log, ' ')",
    );
    assert_eq!(got, "signalled 2 1 dead");
}

#[test]
fn time_outs_end_what_waits() {
    let folder = Folder::new();
    let script = folder.script(
        "waits.nse",
        "local stdnse = require 'stdnse'
        hostrule = function() return true end
        action = function()
            local m = nmap.mutex('m')
            m 'lock'
            stdnse.new_thread(function() stdnse.sleep(60) end)
            m 'lock'
            return 'never'
        end",
    );
    let began = Instant::now();
    let options = Options { script_timeout_ms: Some(1000), ..Options::default() };
    assert_eq!(results(options, &[script], &[]), Vec::<String>::new());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_deadlock_is_ended() {
    let folder = Folder::new();
    let body = |first: &str, second: &str| {
        format!(
            "local stdnse = require 'stdnse'
            hostrule = function() return true end
            action = function()
                local a, b = nmap.mutex('{first}'), nmap.mutex('{second}')
                a 'lock'
                stdnse.sleep(0.05)
                b 'lock'
                b 'done'
                return 'got both'
            end"
        )
    };
    let scripts = [folder.script("one.nse", &body("x", "y")), folder.script("two.nse", &body("y", "x"))];
    let began = Instant::now();
    // One is ended; its mutex goes to the other.
    let results = results(Options::default(), &scripts, &[]);
    assert_eq!(results, ["host two: got both"]);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn computing_has_a_limit_if_one_is_set() {
    let folder = Folder::new();
    let script =
        folder.script("busy.nse", "hostrule = function() return true end action = function() while true do end end");
    let options = Options { script_instructions_max: Some(3_000_000), ..Options::default() };
    assert_eq!(results(options, &[script], &[]), Vec::<String>::new());
}

#[test]
fn phases_run_their_rules_and_share_the_registry() {
    let folder = Folder::new();
    let script = folder.script(
        "phases.nse",
        "prerule = function(...) return select('#', ...) == 0 end
        hostrule = function(...) return select('#', ...) == 1 end
        portrule = function(...) return select('#', ...) == 2 end
        postrule = prerule
        action = function(...)
            nmap.registry.seen = (nmap.registry.seen or '') .. SCRIPT_TYPE:sub(1, 2)
            return nmap.registry.seen
        end",
    );
    let mut engine = engine(Options::default());
    engine.select(&[script]).expect("the script loads");
    let of = |results: &[perilune_scan::result::ScriptResult]| {
        results.iter().map(|result| String::from_utf8_lossy(&result.output).into_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of(&engine.run(Phase::PreScan, Vec::new()).1), "pr");
    let (hosts, _) = engine.run(Phase::Scan, vec![host(&[1])]);
    assert_eq!((of(&hosts[0].scripts), of(&hosts[0].ports[0].scripts)), ("prho".to_owned(), "prhopo".to_owned()));
    assert_eq!(of(&engine.run(Phase::PostScan, Vec::new()).1), "prhopopo");
}

#[test]
fn later_levels_see_what_earlier_ones_found() {
    let folder = Folder::new();
    let first = folder.script(
        "first.nse",
        "portrule = function() return true end
        action = function(host, port)
            port.version.name, port.version.service_tunnel = 'moon', 'ssl'
            nmap.set_port_version(host, port, 'softmatched')
            host.registry.note = 'kept'
        end",
    );
    let second = folder.script(
        "second.nse",
        "dependencies = { 'first', 'absent' }
        portrule = function(host, port) return port.service == 'moon' end
        action = function(host, port)
            return port.version.service_tunnel .. ' ' .. port.version.name_confidence .. ' ' .. host.registry.note
        end",
    );
    assert_eq!(results(Options::default(), &[second, first], &[1]), ["0 second: ssl 10.0 kept"]);
}

#[test]
fn ports_look_the_same_to_all_scripts_of_a_level() {
    let folder = Folder::new();
    // Each instance names all ports anew; those made after the first ones have run see the old names still.
    let script = folder.script(
        "renames.nse",
        "local stdnse = require 'stdnse'
        portrule = function() return true end
        action = function(host, port)
            local service = tostring(port.service)
            for number = 1, 200 do
                nmap.set_port_version(host, { number = number, protocol = 'tcp', version = { name = 'new' } })
            end
            local own, mine = stdnse.gethostport()
            local again, mine_again = stdnse.gethostport()
            return table.concat({ service, tostring(own == again and mine == mine_again and mine ~= port),
                tostring(mine.service), nmap.get_port_state(host, port).service }, ' ')
        end",
    );
    let ports: Vec<u16> = (1..=200).collect();
    let results = results(Options::default(), &[script], &ports);
    assert_eq!(results.len(), 200);
    let odd: Vec<&String> = results.iter().filter(|line| !line.ends_with("renames: nil true nil new")).collect();
    assert_eq!(odd, Vec::<&String>::new());
}

#[test]
fn a_locked_mutex_stays_the_same() {
    let got = action(
        "local key = {}
        nmap.mutex(key) 'lock'
        collectgarbage() collectgarbage()
        local held = nmap.mutex(key) 'running' == coroutine.running()
        nmap.mutex(key) 'done'
        return tostring(held) .. ' ' .. tostring(nmap.mutex(key) 'running')",
    );
    assert_eq!(got, "true nil");
}

#[test]
fn connections_take_turns() {
    let folder = Folder::new();
    let script = folder.script(
        "turns.nse",
        "portrule = function() return true end
        action = function(host, port)
            local socket = nmap.new_socket()
            assert(socket:connect(host, tonumber(nmap.registry.args.port)))
            socket:send('x')
            local _, got = socket:receive()
            socket:close()
            return got
        end",
    );
    let args = format!("port={}", crate::support::service(echo));
    let options = Options { parallelism: 2, script_args: args, ..Options::default() };
    let ports: Vec<u16> = (1..=300).collect();
    assert_eq!(results(options, &[script], &ports).iter().filter(|line| line.ends_with("turns: x")).count(), 300);
}

#[test]
fn more_locked_threads_than_may_live_are_a_deadlock() {
    let folder = Folder::new();
    let script = folder.script(
        "locks.nse",
        "portrule = function() return true end
        action = function() local m = nmap.mutex({}) m 'lock' m 'lock' end",
    );
    let began = Instant::now();
    let options = Options { threads_max: 2, ..Options::default() };
    assert_eq!(results(options, &[script], &[1, 2, 3, 4, 5]), Vec::<String>::new());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn targets_are_added_until_the_scan_is_over() {
    let folder = Folder::new();
    let script = folder.script(
        "adds.nse",
        "prerule = function() return true end
        postrule = prerule
        action = function()
            local count, why = nmap.add_targets('192.0.2.1', '192.0.2.1', '192.0.2.0/30')
            return tostring(count) .. ' ' .. tostring(why) .. ' ' .. nmap.new_targets_num() .. ' ' .. nmap.add_targets()
        end",
    );
    let mut engine = engine(Options::default());
    engine.select(&[script]).expect("the script loads");
    let text =
        |results: Vec<perilune_scan::result::ScriptResult>| String::from_utf8_lossy(&results[0].output).into_owned();
    assert_eq!(text(engine.run(Phase::PreScan, Vec::new()).1), "3 nil 2 2");
    assert_eq!(engine.next_target().as_deref(), Some("192.0.2.1"));
    assert_eq!(text(engine.run(Phase::PostScan, Vec::new()).1), "0 failed to add new targets. 2 1");
}

#[test]
fn many_workers_are_small() {
    let folder = Folder::new();
    let script = folder.script(
        "many.nse",
        "local stdnse = require 'stdnse'
        hostrule = function() return true end
        action = function()
            collectgarbage()
            local before, done = collectgarbage('count'), 0
            for _ = 1, 20000 do stdnse.new_thread(function() stdnse.sleep(0.5) done = done + 1 end) end
            stdnse.sleep(0.3)
            collectgarbage()
            local each = (collectgarbage('count') - before) * 1024 / 20000
            while done < 20000 do stdnse.sleep(0.05) end
            return tostring(each < 2048 or each)
        end",
    );
    let options = Options { threads_max: 1000, ..Options::default() };
    assert_eq!(results(options, &[script], &[]), ["host many: true"]);
}
