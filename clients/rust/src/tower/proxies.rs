//! Which proxies are believed, and what they say.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::address;
use crate::config_error::ConfigError;

/// The networks whose X-Forwarded-For is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    pub(crate) fn parse<T: AsRef<str>>(
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let read = |text: T| {
            let text = text.as_ref().trim_ascii();
            let alone = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| alone()).map_err(|_| wrong(text))
        };
        networks.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`: from the right, the first address that is not trusted. An entry that is no
    /// address ends the walk at the hop before it.
    pub(crate) fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut client = peer.to_canonical();
        for entry in forwarded_for.rev().flat_map(|line| line.rsplit(',')) {
            if !self.contain(client) {
                break;
            }
            let Some(address) = address::parse(entry) else { break };
            client = address;
        }
        client
    }
}

fn wrong(network: &str) -> ConfigError {
    ConfigError::new(format!(
        "trusted proxy `{network}`; it may be a network such as `10.0.0.0/8` or `fd00::/8`, or an address"
    ))
}
