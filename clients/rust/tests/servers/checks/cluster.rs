//! A limiter on a cluster.

use std::time::Duration;

use redis_rl::{Class, Error, Key, Limiter, Subject};

use crate::support::{
    Cluster, ClusterLimiter, Fault, Proxy, Server, cluster_node, eventually, limits,
    patient_cluster,
};

#[tokio::test]
async fn each_key_goes_to_its_node_and_follows_its_slot() {
    let cluster = Cluster::start().await;
    let limiter = cluster.limiter().await;

    let limits = limits("3/hour");
    let key = |n: usize| Key::new("test", Subject::user(n));
    for n in 0..60 {
        assert!(limiter.check(&key(n), &limits, 1).await.unwrap().allowed);
    }
    let mut calls = Vec::new();
    for node in &cluster.nodes {
        calls.push(node.calls("rl.limit").await);
        let errors: String = node.say("INFO errorstats").await;
        assert!(!errors.contains("MOVED"), "{errors}");
    }
    assert_eq!(calls.iter().sum::<u64>(), 60);
    assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");

    a_slot_on_its_way(&cluster, &limiter, &key(1), &limits).await;
    policies_of_each_node(&cluster, &limiter).await;
    assert!(limiter.reset(&key(2)).await.unwrap());
    assert!(!limiter.reset(&key(2)).await.unwrap());
}

/// A policy is asked of the node that has the key, which is the one that applies it.
async fn policies_of_each_node(cluster: &Cluster, limiter: &ClusterLimiter) {
    for node in &cluster.nodes {
        let () = node.say("RL.POLICY SET api FIXED 7 1h").await;
    }
    for n in 100..110 {
        let key = Key::new("test", Subject::user(n));
        let outcome = limiter.check(&key, &limits("policy api"), 1).await.unwrap();
        let told = outcome.decisions.first().unwrap();
        assert_eq!((told.remaining, told.window), (6, Some(Duration::from_secs(3600))));
    }
}

/// While a slot moves, and after it, a key is where it is, and each check is charged once.
async fn a_slot_on_its_way(
    cluster: &Cluster,
    limiter: &ClusterLimiter,
    key: &Key,
    limits: &redis_rl::LimitSet,
) {
    let name = "rl:test:user:1";
    let (from, slot) = cluster.owner(name).await;
    let to = (from + 1) % 3;
    let (from_id, to_id) = (cluster.id(from).await, cluster.id(to).await);
    let (from, to) = (&cluster.nodes[from], &cluster.nodes[to]);
    let () = to.say(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")).await;
    let () = from.say(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")).await;
    let () = from.say(&format!("MIGRATE 127.0.0.1 {} {name} 0 60000", to.port)).await;

    let asked = limiter.check(key, limits, 1).await.unwrap();
    assert_eq!(asked.remaining(), Some(1), "asked of the node that has it");

    for node in [to, from] {
        let () = node.say(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).await;
    }
    let moved = limiter.check(key, limits, 1).await.unwrap();
    assert_eq!(moved.remaining(), Some(0));
    let denied = limiter.check(key, limits, 1).await.unwrap();
    assert!(!denied.allowed, "the slot's new place is known");
}

#[tokio::test]
async fn each_primary_is_probed() {
    let mut cluster = Cluster::with_one_without_the_module().await;
    let limiter = patient_cluster(cluster.urls());
    eventually(|| async { matches!(limiter.probe().await, Err(Error::ModuleNotLoaded)) }).await;
    for _ in 0..6 {
        let told = limiter.probe().await;
        assert!(matches!(told, Err(Error::ModuleNotLoaded)), "{told:?}");
    }
    cluster.nodes[2].kill();
    let told = limiter.probe().await.unwrap_err();
    assert_eq!(told.class(), Class::Transient, "{told:?}");
}

#[tokio::test]
async fn a_lost_reply_is_charged_once() {
    let server = cluster_node();
    let proxy = Proxy::before(server.port).await;
    let () = server.say(&format!("CONFIG SET cluster-announce-port {}", proxy.port)).await;
    let () = server.say("CLUSTER ADDSLOTSRANGE 0 16383").await;
    let limiter = patient_cluster([proxy.url()]);
    let key = Key::new("test", Subject::user(1));
    let check = async || limiter.check(&key, &limits("9/hour"), 1).await;
    eventually(|| async { check().await.is_ok() }).await;

    let before = server.calls("rl.limit").await;
    proxy.set(Fault::Drop);
    let error = check().await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error:?}");
    eventually(|| async { limiter.check(&key, &limits("9/hour"), 0).await.is_ok() }).await;
    let left = limiter.check(&key, &limits("9/hour"), 0).await.unwrap().remaining();
    assert_eq!(left, Some(9 - before - 1));
}

#[tokio::test]
async fn a_cluster_that_was_not_there_is_found_when_it_is() {
    let mut cluster = Cluster::start().await;
    cluster.nodes.iter_mut().for_each(Server::kill);
    let connection = redis_rl::connect_cluster(cluster.urls()).unwrap();
    let limiter = Limiter::builder(connection).timeout(Duration::from_secs(2)).build();
    let key = Key::new("test", Subject::user(1));
    let error = limiter.check(&key, &limits("1/hour"), 0).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error:?}");
    cluster.nodes.iter_mut().for_each(Server::revive);
    eventually(|| async { limiter.check(&key, &limits("1/hour"), 0).await.is_ok() }).await;
}
