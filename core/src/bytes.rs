//! What is recorded as bytes: in RDB files, in DUMP, in the AOF, on the way to replicas.
//!
//! Integers are little-endian, each as wide as its type in `packed`. A record is its fields in
//! the order of its struct, so the struct is the description of its bytes: `record!` in
//! `algorithms::state` makes both of one list.

/// Somewhere to write bytes to.
pub trait Sink {
    /// Writes `bytes`.
    fn put_slice(&mut self, bytes: &[u8]);

    /// Writes the lowest `WIDTH` bytes of `value`.
    #[inline]
    fn put<const WIDTH: usize>(&mut self, value: u64) {
        let bytes = value.to_le_bytes();
        self.put_slice(bytes.get(..WIDTH).unwrap_or(&bytes));
    }
}

impl Sink for Vec<u8> {
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes that are still to be read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a>(pub &'a [u8]);

impl Source<'_> {
    /// The next `WIDTH` bytes; nothing if there are fewer.
    #[must_use]
    pub fn take_bytes<const WIDTH: usize>(&mut self) -> Option<[u8; WIDTH]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }

    /// The next `WIDTH` bytes, up to 8, as an integer; nothing if there are fewer.
    #[must_use]
    pub fn take<const WIDTH: usize>(&mut self) -> Option<u64> {
        let read = self.take_bytes::<WIDTH>()?;
        let mut bytes = [0; 8];
        bytes.get_mut(..WIDTH)?.copy_from_slice(&read);
        Some(u64::from_le_bytes(bytes))
    }

    /// Whether all is read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What can be written as bytes and read back.
pub(crate) trait Encoded: Sized {
    /// Writes it. Equal values are equal bytes.
    fn put(&self, sink: &mut impl Sink);

    /// Reads what [`Encoded::put`] wrote; nothing if it is cut off, or out of `reach`.
    fn take(source: &mut Source<'_>, reach: Reach) -> Option<Self>;
}

/// What may have recorded a number, and so how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Calls alone: use is above 0 and within the limit that is recorded with it.
    Calls,
    /// Calls and settles, which may leave use at 0, or above a limit.
    Settles,
}
