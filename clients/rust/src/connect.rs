//! Connections as a limiter needs them: lazy, without retries, without delay, and never given up.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, Cmd, IntoConnectionInfo, Pipeline, RedisFuture, RedisResult, Value};
use tokio::time::Instant;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a connection is made anew that the server refuses.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection whose other end is gone without a word is given up after this long.
#[cfg(target_os = "linux")]
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// A connection for a [`Limiter`](crate::Limiter): one that all requests share, made at the first of them
/// and made again when it is lost. Call it within a tokio runtime; it does not wait.
///
/// It is redis-rs's, but for what a limiter cannot use: attempts with growing delays while requests wait,
/// Nagle's algorithm, waiting for what nobody acknowledges, and keeping a connection that was refused once,
/// or whose other end has become a replica.
///
/// # Errors
/// When the address cannot be understood.
pub fn connect(address: impl IntoConnectionInfo) -> RedisResult<Connection> {
    let info = address.into_connection_info()?.set_tcp_settings(tcp());
    let client = Client::open(info)?;
    let current = Mutex::new(Current { manager: manager(&client)?, since: Instant::now() });
    Ok(Connection(Arc::new(Shared { client, current })))
}

/// The same for a cluster, of which some nodes are named.
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
        .tcp_settings(tcp())
        .build()?;
    Ok(client.get_pending_async_connection_with_config(redis::cluster::ClusterConfig::new()))
}

/// What [`connect`] makes. A clone is the same connection.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    client: Client,
    current: Mutex<Current>,
}

struct Current {
    manager: ConnectionManager,
    since: Instant,
}

impl Shared {
    fn manager(&self) -> ConnectionManager {
        self.current().manager.clone()
    }

    /// redis-rs makes a connection again that broke, but keeps for good one that was refused (a password
    /// that was wrong, too many clients), and one to a server that has become a replica.
    fn look_at(&self, reply: &RedisResult<Value>) {
        let useless = match reply {
            Err(error) => !error.is_io_error(),
            Ok(Value::ServerError(error)) => error.code() == "READONLY",
            Ok(_) => false,
        };
        if !useless {
            return;
        }
        let mut current = self.current();
        if current.since.elapsed() >= PAUSE
            && let Ok(manager) = manager(&self.client)
        {
            *current = Current { manager, since: Instant::now() };
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let reply = self.0.manager().send_packed_command(command).await;
            self.0.look_at(&reply);
            reply
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(
            async move { self.0.manager().send_packed_commands(commands, offset, count).await },
        )
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

fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(DEAD_AFTER);
    settings
}
