//! The service that limits requests.

pub(super) mod guard;
mod pending;
mod service;

pub use service::RateLimit;
