//! RL.LEASE, RL.RENEW, RL.RELEASE.

use super::Asked;
use crate::key::Key;

const THREE: (u64, u64) = (3, 1_000);

#[test]
fn so_many_at_once_and_a_place_is_free_when_its_time_is_over() {
    let mut key = Key::default();
    assert_eq!(key.lease(0, "a", THREE, 1), [1, 2, 0, 1_000]);
    assert_eq!(key.lease(100, "b", THREE, 2), [1, 0, 0, 1_000]);
    assert_eq!(key.lease(400, "c", THREE, 1), [0, 0, 600, 700], "a is first to end");
    assert_eq!(key.lease(400, "c", THREE, 2), [0, 0, 700, 700], "then b");
    assert_eq!(key.lease(400, "c", THREE, 4), [0, 0, -1, 700], "more than there are");
    assert_eq!(key.lease(999, "c", THREE, 1), [0, 0, 1, 101], "one ms before");
    assert_eq!(key.lease(1_000, "c", THREE, 1), [1, 0, 0, 1_000], "a has ended");
    assert_eq!(key.stored.as_ref().unwrap().leases(), 2, "and is forgotten");
    assert_eq!(key.lease(1_100, "d", THREE, 0), [1, 2, 0, 900], "a look: b has ended");
    assert_eq!(key.stored.as_ref().unwrap().leases(), 2, "which changes nothing");
    assert_eq!(key.lease(2_000, "d", THREE, 0), [1, 3, 0, 0], "as if never used");
}

#[test]
fn the_same_id_again_takes_no_second_place() {
    let mut key = Key::default();
    assert_eq!(key.lease(0, "a", THREE, 2), [1, 1, 0, 1_000]);
    assert_eq!(key.lease(500, "a", (3, 200), 3), [1, 0, 0, 200], "now all three, for less long");
    assert_eq!(key.lease(600, "a", THREE, 1), [1, 2, 0, 1_000], "and now one");
    assert_eq!(key.lease(600, "b", THREE, 2), [1, 0, 0, 1_000]);
    let lowered = (1, 1_000);
    assert_eq!(key.lease(700, "a", lowered, 1), [1, 0, 0, 1_000], "who has a place keeps it");
    assert_eq!(key.lease(700, "b", lowered, 2), [1, 0, 0, 1_000], "any number of them");
    assert_eq!(key.lease(800, "b", lowered, 3), [0, 0, -1, 900], "but gets no more");
    assert_eq!(key.lease(800, "c", lowered, 0), [0, 0, 900, 900], "three above the limit of one");
    assert_eq!(key.lease(800, "a", lowered, 0), [1, 0, 0, 900], "who has one is let in");
    assert_eq!(key.lease(800, "c", (0, 10), 0), [0, 0, 900, 900], "of no places none is free");
    assert_eq!(key.lease(1_700, "c", (0, 10), 0), [1, 0, 0, 0], "unless none is held");
    assert_eq!(key.lease(1_700, "c", (0, 10), 1), [0, 0, -1, 0]);
}

#[test]
fn a_renewed_lease_is_held_for_longer_and_a_released_one_no_more() {
    let mut key = Key::default();
    for name in ["a", "b", "c"] {
        key.lease(0, name, THREE, 1);
    }
    assert_eq!(key.renew(900, 5_000, &["a", "x", "a"]), 1, "an id that is named twice is one");
    assert_eq!(key.lease(950, "d", THREE, 1), [0, 0, 50, 4_950]);
    assert_eq!(key.rows(950), [("lease", [3, 3, 1_000, 0, 50, 4_950])], "the duration asked last");
    assert_eq!(key.release(950, &["b", "b", "y"]), 1);
    assert_eq!(key.lease(950, "d", THREE, 1), [1, 0, 0, 4_950]);
    let before = key.stored.clone();
    assert_eq!(key.renew(1_000, 9_000, &["c", "b"]), 0, "one has run out, one was given back");
    assert_eq!(key.release(1_000, &["c"]), 0);
    assert!(key.stored == before, "nothing is found, so nothing is written");
    assert_eq!(key.renew(1_000, 1, &["d"]), 1, "for less long");
    assert_eq!(key.lease(1_001, "e", THREE, 2), [1, 0, 0, 4_899]);
    assert_eq!(key.release(1_001, &["a", "e"]), 2);
    assert!(key.stored.is_none(), "nothing is left");
    assert_eq!(key.rows(1_001), []);
    assert_eq!(key.release(1_001, &["a"]) + key.renew(1_001, 1, &["a"]), 0);
}

#[test]
fn a_clock_that_steps_back_frees_no_place_and_locks_none_for_longer() {
    let mut key = Key::default();
    key.lease(10_000, "a", THREE, 1);
    key.lease(10_100, "b", (3, 50), 1);
    assert_eq!(key.rows(5_000), [("lease", [3, 3, 50, 1, 0, 1_000])], "a look reads as if");
    assert_eq!(key.rows(10_050), [("lease", [3, 3, 50, 1, 0, 950])]);
    let look = Asked { name: Some("x"), lease: Some((1, 9, 0)), ..Asked::default() };
    let outcome = key.clone().ask(5_000, look).unwrap();
    assert!(outcome.is_write() && !outcome.outcome.allowed && !outcome.grows(), "but records it");
    let mut moved = key.clone();
    assert_eq!(moved.lease(5_000, "c", (2, 1_000), 1), [0, 0, 50, 1_000], "b ends first, at 5,050");
    assert_eq!(moved.lease(5_050, "c", (2, 1_000), 1), [1, 0, 0, 1_000], "the whole set has moved");
    assert_eq!(moved.release(10_000, &["a"]), 0, "it ended at 6,000");
    assert_eq!(key.renew(9_000, 2_000, &["b"]), 1, "a renewal moves the others too");
    assert_eq!(key.lease(10_000, "c", (1, 1_000), 1), [0, 0, 1_000, 1_000], "a has ended");
    assert_eq!(key.release(9_500, &["x"]), 0);
}

#[test]
fn a_lease_is_kept_beside_limiters_and_leaves_them_as_they_were() {
    let clause = rl_core::Clause::fixed(5, 60_000);
    let mut key = Key::default();
    key.call(0, 2, &[clause]).unwrap();
    let before = key.stored.clone();
    assert_eq!(key.lease(0, "a", THREE, 1), [1, 2, 0, 1_000]);
    assert!(!key.stored.as_ref().unwrap().is_plain() && key.stored != before);
    key.asks(clause, &[(10, 2, [1, 1, 0, 59_990], "the limiter knows nothing of it")]);
    assert_eq!(key.rows(10).len(), 2);
    assert_eq!(key.release(20, &["a"]), 1);
    let stored = key.stored.as_ref().unwrap();
    assert!(stored.is_plain() && !stored.is_empty());
    assert_eq!((stored.heap_bytes(), stored.allocations()), (0, 2), "one limiter as ever");
}
