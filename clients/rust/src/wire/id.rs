//! Ids of charges and places.

use std::fmt;

const BYTES: usize = 16;
const LENGTH: usize = 22;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// 16 random bytes as base64url without padding. Whoever could guess one could charge nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id([u8; LENGTH]);

impl Id {
    /// A new one; nothing where the system has no random bytes.
    pub(crate) fn new() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self::of(bytes))
    }

    pub(crate) fn of(bytes: [u8; BYTES]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        // The last of 22 digits has only two bits.
        let digit = |place: usize| {
            let above = u32::try_from(place.saturating_add(1).saturating_mul(6)).unwrap_or(0);
            let six = match 128_u32.checked_sub(above) {
                Some(below) => bits >> below,
                None => bits << 4,
            };
            usize::try_from(six & 63).ok().and_then(|six| DIGITS.get(six)).copied().unwrap_or(b'-')
        };
        Self(std::array::from_fn(digit))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| Id::new().unwrap()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
