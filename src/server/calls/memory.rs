//! Whether there is memory for something new, by the rule that a SET is held to.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::api::api;
use crate::server::raw::bindings::RedisModuleCtx;
use crate::server::watch::scripts;

/// Memory is full, and the server would refuse a SET.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfMemory;

/// Whether a command is being called by [`takes_writes`]. Read and written on the server's main
/// thread only.
static ASKING: AtomicBool = AtomicBool::new(false);

/// Nothing if a SET would find memory: under an evicting policy the server may be over its limit
/// and go on.
///
/// # Safety
/// `ctx` must be that of a command.
#[inline]
pub(in crate::server) unsafe fn check(ctx: *mut RedisModuleCtx) -> Result<(), OutOfMemory> {
    // SAFETY: the caller's promise.
    unsafe {
        if api!(GetUsedMemoryRatio()) <= 1.0 || takes_writes(ctx) || scripts::may_write(ctx) {
            Ok(())
        } else {
            Err(OutOfMemory)
        }
    }
}

/// Whether the command that runs now is the question of [`takes_writes`].
pub(in crate::server) fn is_asking() -> bool {
    ASKING.load(Ordering::Relaxed)
}

/// Asks the server by a command that it refuses when out of memory ("M"). It is one of our own,
/// since any other may have been renamed, and forgets a policy whose name none can have. Whatever
/// else is answered, there is no room.
///
/// # Safety
/// `ctx` must be that of a command.
#[cold]
unsafe fn takes_writes(ctx: *mut RedisModuleCtx) -> bool {
    ASKING.store(true, Ordering::Relaxed);
    // SAFETY: the caller's promise; "EMcc" takes two C strings; a reply that is not null is
    // ours to free.
    let removed = unsafe {
        let (command, format) = (c"RL.POLICY".as_ptr(), c"EMcc".as_ptr());
        let reply = api!(Call(ctx, command, format, c"DEL".as_ptr(), c"".as_ptr()));
        if reply.is_null() {
            None
        } else {
            let removed = api!(CallReplyInteger(reply));
            api!(FreeCallReply(reply));
            Some(removed)
        }
    };
    ASKING.store(false, Ordering::Relaxed);
    removed == Some(0)
}
