//! Where a server is and who asks it, as a URL says.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// The variable that redis-cli reads a password from, and so do we, if the URL has none.
const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

/// A server's address with user and password. It is shown without them.
#[derive(Clone, Debug)]
pub(crate) struct Address(ConnectionInfo);

impl Address {
    /// What a connection is made with.
    pub(crate) fn connection(&self) -> ConnectionInfo {
        self.0.clone()
    }

    /// The host, if it is reached over a network.
    pub(crate) fn host(&self) -> Option<&str> {
        match self.0.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => Some(host),
            _ => None,
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.0.addr(), ConnectionAddr::TcpTls { .. })
    }

    /// Another server, reached in the same way by the same user.
    pub(crate) fn at(&self, host: &str, port: u16) -> Self {
        let addr = match self.0.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host.into(),
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host.into(), port),
        };
        Self(self.0.clone().set_addr(addr))
    }

    fn with_password_from_environment(self) -> Self {
        let redis = self.0.redis_settings();
        match std::env::var(PASSWORD_VARIABLE) {
            Ok(password) if redis.password().is_none() && !password.is_empty() => {
                let redis = redis.clone().set_password(password);
                Self(self.0.set_redis_settings(redis))
            }
            _ => self,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let expected = "it must be redis://, rediss:// or unix://, such as redis://127.0.0.1:6379";
        if redis::parse_redis_url(url).is_none() {
            return Err(expected.into());
        }
        let info = url.into_connection_info().map_err(|error| format!("{expected}: {error}"))?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
            return Err("certificates are always checked: SSL_CERT_FILE names whom to trust".into());
        }
        Ok(Self(info).with_password_from_environment())
    }
}

/// `host:port`, or the path of a socket.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }
                if host.contains(':') =>
            {
                write!(f, "[{host}]:{port}")
            }
            other => other.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        url.parse::<Address>().unwrap().to_string()
    }

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        assert_eq!(shown("redis://ann:secret@10.0.0.1:7000/2"), "10.0.0.1:7000");
        assert_eq!(shown("redis://localhost"), "localhost:6379");
        assert_eq!(shown("rediss://:secret@[::1]:7000"), "[::1]:7000");
        assert_eq!(shown("unix:///run/redis.sock?pass=secret"), "/run/redis.sock");
    }

    #[test]
    fn other_nodes_are_reached_in_the_same_way() {
        let first: Address = "rediss://ann:secret@10.0.0.1:7000".parse().unwrap();
        let other = first.at("10.0.0.2", 7001);
        assert_eq!(other.to_string(), "10.0.0.2:7001");
        assert!(other.is_tls());
        assert_eq!(other.connection().redis_settings().password(), Some("secret"));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://h/one", "redis://"] {
            let error = url.parse::<Address>().unwrap_err();
            assert!(error.contains("redis://127.0.0.1:6379"), "{url}: {error}");
        }
        assert!("rediss://h#insecure".parse::<Address>().is_err());
    }
}
