//! The example app: each route is limited in another way.
//!
//! Environment: `REDIS_URL`, `PORT`, `ON_ERROR` (`closed` or `open`), `TRUSTED_PROXIES` (CIDRs or
//! `unix`, by comma), `RL_PREFIX`, `RL_TIMEOUT_MS` (the deadline of a check), `SOCKET` (the path of
//! a Unix socket to serve instead of `PORT`).

use std::collections::HashMap;
use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use futures_util::{StreamExt, stream};
use redis_rl::tower::{
    ClientIp, ConcurrencyLayer, LimitsFor, RateLimitInfo, RateLimitLayer, UnixPeer,
};
use redis_rl::{
    CannotIdentify, Class, ConfigError, Connection, LimitSet, Limiter, OnError, Places,
    Reservation, Subject,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> ExitCode {
    // What the limiter says of failures.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let port: u16 = number("PORT", "8000")?;
    let proxies = setting("TRUSTED_PROXIES", "");
    let ip = ClientIp::behind(proxies.split(',').filter(|network| !network.trim().is_empty()))
        .map_err(|error| format!("TRUSTED_PROXIES: {error}"))?;
    let limiter = limiter()?;

    match limiter.probe().await {
        Ok(()) => {}
        Err(error) if error.class() == Class::Transient => {
            eprintln!("Starting without Redis: {error}")
        }
        Err(error) => return Err(error.to_string().into()),
    }

    let app = app(&Guard { limiter, ip })?;
    let socket = setting("SOCKET", "");
    if !socket.is_empty() {
        let listener =
            UnixListener::bind(&socket).map_err(|error| format!("SOCKET is {socket}: {error}"))?;
        let served = axum::serve(listener, app.layer(Extension(UnixPeer)));
        return Ok(served.with_graceful_shutdown(stop()).await?);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("PORT is {port}: {error}"))?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop())
        .await?;
    Ok(())
}

fn limiter() -> Result<Limiter, Box<dyn Error>> {
    let on_error = match setting("ON_ERROR", "closed").as_str() {
        "closed" => OnError::Closed,
        "open" => OnError::Open,
        other => return Err(format!("ON_ERROR must be `closed` or `open`, not `{other}`").into()),
    };
    let connection = redis_rl::connect(setting("REDIS_URL", "redis://127.0.0.1:6379"))
        .map_err(|error| format!("REDIS_URL must be like redis://127.0.0.1:6379: {error}"))?;
    let prefix = setting("RL_PREFIX", "rl");
    let timeout = Duration::from_millis(number::<u16>("RL_TIMEOUT_MS", "100")?.into());
    // Whoever gives checks more time than it takes to connect gives it to that, too.
    let connection = connection.connect_timeout(timeout.max(Duration::from_secs(1)));
    Ok(Limiter::builder(connection).prefix(prefix).timeout(timeout).on_error(on_error).build())
}

fn app(guard: &Guard) -> Result<Router, Box<dyn Error>> {
    let limit = |limits: &str| limits.parse().map(|limits: LimitSet| guard.layer(limits));
    let named = |name, limits| LimitSet::named(name, limits).map(|limits| guard.layer(limits));
    let quotes = guard.layer(tiers()?).key(guard.user("paid_token", "paid"));
    let read = middleware::from_fn(read_pages);
    let failures =
        named("signin", "3/15 minutes")?.count_if(|answer| answer.status.as_u16() >= 400);
    let together = named("user", "10/minute")?
        .key(guard.user("user123_token", "user123"))
        .and(LimitSet::named("team", "15/minute")?, team_of);
    let patient = named("patient", "token 5/second burst 1")?.max_wait(Duration::from_secs(1))?;
    let tokens = named("tokens", "fixed 1000/minute")?.cost(estimate).reserve(true);

    Ok(Router::new()
        .route("/items", get(items).route_layer(limit("5/minute")?))
        .route("/items/{id}", get(item).route_layer(limit("5/minute")?))
        .route("/create_item", post(create_item).route_layer(limit("1/second")?))
        .route(
            "/user_data",
            get(user_data)
                .route_layer(limit("10/minute")?.key(guard.user("user123_token", "user123"))),
        )
        .route("/quotes/{symbol}", get(quote).route_layer(quotes))
        .route("/login", post(ok).route_layer(named("login", "5/minute")?))
        .route("/report", get(ok).route_layer(named("report", "2/minute; 100/hour")?))
        .route(
            "/export",
            get(export).route_layer(limit("10/minute")?.cost(pages)).route_layer(read),
        )
        .route("/stream", get(chunks).route_layer(limit("token 10/second burst 20")?))
        .route("/slow", get(slow).route_layer(limit("leaky 5/second burst 10")?.wait(true)))
        .route("/plan", get(ok).route_layer(limit("policy plan")?))
        .route(
            "/team/{team}",
            get(team).route_layer(together).route_layer(middleware::from_fn(read_team)),
        )
        .route("/trial", get(ok).route_layer(named("trial", "100/minute; shadow 2/minute")?))
        .route("/guarded", get(ok).route_layer(named("guarded", GUARDED)?))
        .route("/signin", post(signin).route_layer(failures))
        .route(
            "/generate",
            post(generate).route_layer(tokens).route_layer(middleware::from_fn(read_tokens)),
        )
        .route("/busy", get(busy).route_layer(guard.at_once(2, "5s", "busy")?))
        .route("/patient", get(ok).route_layer(patient))
        .route("/boom", get(boom).route_layer(limit("5/minute")?))
        .route("/health", get(ok)))
}

/// Whoever goes on asking when refused is shut out.
const GUARDED: &str = "3/minute; ban 1m after 2/minute";

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

    /// So many requests of an address at once.
    fn at_once(
        &self,
        limit: u32,
        lease: &str,
        name: &str,
    ) -> Result<ConcurrencyLayer<Connection, Body>, ConfigError> {
        let places = Places::new(limit, lease)?.named(name)?;
        Ok(ConcurrencyLayer::new(self.limiter.clone(), places).key(self.ip.clone()))
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
    let anonymous: LimitSet = "100/minute".parse()?;
    let paid: LimitSet = "1000/minute; 20/second".parse()?;
    Ok(move |_: &Request, subject: &Subject| match subject {
        Subject::User(_) => paid.clone(),
        _ => anonymous.clone(),
    })
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) =
        request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What a request says of itself, read and checked before it is charged.
#[derive(Clone, Copy)]
struct Pages(u64);

#[derive(Clone, Copy)]
struct Tokens {
    estimate: u64,
    actual: u64,
}

/// Refuse a count that makes no sense before it is charged.
async fn read_pages(mut request: Request, next: Next) -> Response {
    let Some(pages) = count(request.uri(), "pages", Some(1)) else { return bad("pages") };
    request.extensions_mut().insert(Pages(pages));
    next.run(request).await
}

async fn read_tokens(mut request: Request, next: Next) -> Response {
    let uri = request.uri();
    let Some(estimate) = count(uri, "estimate", None) else { return bad("estimate") };
    let Some(actual) = count(uri, "actual", None) else { return bad("actual") };
    request.extensions_mut().insert(Tokens { estimate, actual });
    next.run(request).await
}

#[derive(Clone)]
struct Team(String);

/// The team whichever way the client spells the path.
async fn read_team(Path(team): Path<String>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Team(team));
    next.run(request).await
}

fn team_of(request: &Request) -> Result<Subject, CannotIdentify> {
    let Team(team) = request.extensions().get().ok_or(CannotIdentify)?;
    Ok(Subject::other("team", team))
}

fn bad(name: &str) -> Response {
    let detail = format!("{name} must be an integer of at least 1");
    (StatusCode::BAD_REQUEST, Json(json!({"detail": detail}))).into_response()
}

/// The count that is asked for, nothing where it is no count.
fn count(uri: &Uri, name: &str, default: Option<u64>) -> Option<u64> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let mut given = pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
    match (given.next(), given.next()) {
        (None, _) => default,
        (Some(count), None) if count.starts_with(|c| matches!(c, '1'..='9')) => count.parse().ok(),
        _ => None,
    }
}

fn pages(request: &Request) -> u64 {
    request.extensions().get().map_or(1, |Pages(pages)| *pages)
}

fn estimate(request: &Request) -> u64 {
    request.extensions().get().map_or(1, |Tokens { estimate, .. }| *estimate)
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

async fn export(Extension(Pages(pages)): Extension<Pages>) -> Json<Value> {
    Json(json!({"pages": pages}))
}

async fn signin(uri: Uri) -> (StatusCode, Json<Value>) {
    let right =
        uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "password=right"));
    let status = if right { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status, Json(json!({"ok": right})))
}

/// A model says afterwards how much it has used.
async fn generate(
    Extension(tokens): Extension<Tokens>,
    Extension(reservation): Extension<Reservation>,
) -> Json<Value> {
    reservation.settle(tokens.actual).await;
    Json(json!({"charged": tokens.actual, "requests_left": reservation.remaining()}))
}

async fn team(Path(team): Path<String>) -> Json<Value> {
    Json(json!({"team": team}))
}

async fn chunks() -> Body {
    Body::from_stream(stream::iter(["a\n", "b\n", "c\n"]).then(|chunk| async move {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(chunk)
    }))
}

/// The layer has waited by now.
async fn slow(Extension(info): Extension<RateLimitInfo>) -> Json<Value> {
    Json(json!({"waited_ms": info.wait().as_millis()}))
}

async fn busy(Query(asked): Query<HashMap<String, String>>) -> Result<Json<Value>, StatusCode> {
    let ms = asked.get("ms").map_or(Ok(0), |ms| ms.parse()).map_err(|_| StatusCode::BAD_REQUEST)?;
    sleep(Duration::from_millis(ms)).await;
    if asked.get("fail").is_some_and(|fail| fail == "1") {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok(ok().await)
}

async fn boom() -> Result<(), StatusCode> {
    Err(StatusCode::INTERNAL_SERVER_ERROR)
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

fn number<N: FromStr>(name: &str, default: &str) -> Result<N, String> {
    let text = setting(name, default);
    let number = text.parse().ok().filter(|_| text.starts_with(|c| matches!(c, '1'..='9')));
    number.ok_or_else(|| format!("{name} must be a number from 1 to 65535, not `{text}`"))
}

async fn stop() {
    let Ok(mut term) = signal(SignalKind::terminate()) else { return };
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
    tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
}
