//! The id that a call gives its charge or its lease.

use crate::bounds::MAX_ID;
use crate::bytes::{Sink, Source};

/// The id of a charge or a lease: 1 to [`MAX_ID`] bytes, compared exactly.
#[derive(Clone, Copy, Debug)]
pub struct ChargeId {
    bytes: [u8; MAX_ID],
    len: u8,
}

impl ChargeId {
    /// The id of these bytes; nothing if there are none, or more than [`MAX_ID`].
    #[inline]
    #[must_use]
    pub fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_ID];
        let len = u8::try_from(id.len()).ok().filter(|len| *len > 0)?;
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { bytes, len })
    }

    /// Its bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or(&self.bytes)
    }

    /// Writes it: its length, and its bytes.
    pub(crate) fn put(&self, sink: &mut impl Sink) {
        put_id(self.as_bytes(), sink);
    }

    /// Reads what [`ChargeId::put`] wrote.
    pub(crate) fn take(source: &mut Source<'_>) -> Option<Self> {
        let len = usize::try_from(source.take::<1>()?).ok()?;
        let (id, rest) = source.0.split_at_checked(len)?;
        source.0 = rest;
        Self::new(id)
    }
}

impl PartialEq for ChargeId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ChargeId {}

/// Writes an id as [`ChargeId::put`] does.
pub(crate) fn put_id(id: &[u8], sink: &mut impl Sink) {
    sink.put::<1>(id.len() as u64);
    sink.put_slice(id);
}

/// A short digest of an id, by which most others are told apart without being looked at.
#[inline]
pub(super) fn mark(id: &[u8]) -> u16 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut digest = id.len() as u64;
    let mut mix = |word: [u8; 8]| {
        digest = (digest ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
        digest ^= digest >> 32;
    };
    let (words, rest) = id.as_chunks::<8>();
    words.iter().for_each(|word| mix(*word));
    if !rest.is_empty() {
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        mix(word);
    }
    (digest.wrapping_mul(ODD) >> 48) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_64_bytes() {
        assert_eq!(ChargeId::new(b""), None);
        assert_eq!(ChargeId::new(&[7; 65]), None);
        for len in 1..=64 {
            let id = ChargeId::new(&vec![7; len]).unwrap();
            assert_eq!(id.as_bytes(), vec![7; len]);
            let mut bytes = Vec::new();
            id.put(&mut bytes);
            assert_eq!(ChargeId::take(&mut Source(&bytes)), Some(id));
            assert_eq!(ChargeId::take(&mut Source(&bytes[..len])), None);
        }
        assert_eq!(ChargeId::take(&mut Source(&[0])), None);
        assert_eq!(ChargeId::take(&mut Source(&[[65].as_slice(), &[1; 65]].concat())), None);
    }

    #[test]
    fn marks_spread() {
        let marks: std::collections::BTreeSet<_> =
            (0..1_000_u32).map(|n| mark(format!("request-{n:08}").as_bytes())).collect();
        assert!(marks.len() > 980, "{} marks of 1,000 ids", marks.len());
    }
}
