//! Division, the one operation that rounds: every answer says here which way.

/// `floor(dividend / divisor)`; a divisor of 0 is read as 1.
#[inline]
pub(crate) fn div_floor(dividend: u128, divisor: u64) -> u128 {
    let divisor = divisor.max(1);
    match u64::try_from(dividend) {
        Ok(small) => u128::from(small.checked_div(divisor).unwrap_or(small)),
        Err(_) => dividend.checked_div(u128::from(divisor)).unwrap_or(dividend),
    }
}

/// `ceil(dividend / divisor)`; a divisor of 0 is read as 1.
#[inline]
pub(crate) fn div_ceil(dividend: u128, divisor: u64) -> u128 {
    match u64::try_from(dividend) {
        Ok(small) => u128::from(small.div_ceil(divisor.max(1))),
        Err(_) => div_floor(dividend.saturating_sub(1), divisor).saturating_add(1),
    }
}

/// `value`, or the largest u64 if it is larger. Replies stop at 2^53 - 1 in any case.
#[inline]
pub(crate) fn to_u64(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// The exact product of two u64.
#[inline]
pub(crate) fn product(a: u64, b: u64) -> u128 {
    u128::from(a).saturating_mul(u128::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_down_or_up_at_every_size() {
        for (dividend, divisor, floor, ceil) in [
            (0, 7, 0, 0),
            (6, 7, 0, 1),
            (7, 7, 1, 1),
            (8, 7, 1, 2),
            (5, 0, 5, 5),
            (u128::from(u64::MAX), 2, u128::from(u64::MAX) / 2, 1 << 63),
            (1 << 64, 1 << 63, 2, 2),
            ((1 << 64) + 1, 1 << 63, 2, 3),
            (u128::MAX, 1, u128::MAX, u128::MAX),
        ] {
            assert_eq!(div_floor(dividend, divisor), floor, "{dividend} / {divisor}");
            assert_eq!(div_ceil(dividend, divisor), ceil, "{dividend} / {divisor}");
        }
    }
}
