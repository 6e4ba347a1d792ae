//! What happens when Redis does not answer, or refuses.

use std::time::{Duration, Instant};

use redis_rl::redis::cmd;
use redis_rl::{Class, Error, OnError, Source};

use crate::support::{Fault, Proxy, Server, eventually, limits, patient, patient_and_hasty, user};

const TIMEOUT: Duration = Duration::from_millis(200);

/// Whether Redis did not answer in time, be this machine busy or not.
fn is_no_answer(error: &Error) -> bool {
    matches!(error, Error::Timeout(TIMEOUT) | Error::Late(TIMEOUT))
}

#[tokio::test]
async fn nothing_listens() {
    let port = {
        let server = Server::start();
        server.port
    };
    let limiter = patient(&format!("redis://127.0.0.1:{port}")).build();
    let error = limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "at once: {error:?}");
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
    let (patient, hasty) = patient_and_hasty(&proxy.url(), TIMEOUT).await;
    let limiter = hasty.build();
    for sent in 1..=3 {
        proxy.set(Fault::Hang);
        let began = Instant::now();
        let error = limiter.check(&user("x"), &limits("10/hour"), 1).await.unwrap_err();
        assert!(is_no_answer(&error), "{error:?}");
        assert!(began.elapsed() >= TIMEOUT, "{:?}", began.elapsed());
        proxy.set(Fault::None);
        let looked = patient.check(&user("x"), &limits("10/hour"), 0).await.unwrap();
        assert_eq!(looked.remaining(), Some(10 - sent), "the late reply is nobody else's");
        assert_eq!(server.calls("rl.limit").await, 2 * sent);
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
    eventually(|| async { limiter.check(&user("x"), &limits("10/hour"), 0).await.is_ok() }).await;
    let looked = limiter.check(&user("x"), &limits("10/hour"), 0).await.unwrap();
    assert_eq!(looked.remaining(), Some(8));
}

#[tokio::test]
async fn a_frozen_server_opens_the_breaker_and_a_thawed_one_closes_it() {
    let server = Server::start();
    let (_patient, hasty) = patient_and_hasty(&server.url(), TIMEOUT).await;
    let limiter = hasty.build();
    let fail = async || limiter.check(&user("x"), &limits("100/hour"), 1).await.unwrap_err();
    server.freeze();
    let mut sent = 0;
    while is_no_answer(&fail().await) {
        sent += 1;
        assert!(sent < 50, "five of these open the breaker");
    }
    // From here on one is sent a second, however long this takes.
    let (began, mut unanswered) = (Instant::now(), 0);
    for _ in 0..50 {
        let error = fail().await;
        assert!(matches!(error, Error::BreakerOpen) || is_no_answer(&error), "{error:?}");
        sent += u64::from(is_no_answer(&error));
        unanswered += u64::from(matches!(error, Error::Timeout(_)));
    }
    let took = began.elapsed();
    assert!(unanswered <= 1 + took.as_secs(), "{unanswered} were sent in {took:?}");
    server.thaw();
    let look = async || limiter.check(&user("x"), &limits("100/hour"), 0).await;
    eventually(|| async { look().await.is_ok() }).await;
    let used = 100 - look().await.map_or(100, |looked| looked.remaining().unwrap());
    assert!(used <= sent, "what was refused was never sent: {used}");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_hold_the_breaker_open() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let (_patient, hasty) = patient_and_hasty(&proxy.url(), TIMEOUT).await;
    let limiter = hasty.build();
    let (key, nine) = (user("x"), limits("9/hour"));
    let check = async || limiter.check(&key, &nine, 0).await;
    proxy.set(Fault::Hang);
    eventually(|| async { matches!(check().await, Err(Error::BreakerOpen)) }).await;
    // The one that asks again is under way when its caller gives up.
    eventually(|| async {
        tokio::time::timeout(Duration::from_millis(20), check()).await.is_err()
    })
    .await;
    proxy.set(Fault::None);
    eventually(|| async { check().await.is_ok() }).await;
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
    eventually(|| async {
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
    // It keeps its place among the clients.
    let mut admin = server.connection().await;
    let () =
        cmd("CONFIG").arg("SET").arg("maxclients").arg(5).query_async(&mut admin).await.unwrap();
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
    let right = cmd("ACL").arg("SETUSER").arg("late").arg(">secret").clone();
    let () = right.query_async(&mut admin).await.unwrap();
    eventually(|| async { check().await.is_ok() }).await;
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
    eventually(|| async { limiter.check(&user("x"), &limits("9/hour"), 1).await.is_ok() }).await;
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
    let limiter = patient(&proxy.url()).timeout(TIMEOUT).on_error(OnError::Open).build();
    let check = async || limiter.check(&user("x"), &limits("9/hour"), 1).await;
    eventually(|| async { matches!(check().await, Err(Error::ModuleNotLoaded)) }).await;
    proxy.set(Fault::Hang);
    for _ in 0..8 {
        let told = check().await;
        assert!(matches!(told, Err(Error::ModuleNotLoaded)), "{told:?}");
    }
    proxy.set(Fault::None);
    server.restart(&["--loadmodule", &crate::support::module()]);
    eventually(|| async { check().await.is_ok_and(|outcome| outcome.source == Source::Server) })
        .await;
    server.kill();
    assert_eq!(check().await.unwrap().source, Source::FailedOpen, "that is an outage again");
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let mut server = Server::start();
    let limiter = patient(&server.url()).build();
    limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap();
    server.restart(&["--loadmodule", &crate::support::module()]);
    eventually(|| async { limiter.check(&user("x"), &limits("1/hour"), 0).await.is_ok() }).await;
}
