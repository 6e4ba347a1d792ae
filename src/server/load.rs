//! What happens at load, in order.

use redis_module::raw::{
    REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED, REDISMODULE_OPTIONS_HANDLE_IO_ERRORS,
    REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD,
};
use redis_module::{Context, RedisString, Status};

use super::api::{api, first_missing};
use super::guard::{guard, log_panics};
use super::loading::Loading;
use super::{answer, audience, events, evictions, log, scripts, valkey};

/// Sets up what is between the module and the server, and runs `start`, which says why if it
/// cannot.
pub(crate) fn load(
    context: &Context,
    arguments: &[RedisString],
    start: impl FnOnce(&Loading) -> Result<(), String>,
) -> Status {
    let loaded = guard(Err("internal error".into()), || {
        log_panics();
        if let Some(missing) = first_missing() {
            return Err(format!("the server is too old: it has no RedisModule_{missing}"));
        }
        let ctx = context.get_raw();
        // Opening a key for writing signals nothing by itself: real writes do, and say so.
        let options = REDISMODULE_OPTIONS_HANDLE_IO_ERRORS
            | REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD
            | REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED;
        // SAFETY: ctx is valid during start-up.
        unsafe { api!(SetModuleOptions(ctx, options.cast_signed() | valkey::options())) };
        // SAFETY: ctx is that of a start-up.
        start(&unsafe { Loading::new(ctx, arguments) })?;
        // Last, since a server may go on calling a module that it has refused.
        // SAFETY: as above.
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
        Ok(()) => Status::Ok,
        Err(why) => {
            log::warning(&format!("not loaded: {why}"));
            Status::Err
        }
    }
}
