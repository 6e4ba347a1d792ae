//! Looking for an answer instead of computing it.

/// The first millisecond from now at which `holds`, which holds from then on.
pub(crate) fn first_ms(holds: impl Fn(u128) -> bool) -> u128 {
    let mut above = 1;
    while !holds(above - 1) {
        above *= 2;
    }
    let mut below = above / 2;
    // It holds at `above - 1`, and not before `below`.
    while below < above - 1 {
        let middle = u128::midpoint(below, above) - 1;
        if holds(middle) { above = middle + 1 } else { below = middle + 1 }
    }
    below
}

/// The largest number up to `most` for which `holds`, which holds for all that are smaller; 0 if
/// it holds for none.
pub(crate) fn largest(most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut below, mut above) = (0, most + 1);
    while below + 1 < above {
        let middle = u64::midpoint(below, above);
        if holds(middle) { below = middle } else { above = middle }
    }
    below
}

#[test]
fn finds_the_edge() {
    for edge in 0..200 {
        assert_eq!(first_ms(|ms| ms >= edge), edge);
        assert_eq!(largest(150, |n| u128::from(n) <= edge), edge.min(150) as u64);
    }
    assert_eq!(largest(9, |_| false), 0);
}
