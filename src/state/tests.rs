//! Keys with receipts: saved, loaded, sent, and applied where they arrive.

use proptest::collection::vec;
use proptest::prelude::*;
use rl_core::{
    Charge, ChargeId, Clause, Group, GroupOutcome, Item, Limiters, Note, Now, Settlement, decide,
    peek,
};

use super::codec::{decode, encode};
use super::effect::{Applied, Effect, Outgoing, of_state};

const EXPIRE_AT_MS: u64 = 1_800_000_000_000;

/// What happens at a key.
#[derive(Clone, Debug)]
enum Step {
    Call { clauses: Vec<Clause>, cost: u64, id: Option<u8>, keep_ms: u64 },
    Settle { id: u8, cost: u64 },
}

/// What some later step did: the bytes that were sent for it.
struct Done {
    sent: Vec<u8>,
    after: Limiters,
}

fn clauses() -> impl Strategy<Value = Vec<Clause>> {
    let all = vec![
        Clause::fixed(9, 1_000),
        Clause::sliding(20, 700),
        Clause::log(30, 2_000),
        Clause::token(25, 3, 300),
        Clause::token(7, 7, 5_000),
        Clause::leaky(12, 2, 400),
    ];
    prop::sample::subsequence(all, 1..=4)
}

fn step() -> impl Strategy<Value = Step> {
    let call = (clauses(), 0..6_u64, prop::option::of(0..8_u8), 1..4_000_u64);
    prop_oneof![
        3 => call.prop_map(|(clauses, cost, id, keep_ms)| Step::Call { clauses, cost, id, keep_ms }),
        1 => (0..8_u8, 0..12_u64).prop_map(|(id, cost)| Step::Settle { id, cost }),
    ]
}

/// Steps with their times, some of them back.
fn history() -> impl Strategy<Value = Vec<(Step, i64)>> {
    vec((step(), prop_oneof![9 => 0..400_i64, 1 => -900..0_i64]), 1..40)
}

/// An id of 4 to 39 bytes.
fn id_of(number: u8) -> ChargeId {
    let text = format!("id-{number}{}", "x".repeat(usize::from(number) * 5));
    ChargeId::new(text.as_bytes()).unwrap()
}

fn kind_of(sent: &[u8]) -> u8 {
    sent[1]
}

/// Carries `step` out as the commands do; nothing if it changes nothing.
fn carry_out(stored: Option<&Limiters>, step: &Step, now: Now) -> Option<Done> {
    let sent_of = |after: &Limiters, items: Vec<Item>| {
        let changes = items.iter().filter_map(|item| match item {
            Item::Change(change) => Some(*change),
            Item::Note(_) => None,
        });
        if after.is_plain() {
            Outgoing::of_changes(changes, now, EXPIRE_AT_MS)
        } else {
            Outgoing::of_items(items.into_iter(), now, EXPIRE_AT_MS)
        }
    };
    let (after, items) = match step {
        Step::Call { clauses, cost, id, keep_ms } => {
            let charge = id.map(|id| Charge { id: id_of(id), keep_ms: *keep_ms, receipts_max: 5 });
            let mut group = GroupOutcome::<4>::undecided();
            let asked =
                Group { stored, clauses, cost: *cost, charge: charge.as_ref(), ..Group::default() };
            group.decide(&asked, now).ok()?;
            let after = match stored {
                _ if !group.is_write() => return None,
                None => group.make(now)?,
                Some(stored) => {
                    let mut after = stored.clone();
                    group.record(&mut after, now);
                    after
                }
            };
            (after, group.items().collect())
        }
        Step::Settle { id, cost } => {
            let (id, mut after) = (id_of(*id), stored?.clone());
            if !after.settlement(&id, *cost, now).is_change() {
                return None;
            }
            let note = Note::Settle { id, cost: *cost };
            after.note(&note, now);
            (after, vec![Item::Note(note)])
        }
    };
    let sent = sent_of(&after, items).as_ref().to_vec();
    Some(Done { sent, after })
}

fn arrive(bytes: &[u8], at_key: &mut Option<Limiters>) -> bool {
    let Some(effect) = Effect::decode(bytes) else { return false };
    match effect.apply(at_key.as_mut()) {
        None => return false,
        Some(Applied::New(state)) => *at_key = Some(state),
        Some(Applied::InPlace) => {}
        Some(Applied::Emptied) => *at_key = None,
    }
    true
}

/// Fails unless what stands at a key can be kept, and answers be made of it.
fn assert_sound(limiters: &Limiters) {
    let bytes = encode(limiters);
    assert_eq!(decode(&bytes).as_ref(), Some(limiters));
    assert_eq!(bytes[0], if limiters.is_plain() { 1 } else { 2 });
    assert!(!limiters.as_slice().is_empty());
    for ms in [0, 1_700_000_000_000, 1 << 48, i64::MAX] {
        let now = Now::from_unix_ms(ms);
        peek(limiters, now).for_each(drop);
        for clause in limiters.as_slice().iter().map(rl_core::Limiter::clause) {
            let _ = decide::<1>(Some(limiters), &[clause], 1, now);
        }
        for number in 0..8 {
            assert_ne!(
                limiters.settlement(&id_of(number), 3, now),
                Settlement::More { grows: true },
                "a log grows"
            );
        }
    }
}

fn at(ms: i64) -> Now {
    Now::from_unix_ms(ms)
}

/// The states that a key goes through, with what was sent for each.
fn lived(history: &[(Step, i64)]) -> Vec<Done> {
    let (mut ms, mut stored, mut all) = (1_700_000_000_000, None, Vec::new());
    for (step, later_ms) in history {
        ms += later_ms;
        if let Some(done) = carry_out(stored.as_ref(), step, at(ms)) {
            stored = Some(done.after.clone());
            all.push(done);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_replica_comes_to_the_same_state(history in history()) {
        let mut replica = None;
        for done in lived(&history) {
            prop_assert!(arrive(&done.sent, &mut replica), "{:?}", done.sent);
            prop_assert_eq!(replica.as_ref(), Some(&done.after));
            prop_assert_eq!(kind_of(&done.sent), if done.after.is_plain() { 1 } else { 3 });
            prop_assert_eq!(encode(&done.after), encode(replica.as_ref().unwrap()));
            let mut rewritten = None;
            prop_assert!(arrive(&of_state(&done.after), &mut rewritten));
            prop_assert_eq!(rewritten.as_ref(), Some(&done.after));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_cut_longer_or_flipped_is_refused_or_sound(
        history in history(), more in any::<u8>(),
    ) {
        let Some(done) = lived(&history).pop() else { return Ok(()) };
        let mut bytes = encode(&done.after);
        for len in 0..bytes.len() {
            prop_assert!(decode(&bytes[..len]).is_none(), "cut to {} bytes", len);
        }
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Some(limiters) = decode(&bytes) {
                prop_assert_eq!(&encode(&limiters), &bytes, "two encodings of one state");
                let _ = limiters.unused_at_ms();
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        bytes.push(more);
        prop_assert!(decode(&bytes).is_none());
    }

    #[test]
    fn an_effect_that_is_flipped_is_refused_or_leaves_a_sound_key(history in history()) {
        let lived = lived(&history);
        let Some((last, before)) = lived.split_last() else { return Ok(()) };
        let stored = before.last().map(|done| done.after.clone());
        let mut sent = last.sent.clone();
        for bit in 0..sent.len() * 8 {
            sent[bit / 8] ^= 1 << (bit % 8);
            for key in [None, stored.clone()] {
                let mut at_key = key.clone();
                if arrive(&sent, &mut at_key) {
                    let after = at_key.expect("something was put there");
                    prop_assert_eq!(decode(&encode(&after)), Some(after));
                } else {
                    prop_assert_eq!(at_key, key, "refused, but not untouched");
                }
            }
            sent[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn the_largest_effect_fits() {
    let clauses: Vec<_> = (1..=16).map(|period| Clause::token(9, 1, period * 1_000)).collect();
    let id = ChargeId::new(&[b'x'; 64]).unwrap();
    let charge = Charge { id, keep_ms: 60_000, receipts_max: 1_000 };
    let mut group = GroupOutcome::<16>::undecided();
    let asked = Group {
        stored: None,
        clauses: &clauses,
        cost: 1,
        charge: Some(&charge),
        ..Group::default()
    };
    group.decide(&asked, at(1_000)).unwrap();
    let sent = Outgoing::of_items(group.items(), at(1_000), EXPIRE_AT_MS).as_ref().to_vec();
    let mut replica = None;
    assert!(arrive(&sent, &mut replica));
    assert_eq!(replica, group.make(at(1_000)));
    assert_sound(&replica.unwrap());
}

#[test]
fn a_note_comes_last_and_alone() {
    let mut key = None;
    let call = |id| Step::Call { clauses: vec![Clause::fixed(9, 1_000)], cost: 1, id, keep_ms: 50 };
    let first = carry_out(None, &call(Some(1)), at(1_000)).unwrap();
    let second = carry_out(Some(&first.after), &call(Some(2)), at(1_000)).unwrap();
    let settled = carry_out(Some(&first.after), &Step::Settle { id: 1, cost: 0 }, at(1_000));
    let (change, note) = (&first.sent[16..], &settled.unwrap().sent[16..]);
    let head = &first.sent[..16];
    assert!(arrive(&[head, change].concat(), &mut key.clone()));
    assert!(!arrive(&[head, note, change].concat(), &mut Some(first.after.clone())));
    assert!(!arrive(&[head, change, note].concat(), &mut Some(first.after.clone())));
    assert!(!arrive(head, &mut Some(first.after.clone())));
    // A settle of what is not known there is one of another key.
    assert!(!arrive(&[head, note].concat(), &mut key));
    assert!(arrive(&[head, note].concat(), &mut Some(second.after)));
}
