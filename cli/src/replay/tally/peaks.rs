//! How fast clients are: the most that each used in one window, as FIXED has windows. So a client
//! is refused by a FIXED limit if, and only if, its peak is above it.

use std::collections::BTreeMap;

#[derive(Clone, Copy, Default)]
struct Window {
    start_ms: u64,
    used: u64,
    peak: u64,
}

/// The peaks of all clients in windows of one length.
pub(crate) struct Peaks {
    period_ms: u64,
    windows: Vec<Window>,
    /// How many windows ended with so much used.
    ended: BTreeMap<u64, u64>,
}

impl Peaks {
    /// In windows of that length.
    pub(super) fn new(period_ms: u64) -> Self {
        Self { period_ms, windows: Vec::new(), ended: BTreeMap::new() }
    }

    /// How long the windows are.
    pub(crate) fn period_ms(&self) -> u64 {
        self.period_ms
    }

    /// Takes down that a client used so much.
    pub(super) fn add(&mut self, client: usize, ms: u64, cost: u64) {
        if self.windows.len() <= client {
            self.windows.resize(client.saturating_add(1), Window::default());
        }
        let Some(window) = self.windows.get_mut(client) else { return };
        if cost == 0 {
            return;
        }
        if window.used > 0 && ms >= window.start_ms.saturating_add(self.period_ms) {
            let count = self.ended.entry(window.used).or_default();
            *count = count.saturating_add(1);
            window.used = 0;
        }
        if window.used == 0 {
            window.start_ms = ms;
        }
        window.used = window.used.saturating_add(cost);
        window.peak = window.peak.max(window.used);
    }

    /// The peaks of the clients that `asked`, in order, and how many windows had so much used.
    pub(crate) fn finish(mut self, asked: &[u64]) -> (Vec<u64>, BTreeMap<u64, u64>) {
        let mut peaks = Vec::with_capacity(self.windows.len());
        for (window, asked) in self.windows.iter().zip(asked) {
            if window.used > 0 {
                let count = self.ended.entry(window.used).or_default();
                *count = count.saturating_add(1);
            }
            if *asked > 0 {
                peaks.push(window.peak);
            }
        }
        peaks.sort_unstable();
        (peaks, self.ended)
    }
}
