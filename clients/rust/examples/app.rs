//! The example app: each route is limited in another way.
//!
//! Environment: `REDIS_URL`, `PORT`, `ON_ERROR` (`closed` or `open`), `TRUSTED_PROXIES` (CIDRs, by comma),
//! `RL_PREFIX`, `RL_TIMEOUT_MS` (the deadline of a check).

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use futures_util::stream;
use redis_rl::tower::{ClientIp, LimitsFor, RateLimitInfo, RateLimitLayer};
use redis_rl::{CannotIdentify, Class, ConfigError, Connection, Limiter, Limits, OnError, Subject};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 =
        setting("PORT", "8000").parse().map_err(|_| "PORT must be a number from 1 to 65535")?;
    let proxies = setting("TRUSTED_PROXIES", "");
    let ip = ClientIp::behind(proxies.split(',').filter(|network| !network.trim().is_empty()))?;
    let limiter = limiter()?;

    match limiter.probe().await {
        Ok(()) => {}
        Err(error) if error.class() == Class::Transient => {
            eprintln!("Starting without Redis: {error}")
        }
        Err(error) => return Err(error.to_string().into()),
    }

    let app = app(&Guard { limiter, ip })?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop())
        .await?;
    Ok(())
}

fn limiter() -> Result<Limiter, Box<dyn Error>> {
    let on_error = match setting("ON_ERROR", "closed").as_str() {
        "closed" => OnError::Closed,
        "open" => OnError::Open,
        other => return Err(format!("ON_ERROR is `{other}`; it may be `closed` or `open`").into()),
    };
    let connection = redis_rl::connect(setting("REDIS_URL", "redis://127.0.0.1:6379"))?;
    let prefix = setting("RL_PREFIX", "rl");
    let timeout = setting("RL_TIMEOUT_MS", "100").parse().map(Duration::from_millis);
    let timeout = timeout.map_err(|_| "RL_TIMEOUT_MS must be a number of milliseconds")?;
    Ok(Limiter::builder(connection).prefix(prefix).timeout(timeout).on_error(on_error).build())
}

fn app(guard: &Guard) -> Result<Router, Box<dyn Error>> {
    let limit = |limits: &str| limits.parse().map(|limits: Limits| guard.layer(limits));
    let named = |name, limits| Limits::named(name, limits).map(|limits| guard.layer(limits));
    let quotes = guard.layer(tiers()?).key(guard.user("paid_token", "paid"));

    Ok(Router::new()
        .route("/items", get(items).layer(limit("5/minute")?))
        .route("/items/{id}", get(item).layer(limit("5/minute")?))
        .route("/create_item", post(create_item).layer(limit("1/second")?))
        .route(
            "/user_data",
            get(user_data).layer(limit("10/minute")?.key(guard.user("user123_token", "user123"))),
        )
        .route("/quotes/{symbol}", get(quote).layer(quotes))
        .route("/login", post(ok).layer(named("login", "5/minute")?))
        .route("/report", get(ok).layer(named("report", "2/minute; 100/hour")?))
        .route("/export", get(export).layer(limit("10/minute")?.cost(pages)))
        .route("/stream", get(chunks).layer(limit("token 10/second burst 20")?))
        .route("/slow", get(slow).layer(limit("leaky 5/second burst 10")?.wait(true)))
        .route("/boom", get(boom).layer(limit("5/minute")?))
        .route("/health", get(ok)))
}

/// What all limits of this app have in common.
struct Guard {
    limiter: Limiter,
    ip: ClientIp,
}

type Layer = RateLimitLayer<Connection, Body>;

impl Guard {
    fn layer(&self, limits: impl LimitsFor<Body> + 'static) -> Layer {
        RateLimitLayer::new(self.limiter.clone(), limits).key(self.ip.clone())
    }

    /// The user whose token is sent, else the address.
    fn user(
        &self,
        token: &'static str,
        user: &'static str,
    ) -> impl Fn(&Request) -> Result<Subject, CannotIdentify> + use<> {
        let ip = self.ip.clone();
        move |request| {
            if bearer(request) == Some(token) { Ok(Subject::user(user)) } else { ip.of(request) }
        }
    }
}

/// Users pay for more.
fn tiers() -> Result<impl LimitsFor<Body>, ConfigError> {
    let anonymous: Limits = "100/minute".parse()?;
    let paid: Limits = "1000/minute; 20/second".parse()?;
    Ok(move |_: &Request, subject: &Subject| match subject {
        Subject::User(_) => paid.clone(),
        _ => anonymous.clone(),
    })
}

fn bearer(request: &Request) -> Option<&str> {
    request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[derive(Deserialize)]
struct Export {
    pages: Option<NonZeroU64>,
}

/// What an export costs: a page each, and nothing where the handler will refuse the query.
fn pages(request: &Request) -> u64 {
    match Query::<Export>::try_from_uri(request.uri()) {
        Ok(Query(export)) => export.pages.map_or(1, u64::from),
        Err(_) => 0,
    }
}

async fn items() -> Json<Value> {
    Json(json!([{"item": "Foo"}, {"item": "Bar"}]))
}

async fn item(Path(id): Path<String>) -> Json<Value> {
    Json(json!({"item": id}))
}

async fn create_item() -> impl IntoResponse {
    (StatusCode::CREATED, Json(json!({"message": "Item created"})))
}

async fn user_data(Extension(info): Extension<RateLimitInfo>) -> Json<Value> {
    Json(json!({"message": "This is your data", "requests_left": info.remaining()}))
}

async fn quote(
    Path(symbol): Path<String>,
    Extension(info): Extension<RateLimitInfo>,
) -> Json<Value> {
    Json(json!({"symbol": symbol, "price": 101.5, "requests_left": info.remaining()}))
}

async fn ok() -> Json<Value> {
    Json(json!({"ok": true}))
}

async fn export(Query(export): Query<Export>) -> Json<Value> {
    Json(json!({"pages": export.pages.map_or(1, u64::from)}))
}

async fn chunks() -> Body {
    Body::from_stream(stream::iter(["a\n", "b\n", "c\n"].map(Ok::<_, Infallible>)))
}

/// The layer has waited by now.
async fn slow(Extension(info): Extension<RateLimitInfo>) -> Json<Value> {
    Json(json!({"waited_ms": info.wait().as_millis()}))
}

async fn boom() -> Result<(), StatusCode> {
    Err(StatusCode::INTERNAL_SERVER_ERROR)
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

async fn stop() {
    let Ok(mut term) = signal(SignalKind::terminate()) else { return };
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
    tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
}
