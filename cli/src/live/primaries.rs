//! All the primaries behind one URL: a single server, or those of a cluster.

use futures_util::future::join_all;
use redis::Cmd;

use super::server::{Away, Server, command, text, words_of};
use crate::words::Address;

/// The servers behind a URL, found again whenever [`refresh`](Self::refresh) is called.
#[derive(Debug)]
pub(crate) struct Primaries {
    /// That of the URL.
    first: Address,
    servers: Vec<Server>,
    /// The other nodes of the cluster: whom to ask for its nodes if no primary answers.
    replicas: Vec<Address>,
    is_cluster: bool,
}

/// What a server says about itself and its cluster.
enum Told {
    Single { primary: Option<String> },
    Cluster(Vec<Node>),
}

impl Primaries {
    /// Those behind the URL of `first`.
    pub(crate) fn new(first: Address) -> Self {
        let servers = vec![Server::new(first.clone())];
        Self { first, servers, replicas: Vec::new(), is_cluster: false }
    }

    /// The name of the server of the URL.
    pub(crate) fn name(&self) -> String {
        self.first.to_string()
    }

    /// All of them, as last found.
    pub(crate) fn servers(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Whether they are those of a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// Finds all of them again. While nobody answers, they stay as they were.
    pub(crate) async fn refresh(&mut self) -> Result<(), Away> {
        self.find().await.map(drop)
    }

    /// The same, but the URL must be of a cluster or a primary.
    pub(crate) async fn require_primaries(&mut self) -> Result<(), Away> {
        match self.find().await? {
            Some(primary) => Err(Away(format!(
                "{} is a replica of {primary}: policies are set on the primary",
                self.first
            ))),
            None => Ok(()),
        }
    }

    /// Finds them; if the URL is of a single server that is a replica, its primary.
    async fn find(&mut self) -> Result<Option<String>, Away> {
        match self.told().await? {
            Told::Single { primary } => Ok(primary),
            Told::Cluster(nodes) => {
                self.take(nodes);
                Ok(None)
            }
        }
    }

    /// What the first of them that answers tells; it is asked first from then on.
    async fn told(&mut self) -> Result<Told, Away> {
        let first_error = match self.servers.first_mut() {
            Some(server) => match ask(server).await {
                Ok(told) => return Ok(told),
                Err(error) => error,
            },
            None => Away("there is no server".into()),
        };
        let names: Vec<String> = self.servers.iter().map(Server::name).collect();
        let others = self.replicas.iter().chain([&self.first]).cloned().map(Server::new);
        let mut others: Vec<Server> =
            others.filter(|server| !names.contains(&server.name())).collect();
        let known = self.servers.iter_mut().skip(1);
        let told = join_all(known.chain(&mut others).map(ask)).await;
        told.into_iter().find_map(Result::ok).ok_or(first_error)
    }

    fn take(&mut self, nodes: Vec<Node>) {
        self.is_cluster = true;
        let mut known = std::mem::take(&mut self.servers);
        self.replicas.clear();
        for node in nodes {
            match node.role {
                Role::Primary => {
                    let name = node.address.to_string();
                    let place = known.iter().position(|server| server.name() == name);
                    let server = place.map(|place| known.swap_remove(place));
                    self.servers.push(server.unwrap_or_else(|| Server::new(node.address)));
                }
                Role::Replica => self.replicas.push(node.address),
            }
        }
    }
}

async fn ask(server: &mut Server) -> Result<Told, Away> {
    let questions: [Cmd; 3] = [
        command(&["INFO", "cluster"]),
        command(&["INFO", "replication"]),
        command(&["CLUSTER", "NODES"]),
    ];
    let [cluster, replication, nodes]: [_; 3] =
        server.ask(&questions).await?.try_into().map_err(|_| Away("it does not answer".into()))?;
    let cluster = text(&cluster?);
    if !cluster.lines().any(|line| line == "cluster_enabled:1") {
        let replication = text(&replication.unwrap_or(redis::Value::Nil));
        return Ok(Told::Single { primary: primary_of(&replication) });
    }
    let nodes = nodes.map_err(|error| {
        Away(format!("it is one of a cluster, but does not tell its nodes: {}", words_of(&error)))
    })?;
    Ok(Told::Cluster(read_nodes(&text(&nodes), server.address())))
}

/// The primary that a replica names in INFO.
fn primary_of(replication: &str) -> Option<String> {
    let field = |name: &str| {
        replication.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    (field("role") == Some("slave")).then(|| {
        format!("{}:{}", field("master_host").unwrap_or("?"), field("master_port").unwrap_or("?"))
    })
}

#[derive(Debug)]
struct Node {
    address: Address,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Replica,
}

/// The nodes of CLUSTER NODES, as `asked` told them: in order of their addresses.
fn read_nodes(told: &str, asked: &Address) -> Vec<Node> {
    let mut nodes: Vec<Node> = told.lines().filter_map(|line| read_node(line, asked)).collect();
    nodes.sort_by_key(|node| node.address.to_string());
    nodes
}

/// A node; nothing if it is not, or no longer, one of the cluster.
///
/// A failed primary without slots has been replaced; one with slots is missing.
fn read_node(line: &str, asked: &Address) -> Option<Node> {
    let mut words = line.split(' ');
    let (_id, place, flags) = (words.next()?, words.next()?, words.next()?);
    let has_slots = words.nth(5).is_some();
    let flagged = |flag: &str| flags.split(',').any(|one| one == flag);
    if flagged("noaddr") || flagged("handshake") {
        return None;
    }
    let role = match (flagged("master"), flagged("fail")) {
        (true, failed) if has_slots || !failed => Role::Primary,
        (true, _) => return None,
        (false, _) => Role::Replica,
    };
    let (place, hostname) = place.split_once(',').unwrap_or((place, ""));
    let hostname = hostname.split(',').next().unwrap_or_default();
    let (host, port) = place.split('@').next()?.rsplit_once(':')?;
    let host = match (host, hostname) {
        // Certificates are made out for names.
        (_, name) if asked.is_tls() && !name.is_empty() => name,
        // A node that nobody has met yet does not know its own.
        ("", _) => asked.host().unwrap_or("127.0.0.1"),
        (host, _) => host,
    };
    Some(Node { address: asked.at(host, port.parse().ok()?), role })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "\
a1 10.0.0.2:7001@17001 myself,master - 0 0 2 connected 5461-10922
a2 10.0.0.1:7000@17000,one.example,shard-id=x master - 0 1 1 connected 0-5460 [77->-a1]
a3 10.0.0.3:7002@17002 master,fail - 1 1 3 disconnected 10923-16383
a4 10.0.0.4:7003@17003 master,fail - 1 1 3 disconnected
a5 10.0.0.5:7004@17004 master - 0 1 4 connected
a6 10.0.0.6:7005@17005 slave a1 0 1 2 connected
a7 :0@0 master,noaddr - 1 1 0 disconnected
a8 10.0.0.8:7007@17007 handshake - 0 0 0 connected
";

    fn primaries(told: &str, url: &str) -> Vec<String> {
        let nodes = read_nodes(told, &url.parse().unwrap());
        let primaries = nodes.into_iter().filter(|node| node.role == Role::Primary);
        primaries.map(|node| node.address.to_string()).collect()
    }

    #[test]
    fn primaries_are_all_that_serve_or_will_serve() {
        let all = ["10.0.0.1:7000", "10.0.0.2:7001", "10.0.0.3:7002", "10.0.0.5:7004"];
        assert_eq!(primaries(TOLD, "redis://10.0.0.2:7001"), all);
    }

    #[test]
    fn names_are_for_certificates() {
        let found = primaries(TOLD, "rediss://10.0.0.2:7001");
        assert!(found.contains(&"one.example:7000".to_owned()), "{found:?}");
    }

    #[test]
    fn a_node_that_does_not_know_its_host_has_that_of_the_url() {
        let told = "a1 :7000@17000 myself,master - 0 0 0 connected 0-16383";
        assert_eq!(primaries(told, "redis://db.example:7000"), ["db.example:7000"]);
        assert_eq!(primaries(told, "redis://[::1]:7000"), ["[::1]:7000"]);
        let told = "a1 fe80::1:7000@17000 myself,master - 0 0 0 connected 0-16383";
        assert_eq!(primaries(told, "redis://[::1]:7000"), ["[fe80::1]:7000"]);
    }

    #[test]
    fn a_replica_names_its_primary() {
        let told = "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n";
        assert_eq!(primary_of(told).unwrap(), "10.0.0.1:6379");
        assert_eq!(primary_of("role:master\r\nconnected_slaves:0\r\n"), None);
    }
}
