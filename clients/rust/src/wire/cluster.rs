//! What differs in a cluster: all primaries must have the module, and a slot may be on its way to
//! another node.

use std::any::Any;

use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{
    MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr,
};
use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};

/// The connection, if it is one to a cluster.
pub(crate) fn of<C: 'static>(connection: &mut C) -> Option<&mut ClusterConnection> {
    (connection as &mut dyn Any).downcast_mut()
}

/// Whether a connection is one to a cluster.
pub(crate) fn is<C: 'static>(connection: &C) -> bool {
    (connection as &dyn Any).is::<ClusterConnection>()
}

/// Send a command without a key to every primary; an error of one is an error. (With redis-rs's
/// policy that all must succeed, an error that a server answers is lost.)
pub(crate) async fn every_primary(
    cluster: &mut ClusterConnection,
    command: Cmd,
) -> RedisResult<()> {
    let routing = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
    cluster.route_command(command, routing).await?.extract_error().map(drop)
}

/// Send commands to the node that has a key.
pub(crate) async fn to_node_of(
    cluster: &mut ClusterConnection,
    key: &str,
    pipeline: Pipeline,
) -> RedisResult<Vec<Value>> {
    let node = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
    let count = pipeline.len();
    cluster.route_pipeline(pipeline, 0, count, node).await
}

/// Whether a node said that another one decides: it has decided nothing itself, so asking again
/// charges once.
pub(crate) fn is_redirection(error: &RedisError) -> bool {
    matches!(error.code(), Some("MOVED" | "ASK"))
}

/// Ask the node that an error names. By hand, since redis-rs is not to repeat commands.
pub(crate) async fn follow(
    cluster: &mut ClusterConnection,
    command: &Cmd,
    error: RedisError,
) -> RedisResult<Value> {
    let Some((host, port)) = error.redirect_node().and_then(|(node, _slot)| node.rsplit_once(':'))
    else {
        return Err(error);
    };
    let Ok(port) = port.parse() else { return Err(error) };
    let node = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port };
    if error.code() != Some("ASK") {
        return cluster
            .route_command(command.clone(), RoutingInfo::SingleNode(node))
            .await?
            .extract_error();
    }
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.cmd("ASKING").ignore().add_command(command.clone());
    let replies = cluster.route_pipeline(pipeline, 0, 2, node).await?;
    replies.into_iter().next_back().unwrap_or(Value::Nil).extract_error()
}
