//! The limiter: one command for each check, with a deadline.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{Cmd, RedisResult, Value};

use crate::address::Ipv6Prefix;
use crate::breaker::Breaker;
#[cfg(feature = "cluster")]
use crate::cluster;
use crate::config_error::ConfigError;
use crate::connect::Connection;
use crate::error::{Class, Error};
use crate::key::{CannotIdentify, Key};
use crate::limit::MAX_NUMBER;
use crate::limits::Limits;
use crate::outcome::{Outcome, Source};
use crate::reply;

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// What happens to a request while Redis cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnError {
    /// It is refused: an [`Error`], which a layer answers with 503.
    #[default]
    Closed,
    /// It is served, without rate headers, and counted in [`Limiter::failed_open`].
    Open,
}

/// The `X-RateLimit-*` or draft-6 fields that older clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Legacy {
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset`, which is in seconds from now.
    Delta,
    /// The same, with Reset in seconds since 1970.
    Epoch,
    /// `RateLimit-Limit`, `-Remaining` and `-Reset`, which is in seconds from now.
    Draft6,
}

/// Asks Redis whether a request is allowed. A clone is cheap and shares the connection and the breaker.
///
/// ```no_run
/// # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
/// use redis_rl::{Key, Limiter, Limits, Subject};
///
/// let limiter = Limiter::new(redis_rl::connect("redis://127.0.0.1/")?);
/// let mails: Limits = "token 10/second burst 20".parse()?;
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
    #[cfg(feature = "tracing")]
    log: crate::log::Log,
    failed_open: AtomicU64,
}

#[derive(Debug)]
struct Settings {
    prefix: String,
    timeout: Duration,
    ipv6_prefix: Ipv6Prefix,
    legacy: Option<Legacy>,
}

/// Settings of a [`Limiter`] to be.
#[derive(Debug)]
#[must_use]
pub struct LimiterBuilder<C> {
    connection: C,
    settings: Settings,
    on_error: OnError,
}

impl<C> LimiterBuilder<C> {
    /// The first field of every key; `rl` unless set.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// How long a check may take, over waiting, connecting and the reply; 100 ms unless set.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// What happens while Redis cannot answer; [`OnError::Closed`] unless set.
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Older fields beside `RateLimit` and `RateLimit-Policy`; none unless set.
    pub const fn legacy(mut self, legacy: Legacy) -> Self {
        self.settings.legacy = Some(legacy);
        self
    }

    /// How many leading bits of an IPv6 address tell clients apart; 64 unless set.
    ///
    /// # Errors
    /// When there are not 32 to 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
        self.settings.ipv6_prefix = Ipv6Prefix::new(bits)?;
        Ok(self)
    }

    /// The limiter. It asks nothing yet: see [`Limiter::probe`].
    #[must_use]
    pub fn build(self) -> Limiter<C> {
        let shared = Shared {
            settings: self.settings,
            breaker: Breaker::default(),
            #[cfg(feature = "tracing")]
            log: crate::log::Log::default(),
            failed_open: AtomicU64::new(0),
        };
        Limiter { connection: self.connection, shared: Arc::new(shared), on_error: self.on_error }
    }
}

impl<C> Limiter<C> {
    /// A limiter with the settings that most need. For the connection see [`connect`](crate::connect()).
    pub fn new(connection: C) -> Self {
        Self::builder(connection).build()
    }

    /// A limiter with settings of your own.
    pub fn builder(connection: C) -> LimiterBuilder<C> {
        let settings = Settings {
            prefix: "rl".to_owned(),
            timeout: Duration::from_millis(100),
            ipv6_prefix: Ipv6Prefix::default(),
            legacy: None,
        };
        LimiterBuilder { connection, settings, on_error: OnError::Closed }
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

    #[cfg(feature = "tower")]
    pub(crate) fn legacy(&self) -> Option<Legacy> {
        self.shared.settings.legacy
    }

    /// What an error means to a caller: it fails open, or it stays an error. Either way it is logged.
    pub(crate) fn settle(&self, key: String, cost: u64, error: Error) -> Result<Outcome, Error> {
        let served = self.on_error == OnError::Open && error.class() == Class::Transient;
        #[cfg(feature = "tracing")]
        self.shared.log.failure(&error, served);
        if !served {
            return Err(error);
        }
        self.shared.failed_open.fetch_add(1, Ordering::Relaxed);
        Ok(Outcome::failed_open(key, cost))
    }

    async fn in_time<T>(&self, work: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
        within(self.shared.settings.timeout, work).await
    }

    fn encoded(&self, key: &Key) -> Result<String, CannotIdentify> {
        key.encoded(&self.shared.settings.prefix, self.shared.settings.ipv6_prefix)
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Ask for `cost` (0 only looks) under all of the limits at once: allowed by all, or nothing is used.
    /// A cost above 10^12, which no limit allows, is asked as 10^12.
    ///
    /// A denial is an [`Outcome`] that is not `allowed`. Dropping the future is safe; what was sent by then
    /// may be charged. Nothing is ever sent twice.
    ///
    /// # Errors
    /// When there is no verdict: Redis cannot answer and the limiter is [`OnError::Closed`], or the server
    /// is wrongly set up, such as without the module, however the limiter is set.
    pub async fn check(&self, key: &Key, limits: &Limits, cost: u64) -> Result<Outcome, Error> {
        let cost = cost.min(MAX_NUMBER);
        let key = match self.encoded(key) {
            Ok(key) => key,
            Err(nobody) => return self.settle(String::new(), cost, nobody.into()),
        };
        let Some(permit) = self.shared.breaker.enter() else {
            return self.settle(key, cost, Error::BreakerOpen);
        };
        let reply = self.in_time(self.ask(command(&key, limits, cost))).await;
        match reply.and_then(|reply| reply::read(&reply, limits)) {
            Ok((allowed, decisions)) => {
                permit.succeeded();
                Ok(Outcome { allowed, decisions, key, cost, source: Source::Server })
            }
            Err(error) => {
                if error.class() == Class::Transient {
                    permit.failed();
                } else {
                    permit.succeeded();
                }
                self.settle(key, cost, error)
            }
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
        let deleted: u64 = self.in_time(command.query_async(&mut connection)).await?;
        Ok(deleted > 0)
    }

    /// See that the module is there: ask for its version; in a cluster, each primary. It waits a second, or
    /// the timeout if that is longer: a server that is busy when a program starts is not gone.
    ///
    /// # Errors
    /// [`Error::ModuleNotLoaded`] where a server does not have it, [`Error::Unavailable`] or
    /// [`Error::Timeout`] where none answers, [`Error::Configuration`] where it refuses.
    pub async fn probe(&self) -> Result<(), Error> {
        within(self.shared.settings.timeout.max(PROBE_TIMEOUT), self.version()).await
    }

    async fn ask(&self, command: Cmd) -> RedisResult<Value> {
        let mut connection = self.connection.clone();
        let reply = connection.req_packed_command(&command).await.and_then(refused);
        #[cfg(feature = "cluster")]
        if let Some(cluster) = cluster::of(&mut connection)
            && let Err(error) = &reply
            && cluster::is_redirection(error)
        {
            return cluster::follow(cluster, &command, error.clone()).await;
        }
        reply
    }

    async fn version(&self) -> RedisResult<()> {
        let mut connection = self.connection.clone();
        let command = redis::cmd("RL.VERSION");
        #[cfg(feature = "cluster")]
        if let Some(cluster) = cluster::of(&mut connection) {
            return cluster::every_primary(cluster, command).await;
        }
        command.query_async::<Value>(&mut connection).await.map(drop)
    }
}

async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done.map_err(Error::from),
        Err(_elapsed) => Err(Error::Timeout(timeout)),
    }
}

/// An error that the server answered, which redis-rs takes for a value. It never is a part of a reply.
fn refused(reply: Value) -> RedisResult<Value> {
    match reply {
        Value::ServerError(error) => Err(error.into()),
        reply => Ok(reply),
    }
}

fn command(key: &str, limits: &Limits, cost: u64) -> Cmd {
    const USUAL_WORDS: usize = 12;
    const USUAL_BYTES: usize = 192;
    let mut command = Cmd::with_capacity(USUAL_WORDS, USUAL_BYTES);
    command.arg("RL.LIMIT").arg(key).arg(limits.clauses());
    if cost != 1 {
        command.arg("COST").arg(cost);
    }
    command
}
