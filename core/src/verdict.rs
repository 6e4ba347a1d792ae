//! What a call is told about one limit.

/// How long until the call can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Denied for now: the same call is allowed after this many ms if nothing else comes.
    /// Allowed: how long to hold the request before serving it; 0 except for LEAKY.
    Ms(u64),
    /// Denied whatever the time: the cost is above the limit.
    Never,
}

/// One limit's answer. Times beyond u64 are given as its largest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether this limit lets the call pass.
    pub allowed: bool,
    /// The limit or capacity that was asked for.
    pub limit: u64,
    /// How much cost would still be allowed at once, rounded down.
    pub remaining: u64,
    /// How long to wait, or to hold.
    pub wait: Wait,
    /// Milliseconds until the limiter is as if never used.
    pub reset_ms: u64,
}
