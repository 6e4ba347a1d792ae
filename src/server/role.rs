//! Whether this server is a primary, and whether it loads.

use std::ffi::{CString, c_int};
use std::{ptr, slice};

use super::api::{OK, api, pointers};
use crate::server::raw::bindings::{
    REDISMODULE_CTX_FLAGS_LOADING, REDISMODULE_CTX_FLAGS_MASTER,
    REDISMODULE_CTX_FLAGS_REPLICA_IS_ONLINE, REDISMODULE_NODE_ID_LEN, REDISMODULE_NODE_SLAVE,
    RedisModuleCtx,
};

/// Whether it is one. In a cluster a restarted replica takes itself for one until it has found its
/// primary, but the cluster's configuration knows better.
///
/// # Safety
/// `ctx` must be valid.
pub(super) unsafe fn is_primary(ctx: *mut RedisModuleCtx) -> bool {
    // SAFETY: the caller's promise.
    unsafe { flags(ctx) & REDISMODULE_CTX_FLAGS_MASTER != 0 && !is_cluster_replica(ctx) }
}

/// Whether it is a replica that has all of its primary.
///
/// # Safety
/// `ctx` must be valid.
pub(super) unsafe fn is_linked_replica(ctx: *mut RedisModuleCtx) -> bool {
    // SAFETY: the caller's promise.
    let flags = unsafe { flags(ctx) };
    flags & REDISMODULE_CTX_FLAGS_MASTER == 0
        && flags & REDISMODULE_CTX_FLAGS_REPLICA_IS_ONLINE != 0
}

/// Whether it loads a file.
pub(crate) fn is_loading() -> bool {
    // SAFETY: null is allowed.
    unsafe { flags(ptr::null_mut()) & REDISMODULE_CTX_FLAGS_LOADING != 0 }
}

/// Whether keys come and go here because they did elsewhere, or earlier: it is a replica, or loads.
pub(crate) fn only_follows() -> bool {
    // SAFETY: null is allowed.
    let flags = unsafe { flags(ptr::null_mut()) };
    flags & REDISMODULE_CTX_FLAGS_MASTER == 0 || flags & REDISMODULE_CTX_FLAGS_LOADING != 0
}

/// # Safety
/// `ctx` must be valid, or null: then what is of a context is left out.
unsafe fn flags(ctx: *mut RedisModuleCtx) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { api!(GetContextFlags(ctx)) }
}

/// # Safety
/// `ctx` must be valid.
unsafe fn is_cluster_replica(ctx: *mut RedisModuleCtx) -> bool {
    let (Some(my_id), Some(info)) =
        // SAFETY: the server has filled them in.
        (unsafe { (pointers::GetMyClusterID, pointers::GetClusterNodeInfo) })
    else {
        return false;
    };
    // SAFETY: the id is null outside a cluster; else it has this length, and no end of its own.
    // The node's other fields are not asked for.
    unsafe {
        let id = my_id();
        if id.is_null() {
            return false;
        }
        let id = slice::from_raw_parts(id.cast::<u8>(), REDISMODULE_NODE_ID_LEN as usize);
        let id = CString::new(id).unwrap_or_default();
        let (nothing, mut flags): (_, c_int) = (ptr::null_mut(), 0);
        info(ctx, id.as_ptr(), nothing, nothing, ptr::null_mut(), &raw mut flags) == OK
            && flags & REDISMODULE_NODE_SLAVE != 0
    }
}
