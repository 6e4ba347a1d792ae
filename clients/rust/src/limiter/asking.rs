//! What Redis is asked, and what it decides.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{Cmd, RedisResult, Value};
use tokio::time::Instant;

use super::Limiter;
use super::charge::Charge;
use super::health::breaker::Permit;
use super::health::deadline::{self, Missed};
use super::settings::OnError;
use super::waiting::{self, Answer, Asks};
use crate::error::{Class, Error};
use crate::limits::{LimitSet, MAX_NUMBER, Policy};
use crate::outcome::{Outcome, Source};
use crate::wire::command::Receipt;
use crate::wire::id::Id;
use crate::wire::reply::Decided;
use crate::wire::{Connection, command, peek, reply};

impl<C> Limiter<C> {
    /// The same limiter, whose checks are sent once more when the connection breaks before their
    /// reply and their time is not over. Each has an id of its own, so that it is charged once. It
    /// is off unless set; charges that are settled are always sent so.
    #[must_use]
    pub const fn retry(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }

    /// What an error means to a caller: it fails open, or it stays an error. Either way it is
    /// logged.
    pub(crate) fn excuse(&self, key: String, cost: u64, error: Error) -> Result<Outcome, Error> {
        let served = self.on_error == OnError::Open && error.class() == Class::Transient;
        #[cfg(feature = "tracing")]
        self.shared.log.failure(&error, served);
        if !served {
            return Err(error);
        }
        self.shared.count_failed_open();
        Ok(Outcome::served(key, cost, Source::FailedOpen))
    }

    /// Nobody knows whether a charge counts: it stands.
    #[cfg(feature = "tower")]
    pub(crate) fn log_undecided(&self) {
        #[cfg(feature = "tracing")]
        self.shared.log.undecided();
    }

    /// What was refused at this key may not be now.
    pub(super) fn forget_refusals(&self, key: &str) {
        if let Some(cache) = &self.shared.settings.deny_cache {
            cache.forget(key);
        }
    }

    /// Hand an outcome of a check to whoever wants to know of it.
    pub(super) fn told(&self, outcome: Outcome) -> Outcome {
        if let Some(on_decision) = &self.shared.settings.on_decision {
            on_decision(&outcome);
        }
        outcome
    }

    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Error> {
        within(self.shared.settings.timeout, work).await
    }
}

/// A check of one key.
struct One<'a, C> {
    limiter: &'a Limiter<C>,
    key: String,
    limits: &'a LimitSet,
    cost: u64,
    /// Whether it may be settled.
    settle: bool,
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Asks for One<'_, C> {
    fn line(&self) -> String {
        let mut line = self.key.clone();
        for word in self.limits.words() {
            line.push(' ');
            line.push_str(word);
        }
        line
    }

    fn costs(&self) -> Vec<u64> {
        vec![self.cost]
    }

    fn keys(&self) -> Vec<String> {
        vec![self.key.clone()]
    }

    fn has_policy(&self) -> bool {
        self.limits.policies().next().is_some()
    }

    fn settles(&self) -> bool {
        self.settle
    }

    fn time_for(&self, cost: u64) -> Duration {
        waiting::time_for(self.limits, &self.limiter.shared.policies.known(self.limits), cost)
    }

    async fn ask(&self) -> Result<Answer, Error> {
        let limiter = self.limiter;
        let id = if self.settle || limiter.retry { Id::new() } else { None };
        let receipt = id.map(|id| Receipt { id, keep: self.settle });
        let outcome = limiter.outcome(self.key.clone(), self.limits, self.cost, receipt).await?;
        Ok(Answer { outcome, id })
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Check a key as Redis has it.
    pub(crate) async fn check_at(
        &self,
        key: String,
        limits: &LimitSet,
        cost: u64,
    ) -> Result<Outcome, Error> {
        let cost = cost.min(MAX_NUMBER);
        let is_plain =
            !self.retry && self.max_wait.is_none() && self.shared.settings.deny_cache.is_none();
        let outcome = if is_plain {
            self.outcome(key, limits, cost, None).await
        } else {
            let one = One { limiter: self, key, limits, cost, settle: false };
            // Boxed, so that plain checks need no memory for it.
            Box::pin(self.answer(&one)).await.map(|answer| answer.outcome)
        };
        outcome.map(|outcome| self.told(outcome))
    }

    /// The same, to be settled.
    pub(crate) async fn charge_at(
        &self,
        key: String,
        limits: &LimitSet,
        cost: u64,
    ) -> Result<(Outcome, Option<Charge>), Error> {
        let cost = cost.min(MAX_NUMBER);
        let one = One { limiter: self, key, limits, cost, settle: true };
        let Answer { outcome, id } = self.answer(&one).await?;
        let outcome = self.told(outcome);
        let charge = id.and_then(|id| Charge::of(self, &outcome, id));
        Ok((outcome, charge))
    }

    /// Ask, and wait where that is asked for.
    pub(super) async fn answer(&self, call: &(impl Asks + Sync)) -> Result<Answer, Error> {
        match self.max_wait.filter(|_| call.cost() > 0) {
            Some(most) => self.wait_for(call, most).await,
            None => self.ask_unless_denied(call).await,
        }
    }

    /// Ask, unless a refusal that is kept tells what would be answered.
    pub(super) async fn ask_unless_denied(
        &self,
        call: &(impl Asks + Sync),
    ) -> Result<Answer, Error> {
        let cache = self.shared.settings.deny_cache.as_ref();
        let Some(cache) = cache.filter(|_| !call.settles() && call.cost() > 0) else {
            return call.ask().await;
        };
        let name = format!("{} {:?}", call.line(), call.costs());
        if let Some(refusal) = cache.get(&name) {
            return Ok(Answer::refused(refusal));
        }
        let sent = Instant::now();
        let answer = call.ask().await?;
        cache.put(name, call.keys(), call.has_policy(), sent, &answer.outcome);
        Ok(answer)
    }

    async fn outcome(
        &self,
        key: String,
        limits: &LimitSet,
        cost: u64,
        receipt: Option<Receipt>,
    ) -> Result<Outcome, Error> {
        match self.decide(&key, limits, cost, receipt).await {
            Ok(decided) => Ok(outcome_of(decided, key, cost)),
            Err(error) => self.excuse(key, cost, error),
        }
    }

    /// What Redis decides, if it is to be asked.
    async fn decide(
        &self,
        key: &str,
        limits: &LimitSet,
        cost: u64,
        receipt: Option<Receipt>,
    ) -> Result<Decided, Error> {
        if let Some(error) = self.shared.policies.refusal(limits) {
            return Err(error);
        }
        let permit = self.enter()?;
        match self.ask(key, limits, cost, receipt).await {
            Ok(decided) => {
                permit.succeeded();
                Ok(decided)
            }
            Err(error) => Err(permit.failed(error)),
        }
    }

    async fn ask(
        &self,
        key: &str,
        limits: &LimitSet,
        cost: u64,
        receipt: Option<Receipt>,
    ) -> Result<Decided, Error> {
        let due = self.shared.policies.due(limits);
        let command = command::limit(key, limits, cost, receipt);
        let again = receipt.is_some() && cost > 0;
        // Pinned or boxed here, since a future that is handed on is copied each time, and so that
        // most checks need no memory for the others.
        let reply = if due.is_empty() && !again {
            let mut connection = self.connection.clone();
            self.in_time(pin!(command::send(&mut connection, &command))).await?
        } else {
            Box::pin(self.exchange(key, &command, due, again)).await?
        };
        reply::read(&reply, limits, &self.shared.policies.known(limits))
    }

    /// Send a check, perhaps with questions about policies, perhaps once more.
    pub(super) async fn exchange(
        &self,
        key: &str,
        command: &Cmd,
        due: Vec<Policy>,
        again: bool,
    ) -> Result<Value, Error> {
        let policies = &self.shared.policies;
        let mut connection = self.connection.clone();
        if due.is_empty() && again {
            return self.in_time(command::send_again(&mut connection, command)).await;
        }
        if due.is_empty() {
            return self.in_time(command::send(&mut connection, command)).await;
        }
        let asking = command::send_with_policies(&mut connection, key, command, &due, again);
        let (shown, reply) = self.in_time(asking).await?;
        let learned = due.iter().zip(shown).map(|(policy, shown)| policies.learn(policy, shown));
        // A policy that cannot be used is worth more than what Redis answers to the check.
        learned.collect::<Vec<_>>().into_iter().collect::<Result<(), Error>>()?;
        reply.map_err(Error::from)
    }

    pub(super) fn enter(&self) -> Result<Permit<'_>, Error> {
        self.shared.breaker.enter(Connection::made_by(&self.connection))
    }

    pub(super) fn is_cluster(&self) -> bool {
        #[cfg(feature = "cluster")]
        return crate::wire::cluster::is(&self.connection);
        #[cfg(not(feature = "cluster"))]
        false
    }

    /// Look at a key without charging.
    pub(super) async fn look(&self, key: String, limits: &LimitSet) -> Result<Outcome, Error> {
        match self.standing(&key, limits).await {
            Ok(decided) => Ok(outcome_of(decided, key, 0)),
            Err(error) => self.excuse(key, 0, error),
        }
    }

    async fn standing(&self, key: &str, limits: &LimitSet) -> Result<Decided, Error> {
        let mut decided = self.decide(key, limits, 0, None).await?;
        let decisions = &mut decided.decisions;
        if decisions.iter().any(|verdict| verdict.remaining == 0) {
            let mut connection = self.connection.clone();
            let command = peek::command(key);
            let standing = self.in_time(command::send(&mut connection, &command)).await?;
            peek::deny(decisions, &standing, limits, &self.shared.policies.known(limits));
            decided.allowed &= decisions.iter().all(|verdict| verdict.allowed);
        }
        Ok(decided)
    }

    /// Send what does the same when it is sent twice, whether the breaker is open or not.
    pub(super) async fn repeatable(&self, command: &Cmd) -> Result<Value, Error> {
        let mut connection = self.connection.clone();
        self.in_time(command::send_again(&mut connection, command)).await
    }
}

pub(super) fn outcome_of(decided: Decided, key: String, cost: u64) -> Outcome {
    let Decided { allowed, decisions, ban } = decided;
    Outcome { allowed, decisions, ban, key, cost, source: Source::Server, each: Vec::new() }
}

pub(super) async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> Result<T, Error> {
    match deadline::within(timeout, work).await {
        Ok(done) => done.map_err(Error::from),
        Err(Missed::ByRedis) => Err(Error::Timeout(timeout)),
        Err(Missed::ByProcess) => Err(Error::Late(timeout)),
    }
}
