//! Percentiles of peaks.

/// The percentiles that are told, in tenths of a percent, and what they are called.
pub(crate) const PERCENTILES: [(u64, &str); 6] =
    [(500, "p50"), (900, "p90"), (950, "p95"), (990, "p99"), (999, "p99.9"), (1_000, "max")];

/// The smallest value that so many tenths of a percent of the values, which are in order, do not
/// exceed.
pub(crate) fn percentile(sorted: &[u64], tenths: u64) -> u64 {
    let count = sorted.len() as u128;
    let rank = count.saturating_mul(tenths.into()).div_ceil(1_000);
    let place = usize::try_from(rank).unwrap_or(usize::MAX).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}

/// How many of the values, which are in order, are above `limit`.
pub(crate) fn above(sorted: &[u64], limit: u64) -> u64 {
    sorted.len().saturating_sub(sorted.partition_point(|value| *value <= limit)) as u64
}

#[cfg(test)]
mod tests {
    use super::{above, percentile};

    #[test]
    fn percentiles_are_values_that_occur() {
        let values: Vec<u64> = (1..=1_000).collect();
        let told = [500, 900, 950, 990, 999, 1_000].map(|tenths| percentile(&values, tenths));
        assert_eq!(told, [500, 900, 950, 990, 999, 1_000]);
        assert_eq!(percentile(&[3, 7], 500), 3);
        assert_eq!(percentile(&[3, 7], 501), 7);
        assert_eq!(percentile(&[5], 1), 5);
        assert_eq!(percentile(&[], 500), 0);
    }

    #[test]
    fn above_counts_what_a_limit_refuses() {
        assert_eq!([0, 1, 2, 5, 6].map(|limit| above(&[1, 2, 2, 6], limit)), [4, 3, 1, 1, 0]);
    }
}
