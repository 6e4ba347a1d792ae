//! Where the server enters the module.

use std::ffi::{CStr, c_int};
use std::slice;

use super::load::load;
use super::loading::Loading;
use crate::server::api::{ERR, OK, bind, pointers, required};
use crate::server::argv::Words;
use crate::server::guard::guard;
use crate::server::raw::allocator;
use crate::server::raw::bindings::{REDISMODULE_APIVER_1, RedisModuleCtx, RedisModuleString};

/// What a module is called, and what it does at load.
pub(crate) struct Module {
    pub(crate) name: &'static CStr,
    /// As MODULE LIST shows it.
    pub(crate) version: c_int,
    /// Sets everything up, or says why it cannot.
    pub(crate) start: fn(&Loading<'_>) -> Result<(), String>,
}

/// Exports the entry by which the server loads a [`Module`].
///
/// There is none for unloading: a server does not unload what has a type of its own.
macro_rules! export {
    ($module:expr) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn RedisModule_OnLoad(
            ctx: *mut $crate::server::raw::bindings::RedisModuleCtx,
            argv: *mut *mut $crate::server::raw::bindings::RedisModuleString,
            argc: std::ffi::c_int,
        ) -> std::ffi::c_int {
            // SAFETY: the server calls this to load the module.
            unsafe { $crate::server::start::entry::enter(ctx, argv, argc, &$module) }
        }
    };
}
pub(crate) use export;

/// Introduces the module and the server to one another, and loads it.
///
/// # Safety
/// `ctx` must be that of a start-up, and `argv` hold `argc` valid strings.
pub(crate) unsafe fn enter(
    ctx: *mut RedisModuleCtx,
    argv: *mut *mut RedisModuleString,
    argc: c_int,
    module: &Module,
) -> c_int {
    guard(ERR, || {
        // SAFETY: the caller's promise. Nothing is allocated before there is memory, and whatever
        // may be missing is asked for.
        unsafe {
            bind(ctx);
            if !allocator::prepare() {
                return ERR;
            }
            let name = module.name.as_ptr();
            if pointers::IsModuleNameBusy.is_some_and(|is_busy| is_busy(name) != 0) {
                return ERR;
            }
            let Some(introduce) = required::SetModuleAttribs else { return ERR };
            introduce(ctx, name, module.version, REDISMODULE_APIVER_1);
            let arguments = match usize::try_from(argc) {
                Ok(argc) if !argv.is_null() => slice::from_raw_parts(argv, argc),
                _ => &[],
            };
            if load(ctx, Words::of(arguments), module.start) { OK } else { ERR }
        }
    })
}
