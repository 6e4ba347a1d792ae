//! Words as the server gives them: argument vectors of strings.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use super::api::api;
use crate::server::raw::bindings::RedisModuleString;

/// Words of a call, one after the other.
#[derive(Clone)]
pub(crate) struct Words<'call>(slice::Iter<'call, *mut RedisModuleString>);

impl<'call> Words<'call> {
    /// Those of `argv`, which must be valid for as long as the call lasts.
    #[inline(always)]
    pub(super) fn of(argv: &'call [*mut RedisModuleString]) -> Self {
        Self(argv.iter())
    }

    /// Whether any are left.
    pub(crate) fn has_more(&self) -> bool {
        self.left() > 0
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }
}

impl<'call> Iterator for Words<'call> {
    type Item = &'call [u8];

    #[inline(always)]
    fn next(&mut self) -> Option<&'call [u8]> {
        // SAFETY: argv holds valid strings for as long as the call lasts.
        self.0.next().map(|word| unsafe { bytes_of(*word) })
    }
}

/// The bytes of a string.
///
/// # Safety
/// `string` must be valid for `'a`.
#[inline]
pub(super) unsafe fn bytes_of<'a>(string: *const RedisModuleString) -> &'a [u8] {
    let mut len = MaybeUninit::uninit();
    // SAFETY: the string is valid, and its bytes, which are never null, live as long as it does.
    // The server writes their number.
    unsafe {
        let bytes = NonNull::new_unchecked(api!(StringPtrLen(string, len.as_mut_ptr())).cast_mut());
        slice::from_raw_parts(bytes.cast().as_ptr(), len.assume_init())
    }
}
