//! Numbers of every size: as many with two digits as with twelve.

use proptest::prelude::*;
use rl_core::bounds::MAX_NUMBER;

/// 0 to `most`, its number of bits being uniform.
pub(crate) fn up_to(most: u64) -> impl Strategy<Value = u64> {
    let bits = most.checked_ilog2().map_or(0, |log| log + 1);
    (0..=bits, any::<u64>()).prop_map(move |(bits, raw)| {
        let top = 1_u64.checked_shl(bits.saturating_sub(1)).filter(|_| bits > 0).unwrap_or(0);
        (top | raw & top.saturating_sub(1)).min(most)
    })
}

/// The bound of all numbers in one history: small ones meet their edges more often.
pub(crate) fn bound() -> impl Strategy<Value = u64> {
    prop_oneof![2 => 1..=12_u64, 1 => up_to(MAX_NUMBER), 1 => Just(MAX_NUMBER)]
        .prop_map(|most| most.max(1))
}
