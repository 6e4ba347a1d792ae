//! What happens at load, in order.

use std::ffi::{CStr, c_int};

use redis_module::raw::{
    Export_RedisModule_Init, REDISMODULE_APIVER_1, REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED,
    REDISMODULE_OPTIONS_HANDLE_IO_ERRORS, REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD,
    RedisModuleCtx, RedisModuleString,
};

use super::api::{ERR, OK, api, first_missing};
use super::guard::{guard, log_panics};
use super::loading::Loading;
use super::{answer, audience, events, evictions, log, scripts, valkey};

/// Introduces the module to the server, then runs `start`, which says why if it cannot.
///
/// # Safety
/// `ctx`, `argv` and `argc` must be what the server gave to the module's start-up.
pub(crate) unsafe fn load(
    ctx: *mut RedisModuleCtx,
    argv: *mut *mut RedisModuleString,
    argc: c_int,
    name: &'static CStr,
    version: c_int,
    start: impl FnOnce(&Loading) -> Result<(), String>,
) -> c_int {
    // SAFETY: this is the first call to the server; nothing has been allocated before it.
    unsafe {
        let api_version = REDISMODULE_APIVER_1.cast_signed();
        let status = Export_RedisModule_Init(ctx, name.as_ptr(), version, api_version);
        if status != OK {
            return status;
        }
    }
    let loaded = guard(Err("internal error".into()), || {
        log_panics();
        if let Some(missing) = first_missing() {
            return Err(format!("the server is too old: it has no RedisModule_{missing}"));
        }
        // Opening a key for writing signals nothing by itself: real writes do, and say so.
        let options = REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
            | REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
            | REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
        // SAFETY: ctx is valid during start-up.
        unsafe { api!(SetModuleOptions(ctx, options.cast_signed() | valkey::options())) };
        // SAFETY: the caller's promise.
        start(&unsafe { Loading::new(ctx, argv, argc) })?;
        // Last, since a server may go on calling a module that it has refused.
        // SAFETY: ctx is that of a start-up.
        unsafe {
            answer::prepare(ctx);
            audience::watch(ctx);
            events::watch(ctx);
            evictions::watch(ctx);
            scripts::watch(ctx);
        }
        Ok(())
    });
    match loaded {
        Ok(()) => OK,
        Err(why) => {
            log::warning(&format!("not loaded: {why}"));
            ERR
        }
    }
}
