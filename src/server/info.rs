//! The module's section of INFO.

use std::ffi::{CStr, c_int};

use redis_module::raw::RedisModuleInfoCtx;

use super::api::{OK, api, pointers};
use super::audience;
use super::guard::guard;
use super::register::Loading;

/// Adds `INFO ratelimit`, where the server lets modules add sections.
pub(super) fn publish(loading: &Loading) {
    // SAFETY: ctx is valid during start-up.
    unsafe {
        if let Some(register) = pointers::RegisterInfoFunc {
            register(loading.ctx(), Some(on_info));
        }
    }
}

unsafe extern "C" fn on_info(ctx: *mut RedisModuleInfoCtx, _for_crash_report: c_int) {
    guard((), || {
        // SAFETY: the server gives a valid context; an empty name means the module's own.
        if unsafe { api!(InfoAddSection(ctx, c"".as_ptr())) } != OK {
            return;
        }
        let effects = audience::effects();
        let field = |name: &'static CStr, value: u64| {
            // SAFETY: ctx is valid for the callback; the server copies the name.
            unsafe { api!(InfoAddFieldULongLong(ctx, name.as_ptr(), value)) };
        };
        field(c"effects_sent", effects.sent);
        field(c"effects_unheard", effects.unheard);
    });
}
