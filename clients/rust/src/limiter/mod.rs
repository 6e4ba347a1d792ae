//! The limiter: one command for each check, with a deadline.

mod all;
mod asking;
pub(crate) mod charge;
mod deny_cache;
mod health;
mod lease;
mod lines;
mod policies;
mod reserve;
mod settings;
pub(crate) mod waiting;

pub(crate) use all::Asked;
pub use all::Check;
pub use lease::Lease;
pub use reserve::Reservation;
pub use settings::{Legacy, LimiterBuilder, OnError};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Value;
use redis::aio::ConnectionLike;

use self::health::breaker::Breaker;
#[cfg(feature = "tracing")]
use self::health::log::Log;
use self::lines::Lines;
use self::policies::Policies;
use self::settings::Settings;
use crate::error::Error;
#[cfg(feature = "tower")]
use crate::keys::Subject;
use crate::keys::{CannotIdentify, Key};
use crate::limits::{LimitSet, MAX_NUMBER, Places};
use crate::outcome::{Outcome, Source};
#[cfg(feature = "tower")]
use crate::wire::reply;
use crate::wire::{Connection, command};

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
    retry: bool,
    max_wait: Option<Duration>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    breaker: Breaker,
    policies: Policies,
    lines: Lines,
    #[cfg(feature = "tracing")]
    log: Log,
    failed_open: AtomicU64,
}

impl Shared {
    fn count_failed_open(&self) {
        self.failed_open.fetch_add(1, Ordering::Relaxed);
    }
}

impl<C> LimiterBuilder<C> {
    /// The limiter. It asks nothing yet: see [`Limiter::probe`].
    #[must_use]
    pub fn build(self) -> Limiter<C> {
        let shared = Shared {
            settings: self.settings,
            breaker: Breaker::default(),
            policies: Policies::default(),
            lines: Lines::default(),
            #[cfg(feature = "tracing")]
            log: Log::default(),
            failed_open: AtomicU64::new(0),
        };
        let (connection, on_error) = (self.connection, self.on_error);
        Limiter { connection, shared: Arc::new(shared), on_error, retry: false, max_wait: None }
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
    /// by then may be charged. Nothing is sent twice, unless [`retry`](Limiter::retry) says so.
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
                let outcome = self.excuse(String::new(), cost, nobody.into());
                outcome.map(|outcome| self.told(outcome))
            }
        }
    }

    /// Ask for several keys at once, each with its limits and its cost: all of them are charged, or
    /// none. There are 1 to 8 keys, with at most 16 limits in all.
    ///
    /// ```no_run
    /// # async fn demo(limiter: redis_rl::Limiter) -> Result<(), Box<dyn std::error::Error>> {
    /// use redis_rl::{Check, Key, LimitSet, Subject};
    ///
    /// let (per_user, per_team): (LimitSet, LimitSet) = ("10/minute".parse()?, "15/minute".parse()?);
    /// let user = Key::new("user", Subject::user("ann")).slot("red");
    /// let team = Key::new("team", Subject::other("team", "red")).slot("red");
    /// let checks = [Check::new(&user, &per_user), Check::new(&team, &per_team).cost(2)];
    /// let outcome = limiter.check_all(&checks).await?;
    /// println!("{} {:?}", outcome.allowed, outcome.each("team").map(|team| team.remaining()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`check`](Limiter::check), and where keys are too many, the same, or, in a cluster,
    /// without a [`slot`](Key::slot).
    pub async fn check_all(&self, checks: &[Check<'_>]) -> Result<Outcome, Error> {
        let mut asked = Vec::with_capacity(checks.len());
        for Check { key, limits, cost } in checks {
            let name = key.scope().to_owned();
            let encoded = match self.encoded(key) {
                Ok(encoded) => encoded,
                Err(nobody) if self.shared.settings.enabled => {
                    let outcome = self.excuse(String::new(), *cost, nobody.into());
                    return outcome.map(|outcome| self.told(outcome));
                }
                Err(_) => String::new(),
            };
            asked.push(Asked { name, key: encoded, limits: (*limits).clone(), cost: *cost });
        }
        if !self.shared.settings.enabled {
            let exempt =
                |one: Asked| (one.name, Outcome::served(one.key, one.cost, Source::Exempt));
            return Ok(self.told(Outcome::of_all(asked.into_iter().map(exempt).collect())));
        }
        let slotted = checks.iter().all(|check| check.key.has_slot());
        self.all_at(asked, slotted, false).await.map(|(outcome, _)| outcome)
    }

    /// Charge an estimate, which is settled when it is known what it cost, such as the tokens of a
    /// language model. A denial is a reservation whose outcome is not `allowed`.
    ///
    /// ```no_run
    /// # async fn demo(limiter: redis_rl::Limiter) -> Result<(), redis_rl::Error> {
    /// # use redis_rl::{Key, LimitSet, Subject};
    /// # let (key, limits) = (Key::new("tokens", "ann"), "100000/minute".parse::<LimitSet>().unwrap());
    /// let reservation = limiter.reserve(&key, &limits, 2_000).await?;
    /// if reservation.outcome().allowed {
    ///     let used = 1_234; // what the model says
    ///     reservation.settle(used).await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`check`](Limiter::check).
    pub async fn reserve(
        &self,
        key: &Key,
        limits: &LimitSet,
        estimate: u64,
    ) -> Result<Reservation, Error> {
        let estimate = estimate.min(MAX_NUMBER);
        if !self.shared.settings.enabled {
            let key = self.encoded(key).unwrap_or_default();
            let exempt = self.told(Outcome::served(key, estimate, Source::Exempt));
            return Ok(Reservation::new(exempt, None));
        }
        match self.encoded(key) {
            Ok(key) => {
                let (outcome, charge) = self.charge_at(key, limits, estimate).await?;
                Ok(Reservation::new(outcome, charge))
            }
            Err(nobody) => {
                let outcome = self.excuse(String::new(), estimate, nobody.into())?;
                Ok(Reservation::new(self.told(outcome), None))
            }
        }
    }

    /// Take one of so many places, which is held until what this returns is dropped. Who is refused
    /// gets a lease whose outcome is not `allowed`.
    ///
    /// ```no_run
    /// # async fn demo(limiter: redis_rl::Limiter) -> Result<(), Box<dyn std::error::Error>> {
    /// # use redis_rl::{Key, Places};
    /// let lease = limiter.lease(&Key::new("exports", "ann"), &Places::new(2, "30s")?).await?;
    /// if lease.outcome().allowed {
    ///     // Work as long as it takes.
    /// }
    /// drop(lease);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`check`](Limiter::check).
    pub async fn lease(&self, key: &Key, places: &Places) -> Result<Lease, Error> {
        if !self.shared.settings.enabled {
            let key = self.encoded(key).unwrap_or_default();
            let exempt = self.told(Outcome::served(key, 1, Source::Exempt));
            return Ok(Lease::without_place(exempt));
        }
        match self.encoded(key) {
            Ok(key) => self.lease_at(key, places).await,
            Err(nobody) => {
                let outcome = self.excuse(String::new(), 1, nobody.into())?;
                Ok(Lease::without_place(self.told(outcome)))
            }
        }
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
        match self.encoded(key) {
            Ok(key) => self.look(key, limits).await,
            Err(nobody) => self.excuse(String::new(), 0, nobody.into()),
        }
    }

    /// Forget what was used at a key; whether there was anything.
    ///
    /// # Errors
    /// When Redis cannot answer or refuses, however the limiter is set.
    pub async fn reset(&self, key: &Key) -> Result<bool, Error> {
        let key = self.encoded(key)?;
        let mut command = redis::cmd("DEL");
        command.arg(&key);
        let mut connection = self.connection.clone();
        let deleted = self.in_time(command::send(&mut connection, &command)).await;
        self.forget_refusals(&key);
        Ok(deleted? != Value::Int(0))
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
        asking::within(timeout, command::version(&mut self.connection.clone())).await
    }
}
