//! A key with receipts as a primary keeps it, and a replica that is told of it in bytes.

use rl_core::bytes::Source;
use rl_core::{
    Charge, ChargeId, Clause, Dropped, Group, GroupOutcome, Item, Limiters, Note, Refused,
    Settlement, decide_all,
};

use crate::reference::{Answer, Name, Outcome};
use crate::server::{answers, at};

pub(crate) fn charge_id(id: usize) -> ChargeId {
    // Of every length that there is.
    let bytes: Vec<u8> = (0..=(id * 13) % 64).map(|at| (id + at) as u8).collect();
    ChargeId::new(&bytes).unwrap()
}

/// All that a key holds, as a server keeps it in files.
pub(crate) fn bytes_of(stored: &Limiters) -> Vec<u8> {
    let mut bytes = Vec::new();
    if stored.is_plain() {
        stored.as_slice().iter().for_each(|limiter| limiter.put(&mut bytes));
    } else {
        bytes.push(2);
        stored.put_mixed(&mut bytes);
    }
    bytes
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) primary: Option<Limiters>,
    pub(crate) replica: Option<Limiters>,
    expires: Option<u64>,
    /// All that the replica was told.
    pub(crate) sent: Vec<Item>,
}

impl Pair {
    pub(crate) fn call(
        &mut self,
        clauses: &[Clause],
        cost: u64,
        now: u64,
        name: Option<Name>,
    ) -> Outcome {
        let charge = name.map(|name| Charge {
            id: charge_id(name.id),
            keep_ms: name.keep_ms,
            receipts_max: name.most,
        });
        let group = Group { clauses, cost, charge: charge.as_ref(), ..Group::default() };
        let outcome = match self.group(&group, now) {
            Err(Refused::AnotherCall) => return Outcome::AnotherCall,
            decided => decided.unwrap(),
        };
        let answers = answers(&outcome.outcome, clauses);
        if outcome.repeat {
            assert!(!outcome.is_write() && !outcome.grows());
            return Outcome::Repeat(answers);
        }
        Outcome::Decided(outcome.outcome.allowed, answers)
    }

    /// Decides what `group` asks of this key, and records it here and there.
    pub(crate) fn group(
        &mut self,
        group: &Group<'_>,
        now: u64,
    ) -> Result<GroupOutcome<16>, Refused> {
        self.group_and_dropped(group, now).map(|(outcome, _)| outcome)
    }

    /// The same, and what was dropped for it.
    pub(crate) fn group_and_dropped(
        &mut self,
        group: &Group<'_>,
        now: u64,
    ) -> Result<(GroupOutcome<16>, Dropped), Refused> {
        let group = Group { stored: self.primary.as_ref(), ..*group };
        let mut outcome = GroupOutcome::<16>::undecided();
        outcome.decide(&group, at(now))?;
        assert_same_alone(&group, &outcome, now);
        let mut dropped = Dropped::default();
        if !outcome.is_write() {
            return Ok((outcome, dropped));
        }
        match &mut self.primary {
            Some(limiters) => dropped = outcome.record(limiters, at(now)),
            None => self.primary = outcome.make(at(now)),
        }
        let limiters = self.primary.as_ref().unwrap();
        let moved = outcome.new_expiry_ms(limiters, self.expires, at(now));
        self.expires = moved.or(self.expires);
        self.check_expiry(now);
        self.replicate(&outcome.items().collect::<Vec<_>>(), now);
        Ok((outcome, dropped))
    }

    /// Records what a renewal or a release changes, here and there: how many leases have ended.
    pub(crate) fn record_all(&mut self, items: &[Item], now: u64) -> usize {
        let Some(limiters) = self.primary.as_mut().filter(|_| !items.is_empty()) else { return 0 };
        let ended = limiters.record_all(items, at(now)).leases;
        self.expires = limiters.new_expiry_ms(self.expires, at(now)).or(self.expires);
        self.check_expiry(now);
        self.replicate(items, now);
        if self.primary.as_ref().is_some_and(Limiters::is_empty) {
            (self.primary, self.replica, self.expires) = (None, None, None);
        }
        ended
    }

    pub(crate) fn settle(&mut self, id: usize, cost: u64, now: u64) -> Settlement {
        let id = charge_id(id);
        let Some(limiters) = &mut self.primary else { return Settlement::Unknown };
        let settlement = limiters.settlement(&id, cost, at(now));
        let before = bytes_of(limiters);
        if settlement.is_change() {
            let note = Note::Settle { id, cost };
            limiters.note(&note, at(now));
            self.expires = limiters.new_expiry_ms(self.expires, at(now)).or(self.expires);
            assert_ne!(bytes_of(limiters), before, "a change that changes nothing");
            assert_ne!(limiters.settlement(&id, cost, at(now)), Settlement::Unknown);
            self.check_expiry(now);
            self.replicate(&[Item::Note(note)], now);
        }
        settlement
    }

    fn check_expiry(&self, now: u64) {
        let needed = self.primary.as_ref().map_or(0, Limiters::unused_at_ms);
        let needed = needed.min(now + rl_core::bounds::MAX_EXPIRY_MS);
        assert!(self.expires.is_some_and(|expires| expires >= needed));
    }

    /// Sends items to the replica, and checks that it comes to the same state.
    fn replicate(&mut self, items: &[Item], now: u64) {
        let mut bytes = Vec::new();
        items.iter().for_each(|item| item.put(&mut bytes));
        let mut source = Source(&bytes);
        let mut arrived = Vec::new();
        while !source.is_empty() {
            arrived.push(Item::take(&mut source).unwrap());
        }
        assert_eq!(arrived, items);
        self.sent.extend(&arrived);
        match &mut self.replica {
            Some(limiters) => {
                assert!(limiters.can_record_all(&arrived, at(now)));
                limiters.record_all(&arrived, at(now));
            }
            None => self.replica = Limiters::from_items(&arrived, at(now)),
        }
        let (primary, replica) = (self.primary.as_ref().unwrap(), self.replica.as_ref().unwrap());
        assert_eq!(bytes_of(primary), bytes_of(replica));
        assert_eq!(primary, replica);
    }

    /// Has the replica be what is read from a file that the primary writes.
    pub(crate) fn reload(&mut self) {
        let Some(limiters) = self.primary.as_ref().filter(|limiters| !limiters.is_plain()) else {
            self.replica = self.primary.clone();
            return;
        };
        let bytes = bytes_of(limiters);
        let read = Limiters::take_mixed(&mut Source(&bytes[1..])).unwrap();
        assert_eq!(bytes_of(&read), bytes);
        assert_eq!(&read, limiters);
        self.replica = Some(read);
    }

    pub(crate) fn clauses(&self) -> impl Iterator<Item = Clause> + '_ {
        self.primary.iter().flat_map(Limiters::as_slice).map(rl_core::Limiter::clause)
    }
}

/// A call on one key is the same as one on several, of which there is one.
fn assert_same_alone(group: &Group<'_>, outcome: &GroupOutcome<16>, now: u64) {
    let mut alone = [GroupOutcome::<16>::undecided()];
    let allowed = decide_all(std::slice::from_ref(group), &mut alone, at(now)).unwrap();
    assert_eq!(allowed, outcome.outcome.allowed);
    assert_eq!(answers(&alone[0].outcome, group.clauses), answers(&outcome.outcome, group.clauses));
    assert_eq!((alone[0].lease(), alone[0].ban()), (outcome.lease(), outcome.ban()));
    assert!(alone[0].items().eq(outcome.items()));
}

pub(crate) fn last_answers(outcome: &Outcome) -> Vec<Answer> {
    match outcome {
        Outcome::Repeat(answers) | Outcome::Decided(_, answers) => answers.clone(),
        Outcome::AnotherCall => Vec::new(),
    }
}
