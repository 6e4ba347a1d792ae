//! Which proxies are believed, and what they say.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config_error::ConfigError;
use crate::keys::address;

/// The word for peers on a Unix socket.
const UNIX: &str = "unix";

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hop {
    Address(IpAddr),
    /// A Unix socket, which has no address.
    Unix,
}

/// The peers whose X-Forwarded-For is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies {
    networks: Arc<[IpNet]>,
    unix: bool,
}

impl TrustedProxies {
    pub(crate) fn parse<T: AsRef<str>>(
        proxies: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let (mut networks, mut unix) = (Vec::new(), false);
        for text in proxies {
            let text = text.as_ref().trim_ascii();
            if text == UNIX {
                unix = true;
            } else {
                let alone = || text.parse::<IpAddr>().map(IpNet::from);
                networks.push(text.parse().or_else(|_| alone()).map_err(|_| wrong(text))?);
            }
        }
        Ok(Self { networks: networks.into(), unix })
    }

    fn contain(&self, hop: Hop) -> bool {
        match hop {
            Hop::Address(address) => self.networks.iter().any(|net| net.contains(&address)),
            Hop::Unix => self.unix,
        }
    }

    /// The client behind `peer`: from the right, the first address that is not trusted. An entry
    /// that is no address ends the walk at the hop before it; nobody is found where that is a Unix
    /// socket.
    pub(crate) fn client<'a>(
        &self,
        peer: Hop,
        forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    ) -> Option<IpAddr> {
        let mut client = match peer {
            Hop::Address(address) => Hop::Address(address.to_canonical()),
            Hop::Unix => Hop::Unix,
        };
        for entry in forwarded_for.rev().flat_map(|line| line.rsplit(',')) {
            if !self.contain(client) {
                break;
            }
            let Some(address) = address::parse(entry) else { break };
            client = Hop::Address(address);
        }
        match client {
            Hop::Address(address) => Some(address),
            Hop::Unix => None,
        }
    }
}

fn wrong(proxy: &str) -> ConfigError {
    ConfigError::new(format!(
        "trusted_proxies must hold CIDRs such as 10.0.0.0/8, or the word unix, not '{proxy}'"
    ))
}
