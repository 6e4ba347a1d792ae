//! `export`: what all servers count, in Prometheus' text format, at `/metrics`.
//!
//! | file | what it is for |
//! |---|---|
//! | `families` | counters as metrics with labels |
//! | `fields` | what is known of the fields of INFO |
//! | `scrape` | all servers, asked whenever somebody asks for their metrics |

mod families;
mod fields;
mod scrape;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

use self::scrape::Scrape;
use crate::args::ExportArgs;
use crate::failure::Failure;

const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until it is told to end.
pub(crate) async fn run(args: &ExportArgs) -> Result<(), Failure> {
    let cannot = |error| Failure::Could(format!("cannot listen on {}: {error}", args.listen));
    let listener = TcpListener::bind(args.listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let mut scrape = Scrape::new(&args.urls);
    let mut terminated = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(cannot)?;
    let end = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    eprintln!("redis-rl: metrics are at http://{address}/metrics");
    // So that whoever is away is told of at once, and not with the first scrape.
    scrape.metrics().await;
    let app = Router::new()
        .route("/", get(|| async { Html("<a href=\"/metrics\">Metrics of redis-rl</a>") }))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Mutex::new(scrape)));
    let serving = axum::serve(listener, app);
    tokio::select! {
        served = serving => served.map_err(cannot),
        () = end => Ok(()),
    }
}

async fn metrics(State(scrape): State<Arc<Mutex<Scrape>>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, FORMAT)], scrape.lock().await.metrics().await)
}
