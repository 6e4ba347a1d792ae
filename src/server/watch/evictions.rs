//! Counting the module's keys that the server evicts, while that is wanted.
//!
//! Whoever asks to be told of evictions has the server look at each event of each key whether it is
//! one, so it is asked only then. A newer event tells the type too, but costs each key that is
//! deleted or overwritten several times as much (docs/performance.md).
//!
//! Of an eviction the server tells after the key is gone, and so without its type. But just
//! before, it tells the type that a value of it goes, for whatever reason. So an evicted key is
//! the module's if it has the name of the last one that went.
//!
//! This counts one too many where a key goes otherwise, another of that name but not of this type
//! is made and evicted, and no key of this type went in between.

use std::ffi::{c_char, c_int};
use std::hash::{DefaultHasher, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::server::api::{OK, pointers};
use crate::server::argv::bytes_of;
use crate::server::config::Setting;
use crate::server::guard::guard;
use crate::server::log;
use crate::server::raw::bindings::{REDISMODULE_NOTIFY_EVICTED, RedisModuleCtx, RedisModuleString};

/// Whether they are to be counted.
static WANTED: OnceLock<&Setting> = OnceLock::new();

/// Whether the server tells of evictions. Like all that follows, it is read and written on the
/// server's main thread only.
static TOLD: AtomicBool = AtomicBool::new(false);

/// A hash of the name of the last key that went; [`NONE`] if its eviction was counted.
static LAST_GONE: AtomicU64 = AtomicU64::new(NONE);
const NONE: u64 = 0;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Makes `setting` the one that says whether evictions are counted.
pub(in crate::server) fn count_if(setting: &'static Setting) {
    let _ = WANTED.set(setting);
    setting.on_change(on_change);
}

/// How many keys were evicted while that was counted.
pub(in crate::server) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

#[inline]
fn wanted() -> bool {
    WANTED.get().is_some_and(|wanted| wanted.is_on())
}

fn on_change() {
    // What went before may have been made anew, and gone, unseen.
    LAST_GONE.store(NONE, Ordering::Relaxed);
    // SAFETY: the server has filled it in.
    let stop = unsafe { pointers::UnsubscribeFromKeyspaceEvents };
    if !wanted() && TOLD.load(Ordering::Relaxed) && stop.is_none() {
        log::notice("evictions are counted no longer; what that costs ends with a restart");
    }
}

/// Has the server tell of evictions from now on, if that is wanted and it does not yet.
///
/// # Safety
/// `ctx` must be valid.
pub(in crate::server) unsafe fn begin(ctx: *mut RedisModuleCtx) {
    if !wanted() || TOLD.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the caller's promise.
    let status = unsafe {
        pointers::SubscribeToKeyspaceEvents
            .map(|subscribe| subscribe(ctx, REDISMODULE_NOTIFY_EVICTED, Some(on_evicted)))
    };
    if status == Some(OK) {
        TOLD.store(true, Ordering::Relaxed);
        log::notice("evictions are counted");
    }
}

/// Has the server tell of them no longer, if that is not wanted and the server knows how to stop.
///
/// # Safety
/// `ctx` must be valid. No keyspace event may be under way: the server walks over what this removes.
pub(in crate::server) unsafe fn end(ctx: *mut RedisModuleCtx) {
    if wanted() || !TOLD.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the caller's promise.
    let status = unsafe {
        pointers::UnsubscribeFromKeyspaceEvents
            .map(|unsubscribe| unsubscribe(ctx, REDISMODULE_NOTIFY_EVICTED, Some(on_evicted)))
    };
    if status == Some(OK) {
        TOLD.store(false, Ordering::Relaxed);
        log::notice("evictions are counted no longer");
    }
}

/// Takes note that a key of the module goes, for whatever reason.
///
/// # Safety
/// `name` must be a valid string.
pub(crate) unsafe fn gone(name: *const RedisModuleString) {
    if wanted() {
        // SAFETY: the caller's promise.
        LAST_GONE.store(unsafe { hash(name) }, Ordering::Relaxed);
    }
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
            COUNT.store(count().wrapping_add(1), Ordering::Relaxed);
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
