//! How low a bucket has been since each charge of which there is a receipt.
//!
//! A TOKEN that is settled as less is lowered by what is given back, but by no more than the
//! lowest level that there was since the charge: below that, the tokens have leaked away since,
//! whoever took them. The lowest level since a later charge is never below that since an earlier
//! one. So all of them are one stack of steps up: a charge is a step on top of those before it,
//! and when the level falls, it takes from the top whatever stands above it. A step that has
//! gone makes the lows of its charges and of those before it the same, for good.

use std::collections::VecDeque;

use crate::packed::{U24, U48, U80};
use crate::queue;

/// How much higher the lows are from one charge on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// The number of the first charge of this low.
    number: U48,
    /// How many charges with a receipt have this low.
    charges: U24,
    /// In parts of a token; never 0.
    height: U80,
}

/// The lowest level of one TOKEN limiter since each of its charges.
#[derive(Clone, Debug)]
pub(super) struct Lows {
    /// The period of the limiter, in ms.
    pub(super) period_ms: u64,
    /// In the order of their numbers.
    steps: VecDeque<Step>,
    /// The height of all steps: the lowest level since the last charge, in parts of a token.
    total: u128,
}

impl Lows {
    /// Those of the limiter of `period_ms`, before any charge.
    pub(super) fn new(period_ms: u64) -> Self {
        Self { period_ms, steps: VecDeque::new(), total: 0 }
    }

    /// The lowest level since the charge of that number.
    pub(super) fn low(&self, number: u64) -> u128 {
        let end = self.steps_until(number);
        let height = |steps: std::collections::vec_deque::Iter<'_, Step>| {
            steps.map(|step| step.height.get()).fold(0, u128::saturating_add)
        };
        // From the end that is nearer.
        if end < self.steps.len() / 2 {
            height(self.steps.range(..end))
        } else {
            self.total.saturating_sub(height(self.steps.range(end..)))
        }
    }

    /// How many steps stand at or below the charge of that number.
    #[inline]
    fn steps_until(&self, number: u64) -> usize {
        match self.steps.back() {
            Some(last) if last.number.get() > number => {
                self.steps.partition_point(|step| step.number.get() <= number)
            }
            _ => self.steps.len(),
        }
    }

    /// Takes down that the level is at `level`, or was.
    #[inline]
    pub(super) fn fall_to(&mut self, level: u128) {
        while self.total > level {
            let excess = self.total.saturating_sub(level);
            if self.take_from(self.steps.len(), excess) == 0 {
                break;
            }
        }
    }

    /// Takes down a charge with a receipt, after which the level is `level`: no other has had so
    /// high a number.
    pub(super) fn charge(&mut self, number: u64, level: u128) {
        let height = level.saturating_sub(self.total);
        if height > 0 {
            queue::for_one_more(&mut self.steps, usize::MAX);
            self.steps.push_back(Step {
                number: U48::new(number),
                charges: U24::new(1),
                height: U80::new(height),
            });
            self.total = level;
        } else if let Some(last) = self.steps.back_mut() {
            last.charges = U24::new(last.charges.get().saturating_add(1));
        }
    }

    /// Lowers the level by `parts`, which are at most the low of the charge of that number, as if
    /// it had cost so much less.
    pub(super) fn lower(&mut self, number: u64, parts: u128) {
        let (mut end, mut left) = (self.steps_until(number), parts);
        while left > 0 && end > 0 {
            let taken = self.take_from(end, left);
            left = left.saturating_sub(taken);
            end = end.saturating_sub(1);
        }
    }

    /// Takes up to `parts` from the last of the first `end` steps: how many it took.
    fn take_from(&mut self, end: usize, parts: u128) -> u128 {
        let Some(place) = end.checked_sub(1) else { return 0 };
        let Some(step) = self.steps.get_mut(place) else { return 0 };
        let taken = step.height.get().min(parts);
        step.height = U80::new(step.height.get().saturating_sub(taken));
        self.total = self.total.saturating_sub(taken);
        if step.height.get() == 0 {
            let charges = step.charges.get();
            self.steps.remove(place);
            if let Some(before) = place.checked_sub(1).and_then(|place| self.steps.get_mut(place)) {
                before.charges = U24::new(before.charges.get().saturating_add(charges));
            }
        }
        taken
    }

    /// Forgets the charge of that number.
    pub(super) fn leave(&mut self, number: u64) {
        let Some(place) = self.steps_until(number).checked_sub(1) else { return };
        let Some(step) = self.steps.get_mut(place) else { return };
        let (charges, height) = (step.charges.get().saturating_sub(1), step.height.get());
        step.charges = U24::new(charges);
        if charges > 0 {
            return;
        }
        self.steps.remove(place);
        match self.steps.get_mut(place) {
            Some(next) => next.height = U80::new(next.height.get().saturating_add(height)),
            None => self.total = self.total.saturating_sub(height),
        }
        queue::give_back(&mut self.steps);
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.steps.capacity().saturating_mul(size_of::<Step>())
    }

    /// Offers every allocation to `relocate`.
    pub(super) fn relocate(&mut self, relocate: &mut impl crate::relocate::Relocate) {
        queue::relocate(&mut self.steps, relocate);
    }
}
