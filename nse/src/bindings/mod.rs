//! The compiled modules that scripts `require`, one file or folder each.

mod bin;
mod bit;
pub(crate) mod capture;
pub(crate) mod certificate;
mod dnet;
pub(crate) mod host;
mod interface;
mod lfs;
pub(crate) mod libssh2;
mod lpeg;
pub(crate) mod nmap;
pub(crate) mod nmapdb;
mod openssl;
mod pcre;
pub(crate) mod port;
pub(crate) mod socket;
pub(crate) mod stdnse;
pub(crate) mod sync;
mod zlib;

use perilune_vm::{Call, LuaError, NativeFn, Table, Value};

/// A compiled module that knows nothing of the engine: its name, what opens it, and the same as a loader for `require`.
struct Module {
    name: &'static [u8],
    open: for<'gc> fn(&mut Call<'gc>) -> Result<Table<'gc>, LuaError>,
    load: NativeFn,
}

macro_rules! modules {
    ($($module:ident),* $(,)?) => {
        [$(Module {
            name: stringify!($module).as_bytes(),
            open: $module::open,
            load: |call| {
                let module = $module::open(call)?;
                call.ret1(module)
            },
        }),*]
    };
}

/// What scripts find loaded, and as globals.
const LOADED: [Module; 4] = modules![lfs, lpeg, openssl, zlib];
/// What scripts of older times `require`. Library files of these names go before; none is a global.
const FOR_OLD_SCRIPTS: [Module; 3] = modules![bin, bit, pcre];

/// Opens the modules of a script's environment.
pub(crate) fn open_modules(call: &mut Call<'_>) -> Result<(), LuaError> {
    let loaded = call.registry().get_str(call, b"_LOADED").as_table();
    for module in &LOADED {
        let exports = (module.open)(call)?;
        call.globals().set_str(call, module.name, exports.into())?;
        if let Some(loaded) = loaded {
            loaded.set_str(call, module.name, exports.into())?;
        }
    }
    preload(call, &FOR_OLD_SCRIPTS)
}

/// Has `require` find modules in `package.preload`.
fn preload(call: &mut Call<'_>, modules: &[Module]) -> Result<(), LuaError> {
    let Some(preload) = call.registry().get_str(call, b"_PRELOAD").as_table() else { return Ok(()) };
    modules.iter().try_for_each(|module| preload.set_str(call, module.name, Value::native(module.load)))
}

/// Has `require` find the modules that know nothing of the engine, for programs that are no scripts.
///
/// # Errors
/// When memory is short.
pub fn preload_modules(call: &mut Call<'_>) -> Result<(), LuaError> {
    preload(call, &LOADED)?;
    preload(call, &FOR_OLD_SCRIPTS)
}
