//! What every write ends with: the key's expiry, and who must know.

use rl_core::Limiters;

use crate::server::{Call, Key};
use crate::state::COMMAND;

/// Moves the expiry of the key that was written, if `moved_ms` says so of `standing_ms`; closes it;
/// and tells who must know. What replicas are told is made by `effect`, of whether the key is plain
/// and of when it expires, if anybody may listen.
#[inline(always)]
pub(in crate::commands) fn written<E: AsRef<[u8]>>(
    call: &Call<'_>,
    mut key: Key<'_, Limiters>,
    standing_ms: Option<u64>,
    moved_ms: impl FnOnce(&Limiters) -> Option<u64>,
    effect: impl FnOnce(bool, u64) -> E,
) {
    let moved_ms = key.get().and_then(moved_ms);
    if let Some(moved_ms) = moved_ms {
        key.set_expire_at_ms(moved_ms);
    }
    let expire_at_ms = moved_ms.or(standing_ms).unwrap_or_default();
    let is_plain = key.get().is_none_or(Limiters::is_plain);
    drop(key);
    call.signal_change();
    call.replicate(COMMAND, || effect(is_plain, expire_at_ms));
}
