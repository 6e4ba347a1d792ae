//! Who holds a place, by going through all who ever took one.

use super::{Answer, Ms, first_ms};

#[derive(Clone, Debug)]
struct Lease {
    id: usize,
    start: Ms,
    duration: Ms,
    places: u64,
}

impl Lease {
    fn is_held(&self, at: Ms) -> bool {
        at < self.start + self.duration
    }
}

/// The leases of a key.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlowLeases {
    leases: Vec<Lease>,
    /// The limit and the duration of the last call that took places.
    numbers: (u64, Ms),
}

impl SlowLeases {
    /// As a call at `now` finds them.
    fn seen(&self, now: Ms) -> Self {
        let mut seen = self.clone();
        seen.leases.iter_mut().for_each(|lease| lease.start = lease.start.min(now));
        seen
    }

    pub(crate) fn is_ahead(&self, now: Ms) -> bool {
        self.leases.iter().any(|lease| lease.start > now)
    }

    fn held_by(&self, at: Ms, is_meant: impl Fn(usize) -> bool) -> u64 {
        let held = self.leases.iter().filter(|lease| lease.is_held(at) && is_meant(lease.id));
        held.map(|lease| lease.places).sum()
    }

    pub(crate) fn held(&self, now: Ms) -> u64 {
        self.seen(now).held_by(now, |_| true)
    }

    fn admits(&self, limit: u64, id: usize, places: u64, at: Ms) -> bool {
        let own = self.held_by(at, |other| other == id);
        let others = self.held_by(at, |other| other != id);
        others + places <= limit || own > 0 && own >= places
    }

    fn stands(&self, allowed: bool, limit: u64, wait: Option<Ms>, now: Ms) -> Answer {
        Answer {
            allowed,
            limit,
            remaining: limit.saturating_sub(self.held_by(now, |_| true)),
            wait,
            reset: first_ms(|ms| self.held_by(now + ms, |_| true) == 0),
        }
    }

    /// A call that takes `places` of `limit` for `duration`: what it is told, and how many leases
    /// have ended if it writes.
    pub(crate) fn ask(
        &mut self,
        id: usize,
        limit: u64,
        duration: u64,
        places: u64,
        now: Ms,
    ) -> (Answer, usize) {
        let mut seen = self.seen(now);
        let allowed = seen.admits(limit, id, places, now);
        if !allowed || places == 0 {
            let wait = (allowed || places <= limit)
                .then(|| first_ms(|ms| seen.admits(limit, id, places, now + ms)));
            let answer = seen.stands(allowed, limit, wait, now);
            let ended = if self.is_ahead(now) { self.write(now) } else { 0 };
            return (answer, ended);
        }
        let ended = self.write(now);
        seen = self.clone();
        seen.leases.retain(|lease| lease.id != id);
        seen.leases.push(Lease { id, start: now, duration: duration.into(), places });
        seen.numbers = (limit, duration.into());
        *self = seen;
        (self.stands(true, limit, Some(0), now), ended)
    }

    /// Every write moves what is in the future to now, and forgets what has ended: how many.
    fn write(&mut self, now: Ms) -> usize {
        let before = self.leases.len();
        *self = self.seen(now);
        self.leases.retain(|lease| lease.is_held(now));
        before - self.leases.len()
    }

    /// How many of `ids` are held, and how many leases have ended.
    pub(crate) fn renew(&mut self, ids: &[usize], duration: u64, now: Ms) -> (usize, usize) {
        self.change(ids, now, |lease| {
            (lease.start, lease.duration) = (now, duration.into());
            true
        })
    }

    /// How many of `ids` were held, and how many leases have ended.
    pub(crate) fn release(&mut self, ids: &[usize], now: Ms) -> (usize, usize) {
        self.change(ids, now, |_| false)
    }

    fn change(
        &mut self,
        ids: &[usize],
        now: Ms,
        mut stays: impl FnMut(&mut Lease) -> bool,
    ) -> (usize, usize) {
        let found = self.leases.iter().filter(|l| ids.contains(&l.id) && l.is_held(now)).count();
        if found == 0 {
            return (0, 0);
        }
        let ended = self.write(now);
        self.leases.retain_mut(|lease| !ids.contains(&lease.id) || stays(lease));
        (found, ended)
    }

    /// What RL.PEEK says: the numbers, and what one more would be told.
    pub(crate) fn peek(&self, now: Ms) -> Option<(u64, Ms, Answer)> {
        let (seen, (limit, duration)) = (self.seen(now), self.numbers);
        let nobody = usize::MAX;
        let allowed = seen.admits(limit, nobody, 1, now);
        let wait = (limit > 0).then(|| first_ms(|ms| seen.admits(limit, nobody, 1, now + ms)));
        let answer = seen.stands(allowed, limit, wait, now);
        (answer.reset > 0).then_some((limit, duration, answer))
    }
}
