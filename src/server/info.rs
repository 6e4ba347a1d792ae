//! The module's section of INFO.

use std::ffi::{CString, c_int};
use std::sync::OnceLock;

use redis_module::raw::RedisModuleInfoCtx;

use super::api::{OK, api, pointers};
use super::guard::guard;
use super::register::Loading;
use super::{audience, evictions};

/// Gives each field and its value to what it is given.
type Fields = fn(&mut dyn FnMut(&str, u64));

static FIELDS: OnceLock<Fields> = OnceLock::new();

impl Loading {
    /// Adds `INFO ratelimit` with `fields`, where the server lets modules add sections.
    pub(crate) fn publish_info(&self, fields: Fields) {
        // They are there if a load before this one was refused, and the same.
        FIELDS.get_or_init(|| fields);
        // SAFETY: ctx is valid during start-up.
        unsafe {
            if let Some(register) = pointers::RegisterInfoFunc {
                register(self.ctx(), Some(on_info));
            }
        }
    }
}

unsafe extern "C" fn on_info(ctx: *mut RedisModuleInfoCtx, _for_crash_report: c_int) {
    guard((), || {
        // SAFETY: the server gives a valid context; an empty name means the module's own.
        if unsafe { api!(InfoAddSection(ctx, c"".as_ptr())) } != OK {
            return;
        }
        let mut field = |name: &str, value: u64| {
            let name = CString::new(name).unwrap_or_default();
            // SAFETY: ctx is valid for the callback; the server copies the name.
            unsafe { api!(InfoAddFieldULongLong(ctx, name.as_ptr(), value)) };
        };
        if let Some(fields) = FIELDS.get() {
            fields(&mut field);
        }
        field("keys_evicted", evictions::count());
        let effects = audience::effects();
        field("effects_sent", effects.sent);
        field("effects_unheard", effects.unheard);
    });
}
