//! What happens at load, in order.

use std::ffi::c_int;

use super::loading::Loading;
use crate::server::api::{api, first_missing};
use crate::server::argv::Words;
use crate::server::calls::pieces;
use crate::server::guard::{guard, log_panics};
use crate::server::log;
use crate::server::raw::bindings::{
    REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED, REDISMODULE_OPTIONS_HANDLE_IO_ERRORS,
    REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD, RedisModuleCtx,
};
use crate::server::valkey;
use crate::server::watch::audience;
use crate::server::watch::events;
use crate::server::watch::evictions;

/// What the module declares that it can do with. Nothing by which a newer server would save or
/// synchronise without a fork, whatever that is called: `audience` learns of those who begin to
/// listen by forks, so its events must be known there first. Opening a key for writing signals
/// nothing by itself: real writes do, and say so.
const OPTIONS: c_int = REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
    | REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
    | REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;

/// Sets up what is between the module and the server, and runs `start`, which says why if it
/// cannot.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(super) unsafe fn load(
    ctx: *mut RedisModuleCtx,
    arguments: Words<'_>,
    start: impl FnOnce(&Loading) -> Result<(), String>,
) -> bool {
    let loaded = guard(Err("internal error".into()), || {
        log_panics();
        if let Some(missing) = first_missing() {
            return Err(format!("the server is too old: it has no RedisModule_{missing}"));
        }
        // SAFETY: ctx is valid during start-up.
        unsafe { api!(SetModuleOptions(ctx, OPTIONS | valkey::options())) };
        // SAFETY: ctx is that of a start-up.
        start(&unsafe { Loading::new(ctx, arguments) })?;
        // Last, since a server may go on calling a module that it has refused.
        // SAFETY: as above.
        unsafe {
            pieces::prepare(ctx);
            audience::watch(ctx);
            events::watch(ctx);
            evictions::begin(ctx);
        }
        Ok(())
    });
    if let Err(why) = &loaded {
        log::warning(&format!("not loaded: {why}"));
    }
    loaded.is_ok()
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
