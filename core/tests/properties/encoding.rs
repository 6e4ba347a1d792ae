//! What is written as bytes reads back the same, for every algorithm that there is.

use proptest::prelude::*;
use rl_core::bytes::Source;
use rl_core::{Algorithm, Change, Clause, Limiter};

use crate::cases;
use crate::history::{Kind, histories};
use crate::server::{Server, answers, play};

fn bytes_of(limiter: &Limiter) -> Vec<u8> {
    let mut bytes = Vec::new();
    limiter.put(&mut bytes);
    bytes
}

fn bytes_of_change(change: &Change) -> Vec<u8> {
    let mut bytes = Vec::new();
    change.put(&mut bytes);
    bytes
}

/// Reads back as it was, to the last byte, and no shorter piece of it reads as anything.
fn assert_round_trip<T: PartialEq + std::fmt::Debug>(
    value: &T,
    bytes: &[u8],
    take: impl Fn(&mut Source<'_>) -> Option<T>,
) {
    let mut source = Source(bytes);
    assert_eq!(take(&mut source).as_ref(), Some(value));
    assert!(source.is_empty(), "{} bytes of {value:?} are left", source.0.len());
    for len in 0..bytes.len() {
        assert_eq!(take(&mut Source(&bytes[..len])), None, "{value:?} cut to {len} bytes");
    }
}

/// A limiter of that algorithm in use, and the change that made it.
fn used(algorithm: Algorithm) -> (Limiter, Change) {
    let refill = if algorithm.has_refill() { 3 } else { 7 };
    let clause = Clause { algorithm, limit: 7, refill, period_ms: 60_000 };
    let mut server = Server::default();
    let outcome = server.call(&[clause], 5, 1_700_000_000_123).unwrap();
    let limiter = server.stored.unwrap().as_slice()[0].clone();
    (limiter, outcome.changes().next().unwrap())
}

#[test]
fn every_algorithm_is_written_and_read() {
    let mut tags = Vec::new();
    for algorithm in Algorithm::ALL {
        let (limiter, change) = used(algorithm);
        assert_eq!((limiter.algorithm(), change.algorithm()), (algorithm, algorithm));
        assert_round_trip(&limiter, &bytes_of(&limiter), Limiter::take);
        assert_round_trip(&change, &bytes_of_change(&change), Change::take);
        let tag = bytes_of(&limiter)[0];
        assert_eq!(bytes_of_change(&change)[0], tag, "{algorithm:?} has one tag");
        assert!(!tags.contains(&tag), "tag {tag} of {algorithm:?} is another's");
        tags.push(tag);
    }
    assert_eq!(tags, [0, 1, 2, 3, 4], "tags that were released never change");
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn whatever_calls_record_is_written_and_read(
        history in histories(Kind { steps_back: true, changes: true, calls: 40 }),
    ) {
        let mut server = Server::default();
        play(&history, |call| {
            let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
            for change in outcome.changes() {
                assert_round_trip(&change, &bytes_of_change(&change), Change::take);
            }
            for limiter in server.stored.iter().flat_map(|all| all.as_slice()) {
                assert_round_trip(limiter, &bytes_of(limiter), Limiter::take);
            }
            answers(&outcome, &call.clauses)
        });
    }
}
