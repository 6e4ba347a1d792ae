//! Who a request comes from.

mod client_ip;
mod identity;
mod proxies;

pub use client_ip::{ClientIp, PeerAddr, UnixPeer};
pub use identity::{Identity, KeyFor, LimitsFor};
