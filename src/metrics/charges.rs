//! What becomes of charges with an id.

use rl_core::{Dropped, Settlement};

use super::count::Count;
use super::places;
use crate::server::Field;

/// Calls that had been made before, at each key by itself.
static REPEATS: Count = Count::new();

static SETTLED_LESS: Count = Count::new();
static SETTLED_MORE: Count = Count::new();
static SETTLED_UNKNOWN: Count = Count::new();

/// Receipts that were known still, and pushed out by others.
static RECEIPTS_DROPPED: Count = Count::new();

/// Counts a call that had been made before.
pub(crate) fn repeated() {
    REPEATS.add();
}

/// Counts what a write dropped.
pub(crate) fn dropped(dropped: Dropped) {
    RECEIPTS_DROPPED.add_many(dropped.receipts as u64);
    places::ended(dropped.leases);
}

/// Counts a settle.
pub(crate) fn settled(settlement: Settlement) {
    match settlement {
        Settlement::Unknown => SETTLED_UNKNOWN.add(),
        Settlement::Same => {}
        Settlement::Less => SETTLED_LESS.add(),
        Settlement::More { .. } => SETTLED_MORE.add(),
    }
}

/// Gives what INFO shows of charges, in order.
pub(super) fn fields(field: Field<'_>) {
    field(&["repeats"], REPEATS.get());
    field(&["settled_less"], SETTLED_LESS.get());
    field(&["settled_more"], SETTLED_MORE.get());
    field(&["settled_unknown"], SETTLED_UNKNOWN.get());
    field(&["receipts_dropped"], RECEIPTS_DROPPED.get());
}
