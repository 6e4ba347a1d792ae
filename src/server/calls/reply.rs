//! Replies, one by one.

use crate::server::api::api;
use crate::server::raw::bindings::RedisModuleCtx;

/// Begins an array of `len` elements.
///
/// # Safety
/// `ctx` must be that of a command.
#[inline]
pub(in crate::server) unsafe fn array(ctx: *mut RedisModuleCtx, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { api!(ReplyWithArray(ctx, i64::try_from(len).unwrap_or(0))) };
}

/// Answers an integer.
///
/// # Safety
/// `ctx` must be that of a command.
#[inline]
pub(in crate::server) unsafe fn integer(ctx: *mut RedisModuleCtx, value: i64) {
    // SAFETY: the caller's promise.
    unsafe { api!(ReplyWithLongLong(ctx, value)) };
}

/// Answers a bulk string.
///
/// # Safety
/// `ctx` must be that of a command.
pub(in crate::server) unsafe fn bulk(ctx: *mut RedisModuleCtx, value: &[u8]) {
    // SAFETY: the caller's promise; the server copies the bytes.
    unsafe { api!(ReplyWithStringBuffer(ctx, value.as_ptr().cast(), value.len())) };
}
