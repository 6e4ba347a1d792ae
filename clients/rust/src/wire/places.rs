//! The commands for places, and the reply of RL.LEASE: the five numbers of one limit.

use std::time::Duration;

use redis::{Cmd, Value};

use super::id::Id;
use super::reply::{self, Decided};
use crate::error::Error;
use crate::limits::Places;
use crate::outcome::Counts;

/// Take a place.
pub(crate) fn take(key: &str, places: &Places, id: Id) -> Cmd {
    let mut command = redis::cmd("RL.LEASE");
    command.arg(key).arg(places.limit()).arg(places.lease().to_string()).arg(id.as_str());
    command
}

/// What is asked for, whoever asks.
pub(crate) fn call(key: &str, places: &Places) -> String {
    format!("{key} LEASE {} {}", places.limit(), places.lease())
}

/// Hold it for longer.
pub(crate) fn renew(key: &str, places: &Places, id: Id) -> Cmd {
    let mut command = redis::cmd("RL.RENEW");
    command.arg(key).arg(places.lease().to_string()).arg(id.as_str());
    command
}

/// Give it back.
pub(crate) fn release(key: &str, id: Id) -> Cmd {
    let mut command = redis::cmd("RL.RELEASE");
    command.arg(key).arg(id.as_str());
    command
}

/// What the module decided. Places may come back at any time, or be renewed: a client waits a
/// second at least, and a lease at most.
pub(crate) fn read(reply: &Value, places: &Places) -> Result<Decided, Error> {
    let five = reply::five(reply).ok_or_else(|| reply::unexpected("RL.LEASE", reply))?;
    let mut verdict = five.verdict(places.shown().clone(), None);
    verdict.counts = Counts::Places;
    if !verdict.allowed {
        let (least, most) = (Duration::from_secs(1), places.lease().duration());
        verdict.retry_after = verdict.retry_after.map(|wait| wait.max(least).min(most.max(least)));
    }
    Ok(Decided { allowed: verdict.allowed, decisions: vec![verdict], ban: None })
}
