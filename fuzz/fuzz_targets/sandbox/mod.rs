//! A machine in which a program can do nothing but compute.

use perilune_stdlib::Lua;

const MEMORY_LIMIT: usize = 4 << 20;
const INSTRUCTION_LIMIT: u64 = 100_000;

/// Takes away what reaches the system.
const PRELUDE: &str = "
    local loaded = package.loaded
    for _, name in ipairs { 'os', 'io', 'package' } do loaded[name], _G[name] = nil, nil end
    require, dofile, loadfile, debug.getregistry, debug.debug = nil, nil, nil, nil, nil
    print, warn = function() end, function() end
";

/// Runs a chunk; then the machine's own checks.
pub fn run(chunk: &[u8]) {
    let mut lua = Lua::with_seed(Some(1)).expect("there is memory");
    lua.run(PRELUDE).expect("the prelude is right");
    if chunk.len() % 2 == 1 {
        lua.run("collectgarbage('generational')").expect("the mode exists");
    }
    lua.set_memory_limit(MEMORY_LIMIT);
    lua.set_instruction_limit(Some(INSTRUCTION_LIMIT));
    if let Ok(function) = lua.load(chunk, "=fuzz") {
        // However it ends.
        drop(lua.call(&function, []));
    }
    lua.check();
}
