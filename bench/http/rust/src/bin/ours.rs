//! redis-rl's helper.

use std::error::Error;
use std::time::Duration;

use bench_http::LIMIT;
use redis_rl::tower::RateLimitLayer;
use redis_rl::{LimitSet, Limiter};

/// As long as the others wait, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let connection = redis_rl::connect(bench_http::redis_url())?;
    let limiter = Limiter::builder(connection).timeout(PATIENCE).build();
    let limits: LimitSet = format!("{LIMIT}/minute").parse()?;
    let layer = RateLimitLayer::new(limiter, limits);
    bench_http::serve(bench_http::items().layer(layer)).await?;
    Ok(())
}
