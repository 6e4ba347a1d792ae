//! Many at once: never more than the limit.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::support::{Server, limits, patient, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_than_the_limit_over_all_connections() {
    let server = Server::start();
    let limits = Arc::new(limits("sliding 1000/hour; 50/hour"));
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let limiter = patient(&server.url()).build();
        for _ in 0..100 {
            let (limiter, limits) = (limiter.clone(), Arc::clone(&limits));
            tasks.spawn(
                async move { limiter.check(&user("crowd"), &limits, 1).await.unwrap().allowed },
            );
        }
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.len(), 400);
    assert_eq!(verdicts.into_iter().filter(|allowed| *allowed).count(), 50);
    assert_eq!(server.calls("rl.limit").await, 400, "one command each");
}
