//! What handlers and outer layers can know of a request's outcomes.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Outcome;

/// The outcomes of one request, one for each layer that limited it, outermost first: none where it
/// is exempt from all. It is in the extensions of the request and of the response.
///
/// In axum a handler takes it as `Extension(info): Extension<RateLimitInfo>`.
#[derive(Debug, Clone, Default)]
pub struct RateLimitInfo(Outcomes);

/// Most requests meet one layer.
#[derive(Debug, Clone)]
enum Outcomes {
    One(Arc<Outcome>),
    Many(Arc<[Arc<Outcome>]>),
}

impl Default for Outcomes {
    fn default() -> Self {
        Self::Many(Arc::default())
    }
}

impl Outcomes {
    fn as_slice(&self) -> &[Arc<Outcome>] {
        match self {
            Self::One(outcome) => slice::from_ref(outcome),
            Self::Many(outcomes) => outcomes,
        }
    }
}

impl RateLimitInfo {
    pub(super) fn with(before: Option<&Self>, outcome: Arc<Outcome>) -> Self {
        Self(match before {
            None => Outcomes::One(outcome),
            Some(Self(before)) => {
                Outcomes::Many(before.as_slice().iter().cloned().chain([outcome]).collect())
            }
        })
    }

    /// The outcome of each layer.
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = &Outcome> {
        self.0.as_slice().iter().map(|outcome| &**outcome)
    }

    /// How much is left of the limit that has least; nothing where nobody decided.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.outcomes().filter_map(Outcome::remaining).min()
    }

    /// The longest that a LEAKY limit asked to hold the request.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.outcomes().map(Outcome::wait).max().unwrap_or_default()
    }
}
