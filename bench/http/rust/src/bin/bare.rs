//! No limiter.

use std::io;

#[tokio::main]
async fn main() -> io::Result<()> {
    bench_http::serve(bench_http::items()).await
}
