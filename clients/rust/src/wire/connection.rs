//! Connections as a limiter needs them: lazy, made by one while the others wait, and never given
//! up.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, RedisFuture, RedisResult,
    Value,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::dial::{self, Driver};
use super::numbers;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a connection is made again that the server refuses.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection for a [`Limiter`](crate::Limiter): one that all requests share, made at the first
/// of them and made again when it is lost. Its requests need a tokio runtime; this call waits for
/// nothing.
///
/// One attempt is made at a time, for all who wait. It has a second, or what
/// [`connect_timeout`](Connection::connect_timeout) says, and goes on when those who wait have run
/// out of time. What the server refuses (a password, one client too many) is tried again a second
/// later, and a server that has become a replica is left.
///
/// # Errors
/// When the address cannot be understood.
pub fn connect(address: impl IntoConnectionInfo) -> RedisResult<Connection> {
    let info = address.into_connection_info()?.set_tcp_settings(dial::settings());
    Ok(Connection::to(Client::open(info)?, CONNECT_TIMEOUT))
}

/// The same for a cluster, of which some nodes are named. redis-rs makes its connections, each
/// within a second.
///
/// redis-rs repeats a command whose reply was lost, and would charge twice: here it does not.
///
/// # Errors
/// When an address cannot be understood.
#[cfg(feature = "cluster")]
pub fn connect_cluster<A: IntoConnectionInfo>(
    nodes: impl IntoIterator<Item = A>,
) -> RedisResult<redis::cluster_async::ClusterConnection> {
    let client = redis::cluster::ClusterClientBuilder::new(nodes)
        .retries(0)
        .connection_timeout(CONNECT_TIMEOUT)
        .tcp_settings(dial::settings())
        .build()?;
    Ok(client.get_pending_async_connection_with_config(redis::cluster::ClusterConfig::new()))
}

/// What [`connect`] makes. A clone is the same connection.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    client: Client,
    connect_timeout: Duration,
    state: Mutex<State>,
    /// How many connections were made.
    made: AtomicU64,
}

enum State {
    /// The next request makes one.
    Absent,
    Making(watch::Receiver<Option<RedisResult<Link>>>),
    Made(Link),
    /// The server refused it.
    Refused(RedisError, Instant),
}

/// One connection of redis-rs, and which it is.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    _driver: Option<Arc<Driver>>,
    number: u64,
    since: Instant,
}

impl Connection {
    /// How long making the connection may take: a second unless set. A check has a deadline of its
    /// own. Call it before the first request.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self::to(self.0.client.clone(), timeout)
    }

    /// How many connections were made, if this is one of ours: a new one is news of the server.
    pub(crate) fn made_by<C: 'static>(connection: &C) -> u64 {
        Self::of(connection).map_or(0, |Self(shared)| shared.made.load(Ordering::Acquire))
    }

    /// This one, if it is ours.
    pub(crate) fn of<C: 'static>(connection: &C) -> Option<&Self> {
        (connection as &dyn Any).downcast_ref()
    }

    /// Send a command. A reply of numbers alone comes [joined](numbers).
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let link = self.0.made_link();
        let mut link = match link {
            Some(link) => link,
            // Boxed, so that the checks that find a connection need no memory for those that wait
            // for it.
            None => Box::pin(self.link()).await?,
        };
        let reply = link.connection.send_packed_command(command).await;
        self.0.look_at(&link, &reply);
        reply
    }

    fn to(client: Client, connect_timeout: Duration) -> Self {
        let (state, made) = (Mutex::new(State::Absent), AtomicU64::new(0));
        Self(Arc::new(Shared { client, connect_timeout, state, made }))
    }

    /// The link that there is, or the one that is being made.
    async fn link(&self) -> RedisResult<Link> {
        loop {
            let mut attempt = match self.0.begin() {
                Begun::Done(done) => return done,
                Begun::UnderWay(attempt) => attempt,
                Begun::Mine(attempt, told) => {
                    let shared = Arc::clone(&self.0);
                    tokio::spawn(async move { told.send_replace(Some(shared.make().await)) });
                    attempt
                }
            };
            match attempt.wait_for(Option::is_some).await {
                Ok(done) => return done.clone().unwrap_or_else(|| Err(nothing())),
                // The runtime that was making it has ended. There may be another.
                Err(_) => self.0.abandon(),
            };
        }
    }
}

enum Begun {
    Done(RedisResult<Link>),
    UnderWay(watch::Receiver<Option<RedisResult<Link>>>),
    Mine(watch::Receiver<Option<RedisResult<Link>>>, watch::Sender<Option<RedisResult<Link>>>),
}

impl Shared {
    fn made_link(&self) -> Option<Link> {
        match &*self.state() {
            State::Made(link) => Some(link.clone()),
            _ => None,
        }
    }

    fn begin(&self) -> Begun {
        let mut state = self.state();
        match &*state {
            State::Made(link) => return Begun::Done(Ok(link.clone())),
            State::Making(attempt) => return Begun::UnderWay(attempt.clone()),
            State::Refused(error, since) if since.elapsed() < PAUSE => {
                return Begun::Done(Err(error.clone()));
            }
            State::Absent | State::Refused(..) => {}
        }
        let (told, attempt) = watch::channel(None);
        *state = State::Making(attempt.clone());
        Begun::Mine(attempt, told)
    }

    async fn make(&self) -> RedisResult<Link> {
        let made = dial::dial(&self.client, self.connect_timeout).await;
        let mut state = self.state();
        match made {
            Ok((connection, driver)) => {
                let driver = driver.map(Arc::new);
                let number = self.made.fetch_add(1, Ordering::AcqRel);
                let link = Link { connection, _driver: driver, number, since: Instant::now() };
                *state = State::Made(link.clone());
                Ok(link)
            }
            Err(error) if error.is_io_error() => {
                *state = State::Absent;
                let address = self.client.get_connection_info().addr();
                let text = format!("to {address}: {error}");
                Err(RedisError::from((ErrorKind::Io, "no connection", text)))
            }
            Err(error) => {
                *state = State::Refused(error.clone(), Instant::now());
                Err(error)
            }
        }
    }

    fn abandon(&self) {
        let mut state = self.state();
        if matches!(&*state, State::Making(attempt) if attempt.has_changed().is_err()) {
            *state = State::Absent;
        }
    }

    /// Leave a link that broke, and one to a server that has become a replica.
    fn look_at(&self, link: &Link, reply: &RedisResult<Value>) {
        let useless = match reply {
            Err(error) => error.is_io_error() || error.is_unrecoverable_error(),
            Ok(Value::ServerError(error)) => {
                error.code() == "READONLY" && link.since.elapsed() >= PAUSE
            }
            Ok(_) => false,
        };
        if !useless {
            return;
        }
        let mut state = self.state();
        if matches!(&*state, State::Made(current) if current.number == link.number) {
            *state = State::Absent;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move { self.send(command).await.and_then(numbers::restored) })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let mut link = self.link().await?;
            let replies = link.connection.send_packed_commands(commands, offset, count).await;
            let last = replies.clone().map(|replies| replies.into_iter().next_back());
            self.0.look_at(&link, &last.map(Option::unwrap_or_default));
            replies?.into_iter().map(numbers::restored).collect()
        })
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}

impl fmt::Debug for Connection {
    /// Without the address, which may have a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

fn nothing() -> RedisError {
    RedisError::from((ErrorKind::Io, "no connection"))
}
