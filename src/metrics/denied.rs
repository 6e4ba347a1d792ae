//! The keys that are denied most, and those that limits on trial would deny.

use super::top::Top;
use crate::server::exclusive::Exclusive;
use crate::settings::TOP_SIZE;

/// Keyed by a fast hash that differs from process to process, so that nobody can aim at it.
type Table = Top<foldhash::fast::RandomState>;

static DENIED: Exclusive<Option<Table>> = Exclusive::new(None);
static SHADOW_DENIED: Exclusive<Option<Table>> = Exclusive::new(None);

/// Which calls a table counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls {
    /// Those that are denied.
    Denied,
    /// Those that a limit on trial would have denied.
    ShadowDenied,
}

/// Counts a denied call of `key`.
#[inline]
pub(crate) fn denied(key: &[u8]) {
    count(Calls::Denied, key);
}

/// Counts a call of `key` that a limit on trial would have denied.
pub(crate) fn shadow_denied(key: &[u8]) {
    count(Calls::ShadowDenied, key);
}

#[inline]
fn count(calls: Calls, key: &[u8]) {
    if TOP_SIZE.get() > 0 {
        with_top(calls, |top| top.count(key));
    }
}

/// Gives the table of such calls.
pub(crate) fn with_top<T>(calls: Calls, use_it: impl FnOnce(&mut Table) -> T) -> T {
    let mut held = match calls {
        Calls::Denied => DENIED.hold(),
        Calls::ShadowDenied => SHADOW_DENIED.hold(),
    };
    use_it(held.get_or_insert_with(|| Top::new(top_size())))
}

/// Makes the tables as large as they are set to be.
pub(crate) fn resize_top() {
    for calls in [Calls::Denied, Calls::ShadowDenied] {
        with_top(calls, |top| top.resize(top_size()));
    }
}

fn top_size() -> usize {
    usize::try_from(TOP_SIZE.get()).unwrap_or(0)
}
