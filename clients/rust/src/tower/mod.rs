//! The limiter as a [tower](https://docs.rs/tower) layer, for axum, tonic and any service of
//! [`http`] requests.

pub(crate) mod answers;
mod client_ip;
mod identity;
mod info;
mod layer;
pub(crate) mod met;
mod proxies;
mod rules;
pub(crate) mod scope;
mod service;

pub use answers::Refusal;
pub use client_ip::{ClientIp, PeerAddr, UnixPeer};
pub use identity::{Identity, KeyFor, LimitsFor};
pub use info::RateLimitInfo;
pub use layer::RateLimitLayer;
pub use service::RateLimit;
