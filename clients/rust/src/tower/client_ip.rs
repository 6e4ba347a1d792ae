//! The client's address, as the server resolved it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderName, Request};

use super::identity::KeyFor;
use super::proxies::TrustedProxies;
use crate::config_error::ConfigError;
use crate::key::{CannotIdentify, Subject};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The peer's address, for servers that leave none of their own: insert it into the request's extensions.
/// axum's `ConnectInfo<SocketAddr>` is read with the feature `axum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The client's address as a key. X-Forwarded-For is not read unless the peer is a trusted proxy.
///
/// ```
/// use redis_rl::tower::ClientIp;
///
/// let direct = ClientIp::default();
/// let proxied = ClientIp::behind(["10.0.0.0/8", "fd00::/8"])?;
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClientIp(TrustedProxies);

impl ClientIp {
    /// The address behind proxies of these networks (CIDR, or single addresses): in X-Forwarded-For, from
    /// the right, the first that is not one of them. None may be named.
    ///
    /// # Errors
    /// When one is no network.
    pub fn behind<T: AsRef<str>>(
        proxies: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        TrustedProxies::parse(proxies).map(Self)
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// When the server left no address.
    pub fn of<B>(&self, request: &Request<B>) -> Result<Subject, CannotIdentify> {
        let peer = peer(request).ok_or(CannotIdentify)?;
        let lines = request.headers().get_all(&X_FORWARDED_FOR).iter();
        // What is not text is no address; beside it there may be some.
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        Ok(Subject::Ip(self.0.client(peer, lines.iter().map(Cow::as_ref))))
    }
}

impl<B> KeyFor<B> for ClientIp {
    fn key(&self, request: &Request<B>) -> Result<Option<Subject>, CannotIdentify> {
        self.of(request).map(Some)
    }
}

fn peer<B>(request: &Request<B>) -> Option<IpAddr> {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) =
        request.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Some(peer.ip());
    }
    request.extensions().get::<PeerAddr>().map(|peer| peer.0.ip())
}
