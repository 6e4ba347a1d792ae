//! The keys that are denied most.

use super::top::Top;
use crate::server::exclusive::Exclusive;
use crate::settings::TOP_SIZE;

/// Keyed by a fast hash that differs from process to process, so that nobody can aim at it.
type Table = Top<foldhash::fast::RandomState>;

static TOP: Exclusive<Option<Table>> = Exclusive::new(None);

/// Counts a denied call of `key`.
#[inline]
pub(crate) fn denied(key: &[u8]) {
    if TOP_SIZE.get() > 0 {
        with_top(|top| top.count(key));
    }
}

/// Gives the table of the keys that are denied most.
pub(crate) fn with_top<T>(use_it: impl FnOnce(&mut Table) -> T) -> T {
    let mut held = TOP.hold();
    use_it(held.get_or_insert_with(|| Top::new(top_size())))
}

/// Makes the table as large as it is set to be.
pub(crate) fn resize_top() {
    with_top(|top| top.resize(top_size()));
}

fn top_size() -> usize {
    usize::try_from(TOP_SIZE.get()).unwrap_or(0)
}
