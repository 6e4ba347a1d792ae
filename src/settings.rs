//! The module's settings: each with its default and its range, here and nowhere else.

use rl_core::bounds::{
    DEFAULT_LEASE_LIMIT, DEFAULT_LOG_LIMIT, DEFAULT_RECEIPTS, MAX_LEASE_LIMIT, MAX_LOG_LIMIT,
    MAX_RECEIPTS,
};

use crate::server::config::{Setting, number, switch};

/// Largest limit that RL.LOG and LOG clauses accept.
pub(crate) static LOG_MAX_LIMIT: Setting =
    number(c"log-max-limit", DEFAULT_LOG_LIMIT, 1, MAX_LOG_LIMIT);

/// Largest limit that LEASE accepts.
pub(crate) static LEASE_MAX_LIMIT: Setting =
    number(c"lease-max-limit", DEFAULT_LEASE_LIMIT, 1, MAX_LEASE_LIMIT);

/// How many receipts there may be at a key; with 0 a charge cannot have an id.
pub(crate) static RECEIPTS_MAX: Setting =
    number(c"receipts-max", DEFAULT_RECEIPTS, 0, MAX_RECEIPTS);

/// How many keys RL.TOP tells apart; 0 switches it off.
pub(crate) static TOP_SIZE: Setting = number(c"top-size", 128, 0, 65_536);

/// Whether a denied call is a keyspace event.
pub(crate) static NOTIFY_DENIED: Setting = switch(c"notify-denied", false);

/// Whether the module's keys that are evicted are counted, which costs every key of the server.
pub(crate) static COUNT_EVICTIONS: Setting = switch(c"count-evictions", false);

/// Whether answers are written the fast way, on servers that are known to bear it.
pub(crate) static FAST_REPLIES: Setting = switch(c"fast-replies", true);

/// All of them.
pub(crate) static ALL: [&Setting; 7] = [
    &LOG_MAX_LIMIT,
    &LEASE_MAX_LIMIT,
    &RECEIPTS_MAX,
    &TOP_SIZE,
    &NOTIFY_DENIED,
    &COUNT_EVICTIONS,
    &FAST_REPLIES,
];
