use proptest::collection::vec;
use proptest::prelude::*;

use rl_core::algorithms::log::Log;

use super::*;
use crate::state::samples;

/// Refused, or sound and the same bytes again.
fn assert_refused_or_sound(bytes: &[u8]) {
    if let Some(limiters) = decode(bytes) {
        samples::assert_sound(&limiters);
        assert_eq!(encode(&limiters), bytes, "two encodings of one state");
    }
}

/// Everything but the limiters themselves.
fn key_of(count: u8, limiters: &[Vec<u8>]) -> Vec<u8> {
    [vec![1, count], limiters.concat()].concat()
}

/// A limiter's tag and fields, each of a value and a width.
fn fields(tag: u8, fields: &[(u128, usize)]) -> Vec<u8> {
    let bytes = fields.iter().flat_map(|(value, width)| value.to_le_bytes()[..*width].to_vec());
    std::iter::once(tag).chain(bytes).collect()
}

fn fixed(period_ms: u128, limit: u128, used: u128) -> Vec<u8> {
    fields(0, &[(period_ms, 5), (limit, 5), (1_000, 6), (used, 5)])
}

fn sliding(period_ms: u128, window: u128, current: u128, previous: u128) -> Vec<u8> {
    fields(1, &[(period_ms, 5), (9, 5), (window, 6), (current, 5), (previous, 5)])
}

fn log(limit: u128, newest_ms: u128, count: u128, entries: &[(u128, u128)]) -> Vec<u8> {
    let head = fields(2, &[(60_000, 5), (limit, 5), (newest_ms, 6), (count, 4)]);
    let entry = |(age_ms, cost): &(u128, u128)| {
        [age_ms.to_le_bytes()[..5].to_vec(), cost.to_le_bytes()[..3].to_vec()].concat()
    };
    [head, entries.iter().flat_map(entry).collect()].concat()
}

fn token(capacity: u128, refill: u128, level: u128) -> Vec<u8> {
    fields(3, &[(60_000, 5), (capacity, 5), (refill, 5), (level, 10), (1_000, 6)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_bit_is_refused_or_sound(limiters in samples::small_limiters()) {
        let mut bytes = encode(&limiters);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_refused_or_sound(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(limiters in samples::limiters()) {
        let bytes = encode(&limiters);
        prop_assert_eq!(decode(&bytes), Some(limiters.clone()));
        samples::assert_sound(&limiters);
    }

    #[test]
    fn what_is_cut_or_longer_is_refused(limiters in samples::limiters(), more in any::<u8>()) {
        let mut bytes = encode(&limiters);
        for len in 0..bytes.len() {
            prop_assert!(decode(&bytes[..len]).is_none(), "cut to {} bytes", len);
        }
        bytes.push(more);
        prop_assert!(decode(&bytes).is_none());
    }

    #[test]
    fn any_bytes_are_refused_or_sound(
        tag in 0..6_u8,
        bytes in vec(any::<u8>(), 0..120),
        runs in vec((any::<prop::sample::Index>(), prop_oneof![Just(0_u8), Just(0xff)]), 0..60),
    ) {
        let mut bytes = [vec![1, 1, tag], bytes].concat();
        for (place, byte) in runs {
            let place = place.index(bytes.len());
            if place > 2 { bytes[place] = byte; }
        }
        assert_refused_or_sound(&bytes);
    }
}

#[test]
fn each_number_has_a_first_and_a_last_value_that_is_accepted() {
    let full = 1_000_000_000_000 * 60_000;
    let accepted = [
        fixed(1, 1, 1),
        fixed(31_622_400_000, 1_000_000_000_000, 1_000_000_000_000),
        sliding(1, (1 << 48) - 1, 9, 1_000_000_000_000),
        log(10_000_000, 60_000, 1, &[(0, 10_000_000)]),
        log(3, 60_000, 3, &[(59_999, 1), (1, 1), (0, 1)]),
        token(1_000_000_000_000, 1, full),
        token(1, 1_000_000_000_000, 1),
    ];
    for limiter in accepted {
        let bytes = key_of(1, &[limiter]);
        assert!(decode(&bytes).is_some(), "{bytes:?}");
        assert_refused_or_sound(&bytes);
    }
}

#[test]
fn a_number_out_of_its_range_is_refused() {
    let full = 1_000_000_000_000 * 60_000;
    let refused = [
        fixed(0, 1, 1),
        fixed(31_622_400_001, 1, 1),
        fixed(1, 0, 0),
        fixed(1, 1, 0),
        fixed(1, 1, 2),
        fixed(1, 1_000_000_000_001, 1),
        sliding(0, 0, 1, 0),
        sliding(1, 0, 0, 1),
        sliding(1, 0, 10, 0),
        sliding(1, 0, 1, 1_000_000_000_001),
        sliding(2, (1 << 47) + 1, 1, 0),
        sliding(31_622_400_000, (1 << 48) - 1, 1, 0),
        token(0, 1, 1),
        token(1, 0, 1),
        token(1, 1, 0),
        token(1, 1, 60_001),
        token(1, 1_000_000_000_001, 1),
        token(1_000_000_000_001, 1, 1),
        token(1_000_000_000_000, 1, full + 1),
        token(1_000_000_000_000, 1, (1 << 80) - 1),
        fields(5, &[(60_000, 5), (1, 5), (1, 5), (1, 10), (1_000, 6)]),
        fields(0xff, &[]),
    ];
    for limiter in refused {
        assert!(decode(&key_of(1, std::slice::from_ref(&limiter))).is_none(), "{limiter:?}");
    }
}

#[test]
fn a_log_that_no_call_could_have_made_is_refused() {
    let most = u128::from(u32::MAX);
    let refused = [
        log(9, 60_000, 0, &[]),
        log(9, 60_000, 1, &[(1, 1)]),
        log(9, 60_000, 1, &[(0, 0)]),
        log(9, 60_000, 1, &[(0, 10)]),
        log(9, 60_000, 2, &[(0, 1), (1, 1)]),
        log(9, 60_000, 2, &[(0, 1), (0, 1)]),
        log(9, 60_000, 2, &[(60_000, 1), (0, 1)]),
        log(9, 60_000, 2, &[(60_001, 1), (0, 1)]),
        log(9, 60_000, 2, &[(0, 1)]),
        log(9, 60_000, 1, &[(1, 1), (0, 1)]),
        log(9, 60_000, most, &[(0, 1)]),
        log(9, 60_000, most, &[(1, 1), (0, 1)]),
        log(10_000_001, 60_000, 1, &[(0, 1)]),
        log((1 << 40) - 1, 60_000, 2, &[(1, (1 << 24) - 1), (0, (1 << 24) - 1)]),
    ];
    for limiter in refused {
        assert!(decode(&key_of(1, std::slice::from_ref(&limiter))).is_none(), "{limiter:?}");
    }
}

#[test]
fn a_key_holds_one_to_64_limiters_in_order() {
    let many = |count: u8| {
        let all: Vec<_> = (1..=count).map(|period_ms| fixed(period_ms.into(), 9, 1)).collect();
        key_of(count, &all)
    };
    assert!(decode(&many(64)).is_some());
    assert_refused_or_sound(&many(64));
    let (first, second) = (fixed(1, 9, 1), fixed(2, 9, 1));
    for refused in [
        many(0),
        many(65),
        many(255),
        key_of(2, &[second.clone(), first.clone()]),
        key_of(2, &[first.clone(), first.clone()]),
        key_of(2, &[first.clone(), fixed(1, 5, 5)]),
        key_of(2, &[token(1, 1, 1), first.clone()]),
        key_of(1, &[first.clone(), second]),
        key_of(2, &[first]),
    ] {
        assert!(decode(&refused).is_none(), "{refused:?}");
    }
}

#[test]
fn another_version_is_refused() {
    let mut bytes = key_of(1, &[fixed(1, 1, 1)]);
    assert!(decode(&bytes).is_some());
    for version in [0, 2, 0x80, 0xff] {
        bytes[0] = version;
        assert!(decode(&bytes).is_none());
    }
}

#[test]
fn a_log_of_100_000_entries_is_read_back() {
    let costs = (0..100_000).map(|i| (1_700_000_000_000 + i * 3, 1 + i % 90));
    let log = Log::from_costs(600_000, 10_000_000, costs).expect("it is in range");
    let limiters = Limiters::from_sorted(vec![Limiter::Log(Box::new(log))]).expect("it is one");
    let bytes = encode(&limiters);
    assert!(decode(&bytes).as_ref() == Some(&limiters));
    samples::assert_sound(&limiters);
}
