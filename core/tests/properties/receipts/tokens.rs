//! A TOKEN by itself, settled a million times: its level is, each time, what its whole past comes
//! to with the settled costs in place.

use rl_core::{Charge, Clause, Group, GroupOutcome, Limiter, Limiters, Note, Settlement};

use super::key::charge_id;
use crate::reference::{Ms, Piece, Replay};
use crate::server::at;

const SETTLES: u32 = 1_000_000;
const STEPS_OF_A_KEY: usize = 60;
const PERIODS: [u64; 5] = [1, 7, 20, 1_000, 31_622_400_000];
const NUMBERS: [u64; 5] = [1, 3, 12, 1_000, 1_000_000_000_000];

/// Numbers by chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end.max(1)
    }

    fn of(&mut self, numbers: &[u64]) -> u64 {
        numbers[self.below(numbers.len() as u64) as usize]
    }
}

/// A receipt that was left: its id, time and keep.
struct Left {
    id: u64,
    time: u64,
    keep: u64,
}

/// One key with one TOKEN, and its past.
struct Run<'a> {
    dice: &'a mut Dice,
    stored: Option<Limiters>,
    replay: Option<Replay>,
    left: Vec<Left>,
    clause: Clause,
    most: u64,
    now: u64,
    calls: u64,
}

#[derive(Default)]
struct Counts {
    less: u32,
    more: u32,
    same: u32,
    unknown: u32,
    back: u32,
}

impl Run<'_> {
    fn passes(&mut self, counts: &mut Counts) {
        let period = self.clause.period_ms;
        let step = match self.dice.below(10) {
            0..=2 => 0,
            3..=6 => self.dice.below(period / 2 + 2),
            7 => self.dice.below(period.saturating_mul(4)),
            8 => self.dice.below(3),
            _ => {
                counts.back += 1;
                self.now = self.now.saturating_sub(self.dice.below(period * 2 + 2));
                0
            }
        };
        self.now += step;
    }

    fn calls(&mut self) {
        if self.dice.below(5) == 0 {
            self.clause.limit = 1 + self.dice.below(self.most);
            self.clause.refill = 1 + self.dice.below(self.most);
        }
        self.calls += 1;
        let cost = self.dice.below(self.clause.limit + 1);
        let keep_ms = 1 + self.dice.below(self.clause.period_ms.min(1_000_000) * 40);
        let id = charge_id(self.calls as usize);
        let charge = Charge { id, keep_ms, receipts_max: 1_000 };
        let charge = (self.dice.below(4) > 0).then_some(&charge);
        let mut outcome = GroupOutcome::<1>::undecided();
        let (stored, clauses) = (self.stored.as_ref(), &[self.clause]);
        outcome
            .decide(&Group { stored, clauses, cost, charge, ..Group::default() }, at(self.now))
            .unwrap();
        if !outcome.is_write() {
            return;
        }
        match &mut self.stored {
            Some(limiters) => {
                outcome.record(limiters, at(self.now));
            }
            None => self.stored = outcome.make(at(self.now)),
        }
        let now = self.now;
        self.left.retain(|left| left.time <= now && now < left.time + left.keep);
        let replay = self.replay.get_or_insert_with(|| Replay::new(&self.clause, now.into()));
        replay.step_back(now.into());
        if outcome.outcome.allowed && cost > 0 {
            let owner = charge.map(|_| self.calls);
            replay.add(&self.clause, Piece { owner, cost }, now.into());
            if charge.is_some() {
                self.left.push(Left { id: self.calls, time: now, keep: keep_ms });
            }
        }
    }

    fn settles(&mut self, counts: &mut Counts) {
        let Some(limiters) = &mut self.stored else { return };
        // Often the newest, sometimes one that is not known.
        let back = self.dice.below(6).min(self.dice.below(6));
        let owner = match self.left.len().checked_sub(1 + back as usize) {
            Some(place) => self.left[place].id,
            None => 1 + self.dice.below(self.calls),
        };
        let cost = match self.dice.below(4) {
            0 => 0,
            1 => self.dice.below(self.clause.limit + 1),
            2 => self.dice.below(4),
            _ => self.dice.below(self.most * 2).min(1_000_000_000_000),
        };
        let (id, now) = (charge_id(owner as usize), self.now);
        let settlement = limiters.settlement(&id, cost, at(now));
        let left = self.left.iter().find(|left| left.id == owner);
        let known = left.is_some_and(|left| left.time <= now && now < left.time + left.keep);
        assert_eq!(settlement != Settlement::Unknown, known);
        match settlement {
            Settlement::Unknown => counts.unknown += 1,
            Settlement::Same => counts.same += 1,
            Settlement::Less => counts.less += 1,
            Settlement::More { .. } => counts.more += 1,
        }
        if settlement.is_change() {
            limiters.note(&Note::Settle { id, cost }, at(now));
            self.left.retain(|left| left.time <= now && now < left.time + left.keep);
        }
        if let (true, Some(replay)) = (known, &mut self.replay) {
            assert_eq!(replay.settle(owner, cost, now.into()), settlement.is_change());
        }
    }

    fn is_as_replayed(&self) {
        let (Some(limiters), Some(replay)) = (&self.stored, &self.replay) else { return };
        let [Limiter::Token(bucket)] = limiters.as_slice() else { panic!("{limiters:?}") };
        assert_eq!(bucket.level.get(), replay.level(), "{limiters:?}\n{replay:?}");
        assert_eq!(Ms::from(bucket.time_ms.get()), replay.time(), "{limiters:?}\n{replay:?}");
    }
}

#[test]
fn a_million_settles_are_as_if_from_the_first() {
    let (mut dice, mut counts) = (Dice(0x0123_4567_89ab_cdef), Counts::default());
    while counts.less + counts.more + counts.same < SETTLES {
        let (most, period_ms) = (dice.of(&NUMBERS), dice.of(&PERIODS));
        let (limit, refill) = (1 + dice.below(most), 1 + dice.below(most));
        let clause = Clause::token(limit.min(1_000_000_000_000), refill.min(most), period_ms);
        let now = 1_000_000_000_000;
        let dice = &mut dice;
        let mut run =
            Run { dice, stored: None, replay: None, left: Vec::new(), clause, most, now, calls: 0 };
        for _ in 0..STEPS_OF_A_KEY {
            run.passes(&mut counts);
            if run.dice.below(3) == 0 {
                run.calls();
            } else {
                run.settles(&mut counts);
            }
            run.is_as_replayed();
        }
    }
    let Counts { less, more, same, unknown, back } = counts;
    println!("{less} less, {more} more, {same} the same, {unknown} unknown; {back} steps back");
    assert!(less > SETTLES / 10 && more > SETTLES / 10 && back > SETTLES / 100);
}
