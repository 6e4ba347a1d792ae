//! A million random steps of leases, against one who goes through all of them.

use rl_core::bounds::MAX_LEASE_LIMIT;
use rl_core::{Clause, Group, LeaseAsk, LeaseClause, Limiters, Verdict, Wait};

use super::random::Random;
use crate::receipts::key::{Pair, charge_id};
use crate::reference::{Answer, SlowLeases};
use crate::server::{answer, at};

const IDS: u64 = 9;

struct Walk {
    random: Random,
    pair: Pair,
    slow: SlowLeases,
    now: u64,
    wait_ms: u64,
    /// Whether a limiter is charged beside, so that the key never becomes a plain one for long.
    beside: bool,
}

fn told(verdict: &Verdict) -> Answer {
    answer(verdict)
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            pair: Pair::default(),
            slow: SlowLeases::default(),
            now: 1_700_000_000_000,
            wait_ms: 0,
            beside: seed.is_multiple_of(2),
        }
    }

    fn step(&mut self) {
        self.now = self.random.after(self.now, self.wait_ms);
        match self.random.up_to(99) {
            0..60 => self.acquire(),
            60..75 => self.renew(),
            75..90 => self.release(),
            90..95 => self.peek(),
            _ if self.beside => {
                self.pair.call(&[Clause::fixed(1_000, 700)], 1, self.now, None);
            }
            _ => self.pair.reload(),
        }
        assert_eq!(
            self.pair.primary.as_ref().map_or(0, |all| all.rows_held(self.now)),
            u64::from(self.slow.held(self.now.into()) > 0)
        );
    }

    fn acquire(&mut self) {
        let id = self.random.up_to(IDS - 1) as usize;
        let limit = self.random.one_of(&[0, 1, 2, 3, 4, 6, 6, 6, 8]);
        let places = self.random.one_of(&[0, 1, 1, 1, 1, 1, 2, 3, 9]);
        let duration_ms = 1 + self.random.up_to(60);
        let (holder, now) = (charge_id(id), self.now);
        let clause = LeaseClause { limit, duration_ms };
        let lease = Some(LeaseAsk { clause, id: &holder, places });
        let was_ahead = self.slow.is_ahead(now.into());
        let before = self.slow.held(now.into());
        let (answer, ended) = self.slow.ask(id, limit, duration_ms, places, now.into());
        let group = Group { cost: places, lease, ..Group::default() };
        let (outcome, dropped) = self.pair.group_and_dropped(&group, now).unwrap();
        let verdict = outcome.lease().unwrap();
        assert_eq!(told(&verdict), answer, "{id} asks for {places} of {limit} at {now}");
        assert_eq!(dropped.leases, ended);
        let takes = answer.allowed && places > 0;
        assert_eq!(outcome.is_write(), takes || was_ahead);
        let held = self.slow.held(now.into());
        assert!(!takes || held <= limit.max(before), "never more than the limit");
        self.wait_ms = match verdict.wait {
            Wait::Ms(ms) if ms > 0 => ms,
            _ => verdict.reset_ms,
        };
    }

    fn some_ids(&mut self) -> Vec<usize> {
        // Many are looked for otherwise than few; there is no need for it to be often.
        let most = if self.random.once_in(50) { 300 } else { 3 };
        (0..=self.random.up_to(most)).map(|_| self.random.up_to(IDS) as usize).collect()
    }

    fn renew(&mut self) {
        let (ids, duration_ms) = (self.some_ids(), 1 + self.random.up_to(60));
        let expected = self.slow.renew(&ids, duration_ms, self.now.into());
        let ids: Vec<_> = ids.into_iter().map(charge_id).collect();
        let at = at(self.now);
        let items = self.pair.primary.as_ref().map(|all| all.renewals(&ids, duration_ms, at));
        let items = items.unwrap_or_default();
        assert_eq!((items.len(), self.pair.record_all(&items, self.now)), expected);
    }

    fn release(&mut self) {
        let ids = self.some_ids();
        let expected = self.slow.release(&ids, self.now.into());
        let ids: Vec<_> = ids.into_iter().map(charge_id).collect();
        let items = self.pair.primary.as_ref().map(|all| all.releases(&ids, at(self.now)));
        let items = items.unwrap_or_default();
        assert_eq!((items.len(), self.pair.record_all(&items, self.now)), expected);
    }

    fn peek(&self) {
        let stands = self.pair.primary.as_ref().and_then(|all| all.peek_leases(at(self.now)));
        let stands = stands
            .map(|(clause, verdict)| (clause.limit, clause.duration_ms.into(), told(&verdict)));
        assert_eq!(stands, self.slow.peek(self.now.into()), "at {}", self.now);
    }
}

trait Held {
    /// How many rows of leases RL.PEEK shows.
    fn rows_held(&self, now: u64) -> u64;
}

impl Held for Limiters {
    fn rows_held(&self, now: u64) -> u64 {
        rl_core::rows(self, at(now)).filter(|row| row.name == "lease").count() as u64
    }
}

#[test]
fn a_million_steps_are_as_one_says_who_goes_through_all_leases() {
    for seed in 0..20 {
        let mut walk = Walk::new(seed);
        (0..50_000).for_each(|_| walk.step());
    }
}

#[test]
fn thousands_of_places_are_found_and_given_back() {
    let (mut pair, mut random) = (Pair::default(), Random::new(1));
    let clause = LeaseClause { limit: MAX_LEASE_LIMIT, duration_ms: 60_000 };
    let name = |number: u64| rl_core::ChargeId::new(format!("job-{number}").as_bytes()).unwrap();
    let mut held = std::collections::BTreeSet::new();
    for now in 0..4_000 {
        let (id, number) = match random.once_in(4) {
            true => (None, random.up_to(3_000)),
            false => (Some(()), random.up_to(3_000)),
        };
        let holder = name(number);
        if id.is_some() {
            let lease = Some(LeaseAsk { clause, id: &holder, places: 1 });
            let outcome = pair.group(&Group { cost: 1, lease, ..Group::default() }, now).unwrap();
            held.insert(number);
            let remaining = outcome.lease().unwrap().remaining;
            assert_eq!(remaining, MAX_LEASE_LIMIT - held.len() as u64);
        } else {
            let items = pair.primary.as_ref().map(|all| all.releases(&[holder], at(now)));
            let items = items.unwrap_or_default();
            assert_eq!(items.len(), usize::from(held.remove(&number)));
            pair.record_all(&items, now);
        }
    }
}

#[test]
fn those_of_many_ids_are_renewed_and_given_back_as_one_by_one() {
    let clause = LeaseClause { limit: MAX_LEASE_LIMIT, duration_ms: 60_000 };
    let ids: Vec<_> = (0..3_000_u32)
        .map(|number| {
            rl_core::ChargeId::new(&[b"job-", &number.to_le_bytes()[..]].concat()).unwrap()
        })
        .collect();
    let mut all = Pair::default();
    for (now, id) in ids.iter().enumerate().step_by(2) {
        let lease = Some(LeaseAsk { clause, id, places: 1 });
        all.group(&Group { cost: 1, lease, ..Group::default() }, now as u64).unwrap();
    }
    let mut one_by_one = Pair::default();
    one_by_one.primary.clone_from(&all.primary);
    let now = 60_100;
    let mut random = Random::new(2);
    let named: Vec<_> = (0..2_000).map(|_| ids[random.up_to(2_999) as usize]).collect();
    for duration_ms in [Some(500), None] {
        let mut alone = 0;
        for id in &named {
            let stored = one_by_one.primary.as_mut().unwrap();
            let items = match duration_ms {
                Some(ms) => stored.renewals(&[*id], ms, at(now)),
                None => stored.releases(&[*id], at(now)),
            };
            // The one that is named again would come to stand behind the others.
            let is_new = !named
                .iter()
                .take_while(|other| !std::ptr::eq(*other, id))
                .any(|other| other == id);
            if is_new {
                alone += items.len();
                stored.record_all(&items, at(now));
            }
        }
        let stored = all.primary.as_ref().unwrap();
        let items = match duration_ms {
            Some(ms) => stored.renewals(&named, ms, at(now)),
            None => stored.releases(&named, at(now)),
        };
        assert_eq!(items.len(), alone);
        assert!(alone > 500, "most of them hold a lease");
        all.record_all(&items, now);
        assert_eq!(all.primary, one_by_one.primary);
    }
}
