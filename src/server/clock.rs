//! The server's wall clock.

use rl_core::Now;

use super::api::{api, pointers};

/// What the clock says. In a command it is to be read once.
///
/// From Redis 7.2 on, the reading that the server made when the command arrived, which is the same
/// all through a script or a transaction.
#[inline]
pub(crate) fn now() -> Now {
    // SAFETY: both take nothing and answer an integer.
    let unix_ms = unsafe {
        match pointers::CachedMicroseconds {
            Some(cached_us) => cached_us().div_euclid(1000),
            None => api!(Milliseconds()),
        }
    };
    Now::from_unix_ms(unix_ms)
}
