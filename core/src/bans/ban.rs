//! What is recorded of refusals and bans.

use crate::algorithms::{Record, record};
use crate::bounds::{MAX_REFUSALS, MAX_TIME_MS, is_period};
use crate::now::Now;
use crate::packed::{U24, U40, U48, U56};

record! {
    /// The last refusal that was not one by a ban, those that counted, and the last ban.
    pub struct Ban {
        /// How many refusals begin a ban: by the window that is open, or else by the last refusal.
        pub refusals: U24,
        /// Within how many ms, by the same.
        pub period_ms: U40,
        /// When the last refusal was, in ms since 1970.
        pub refused_ms: U48,
        /// How long it told to wait, in ms.
        pub told_ms: U56,
        /// How many refusals counted in the window; 0 if none is open.
        pub count: U24,
        /// When the first of them was, in ms since 1970; 0 if there is none.
        pub opened_ms: U48,
        /// When the last ban began, in ms since 1970; 0 if there was none.
        pub began_ms: U48,
        /// How long it lasts, in ms; 0 if there was none.
        pub ban_ms: U40,
        /// For how long after its end it is remembered, in ms; 0 if there was none.
        pub max_ms: U40,
    }
}

impl Record for Ban {
    fn period_ms(&self) -> u64 {
        self.period_ms.get()
    }

    fn is_valid(&self) -> bool {
        let (count, refused_ms) = (self.count.get(), self.refused_ms.get());
        let (opened_ms, began_ms) = (self.opened_ms.get(), self.began_ms.get());
        let (ban_ms, max_ms) = (self.ban_ms.get(), self.max_ms.get());
        let window_is_valid = if count == 0 {
            opened_ms == 0
        } else {
            count < self.refusals.get() && opened_ms <= refused_ms && refused_ms < self.closes_ms()
        };
        let ban_is_valid = if ban_ms == 0 {
            began_ms == 0 && max_ms == 0
        } else {
            is_period(ban_ms)
                && is_period(max_ms)
                && ban_ms <= max_ms
                && began_ms <= refused_ms
                && refused_ms < self.forgotten_ms()
        };
        (1..=MAX_REFUSALS).contains(&self.refusals.get().into())
            && is_period(self.period_ms.get())
            && refused_ms <= MAX_TIME_MS
            && self.told_ms.get() > 0
            && window_is_valid
            && ban_is_valid
    }
}

impl Ban {
    /// Until when whoever was refused was to wait, in ms since 1970.
    pub(super) fn told_until_ms(&self) -> u64 {
        self.refused_ms.get().saturating_add(self.told_ms.get())
    }

    /// When the window of refusals is over, in ms since 1970; 0 if none is open.
    pub(super) fn closes_ms(&self) -> u64 {
        match self.count.get() {
            0 => 0,
            _ => self.opened_ms.get().saturating_add(self.period_ms.get()),
        }
    }

    /// When the last ban ends or ended, in ms since 1970; 0 if there was none.
    pub(super) fn ends_ms(&self) -> u64 {
        self.began_ms.get().saturating_add(self.ban_ms.get())
    }

    /// When the last ban makes the next one longer no more, in ms since 1970.
    pub(super) fn forgotten_ms(&self) -> u64 {
        self.ends_ms().saturating_add(self.max_ms.get())
    }

    /// When all is forgotten, in ms since 1970.
    pub(crate) fn unused_at_ms(&self) -> u64 {
        self.told_until_ms().max(self.closes_ms()).max(self.forgotten_ms())
    }

    /// Whether the last refusal is later than now: the clock stepped back.
    pub(crate) fn is_ahead(&self, now: Now) -> bool {
        self.refused_ms.get() > now.ms()
    }

    /// The same with what is later moved to now.
    pub(crate) fn moved_to(&self, now: Now) -> Self {
        let moved = |time_ms: U48| U48::new(time_ms.get().min(now.ms()));
        Self {
            refused_ms: moved(self.refused_ms),
            opened_ms: moved(self.opened_ms),
            began_ms: moved(self.began_ms),
            ..*self
        }
    }

    /// The same without what is forgotten at `now`, before which nothing is later.
    pub(super) fn tidied(&self, now: Now) -> Self {
        let mut tidied = *self;
        if self.closes_ms() <= now.ms() {
            tidied.close_window();
        }
        if self.forgotten_ms() <= now.ms() {
            (tidied.began_ms, tidied.ban_ms, tidied.max_ms) =
                (U48::new(0), U40::new(0), U40::new(0));
        }
        tidied
    }

    pub(super) fn close_window(&mut self) {
        (self.count, self.opened_ms) = (U24::new(0), U48::new(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three refusals begin a ban.
    fn refused_at(refused_ms: u64) -> Ban {
        Ban {
            refusals: U24::new(3),
            period_ms: U40::new(100),
            refused_ms: U48::new(refused_ms),
            told_ms: U56::new(1),
            count: U24::new(0),
            opened_ms: U48::new(0),
            began_ms: U48::new(0),
            ban_ms: U40::new(0),
            max_ms: U40::new(0),
        }
    }

    #[test]
    fn what_no_refusal_could_have_left_is_refused() {
        let first = refused_at(90);
        let open = |refused_ms| Ban {
            count: U24::new(2),
            opened_ms: U48::new(50),
            ..refused_at(refused_ms)
        };
        let banned = |refused_ms| Ban {
            began_ms: U48::new(20),
            ban_ms: U40::new(10),
            max_ms: U40::new(70),
            ..refused_at(refused_ms)
        };
        for ban in [first, open(50), open(149), banned(20), banned(99)] {
            assert!(ban.is_valid(), "{ban:?}");
        }
        for (why, ban) in [
            ("no refusals", Ban { refusals: U24::new(0), ..first }),
            ("too many", Ban { refusals: U24::new(1_000_001), ..first }),
            ("no period", Ban { period_ms: U40::new(0), ..first }),
            ("told nothing", Ban { told_ms: U56::new(0), ..first }),
            ("a window of no refusal", Ban { count: U24::new(0), ..open(90) }),
            ("a full window", Ban { count: U24::new(3), ..open(90) }),
            ("refused before it opened", open(49)),
            ("refused after it was over", open(150)),
            ("a ban without a length", Ban { ban_ms: U40::new(0), ..banned(90) }),
            ("a length without a ban", Ban { max_ms: U40::new(9), ..first }),
            ("longer than max", Ban { ban_ms: U40::new(71), ..banned(90) }),
            ("refused before it began", banned(19)),
            ("refused after it was forgotten", banned(100)),
        ] {
            assert!(!ban.is_valid(), "{why}");
        }
    }
}
