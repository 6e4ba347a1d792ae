//! Bans against one who counts refusals by hand; and who waits as told is never banned.

use rl_core::{
    BanClause, Charge, Clause, Group, GroupOutcome, LeaseAsk, LeaseClause, Verdict, Wait,
};

use super::random::Random;
use crate::receipts::key::{Pair, charge_id};
use crate::reference::{BanNumbers, Ms, SlowBan};

const NOW: u64 = 1_700_000_000_000;

fn numbers(ban: &BanClause) -> BanNumbers {
    BanNumbers {
        refusals: ban.refusals as usize,
        period: ban.period_ms.into(),
        ban: ban.ban_ms.into(),
        max: ban.max_ms.into(),
    }
}

/// The longest wait of those that refuse.
fn longest<'a>(verdicts: impl Iterator<Item = &'a Verdict>, never: u64) -> Option<u64> {
    let refusals = verdicts.filter(|verdict| !verdict.allowed);
    let waits = refusals.map(|verdict| match verdict.wait {
        Wait::Ms(ms) => ms,
        Wait::Never => never,
    });
    waits.max()
}

fn clauses_of(random: &mut Random) -> Vec<Clause> {
    let all = [
        Clause::fixed(1 + random.up_to(2), 20 + random.up_to(2) * 30),
        Clause::token(2, 1, 25),
        Clause::leaky(3, 2, 40),
        Clause::log(2, 30),
    ];
    let first = random.up_to(3) as usize;
    all.into_iter().cycle().skip(first).take(1 + random.up_to(1) as usize).collect()
}

fn ban_of(random: &mut Random, changes: bool) -> BanClause {
    let ban_ms = if changes { 1 + random.up_to(40) } else { 20 };
    let more_ms = if changes { random.up_to(100) } else { 100 };
    BanClause {
        refusals: if changes { 1 + random.up_to(3) } else { 3 },
        period_ms: if changes { 1 + random.up_to(60) } else { 50 },
        ban_ms,
        max_ms: ban_ms + more_ms,
    }
}

struct Walk {
    random: Random,
    pair: Pair,
    slow: SlowBan,
    now: u64,
    wait_ms: u64,
    changes: bool,
    bans: usize,
}

impl Walk {
    fn step(&mut self) {
        let random = &mut self.random;
        self.now = random.after(self.now, self.wait_ms);
        let now: Ms = self.now.into();
        let clauses = clauses_of(random);
        let ban = ban_of(random, self.changes);
        let cost = random.one_of(&[0, 1, 1, 1, 1, 1, 1, 2, 9]);
        let holder = charge_id(random.up_to(5) as usize);
        let charge = Charge { id: holder, keep_ms: 1 + random.up_to(50), receipts_max: 9 };
        let clause = LeaseClause { limit: 1, duration_ms: 1 + random.up_to(15) };
        let lease = LeaseAsk { clause, id: &holder, places: cost.min(1) };
        let group = Group {
            clauses: &clauses,
            cost,
            charge: Some(&charge).filter(|_| random.once_in(4)),
            lease: Some(lease).filter(|_| random.once_in(4)),
            ban: Some(ban).filter(|_| !random.once_in(6)),
            ..Group::default()
        };
        let was_ahead = self.slow.is_ahead(now);
        // Of another call's id nothing is to be learnt here.
        let Ok(outcome) = self.pair.group(&group, self.now) else { return };
        self.expect(&group, &ban, &outcome, was_ahead);
        if outcome.is_write() {
            self.slow.write(now);
        }
        let waits = outcome.outcome.verdicts.iter().take(clauses.len());
        let by_ban = outcome.ban();
        let told = waits.chain(&by_ban).filter_map(|verdict| match verdict.wait {
            Wait::Ms(ms) if !verdict.allowed => Some(ms),
            _ => None,
        });
        self.wait_ms = told.max().unwrap_or(self.wait_ms);
        if self.random.once_in(200) {
            self.pair.reload();
        }
    }

    fn expect(
        &mut self,
        group: &Group<'_>,
        ban: &BanClause,
        outcome: &GroupOutcome<16>,
        was_ahead: bool,
    ) {
        let now: Ms = self.now.into();
        let Some(told) = outcome.ban().filter(|_| group.ban.is_some()) else {
            assert!(outcome.ban().is_none());
            return;
        };
        let banned = self.slow.left(now) > 0;
        let limits = outcome.outcome.verdicts.iter().take(group.clauses.len());
        let waits = longest(limits, ban.period_ms).filter(|_| !outcome.repeat);
        let has_place = outcome.lease().is_none_or(|verdict| verdict.allowed);
        let passes = (waits.is_none() && !banned || outcome.repeat) && has_place;
        assert_eq!(outcome.outcome.allowed, passes);
        let mut begins = false;
        if let Some(wait) = waits
            && group.cost > 0
            && !banned
        {
            begins = self.slow.refuse(wait.into(), numbers(ban), now);
            self.bans += usize::from(begins);
        } else if !outcome.repeat {
            self.slow.step_back(now);
            if banned && !was_ahead {
                let notes = outcome
                    .items()
                    .filter(|item| matches!(item, rl_core::Item::Note(rl_core::Note::Ban(_))));
                assert_eq!(notes.count(), 0, "nothing is written while it lasts");
            }
        }
        assert_eq!(outcome.ban_begins(), begins);
        let left = if outcome.repeat { 0 } else { self.slow.left(now) };
        assert_eq!(told.allowed, left == 0, "at {now}");
        assert_eq!(told.limit, ban.refusals);
        assert_eq!(told.wait, Wait::Ms(left as u64));
        assert_eq!(told.remaining, self.slow.remaining(ban.refusals as usize, now) as u64);
        assert_eq!(Ms::from(told.reset_ms), self.slow.reset(now), "at {now}");
    }
}

#[test]
fn they_are_as_one_says_who_counts_by_hand() {
    let mut bans = 0;
    for seed in 0..20 {
        let mut walk = Walk {
            random: Random::new(seed),
            pair: Pair::default(),
            slow: SlowBan::default(),
            now: NOW,
            wait_ms: 0,
            changes: seed.is_multiple_of(2),
            bans: 0,
        };
        (0..10_000).for_each(|_| walk.step());
        bans += walk.bans;
    }
    assert!(bans > 2_000, "{bans} bans are too few to tell");
}

/// Makes one call, and what it was told to wait for if it was refused.
fn call(pair: &mut Pair, clauses: &[Clause], ban: BanClause, now: u64) -> (bool, Option<u64>) {
    let group = Group { clauses, cost: 1, ban: Some(ban), ..Group::default() };
    let outcome = pair.group(&group, now).unwrap();
    let verdicts = outcome.outcome.verdicts.iter().take(clauses.len());
    let by_ban = outcome.ban();
    let wait = longest(verdicts.chain(&by_ban), ban.period_ms);
    assert_eq!(wait.is_none(), outcome.outcome.allowed);
    assert!(!outcome.ban_begins() || wait.is_some());
    (outcome.ban_begins(), wait)
}

#[test]
fn who_waits_as_told_is_never_banned() {
    for seed in 0..40 {
        let (mut random, mut pair) = (Random::new(seed), Pair::default());
        let (mut now, mut refused) = (NOW, 0);
        for _ in 0..2_500 {
            // Whoever does not name the ban may take all there is in between.
            let clauses = clauses_of(&mut random);
            if random.once_in(2) {
                pair.call(&clauses, 1 + random.up_to(1), now, None);
            }
            let ban = BanClause { refusals: 1, ..ban_of(&mut random, true) };
            let (begins, wait) = call(&mut pair, &clauses, ban, now);
            assert!(!begins, "banned at {now}");
            refused += usize::from(wait.is_some());
            now += wait.unwrap_or(0) + if random.once_in(3) { random.up_to(20) } else { 0 };
        }
        assert!(refused > 300, "{refused} refusals are too few to tell");
    }
}

#[test]
fn who_hammers_on_is_banned_with_so_many_writes_and_no_more() {
    let ban = BanClause { refusals: 5, period_ms: 1_000, ban_ms: 100, max_ms: 1_000 };
    let clauses = [Clause::fixed(1, 1_000_000)];
    let (mut pair, mut writes, mut lengths) = (Pair::default(), Vec::new(), Vec::new());
    call(&mut pair, &clauses, ban, NOW);
    let mut sent = pair.sent.len();
    for now in NOW + 1..NOW + 20_000 {
        let (begins, wait) = call(&mut pair, &clauses, ban, now);
        if begins {
            // The wait of the limit is longer than any ban: what is told then is not that alone.
            assert!(wait.unwrap() > 900_000);
            writes.push(pair.sent.len() - sent);
            sent = pair.sent.len();
            lengths.push(now - NOW);
        }
    }
    // The first refusal only tells; the others did not wait. So are those after each ban, which
    // is told with the wait of the limit.
    assert_eq!(writes[0], 6);
    assert!(writes[1..].iter().all(|writes| *writes == 5), "{writes:?}");
    assert_eq!(
        lengths[..5],
        [6, 6 + 104, 6 + 104 + 204, 6 + 104 + 204 + 404, 6 + 104 + 204 + 404 + 804]
    );
    assert_eq!(lengths[6] - lengths[5], 1_004, "never longer than max");
}
