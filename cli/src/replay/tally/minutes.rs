//! Counts over time, minute by minute.

const MINUTE_MS: u64 = 60_000;

/// How many came in each minute in which any did, in order.
#[derive(Debug, Default)]
pub(crate) struct Minutes(Vec<(u64, u64)>);

impl Minutes {
    /// Counts one, not earlier than those before it.
    pub(super) fn add(&mut self, ms: u64) {
        let minute = ms / MINUTE_MS;
        match self.0.last_mut() {
            Some((last, count)) if *last == minute => *count = count.saturating_add(1),
            _ => self.0.push((minute, 1)),
        }
    }

    /// The first minute in which most came, as its start, and how many.
    pub(crate) fn worst(&self) -> Option<(u64, u64)> {
        let most = self.0.iter().map(|(_, count)| *count).max()?;
        let (minute, count) = self.0.iter().find(|(_, count)| *count == most)?;
        Some((minute.saturating_mul(MINUTE_MS), *count))
    }

    /// Each minute's start and count.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(minute, count)| (minute.saturating_mul(MINUTE_MS), *count))
    }
}
