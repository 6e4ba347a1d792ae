//! A real cluster of three primaries.

use redis_rl::Limiter;
use redis_rl::redis::cluster_async::ClusterConnection;
use redis_rl::redis::cmd;

use super::server::{Server, free_port, module};
use super::{PATIENCE, eventually};

pub(crate) type ClusterLimiter = Limiter<ClusterConnection>;

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10922), (10923, 16383)];

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::with(vec![node(true), node(true), node(true)]).await
    }

    pub(crate) async fn with_one_without_the_module() -> Self {
        Self::with(vec![node(true), node(true), node(false)]).await
    }

    async fn with(nodes: Vec<Server>) -> Self {
        for ((first, last), node) in SLOTS.into_iter().zip(&nodes) {
            let () = node.say(&format!("CLUSTER ADDSLOTSRANGE {first} {last}")).await;
        }
        for other in &nodes[1..] {
            let bus = bus_port(other).await;
            let () = nodes[0].say(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port)).await;
        }
        for node in &nodes {
            eventually(|| async {
                let info: String = node.say("CLUSTER INFO").await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        Self { nodes }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// A limiter on it that is connected, and whose deadline a busy machine does not miss.
    pub(crate) async fn limiter(&self) -> ClusterLimiter {
        let limiter = patient_cluster(self.urls());
        eventually(|| async { limiter.probe().await.is_ok() }).await;
        limiter
    }

    /// The node that has a key's slot, and the slot.
    pub(crate) async fn owner(&self, key: &str) -> (usize, u16) {
        let slot: u16 = self.nodes[0].command(cmd("CLUSTER").arg("KEYSLOT").arg(key).clone()).await;
        let owner = SLOTS.iter().position(|(first, last)| (first..=last).contains(&&slot)).unwrap();
        (owner, slot)
    }

    pub(crate) async fn id(&self, node: usize) -> String {
        self.nodes[node].say("CLUSTER MYID").await
    }
}

/// A limiter on the cluster of these nodes, whose deadline a busy machine does not miss.
pub(crate) fn patient_cluster(urls: impl IntoIterator<Item = String>) -> ClusterLimiter {
    let connection = redis_rl::connect_cluster(urls).unwrap();
    Limiter::builder(connection).timeout(PATIENCE).build()
}

/// A node that belongs to no cluster yet.
pub(crate) fn cluster_node() -> Server {
    node(true)
}

fn node(loaded: bool) -> Server {
    let (bus, module) = (free_port().to_string(), module());
    let mut words = vec!["--cluster-enabled", "yes", "--cluster-port", &bus];
    if loaded {
        words.extend(["--loadmodule", &module]);
    }
    Server::with(&words, None)
}

async fn bus_port(node: &Server) -> String {
    let (_, port): (String, String) = node.say("CONFIG GET cluster-port").await;
    port
}
