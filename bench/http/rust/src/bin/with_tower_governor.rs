//! tower_governor: in the memory of this process, so every process would have a limit of its own.

use std::io;

use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

#[tokio::main]
async fn main() -> io::Result<()> {
    let config = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .use_headers()
        .finish()
        .expect("neither number is zero");
    bench_http::serve(bench_http::items().layer(GovernorLayer::new(config))).await
}
