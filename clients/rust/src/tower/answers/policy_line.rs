//! The value of RateLimit-Policy, which is the same for most answers of a layer: made once for them
//! all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use super::members;
use crate::outcome::Verdict;

/// The value for the limits of the last answer.
#[derive(Debug, Default)]
pub(crate) struct PolicyLine(Mutex<Option<Made>>);

#[derive(Debug)]
struct Made {
    /// What it was made of.
    limits: Vec<(Arc<str>, u64, Option<Duration>)>,
    line: HeaderValue,
}

impl Made {
    fn fits(&self, verdicts: &[Verdict]) -> bool {
        self.limits.len() == verdicts.len()
            && self.limits.iter().zip(verdicts).all(|((policy, limit, window), verdict)| {
                *limit == verdict.limit && *window == verdict.window && *policy == verdict.policy
            })
    }
}

impl PolicyLine {
    /// The value for these verdicts.
    pub(super) fn of(&self, verdicts: &[Verdict]) -> Option<HeaderValue> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = last.as_ref().filter(|made| made.fits(verdicts)) {
            return Some(made.line.clone());
        }
        let line = members::line(verdicts, members::policy)?;
        let limits = verdicts.iter().map(|v| (Arc::clone(&v.policy), v.limit, v.window)).collect();
        *last = Some(Made { limits, line: line.clone() });
        Some(line)
    }
}
