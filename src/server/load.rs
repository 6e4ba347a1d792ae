//! What happens at load, in order.

use std::ffi::{CStr, c_int};

use redis_module::raw::{
    Export_RedisModule_Init, REDISMODULE_APIVER_1, REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED,
    REDISMODULE_OPTIONS_HANDLE_IO_ERRORS, REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD,
    RedisModuleCtx, RedisModuleString, RedisModuleType, RedisModuleTypeMethods,
};

use super::api::{ERR, OK, api, first_missing};
use super::guard::{guard, log_panics};
use super::register::Loading;
use super::{answer, audience, events, evictions, log, valkey};

/// What the module declares that it can do with. Nothing by which a newer server would save or
/// synchronise without a fork, whatever that is called: `audience` learns of those who begin to
/// listen by forks, so its events must be known there first. Opening a key for writing signals
/// nothing by itself: real writes do, and say so.
const OPTIONS: u32 = REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
    | REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
    | REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;

/// Declares a native type; null if the server does not accept it.
pub(crate) fn declare_type(
    loading: &Loading,
    name: &'static CStr,
    encoding_version: c_int,
    methods: &mut RedisModuleTypeMethods,
) -> *mut RedisModuleType {
    // SAFETY: ctx is valid during start-up; the server copies the methods and the name.
    unsafe { api!(CreateDataType(loading.ctx(), name.as_ptr(), encoding_version, methods)) }
}

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
        // SAFETY: ctx is valid during start-up.
        unsafe { api!(SetModuleOptions(ctx, OPTIONS.cast_signed() | valkey::options())) };
        let loading = Loading::new(ctx, argv, argc);
        start(&loading)?;
        // Last, since a server may go on calling a module that it has refused.
        answer::prepare(&loading);
        audience::watch(&loading);
        events::watch(&loading);
        // SAFETY: ctx is valid during start-up.
        unsafe { evictions::begin(ctx) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_option_is_declared_but_these() {
        let errors_are_reported = 1 << 0;
        let writes_signal_themselves = 1 << 1;
        let loads_beside_the_old_data = 1 << 2;
        assert_eq!(
            OPTIONS,
            errors_are_reported | writes_signal_themselves | loads_beside_the_old_data
        );
    }
}
