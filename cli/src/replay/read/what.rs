//! What of a line counts: when, who, how much, and whether it is asked for at all.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use redis_rl::{Ipv6Prefix, Subject, ip_key};
use rl_core::bounds::MAX_NUMBER;

use crate::args::ReplayArgs;
use crate::failure::Failure;
use crate::replay::formats::{Clock, Field, Kind, Record};
use crate::words::Condition;

/// What the options ask of each line.
pub(crate) struct What {
    time: Field,
    key: Vec<Field>,
    cost: Option<Field>,
    conditions: Vec<(Field, Condition)>,
    ipv6_prefix: Ipv6Prefix,
}

/// What a line is, to limits.
pub(super) struct Asked {
    pub(super) ms: u64,
    pub(super) cost: u64,
}

impl What {
    /// As the options say it.
    pub(crate) fn new(args: &ReplayArgs) -> Result<Self, Failure> {
        let conditions = args.conditions.iter();
        Ok(Self {
            time: args.time.as_deref().map_or(Field::Time, Field::named),
            key: args.key.names().iter().map(|name| Field::named(name)).collect(),
            cost: args.cost.as_deref().map(Field::named),
            conditions: conditions.map(|c| (Field::named(c.field()), c.clone())).collect(),
            ipv6_prefix: Ipv6Prefix::new(args.ipv6_prefix)
                .map_err(|error| Failure::Words(error.to_string()))?,
        })
    }

    /// Whether lines of that kind have all the fields.
    pub(super) fn check(&self, kind: Kind) -> Result<(), Failure> {
        let conditions = self.conditions.iter().map(|(field, _)| field);
        let mut fields = self.key.iter().chain(&self.cost).chain(conditions).chain([&self.time]);
        match fields.find(|field| !kind.has(field)) {
            None => Ok(()),
            Some(field) => {
                let name = match field {
                    Field::Other(name) => name.clone(),
                    known => format!("{known:?}").to_ascii_lowercase(),
                };
                Err(Failure::Words(format!(
                    "a field must be one that the log has, and {} has no '{name}'",
                    kind.name()
                )))
            }
        }
    }

    /// Whether all conditions hold.
    pub(super) fn wants(&self, record: &Record<'_>) -> bool {
        self.conditions.iter().all(|(field, condition)| match field {
            Field::Ip => {
                let value = record.get(field);
                condition.holds(value.as_deref().map(address_text).as_deref())
            }
            _ => condition.holds(record.get(field).as_deref()),
        })
    }

    /// What the line asks, its key being put into `key`; or why it cannot be told.
    pub(super) fn asked(
        &self,
        record: &Record<'_>,
        clock: &mut Clock,
        key: &mut String,
    ) -> Result<Asked, String> {
        let time = record.get(&self.time).ok_or("it has no time")?;
        let ms = clock.read(&time).ok_or_else(|| format!("its time cannot be read: '{time}'"))?;
        let cost = match self.cost.as_ref().and_then(|field| record.get(field)) {
            None => 1,
            Some(text) => cost(&text)?,
        };
        key.clear();
        for (place, field) in self.key.iter().enumerate() {
            let value = record.get(field).ok_or("it does not say who asked")?;
            if place > 0 {
                key.push('+');
            }
            key.push_str(&match field {
                Field::Ip => self.client(&value),
                _ => value,
            });
        }
        Ok(Asked { ms, cost })
    }

    /// What an address is counted as.
    fn client<'v>(&self, value: &'v str) -> Cow<'v, str> {
        // Most are written as they count.
        if value.parse::<Ipv4Addr>().is_ok() {
            return Cow::Borrowed(value);
        }
        match address(value) {
            Some(address) => Cow::Owned(ip_key(address, self.ipv6_prefix)),
            None => Cow::Borrowed(value),
        }
    }
}

fn cost(text: &str) -> Result<u64, String> {
    let number = text.parse::<u64>().ok().filter(|number| *number <= MAX_NUMBER);
    number.ok_or_else(|| format!("its cost must be an integer from 0 to 10^12, not '{text}'"))
}

/// An address as conditions see it.
fn address_text(value: &str) -> Cow<'_, str> {
    address(value).map_or(Cow::Borrowed(value), |address| Cow::Owned(address.to_string()))
}

/// The address in `value`. A list is that of X-Forwarded-For, to which each proxy appends: the
/// client is the last that is not one of the proxies' own network, or else the first.
fn address(value: &str) -> Option<IpAddr> {
    let one = |text: &str| match Subject::ip(text.trim()) {
        Ok(Subject::Ip(address)) => Some(address),
        _ => None,
    };
    let mut others = value.rsplit(',').map_while(one);
    others.find(|address| !is_private(*address)).or_else(|| one(value.split(',').next()?))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
