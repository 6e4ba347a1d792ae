#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config_error;
mod error;
mod keys;
mod limiter;
mod limits;
mod outcome;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(test)]
#[cfg(feature = "tower")]
mod vectors;
mod wire;

pub use redis;

pub use config_error::ConfigError;
pub use error::{Class, Error};
pub use keys::address::{Ipv6Prefix, bucket as ip_key};
pub use keys::{CannotIdentify, Key, Subject};
pub use limiter::{Check, Lease, Legacy, Limiter, LimiterBuilder, OnError, Reservation};
pub use limits::{
    Algorithm, Ban, Clause, Limit, LimitSet, MAX_NUMBER, Period, Places, Policy, Unit,
};
pub use outcome::{Outcome, Source, Verdict};
#[cfg(feature = "cluster")]
pub use wire::connect_cluster;
pub use wire::{Connection, connect};
