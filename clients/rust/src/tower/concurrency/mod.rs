//! So many requests at once.

mod body;
mod layer;
mod service;

pub use body::HeldBody;
pub use layer::ConcurrencyLayer;
pub use service::Concurrency;
