//! Integers of three to ten bytes.
//!
//! They exist for one reason: a limiter then fits in 31 bytes, and a key with one limiter in a
//! single allocation of 32; and a receipt in 40.

macro_rules! packed {
    ($(#[$doc:meta])* $name:ident, $int:ty, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Its bytes, the lowest first.
            #[inline]
            pub(crate) fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The integer of these bytes, the lowest first.
            pub(crate) fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The largest value that fits.
            pub const MAX: $int = (1 << ($bytes * 8)) - 1;

            /// Packs `value`, or the largest that fits if it is larger.
            #[inline]
            #[must_use]
            pub fn new(value: $int) -> Self {
                let bytes = value.min(Self::MAX).to_le_bytes();
                // As one piece: of a loop over bytes the compiler makes fifty instructions.
                Self(bytes.first_chunk().copied().unwrap_or([0; $bytes]))
            }

            /// The value.
            #[inline]
            #[must_use]
            pub fn get(self) -> $int {
                let mut bytes = [0; size_of::<$int>()];
                if let Some(lowest) = bytes.first_chunk_mut() {
                    *lowest = self.0;
                }
                <$int>::from_le_bytes(bytes)
            }
        }
    };
}

packed!(
    /// How many charges share something: 0 to 2^24 - 1.
    U24, u32, 3
);
packed!(
    /// How long a receipt is kept, in ms: 0 to 2^32 - 1.
    U32, u64, 4
);
packed!(
    /// A limit, a count or a period: 0 to 2^40 - 1.
    U40, u64, 5
);
packed!(
    /// A time in ms since 1970, or a window's index: 0 to 2^48 - 1.
    U48, u64, 6
);
packed!(
    /// What a receipt remembers of a charge; a time may be longer than 2^48 ms here.
    U56, u64, 7
);
packed!(
    /// A bucket's level in parts of a token: 0 to 2^80 - 1.
    U80, u128, 10
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_larger_ones_stop_at_the_top() {
        for value in [0, 1, 255, 256, 1_000_000_000_000, U40::MAX] {
            assert_eq!(U40::new(value).get(), value);
        }
        assert_eq!(U40::new(u64::MAX).get(), U40::MAX);
        assert_eq!(U48::new(U48::MAX).get(), U48::MAX);
        assert_eq!(U80::new(1 << 79).get(), 1 << 79);
        assert_eq!(U80::new(u128::MAX).get(), U80::MAX);
    }
}
