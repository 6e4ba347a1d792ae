//! The limiter: one command for each check, with a deadline.

mod breaker;
mod deadline;
#[cfg(feature = "tracing")]
mod log;
mod policies;
mod settings;

pub use settings::{Legacy, LimiterBuilder, OnError};

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{RedisResult, Value};

use self::breaker::Breaker;
use self::deadline::Missed;
use self::policies::Policies;
use self::settings::Settings;
use crate::error::{Class, Error};
#[cfg(feature = "tower")]
use crate::keys::Subject;
use crate::keys::{CannotIdentify, Key};
use crate::limits::{LimitSet, MAX_NUMBER};
use crate::outcome::{Outcome, Source};
use crate::wire::reply::Decided;
use crate::wire::{Connection, command, peek, reply};

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Asks Redis whether a request is allowed. A clone is cheap and shares the connection and the
/// breaker.
///
/// ```no_run
/// # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
/// use redis_rl::{Key, Limiter, LimitSet, Subject};
///
/// let limiter = Limiter::new(redis_rl::connect("redis://127.0.0.1/")?);
/// let mails: LimitSet = "token 10/second burst 20".parse()?;
/// let outcome = limiter.check(&Key::new("mail", Subject::user(42)), &mails, 1).await?;
/// if !outcome.allowed {
///     println!("retry after {:?}", outcome.retry_after());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Limiter<C = Connection> {
    connection: C,
    shared: Arc<Shared>,
    on_error: OnError,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    breaker: Breaker,
    policies: Policies,
    #[cfg(feature = "tracing")]
    log: log::Log,
    failed_open: AtomicU64,
}

impl<C> LimiterBuilder<C> {
    /// The limiter. It asks nothing yet: see [`Limiter::probe`].
    #[must_use]
    pub fn build(self) -> Limiter<C> {
        let shared = Shared {
            settings: self.settings,
            breaker: Breaker::default(),
            policies: Policies::default(),
            #[cfg(feature = "tracing")]
            log: log::Log::default(),
            failed_open: AtomicU64::new(0),
        };
        Limiter { connection: self.connection, shared: Arc::new(shared), on_error: self.on_error }
    }
}

impl<C> Limiter<C> {
    /// A limiter with the settings that most need. For the connection see
    /// [`connect`](crate::connect()).
    pub fn new(connection: C) -> Self {
        Self::builder(connection).build()
    }

    /// A limiter with settings of your own.
    pub fn builder(connection: C) -> LimiterBuilder<C> {
        LimiterBuilder { connection, settings: Settings::default(), on_error: OnError::Closed }
    }

    /// The same limiter, which does something else while Redis cannot answer.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// How many checks have failed open since the limiter was built.
    #[must_use]
    pub fn failed_open(&self) -> u64 {
        self.shared.failed_open.load(Ordering::Relaxed)
    }

    /// What an error means to a caller: it fails open, or it stays an error. Either way it is
    /// logged.
    pub(crate) fn settle(&self, key: String, cost: u64, error: Error) -> Result<Outcome, Error> {
        let served = self.on_error == OnError::Open && error.class() == Class::Transient;
        #[cfg(feature = "tracing")]
        self.shared.log.failure(&error, served);
        if !served {
            return Err(error);
        }
        self.shared.failed_open.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome::served(key, cost, Source::FailedOpen))
    }

    /// Hand an outcome of a check to whoever wants to know of it.
    fn told(&self, outcome: Outcome) -> Outcome {
        if let Some(on_decision) = &self.shared.settings.on_decision {
            on_decision(&outcome);
        }
        outcome
    }

    async fn in_time<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
        within(self.shared.settings.timeout, work).await
    }

    fn encoded(&self, key: &Key) -> Result<String, CannotIdentify> {
        key.encoded(&self.shared.settings.prefix, self.shared.settings.ipv6_prefix)
    }
}

/// What a layer must know.
#[cfg(feature = "tower")]
impl<C> Limiter<C> {
    pub(crate) fn legacy(&self) -> Option<Legacy> {
        self.shared.settings.legacy
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.shared.settings.enabled
    }

    /// Write what follows the family in a key.
    pub(crate) fn write_subject(
        &self,
        subject: &Subject,
        key: &mut String,
    ) -> Result<(), CannotIdentify> {
        subject.encode(self.shared.settings.ipv6_prefix, key)
    }

    /// What all keys of a scope begin with.
    pub(crate) fn family(&self, slot: Option<&str>, scope: &str) -> Result<String, CannotIdentify> {
        crate::keys::family(&self.shared.settings.prefix, slot, scope)
    }

    /// What is known of the policies among these limits.
    pub(crate) fn known(&self, limits: &LimitSet) -> reply::Known {
        self.shared.policies.known(limits)
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Ask for `cost` (0 only looks) under all of the limits at once: allowed by all, or nothing is
    /// used. A cost above 10^12, which no limit allows, is asked as 10^12.
    ///
    /// A denial is an [`Outcome`] that is not `allowed`. Dropping the future is safe; what was sent
    /// by then may be charged. Nothing is ever sent twice.
    ///
    /// # Errors
    /// When nobody decided: Redis cannot answer and the limiter is [`OnError::Closed`], or the
    /// server is wrongly set up, such as without the module, or there is nobody to limit, however
    /// the limiter is set.
    pub async fn check(&self, key: &Key, limits: &LimitSet, cost: u64) -> Result<Outcome, Error> {
        let cost = cost.min(MAX_NUMBER);
        if !self.shared.settings.enabled {
            let key = self.encoded(key).unwrap_or_default();
            return Ok(self.told(Outcome::served(key, cost, Source::Exempt)));
        }
        match self.encoded(key) {
            Ok(key) => self.check_at(key, limits, cost).await,
            Err(nobody) => {
                let outcome = self.settle(String::new(), cost, nobody.into());
                outcome.map(|outcome| self.told(outcome))
            }
        }
    }

    /// The same for a key as Redis has it.
    pub(crate) async fn check_at(
        &self,
        key: String,
        limits: &LimitSet,
        cost: u64,
    ) -> Result<Outcome, Error> {
        let cost = cost.min(MAX_NUMBER);
        let outcome = match self.decide(&key, limits, cost).await {
            Ok(decided) => Ok(outcome_of(decided, key, cost)),
            Err(error) => self.settle(key, cost, error),
        };
        outcome.map(|outcome| self.told(outcome))
    }

    /// Look at the limits without charging: what a request of cost 1 would be told. Limits that
    /// have nothing left deny, and say how long to wait.
    ///
    /// # Errors
    /// As for [`check`](Limiter::check).
    pub async fn peek(&self, key: &Key, limits: &LimitSet) -> Result<Outcome, Error> {
        if !self.shared.settings.enabled {
            let key = self.encoded(key).unwrap_or_default();
            return Ok(Outcome::served(key, 0, Source::Exempt));
        }
        let key = match self.encoded(key) {
            Ok(key) => key,
            Err(nobody) => return self.settle(String::new(), 0, nobody.into()),
        };
        match self.look(&key, limits).await {
            Ok(decided) => Ok(outcome_of(decided, key, 0)),
            Err(error) => self.settle(key, 0, error),
        }
    }

    /// Forget what was used at a key; whether there was anything.
    ///
    /// # Errors
    /// When Redis cannot answer or refuses, however the limiter is set.
    pub async fn reset(&self, key: &Key) -> Result<bool, Error> {
        let mut command = redis::cmd("DEL");
        command.arg(self.encoded(key)?);
        let mut connection = self.connection.clone();
        let deleted = self.in_time(command::send(&mut connection, &command)).await?;
        Ok(deleted != Value::Int(0))
    }

    /// See that the module is there: ask for its version, on the connection that checks will use;
    /// in a cluster, each primary. It waits a second, or the timeout if that is longer: a server
    /// that is busy when a program starts is not gone.
    ///
    /// # Errors
    /// [`Error::ModuleNotLoaded`] where a server does not have it, [`Error::Unavailable`] or
    /// [`Error::Timeout`] where none answers, [`Error::Configuration`] where it refuses.
    pub async fn probe(&self) -> Result<(), Error> {
        let timeout = self.shared.settings.timeout.max(PROBE_TIMEOUT);
        within(timeout, command::version(&mut self.connection.clone())).await
    }

    /// What Redis decides, if it is to be asked.
    async fn decide(&self, key: &str, limits: &LimitSet, cost: u64) -> Result<Decided, Error> {
        if let Some(error) = self.shared.policies.refusal(limits) {
            return Err(error);
        }
        let permit = self.shared.breaker.enter(Connection::made_by(&self.connection))?;
        match self.ask(key, limits, cost).await {
            Ok(decided) => {
                permit.succeeded();
                Ok(decided)
            }
            Err(error) => Err(permit.failed(error)),
        }
    }

    async fn ask(&self, key: &str, limits: &LimitSet, cost: u64) -> Result<Decided, Error> {
        let policies = &self.shared.policies;
        let due = policies.due(limits);
        let mut connection = self.connection.clone();
        let command = command::limit(key, limits, cost);
        let reply = if due.is_empty() {
            // Pinned here, since a future that is handed on is copied each time.
            self.in_time(pin!(command::send(&mut connection, &command))).await?
        } else {
            let asking = command::send_with_policies(&mut connection, key, &command, &due);
            // Boxed, so that other checks need no memory for it.
            let (shown, reply) = Box::pin(self.in_time(asking)).await?;
            let learned =
                due.iter().zip(shown).map(|(policy, shown)| policies.learn(policy, shown));
            // A policy that cannot be used is worth more than what Redis answers to the check.
            learned.collect::<Vec<_>>().into_iter().collect::<Result<(), Error>>()?;
            reply.map_err(Error::from)?
        };
        reply::read(&reply, limits, &policies.known(limits))
    }

    async fn look(&self, key: &str, limits: &LimitSet) -> Result<Decided, Error> {
        let mut decided = self.decide(key, limits, 0).await?;
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
}

fn outcome_of(decided: Decided, key: String, cost: u64) -> Outcome {
    let Decided { allowed, decisions, ban } = decided;
    Outcome { allowed, decisions, ban, key, cost, source: Source::Server }
}

async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> Result<T, Error> {
    match deadline::within(timeout, work).await {
        Ok(done) => done.map_err(Error::from),
        Err(Missed::ByRedis) => Err(Error::Timeout(timeout)),
        Err(Missed::ByProcess) => Err(Error::Late(timeout)),
    }
}
