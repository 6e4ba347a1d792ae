#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod breaker;
#[cfg(feature = "cluster")]
mod cluster;
mod config_error;
mod connect;
mod error;
mod key;
mod limit;
mod limiter;
mod limits;
#[cfg(feature = "tracing")]
mod log;
mod name;
mod outcome;
mod parse;
mod reply;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(test)]
#[cfg(feature = "tower")]
mod vectors;

pub use redis;

pub use address::{Ipv6Prefix, bucket as ip_key};
pub use config_error::ConfigError;
#[cfg(feature = "cluster")]
pub use connect::connect_cluster;
pub use connect::{Connection, connect};
pub use error::{Class, Error};
pub use key::{CannotIdentify, Key, Subject};
pub use limit::{Algorithm, Limit, MAX_NUMBER, Period, Unit};
pub use limiter::{Legacy, Limiter, LimiterBuilder, OnError};
pub use limits::Limits;
pub use outcome::{Decision, Outcome, Source};
