//! RL.SETTLE: what a call really cost.

use rl_core::{Item, Limiters, Note, Settlement};

use crate::commands::steps::written::written;
use crate::metrics;
use crate::server::{Call, Key};
use crate::state::Outgoing;
use crate::words::numbers::Number;
use crate::words::{Error, endings};

/// `RL.SETTLE key id cost`
pub(in crate::commands) fn settle(call: &Call<'_>) -> Result<(), Error> {
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
        let moved_ms = |limiters: &Limiters| limiters.new_expiry_ms(standing_ms, now);
        // A key with a receipt that is known is not plain.
        written(call, key, standing_ms, moved_ms, |_, expire_at_ms| {
            Outgoing::of_items(std::iter::once(Item::Note(note)), now, expire_at_ms)
        });
    }
    call.reply_integer(i64::from(settlement != Settlement::Unknown));
    Ok(())
}
