//! How Redis is spoken to.

#[cfg(feature = "cluster")]
pub(crate) mod cluster;
pub(crate) mod command;
mod connection;
mod dial;
pub(crate) mod id;
pub(crate) mod numbers;
pub(crate) mod peek;
pub(crate) mod places;
pub(crate) mod reply;

#[cfg(feature = "cluster")]
pub use connection::connect_cluster;
pub use connection::{Connection, connect};
