//! So many requests at once, through a real HTTP server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::routing::get;
use futures_util::{StreamExt, stream};
use redis_rl::tower::{ConcurrencyLayer, RateLimitLayer};
use redis_rl::{Connection, Limiter, OnError, Places, Subject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{
    Answer, App, PATIENT, Server, eventually, get as fetch, keys, limits, patient,
};

type Layer = ConcurrencyLayer<Connection, Body>;

fn busy(limiter: &Limiter, limit: u32, lease: &str) -> Layer {
    let places = Places::new(limit, lease).unwrap().named("busy").unwrap();
    ConcurrencyLayer::new(limiter.clone(), places)
}

async fn free(server: &Server) -> u64 {
    let [_, _, free, ..]: [u64; 5] =
        server.say("RL.LEASE rl:busy:ip:127.0.0.1 2 1m look COST 0").await;
    free
}

async fn is_free(server: &Server) {
    eventually(|| async { free(server).await == 2 }).await;
}

/// Serve on a free port, until the test ends.
async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    port
}

/// Routes that take some milliseconds, fail, panic, or stream for ever, or until a permit of the
/// gate lets each end.
fn routes(layer: Layer) -> Router {
    routes_with(layer, &Gate::new(Semaphore::new(0)))
}

type Gate = Arc<Semaphore>;

fn routes_with(layer: Layer, gate: &Gate) -> Router {
    let gate = Arc::clone(gate);
    let gated = move || {
        let gate = Arc::clone(&gate);
        async move {
            let chunks = stream::iter(["a", "b"]).then(move |chunk| {
                let gate = Arc::clone(&gate);
                async move {
                    if chunk == "b" {
                        gate.acquire().await.unwrap().forget();
                    }
                    Ok::<_, Infallible>(chunk)
                }
            });
            Body::from_stream(chunks)
        }
    };
    let endless = || async {
        let chunks = stream::iter(0..).then(|n| async move {
            sleep(Duration::from_millis(5)).await;
            Ok::<_, Infallible>(format!("{n}\n"))
        });
        Body::from_stream(chunks)
    };
    let chunks = |Path(count): Path<u64>| async move {
        let chunks = stream::iter(0..count).then(|_| async {
            sleep(Duration::from_millis(20)).await;
            Ok::<_, Infallible>("a")
        });
        Body::from_stream(chunks)
    };
    let work = |Path(ms): Path<u64>| async move { sleep(Duration::from_millis(ms)).await };
    Router::new()
        .route("/work/{ms}", get(work))
        .route("/chunks/{count}", get(chunks))
        .route("/gated", get(gated))
        .route("/endless", get(endless))
        .route("/fail", get(|| async { Err::<(), _>(http::StatusCode::IM_A_TEAPOT) }))
        .route("/panic", get(|| async { panic!("the handler panics") as () }))
        .layer(layer)
}

/// Ask, read so many bytes of the answer, and hang up.
async fn hang_up(port: u16, path: &str, after: usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; after];
    stream.read_exact(&mut answer).await.unwrap();
}

fn shown(answer: &Answer) -> [Option<&str>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| answer.header(name))
}

#[tokio::test]
async fn a_place_is_held_until_the_body_has_ended() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let gate = Gate::new(Semaphore::new(0));
    let port = serve(routes_with(busy(&limiter, 2, "5m"), &gate)).await;
    let policy = Some("\"busy\";q=2;qu=\"concurrent-requests\"");
    let answer = fetch(port, "/work/0").await;
    assert_eq!(shown(&answer), [policy, Some("\"busy\";r=1"), None]);
    is_free(&server).await;

    let streams: Vec<_> = (0..2).map(|_| tokio::spawn(fetch(port, "/gated"))).collect();
    eventually(|| async { free(&server).await == 0 }).await;
    let denied = fetch(port, "/work/0").await;
    assert_eq!(denied.status, 429);
    let [_, state, after] = shown(&denied);
    let after: u64 = after.unwrap().parse().unwrap();
    assert!((1..=300).contains(&after), "{after}");
    assert_eq!(state, Some(format!("\"busy\";r=0;t={after}").as_str()));
    gate.add_permits(2);
    for stream in streams {
        assert_eq!(stream.await.unwrap().body, "ab");
    }
    is_free(&server).await;
    assert_eq!(server.calls("rl.release").await, 3, "once each");
}

#[tokio::test]
async fn errors_panics_and_clients_that_go_away_give_it_back() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    // A place that nobody gives back lasts longer than is waited for.
    let port = serve(routes(busy(&limiter, 2, "5m"))).await;
    for _ in 0..5 {
        assert_eq!(fetch(port, "/fail").await.status, 418);
        is_free(&server).await;
    }
    for path in ["/panic", "/endless", "/work/60000", "/chunks/100000"] {
        for _ in 0..3 {
            let after = if path == "/endless" || path.starts_with("/chunks") { 200 } else { 0 };
            hang_up(port, path, after).await;
        }
        is_free(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_of_which_a_third_hang_up_leak_nothing() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (Arc::clone(&now), Arc::clone(&most));
    let work = move || {
        let (now, most) = seen.clone();
        async move {
            let busy = now.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(busy, Ordering::SeqCst);
            sleep(Duration::from_millis(30)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let endless = || async {
        Body::from_stream(stream::iter(0..).then(|n: u64| async move {
            sleep(Duration::from_millis(5)).await;
            Ok::<_, Infallible>(n.to_string())
        }))
    };
    // A place that nobody gives back lasts longer than is waited for.
    let layer = busy(&limiter, 20, "5m");
    let router =
        Router::new().route("/work", get(work)).route("/endless", get(endless)).layer(layer);
    let port = serve(router).await;
    let mut clients = JoinSet::new();
    for n in 0..200 {
        clients.spawn(async move {
            match n % 3 {
                0 if n % 2 == 0 => hang_up(port, "/work", 0).await,
                0 => hang_up(port, "/endless", 30).await,
                _ => return Some(fetch(port, "/work").await.status),
            }
            None
        });
    }
    let answers: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    assert!(answers.iter().all(|status| [200, 429].contains(status)), "{answers:?}");
    assert!(answers.contains(&200) && answers.len() == 133);
    assert!(most.load(Ordering::SeqCst) <= 20, "{most:?} at once");
    eventually(|| async { keys(&server).await.is_empty() }).await;
}

#[tokio::test]
async fn it_stacks_with_limits_and_is_of_whom_it_is_told() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let user = |_: &Request| Subject::user("ann");
    let rate: RateLimitLayer<_, Body> =
        RateLimitLayer::new(limiter.clone(), limits("9/day")).key(user);
    let places = ConcurrencyLayer::new(limiter, Places::new(4, "30s").unwrap()).key(user);
    let only = places.clone().methods(["POST"]).unwrap();
    let gate = Gate::new(Semaphore::new(0));
    let pass = Arc::clone(&gate);
    let handler = move || async move { pass.acquire().await.map(drop).unwrap() };
    let router =
        Router::new().route("/a", get(handler).route_layer(places)).layer(only).layer(rate);
    let port = serve(router).await;
    let asked = tokio::spawn(fetch(port, "/a"));
    let key = "rl:GET%20%2Fa:user:ann";
    eventually(|| async { server.calls("rl.lease").await == 1 }).await;
    let second = "rl:GET%20%2Fa%232:user:ann";
    assert_eq!(keys(&server).await, [second, key], "one that is not for GET was met before");
    gate.add_permits(1);
    let [policies, state, _] = shown(&asked.await.unwrap()).map(|line| line.map(str::to_owned));
    assert_eq!(
        policies.unwrap(),
        "\"4-at-once\";q=4;qu=\"concurrent-requests\", \"9-per-86400s\";q=9;w=86400"
    );
    assert_eq!(state.unwrap(), "\"4-at-once\";r=3, \"9-per-86400s\";r=8;t=86400");
}

#[tokio::test]
async fn without_redis_it_is_closed_or_open() {
    let port = Server::start().port;
    let limiter = patient(&format!("redis://127.0.0.1:{port}")).build();
    let closed = serve(routes(busy(&limiter, 2, "5s"))).await;
    assert_eq!(fetch(closed, "/work/0").await.status, 503);
    let open = serve(routes(busy(&limiter, 2, "5s").on_error(OnError::Open))).await;
    let answer = fetch(open, "/work/0").await;
    assert_eq!((answer.status, shown(&answer)), (200, [None; 3]));
}

#[tokio::test]
async fn an_app_that_is_killed_leaves_its_places_for_a_lease() {
    let (server, clock) = Server::clocked();
    let mut app = App::start(&[("REDIS_URL", &server.url()), PATIENT]);
    for _ in 0..2 {
        tokio::spawn(hang_up(app.port, "/busy?ms=3600000", 1));
    }
    eventually(|| async { free(&server).await == 0 }).await;
    assert_eq!(fetch(app.port, "/busy").await.status, 429);
    for _ in 0..2 {
        clock.advance(Duration::from_secs(4));
        let renewed = server.calls("rl.renew").await;
        eventually(|| async { server.calls("rl.renew").await >= renewed + 4 }).await;
    }
    assert_eq!(free(&server).await, 0, "they are renewed");
    app.kill();
    assert_eq!(free(&server).await, 0, "they are left");
    clock.advance(Duration::from_millis(5_001));
    is_free(&server).await;
}
