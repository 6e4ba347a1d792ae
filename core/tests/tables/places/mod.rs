//! So many at once, limits on trial, and bans.

mod bans;
mod leases;
mod room;
mod shadows;
mod together;

use rl_core::{
    BanClause, Charge, ChargeId, Clause, Group, GroupOutcome, Item, LeaseAsk, LeaseClause,
    Limiters, Now, Refused, Trial, Verdict,
};

use crate::key::{Key, numbers};

fn id(id: &str) -> ChargeId {
    ChargeId::new(id.as_bytes()).unwrap()
}

/// What a call asks of a key.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    clauses: &'a [Clause],
    cost: u64,
    name: Option<&'a str>,
    /// The limit, the duration, and how many places.
    lease: Option<(u64, u64, u64)>,
    shadows: &'a [Clause],
    ban: Option<BanClause>,
}

impl Asked<'_> {
    fn charge(&self) -> Option<Charge> {
        let name = self.name.filter(|_| !self.clauses.is_empty());
        name.map(|name| Charge { id: id(name), keep_ms: 60_000, receipts_max: 100 })
    }

    fn decide(&self, stored: Option<&Limiters>, now: i64) -> Result<GroupOutcome<16>, Refused> {
        let (charge, holder) = (self.charge(), self.name.map(id));
        let lease = self.lease.zip(holder.as_ref());
        let lease = lease.map(|((limit, duration_ms, places), id)| LeaseAsk {
            clause: LeaseClause { limit, duration_ms },
            id,
            places,
        });
        let group = Group {
            stored,
            clauses: self.clauses,
            cost: self.cost,
            charge: charge.as_ref(),
            lease,
            shadows: self.shadows,
            ban: self.ban,
        };
        let mut outcome = GroupOutcome::<16>::undecided();
        outcome.decide(&group, Now::from_unix_ms(now))?;
        Ok(outcome)
    }
}

impl Key {
    /// Decides a call and records what it changes, as a server does.
    fn ask(&mut self, now: i64, asked: Asked<'_>) -> Result<GroupOutcome<16>, Refused> {
        let outcome = asked.decide(self.stored.as_ref(), now)?;
        self.take_down(now, &outcome);
        Ok(outcome)
    }

    fn take_down(&mut self, now: i64, outcome: &GroupOutcome<16>) {
        let now = Now::from_unix_ms(now);
        assert_eq!(outcome.is_write(), outcome.items().next().is_some());
        if !outcome.is_write() {
            return;
        }
        match &mut self.stored {
            Some(limiters) => {
                outcome.record(limiters, now);
            }
            None => self.stored = outcome.make(now),
        }
        let limiters = self.stored.as_ref().unwrap();
        self.expires = outcome.new_expiry_ms(limiters, self.expires, now).or(self.expires);
        assert!(self.expires.unwrap() >= limiters.unused_at_ms());
    }

    /// A call that changes nothing.
    fn leaves(&mut self, now: i64, asked: Asked<'_>) -> GroupOutcome<16> {
        let outcome = self.ask(now, asked).unwrap();
        assert!(!outcome.is_write(), "at {now}");
        outcome
    }

    /// RL.LEASE: `[allowed, remaining, wait, reset]`.
    fn lease(
        &mut self,
        now: i64,
        name: &str,
        (limit, duration_ms): (u64, u64),
        places: u64,
    ) -> [i64; 4] {
        let lease = Some((limit, duration_ms, places));
        let asked = Asked { cost: places, name: Some(name), lease, ..Asked::default() };
        let outcome = self.ask(now, asked).unwrap();
        let verdict = outcome.lease().unwrap();
        assert_eq!((verdict.allowed, verdict.limit), (outcome.outcome.allowed, limit));
        numbers(&verdict)
    }

    fn record_all(&mut self, now: i64, items: &[Item]) -> usize {
        let now = Now::from_unix_ms(now);
        if let Some(limiters) = self.stored.as_mut().filter(|_| !items.is_empty()) {
            assert!(limiters.can_record_all(items, now));
            limiters.record_all(items, now);
            self.expires = limiters.new_expiry_ms(self.expires, now).or(self.expires);
            if limiters.is_empty() {
                self.stored = None;
            }
        }
        items.len()
    }

    /// RL.RENEW: how many were held.
    fn renew(&mut self, now: i64, duration_ms: u64, names: &[&str]) -> usize {
        let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
        let at = Now::from_unix_ms(now);
        let items = self.stored.as_ref().map(|all| all.renewals(&ids, duration_ms, at));
        self.record_all(now, &items.unwrap_or_default())
    }

    /// RL.RELEASE: how many it gave back.
    fn release(&mut self, now: i64, names: &[&str]) -> usize {
        let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
        let items = self.stored.as_ref().map(|all| all.releases(&ids, Now::from_unix_ms(now)));
        self.record_all(now, &items.unwrap_or_default())
    }

    /// RL.PEEK: `name, limit, refill, period, remaining, wait, reset`.
    fn rows(&self, now: i64) -> Vec<(&'static str, [i64; 6])> {
        let rows = self.stored.iter().flat_map(|all| rl_core::rows(all, Now::from_unix_ms(now)));
        rows.map(|row| {
            let [_, remaining, wait, reset] = numbers(&row.verdict);
            let numbers = [row.limit, row.refill, row.period_ms].map(|number| number as i64);
            (row.name, [numbers[0], numbers[1], numbers[2], remaining, wait, reset])
        })
        .collect()
    }
}

/// `[allowed, remaining, wait, reset]`
fn told(verdict: Option<Verdict>) -> [i64; 4] {
    numbers(&verdict.unwrap())
}

/// How many limits on trial say so.
fn count(outcome: &GroupOutcome<16>, trial: Trial) -> usize {
    outcome.trials().iter().filter(|one| **one == trial).count()
}
