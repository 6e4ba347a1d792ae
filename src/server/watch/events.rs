//! What the server tells of loads, rewrites of the AOF and its primary, for who needs to know; and
//! what is told to replicas and the AOF between commands.

use std::ffi::{CStr, c_void};
use std::sync::OnceLock;

use super::evictions;
use super::rewrite::Rewrite;
use super::scripts;
use crate::server::api::{api, pointers};
use crate::server::guard::guard;
use crate::server::raw::bindings::{
    REDISMODULE_EVENT_CONFIG, REDISMODULE_EVENT_LOADING, REDISMODULE_EVENT_MASTER_LINK_CHANGE,
    REDISMODULE_EVENT_PERSISTENCE, REDISMODULE_EVENT_REPL_ASYNC_LOAD,
    REDISMODULE_SUBEVENT_LOADING_ENDED, REDISMODULE_SUBEVENT_LOADING_FAILED,
    REDISMODULE_SUBEVENT_MASTER_LINK_UP, REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START,
    REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_ABORTED, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED,
    REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED, RedisModuleCtx, RedisModuleEvent,
};
use crate::server::role;

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

/// A command, its subcommand, and an argument.
pub(crate) type Command = (&'static CStr, &'static CStr, String);

/// Who needs to know.
pub(crate) struct Listener {
    /// Told of each moment of a load.
    pub(crate) on_load: fn(Phase),
    /// Told when this server has become the replica of a primary, and has all that it has.
    pub(crate) on_linked: fn(),
    /// Told in a child that begins to rewrite the AOF.
    pub(crate) on_rewrite: fn(&Rewrite),
    /// What replicas and the AOF have yet to be told. Asked where they can be.
    pub(crate) hand_on: fn() -> Option<Command>,
}

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Makes `listener` the one that is told.
pub(in crate::server) fn listen(listener: Listener) {
    let _ = LISTENER.set(listener);
}

/// Asks the server to tell of those events that `audience` does not pass on.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(in crate::server) unsafe fn watch(ctx: *mut RedisModuleCtx) {
    const EVENTS: [(u64, Callback); 3] = [
        (REDISMODULE_EVENT_PERSISTENCE, on_event),
        (REDISMODULE_EVENT_MASTER_LINK_CHANGE, on_event),
        (REDISMODULE_EVENT_CONFIG, on_config),
    ];
    for (id, callback) in EVENTS {
        let event = RedisModuleEvent { id, dataver: 1 };
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(subscribe) = pointers::SubscribeToServerEvent {
                subscribe(ctx, event, Some(callback));
            }
        }
    }
}

/// What the server calls.
type Callback = unsafe extern "C" fn(*mut RedisModuleCtx, RedisModuleEvent, u64, *mut c_void);

/// After each CONFIG SET, of `maxmemory` and of our own settings.
unsafe extern "C" fn on_config(
    ctx: *mut RedisModuleCtx,
    _event: RedisModuleEvent,
    _subevent: u64,
    _data: *mut c_void,
) {
    // SAFETY: the server gives a valid context.
    guard((), || unsafe { scripts::look(ctx) });
    // SAFETY: as above.
    guard((), || unsafe { evictions::begin(ctx) });
}

unsafe extern "C" fn on_event(
    ctx: *mut RedisModuleCtx,
    event: RedisModuleEvent,
    subevent: u64,
    _data: *mut c_void,
) {
    guard((), || {
        let Some(listener) = LISTENER.get() else { return };
        match (event.id, subevent) {
            (REDISMODULE_EVENT_MASTER_LINK_CHANGE, REDISMODULE_SUBEVENT_MASTER_LINK_UP) => {
                (listener.on_linked)();
            }
            // Told in the child only; without a fork it would be another subevent.
            (REDISMODULE_EVENT_PERSISTENCE, REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START) => {
                // SAFETY: the server gives a valid context, in the child.
                (listener.on_rewrite)(&unsafe { Rewrite::new(ctx) });
            }
            _ => {}
        }
    });
}

/// Passes an event of a load on.
///
/// # Safety
/// `ctx` must be valid.
pub(in crate::server) unsafe fn pass_on(
    ctx: *mut RedisModuleCtx,
    event: RedisModuleEvent,
    subevent: u64,
) {
    let Some(listener) = LISTENER.get() else { return };
    let phase = match (event.id, subevent) {
        (REDISMODULE_EVENT_LOADING, REDISMODULE_SUBEVENT_LOADING_FAILED) => None,
        (REDISMODULE_EVENT_LOADING, REDISMODULE_SUBEVENT_LOADING_ENDED)
        | (REDISMODULE_EVENT_REPL_ASYNC_LOAD, REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED) => {
            // SAFETY: ctx is valid.
            Some(Phase::Ended { primary: unsafe { role::is_primary(ctx) } })
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
}

/// Tells replicas and the AOF what they have yet to be told, if they can be told now. To be called
/// between commands: within one that is no write (DEBUG, MODULE), the server would take it for a
/// write, and replicate it too.
///
/// # Safety
/// `ctx` must be valid.
pub(in crate::server) unsafe fn catch_up(ctx: *mut RedisModuleCtx) {
    // SAFETY: the caller's promise.
    unsafe {
        // The server stops at anything that is replicated while it holds back all writes.
        let held_back = pointers::AvoidReplicaTraffic.is_some_and(|avoid| avoid() != 0);
        if !held_back && role::is_primary(ctx) {
            hand_on(ctx);
        }
    }
}

/// The same before a command that writes tells its own.
///
/// # Safety
/// `ctx` must be valid.
pub(in crate::server) unsafe fn hand_on(ctx: *mut RedisModuleCtx) {
    let command = LISTENER.get().and_then(|listener| (listener.hand_on)());
    let Some((command, subcommand, argument)) = command else { return };
    let (bytes, len) = (argument.as_ptr(), argument.len());
    let (command, subcommand) = (command.as_ptr(), subcommand.as_ptr());
    // SAFETY: ctx is valid; "cb" takes a C string and a buffer with its length, both copied.
    unsafe { api!(Replicate(ctx, command, c"cb".as_ptr(), subcommand, bytes, len)) };
}
