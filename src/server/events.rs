//! What the server tells of loads and forks, for who needs to know.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw::{
    REDISMODULE_CTX_FLAGS_MASTER, REDISMODULE_EVENT_FORK_CHILD, REDISMODULE_EVENT_LOADING,
    REDISMODULE_EVENT_REPL_ASYNC_LOAD, REDISMODULE_SUBEVENT_FORK_CHILD_BORN,
    REDISMODULE_SUBEVENT_LOADING_ENDED, REDISMODULE_SUBEVENT_LOADING_FAILED,
    REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_ABORTED, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED,
    REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED, RedisModuleCtx, RedisModuleEvent,
};

use super::api::{api, pointers};
use super::register::Loading;
use super::stats;

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
    /// Asked soon after a rewrite of the AOF has begun.
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
    // SAFETY: ctx is valid.
    if born && unsafe { is_rewriting(ctx) } {
        HEAD_IS_DUE.store(true, Ordering::Relaxed);
    }
}

/// Whether a rewrite began whose AOF has no head yet. Read and written on the server's main
/// thread only.
static HEAD_IS_DUE: AtomicBool = AtomicBool::new(false);

/// Writes the head that is due. To be called between commands: within the one that forked
/// (BGREWRITEAOF, PSYNC), the server would take that command for a write, and replicate it too.
///
/// # Safety
/// `ctx` must be valid.
pub(super) unsafe fn catch_up(ctx: *mut RedisModuleCtx) {
    if !HEAD_IS_DUE.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: ctx is valid.
    unsafe {
        // The server stops at anything that is replicated while it holds back all writes.
        if pointers::AvoidReplicaTraffic.is_some_and(|avoid| avoid() != 0) {
            return;
        }
        HEAD_IS_DUE.store(false, Ordering::Relaxed);
        let head = LISTENER.get().and_then(|listener| (listener.aof_head)());
        if let Some((command, subcommand, argument)) = head {
            // "cbR": a C string and a buffer with its length, copied, and to the AOF only.
            let (bytes, len) = (argument.as_ptr(), argument.len());
            let (command, subcommand) = (command.as_ptr(), subcommand.as_ptr());
            api!(Replicate(ctx, command, c"cbR".as_ptr(), subcommand, bytes, len));
        }
    }
}

/// Whether the AOF is being rewritten.
///
/// # Safety
/// `ctx` must be valid.
unsafe fn is_rewriting(ctx: *mut RedisModuleCtx) -> bool {
    // SAFETY: the caller's promise.
    unsafe { stats::numbers(ctx, c"persistence", [c"aof_rewrite_in_progress"]) == Some([1]) }
}
