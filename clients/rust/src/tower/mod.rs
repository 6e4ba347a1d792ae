//! The limiter as a [tower](https://docs.rs/tower) layer, for axum, tonic and any service of
//! [`http`] requests.

pub(crate) mod answers;
mod concurrency;
mod counts;
mod info;
mod layer;
pub(crate) mod met;
mod rules;
pub(crate) mod scope;
mod serve;
mod subjects;
mod who;

pub use answers::Refusal;
pub use concurrency::{Concurrency, ConcurrencyLayer, HeldBody};
pub use counts::Counts;
pub use info::RateLimitInfo;
pub use layer::RateLimitLayer;
pub use serve::RateLimit;
pub use who::{ClientIp, Identity, KeyFor, LimitsFor, PeerAddr, UnixPeer};
