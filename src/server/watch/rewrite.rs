//! What a rewritten AOF holds beside the keys.
//!
//! An AOF without an RDB preamble is written key by key, each by its type's callback, and nobody
//! else is asked. This is done by a child, on its own copy of all memory. So the child, told that
//! it begins, adds a key to its copy. That key's callback writes what belongs to no key, and
//! nothing of the key itself: neither the server nor the AOF ever has it.
//!
//! For an RDB preamble the child asks the type for what it has beside the keys, before it writes
//! keys. There the key is taken away again.

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::server::api::{api, pointers};
use crate::server::native::Native;
use crate::server::raw::bindings::{
    REDISMODULE_KEYTYPE_EMPTY, REDISMODULE_READ, REDISMODULE_WRITE, RedisModuleCtx, RedisModuleKey,
};

/// The added key, open; null in every process but such a child.
static ADDED: AtomicPtr<RedisModuleKey> = AtomicPtr::new(ptr::null_mut());

/// A child that begins to rewrite the AOF.
pub(crate) struct Rewrite {
    ctx: *mut RedisModuleCtx,
}

impl Rewrite {
    /// # Safety
    /// `ctx` must be valid, and this process such a child.
    pub(in crate::server) unsafe fn new(ctx: *mut RedisModuleCtx) -> Self {
        Self { ctx }
    }

    /// Has the type's callback called once with a null value, wherever the other keys are written.
    pub(crate) fn add_null<T: Native>(&self) {
        // SAFETY: ctx is valid, and what is made of it is never freed: the child ends soon, and the
        // key's handle needs its context as long as it is open.
        unsafe {
            let Some(detached) = pointers::GetDetachedThreadSafeContext else { return };
            let ctx = detached(self.ctx);
            let mode = REDISMODULE_READ | REDISMODULE_WRITE;
            // Clients may have keys of any name.
            for number in 0_u64.. {
                let name = CString::new(format!("ratelimit policies {number}")).unwrap_or_default();
                let name = api!(CreateString(ctx, name.as_ptr(), name.as_bytes().len()));
                let key = api!(OpenKey(ctx, name, mode));
                if api!(KeyType(key)) == REDISMODULE_KEYTYPE_EMPTY {
                    let nothing = ptr::null_mut::<c_void>();
                    api!(ModuleTypeSetValue(key, T::module_type(), nothing));
                    ADDED.store(key, Ordering::Relaxed);
                    return;
                }
                api!(CloseKey(key));
            }
        }
    }
}

/// Takes the added key away, if there is one.
pub(crate) fn remove_null() {
    let key = ADDED.swap(ptr::null_mut(), Ordering::Relaxed);
    if !key.is_null() {
        // SAFETY: the key was left open for writing, and its context lives.
        unsafe { api!(DeleteKey(key)) };
    }
}
