//! What the server can keep at keys.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::api::api;
use super::raw::bindings::{RedisModuleCtx, RedisModuleType, RedisModuleTypeMethods};

/// A value that the server keeps at keys.
///
/// # Safety
/// Every value of [`Native::module_type`] must be a `Box<Self>` given away with `into_raw`, and
/// [`Native::METHODS`] must be the callbacks for such values.
pub(crate) unsafe trait Native: Sized {
    /// What the server calls the type: nine characters.
    const NAME: &CStr;

    /// The version of its bytes in RDB files.
    const VERSION: c_int;

    /// What the server calls for its values.
    const METHODS: RedisModuleTypeMethods;

    /// Where the type is kept that the server made.
    fn made() -> &'static AtomicPtr<RedisModuleType>;

    /// The type as the server knows it; null before it was made.
    #[inline]
    fn module_type() -> *mut RedisModuleType {
        Self::made().load(Ordering::Relaxed)
    }
}

/// Has the server make the type.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(super) unsafe fn make_type<T: Native>(ctx: *mut RedisModuleCtx) -> Result<(), String> {
    let mut methods = T::METHODS;
    // SAFETY: the caller's promise; the server copies the methods, which `Native` promises to be
    // those of this type.
    let made = unsafe { api!(CreateDataType(ctx, T::NAME.as_ptr(), T::VERSION, &raw mut methods)) };
    if made.is_null() {
        return Err(format!("the server does not accept the type {}", T::NAME.to_string_lossy()));
    }
    T::made().store(made, Ordering::Relaxed);
    Ok(())
}
