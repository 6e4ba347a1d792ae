//! Bans by hand: every refusal is kept, and counted again each time.

use super::Ms;

#[derive(Clone, Copy, Debug)]
pub(crate) struct BanNumbers {
    pub(crate) refusals: usize,
    pub(crate) period: Ms,
    pub(crate) ban: Ms,
    pub(crate) max: Ms,
}

#[derive(Clone, Debug)]
struct Window {
    /// When each refusal was that counted.
    counted: Vec<Ms>,
    numbers: BanNumbers,
}

#[derive(Clone, Debug)]
struct Ban {
    began: Ms,
    length: Ms,
    max: Ms,
}

/// What is remembered of a key's refusals.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlowBan {
    /// When the last refusal was, and how long it told to wait.
    last: Option<(Ms, Ms)>,
    window: Option<Window>,
    ban: Option<Ban>,
}

impl SlowBan {
    /// As a call at `now` finds it.
    fn seen(&self, now: Ms) -> Self {
        let mut seen = self.clone();
        seen.last.iter_mut().for_each(|last| last.0 = last.0.min(now));
        let times = seen.window.iter_mut().flat_map(|window| &mut window.counted);
        times.for_each(|time| *time = now.min(*time));
        seen.ban.iter_mut().for_each(|ban| ban.began = ban.began.min(now));
        seen
    }

    pub(crate) fn is_ahead(&self, now: Ms) -> bool {
        self.last.is_some_and(|last| last.0 > now)
    }

    /// Records that what is in the future is moved to now.
    pub(crate) fn step_back(&mut self, now: Ms) {
        *self = self.seen(now);
    }

    /// What is left of the ban.
    pub(crate) fn left(&self, now: Ms) -> Ms {
        let seen = self.seen(now);
        seen.ban.map_or(0, |ban| (ban.began + ban.length).saturating_sub(now))
    }

    fn open(&self, now: Ms) -> Option<&Window> {
        self.window.as_ref().filter(|window| now < window.counted[0] + window.numbers.period)
    }

    /// How many refusals are left, by the numbers of a call.
    pub(crate) fn remaining(&self, refusals: usize, now: Ms) -> usize {
        if self.left(now) > 0 {
            return 0;
        }
        let seen = self.seen(now);
        seen.open(now).map_or(refusals, |open| open.numbers.refusals - open.counted.len())
    }

    /// Until all is forgotten.
    pub(crate) fn reset(&self, now: Ms) -> Ms {
        let seen = self.seen(now);
        let told = seen.last.map_or(0, |(time, wait)| time + wait);
        let open = seen.open(now).map_or(0, |open| open.counted[0] + open.numbers.period);
        let ban = seen.ban.map_or(0, |ban| ban.began + ban.length + ban.max);
        told.max(open).max(ban).saturating_sub(now)
    }

    /// Any write at the key forgets what is over, once all of it is.
    pub(crate) fn write(&mut self, now: Ms) {
        if self.reset(now) == 0 {
            *self = Self::default();
        }
    }

    /// A refusal that told to wait, no ban being in force. Whether one begins.
    pub(crate) fn refuse(&mut self, wait: Ms, numbers: BanNumbers, now: Ms) -> bool {
        self.step_back(now);
        let counts = self.last.is_some_and(|(time, told)| now < time + told);
        self.last = Some((now, wait));
        if self.open(now).is_none() {
            self.window = None;
        }
        self.ban = self.ban.take().filter(|ban| now < ban.began + ban.length + ban.max);
        if !counts {
            return false;
        }
        let window = self.window.get_or_insert(Window { counted: Vec::new(), numbers });
        window.counted.push(now);
        if window.counted.len() < window.numbers.refusals {
            return false;
        }
        self.window = None;
        let last = self.ban.take().filter(|last| {
            // It is not forgotten by its own numbers, nor too long ago for those of the call.
            now < last.began + last.length + numbers.max
        });
        let length = last.map_or(numbers.ban, |last| last.length * 2).min(numbers.max);
        self.ban = Some(Ban { began: now, length, max: numbers.max });
        self.last = Some((now, wait.max(length)));
        true
    }
}
