//! Checks that wait a moment instead of being refused.

use std::future::Future;
use std::time::Duration;

use redis::aio::ConnectionLike;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Limiter;
use super::lines::{Joined, Place};
use crate::config_error::ConfigError;
use crate::error::Error;
use crate::limits::LimitSet;
use crate::outcome::Outcome;
use crate::wire::id::Id;
use crate::wire::reply::Known;

const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// At most this is added to a wait, so that processes do not wake together.
const MOST_JITTER: Duration = Duration::from_millis(50);

/// An outcome, and the id of its charge if it has one.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) id: Option<Id>,
}

impl Answer {
    pub(super) const fn refused(outcome: Outcome) -> Self {
        Self { outcome, id: None }
    }
}

/// A call that may be asked for again and again.
pub(super) trait Asks {
    /// What those who wait for the same have in common.
    fn line(&self) -> String;
    /// What it costs each subject.
    fn costs(&self) -> Vec<u64>;
    /// What it costs the subject whom it costs most.
    fn cost(&self) -> u64 {
        self.costs().into_iter().max().unwrap_or_default()
    }
    /// Those of its subjects.
    fn keys(&self) -> Vec<String>;
    /// Whether the server may change what is asked for.
    fn has_policy(&self) -> bool;
    /// Whether it may be settled.
    fn settles(&self) -> bool;
    /// How long the limits take to admit so much.
    fn time_for(&self, cost: u64) -> Duration;
    /// Ask now.
    fn ask(&self) -> impl Future<Output = Result<Answer, Error>> + Send;
}

impl<C> Limiter<C> {
    /// The same limiter, whose checks wait a moment instead of being refused: a refused one sleeps
    /// as long as it is told, and a little more, and asks again, while that takes no longer than
    /// this in all. Who cannot be served in that time is refused at once.
    ///
    /// In one process, those who wait for the same limits at the same key are served in the order
    /// in which they came. At most 1,000 wait at once.
    ///
    /// # Errors
    /// When it is not above 0, and at most an hour.
    pub fn max_wait(mut self, max_wait: Duration) -> Result<Self, ConfigError> {
        if max_wait.is_zero() || max_wait > LONGEST_WAIT {
            return Err(ConfigError::new(format!(
                "max_wait must be above 0 s and at most 3600 s, as in max_wait(Duration::from_secs(2)), \
                 not {max_wait:?}"
            )));
        }
        self.max_wait = Some(max_wait);
        Ok(self)
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Ask, and while that is refused wait and ask again, for so long.
    pub(super) async fn wait_for(
        &self,
        call: &(impl Asks + Sync),
        most: Duration,
    ) -> Result<Answer, Error> {
        let lines = &self.shared.lines;
        let Some(deadline) = Instant::now().checked_add(most) else {
            return self.ask_unless_denied(call).await;
        };
        let (name, cost) = (call.line(), call.cost());
        let time_for = |ahead| call.time_for(ahead);
        match lines.join(&name, cost, None, time_for, most) {
            Joined::Refused(refusal) => return Ok(Answer::refused(refusal)),
            Joined::At(place, refusal) => {
                return self.in_line(call, place, deadline, refusal, true).await;
            }
            Joined::Nobody => {}
        }
        let answer = self.ask_unless_denied(call).await?;
        if asks_again_at(&answer.outcome, deadline).is_none() {
            return Ok(answer);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.join(&name, cost, Some(answer.outcome), time_for, left) {
            Joined::Refused(refusal) => Ok(Answer::refused(refusal)),
            Joined::At(place, refusal) => self.in_line(call, place, deadline, refusal, false).await,
            Joined::Nobody => self.ask_unless_denied(call).await,
        }
    }

    /// Wait to be the first, then until it is allowed or no longer fits.
    async fn in_line(
        &self,
        call: &(impl Asks + Sync),
        place: Place<'_>,
        deadline: Instant,
        mut refusal: Outcome,
        newcomer: bool,
    ) -> Result<Answer, Error> {
        let at_once = place.is_first();
        // What a newcomer was told is of another, and what was told before others were served is of the
        // past.
        let mut ask = newcomer || at_once.is_none();
        let _turn = match at_once {
            Some(turn) => turn,
            None => match timeout_at(deadline, place.first()).await {
                Ok(turn) => turn,
                Err(_) => return Ok(Answer::refused(refusal)),
            },
        };
        loop {
            if ask {
                let answer = self.ask_unless_denied(call).await?;
                if answer.outcome.allowed {
                    return Ok(answer);
                }
                refusal = answer.outcome;
            }
            ask = true;
            let Some(at) = asks_again_at(&refusal, deadline) else {
                return Ok(Answer::refused(refusal));
            };
            place.told(&refusal, at);
            sleep_until(at).await;
        }
    }
}

/// When to ask again after this; nothing where there is no need to, or no time.
fn asks_again_at(outcome: &Outcome, deadline: Instant) -> Option<Instant> {
    let wait = outcome.retry_after().filter(|_| !outcome.allowed && outcome.cost > 0)?;
    let at = Instant::now().checked_add(wait).filter(|at| *at <= deadline)?;
    let part = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
    let jitter = wait.mul_f64(0.1).min(MOST_JITTER).mul_f64(part);
    Some(at.checked_add(jitter)?.min(deadline))
}

/// How long some limits take to admit so much: the slowest counts.
pub(crate) fn time_for(limits: &LimitSet, known: &Known, cost: u64) -> Duration {
    let written = limits.clauses().filter_map(|clause| clause.rate());
    let kept = known.iter().flatten().flat_map(|clauses| clauses.iter());
    let kept = kept.filter_map(|clause| clause.rate());
    written.chain(kept).map(|rate| rate.time_for(cost)).max().unwrap_or_default()
}
