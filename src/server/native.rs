//! What the server can keep at keys.

use redis_module::raw::RedisModuleType;

/// A value that the server keeps at keys.
///
/// # Safety
/// Every value of [`Native::module_type`] must be a `Box<Self>` given away with `into_raw`.
pub(crate) unsafe trait Native: Sized {
    /// The type as the server knows it.
    fn module_type() -> *mut RedisModuleType;
}
