//! What all servers say at one moment.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;
use redis::{RedisError, Value};

use crate::live::counters::Counters;
use crate::live::primaries::Primaries;
use crate::live::server::{Away, Server, command, text};

/// How many keys are asked of RL.TOP: more than a screen has lines.
const TOP: &str = "200";

/// What all servers said.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) is_cluster: bool,
    /// Each by its name.
    pub(super) servers: Vec<(String, Result<Reading, Away>)>,
}

/// What one server said.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) counters: Counters,
    /// The keys that are denied most; or why these are not shown.
    pub(super) top: Result<Vec<(String, u64)>, Away>,
    /// What each policy stands for.
    pub(super) policies: BTreeMap<String, Vec<String>>,
    pub(super) memory: Memory,
}

/// What a server holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) used: u64,
    /// As much as it may use; 0 if that is not limited.
    pub(super) max: u64,
    /// Keys of all types.
    pub(super) keys: u64,
}

/// Asks all servers at once.
pub(super) async fn sample(primaries: &mut Primaries) -> Sample {
    // Where nobody answers, it is shown that each is away.
    let found = primaries.refresh().await;
    let is_cluster = primaries.is_cluster();
    let mut servers = join_all(
        primaries.servers().iter_mut().map(async |server| (server.name(), read(server).await)),
    )
    .await;
    if let (Err(why), [(_, told)]) = (found, servers.as_mut_slice())
        && told.is_ok()
    {
        // It is one of a cluster, but does not say whose else.
        *told = Err(why);
    }
    Sample { at: Instant::now(), is_cluster, servers }
}

/// Has all servers forget whom they denied.
pub(super) async fn reset_top(primaries: &mut Primaries) -> Result<(), Away> {
    let reset = command(&["RL.TOP", "COUNT", "0", "RESET"]);
    let answers = join_all(primaries.servers().iter_mut().map(async |server| {
        let answer = server.ask_one(reset.clone()).await;
        answer.map_err(|why| Away(format!("{}: {why}", server.name())))
    }));
    answers.await.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

async fn read(server: &mut Server) -> Result<Reading, Away> {
    let questions = [
        command(&["INFO", "ratelimit"]),
        command(&["INFO", "memory"]),
        command(&["INFO", "keyspace"]),
        command(&["RL.TOP", "COUNT", TOP]),
        command(&["RL.POLICY", "DUMP"]),
    ];
    let [counters, memory, keyspace, top, policies]: [_; 5] =
        server.ask(&questions).await?.try_into().map_err(|_| Away("it does not answer".into()))?;
    Ok(Reading {
        counters: Counters::read(&text(&counters?))?,
        top: top.map_err(Away::from).map(pairs),
        policies: serde_json::from_str(&told(policies)).unwrap_or_default(),
        memory: memory_of(&told(memory), &told(keyspace)),
    })
}

/// The text of an answer, or nothing if the user may not ask for it.
fn told(answer: Result<Value, RedisError>) -> String {
    answer.map_or_else(|_| String::new(), |value| text(&value))
}

fn pairs(top: Value) -> Vec<(String, u64)> {
    let Value::Array(rows) = top else { return Vec::new() };
    let pair = |row: Value| match row {
        Value::Array(row) => match row.as_slice() {
            [key, Value::Int(count)] => Some((text(key), u64::try_from(*count).ok()?)),
            _ => None,
        },
        _ => None,
    };
    rows.into_iter().filter_map(pair).collect()
}

fn memory_of(memory: &str, keyspace: &str) -> Memory {
    let field = |name: &str| {
        let value = memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    let keys = keyspace
        .lines()
        .filter_map(|line| line.split_once(":keys=")?.1.split(',').next()?.parse::<u64>().ok());
    Memory { used: field("used_memory"), max: field("maxmemory"), keys: keys.sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_keys_are_those_of_all_databases() {
        let memory = "# Memory\r\nused_memory:1024\r\nused_memory_rss:5\r\nmaxmemory:2048\r\n";
        let keyspace = "# Keyspace\r\ndb0:keys=2,expires=2,avg_ttl=0\r\ndb7:keys=3,expires=0\r\n";
        assert_eq!(memory_of(memory, keyspace), Memory { used: 1024, max: 2048, keys: 5 });
        assert_eq!(memory_of("", ""), Memory::default());
    }
}
