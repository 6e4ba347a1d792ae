//! How a connection is made.

use std::io;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisResult};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::{AbortHandle, JoinSet};

use super::numbers::JoinNumbers;

/// A connection whose other end is gone without a word is given up after this long.
#[cfg(target_os = "linux")]
const DEAD_AFTER: Duration = Duration::from_secs(2);

/// Ends the task that serves a connection, whatever it still waits for.
pub(crate) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection to the server of a client, within some time. Over TLS, redis-rs makes it and keeps
/// its driver.
pub(crate) async fn dial(
    client: &Client,
    within: Duration,
) -> RedisResult<(MultiplexedConnection, Option<Driver>)> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(within))
        .set_response_timeout(None);
    let made = async {
        match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = tcp(host, *port).await?;
                serve(client, stream, config).await
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await?;
                serve(client, stream, config).await
            }
            _ => {
                let made = client.get_multiplexed_async_connection_with_config(&config).await?;
                Ok((made, None))
            }
        }
    };
    match tokio::time::timeout(within, made).await {
        Ok(made) => made,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

async fn serve(
    client: &Client,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    config: AsyncConnectionConfig,
) -> RedisResult<(MultiplexedConnection, Option<Driver>)> {
    let info = client.get_connection_info().redis_settings();
    let stream = JoinNumbers::new(stream);
    let (made, driver) = MultiplexedConnection::new_with_config(info, stream, config).await?;
    Ok((made, Some(Driver(tokio::spawn(driver).abort_handle()))))
}

/// The first of a host's addresses that answers.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    for address in lookup_host((host, port)).await? {
        attempts.spawn(TcpStream::connect(address));
    }
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    while let Some(done) = attempts.join_next().await {
        match done.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(stream) => return set(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn set(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    redis::io::tcp::socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(DEAD_AFTER))?;
    Ok(stream)
}

/// The same settings, for connections that redis-rs makes.
pub(crate) fn settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(DEAD_AFTER);
    settings
}
