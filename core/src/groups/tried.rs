//! The part of SHADOWs: what limits on trial say to a call, and what to record of them.

use crate::clause::Clause;
use crate::limiter::{Change, Limiter};
use crate::now::Now;
use crate::outcome::Outcome;

/// What a limit on trial says to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trial {
    /// Nothing that counts: it was not asked, or about a cost of 0.
    #[default]
    None,
    /// It admits it, and is charged.
    Allowed,
    /// It would have refused it.
    Denied,
    /// It was left out, for there was no room for its limiter.
    Skipped,
}

/// What up to `N` limits on trial say to a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried<const N: usize> {
    trials: [Trial; N],
    changes: [Option<Change>; N],
    grows: [bool; N],
    len: usize,
    /// Whether a limiter's recorded time is later than now.
    pub(super) stepped_back: bool,
}

impl<const N: usize> Tried<N> {
    pub(super) const NONE: Self = Self {
        trials: [Trial::None; N],
        changes: [None; N],
        grows: [false; N],
        len: 0,
        stepped_back: false,
    };

    /// Judges each of `clauses` by itself, given what is `stored` of limits on trial, where there
    /// is `room` for so many limiters more.
    pub(super) fn judge(
        &mut self,
        clauses: &[Clause],
        stored: &[Limiter],
        cost: u64,
        mut room: usize,
        now: Now,
    ) {
        self.len = clauses.len().min(N);
        let slots = self.trials.iter_mut().zip(&mut self.changes).zip(&mut self.grows);
        for (clause, ((trial, change), grows)) in clauses.iter().zip(slots) {
            let mut outcome = Outcome::<1>::undecided();
            outcome.decide_alone(stored, clause, cost, now);
            self.stepped_back |= outcome.stepped_back();
            (*change, *grows) = (outcome.changes().next(), outcome.grows);
            *trial = match (outcome.allowed, cost) {
                (_, 0) => Trial::None,
                (true, _) => Trial::Allowed,
                (false, _) => Trial::Denied,
            };
            let is_in_use =
                || stored.iter().any(|one| one.id() == clause.id() && one.is_in_use(now));
            if *trial == Trial::Allowed && !is_in_use() {
                match room.checked_sub(1) {
                    Some(left) => room = left,
                    None => skip(trial, change, grows),
                }
            }
        }
    }

    /// Leaves out those that need memory.
    pub(super) fn skip_growth(&mut self) {
        let slots = self.trials.iter_mut().zip(&mut self.changes).zip(&mut self.grows);
        for ((trial, change), grows) in slots.take(self.len) {
            if *grows {
                skip(trial, change, grows);
            }
        }
    }

    /// Whether one of them needs memory that is not there yet.
    pub(super) fn grows(&self) -> bool {
        self.grows.iter().take(self.len).any(|grows| *grows)
    }

    /// What to record.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.changes.iter().take(self.len).filter_map(|change| *change)
    }

    /// What each of them says, in the order asked.
    pub(super) fn trials(&self) -> &[Trial] {
        self.trials.get(..self.len).unwrap_or(&self.trials)
    }
}

fn skip(trial: &mut Trial, change: &mut Option<Change>, grows: &mut bool) {
    (*trial, *change, *grows) = (Trial::Skipped, None, false);
}
