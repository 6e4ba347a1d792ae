//! How fast a limit admits.

use std::time::Duration;

use super::limit::Algorithm;

/// So much each period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(super) algorithm: Algorithm,
    pub(super) each: u64,
    pub(super) period: Duration,
}

impl Rate {
    /// How long it takes to admit so much.
    pub(crate) fn time_for(self, cost: u64) -> Duration {
        let (cost, each) = (u128::from(cost), u128::from(self.each));
        let period = self.period.as_millis();
        let ms = match self.algorithm {
            // A window at a time.
            Algorithm::Fixed | Algorithm::Log => {
                cost.checked_div(each).map(|windows| windows.saturating_mul(period))
            }
            Algorithm::Sliding | Algorithm::Token | Algorithm::Leaky => {
                cost.saturating_mul(period).checked_div(each)
            }
        };
        // Where nothing comes back no time is enough.
        let ms = ms.and_then(|ms| u64::try_from(ms).ok());
        Duration::from_millis(ms.unwrap_or(u64::MAX))
    }
}
