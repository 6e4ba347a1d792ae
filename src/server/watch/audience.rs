//! Whether anybody can hear an effect: a replica, a backlog that one may come back to, an AOF.
//!
//! Handing an effect to the server is the dearest step of a call, even when the server then drops
//! it because nobody listens. The server does not say so directly. What is known:
//!
//! - A replica can begin to listen only by a full synchronisation as long as there is no backlog,
//!   and an AOF only by a rewrite. Both begin with a fork, of which modules are told before the
//!   next command runs; what was done before it is in the child's copy.
//! - So once there is no replica, no backlog, no AOF, no child and no cluster (where slots may
//!   migrate), nobody listens until the next fork or change of role.
//!
//! This is looked at at each tick of the server's cron, outside commands, and forgotten at each
//! event. When in doubt, somebody listens. And a call that believes itself unheard is still offered
//! to the server as it came, at no cost: were the belief wrong, the command itself would be
//! replicated, and decided again by another clock, until the next tick.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::events;
use super::evictions;
use super::scripts;
use crate::server::api::{OK, api, pointers};
use crate::server::guard::guard;
use crate::server::raw::bindings::{
    REDISMODULE_CTX_FLAGS_ACTIVE_CHILD, REDISMODULE_CTX_FLAGS_AOF, REDISMODULE_CTX_FLAGS_CLUSTER,
    REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_MASTER, REDISMODULE_EVENT_CRON_LOOP,
    REDISMODULE_EVENT_FORK_CHILD, REDISMODULE_EVENT_LOADING, REDISMODULE_EVENT_REPL_ASYNC_LOAD,
    REDISMODULE_EVENT_REPLICA_CHANGE, REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, RedisModuleCtx,
    RedisModuleEvent,
};
use crate::server::stats;

/// Whether somebody may listen. Read and written on the server's main thread only.
static MAY_LISTEN: AtomicBool = AtomicBool::new(true);

/// Effects that were handed to the server, and those that nobody could hear.
static SENT: AtomicU64 = AtomicU64::new(0);
static UNHEARD: AtomicU64 = AtomicU64::new(0);

/// The events after which somebody may listen.
const BEGINNINGS: [u64; 5] = [
    REDISMODULE_EVENT_FORK_CHILD,
    REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
    REDISMODULE_EVENT_REPLICA_CHANGE,
    REDISMODULE_EVENT_LOADING,
    REDISMODULE_EVENT_REPL_ASYNC_LOAD,
];

/// How many effects there were since the module was loaded.
pub(in crate::server) struct Effects {
    pub(in crate::server) sent: u64,
    pub(in crate::server) unheard: u64,
}

pub(in crate::server) fn effects() -> Effects {
    let (sent, unheard) = (SENT.load(Ordering::Relaxed), UNHEARD.load(Ordering::Relaxed));
    Effects { sent, unheard }
}

/// Whether somebody may listen to the effect at hand.
#[inline]
pub(in crate::server) fn may_listen() -> bool {
    let may_listen = MAY_LISTEN.load(Ordering::Relaxed);
    let counter = if may_listen { &SENT } else { &UNHEARD };
    // One thread counts, so there is no need for a locked instruction.
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    may_listen
}

/// Asks the server to tell of the beginnings. Only if it tells of all of them is it ever
/// believed that nobody listens.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(in crate::server) unsafe fn watch(ctx: *mut RedisModuleCtx) {
    // SAFETY: the caller's promise.
    unsafe {
        let all = BEGINNINGS.iter().all(|event| subscribe(ctx, *event, on_beginning));
        if all {
            subscribe(ctx, REDISMODULE_EVENT_CRON_LOOP, on_cron);
        }
    }
}

type Callback = unsafe extern "C" fn(*mut RedisModuleCtx, RedisModuleEvent, u64, *mut c_void);

/// # Safety
/// `ctx` must be that of a start-up.
unsafe fn subscribe(ctx: *mut RedisModuleCtx, id: u64, callback: Callback) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        pointers::SubscribeToServerEvent.is_some_and(|subscribe| {
            let event = RedisModuleEvent { id, dataver: 1 };
            subscribe(ctx, event, Some(callback)) == OK
        })
    }
}

unsafe extern "C" fn on_beginning(
    ctx: *mut RedisModuleCtx,
    event: RedisModuleEvent,
    subevent: u64,
    _data: *mut c_void,
) {
    MAY_LISTEN.store(true, Ordering::Relaxed);
    // SAFETY: the server gives a valid context.
    guard((), || unsafe { events::pass_on(ctx, event, subevent) });
}

unsafe extern "C" fn on_cron(
    ctx: *mut RedisModuleCtx,
    _event: RedisModuleEvent,
    _subevent: u64,
    _data: *mut c_void,
) {
    // SAFETY: the server gives a valid context.
    guard((), || unsafe { events::catch_up(ctx) });
    // SAFETY: the server gives a valid context.
    guard((), || unsafe { scripts::look(ctx) });
    // SAFETY: the server gives a valid context, outside any keyspace event.
    guard((), || unsafe {
        evictions::begin(ctx);
        evictions::end(ctx);
    });
    // SAFETY: the server gives a valid context.
    let may_listen = guard(true, || unsafe { !is_alone(ctx) });
    MAY_LISTEN.store(may_listen, Ordering::Relaxed);
}

/// Whether it is certain that nobody listens.
///
/// # Safety
/// `ctx` must be valid.
unsafe fn is_alone(ctx: *mut RedisModuleCtx) -> bool {
    const EXCLUDED: c_int = REDISMODULE_CTX_FLAGS_ACTIVE_CHILD
        | REDISMODULE_CTX_FLAGS_AOF
        | REDISMODULE_CTX_FLAGS_CLUSTER
        | REDISMODULE_CTX_FLAGS_LOADING;
    // SAFETY: ctx is valid.
    unsafe {
        let flags = api!(GetContextFlags(ctx));
        if flags & REDISMODULE_CTX_FLAGS_MASTER == 0 || flags & EXCLUDED != 0 {
            return false;
        }
        let listeners = [c"connected_slaves", c"repl_backlog_active"];
        stats::numbers(ctx, c"replication", listeners) == Some([0, 0])
    }
}
