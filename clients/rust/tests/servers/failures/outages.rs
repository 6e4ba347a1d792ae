//! What happens when Redis does not answer, or refuses.

use std::time::{Duration, Instant};

use redis_rl::{Class, Error, Limiter, OnError, Source};

use crate::support::{Fault, Proxy, Server, eventually, limits, patient, user};

const TIMEOUT: Duration = Duration::from_millis(200);
/// What a deadline may be missed by on a busy machine.
const SLACK: Duration = Duration::from_millis(800);

/// Whether Redis did not answer in time, be this machine busy or not.
fn is_no_answer(error: &Error) -> bool {
    matches!(error, Error::Timeout(TIMEOUT) | Error::Late(TIMEOUT))
}

fn hasty(url: &str) -> redis_rl::LimiterBuilder<redis_rl::Connection> {
    patient(url).timeout(TIMEOUT)
}

#[tokio::test]
async fn nothing_listens() {
    let port = {
        let server = Server::start();
        server.port
    };
    let limiter = hasty(&format!("redis://127.0.0.1:{port}")).build();
    let began = Instant::now();
    let error = limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(began.elapsed() < TIMEOUT + SLACK);
    assert_eq!(limiter.probe().await.unwrap_err().class(), Class::Transient);

    let open = limiter.clone().on_error(OnError::Open);
    let served = open.check(&user("x"), &limits("1/hour"), 1).await.unwrap();
    assert_eq!((served.allowed, served.source), (true, Source::FailedOpen));
    assert!(served.decisions.is_empty());
    assert_eq!(limiter.failed_open(), 1, "a clone counts for all");
}

#[tokio::test]
async fn a_late_reply_is_not_waited_for_and_charged_once() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = hasty(&proxy.url()).build();
    limiter.check(&user("x"), &limits("10/hour"), 1).await.unwrap();
    for fault in [Fault::Delay(Duration::from_secs(5)), Fault::Hang] {
        let before = server.calls("rl.limit").await;
        proxy.set(fault);
        let began = Instant::now();
        let error = limiter.check(&user("x"), &limits("10/hour"), 1).await.unwrap_err();
        assert!(is_no_answer(&error), "{error:?}");
        assert!((TIMEOUT..TIMEOUT + SLACK).contains(&began.elapsed()), "{:?}", began.elapsed());
        proxy.set(Fault::None);
        assert_eq!(server.calls("rl.limit").await, before + 1);
    }
}

#[tokio::test]
async fn a_lost_reply_is_charged_once_and_the_connection_made_again() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build();
    limiter.check(&user("x"), &limits("10/hour"), 1).await.unwrap();
    proxy.set(Fault::Drop);
    let error = limiter.check(&user("x"), &limits("10/hour"), 1).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert_eq!(server.calls("rl.limit").await, 2);
    eventually(Duration::from_secs(10), || async {
        limiter.check(&user("x"), &limits("10/hour"), 0).await.is_ok()
    })
    .await;
    let looked = limiter.check(&user("x"), &limits("10/hour"), 0).await.unwrap();
    assert_eq!(looked.remaining(), Some(8));
}

#[tokio::test]
async fn a_frozen_server_opens_the_breaker_and_a_thawed_one_closes_it() {
    let server = Server::start();
    let limiter = hasty(&server.url()).build();
    limiter.check(&user("x"), &limits("100/hour"), 1).await.unwrap();
    server.freeze();
    let mut asked = 1;
    while is_no_answer(&limiter.check(&user("x"), &limits("100/hour"), 1).await.unwrap_err()) {
        asked += 1;
        assert!(asked < 50, "five of these open the breaker");
    }
    let began = Instant::now();
    for _ in 0..1_000 {
        let error = limiter.check(&user("x"), &limits("100/hour"), 1).await.unwrap_err();
        assert!(matches!(error, Error::BreakerOpen), "{error:?}");
    }
    assert!(began.elapsed() < SLACK, "a thousand refusals took {:?}", began.elapsed());
    server.thaw();
    eventually(Duration::from_secs(5), || async {
        limiter.check(&user("x"), &limits("100/hour"), 0).await.is_ok()
    })
    .await;
    let calls = server.calls("rl.limit").await;
    assert!((asked..asked + 20).contains(&calls), "what was refused was never sent: {calls}");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_hold_the_breaker_open() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = hasty(&proxy.url()).build();
    limiter.check(&user("x"), &limits("9/hour"), 0).await.unwrap();
    proxy.set(Fault::Hang);
    for _ in 0..5 {
        limiter.check(&user("x"), &limits("9/hour"), 0).await.unwrap_err();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (key, nine) = (user("x"), limits("9/hour"));
    let asking = limiter.check(&key, &nine, 0);
    let given_up = tokio::time::timeout(Duration::from_millis(20), asking).await;
    assert!(given_up.is_err(), "the one that asks again is under way");
    proxy.set(Fault::None);
    eventually(Duration::from_secs(5), || async {
        limiter.check(&user("x"), &limits("9/hour"), 0).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_missing_module_is_an_error_in_every_mode_until_it_is_loaded() {
    let mut server = Server::without_module();
    let limiter = patient(&server.url()).on_error(OnError::Open).build();
    assert!(matches!(limiter.probe().await, Err(Error::ModuleNotLoaded)));
    for _ in 0..10 {
        let error = limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap_err();
        assert_eq!(error.class(), Class::MissingModule, "{error:?}");
        assert!(error.to_string().contains("--loadmodule"), "{error}");
    }
    assert_eq!(limiter.failed_open(), 0);
    let () = server.say(&format!("MODULE LOAD {}", crate::support::module())).await;
    limiter.probe().await.unwrap();
    assert!(limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap().allowed);

    server.restart(&[]);
    eventually(Duration::from_secs(5), || async {
        matches!(limiter.check(&user("x"), &limits("1/hour"), 1).await, Err(Error::ModuleNotLoaded))
    })
    .await;
}

#[tokio::test]
async fn what_the_server_refuses_is_never_served() {
    let server = Server::start();
    let limiter = patient(&server.url()).on_error(OnError::Open).build();
    let () = server.say("SET rl:test:user:x 1").await;
    let wrong_type = limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap_err();
    assert_eq!(wrong_type.class(), Class::Configuration, "{wrong_type:?}");

    let () = server.say("ACL SETUSER weak on >secret ~* +@all -rl.limit").await;
    let url = format!("redis://weak:secret@127.0.0.1:{}", server.port);
    let weak = patient(&url).on_error(OnError::Open).build();
    weak.probe().await.unwrap();
    let error = weak.check(&user("y"), &limits("1/hour"), 1).await.unwrap_err();
    assert!(error.to_string().contains("permissions"), "{error}");

    let stranger = patient(&url.replace("secret", "wrong")).on_error(OnError::Open).build();
    let error = stranger.check(&user("y"), &limits("1/hour"), 1).await.unwrap_err();
    assert_eq!(error.class(), Class::Configuration, "{error:?}");
}

#[tokio::test]
async fn what_was_refused_once_is_asked_again() {
    let server = Server::start();
    let () = server.say("ACL SETUSER late on >wrong ~* +@all").await;
    let () = server.say("CONFIG SET maxclients 5").await;
    let url = format!("redis://late:secret@127.0.0.1:{}", server.port);
    let limiter = patient(&url).build();
    let check = async || limiter.check(&user("x"), &limits("1/hour"), 0).await;
    assert_eq!(check().await.unwrap_err().class(), Class::Configuration, "a wrong password");

    let mut others = Vec::new();
    while let Ok(other) = server.client().get_multiplexed_async_connection().await {
        others.push(other);
        assert!(others.len() < 10, "the server takes no more than 5");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    check().await.unwrap_err();
    drop(others);
    eventually(Duration::from_secs(5), || async {
        server.client().get_multiplexed_async_connection().await.is_ok()
    })
    .await;
    let () = server.say("ACL SETUSER late >secret").await;
    eventually(Duration::from_secs(5), || async { check().await.is_ok() }).await;
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_left_for_the_new_one() {
    let (old, new) = (Server::start(), Server::start());
    let proxy = Proxy::before(old.port).await;
    let limiter = patient(&proxy.url()).build();
    limiter.check(&user("x"), &limits("9/hour"), 1).await.unwrap();
    let () = old.say(&format!("REPLICAOF 127.0.0.1 {}", new.port)).await;
    proxy.lead_to(new.port);
    let error = limiter.check(&user("x"), &limits("9/hour"), 1).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error:?}");
    eventually(Duration::from_secs(5), || async {
        limiter.check(&user("x"), &limits("9/hour"), 1).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn full_memory_fails_new_keys_and_nobody_else() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    limiter.check(&user("known"), &limits("99/hour"), 1).await.unwrap();
    let () = server.say("CONFIG SET maxmemory 1").await;
    for _ in 0..20 {
        let error = limiter.check(&user("new"), &limits("1/hour"), 1).await.unwrap_err();
        assert_eq!(error.class(), Class::Transient, "{error:?}");
        assert!(error.to_string().contains("OOM"), "{error}");
    }
    limiter.check(&user("known"), &limits("99/hour"), 1).await.unwrap();
}

#[tokio::test]
async fn what_is_misconfigured_stays_refused_through_an_outage() {
    let mut server = Server::without_module();
    let proxy = Proxy::before(server.port).await;
    let limiter = hasty(&proxy.url()).on_error(OnError::Open).build();
    let check = async || limiter.check(&user("x"), &limits("9/hour"), 1).await;
    assert!(matches!(check().await, Err(Error::ModuleNotLoaded)));
    proxy.set(Fault::Hang);
    for _ in 0..8 {
        let told = check().await;
        assert!(matches!(told, Err(Error::ModuleNotLoaded)), "{told:?}");
    }
    proxy.set(Fault::None);
    server.restart(&["--loadmodule", &crate::support::module()]);
    eventually(Duration::from_secs(5), || async {
        check().await.is_ok_and(|outcome| outcome.source == Source::Server)
    })
    .await;
    server.kill();
    assert_eq!(check().await.unwrap().source, Source::FailedOpen, "that is an outage again");
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut server = Server::start();
    let limiter: Limiter<_> = hasty(&server.url()).build();
    limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap();
    server.restart(&["--loadmodule", &crate::support::module()]);
    eventually(Duration::from_secs(5), || async {
        limiter.check(&user("x"), &limits("1/hour"), 0).await.is_ok()
    })
    .await;
}
