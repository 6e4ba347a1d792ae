//! Which answers count: what a predicate may return.

use std::future::{Future, ready};
use std::pin::Pin;

/// What the predicate of [`count_if`](super::RateLimitLayer::count_if) may return: a `bool`, or a
/// future of one. `K` keeps the two apart and need not be written.
pub trait Counts<K> {
    /// Whether the answer counts, when that is known.
    fn counts(self) -> Pin<Box<dyn Future<Output = bool> + Send>>;
}

impl Counts<bool> for bool {
    fn counts(self) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(ready(self))
    }
}

impl<F: Future<Output = bool> + Send + 'static> Counts<()> for F {
    fn counts(self) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        Box::pin(self)
    }
}
