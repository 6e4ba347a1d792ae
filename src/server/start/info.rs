//! The module's section of INFO.

use std::ffi::c_int;
use std::sync::OnceLock;

use arrayvec::ArrayVec;

use crate::server::api::{OK, api, pointers};
use crate::server::calls::pieces;
use crate::server::guard::guard;
use crate::server::raw::bindings::{RedisModuleCtx, RedisModuleInfoCtx};
use crate::server::watch::audience;
use crate::server::watch::evictions;

/// Takes a field: the parts of its name, and its value.
pub(crate) type Field<'a> = &'a mut dyn FnMut(&[&str], u64);

/// Gives each field; first it is told whether they are for the report of a crash. Then it may
/// neither wait nor allocate: what crashed may hold any lock, the allocator's too.
pub(crate) type Fields = fn(bool, Field<'_>);

/// Longest name of a field, with room to spare: a longer one is not shown.
const LONGEST_NAME: usize = 128;

static FIELDS: OnceLock<Fields> = OnceLock::new();

/// Adds `INFO ratelimit` with `fields`, where the server lets modules add sections.
///
/// # Safety
/// `ctx` must be that of a start-up.
pub(in crate::server) unsafe fn publish(ctx: *mut RedisModuleCtx, fields: Fields) {
    // They are there if a load before this one was refused, and the same.
    FIELDS.get_or_init(|| fields);
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(register) = pointers::RegisterInfoFunc {
            register(ctx, Some(on_info));
        }
    }
}

unsafe extern "C" fn on_info(ctx: *mut RedisModuleInfoCtx, for_crash_report: c_int) {
    guard((), || {
        // SAFETY: the server gives a valid context; an empty name means the module's own.
        if unsafe { api!(InfoAddSection(ctx, c"".as_ptr())) } != OK {
            return;
        }
        let mut field = |parts: &[&str], value: u64| {
            if let Some(name) = field_name(parts) {
                // SAFETY: ctx is valid for the callback; the name ends with a zero, and the server
                // copies it.
                unsafe { api!(InfoAddFieldULongLong(ctx, name.as_ptr().cast(), value)) };
            }
        };
        if let Some(fields) = FIELDS.get() {
            fields(for_crash_report != 0, &mut field);
        }
        field(&["keys_evicted"], evictions::count());
        let effects = audience::effects();
        field(&["effects_sent"], effects.sent);
        field(&["effects_unheard"], effects.unheard);
        field(&["fast_replies"], pieces::is_fast().into());
    });
}

/// The whole name with a zero after it, on the stack. In INFO a colon ends the name, so it is shown
/// as a vertical bar.
fn field_name(parts: &[&str]) -> Option<ArrayVec<u8, LONGEST_NAME>> {
    let mut name = ArrayVec::new_const();
    for byte in parts.iter().flat_map(|part| part.bytes()) {
        name.try_push(if byte == b':' { b'|' } else { byte }).ok()?;
    }
    name.try_push(0).ok()?;
    Some(name)
}
