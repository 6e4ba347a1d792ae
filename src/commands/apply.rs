//! RL.APPLY: the internal command that carries effects to replicas, the AOF and migrated slots.

use rl_core::Limiters;

use super::rights;
use crate::server::{Call, Key, role};
use crate::state::{Applied, Effect};
use crate::words::Error;

/// `RL.APPLY key effect`: as dangerous as RESTORE, and for the same users.
pub(super) fn apply(call: &Call<'_>) -> Result<(), Error> {
    rights::restore(call)?;
    let payload = call.words().next().unwrap_or_default();
    let effect = Effect::decode(payload).ok_or(Error::Effect)?;
    let expire_at_ms = effect.expire_at_ms;
    let mut key = Key::<Limiters>::to_write(call)?;
    match effect.apply(key.get_mut()).ok_or(Error::Effect)? {
        Applied::New(mut state) => {
            if !role::only_follows() {
                // It comes from elsewhere, where those were counted that had ended there.
                state.count_ended_leases(call.now());
            }
            key.set(state);
            key.set_expire_at_ms(expire_at_ms);
        }
        Applied::InPlace => key.set_expire_at_ms(expire_at_ms),
        Applied::Emptied => key.delete(),
    }
    drop(key);
    call.signal_change();
    call.replicate_verbatim();
    call.reply_simple(c"OK");
    Ok(())
}
