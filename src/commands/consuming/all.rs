//! RL.ALL: limits on several keys, all or nothing.

use arrayvec::ArrayVec;
use rl_core::bounds::MAX_CLAUSES;
use rl_core::{Charge, Group, GroupOutcome, Limiters, decide_all};

use super::asked::{Asked, Keys, is_and};
use super::where_keys::tell_keys;
use crate::commands::steps::charge::record;
use crate::commands::steps::denied::denied;
use crate::commands::steps::group::{self, Shadows};
use crate::metrics;
use crate::server::{Call, Key, Words};
use crate::words::bounds::MAX_GROUPS;
use crate::words::clauses::OfKey;
use crate::words::{Error, endings};

/// What a call asks of one key.
struct KeyAsked<'call> {
    /// The call as one about this key.
    call: Call<'call>,
    /// How many limits and other clauses are of keys before this one, and of this one.
    before: (usize, usize),
    count: (usize, usize),
    cost: u64,
}

/// What a call asks of all its keys.
struct AllAsked<'call> {
    asked: Asked,
    keys: ArrayVec<KeyAsked<'call>, MAX_GROUPS>,
    charge: Option<Charge>,
}

/// `RL.ALL key clause [clause ...] [COST n] [AND key clause [clause ...] [COST n]] ...
/// [ID id [KEEP period]]`
pub(in crate::commands) fn all(call: &Call<'_>) -> Result<(), Error> {
    if call.is_question_for_keys() {
        tell_keys(call);
        return Ok(());
    }
    let mut all = AllAsked { asked: Asked::new(), keys: ArrayVec::new_const(), charge: None };
    all.read(call)?;
    let most = all.keys.iter().map(|key| key.count.0.max(key.count.1)).max();
    match most.unwrap_or_default() {
        0 | 1 => all.consume::<1>(call),
        2..=4 => all.consume::<4>(call),
        _ => all.consume::<MAX_CLAUSES>(call),
    }
}

impl<'call> AllAsked<'call> {
    /// Reads all of `call`; to be done once.
    fn read(&mut self, call: &Call<'call>) -> Result<(), Error> {
        let mut words = call.all_words();
        loop {
            match self.read_key(call, &mut words)? {
                None => return Ok(()),
                Some(word) if is_and(word) => {}
                Some(word) => {
                    let expected = "only AND key or ID id may follow COST n";
                    self.charge = endings::charge(word, &mut words, expected)?;
                    return Ok(());
                }
            }
        }
    }

    /// Reads one key, its clauses, and their cost: the word behind them, if any.
    fn read_key(
        &mut self,
        call: &Call<'call>,
        words: &mut Words<'call>,
    ) -> Result<Option<&'call [u8]>, Error> {
        let Some(call) = call.at_next(words) else { return Err(Error::AndWithoutKey) };
        self.check_is_new(&call)?;
        let before = self.asked.clauses.begin_key();
        let in_group = |error| Error::in_group(self.keys.len().saturating_add(1), error);
        let behind = match self.asked.read(Keys::Several, words) {
            Err(error @ Error::NoClause) => return Err(in_group(error)),
            read => read?,
        };
        let (cost, behind) = match behind {
            Some(word) if endings::is_cost(word) => {
                (endings::cost(words).map_err(in_group)?, words.next())
            }
            _ => (1, behind),
        };
        let OfKey { limits, extras } = self.asked.clauses.of_this_key();
        let asked = KeyAsked { call, before, count: (limits.len(), extras.len()), cost };
        self.keys.try_push(asked).map_err(|_| Error::TooManyGroups)?;
        Ok(behind)
    }

    fn check_is_new(&self, call: &Call<'_>) -> Result<(), Error> {
        let (mut keys, new) = (self.keys.iter(), call.key_bytes());
        match keys.position(|asked| asked.call.key_bytes() == new) {
            None => Ok(()),
            Some(earlier) => Err(Error::SameKey {
                group: self.keys.len().saturating_add(1),
                earlier: earlier.saturating_add(1),
            }),
        }
    }

    fn clauses_of(&self, key: &KeyAsked<'_>) -> OfKey<'_> {
        self.asked.clauses.part(key.before, key.count)
    }

    /// Decides for all keys before anything is written at any; each has at most `N` clauses.
    fn consume<const N: usize>(&self, call: &Call<'_>) -> Result<(), Error> {
        let now = call.now();
        let mut keys = ArrayVec::<_, MAX_GROUPS>::new();
        let mut outcomes = ArrayVec::<_, MAX_GROUPS>::new();
        for asked in &self.keys {
            keys.push(Key::<Limiters>::to_write(&asked.call)?);
            outcomes.push(GroupOutcome::<N>::undecided());
        }
        let charge = self.charge.as_ref();
        let id = charge.map(|charge| &charge.id);
        let shadows: ArrayVec<_, MAX_GROUPS> = if self.asked.clauses.are_limits() {
            ArrayVec::new()
        } else {
            self.keys.iter().map(|asked| Shadows::of(self.clauses_of(asked))).collect()
        };
        let mut groups = ArrayVec::<_, MAX_GROUPS>::new();
        for (place, (asked, key)) in self.keys.iter().zip(&keys).enumerate() {
            let (clauses, stored, cost) = (self.clauses_of(asked), key.get(), asked.cost);
            let group = match shadows.get(place) {
                None => Group { clauses: clauses.limits, cost, ..Group::default() },
                Some(shadows) => group::asked(clauses, shadows, cost, id)
                    .map_err(|error| Error::in_group(place.saturating_add(1), error))?,
            };
            groups.push(Group { stored, charge, ..group });
        }
        let allowed = decide_all(&groups, &mut outcomes, now)
            .map_err(|refused| Error::of_refused(refused, id))?;
        drop(groups);
        group::find_memory(call, &mut outcomes)?;
        for ((asked, key), outcome) in self.keys.iter().zip(keys).zip(&outcomes) {
            record(&asked.call, key, outcome, now);
        }
        self.count(allowed, &outcomes);
        for ((asked, shadows), outcome) in self.keys.iter().zip(&shadows).zip(&outcomes) {
            group::tell(&asked.call, shadows, outcome, &self.asked.policies);
        }
        self.answer(call, allowed, &outcomes);
        Ok(())
    }

    fn count<const N: usize>(&self, allowed: bool, outcomes: &[GroupOutcome<N>]) {
        let all = || self.keys.iter().zip(outcomes);
        let judged =
            all().map(|(asked, one)| (self.clauses_of(asked).limits, &one.outcome.verdicts[..]));
        metrics::decided_all(allowed, judged);
        self.asked.count(allowed);
        all().filter(|(_, one)| !one.admits).for_each(|(asked, _)| denied(&asked.call));
    }

    fn answer<const N: usize>(&self, call: &Call<'_>, allowed: bool, outcomes: &[GroupOutcome<N>]) {
        call.answer(|answer| {
            let told = |asked: &KeyAsked<'_>| self.clauses_of(asked).told();
            answer.array(self.keys.iter().map(told).fold(1, usize::saturating_add));
            answer.integer(u64::from(allowed));
            for (asked, one) in self.keys.iter().zip(outcomes) {
                group::answer(answer, self.clauses_of(asked), one);
            }
        });
    }
}
