use super::*;

fn with(costs: impl IntoIterator<Item = (u64, u64)>) -> Entries {
    let mut entries = Entries::default();
    for (time_ms, cost) in costs {
        entries.push(time_ms, cost);
    }
    entries
}

fn costs(entries: &Entries) -> Vec<(u64, u64)> {
    let mut before = 0;
    entries
        .iter()
        .map(|(time_ms, total)| (time_ms, total - std::mem::replace(&mut before, total)))
        .collect()
}

#[test]
fn one_time_is_one_entry() {
    assert_eq!(costs(&with([(5, 1), (5, 2), (6, 4)])), [(5, 3), (6, 4)]);
}

#[test]
fn sums_and_searches_hold_across_segments_and_wrapping_totals() {
    let mut entries = Entries::default();
    let mut expected: VecDeque<(u64, u64)> = VecDeque::new();
    for i in 0..40_000_u64 {
        let (time_ms, cost) = ((1 << 40) - 20_000 + i, 1_000 + i % 7);
        entries.push(time_ms, cost);
        expected.push_back((time_ms, cost));
        if expected.len() > 150 {
            entries.drop_first(1 + (i % 3) as usize);
            expected.drain(..1 + (i % 3) as usize);
        }
        assert_eq!(entries.len(), expected.len());
        assert_eq!(entries.sum(), expected.iter().map(|e| e.1).sum::<u64>());
    }
    assert_eq!(costs(&entries), Vec::from(expected.clone()));
    let mut total = 0;
    for (index, (time_ms, cost)) in expected.iter().enumerate() {
        assert_eq!(entries.count_until(*time_ms), index + 1);
        assert_eq!(entries.time_of_total(total + 1), *time_ms);
        total += cost;
        assert_eq!(entries.time_of_total(total), *time_ms);
        assert_eq!(entries.sum_of_first(index + 1), total);
    }
}

#[test]
fn moving_back_keeps_every_cost() {
    for target in [0, 99, 100, 163, 164, 200, 299] {
        let mut entries = with((100..300).map(|time_ms| (time_ms, 2)));
        entries.drop_first(10);
        entries.move_back_to(target);
        assert_eq!(entries.sum(), 380);
        assert_eq!(entries.newest_ms(), target);
        assert_eq!(entries.len(), (target.max(110) - 109) as usize);
        entries.push(target + 1, 5);
        assert_eq!(costs(&entries).last(), Some(&(target + 1, 5)));
    }
}

#[test]
fn dropping_all_leaves_nothing() {
    let mut entries = with((0..100).map(|time_ms| (time_ms, 1)));
    entries.drop_first(100);
    assert!(entries.is_empty());
    assert_eq!((entries.sum(), entries.heap_bytes()), (0, 0));
    entries.push(7, 3);
    assert_eq!(costs(&entries), [(7, 3)]);
}

/// A log of many entries, and how many segments it has.
fn large() -> (Entries, usize) {
    let entries = with((1..=100_000).map(|time_ms| (time_ms, 3)));
    let segments = entries.segment_count();
    assert!(segments > 10 * FREED_AT_ONCE);
    (entries, segments)
}

#[test]
fn what_is_forgotten_is_freed_in_parts() {
    for forgotten in [100_000, 99_999, 60_000, FREED_AT_ONCE * SEGMENT + 1] {
        let (mut entries, mut segments) = large();
        let mut expected: Vec<_> =
            (forgotten as u64 + 1..=100_000).map(|time_ms| (time_ms, 3)).collect();
        entries.drop_first(forgotten);
        for time_ms in 100_001..100_020 {
            assert!(entries.segment_count() + FREED_AT_ONCE >= segments);
            segments = entries.segment_count();
            assert_eq!(entries.len(), expected.len());
            assert_eq!(entries.sum(), expected.iter().map(|e| e.1).sum::<u64>());
            assert_eq!(costs(&entries), expected);
            entries.push(time_ms, 7);
            expected.push((time_ms, 7));
            entries.drop_first(1);
            expected.remove(0);
            assert_eq!(entries.count_until(time_ms), expected.len());
        }
        let least = expected.len() / SEGMENT;
        assert!((least..=least + 2).contains(&entries.segment_count()));
        assert!(entries.heap_bytes() < (least + 2) * (SEGMENT * 8 + 4 * 24));
    }
}

#[test]
fn what_is_moved_back_is_freed_in_parts() {
    for target in [0, 1, 64, 65, 40_000, 99_999] {
        let (mut entries, segments) = large();
        entries.drop_first(70);
        entries.move_back_to(target);
        assert!(entries.segment_count() + 2 >= segments);
        let kept = (71..target).map(|time_ms| (time_ms, 3));
        let moved = (target, 3 * (100_000 - (target.max(71) - 1)));
        let mut expected: Vec<_> = kept.chain([moved]).collect();
        assert_eq!(costs(&entries), expected);
        for time_ms in target + 1..target + 20 {
            entries.push(time_ms, 5);
            expected.push((time_ms, 5));
            entries.drop_first(0);
            assert_eq!(costs(&entries), expected);
        }
        assert!(entries.segment_count() <= expected.len() / SEGMENT + 2);
    }
}

#[test]
fn an_entry_costs_less_than_nine_bytes() {
    for count in [1_000, 10_000, 100_000] {
        let bytes = with((0..count).map(|time_ms| (time_ms, 1))).heap_bytes();
        assert!(bytes < count as usize * 9, "{bytes} bytes for {count} entries");
    }
}
