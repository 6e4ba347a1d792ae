//! Integers as little-endian bytes, each as wide as its range needs.

use arrayvec::ArrayVec;

/// Somewhere to write bytes to.
pub(super) trait Sink {
    fn put_slice(&mut self, bytes: &[u8]);

    /// Writes the lowest `WIDTH` bytes of `value`.
    #[inline]
    fn put<const WIDTH: usize>(&mut self, value: u128) {
        let bytes = value.to_le_bytes();
        self.put_slice(bytes.get(..WIDTH).unwrap_or(&bytes));
    }
}

impl Sink for Vec<u8> {
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A buffer on the stack; what does not fit is left out.
impl<const SIZE: usize> Sink for ArrayVec<u8, SIZE> {
    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        let _ = self.try_extend_from_slice(bytes);
    }
}

/// Bytes that are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a [u8]);

impl Source<'_> {
    /// The next `WIDTH` bytes as an integer; nothing if there are fewer.
    pub(super) fn take<const WIDTH: usize>(&mut self) -> Option<u128> {
        let (head, tail) = self.0.split_at_checked(WIDTH)?;
        let mut bytes = [0; 16];
        bytes.get_mut(..WIDTH)?.copy_from_slice(head);
        self.0 = tail;
        Some(u128::from_le_bytes(bytes))
    }

    /// The same, for widths up to 8.
    pub(super) fn take_u64<const WIDTH: usize>(&mut self) -> Option<u64> {
        self.take::<WIDTH>().and_then(|value| u64::try_from(value).ok())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
