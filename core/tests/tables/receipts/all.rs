//! One call on several keys: all of them, or none.

use rl_core::{Charge, ChargeId, Clause, Group, GroupOutcome, Limiters, Now, Refused, decide_all};

use crate::key::{Key, numbers};

/// What a call on `groups` is told, and what each key would record.
fn ask(groups: &[Group<'_>], now: i64) -> Result<(bool, Vec<GroupOutcome<4>>), Refused> {
    let mut outcomes = vec![GroupOutcome::<4>::undecided(); groups.len()];
    let allowed = decide_all(groups, &mut outcomes, Now::from_unix_ms(now))?;
    Ok((allowed, outcomes))
}

fn told(outcome: &GroupOutcome<4>, clauses: usize) -> Vec<[i64; 4]> {
    outcome.outcome.verdicts.iter().take(clauses).map(numbers).collect()
}

#[test]
fn every_key_admits_or_none_is_charged() {
    let (user, tenant) =
        ([Clause::fixed(5, 1_000)], [Clause::fixed(100, 1_000), Clause::token(9, 1, 1_000)]);
    let mut key = Key::default();
    key.asks(user[0], &[(0, 4, [1, 1, 0, 1_000], "")]);
    let group = |cost| {
        [
            Group { stored: key.stored.as_ref(), clauses: &user, cost, ..Group::default() },
            Group { stored: None, clauses: &tenant, cost: 7, ..Group::default() },
        ]
    };
    let (allowed, outcomes) = ask(&group(1), 500).unwrap();
    assert!(
        allowed && outcomes.iter().all(|outcome| outcome.outcome.allowed && outcome.is_write())
    );
    assert_eq!(told(&outcomes[0], 1), [[1, 0, 0, 500]]);
    assert_eq!(told(&outcomes[1], 2), [[1, 93, 0, 1_000], [1, 2, 0, 7_000]]);
    let made: Limiters = outcomes[1].make(Now::from_unix_ms(500)).unwrap();
    assert_eq!(made.as_slice().len(), 2);

    let (allowed, outcomes) = ask(&group(2), 500).unwrap();
    assert!(!allowed && outcomes.iter().all(|outcome| !outcome.is_write()));
    assert_eq!([outcomes[0].admits, outcomes[1].admits], [false, true], "who it was that refused");
    assert!(outcomes.iter().all(|outcome| !outcome.outcome.allowed));
    assert_eq!(told(&outcomes[0], 1), [[0, 1, 500, 500]]);
    assert_eq!(told(&outcomes[1], 2), [[1, 100, 0, 0], [1, 9, 0, 0]], "each as if alone");
}

#[test]
fn a_denied_call_records_moves_at_all_its_keys() {
    let clauses = [Clause::fixed(5, 1_000)];
    let mut keys = [Key::default(), Key::default()];
    for key in &mut keys {
        key.asks(clauses[0], &[(9_000, 4, [1, 1, 0, 1_000], "")]);
    }
    let group = |key: usize, cost| Group {
        stored: keys[key].stored.as_ref(),
        clauses: &clauses,
        cost,
        ..Group::default()
    };
    let (allowed, outcomes) = ask(&[group(0, 1), group(1, 2)], 500).unwrap();
    assert!(!allowed && outcomes.iter().all(GroupOutcome::is_write));
    for (outcome, mut key) in outcomes.iter().zip(keys.clone()) {
        outcome.record(key.stored.as_mut().unwrap(), Now::from_unix_ms(500));
        key.asks(clauses[0], &[(1_499, 2, [0, 1, 1, 1], "moved to 500, and not charged")]);
    }
}

#[test]
fn a_group_whose_id_is_known_is_a_repeat_and_the_others_are_decided() {
    let clauses = [Clause::fixed(5, 1_000)];
    let charge = Charge { id: ChargeId::new(b"a").unwrap(), keep_ms: 1_000, receipts_max: 9 };
    let mut known = Key::default();
    known.call_as(0, "a", (1_000, 9), 5, &clauses).unwrap();
    let group = |stored, clauses, cost| Group {
        stored,
        clauses,
        cost,
        charge: Some(&charge),
        ..Group::default()
    };
    let (allowed, outcomes) =
        ask(&[group(known.stored.as_ref(), &clauses, 5), group(None, &clauses, 5)], 500).unwrap();
    assert!(allowed);
    assert_eq!([outcomes[0].repeat, outcomes[1].repeat], [true, false]);
    assert_eq!([outcomes[0].is_write(), outcomes[1].is_write()], [false, true]);
    assert_eq!(outcomes[1].make(Now::from_unix_ms(500)).unwrap().receipts(), 1);

    let (allowed, outcomes) =
        ask(&[group(known.stored.as_ref(), &clauses, 5), group(None, &clauses, 6)], 500).unwrap();
    assert!(!allowed && outcomes.iter().all(|outcome| !outcome.is_write()));
    assert_eq!(told(&outcomes[0], 1), [[1, 0, 0, 500]], "as a repeat is told");
    assert!(outcomes[0].admits && !outcomes[0].outcome.allowed);

    let other = [Clause::fixed(5, 999)];
    let groups = [group(None, &clauses, 6), group(known.stored.as_ref(), &other, 5)];
    assert_eq!(ask(&groups, 500).err(), Some(Refused::AnotherCall), "although the first denies");
}

#[test]
fn a_limiter_too_many_is_an_error_only_where_all_keys_admit() {
    let mut crowded = Key::default();
    for period_ms in 1_000..1_064 {
        assert!(crowded.call(0, 1, &[Clause::fixed(5, period_ms)]).unwrap().allowed);
    }
    let (new, five) = ([Clause::log(5, 1_000)], [Clause::fixed(5, 1_000)]);
    let group = |cost| {
        [
            Group { stored: crowded.stored.as_ref(), clauses: &new, cost: 1, ..Group::default() },
            Group { stored: None, clauses: &five, cost, ..Group::default() },
        ]
    };
    assert_eq!(ask(&group(5), 0).err(), Some(Refused::TooManyLimiters));
    let (allowed, outcomes) = ask(&group(6), 0).unwrap();
    assert!(!allowed && outcomes.iter().all(|outcome| !outcome.is_write()));
    assert_eq!(told(&outcomes[0], 1), [[1, 5, 0, 0]]);
}
