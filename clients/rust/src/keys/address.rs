//! Addresses: how they are read, and which of them share a budget.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config_error::ConfigError;

/// How many leading bits of an IPv6 address distinguish clients: 64 by default, as a household or a
/// host has 2^64 addresses or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Prefix(u8);

impl Ipv6Prefix {
    /// A prefix of 32 to 128 bits.
    ///
    /// # Errors
    /// When there are fewer or more.
    pub fn new(bits: u8) -> Result<Self, ConfigError> {
        if !(32..=128).contains(&bits) {
            return Err(ConfigError::new(format!(
                "ipv6_prefix must be an integer from 32 to 128, not {bits}"
            )));
        }
        Ok(Self(bits))
    }
}

impl Default for Ipv6Prefix {
    fn default() -> Self {
        Self(64)
    }
}

/// The address in `text`, without brackets, port and zone. One that is mapped into IPv6 is the IPv4
/// address.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim_ascii();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':').or(after.is_empty().then_some("0"))?)
        }
        // One colon parts an IPv4 address from its port; IPv6 has at least two.
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, port),
            _ => (text, "0"),
        },
    };
    let is_port = |p: &str| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok();
    if !is_port(port) {
        return None;
    }
    let address: IpAddr = match host.split_once('%') {
        Some((address, _zone)) => address.parse::<Ipv6Addr>().ok()?.into(),
        None => host.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// What an address is counted as: itself, or its IPv6 prefix, such as `2001:db8::/64`.
///
/// ```
/// use redis_rl::{Ipv6Prefix, ip_key};
///
/// assert_eq!(ip_key("2001:db8::1".parse()?, Ipv6Prefix::default()), "2001:db8::/64");
/// assert_eq!(ip_key("::ffff:c000:201".parse()?, Ipv6Prefix::default()), "192.0.2.1");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn bucket(address: IpAddr, Ipv6Prefix(bits): Ipv6Prefix) -> String {
    match address.to_canonical() {
        IpAddr::V6(address) if bits < 128 => {
            let host_bits = 128_u32.saturating_sub(u32::from(bits));
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            format!("{}/{bits}", Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        address => address.to_string(),
    }
}

/// Write an IPv4 address. Formatting it costs ten times as much, and most requests come from one.
pub(super) fn write_v4(address: Ipv4Addr, out: &mut String) {
    let mut digits = itoa::Buffer::new();
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            out.push('.');
        }
        out.push_str(digits.format(octet));
    }
}
