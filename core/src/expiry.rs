//! When a key may go.
//!
//! Expiry is only clean-up: no decision depends on it. So it is lazy. A key is given more time
//! than its limiters need, and keeps that time until it has become too short. A busy bucket then
//! seldom moves its expiry, and one that refills within milliseconds keeps its key between calls.

use crate::bounds::MAX_EXPIRY_MS;
use crate::now::Now;

/// The least that a key is given, in ms.
const LEAST_MS: u64 = 2_000;

/// A key is given a quarter more than it needs.
const SLACK: u64 = 4;

/// The time at which a key is to expire whose limiters are all unused at `unused_at_ms`, where
/// `standing_ms` is the one that it has: nothing if that will do. Both in ms since 1970.
///
/// It is no earlier than the limiters are unused, or [`MAX_EXPIRY_MS`] from now if that is
/// sooner; and at most [`LEAST_MS`] or a quarter of the time in use later than that.
#[inline]
pub(crate) fn moved(unused_at_ms: u64, standing_ms: Option<u64>, now: Now) -> Option<u64> {
    let in_use_ms = unused_at_ms.saturating_sub(now.ms()).min(MAX_EXPIRY_MS);
    let needed_ms = now.ms().saturating_add(in_use_ms);
    if standing_ms.is_some_and(|standing_ms| standing_ms >= needed_ms) {
        return None;
    }
    let given_ms = in_use_ms.saturating_add(in_use_ms / SLACK);
    Some(now.ms().saturating_add(given_ms.clamp(LEAST_MS, MAX_EXPIRY_MS)))
}
