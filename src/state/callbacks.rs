//! What the server calls for values of the type. Each is a few lines around safe code, and
//! catches panics.
//!
//! A null value stands for the policies. It is only ever met in a child that rewrites the AOF, where
//! it is written, and freed.

use std::ffi::{CStr, c_int, c_void};
use std::mem::ManuallyDrop;
use std::{ptr, slice};

use rl_core::{Limiters, Relocate};

use super::codec::{self, ENCODING_VERSION};
use super::effect;
use crate::metrics;
use crate::policies::lifetime;
use crate::server::api::{ERR, OK, api, pointers};
use crate::server::clock;
use crate::server::guard::guard;
use crate::server::raw::MOST_DEFRAGMENTED;
use crate::server::raw::bindings::{
    RedisModuleDefragCtx, RedisModuleDigest, RedisModuleIO, RedisModuleString,
};
use crate::server::role;
use crate::server::watch::{evictions, rewrite};

const UNKNOWN_VERSION: &CStr = c"a ratelimit value is of a version that this module does not know";

/// The value behind a pointer of the server's.
///
/// # Safety
/// `value` must be a value of this type, and live for `'a`.
unsafe fn limiters<'a>(value: *const c_void) -> &'a Limiters {
    // SAFETY: values of this type are boxed `Limiters`.
    unsafe { &*value.cast() }
}

/// Reads a value from an RDB file or a DUMP; null if it is malformed.
pub(super) unsafe extern "C" fn rdb_load(io: *mut RedisModuleIO, version: c_int) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: io is valid for the callback.
        let loaded = unsafe { load(io, version) };
        match loaded {
            Ok(mut limiters) => {
                if !role::is_loading() {
                    // It comes from elsewhere, where those were counted that had ended there.
                    limiters.count_ended_leases(clock::now());
                }
                Box::into_raw(Box::new(limiters)).cast()
            }
            Err(why) => {
                // SAFETY: io is valid for the callback, and the format takes no argument.
                unsafe { api!(LogIOError(io, c"warning".as_ptr(), why.as_ptr())) };
                ptr::null_mut()
            }
        }
    })
}

/// The next value; or why there is none, to be logged.
///
/// # Safety
/// `io` must be valid.
unsafe fn load(io: *mut RedisModuleIO, version: c_int) -> Result<Limiters, &'static CStr> {
    if version != ENCODING_VERSION {
        return Err(UNKNOWN_VERSION);
    }
    let mut len = 0;
    // SAFETY: io is valid; the buffer that it gives is `len` long, and ours to free.
    unsafe {
        let bytes = api!(LoadStringBuffer(io, &raw mut len));
        if bytes.is_null() {
            return Err(c"a ratelimit value is cut off");
        }
        let read = slice::from_raw_parts(bytes.cast(), len);
        let decoded = codec::decode(read).ok_or(if codec::is_known(read) {
            c"a ratelimit value is malformed or out of range"
        } else {
            UNKNOWN_VERSION
        });
        api!(Free(bytes.cast()));
        decoded
    }
}

/// Writes a value to an RDB file or a DUMP.
pub(super) unsafe extern "C" fn rdb_save(io: *mut RedisModuleIO, value: *mut c_void) {
    guard((), || {
        // SAFETY: the server gives a live value and a valid io; it copies the bytes.
        unsafe {
            let bytes = codec::encode(limiters(value));
            api!(SaveStringBuffer(io, bytes.as_ptr().cast(), bytes.len()));
        }
    });
}

/// Writes the command that makes a value, or all policies, to a rewritten AOF.
pub(super) unsafe extern "C" fn aof_rewrite(
    io: *mut RedisModuleIO,
    key: *mut RedisModuleString,
    value: *mut c_void,
) {
    guard((), || {
        if value.is_null() {
            // SAFETY: the server gives a valid io.
            unsafe { emit_policies(io) };
            return;
        }
        // SAFETY: the server gives a live value, a valid io and the key's name; "sb" takes that
        // name and a buffer with its length, copied.
        unsafe {
            let bytes = effect::of_state(limiters(value));
            let name = effect::COMMAND.as_ptr();
            api!(EmitAOF(io, name, c"sb".as_ptr(), key, bytes.as_ptr(), bytes.len()));
        }
    });
}

/// # Safety
/// `io` must be valid.
unsafe fn emit_policies(io: *mut RedisModuleIO) {
    let Some(json) = lifetime::snapshot() else { return };
    let (command, subcommand, json) = lifetime::load_command(json);
    let (command, subcommand) = (command.as_ptr(), subcommand.as_ptr());
    // SAFETY: the caller's promise; "cb" takes a C string and a buffer with its length, copied.
    unsafe { api!(EmitAOF(io, command, c"cb".as_ptr(), subcommand, json.as_ptr(), json.len())) };
}

/// Writes the policies to an RDB file; an empty text if there are none.
pub(super) unsafe extern "C" fn aux_save(io: *mut RedisModuleIO, _when: c_int) {
    guard((), || {
        // They are written here, so not as a key.
        rewrite::remove_null();
        let policies = lifetime::snapshot().unwrap_or_default();
        // SAFETY: the server gives a valid io, and copies the bytes.
        unsafe { api!(SaveStringBuffer(io, policies.as_ptr().cast(), policies.len())) };
    });
}

/// Writes the policies to an RDB file; nothing if there are none.
pub(super) unsafe extern "C" fn aux_save2(io: *mut RedisModuleIO, when: c_int) {
    if guard(true, || lifetime::snapshot().is_some()) {
        // SAFETY: as the server called this.
        unsafe { aux_save(io, when) };
    }
}

/// Reads the policies of an RDB file.
pub(super) unsafe extern "C" fn aux_load(
    io: *mut RedisModuleIO,
    version: c_int,
    _when: c_int,
) -> c_int {
    guard(ERR, || {
        let mut len = 0;
        // SAFETY: io is valid for the callback; the buffer that it gives is `len` long, and ours
        // to free.
        let restored = unsafe {
            let bytes = api!(LoadStringBuffer(io, &raw mut len));
            if bytes.is_null() {
                return ERR;
            }
            let text = slice::from_raw_parts(bytes.cast(), len);
            let restored =
                version == ENCODING_VERSION && (text.is_empty() || lifetime::restore(text));
            api!(Free(bytes.cast()));
            restored
        };
        if restored {
            return OK;
        }
        let why = c"the ratelimit policies are malformed or of an unknown version";
        // SAFETY: io is valid for the callback, and the format takes no argument.
        unsafe { api!(LogIOError(io, c"warning".as_ptr(), why.as_ptr())) };
        ERR
    })
}

/// Bytes that a value occupies.
pub(super) unsafe extern "C" fn mem_usage(value: *const c_void) -> usize {
    guard(0, || {
        // SAFETY: the server gives a live value.
        let limiters = unsafe { limiters(value) };
        size_of::<Limiters>().saturating_add(limiters.heap_bytes())
    })
}

/// Adds a value to DEBUG DIGEST.
pub(super) unsafe extern "C" fn digest(digest: *mut RedisModuleDigest, value: *mut c_void) {
    guard((), || {
        // SAFETY: the server gives a live value and a valid digest, which copies the bytes.
        unsafe {
            let bytes = codec::encode(limiters(value));
            api!(DigestAddStringBuffer(digest, bytes.as_ptr().cast(), bytes.len()));
            api!(DigestEndSequence(digest));
        }
    });
}

/// Frees a value, possibly on another thread.
pub(super) unsafe extern "C" fn free(value: *mut c_void) {
    if value.is_null() {
        return;
    }
    // SAFETY: the server gives up the value, which was boxed.
    guard((), || drop(unsafe { Box::from_raw(value.cast::<Limiters>()) }));
}

/// Takes note that a key goes. Its value may go on under another name.
pub(super) unsafe extern "C" fn unlink(key: *mut RedisModuleString, value: *const c_void) {
    // SAFETY: the server gives a valid name, and a live value or none, which nobody else has
    // borrowed: what is at a key belongs to the thread that runs commands.
    guard((), || unsafe {
        evictions::gone(key);
        if let Some(limiters) = value.cast_mut().cast::<Limiters>().as_mut()
            && limiters.leases() > 0
            && !role::only_follows()
        {
            // Leases that no write may come to count.
            metrics::leases_ended(limiters.count_ended_leases(clock::now()));
        }
    });
}

/// How much work it is to free a value, in allocations.
pub(super) unsafe extern "C" fn free_effort(
    _key: *mut RedisModuleString,
    value: *const c_void,
) -> usize {
    // SAFETY: the server gives a live value, or none.
    guard(1, || unsafe { value.cast::<Limiters>().as_ref() }.map_or(1, Limiters::allocations))
}

/// A second value like the first, for COPY.
pub(super) unsafe extern "C" fn copy(
    _from: *mut RedisModuleString,
    _to: *mut RedisModuleString,
    value: *const c_void,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: the server gives a live value.
        let mut copied = unsafe { limiters(value) }.clone();
        // They are counted where they stood when they ended.
        copied.count_ended_leases(clock::now());
        Box::into_raw(Box::new(copied)).cast()
    })
}

/// Moves a value's allocations to where they fragment memory less.
pub(super) unsafe extern "C" fn defrag(
    ctx: *mut RedisModuleDefragCtx,
    _key: *mut RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    guard((), || {
        let mut defrag = Defrag { ctx };
        // SAFETY: the server gives a live value, which was boxed, and takes back what stands at
        // `value` then.
        unsafe {
            let limiters = defrag.relocated((*value).cast::<Limiters>());
            *value = limiters.cast();
            (*limiters).relocate(&mut defrag);
        }
    });
    0
}

struct Defrag {
    ctx: *mut RedisModuleDefragCtx,
}

impl Defrag {
    /// Where the allocation at `pointer` is from now on.
    fn relocated<T>(&mut self, pointer: *mut T) -> *mut T {
        const { assert!(align_of::<T>() <= MOST_DEFRAGMENTED, "it may be within an allocation") };
        // SAFETY: the server moves a whole allocation of its own allocator, or answers null and
        // leaves it; ctx is valid for the callback.
        let moved = unsafe {
            pointers::DefragAlloc.map_or(ptr::null_mut(), |alloc| alloc(self.ctx, pointer.cast()))
        };
        if moved.is_null() { pointer } else { moved.cast() }
    }
}

impl Relocate for Defrag {
    fn vec<T>(&mut self, vec: &mut Vec<T>) {
        if vec.capacity() == 0 || size_of::<T>() == 0 {
            return;
        }
        let mut taken = ManuallyDrop::new(std::mem::take(vec));
        let (len, capacity) = (taken.len(), taken.capacity());
        let pointer = self.relocated(taken.as_mut_ptr());
        // SAFETY: the same allocation, or a copy of it of the same size from the same allocator.
        *vec = unsafe { Vec::from_raw_parts(pointer, len, capacity) };
    }

    fn boxed<T>(&mut self, value: &mut Box<T>) {
        let pointer = self.relocated(&raw mut **value);
        // SAFETY: the same allocation, or a copy of it from the same allocator; the box that is
        // overwritten is not dropped, since its allocation is the one that was moved.
        unsafe { ptr::write(value, Box::from_raw(pointer)) };
    }
}

#[cfg(test)]
mod tests;
