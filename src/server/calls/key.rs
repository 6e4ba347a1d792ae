//! One open key.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

use super::call::Call;
use crate::server::api::{OK, api};
use crate::server::native::Native;
use crate::server::raw::bindings::{
    REDISMODULE_KEYTYPE_EMPTY, REDISMODULE_READ, REDISMODULE_WRITE, RedisModuleKey,
};

/// The key holds something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongType;

/// A key, open until it is dropped.
pub(crate) struct Key<'call, T> {
    key: *mut RedisModuleKey,
    value: *mut T,
    call: PhantomData<&'call ()>,
}

impl<'call, T: Native> Key<'call, T> {
    /// Opens the call's key for a look.
    pub(crate) fn to_read(call: &'call Call<'_>) -> Result<Self, WrongType> {
        Self::open(call, REDISMODULE_READ)
    }

    /// Opens the call's key for a change. Opening alone changes nothing.
    #[inline(always)]
    pub(crate) fn to_write(call: &'call Call<'_>) -> Result<Self, WrongType> {
        Self::open(call, REDISMODULE_READ | REDISMODULE_WRITE)
    }

    #[inline(always)]
    fn open(call: &'call Call<'_>, mode: c_int) -> Result<Self, WrongType> {
        // SAFETY: ctx and the key's name are valid for the call, and so for this handle.
        let raw = unsafe { api!(OpenKey(call.ctx, call.key_name(), mode)) };
        let mut key = Self { key: raw, value: std::ptr::null_mut(), call: PhantomData };
        if raw.is_null() {
            return Ok(key);
        }
        // SAFETY: the key is open; a value of our type is a `T`, as `Native` promises.
        unsafe {
            if api!(ModuleTypeGetType(raw)) == T::module_type() {
                key.value = api!(ModuleTypeGetValue(raw)).cast();
            } else if api!(KeyType(raw)) != REDISMODULE_KEYTYPE_EMPTY {
                return Err(WrongType);
            }
        }
        Ok(key)
    }

    /// What the key holds.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: a value that is not null is live while the key is open, and only this handle
        // leads to it.
        unsafe { self.value.as_ref() }
    }

    /// What the key holds, to be changed in place.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: as in `get`; the exclusive borrow of the handle makes it the only one.
        unsafe { self.value.as_mut() }
    }

    /// Puts `value` at the key, in place of what is there. Without an expiry until one is set.
    pub(crate) fn set(&mut self, value: T) -> bool {
        let value = Box::into_raw(Box::new(value));
        // SAFETY: the key is open for writing; on success the server owns the value, as `Native`
        // promises, otherwise it is still ours.
        unsafe {
            let status =
                api!(ModuleTypeSetValue(self.key, T::module_type(), value.cast::<c_void>()));
            if status == OK {
                self.value = value;
                return true;
            }
            drop(Box::from_raw(value));
        }
        false
    }

    /// Removes the key.
    pub(crate) fn delete(&mut self) {
        self.value = std::ptr::null_mut();
        // SAFETY: the key is open for writing, and nothing points to its value any more.
        unsafe { api!(DeleteKey(self.key)) };
    }

    /// When the key expires, in ms since 1970; nothing if never.
    #[inline]
    pub(crate) fn expire_at_ms(&self) -> Option<u64> {
        // SAFETY: the key is open.
        let at_ms = unsafe { api!(GetAbsExpire(self.key)) };
        u64::try_from(at_ms).ok()
    }

    /// Makes the key expire at a time, in ms since 1970.
    #[inline]
    pub(crate) fn set_expire_at_ms(&mut self, at_ms: u64) {
        let at_ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
        // SAFETY: the key is open for writing.
        unsafe { api!(SetAbsExpire(self.key, at_ms)) };
    }
}

impl<T> Drop for Key<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.key.is_null() {
            // SAFETY: the key is open, and nothing uses the handle from here on.
            unsafe { api!(CloseKey(self.key)) };
        }
    }
}
