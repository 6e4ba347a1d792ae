//! Long random walks, the same each time.

/// Numbers without a pattern.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// One of 0 to `most`.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        self.next() % (most + 1)
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.up_to(all.len() as u64 - 1) as usize]
    }

    /// The time of the next step: mostly a little later, often just when a wait is over or one ms
    /// before, now and then much later or earlier.
    pub(super) fn after(&mut self, now: u64, wait_ms: u64) -> u64 {
        match self.up_to(99) {
            0..40 => now,
            40..65 => now + self.up_to(4),
            65..80 => now + wait_ms,
            80..90 => now + wait_ms.saturating_sub(1),
            90..95 => now + self.up_to(120),
            95..98 => now.saturating_sub(self.up_to(30)),
            98 => now.saturating_sub(self.up_to(5_000)),
            _ => now + self.up_to(5_000),
        }
    }
}
