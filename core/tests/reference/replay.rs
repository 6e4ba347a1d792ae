//! What a limiter remembers, as its whole history: each charge by itself, so that to settle one is
//! to write another cost into the past, and to begin again from the first.

use std::collections::BTreeMap;

use num_rational::Ratio;
use rl_core::{Algorithm, Clause};

use super::usage::{Ms, Usage};

/// The most that can be in use.
const CAP: u64 = 1_000_000_000_000;
/// The most that can be in use of a LOG.
const LOG_CAP: u64 = 10_000_000;

/// One charge, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) owner: Option<u64>,
    pub(crate) cost: u64,
}

fn sum<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> u64 {
    pieces.into_iter().map(|piece| piece.cost).sum()
}

/// What was charged, and when.
#[derive(Clone, Debug)]
pub(crate) enum Past {
    /// FIXED: the window that stands, or was the last to.
    Window { opened: Ms, pieces: Vec<Piece> },
    /// SLIDING: every window by its index, which is below 0 after a step back to 1970.
    Windows(BTreeMap<i128, Vec<Piece>>),
    /// LOG: what is not forgotten.
    Entries(Vec<(Ms, Piece)>),
    /// TOKEN and LEAKY: how much could have leaked before each charge, by what was known then.
    Leaks { events: Vec<(u128, Piece)>, time: Ms, queue: bool },
}

/// A limiter with all of its past.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) numbers: Clause,
    pub(crate) past: Past,
}

impl Replay {
    pub(crate) fn new(clause: &Clause, now: Ms) -> Self {
        let leaks = |queue| Past::Leaks { events: Vec::new(), time: now, queue };
        let past = match clause.algorithm {
            Algorithm::Fixed => Past::Window { opened: now, pieces: Vec::new() },
            Algorithm::Sliding => Past::Windows(BTreeMap::new()),
            Algorithm::Log => Past::Entries(Vec::new()),
            Algorithm::Token => leaks(false),
            Algorithm::Leaky => leaks(true),
        };
        Self { numbers: *clause, past }
    }

    fn period(&self) -> Ms {
        self.numbers.period_ms.into()
    }

    fn window(&self, at: Ms) -> i128 {
        (at / self.period()) as i128
    }

    /// What is in use: the past, replayed.
    pub(crate) fn usage(&self) -> Usage {
        match &self.past {
            Past::Window { opened, pieces } => Usage::Window { opened: *opened, used: sum(pieces) },
            // A window of which all was given back is as if it had never been.
            Past::Windows(windows) => {
                let used = windows.iter().map(|(window, pieces)| (*window, sum(pieces)));
                Usage::Windows(used.filter(|(_, used)| *used > 0).collect())
            }
            Past::Entries(entries) => {
                let used = entries.iter().map(|(time, piece)| (*time, piece.cost));
                Usage::Entries(used.filter(|(_, cost)| *cost > 0).collect())
            }
            Past::Leaks { time, queue, .. } => {
                let tokens = Ratio::new(self.level().into(), self.period().into());
                Usage::Bucket { tokens, at: *time, queue: *queue }
            }
        }
    }

    /// A bucket's level at the last time that is recorded, in parts of 1/P.
    pub(crate) fn level(&self) -> u128 {
        let Past::Leaks { events, .. } = &self.past else { return 0 };
        events.iter().fold(0, |level: u128, (leak, piece)| {
            level.saturating_sub(*leak) + u128::from(piece.cost) * self.period()
        })
    }

    /// The last time that is recorded of a bucket.
    pub(crate) fn time(&self) -> Ms {
        let Past::Leaks { time, .. } = &self.past else { return 0 };
        *time
    }

    /// How much of a bucket can have leaked by `now`: all of it if it is unused by its own numbers.
    fn leak(&self, refill: u64, now: Ms) -> u128 {
        let Past::Leaks { time, .. } = &self.past else { return 0 };
        let elapsed = now.saturating_sub(*time);
        if self.level() <= u128::from(self.numbers.refill) * elapsed {
            u128::MAX
        } else {
            u128::from(refill) * elapsed
        }
    }

    /// Whether it recorded a time later than now.
    pub(crate) fn is_ahead(&self, now: Ms) -> bool {
        match &self.past {
            Past::Window { opened: time, .. } | Past::Leaks { time, .. } => *time > now,
            Past::Windows(windows) => windows.keys().any(|window| *window > self.window(now)),
            Past::Entries(entries) => {
                entries.iter().any(|(time, piece)| *time > now && piece.cost > 0)
            }
        }
    }

    /// Moves what lies in the future to now.
    pub(crate) fn step_back(&mut self, now: Ms) {
        let now_in = self.window(now);
        match &mut self.past {
            Past::Window { opened: time, .. } | Past::Leaks { time, .. } => *time = now.min(*time),
            Past::Windows(windows) => {
                let newest = windows.keys().max().copied().unwrap_or(0);
                let ahead = (newest - now_in).max(0);
                let moved = std::mem::take(windows).into_iter();
                *windows = moved.map(|(window, pieces)| (window - ahead, pieces)).collect();
            }
            Past::Entries(entries) => {
                entries.iter_mut().for_each(|(time, _)| *time = now.min(*time));
            }
        }
    }

    /// Counts a cost that is let in.
    pub(crate) fn add(&mut self, asked: &Clause, piece: Piece, now: Ms) {
        let (period, now_in, leak) =
            (self.period(), self.window(now), self.leak(asked.refill, now));
        self.numbers = *asked;
        match &mut self.past {
            Past::Window { opened, pieces } => {
                if now >= *opened + period {
                    (*opened, *pieces) = (now, Vec::new());
                }
                pieces.push(piece);
            }
            Past::Windows(windows) => windows.entry(now_in).or_default().push(piece),
            Past::Entries(entries) => {
                forget(entries, period, now);
                entries.push((now, piece));
            }
            Past::Leaks { events, time, .. } => {
                events.push((leak, piece));
                *time = now;
            }
        }
    }

    /// Has what `owner` was charged be `asked`, as far as it fits and is not of the past. Whether
    /// that changes anything.
    pub(crate) fn settle(&mut self, owner: u64, asked: u64, now: Ms) -> bool {
        let mut settled = self.clone();
        settled.step_back(now);
        // What it changes it moves, and nothing else.
        let changed = settled.settle_now(owner, asked, now);
        if changed {
            *self = settled;
        }
        changed
    }

    fn settle_now(&mut self, owner: u64, asked: u64, now: Ms) -> bool {
        let (period, now_in, leak) =
            (self.period(), self.window(now), self.leak(self.numbers.refill, now));
        let level_now = self.level().saturating_sub(leak);
        let is_own = |piece: &Piece| piece.owner == Some(owner);
        match &mut self.past {
            Past::Window { opened, pieces } => {
                let others = sum(pieces.iter().filter(|piece| !is_own(piece)));
                let own = pieces.iter_mut().find(|piece| is_own(piece));
                set(own.filter(|_| now < *opened + period), asked.min(CAP - others))
            }
            Past::Windows(windows) => {
                let pieces = windows.range_mut(now_in - 1..=now_in).map(|(_, pieces)| pieces);
                let Some(pieces) = pieces.into_iter().find(|pieces| pieces.iter().any(is_own))
                else {
                    return false;
                };
                let others = sum(pieces.iter().filter(|piece| !is_own(piece)));
                set(pieces.iter_mut().find(|piece| is_own(piece)), asked.min(CAP - others))
            }
            Past::Entries(entries) => {
                let counts = |time: Ms| now < time + period;
                let counting = entries.iter().filter(|(time, _)| counts(*time));
                let others = counting.filter(|(_, piece)| !is_own(piece)).map(|(_, p)| p.cost);
                let room = LOG_CAP.saturating_sub(others.sum());
                let own = entries.iter_mut().find(|(time, piece)| is_own(piece) && counts(*time));
                let changed = set(own.map(|(_, piece)| piece), asked.min(room));
                if changed {
                    forget(entries, period, now);
                }
                changed
            }
            Past::Leaks { queue: true, .. } => false,
            Past::Leaks { events, time, .. } => {
                let cost: u64 = sum(events.iter().map(|(_, piece)| piece).filter(|p| is_own(p)));
                if asked > cost {
                    let room = (u128::from(CAP) * period - level_now) / period;
                    let more = u64::try_from(room).unwrap().min(asked - cost);
                    if more > 0 {
                        events.push((leak, Piece { owner: Some(owner), cost: more }));
                        *time = now;
                    }
                    return more > 0;
                }
                self.give_back(owner, cost - asked, leak, now)
            }
        }
    }

    /// Takes `less` out of what the owner was charged, first what was added last. What has leaked
    /// until then is a fact.
    fn give_back(&mut self, owner: u64, less: u64, leak: u128, now: Ms) -> bool {
        let Past::Leaks { events, time, .. } = &mut self.past else { return false };
        let own = events.iter_mut().rev().map(|(_, piece)| piece);
        let mut left = less;
        for piece in own.filter(|piece| piece.owner == Some(owner)) {
            let taken = piece.cost.min(left);
            piece.cost -= taken;
            left -= taken;
        }
        if less > 0 {
            events.push((leak, Piece { owner: None, cost: 0 }));
            *time = now;
        }
        less > 0
    }
}

/// Writes the cost into the past, if there is such a piece. Whether that changes anything.
fn set(piece: Option<&mut Piece>, cost: u64) -> bool {
    piece.is_some_and(|piece| std::mem::replace(&mut piece.cost, cost) != cost)
}

/// What no longer counts is forgotten; what was given back may be charged again.
fn forget(entries: &mut Vec<(Ms, Piece)>, period: Ms, now: Ms) {
    entries.retain(|(time, piece)| now < time + period || piece.cost == 0);
}
