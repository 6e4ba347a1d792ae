//! The type's declaration.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use redis_module::native_types::RedisType;
use redis_module::raw::{REDISMODULE_TYPE_METHOD_VERSION, RedisModuleType, RedisModuleTypeMethods};
use rl_core::Limiters;

use super::callbacks;
use super::codec::ENCODING_VERSION;
use crate::server::Native;

/// `REDISMODULE_AUX_BEFORE_RDB`, which the bindings widen.
const AUX_BEFORE_KEYS: i32 = 1 << 0;

static MODULE_TYPE: AtomicPtr<RedisModuleType> = AtomicPtr::new(ptr::null_mut());

// SAFETY: values come from `Key::set`, and from the load and copy callbacks, which all give away
// a `Box<Limiters>`.
unsafe impl Native for Limiters {
    #[inline]
    fn module_type() -> *mut RedisModuleType {
        MODULE_TYPE.load(Ordering::Relaxed)
    }
}

/// The type, which the server is told of before the module starts.
pub(crate) static TYPE: RedisType = RedisType::new(
    crate::NAME,
    ENCODING_VERSION,
    RedisModuleTypeMethods {
        version: REDISMODULE_TYPE_METHOD_VERSION as u64,
        rdb_load: Some(callbacks::rdb_load),
        rdb_save: Some(callbacks::rdb_save),
        aof_rewrite: Some(callbacks::aof_rewrite),
        mem_usage: Some(callbacks::mem_usage),
        digest: Some(callbacks::digest),
        free: Some(callbacks::free),
        free_effort: Some(callbacks::free_effort),
        copy: Some(callbacks::copy),
        defrag: Some(callbacks::defrag),
        // The policies, before the keys: by the second if the server knows it, which writes
        // nothing where there are none.
        aux_load: Some(callbacks::aux_load),
        aux_save: Some(callbacks::aux_save),
        aux_save2: Some(callbacks::aux_save2),
        aux_save_triggers: AUX_BEFORE_KEYS,
        unlink: Some(callbacks::unlink),
        // None of these needs the key's database.
        unlink2: None,
        mem_usage2: None,
        free_effort2: None,
        copy2: None,
    },
);

/// Takes note of the type that the server made of [`TYPE`], for every call to find it.
pub(crate) fn declared() {
    MODULE_TYPE.store(*TYPE.raw_type.borrow(), Ordering::Relaxed);
}
