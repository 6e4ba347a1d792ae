//! Numbers that the server tells of itself in INFO.

use std::ffi::{CStr, c_int};

use super::api::{OK, pointers};
use crate::server::raw::bindings::RedisModuleCtx;

/// The fields of these names in a section of INFO; nothing if the server does not tell them all.
///
/// # Safety
/// `ctx` must be valid.
pub(super) unsafe fn numbers<const N: usize>(
    ctx: *mut RedisModuleCtx,
    section: &CStr,
    names: [&CStr; N],
) -> Option<[u64; N]> {
    // SAFETY: the caller's promise; what the server makes for us is given back.
    unsafe {
        let info = pointers::GetServerInfo?;
        let (field, free) = (pointers::ServerInfoGetFieldUnsigned?, pointers::FreeServerInfo?);
        let told = info(ctx, section.as_ptr());
        let mut error: c_int = OK;
        let mut all_told = true;
        let numbers = names.map(|name| {
            let number = field(told, name.as_ptr(), &raw mut error);
            all_told &= error == OK;
            number
        });
        free(ctx, told);
        all_told.then_some(numbers)
    }
}
