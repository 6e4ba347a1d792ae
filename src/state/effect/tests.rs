use proptest::collection::vec;
use proptest::prelude::*;
use rl_core::algorithms::log::Append;
use rl_core::packed::U40;
use rl_core::{Clause, decide};

use super::*;
use crate::state::samples;

/// What stands at a key after an effect arrived, or what stood there if it was refused.
fn applied(bytes: &[u8], stored: Option<&Limiters>) -> Option<Limiters> {
    let mut at_key = stored.cloned();
    match Effect::decode(bytes).map(|effect| effect.apply(at_key.as_mut())) {
        Some(Some(Applied::InPlace)) => at_key,
        Some(Some(Applied::New(state))) => Some(state),
        Some(Some(Applied::Emptied)) => None,
        Some(None) => {
            assert_eq!(at_key.as_ref(), stored, "refused, but not untouched");
            at_key
        }
        None => at_key,
    }
}

/// Whatever arrives, what stands at the key can be kept, saved and loaded.
fn assert_leaves_it_sound(bytes: &[u8], stored: Option<&Limiters>) {
    if let Some(limiters) = applied(bytes, stored) {
        samples::assert_sound(&limiters);
        assert_eq!(codec::decode(&codec::encode(&limiters)), Some(limiters));
    }
}

fn outgoing(changes: &[Change], now: Now) -> Vec<u8> {
    Outgoing::of_changes(changes.iter().cloned(), now, 1_800_000_000_000).0.as_slice().to_vec()
}

fn at(ms: u64) -> Now {
    Now::from_unix_ms(i64::try_from(ms).unwrap())
}

fn key(clauses: &[Clause], now: Now) -> Limiters {
    let outcome = decide::<16>(None, clauses, 1, now).unwrap();
    Limiters::from_changes(outcome.changes(), now).unwrap()
}

fn log_move(period_ms: u64) -> Change {
    Change::Log(Append { period_ms: U40::new(period_ms), limit: U40::new(5), cost: U40::new(0) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_leaves_a_key_sound(
        stored in prop::option::of(samples::small_limiters()),
        state in samples::small_limiters(),
        changes in vec(samples::change(), 1..3),
        now in samples::now(),
    ) {
        for mut bytes in [of_state(&state), outgoing(&changes, now)] {
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_leaves_it_sound(&bytes, stored.as_ref());
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_state_arrives_as_it_was(
        sent in samples::limiters(), stored in prop::option::of(samples::limiters()),
    ) {
        let bytes = of_state(&sent);
        let effect = Effect::decode(&bytes).expect("it was made here");
        prop_assert_eq!(effect.expire_at_ms, sent.unused_at_ms().min(LATEST_EXPIRY_MS));
        prop_assert_eq!(applied(&bytes, stored.as_ref()), Some(sent));
    }

    #[test]
    fn any_changes_leave_a_key_sound(
        stored in prop::option::of(samples::limiters()),
        changes in vec(samples::change(), 0..20),
        now in samples::now(),
    ) {
        assert_leaves_it_sound(&outgoing(&changes, now), stored.as_ref());
    }

    #[test]
    fn a_cut_effect_is_refused(
        state in samples::limiters(),
        changes in vec(samples::change(), 1..4),
        now in samples::now(),
    ) {
        for bytes in [of_state(&state), outgoing(&changes, now)] {
            for len in 0..bytes.len() {
                if let Some(effect) = Effect::decode(&bytes[..len]) {
                    let What::Changes(read, _) = effect.what else { panic!("a state, cut") };
                    prop_assert_eq!(&read, &changes[..read.len()], "cut between two changes");
                }
            }
            prop_assert!(Effect::decode(&[&bytes[..], &[0]].concat()).is_none());
        }
    }
}

#[test]
fn a_call_of_16_clauses_fits_an_effect() {
    let clauses: Vec<_> = (1..=16).map(|period_ms| Clause::token(9, 1, period_ms)).collect();
    let outcome = decide::<16>(None, &clauses, 1, at(1_000)).unwrap();
    let effect = Outgoing::of_changes(outcome.changes(), at(1_000), 2_000);
    let here = Limiters::from_changes(outcome.changes(), at(1_000));
    assert_eq!(applied(effect.0.as_slice(), None), here);
    assert_eq!(here.map(|limiters| limiters.as_slice().len()), Some(16));
}

#[test]
fn an_effect_on_a_log_is_as_small_as_any() {
    let append = Change::Log(Append {
        period_ms: U40::new(1),
        limit: U40::new(1_000_000),
        cost: U40::new(1),
    });
    assert_eq!(outgoing(&[append], at(1_000)).len(), HEADER + 16);
}

#[test]
fn a_header_that_no_call_sends_is_refused() {
    let good = of_state(&key(&[Clause::fixed(1, 60_000)], at(1_000)));
    assert!(Effect::decode(&good).is_some());
    let with = |place: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        changed
    };
    for refused in [
        with(0, &[0]),
        with(0, &[2]),
        with(1, &[0]),
        with(1, &[3]),
        with(2, &[0; 8]),
        with(2, &[0xff; 8]),
        with(2, &(MAX_TIME_MS + MAX_EXPIRY_MS + 1).to_le_bytes()),
        outgoing(&[], at(1_000)),
        vec![],
    ] {
        assert!(Effect::decode(&refused).is_none(), "{refused:?}");
    }
    let last = with(2, &(MAX_TIME_MS + MAX_EXPIRY_MS).to_le_bytes());
    assert!(Effect::decode(&last).is_some());
}

#[test]
fn two_changes_of_one_limiter_are_refused() {
    let bucket = key(&[Clause::token(9, 1, 5)], at(1_000));
    let rl_core::Limiter::Token(bucket) = bucket.as_slice()[0] else {
        panic!("not what was asked")
    };
    assert!(Effect::decode(&outgoing(&[Change::Token(bucket)], at(1_000))).is_some());
    let twice = [Change::Token(bucket), Change::Token(bucket)];
    assert!(Effect::decode(&outgoing(&twice, at(1_000))).is_none());
    let differently = [Change::Token(bucket), Change::Leaky(bucket)];
    assert!(Effect::decode(&outgoing(&differently, at(1_000))).is_some());
}

#[test]
fn a_log_is_not_emptied_by_a_move() {
    let stored = key(&[Clause::log(5, 60_000)], at(100_000));
    let moved = |ms| applied(&outgoing(&[log_move(60_000)], at(ms)), Some(&stored));
    // Back to where the clock stepped: the entry is there, at that time.
    assert_eq!(moved(90_000), Some(key(&[Clause::log(5, 60_000)], at(90_000))));
    // Forward is no move that a call makes.
    assert_eq!(moved(160_000), Some(stored.clone()));
    assert_eq!(applied(&outgoing(&[log_move(60_000)], at(1_000)), None), None);
}

#[test]
fn changes_that_together_make_too_many_limiters_are_refused() {
    let clauses: Vec<_> = (1..=60).map(|period_s| Clause::fixed(9, period_s * 1_000)).collect();
    let mut stored: Option<Limiters> = None;
    for chunk in clauses.chunks(16) {
        let outcome = decide::<16>(stored.as_ref(), chunk, 1, at(1_000)).unwrap();
        match &mut stored {
            Some(limiters) => outcome.changes().for_each(|c| limiters.apply(c, at(1_000))),
            None => stored = Limiters::from_changes(outcome.changes(), at(1_000)),
        }
    }
    let arriving = |count: u64| {
        let clauses: Vec<_> = (1..=count).map(|period_s| Clause::sliding(9, period_s)).collect();
        let outcome = decide::<16>(None, &clauses, 1, at(1_000)).unwrap();
        outgoing(&outcome.changes().collect::<Vec<_>>(), at(1_000))
    };
    let len = |bytes: &[u8]| applied(bytes, stored.as_ref()).map(|all| all.as_slice().len());
    assert_eq!(len(&arriving(4)), Some(64));
    assert_eq!(len(&arriving(5)), Some(60));
}
