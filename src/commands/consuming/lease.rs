//! RL.LEASE, RL.RENEW, RL.RELEASE: places among so many at once.

use std::slice;

use rl_core::{ChargeId, Group, GroupOutcome, Item, LeaseAsk, Limiters, Now};

use crate::commands::steps::charge::record;
use crate::commands::steps::denied::denied;
use crate::commands::steps::written::written;
use crate::commands::steps::{group, reply};
use crate::metrics;
use crate::server::{Call, Key, Words};
use crate::settings::LEASE_MAX_LIMIT;
use crate::state::{COMMAND, Outgoing};
use crate::words::extras::lease_of;
use crate::words::periods::named_period_ms;
use crate::words::{Error, Quoted, endings};

/// `RL.LEASE key limit duration id [COST n]`
pub(in crate::commands) fn lease(call: &Call<'_>) -> Result<(), Error> {
    let mut words = call.words();
    let mut next = || words.next().unwrap_or_default();
    let clause = lease_of(next(), next(), LEASE_MAX_LIMIT.get())?;
    let id = endings::id(next())?;
    let places = cost(&mut words)?;
    let now = call.now();
    let key = Key::<Limiters>::to_write(call)?;
    let lease = Some(LeaseAsk { clause, id: &id, places });
    let group = Group { cost: places, lease, ..Group::default() };
    let mut outcome = GroupOutcome::<1>::undecided();
    group::decide(&mut outcome, key.get(), group, now)?;
    group::find_memory(call, slice::from_mut(&mut outcome))?;
    record(call, key, &outcome, now);
    metrics::decided(outcome.admits, &[], &[]);
    if !outcome.admits {
        denied(call);
    }
    call.answer(|answer| {
        outcome.lease().iter().for_each(|verdict| reply::verdict(answer, verdict))
    });
    Ok(())
}

/// What `COST n`, and nothing else, says.
fn cost(words: &mut Words<'_>) -> Result<u64, Error> {
    let cost = match words.next() {
        None => return Ok(1),
        Some(word) if endings::is_cost(word) => endings::cost(words)?,
        Some(word) => {
            let expected = "only COST n may follow the id";
            return Err(Error::Unexpected { was: Quoted::new(word), expected });
        }
    };
    endings::end(words, "nothing may follow COST n")?;
    Ok(cost)
}

/// `RL.RENEW key duration id [id ...]`
pub(in crate::commands) fn renew(call: &Call<'_>) -> Result<(), Error> {
    let mut words = call.words();
    let duration_ms = named_period_ms("duration", words.next().unwrap_or_default())?;
    let ids = ids(words)?;
    change(call, |limiters, now| limiters.renewals(&ids, duration_ms, now)).map(drop)
}

/// `RL.RELEASE key id [id ...]`
pub(in crate::commands) fn release(call: &Call<'_>) -> Result<(), Error> {
    let ids = ids(call.words())?;
    let released = change(call, |limiters, now| limiters.releases(&ids, now))?;
    metrics::leases_released(released);
    Ok(())
}

fn ids(words: Words<'_>) -> Result<Vec<ChargeId>, Error> {
    words.map(endings::id).collect()
}

/// Makes what `items` says of a key that is there, and answers how much that is.
fn change(
    call: &Call<'_>,
    items: impl FnOnce(&Limiters, Now) -> Vec<Item>,
) -> Result<usize, Error> {
    let now = call.now();
    let mut key = Key::<Limiters>::to_write(call)?;
    let items = key.get().map(|limiters| items(limiters, now)).unwrap_or_default();
    if let Some(limiters) = key.get_mut()
        && !items.is_empty()
    {
        metrics::leases_ended(limiters.record_all(&items, now).leases);
        let is_empty = limiters.is_empty();
        let standing_ms = key.expire_at_ms();
        if is_empty {
            key.delete();
            call.signal_change();
            call.notify_deletion();
            // A key that is gone needs no time; where it arrives, it goes as well.
            call.replicate(COMMAND, || Outgoing::of_many(&items, now, 1));
        } else {
            written(
                call,
                key,
                standing_ms,
                |limiters| limiters.new_expiry_ms(standing_ms, now),
                |_, expire_at_ms| Outgoing::of_many(&items, now, expire_at_ms),
            );
        }
    }
    call.reply_integer(i64::try_from(items.len()).unwrap_or(i64::MAX));
    Ok(items.len())
}
