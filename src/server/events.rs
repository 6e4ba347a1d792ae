//! What the server tells of loads and forks, for who needs to know.

use std::sync::OnceLock;

use redis_module::raw::{
    REDISMODULE_CTX_FLAGS_AOF, REDISMODULE_CTX_FLAGS_MASTER, REDISMODULE_EVENT_FORK_CHILD,
    REDISMODULE_EVENT_LOADING, REDISMODULE_EVENT_REPL_ASYNC_LOAD,
    REDISMODULE_SUBEVENT_FORK_CHILD_BORN, REDISMODULE_SUBEVENT_LOADING_ENDED,
    REDISMODULE_SUBEVENT_LOADING_FAILED, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_ABORTED,
    REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED,
    RedisModuleCtx, RedisModuleEvent,
};

use super::api::api;
use super::register::Loading;

/// A moment of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// What there was is gone.
    Started,
    /// What there was is still being served, and may come back.
    StartedBeside,
    /// It came back.
    Aborted,
    /// What was loaded is in force, on a primary or on a replica.
    Ended {
        /// Whether this server is a primary.
        primary: bool,
    },
}

/// What else a rewritten AOF begins with: a command, its subcommand, and an argument.
pub(crate) type AofHead = (&'static std::ffi::CStr, &'static std::ffi::CStr, String);

/// Who needs to know.
pub(crate) struct Listener {
    /// Told of each moment of a load.
    pub(crate) on_load: fn(Phase),
    /// Asked when a child is born that may rewrite the AOF.
    pub(crate) aof_head: fn() -> Option<AofHead>,
}

static LISTENER: OnceLock<Listener> = OnceLock::new();

impl Loading {
    /// Makes `listener` the one that is told.
    pub(crate) fn listen(&self, listener: Listener) {
        let _ = LISTENER.set(listener);
    }
}

/// Passes an event on.
///
/// # Safety
/// `ctx` must be valid.
pub(super) unsafe fn pass_on(ctx: *mut RedisModuleCtx, event: RedisModuleEvent, subevent: u64) {
    let Some(listener) = LISTENER.get() else { return };
    // SAFETY: ctx is valid.
    let flags = unsafe { api!(GetContextFlags(ctx)) }.cast_unsigned();
    let primary = flags & REDISMODULE_CTX_FLAGS_MASTER != 0;
    let phase = match (event.id, subevent) {
        (REDISMODULE_EVENT_LOADING, REDISMODULE_SUBEVENT_LOADING_FAILED) => None,
        (REDISMODULE_EVENT_LOADING, REDISMODULE_SUBEVENT_LOADING_ENDED)
        | (REDISMODULE_EVENT_REPL_ASYNC_LOAD, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED) => {
            Some(Phase::Ended { primary })
        }
        (REDISMODULE_EVENT_LOADING, _) => Some(Phase::Started),
        (REDISMODULE_EVENT_REPL_ASYNC_LOAD, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED) => {
            Some(Phase::StartedBeside)
        }
        (REDISMODULE_EVENT_REPL_ASYNC_LOAD, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_ABORTED) => {
            Some(Phase::Aborted)
        }
        _ => None,
    };
    if let Some(phase) = phase {
        (listener.on_load)(phase);
    }
    let born = event.id == REDISMODULE_EVENT_FORK_CHILD
        && subevent == REDISMODULE_SUBEVENT_FORK_CHILD_BORN;
    if born
        && flags & REDISMODULE_CTX_FLAGS_AOF != 0
        && let Some((command, subcommand, argument)) = (listener.aof_head)()
    {
        // SAFETY: "cbR" takes a C string and a buffer with its length, copied, and sends them to
        // the AOF only.
        unsafe {
            let (bytes, len) = (argument.as_ptr(), argument.len());
            let (command, subcommand) = (command.as_ptr(), subcommand.as_ptr());
            api!(Replicate(ctx, command, c"cbR".as_ptr(), subcommand, bytes, len))
        };
    }
}
