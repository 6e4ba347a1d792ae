//! The client's address, as the server resolved it.

use std::borrow::Cow;
use std::net::SocketAddr;

use http::{HeaderName, Request};

use super::identity::KeyFor;
use super::proxies::{Hop, TrustedProxies};
use crate::config_error::ConfigError;
use crate::keys::{CannotIdentify, Subject};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The peer's address, for servers that leave none of their own: insert it into the request's
/// extensions. axum's `ConnectInfo<SocketAddr>` is read with the feature `axum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// In a request's extensions: it came over a Unix socket, so its peer has no address. With axum,
/// `axum::serve(unix_listener, router.layer(Extension(UnixPeer)))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer;

/// The client's address as a key. X-Forwarded-For is not read unless the peer is a trusted proxy.
///
/// ```
/// use redis_rl::tower::ClientIp;
///
/// let direct = ClientIp::default();
/// let proxied = ClientIp::behind(["10.0.0.0/8", "fd00::/8"])?;
/// let behind_a_socket = ClientIp::behind(["unix"])?; // see UnixPeer
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClientIp(TrustedProxies);

impl ClientIp {
    /// The address behind proxies of these networks (CIDR, or single addresses; `unix` for proxies
    /// that connect by a Unix socket): in X-Forwarded-For, from the right, the first that is not
    /// one of them. The list may be empty.
    ///
    /// # Errors
    /// When one is none of these.
    pub fn behind<T: AsRef<str>>(
        proxies: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        TrustedProxies::parse(proxies).map(Self)
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// When the server left no address, or only a Unix socket, before which no proxy named a
    /// client.
    pub fn of<B>(&self, request: &Request<B>) -> Result<Subject, CannotIdentify> {
        let peer = peer(request).ok_or(CannotIdentify)?;
        let lines = request.headers().get_all(&X_FORWARDED_FOR).iter();
        // What is not text is no address; beside it there may be some.
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let client = self.0.client(peer, lines.iter().map(Cow::as_ref));
        client.map(Subject::Ip).ok_or(CannotIdentify)
    }
}

impl<B> KeyFor<B> for ClientIp {
    fn key(&self, request: &Request<B>) -> Result<Option<Subject>, CannotIdentify> {
        self.of(request).map(Some)
    }
}

fn peer<B>(request: &Request<B>) -> Option<Hop> {
    let extensions = request.extensions();
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) =
        extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Some(Hop::Address(peer.ip()));
    }
    match extensions.get::<PeerAddr>() {
        Some(PeerAddr(peer)) => Some(Hop::Address(peer.ip())),
        None => extensions.get::<UnixPeer>().map(|_| Hop::Unix),
    }
}
