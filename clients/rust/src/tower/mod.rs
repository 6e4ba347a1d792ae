//! The limiter as a [tower](https://docs.rs/tower) layer, for axum, tonic and any service of [`http`] requests.

mod client_ip;
pub(crate) mod headers;
mod identity;
mod info;
mod layer;
mod problem;
mod proxies;
mod refusal;
mod scope;
mod service;

pub use client_ip::{ClientIp, PeerAddr};
pub use identity::{Identity, KeyFor, LimitsFor};
pub use info::RateLimitInfo;
pub use layer::RateLimitLayer;
pub use refusal::Refusal;
pub use service::RateLimit;
