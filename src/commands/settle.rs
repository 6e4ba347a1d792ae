//! RL.SETTLE: what a call really cost.

use rl_core::{Item, Limiters, Note, Settlement};

use crate::metrics;
use crate::server::{Call, Key};
use crate::state::{COMMAND, Outgoing};
use crate::words::numbers::Number;
use crate::words::{Error, endings};

/// `RL.SETTLE key id cost`
pub(super) fn settle(call: &Call<'_>) -> Result<(), Error> {
    let mut words = call.words();
    let id = endings::id(words.next().unwrap_or_default())?;
    let cost = Number::SETTLED.read(words.next().unwrap_or_default())?;
    let now = call.now();
    let mut key = Key::<Limiters>::to_write(call)?;
    let settlement =
        key.get().map_or(Settlement::Unknown, |limiters| limiters.settlement(&id, cost, now));
    if settlement == (Settlement::More { grows: true }) {
        call.check_memory()?;
    }
    metrics::settled(settlement);
    if let Some(limiters) = key.get_mut()
        && settlement.is_change()
    {
        let note = Note::Settle { id, cost };
        limiters.note(&note, now);
        let standing_ms = key.expire_at_ms();
        let moved_ms = key.get().and_then(|limiters| limiters.new_expiry_ms(standing_ms, now));
        if let Some(moved_ms) = moved_ms {
            key.set_expire_at_ms(moved_ms);
        }
        let expire_at_ms = moved_ms.or(standing_ms).unwrap_or_default();
        drop(key);
        call.signal_change();
        call.replicate(COMMAND, || {
            Outgoing::of_items(std::iter::once(Item::Note(note)), now, expire_at_ms)
        });
    }
    call.reply_integer(i64::from(settlement != Settlement::Unknown));
    Ok(())
}
