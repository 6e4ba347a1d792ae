//! What only Valkey has: it offers its functions under names of its own, too.

use std::ffi::{CStr, c_int, c_void};
use std::mem::transmute;

use super::api::look_up;

const GET_OPTIONS_ALL: &CStr = c"ValkeyModule_GetModuleOptionsAll";
const GET_SERVER_VERSION: &CStr = c"ValkeyModule_GetServerVersion";

/// `VALKEYMODULE_OPTIONS_HANDLE_ATOMIC_SLOT_MIGRATION`: a slot's keys arrive as the commands of a
/// rewritten AOF, and then as effects. A Valkey refuses CLUSTER MIGRATESLOTS as long as one of its
/// modules does not say that it can do with that.
const HANDLE_ATOMIC_SLOT_MIGRATION: c_int = 1 << 5;

/// The options of modules to set on a Valkey that knows them; none on any other server.
pub(super) fn options() -> c_int {
    number(GET_OPTIONS_ALL).unwrap_or(0) & HANDLE_ATOMIC_SLOT_MIGRATION
}

/// The version of this Valkey; nothing if it is none.
pub(super) fn version() -> Option<c_int> {
    number(GET_SERVER_VERSION)
}

/// What a function of Valkey's answers that takes nothing and answers an integer; nothing on a
/// server that does not have it. `name` must be one of those above.
fn number(name: &'static CStr) -> Option<c_int> {
    let function = look_up(name);
    if function.is_null() {
        return None;
    }
    // SAFETY: what has one of these names has this type.
    unsafe {
        let call = transmute::<*mut c_void, unsafe extern "C" fn() -> c_int>(function);
        Some(call())
    }
}
