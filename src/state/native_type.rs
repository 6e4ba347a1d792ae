//! The type's declaration.

use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::AtomicPtr;

use rl_core::Limiters;

use super::callbacks;
use super::codec::ENCODING_VERSION;
use crate::server::raw::bindings::{
    REDISMODULE_AUX_BEFORE_RDB, REDISMODULE_TYPE_METHOD_VERSION, RedisModuleType,
    RedisModuleTypeMethods,
};
use crate::server::{Loading, Native};

static MODULE_TYPE: AtomicPtr<RedisModuleType> = AtomicPtr::new(ptr::null_mut());

// SAFETY: values come from `Key::set`, and from the load and copy callbacks, which all give away
// a `Box<Limiters>`; the callbacks are for these.
unsafe impl Native for Limiters {
    const NAME: &CStr = crate::C_NAME;

    const VERSION: c_int = ENCODING_VERSION;

    const METHODS: RedisModuleTypeMethods = RedisModuleTypeMethods {
        version: REDISMODULE_TYPE_METHOD_VERSION,
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
        aux_save_triggers: REDISMODULE_AUX_BEFORE_RDB,
        unlink: Some(callbacks::unlink),
        // None of these needs the key's database.
        unlink2: None,
        mem_usage2: None,
        free_effort2: None,
        copy2: None,
    };

    #[inline]
    fn made() -> &'static AtomicPtr<RedisModuleType> {
        &MODULE_TYPE
    }
}

/// Tells the server of the type.
pub(crate) fn declare(loading: &Loading<'_>) -> Result<(), String> {
    loading.make_type::<Limiters>()
}
