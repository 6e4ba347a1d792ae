//! What a call sends to replicas and the AOF: never itself, always what it did.
//!
//! An effect is version 1, kind 1, expiry 8, and then for kind 1 (changes) the primary's clock 6
//! and the changes, for kind 2 (state) all that the key holds, for kind 3 (items), of keys that are
//! not plain, the primary's clock 6, the changes, and what is noted of all else. Changes are applied
//! by the same function on the primary and wherever they arrive, so both come to the same state; and
//! they stay small however long a log is.

use std::ffi::CStr;

use arrayvec::ArrayVec;
use rl_core::bounds::{MAX_CLAUSES, MAX_EXPIRY_MS, MAX_TIME_MS};
use rl_core::{Change, Item, Limiters, Note, Now};

use rl_core::bytes::{Sink, Source};

use super::codec;

/// The internal command that applies an effect: `RL.APPLY key effect`.
pub(crate) const COMMAND: &CStr = c"rl.apply";

const VERSION: u64 = 1;
const CHANGES: u64 = 1;
const STATE: u64 = 2;
const ITEMS: u64 = 3;

/// The latest expiry that a key can have, in ms since 1970.
const LATEST_EXPIRY_MS: u64 = MAX_TIME_MS + MAX_EXPIRY_MS;

const HEADER: usize = 16;
/// That of a limit, on trial or not.
const LARGEST_CHANGE: usize = 33;
/// Those of a receipt, a lease and a ban.
const LARGEST_NOTES: usize = 175 + 77 + 64;

/// An effect on its way out, on the stack.
pub(crate) struct Outgoing(ArrayVec<u8, { HEADER + MAX_CLAUSES * LARGEST_CHANGE + LARGEST_NOTES }>);

impl Sink for Outgoing {
    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        // There is room for the most and largest changes.
        let _ = self.0.try_extend_from_slice(bytes);
    }
}

impl Outgoing {
    /// The effect of changes that are applied at `now`.
    #[inline]
    pub(crate) fn of_changes(
        changes: impl Iterator<Item = Change>,
        now: Now,
        expire_at_ms: u64,
    ) -> Self {
        let mut effect = Self::begun(CHANGES, now, expire_at_ms);
        for change in changes {
            change.put(&mut effect);
        }
        effect
    }

    /// The effect of what is recorded at `now` at a key that is not plain.
    pub(crate) fn of_items(items: impl Iterator<Item = Item>, now: Now, expire_at_ms: u64) -> Self {
        let mut effect = Self::begun(ITEMS, now, expire_at_ms);
        for item in items {
            item.put(&mut effect);
        }
        effect
    }

    /// The effect of any number of items, which the stack may not hold.
    pub(crate) fn of_many(items: &[Item], now: Now, expire_at_ms: u64) -> Vec<u8> {
        let mut effect = Vec::new();
        put_header(&mut effect, ITEMS, now, expire_at_ms);
        items.iter().for_each(|item| item.put(&mut effect));
        effect
    }

    #[inline]
    fn begun(kind: u64, now: Now, expire_at_ms: u64) -> Self {
        let mut effect = Self(ArrayVec::new_const());
        put_header(&mut effect, kind, now, expire_at_ms);
        effect
    }
}

#[inline]
fn put_header(sink: &mut impl Sink, kind: u64, now: Now, expire_at_ms: u64) {
    sink.put::<1>(VERSION);
    sink.put::<1>(kind);
    sink.put::<8>(expire_at_ms);
    sink.put::<6>(now.ms());
}

impl AsRef<[u8]> for Outgoing {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The effect that makes a key what it is: for the AOF's rewriting.
pub(super) fn of_state(limiters: &Limiters) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put::<1>(VERSION);
    bytes.put::<1>(STATE);
    bytes.put::<8>(limiters.unused_at_ms().min(LATEST_EXPIRY_MS));
    codec::encode_to(&mut bytes, limiters);
    bytes
}

/// An effect that arrived, checked.
pub(crate) struct Effect {
    /// When the key expires, in ms since 1970.
    pub(crate) expire_at_ms: u64,
    what: What,
}

enum What {
    Changes(Vec<Change>, Now),
    State(Limiters),
    Items(Vec<Item>, Now),
}

impl Effect {
    /// Reads an effect; nothing if it is not one that a call could have sent.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut source = Source(bytes);
        if source.take::<1>()? != VERSION {
            return None;
        }
        let kind = source.take::<1>()?;
        let expire_at_ms = source.take::<8>()?;
        if !(1..=LATEST_EXPIRY_MS).contains(&expire_at_ms) {
            return None;
        }
        let what = match kind {
            CHANGES => decode_changes(&mut source)?,
            STATE => What::State(codec::decode(source.0)?),
            ITEMS => decode_items(&mut source)?,
            _ => return None,
        };
        Some(Self { expire_at_ms, what })
    }

    /// Applies the effect to what is at the key; nothing if the changes do not fit what is there,
    /// which is untouched then.
    pub(crate) fn apply(self, stored: Option<&mut Limiters>) -> Option<Applied> {
        match (self.what, stored) {
            (What::State(state), _) => Some(Applied::New(state)),
            (What::Changes(changes, now), None) => {
                Limiters::from_changes(changes.into_iter(), now).map(Applied::New)
            }
            (What::Changes(changes, now), Some(limiters)) => {
                let fits = has_room(limiters, &changes, now)
                    && changes.iter().all(|change| limiters.can_apply(change, now));
                if !fits {
                    return None;
                }
                for change in changes {
                    limiters.apply(change, now);
                }
                Some(Applied::InPlace)
            }
            (What::Items(items, now), None) => Limiters::from_items(&items, now).map(Applied::New),
            (What::Items(items, now), Some(limiters)) => {
                let changes: Vec<_> = items.iter().filter_map(change_of).collect();
                let fits =
                    has_room(limiters, &changes, now) && limiters.can_record_all(&items, now);
                if !fits {
                    return None;
                }
                limiters.record_all(&items, now);
                Some(if limiters.is_empty() { Applied::Emptied } else { Applied::InPlace })
            }
        }
    }
}

/// What an effect has made of a key.
#[derive(Debug)]
pub(crate) enum Applied {
    /// It is what is to be put there.
    New(Limiters),
    /// What is there was changed.
    InPlace,
    /// Nothing is left there: the key is to go.
    Emptied,
}

/// Whether all of `changes` together leave a key with as many limiters as it may have.
fn has_room(limiters: &Limiters, changes: &[Change], now: Now) -> bool {
    let ids: Vec<_> = changes.iter().map(Change::id).collect();
    let makes_one = ids.iter().any(|id| limiters.find(*id).is_none());
    !makes_one || limiters.has_room_for(&ids, now)
}

fn change_of(item: &Item) -> Option<Change> {
    match item {
        Item::Change(change) => Some(*change),
        Item::Note(_) => None,
    }
}

fn decode_changes(source: &mut Source<'_>) -> Option<What> {
    let now = decode_now(source)?;
    let mut changes = Vec::new();
    while !source.is_empty() {
        let change = Change::take(source)?;
        add_change(&mut changes, change)?;
    }
    (!changes.is_empty()).then_some(What::Changes(changes, now))
}

/// Changes as a call makes them, and behind them what else it, or another command, sends.
fn decode_items(source: &mut Source<'_>) -> Option<What> {
    let now = decode_now(source)?;
    let (mut items, mut changes) = (Vec::new(), Vec::new());
    let mut shadows = Vec::new();
    while !source.is_empty() {
        let item = Item::take(source)?;
        match &item {
            Item::Change(_) if items.len() > changes.len() => return None,
            Item::Change(change) => add_change(&mut changes, *change)?,
            Item::Note(note) => {
                let before = items.last().and_then(note_of);
                if !may_follow(note, before, changes.len()) {
                    return None;
                }
                if let Note::Shadow(change) = note {
                    add_change(&mut shadows, *change)?;
                }
            }
        }
        items.push(item);
    }
    (!items.is_empty()).then_some(What::Items(items, now))
}

fn note_of(item: &Item) -> Option<&Note> {
    match item {
        Item::Note(note) => Some(note),
        Item::Change(_) => None,
    }
}

/// Whether a command sends `note` behind another, or behind so many changes.
fn may_follow(note: &Note, before: Option<&Note>, changes: usize) -> bool {
    match (note, before) {
        // One command each, for any number of ids.
        (Note::Renew { .. }, Some(Note::Renew { .. }))
        | (Note::Release { .. }, Some(Note::Release { .. })) => true,
        (Note::Settle { .. } | Note::Renew { .. } | Note::Release { .. }, before) => {
            before.is_none() && changes == 0
        }
        (_, None) => true,
        (note, Some(before)) => match (rank(before), rank(note)) {
            (Some(before), Some(rank)) => {
                before < rank || matches!(note, Note::Shadow(_)) && before == rank
            }
            _ => false,
        },
    }
}

/// In which order a call sends its notes; nothing if no call does.
fn rank(note: &Note) -> Option<u8> {
    match note {
        Note::Receipt(_) => Some(0),
        Note::Lease { .. } | Note::LeasesMoved => Some(1),
        Note::Shadow(_) => Some(2),
        Note::Ban(_) => Some(3),
        Note::Settle { .. } | Note::Renew { .. } | Note::Release { .. } => None,
    }
}

fn decode_now(source: &mut Source<'_>) -> Option<Now> {
    Some(Now::from_unix_ms(i64::try_from(source.take::<6>()?).ok()?))
}

/// Nothing if no call makes such a change together with the others.
fn add_change(changes: &mut Vec<Change>, change: Change) -> Option<()> {
    let is_new = changes.iter().all(|other| other.id() != change.id());
    if !is_new || changes.len() == MAX_CLAUSES {
        return None;
    }
    changes.push(change);
    Some(())
}

#[cfg(test)]
mod tests;
