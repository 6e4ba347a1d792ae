//! Integers as the lines of an answer. No byte or digit costs a call, or a step of a loop.

use std::mem::MaybeUninit;
use std::slice;

/// So many bytes of lines there may be: the answer of five clauses or so.
pub(in crate::server) const LONGEST: usize = 255;

/// Longest line: its kind, 20 digits, and the end of the line.
const LONGEST_LINE: usize = 23;

/// Digits are written eight at a time; what is too much is written over.
const CHUNK: usize = 8;
const CHUNK_END: u64 = 100_000_000;

/// Lines in the making.
pub(in crate::server) struct Lines {
    bytes: [MaybeUninit<u8>; LONGEST + CHUNK],
    /// All before it are written.
    len: usize,
}

#[expect(clippy::arithmetic_side_effects, reason = "lengths and digits, far below any limit")]
impl Lines {
    #[inline(always)]
    pub(in crate::server) fn new() -> Self {
        Self { bytes: [const { MaybeUninit::uninit() }; LONGEST + CHUNK], len: 0 }
    }

    pub(in crate::server) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline(always)]
    pub(in crate::server) fn as_bytes(&self) -> &[u8] {
        // SAFETY: the first `len` are written.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr().cast(), self.len) }
    }

    /// Gives each line's kind and value, for a server that must be told them one by one.
    #[inline]
    pub(super) fn read(&self, mut take: impl FnMut(u8, i64)) {
        let (mut kind, mut sign, mut value) = (0, 1, 0_i64);
        for byte in self.as_bytes() {
            match byte {
                b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add((byte & 0xf).into()),
                b'-' => sign = -1,
                b'\r' => {}
                b'\n' => {
                    take(kind, value * sign);
                    (sign, value) = (1, 0);
                }
                _ => kind = *byte,
            }
        }
    }

    /// Whether any line fits.
    #[inline(always)]
    pub(in crate::server) fn has_room(&self) -> bool {
        self.len <= LONGEST - LONGEST_LINE
    }

    /// Adds a line of a kind and a value, if any line fits.
    #[inline(always)]
    pub(in crate::server) fn put(&mut self, kind: u8, value: u64) {
        if !self.has_room() {
            return;
        }
        // SAFETY: there is room.
        unsafe {
            // Most are 0, 1 or the length of an array.
            if value <= 9 {
                let [digit, ..] = value.to_le_bytes();
                self.store([kind, b'0' | digit, b'\r', b'\n'], 4);
                return;
            }
            self.store([kind], 1);
            if value < CHUNK_END {
                let digits = digits(value);
                self.put_chunk(digits, leading_zeros(digits));
            } else {
                self.put_large(value);
            }
            self.store([b'\r', b'\n'], 2);
        }
    }

    /// Adds the line of a kind and the value -1, if any line fits.
    #[inline(always)]
    pub(in crate::server) fn put_minus_one(&mut self, kind: u8) {
        if self.has_room() {
            // SAFETY: there is room.
            unsafe { self.store([kind, b'-', b'1', b'\r', b'\n'], 5) };
        }
    }

    /// # Safety
    /// There must be room for its digits.
    #[inline(never)]
    unsafe fn put_large(&mut self, value: u64) {
        let (before, last) = (value / CHUNK_END, digits(value % CHUNK_END));
        // SAFETY: the caller's promise.
        unsafe {
            if before < CHUNK_END {
                let digits = digits(before);
                self.put_chunk(digits, leading_zeros(digits));
            } else {
                self.put_large(before);
            }
            self.put_chunk(last, 0);
        }
    }

    /// # Safety
    /// There must be room for the digits after the first `but`, which are left out.
    #[inline(always)]
    unsafe fn put_chunk(&mut self, digits: u64, but: usize) {
        let text = (digits | 0x3030_3030_3030_3030) >> (8 * but);
        // SAFETY: the caller's promise.
        unsafe { self.store(text.to_le_bytes(), CHUNK - but) }
    }

    /// Writes `bytes`, up to [`CHUNK`], of which the first `len` are there to stay.
    ///
    /// # Safety
    /// There must be room for `len`.
    #[inline(always)]
    unsafe fn store<const N: usize>(&mut self, bytes: [u8; N], len: usize) {
        const { assert!(N <= CHUNK) };
        // SAFETY: behind the room there are CHUNK more.
        unsafe { self.bytes.as_mut_ptr().add(self.len).cast::<[u8; N]>().write(bytes) };
        self.len += len;
    }
}

/// The eight decimal digits of `value`, which is less than [`CHUNK_END`], the first in the lowest
/// byte. In a number made of lanes, one multiplication divides all of them: at first there are two
/// lanes of four digits, then four of two, then eight of one.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "no lane comes near its end")]
const fn digits(value: u64) -> u64 {
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// How many of these digits are zeros that nobody writes.
#[inline(always)]
const fn leading_zeros(digits: u64) -> usize {
    digits.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: u64) -> String {
        let mut lines = Lines::new();
        lines.put(b':', value);
        String::from_utf8(lines.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn integers_of_every_length_are_written_as_usual() {
        for power in (0..20).map(|power| 10_u64.pow(power)) {
            for value in [power - 1, power, power + 1, power / 2 * 3] {
                assert_eq!(line(value), format!(":{value}\r\n"));
            }
        }
        for value in [u64::MAX, (1 << 53) - 1] {
            assert_eq!(line(value), format!(":{value}\r\n"));
        }
    }

    #[test]
    fn every_four_digits_are_right_in_either_half() {
        for value in 0..10_000 {
            assert_eq!(line(value), format!(":{value}\r\n"));
            let high = value * 10_000 + 9_999 - value;
            assert_eq!(line(high), format!(":{high}\r\n"));
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let answer = [(b'*', 2), (b':', 0), (b':', -1), (b':', 7), (b':', (1 << 53) - 1)];
        let mut lines = Lines::new();
        for (kind, value) in answer {
            match u64::try_from(value) {
                Ok(value) => lines.put(kind, value),
                Err(_) => lines.put_minus_one(kind),
            }
        }
        let mut read = Vec::new();
        lines.read(|kind, value| read.push((kind, value)));
        assert_eq!(read, answer);
    }

    #[test]
    fn lines_follow_each_other_as_long_as_any_fits() {
        let mut lines = Lines::new();
        let mut written = String::new();
        while lines.has_room() {
            lines.put(b'*', 5);
            lines.put(b':', u64::MAX);
            lines.put_minus_one(b':');
            written.push_str(&format!("*5\r\n:{}\r\n:-1\r\n", u64::MAX));
        }
        let full = lines.as_bytes().to_vec();
        assert!(written.as_bytes().starts_with(&full));
        assert!((LONGEST - LONGEST_LINE + 1..=LONGEST).contains(&full.len()));
        lines.put(b':', 7);
        assert_eq!(lines.as_bytes(), full);
        lines.clear();
        lines.put(b':', 7);
        assert_eq!(lines.as_bytes(), b":7\r\n");
    }
}
