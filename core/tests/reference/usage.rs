//! What each algorithm remembers, and when it lets a cost in.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::Ratio;
use rl_core::{Algorithm, Clause};

pub(crate) type Ms = u128;
type Number = Ratio<BigInt>;

fn whole(number: impl Into<BigInt>) -> Number {
    Ratio::from_integer(number.into())
}

fn window_of(at: Ms, period: u64) -> i128 {
    (at / Ms::from(period)) as i128
}

fn fraction(above: u128, below: u64) -> Number {
    Ratio::new(above.into(), below.into())
}

/// What was admitted.
#[derive(Clone, Debug)]
pub(crate) enum Usage {
    /// FIXED: so much since the window opened.
    Window { opened: Ms, used: u64 },
    /// SLIDING: so much in each window, by its index; below 0 after a step back to 1970.
    Windows(BTreeMap<i128, u64>),
    /// LOG: when, and how much.
    Entries(Vec<(Ms, u64)>),
    /// TOKEN and LEAKY: so many tokens were out at that time.
    Bucket { tokens: Number, at: Ms, queue: bool },
}

impl Usage {
    pub(crate) fn new(algorithm: Algorithm, now: Ms) -> Self {
        match algorithm {
            Algorithm::Fixed => Self::Window { opened: now, used: 0 },
            Algorithm::Sliding => Self::Windows(BTreeMap::new()),
            Algorithm::Log => Self::Entries(Vec::new()),
            Algorithm::Token => Self::Bucket { tokens: whole(0), at: now, queue: false },
            Algorithm::Leaky => Self::Bucket { tokens: whole(0), at: now, queue: true },
        }
    }

    /// How much is in use at `at` by the numbers of `clause`.
    fn in_use(&self, clause: &Clause, at: Ms) -> Number {
        let period = Ms::from(clause.period_ms);
        match self {
            Self::Window { opened, used } => {
                if at < opened + period {
                    whole(*used)
                } else {
                    whole(0)
                }
            }
            Self::Windows(windows) => {
                let window = window_of(at, clause.period_ms);
                let used = |window| whole(windows.get(&window).copied().unwrap_or(0));
                let weight = fraction(period - at % period, clause.period_ms);
                used(window - 1) * weight + used(window)
            }
            Self::Entries(entries) => {
                let counting = entries.iter().filter(|(time, _)| at < time + period);
                whole(counting.map(|(_, cost)| cost).sum::<u64>())
            }
            Self::Bucket { tokens, at: since, .. } => {
                let elapsed = at.saturating_sub(*since);
                let back = whole(clause.refill) * fraction(elapsed, clause.period_ms);
                (tokens - back).max(whole(0))
            }
        }
    }

    pub(crate) fn admits(&self, asked: &Clause, cost: u64, at: Ms) -> bool {
        self.in_use(asked, at) + whole(cost) <= whole(asked.limit)
    }

    /// Whether it is as if never used.
    pub(crate) fn is_none(&self, asked: &Clause, at: Ms) -> bool {
        match self {
            // A window that weighs nothing yet, or a future one, is in use all the same.
            Self::Windows(windows) => {
                let window = window_of(at, asked.period_ms);
                windows.keys().all(|used| used + 1 < window)
            }
            _ => self.in_use(asked, at) == whole(0),
        }
    }

    /// How long to hold a request that is let in.
    pub(crate) fn hold(&self, asked: &Clause, now: Ms) -> Ms {
        match self {
            Self::Bucket { queue: true, .. } => {
                let ms = self.in_use(asked, now) * fraction(asked.period_ms.into(), asked.refill);
                Ms::try_from(ms.ceil().to_integer()).unwrap()
            }
            _ => 0,
        }
    }

    /// Moves what lies in the future to now.
    pub(crate) fn step_back(&mut self, period: u64, now: Ms) {
        match self {
            Self::Window { opened: time, .. } | Self::Bucket { at: time, .. } => {
                *time = now.min(*time);
            }
            Self::Windows(windows) => {
                let newest = windows.keys().max().copied().unwrap_or(0);
                let ahead = (newest - window_of(now, period)).max(0);
                *windows = windows.iter().map(|(window, used)| (window - ahead, *used)).collect();
            }
            Self::Entries(entries) => {
                entries.iter_mut().for_each(|(time, _)| *time = now.min(*time));
            }
        }
    }

    /// Counts a cost that is let in.
    pub(crate) fn add(&mut self, asked: &Clause, cost: u64, now: Ms) {
        let period = Ms::from(asked.period_ms);
        let tokens_now = self.in_use(asked, now);
        match self {
            Self::Window { opened, used } => {
                if now >= *opened + period {
                    (*opened, *used) = (now, 0);
                }
                *used += cost;
            }
            Self::Windows(windows) => {
                *windows.entry(window_of(now, asked.period_ms)).or_default() += cost;
            }
            Self::Entries(entries) => {
                entries.retain(|(time, _)| now < time + period);
                entries.push((now, cost));
            }
            Self::Bucket { tokens, at, .. } => (*tokens, *at) = (tokens_now + whole(cost), now),
        }
    }
}
