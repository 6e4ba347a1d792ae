//! A busy process is not blamed on Redis.

use std::thread;
use std::time::{Duration, Instant};

use redis_rl::Limiter;
use tokio::task::JoinSet;

use crate::support::{Server, limits, patient_and_hasty, user};

/// Longer than Redis itself is kept from answering on a busy machine.
const TIMEOUT: Duration = Duration::from_millis(800);
const CHECKS: usize = 20;

/// Work that does not let the runtime turn.
fn compute(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
}

async fn ready(server: &Server) -> Limiter {
    patient_and_hasty(&server.url(), TIMEOUT).await.1.build()
}

/// Handlers that each ask and then compute longer than the deadline, all at once: how many got no
/// verdict.
async fn failures(limiter: &Limiter, blocks: usize) -> usize {
    let mut tasks = JoinSet::new();
    for _ in 0..blocks {
        tasks.spawn(async {
            tokio::task::yield_now().await;
            compute(TIMEOUT * 2);
            None
        });
    }
    for _ in 0..CHECKS {
        let limiter = limiter.clone();
        tasks.spawn(async move { Some(limiter.check(&user("x"), &limits("999/hour"), 1).await) });
    }
    // These keep the runtime before it has written what was asked.
    for _ in 0..blocks {
        tasks.spawn(async {
            compute(TIMEOUT * 2);
            None
        });
    }
    let told = tasks.join_all().await;
    let failed = told.into_iter().flatten().filter_map(Result::err).collect::<Vec<_>>();
    if !failed.is_empty() {
        eprintln!("{failed:?}");
    }
    failed.len()
}

#[tokio::test]
async fn one_thread_that_computes_loses_no_check() {
    let server = Server::start();
    let limiter = ready(&server).await;
    assert_eq!(failures(&limiter, 1).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_all_compute_lose_no_check() {
    let server = Server::start();
    let limiter = ready(&server).await;
    assert_eq!(failures(&limiter, 2).await, 0);
}

#[tokio::test]
async fn handlers_that_compute_before_they_ask_lose_no_check() {
    let server = Server::start();
    let limiter = ready(&server).await;
    let mut tasks = JoinSet::new();
    for _ in 0..CHECKS {
        let limiter = limiter.clone();
        tasks.spawn(async move {
            compute(TIMEOUT / 8);
            limiter.check(&user("x"), &limits("999/hour"), 1).await.is_ok()
        });
    }
    let served = tasks.join_all().await;
    assert_eq!(served.into_iter().filter(|served| *served).count(), CHECKS);
}
