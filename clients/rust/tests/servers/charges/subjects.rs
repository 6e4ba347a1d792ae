//! A layer that asks for several subjects.

use std::convert::Infallible;

use http::{Request, Response};
use redis_rl::tower::{RateLimitInfo, RateLimitLayer};
use redis_rl::{LimitSet, Limiter, OnError, Subject};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::plain::{Layered, header, request};
use crate::support::{Cluster, Server, eventually, keys, patient};

fn named(name: &str, limits: &str) -> LimitSet {
    LimitSet::named(name, limits).unwrap()
}

/// The user is the body up to a slash, the team what follows.
fn both(limiter: &Limiter) -> Layered {
    let part = |request: &Request<String>, place| {
        request.body().split('/').nth(place).unwrap_or_default().to_owned()
    };
    RateLimitLayer::new(limiter.clone(), named("user", "3/day"))
        .key(move |request: &Request<String>| Some(part(request, 0)).filter(|user| user != "root"))
        .and(named("team", "4/day"), move |request: &Request<String>| {
            Some(Subject::other("team", part(request, 1))).filter(|_| part(request, 1) != "none")
        })
}

async fn ask(layer: &Layered, who: &str) -> Response<String> {
    let inner = service_fn(async |request: Request<String>| {
        let info = request.extensions().get::<RateLimitInfo>().unwrap();
        let team = info.outcomes().find_map(|outcome| outcome.each("team"));
        let told = format!("{:?} {:?}", info.remaining(), team.and_then(|team| team.remaining()));
        Ok::<_, Infallible>(Response::new(told))
    });
    layer.layer(inner).oneshot(request("GET").map(|_| who.to_owned())).await.unwrap()
}

#[tokio::test]
async fn both_are_charged_or_neither_in_one_command() {
    let (server, _clock) = Server::clocked();
    let layer = both(&patient(&server.url()).build());
    for (who, status, state) in [
        ("ann/red", 200, "\"user\";r=2;t=86400, \"team\";r=3;t=86400"),
        ("ann/red", 200, "\"user\";r=1;t=86400, \"team\";r=2;t=86400"),
        ("bob/red", 200, "\"user\";r=2;t=86400, \"team\";r=1;t=86400"),
        ("bob/red", 200, "\"user\";r=1;t=86400, \"team\";r=0;t=86400"),
        ("ann/red", 429, "\"team\";r=0;t=86400"),
        ("ann/blue", 200, "\"user\";r=0;t=86400, \"team\";r=3;t=86400"),
        ("root/blue", 200, "\"team\";r=2;t=86400"),
        ("bob/none", 200, "\"user\";r=0;t=86400"),
    ] {
        let response = ask(&layer, who).await;
        assert_eq!(
            (response.status().as_u16(), header(response.headers(), "ratelimit")),
            (status, Some(state)),
            "{who}"
        );
    }
    assert_eq!(server.calls("rl.all").await, 8);
    assert_eq!(ask(&layer, "root/none").await.headers().len(), 0, "exempt from both");
    assert_eq!(ask(&layer, "root/green").await.body(), "Some(3) Some(3)");
    assert_eq!(ask(&layer, "eve/").await.status(), 400, "a team without a name is nobody");
    let expected = [
        "rl:team:team:blue",
        "rl:team:team:green",
        "rl:team:team:red",
        "rl:user:user:ann",
        "rl:user:user:bob",
    ];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn costs_and_settling_are_of_each() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let layer: Layered = RateLimitLayer::new(limiter, named("user", "9/day"))
        .key(|_: &Request<String>| "ann")
        .and_at_cost(named("team", "9/day"), |_: &Request<String>| Subject::other("team", 1), |_| 5)
        .slot(|_: &Request<String>| "t1".to_owned())
        .count_if(|answer| answer.status != 200);
    let response = ask(&layer, "").await;
    assert_eq!(response.body(), "Some(4) Some(4)");
    let state = "\"user\";r=9;t=86400, \"team\";r=9;t=86400";
    assert_eq!(header(response.headers(), "ratelimit"), Some(state), "as if never charged");
    eventually(|| async { server.calls("rl.settle").await == 2 }).await;
    assert_eq!(keys(&server).await, ["rl{t1}:team:team:1", "rl{t1}:user:user:ann"]);
    for key in keys(&server).await {
        let [_, _, left, ..]: [u64; 5] = server.say(&format!("RL.FIXED {key} 9 1d COST 0")).await;
        assert_eq!(left, 9);
    }
}

#[tokio::test]
async fn in_a_cluster_it_must_have_a_slot() {
    let cluster = Cluster::start().await;
    let limiter = cluster.limiter().await;
    let layer = RateLimitLayer::new(limiter, named("user", "9/day"))
        .key(|request: &Request<String>| request.body().clone())
        .and(named("team", "9/day"), |_: &Request<String>| Subject::other("team", 1))
        .on_error(OnError::Open);
    let inner =
        service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let ask = || request("GET").map(|_| "ann".to_owned());
    let response = layer.layer(inner).oneshot(ask()).await.unwrap();
    assert_eq!(response.status(), 503, "in every mode");
    for node in &cluster.nodes {
        assert_eq!(node.calls("rl.all").await, 0, "nobody is asked");
    }
    let slotted = layer.slot(|_| "t1".to_owned());
    let response = slotted.layer(inner).oneshot(ask()).await.unwrap();
    let state = "\"user\";r=8;t=86400, \"team\";r=8;t=86400";
    assert_eq!(header(response.headers(), "ratelimit"), Some(state));
}
