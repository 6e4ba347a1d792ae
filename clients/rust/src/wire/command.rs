//! The commands, and how they are sent.

use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};

#[cfg(feature = "cluster")]
use super::cluster;
use super::connection::Connection;
use super::id::Id;
use crate::limits::{LimitSet, Policy};

/// How long a connection that a cluster makes again is waited for each time.
const PAUSE: Duration = Duration::from_millis(10);

/// The name of a charge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    pub(crate) id: Id,
    /// Whether it may be settled, and is to be known for as long as that makes sense.
    pub(crate) keep: bool,
}

/// One check.
pub(crate) fn limit(key: &str, limits: &LimitSet, cost: u64, receipt: Option<Receipt>) -> Cmd {
    const USUAL_WORDS: usize = 12;
    const USUAL_BYTES: usize = 192;
    let mut command = Cmd::with_capacity(USUAL_WORDS, USUAL_BYTES);
    command.arg("RL.LIMIT").arg(key).arg(limits.words());
    if cost != 1 {
        command.arg("COST").arg(cost);
    }
    if let Some(receipt) = receipt.filter(|_| cost > 0) {
        named(&mut command, receipt, limits.keep());
    }
    command
}

fn named(command: &mut Cmd, receipt: Receipt, keep: Duration) {
    command.arg("ID").arg(receipt.id.as_str());
    if receipt.keep {
        command.arg("KEEP").arg(format!("{}s", keep.as_secs()));
    }
}

/// One key of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) key: &'a str,
    pub(crate) limits: &'a LimitSet,
    pub(crate) cost: u64,
}

/// One check of several keys.
pub(crate) fn all(groups: &[Group<'_>], receipt: Option<Receipt>) -> Cmd {
    let mut command = redis::cmd("RL.ALL");
    for (place, Group { key, limits, cost }) in groups.iter().enumerate() {
        if place > 0 {
            command.arg("AND");
        }
        command.arg(key).arg(limits.words());
        if *cost != 1 {
            command.arg("COST").arg(cost);
        }
    }
    let charges = groups.iter().any(|group| group.cost > 0);
    if let Some(receipt) = receipt.filter(|_| charges) {
        let keep = groups.iter().map(|group| group.limits.keep()).max().unwrap_or_default();
        named(&mut command, receipt, keep);
    }
    command
}

/// Correct what a charge cost.
pub(crate) fn settle(key: &str, id: Id, cost: u64) -> Cmd {
    let mut command = redis::cmd("RL.SETTLE");
    command.arg(key).arg(id.as_str()).arg(cost);
    command
}

/// Send a command that does the same when it is sent twice: once more, if the connection broke
/// before the reply.
pub(crate) async fn send_again<C: ConnectionLike + 'static>(
    connection: &mut C,
    command: &Cmd,
) -> RedisResult<Value> {
    let mut lost = false;
    loop {
        let reply = send(connection, command).await;
        match &reply {
            Err(error) if !lost && is_lost(error) => lost = true,
            // In a cluster the connection is being made again: nothing was sent.
            Err(error) if lost && error.kind() == ErrorKind::ClusterConnectionNotFound => {
                tokio::time::sleep(PAUSE).await;
            }
            _ => return reply,
        }
    }
}

/// Whether there was a connection, and it broke.
fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() && !error.is_connection_refusal()
}

/// Send one command. Over a connection of ours, a reply of numbers alone comes
/// [joined](super::numbers).
pub(crate) async fn send<C: ConnectionLike + 'static>(
    connection: &mut C,
    command: &Cmd,
) -> RedisResult<Value> {
    if let Some(ours) = Connection::of(connection) {
        return ours.send(command).await.and_then(refused);
    }
    let reply = connection.req_packed_command(command).await.and_then(refused);
    redirected(connection, command, reply).await
}

/// Send a check, and before it ask the same node what some policies are.
pub(crate) async fn send_with_policies<C: ConnectionLike + 'static>(
    connection: &mut C,
    key: &str,
    command: &Cmd,
    policies: &[Policy],
    again: bool,
) -> RedisResult<(Vec<RedisResult<Value>>, RedisResult<Value>)> {
    let mut pipeline = Pipeline::with_capacity(policies.len().saturating_add(1));
    for policy in policies {
        pipeline.cmd("RL.POLICY").arg("GET").arg(policy.name());
    }
    pipeline.add_command(command.clone());
    let replies = match pipelined(connection, key, &pipeline).await {
        // What the policies are can wait.
        Err(error) if again && is_lost(&error) => {
            return Ok((Vec::new(), send_again(connection, command).await));
        }
        replies => replies?,
    };
    let mut replies: Vec<_> = replies.into_iter().map(refused).collect();
    let last = replies.pop().unwrap_or(Ok(Value::Nil));
    let last = redirected(connection, command, last).await;
    Ok((replies, last))
}

/// See that the module is there: in a cluster, on each primary.
pub(crate) async fn version<C: ConnectionLike + 'static>(connection: &mut C) -> RedisResult<()> {
    let command = redis::cmd("RL.VERSION");
    #[cfg(feature = "cluster")]
    if let Some(cluster) = cluster::of(connection) {
        return cluster::every_primary(cluster, command).await;
    }
    command.query_async::<Value>(connection).await.map(drop)
}

async fn pipelined<C: ConnectionLike + 'static>(
    connection: &mut C,
    key: &str,
    pipeline: &Pipeline,
) -> RedisResult<Vec<Value>> {
    #[cfg(feature = "cluster")]
    if let Some(cluster) = cluster::of(connection) {
        return cluster::to_node_of(cluster, key, pipeline.clone()).await;
    }
    let _ = key;
    let count = pipeline.len();
    connection.req_packed_commands(pipeline, 0, count).await
}

/// The answer of the node that decides, where another one was asked.
async fn redirected<C: ConnectionLike + 'static>(
    connection: &mut C,
    command: &Cmd,
    reply: RedisResult<Value>,
) -> RedisResult<Value> {
    #[cfg(feature = "cluster")]
    if let Some(cluster) = cluster::of(connection)
        && let Err(error) = &reply
        && cluster::is_redirection(error)
    {
        return cluster::follow(cluster, command, error.clone()).await;
    }
    let _ = (connection, command);
    reply
}

/// An error that the server answered, which redis-rs takes for a value. It never is a part of a
/// reply.
fn refused(reply: Value) -> RedisResult<Value> {
    match reply {
        Value::ServerError(error) => Err(error.into()),
        reply => Ok(reply),
    }
}
