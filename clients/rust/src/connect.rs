//! Connections as a limiter needs them: lazy, without retries, without delay.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisResult};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection whose other end is gone without a word is given up after this long.
#[cfg(target_os = "linux")]
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// A connection for a [`Limiter`](crate::Limiter): one that all requests share, made at the first of them
/// and made again when it is lost. Call it within a tokio runtime; it does not wait.
///
/// It differs from redis-rs's defaults in what a limiter cannot use: no attempts with growing delays while
/// requests wait, no Nagle's algorithm, and a connection that nobody acknowledges is dropped.
///
/// # Errors
/// When the address cannot be understood.
pub fn connect(address: impl IntoConnectionInfo) -> RedisResult<ConnectionManager> {
    let info = address.into_connection_info()?.set_tcp_settings(tcp());
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None);
    ConnectionManager::new_lazy_with_config(Client::open(info)?, config)
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

fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(DEAD_AFTER);
    settings
}
