//! Several subjects at once: all of them are charged, or none.

use std::time::Duration;

use redis_rl::{Check, Class, Key, LimitSet, OnError, Source, Subject};

use crate::support::{Cluster, Fault, Proxy, Server, limits, patient, user};

fn team(name: &str) -> Key {
    Key::new("team", Subject::other("team", name))
}

#[tokio::test]
async fn all_are_charged_or_none() {
    let (server, clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let (per_user, per_team) = (limits("3/minute"), limits("4/minute; token 100/second"));
    let ask = async |name: &str| {
        let (key, red) = (user(name), team("red"));
        let checks = [Check::new(&key, &per_user), Check::new(&red, &per_team).cost(2)];
        limiter.check_all(&checks).await.unwrap()
    };
    let first = ask("ann").await;
    assert!(first.allowed && ask("bob").await.allowed);
    assert_eq!((first.key.as_str(), first.cost), ("rl:test:user:ann", 3));
    let left: Vec<_> = first.decisions.iter().map(|verdict| verdict.remaining).collect();
    assert_eq!((left.as_slice(), first.remaining()), ([2, 2, 98].as_slice(), Some(2)));
    assert_eq!(first.each("team").unwrap().remaining(), Some(2));
    clock.advance(Duration::from_secs(20));
    let denied = ask("ann").await;
    assert!(!denied.allowed);
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(40)));
    assert!(denied.each("test").unwrap().allowed && !denied.each("team").unwrap().allowed);
    assert_eq!(denied.all().map(|(name, _)| name).collect::<Vec<_>>(), ["test", "team"]);
    let ann = limiter.peek(&user("ann"), &per_user).await.unwrap();
    assert_eq!(ann.remaining(), Some(2), "nothing is charged");
    assert_eq!(server.calls("rl.all").await, 3);
}

#[tokio::test]
async fn bans_limits_on_trial_and_policies_go_to_their_subject() {
    let (server, _clock) = Server::clocked();
    let () = server.say("RL.POLICY SET plan SHADOW FIXED 1 1m FIXED 9 1h BAN 5 1m 1h").await;
    let limiter = patient(&server.url()).build();
    let one = limits("shadow 9/second; 2/minute; ban 1m after 1/minute");
    let (key, red) = (user("ann"), team("red"));
    let plan = limits("policy plan; 7/day");
    let checks = [Check::new(&key, &one), Check::new(&red, &plan)];
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(limiter.check_all(&checks).await.unwrap());
    }
    let names = |outcome: &redis_rl::Outcome| -> Vec<String> {
        outcome.decisions.iter().map(|verdict| verdict.policy.to_string()).collect()
    };
    assert_eq!(names(&told[0]), ["2-per-60s", "plan", "7-per-86400s"]);
    let each = told[0].each("team").unwrap();
    assert_eq!(
        (names(each), &*each.ban.as_ref().unwrap().policy),
        (names(&told[0])[1..].to_vec(), "plan-ban")
    );
    let banned = &told[3];
    assert_eq!(banned.ban.as_ref().unwrap().retry_after, Some(Duration::from_secs(60)));
    let violated: Vec<_> = banned.violated().map(|verdict| verdict.policy.to_string()).collect();
    assert_eq!(violated, ["2-per-60s", "2-per-60s-ban"]);
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_that_says_why() {
    let server = Server::start();
    let limiter = patient(&server.url()).on_error(OnError::Open).build();
    let one = limits("9/minute");
    let keys: Vec<_> = (0..9).map(|n| user(&n.to_string())).collect();
    let many: Vec<_> = keys.iter().map(|key| Check::new(key, &one)).collect();
    for (checks, says) in [(&many[..], "not 9 with 9"), (&[], "not 0 with 0")] {
        let error = limiter.check_all(checks).await.unwrap_err();
        assert_eq!(error.class(), Class::Configuration);
        assert!(error.to_string().contains(says), "{error}");
    }
    let twice = [many[0], many[0]];
    let error = limiter.check_all(&twice).await.unwrap_err();
    assert!(error.to_string().contains("each key may be named once"), "{error}");
    let nobody = user("");
    let error = limiter.check_all(&[many[0], Check::new(&nobody, &one)]).await.unwrap_err();
    assert_eq!(error.class(), Class::Unidentified);
    assert_eq!(server.calls("rl.all").await, 1);
    limiter.check_all(&many[..8]).await.unwrap();
    drop(server);
    let served = limiter.check_all(&many[..2]).await.unwrap();
    assert!(served.allowed && served.source == Source::FailedOpen);
    let off = patient("redis://127.0.0.1:1").enabled(false).build();
    let exempt = off.check_all(&many[..2]).await.unwrap();
    assert!(exempt.allowed && exempt.source == Source::Exempt && exempt.all().len() == 2);
}

#[tokio::test]
async fn a_lost_reply_is_charged_once_at_each() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build().retry(true);
    limiter.probe().await.unwrap();
    let (key, red, ten) = (user("ann"), team("red"), limits("10/day"));
    proxy.set(Fault::Drop);
    let checks = [Check::new(&key, &ten), Check::new(&red, &ten).cost(4)];
    let outcome = limiter.check_all(&checks).await.unwrap();
    let left: Vec<_> = outcome.decisions.iter().map(|verdict| verdict.remaining).collect();
    assert_eq!((left, server.calls("rl.all").await), (vec![9, 6], 2));
}

#[tokio::test]
async fn in_a_cluster_keys_share_a_slot() {
    let cluster = Cluster::start().await;
    let limiter = cluster.limiter().await;
    let ten: LimitSet = limits("10/day");
    for tenant in 0..12 {
        let slot = format!("tenant{{{tenant}");
        let (key, red) = (user("ann"), team("red"));
        let error = limiter.check_all(&[Check::new(&key, &ten), Check::new(&red, &ten)]).await;
        let error = error.unwrap_err();
        assert_eq!(error.class(), Class::Configuration);
        assert!(error.to_string().contains("Key::slot(\"...\")"), "{error}");
        let (key, red) = (key.slot(&slot), red.slot(&slot));
        let checks = [Check::new(&key, &ten), Check::new(&red, &ten).cost(3)];
        let outcome = limiter.check_all(&checks).await.unwrap();
        assert_eq!(outcome.key, format!("rl{{tenant%7B{tenant}}}:test:user:ann"));
        assert_eq!(limiter.peek(&red, &ten).await.unwrap().remaining(), Some(7));
        assert!(limiter.reset(&key).await.unwrap(), "they are keys like any other");
    }
    let mut calls = Vec::new();
    for node in &cluster.nodes {
        calls.push(node.calls("rl.all").await);
    }
    assert_eq!(calls.iter().sum::<u64>(), 12);
    assert!(calls.iter().filter(|calls| **calls > 0).count() > 1, "{calls:?}");
}
