//! The recipes of the README, word for word, on a real server.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use redis_rl::tower::{ClientIp, ConcurrencyLayer, RateLimitLayer};
use redis_rl::{Connection, Key, LimitSet, Limiter, Places, Reservation, Subject};
use tokio::time::sleep;
use tower::{Layer as _, ServiceExt, service_fn};

use crate::support::{Server, eventually, keys, patient};

type Layer = RateLimitLayer<Connection, Body>;
type Made<T> = Result<T, Box<dyn Error>>;

fn failed_logins(limiter: Limiter) -> Made<Layer> {
    // recipe: failed logins
    let failures = LimitSet::named("signin", "3/15 minutes")?;
    let signin =
        RateLimitLayer::new(limiter, failures).count_if(|answer| answer.status.as_u16() >= 400);
    // end
    Ok(signin)
}

fn language_model(limiter: Limiter) -> Made<Router> {
    let user = |_: &Request| "ann";
    let estimate = |_: &Request| 2_000;
    // recipe: requests and tokens of a language model
    let requests = RateLimitLayer::new(limiter.clone(), LimitSet::named("requests", "60/minute")?);
    let tokens = LimitSet::named("tokens", "token 100000/minute")?;
    let tokens = RateLimitLayer::new(limiter, tokens).key(user).cost(estimate).reserve(true);
    let chat = async |Extension(held): Extension<Reservation>| {
        held.settle(1_234).await;
    };
    let chat = post(chat).route_layer(tokens).route_layer(requests.key(user));
    // end
    Ok(Router::new().route("/chat", chat))
}

fn tenant_and_user(limiter: Limiter) -> Made<Layer> {
    let user_of = |_: &Request| "ann";
    let tenant_of = |_: &Request| Subject::other("tenant", "acme");
    let tenant_id = |_: &Request| "acme".to_owned();
    // recipe: tenant and user
    let user = LimitSet::named("user", "10/minute")?;
    let tenant = LimitSet::named("tenant", "15/minute")?;
    let both = RateLimitLayer::new(limiter, user).key(user_of).and(tenant, tenant_of);
    let both = both.slot(tenant_id); // in a cluster: all keys of a tenant are in one slot
    // end
    Ok(both)
}

fn uploads(limiter: Limiter) -> Made<ConcurrencyLayer<Connection, Body>> {
    let user = |_: &Request| "ann";
    // recipe: uploads, at most three at a time
    let three = Places::new(3, "30s")?.named("uploads")?;
    let uploads = ConcurrencyLayer::new(limiter, three).key(user);
    // end
    Ok(uploads)
}

async fn webhooks(limiter: Limiter, send: impl AsyncFn()) -> Made<()> {
    // recipe: webhooks at a partner's pace
    let pace: LimitSet = "leaky 5/second burst 100".parse()?;
    let partner = Key::new("webhooks", Subject::other("partner", "acme"));
    let outcome = limiter.max_wait(Duration::from_secs(60))?.check(&partner, &pace, 1).await?;
    sleep(outcome.wait()).await;
    if outcome.allowed {
        send().await
    }
    // end
    Ok(())
}

fn limit_on_trial(limiter: Limiter) -> Made<Layer> {
    // recipe: a limit on trial
    let limits = LimitSet::named("api", "1000/minute; shadow 100/minute")?;
    let api = RateLimitLayer::new(limiter, limits);
    // redis-cli RL.TOP SHADOW tells whom 100 a minute would have refused.
    // end
    Ok(api)
}

fn ban(limiter: Limiter) -> Made<Layer> {
    // recipe: a ban for whoever does not wait
    let limits = LimitSet::named("search", "100/minute; ban 15m after 20/minute up to 1d")?;
    let search = RateLimitLayer::new(limiter, limits);
    // end
    Ok(search)
}

fn tiers(limiter: Limiter, pays: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Made<Layer> {
    let user = |_: &Request| "ann";
    // recipe: free and paid tiers, kept on the server
    let (free, paid): (LimitSet, LimitSet) = ("policy free".parse()?, "policy paid".parse()?);
    let tier = move |request: &Request, _: &Subject| {
        if pays(request) { paid.clone() } else { free.clone() }
    };
    let api = RateLimitLayer::new(limiter, tier).key(user);
    // end
    Ok(api)
}

fn behind_a_proxy(limiter: Limiter) -> Made<Layer> {
    let limits: LimitSet = "100/minute".parse()?;
    // recipe: behind a proxy
    let ip = ClientIp::behind(["10.0.0.0/8", "fd00::/8"])?;
    let api = RateLimitLayer::new(limiter, limits).key(ip);
    // end
    Ok(api)
}

fn in_tests() -> Made<Limiter> {
    // recipe: in tests of your application
    let nowhere = redis_rl::connect("redis://127.0.0.1:6379")?;
    let limiter = Limiter::builder(nowhere).enabled(false).build(); // asks nobody, allows all
    // end
    Ok(limiter)
}

fn from(peer: &str) -> Request {
    let peer: SocketAddr = peer.parse().unwrap();
    Request::builder()
        .uri("/chat")
        .method("POST")
        .extension(ConnectInfo(peer))
        .body(Body::empty())
        .unwrap()
}

/// Ask a service that answers this status.
async fn ask(layer: &Layer, status: u16) -> Response {
    let inner = service_fn(move |_: Request| async move {
        let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
        Ok::<_, Infallible>(response.body(Body::empty()).unwrap())
    });
    layer.layer(inner).oneshot(from("192.0.2.1:1")).await.unwrap()
}

async fn statuses(layer: &Layer, status: u16, times: usize) -> Vec<u16> {
    let mut told = Vec::new();
    for _ in 0..times {
        told.push(ask(layer, status).await.status().as_u16());
    }
    told
}

fn state(response: &Response) -> &str {
    response.headers()["ratelimit"].to_str().unwrap()
}

#[tokio::test]
async fn failed_logins_are_counted_and_others_are_not() {
    let server = Server::start();
    let layer = failed_logins(patient(&server.url()).build()).unwrap();
    for n in 1..=5 {
        assert_eq!(ask(&layer, 200).await.status(), 200);
        eventually(|| async { server.calls("rl.settle").await == n }).await;
    }
    assert_eq!(statuses(&layer, 401, 4).await, [401, 401, 401, 429]);
}

#[tokio::test]
async fn a_model_has_two_budgets() {
    let (server, _clock) = Server::clocked();
    let app = language_model(patient(&server.url()).build()).unwrap();
    let response = app.oneshot(from("192.0.2.1:1")).await.unwrap();
    assert_eq!(state(&response), "\"tokens\";r=98766;t=2, \"requests\";r=59;t=60");
    assert_eq!(keys(&server).await, ["rl:requests:user:ann", "rl:tokens:user:ann"]);
}

#[tokio::test]
async fn a_tenant_and_its_user_are_charged_together() {
    let server = Server::start();
    let layer = tenant_and_user(patient(&server.url()).build()).unwrap();
    let mut told = statuses(&layer, 200, 11).await;
    assert_eq!(told.pop(), Some(429));
    assert_eq!(told, [200; 10]);
    assert_eq!(keys(&server).await, ["rl{acme}:tenant:tenant:acme", "rl{acme}:user:user:ann"]);
}

#[tokio::test]
async fn three_uploads_at_a_time() {
    let server = Server::start();
    let layer = uploads(patient(&server.url()).build()).unwrap();
    let inner =
        service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::from("uploaded"))));
    let upload = async || layer.layer(inner).oneshot(from("192.0.2.1:1")).await.unwrap();
    let held = [upload().await, upload().await, upload().await];
    assert_eq!(upload().await.status(), 429);
    drop(held);
    eventually(|| async { keys(&server).await.is_empty() }).await;
    assert_eq!(upload().await.status(), 200);
}

#[tokio::test]
async fn a_partner_is_called_at_its_pace() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let began = Instant::now();
    let sending = || webhooks(limiter.clone(), async || {});
    let sent = tokio::join!(sending(), sending(), sending());
    assert!(sent.0.is_ok() && sent.1.is_ok() && sent.2.is_ok());
    assert!(began.elapsed() >= Duration::from_millis(390), "{:?}", began.elapsed());
}

#[tokio::test]
async fn trials_bans_and_tiers() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    assert_eq!(statuses(&limit_on_trial(limiter.clone()).unwrap(), 200, 101).await, [200; 101]);
    let top: Vec<(String, u64)> = server.say("RL.TOP SHADOW").await;
    assert_eq!(top, [("rl:api:ip:192.0.2.1".to_owned(), 1)]);

    let search = ban(limiter.clone()).unwrap();
    statuses(&search, 200, 120).await;
    assert_eq!(state(&ask(&search, 200).await), "\"search\";r=0;t=60, \"search-ban\";r=0;t=900");

    let () = server.say("RL.POLICY SET free FIXED 100 1h").await;
    let () = server.say("RL.POLICY SET paid FIXED 5000 1h TOKEN 50 20 1s").await;
    let (free, paid) = (tiers(limiter.clone(), |_| false), tiers(limiter, |_| true));
    assert_eq!(state(&ask(&free.unwrap(), 200).await), "\"free\";r=99;t=3600");
    // What was used stays used.
    let upgraded = "\"paid-hour\";r=4998;t=3600, \"paid-second\";r=49;t=1";
    assert_eq!(state(&ask(&paid.unwrap(), 200).await), upgraded);
}

#[tokio::test]
async fn proxies_and_tests() {
    let server = Server::start();
    let layer = behind_a_proxy(patient(&server.url()).build()).unwrap();
    let inner = service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::empty())));
    let mut request = from("10.1.2.3:1");
    request.headers_mut().insert("x-forwarded-for", "198.51.100.1, 203.0.113.9".parse().unwrap());
    layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(keys(&server).await, ["rl:app:ip:203.0.113.9"]);
    let off: Layer =
        RateLimitLayer::new(in_tests().unwrap(), "0/hour".parse::<LimitSet>().unwrap());
    assert_eq!(statuses(&off, 200, 3).await, [200; 3]);
}

#[test]
fn the_readme_has_them_word_for_word() {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = include_str!("../../README.md");
    let recipes = readme.split_once("\n## Recipes\n").expect("there is such a section").1;
    let recipes = recipes.split("\n## ").next().unwrap();
    let here = include_str!("recipes.rs");
    let mut found = 0;
    for part in here.split("// recipe: ").skip(1) {
        let Some((code, _)) = part.split_once("    // end\n") else { continue };
        let (name, code) = code.split_once('\n').unwrap();
        let shown = recipes
            .split("\n**")
            .find(|recipe| recipe.to_lowercase().starts_with(name))
            .unwrap_or_else(|| panic!("the README has no recipe for {name}"));
        let shown: Vec<_> = shown.lines().filter(|line| !line.starts_with("# ")).collect();
        assert!(flat(&shown.join("\n")).contains(&flat(code)), "{name} is another one there");
        let is_fence = |line: &&&str| line.starts_with("```");
        let lines = shown.iter().skip_while(|line| !is_fence(line)).skip(1);
        let lines = lines.take_while(|line| !is_fence(line)).count();
        assert!(lines <= 5, "{name} takes {lines} lines");
        found += 1;
    }
    assert_eq!((found, recipes.matches("```rust").count()), (10, 10));
}
