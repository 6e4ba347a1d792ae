//! Counting the module's keys that the server evicts.
//!
//! Of an eviction the server tells after the key is gone, and so without its type. But just
//! before, it tells the type that a value of it goes, for whatever reason. So an evicted key is
//! the module's if it has the name of the last one that went.
//!
//! This counts one too many where a key goes otherwise, another of that name but not of this type
//! is made and evicted, and no key of this type went in between.

use std::ffi::{c_char, c_int};
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use redis_module::raw::{REDISMODULE_NOTIFY_EVICTED, RedisModuleCtx, RedisModuleString};

use super::api::{OK, pointers};
use super::argv::bytes_of;
use super::guard::guard;

/// A hash of the name of the last key that went; [`NONE`] if its eviction was counted. Read and
/// written on the server's main thread only.
static LAST_GONE: AtomicU64 = AtomicU64::new(NONE);
const NONE: u64 = 0;

static EVICTED: AtomicU64 = AtomicU64::new(0);

/// How many keys were evicted since the module was loaded.
pub(super) fn count() -> u64 {
    EVICTED.load(Ordering::Relaxed)
}

/// Asks the server to tell of evictions.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(super) unsafe fn watch(ctx: *mut RedisModuleCtx) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(subscribe) = pointers::SubscribeToKeyspaceEvents {
            subscribe(ctx, REDISMODULE_NOTIFY_EVICTED, Some(on_evicted));
        }
    }
}

/// Takes note that a key of the module goes, for whatever reason.
///
/// # Safety
/// `name` must be a valid string.
pub(crate) unsafe fn gone(name: *const RedisModuleString) {
    // SAFETY: the caller's promise.
    LAST_GONE.store(unsafe { hash(name) }, Ordering::Relaxed);
}

unsafe extern "C" fn on_evicted(
    _ctx: *mut RedisModuleCtx,
    _class: c_int,
    _event: *const c_char,
    name: *mut RedisModuleString,
) -> c_int {
    guard((), || {
        let last = LAST_GONE.load(Ordering::Relaxed);
        // SAFETY: the server gives a valid name.
        if last != NONE && last == unsafe { hash(name) } {
            LAST_GONE.store(NONE, Ordering::Relaxed);
            EVICTED.store(count().wrapping_add(1), Ordering::Relaxed);
        }
    });
    OK
}

/// # Safety
/// `name` must be a valid string.
unsafe fn hash(name: *const RedisModuleString) -> u64 {
    let mut hasher = DefaultHasher::new();
    // SAFETY: the caller's promise.
    hasher.write(unsafe { bytes_of(name) });
    hasher.finish().max(1)
}
