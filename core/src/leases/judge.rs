//! What a call is told of the leases of a key.

use super::clause::LeaseClause;
use super::set::Leases;
use crate::now::Now;
use crate::verdict::{Verdict, Wait};

/// The verdict on taking `places` for the holder of the lease at `own`, or for a new one; they are
/// taken if it is allowed, and `takes`.
pub(crate) fn judge(
    leases: Option<&Leases>,
    clause: &LeaseClause,
    own: Option<usize>,
    places: u64,
    takes: bool,
    now: Now,
) -> Verdict {
    let own_places = leases.zip(own).map_or(0, |(leases, place)| leases.places_at(place));
    let held = leases.map_or(0, |leases| leases.held(now));
    let others = held.saturating_sub(own_places);
    let wanted = others.saturating_add(places);
    let keeps = own.is_some() && places <= own_places;
    let allowed = keeps || wanted <= clause.limit;
    let wait = if allowed {
        Wait::Ms(0)
    } else if places > clause.limit {
        Wait::Never
    } else {
        let excess = wanted.saturating_sub(clause.limit);
        Wait::Ms(leases.map_or(0, |leases| leases.ms_until_free(excess, own, now)))
    };
    let taken = allowed && takes && places > 0;
    let (held, end_ms) = if taken {
        let others_end_ms = leases.map_or(0, |leases| leases.last_end_ms(own, now));
        (wanted, others_end_ms.max(now.ms().saturating_add(clause.duration_ms)))
    } else {
        (held, leases.map_or(0, |leases| leases.last_end_ms(None, now)))
    };
    Verdict {
        allowed,
        limit: clause.limit,
        remaining: clause.limit.saturating_sub(held),
        wait,
        reset_ms: end_ms.saturating_sub(now.ms()),
    }
}

impl Leases {
    /// When the last of those ends that do not stand at `own`, in ms since 1970.
    fn last_end_ms(&self, own: Option<usize>, now: Now) -> u64 {
        let mut others = self.leases.iter().enumerate().rev();
        if self.is_ahead(now) {
            let others = others.filter(|(place, _)| Some(*place) != own);
            return others.map(|(_, lease)| lease.end_seen_at(now.ms())).max().unwrap_or(0);
        }
        let last = others.find(|(place, _)| Some(*place) != own);
        last.map_or(0, |(_, lease)| lease.end_ms())
    }

    /// How long until `places` are free that others hold than the one at `own`.
    fn ms_until_free(&self, places: u64, own: Option<usize>, now: Now) -> u64 {
        let others = self.leases.iter().enumerate();
        let others =
            others.filter(|(place, lease)| Some(*place) != own && lease.end_ms() > now.ms());
        let ends = others.map(|(_, lease)| (lease.end_seen_at(now.ms()), lease.places()));
        let end_ms = if self.is_ahead(now) {
            let mut ends: Vec<_> = ends.collect();
            ends.sort_unstable();
            end_of(places, ends.into_iter())
        } else {
            end_of(places, ends)
        };
        end_ms.saturating_sub(now.ms())
    }

    /// Whether anything is held, and the verdict on one place more by the last call's numbers.
    pub(crate) fn peek(&self, now: Now) -> Option<(LeaseClause, Verdict)> {
        let clause = self.clause;
        let verdict = judge(Some(self), &clause, None, 1, false, now);
        (verdict.reset_ms > 0).then_some((clause, verdict))
    }
}

/// When so many places have become free, of `ends` in their order.
fn end_of(places: u64, ends: impl Iterator<Item = (u64, u64)>) -> u64 {
    let mut left = places;
    for (end_ms, freed) in ends {
        left = left.saturating_sub(freed);
        if left == 0 {
            return end_ms;
        }
    }
    0
}
