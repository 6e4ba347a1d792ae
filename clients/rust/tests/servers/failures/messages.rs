//! What errors say: what to do, and never a password.

use redis_rl::{Error, LimitSet};

use crate::support::{Server, limits, patient, user};

const SECRET: &str = "hunter2secret";

/// All that can be printed of an error.
fn printed(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn no_error_has_a_password_in_it() {
    let plain = Server::start();
    let () = plain.say("ACL SETUSER someone on >other ~* +@all").await;
    let no_auth = Server::with(&["--rename-command", "AUTH", ""], None);
    let no_hello = Server::with(&["--rename-command", "HELLO", ""], None);
    let port = plain.port;
    let gone = Server::start().port;
    for url in [
        format!("redis://someone:{SECRET}@127.0.0.1:{port}"),
        format!("redis://:{SECRET}@127.0.0.1:{port}"),
        format!("redis://:{SECRET}@127.0.0.1:{gone}"),
        format!("redis://:{SECRET}@127.0.0.1:{}", no_auth.port),
        format!("redis://u:{SECRET}@127.0.0.1:{}", no_auth.port),
        format!("redis://u:{SECRET}@127.0.0.1:{}?protocol=resp3", no_hello.port),
        format!("redis://:{SECRET}@no-such-host.invalid:{port}"),
    ] {
        let connection = redis_rl::connect(url.as_str()).unwrap();
        assert!(!format!("{connection:?}").contains(SECRET));
        let limiter = patient(&url).build();
        assert!(!format!("{limiter:?}").contains(SECRET));
        for error in [
            limiter.probe().await.unwrap_err(),
            limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap_err(),
            limiter.reset(&user("x")).await.unwrap_err(),
        ] {
            let text = printed(&error);
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

#[test]
fn no_wrong_address_shows_its_password() {
    for url in [
        format!("redis://:{SECRET}@127.0.0.1:99999"),
        format!("redis://:{SECRET}@"),
        format!("http://:{SECRET}@127.0.0.1"),
        format!("rediss://:{SECRET}@127.0.0.1:6379"),
        format!("redis://:{SECRET}@127.0.0.1/x"),
        format!("redis://:{SECRET}@127.0.0.1?protocol=9"),
        format!("redis://:{SECRET}%ff@127.0.0.1"),
        SECRET.to_owned(),
    ] {
        let error = redis_rl::connect(url.as_str()).expect_err(&url);
        let text = format!("{error} {error:?} {error:#?}");
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn who_returns_an_error_from_main_sees_what_to_do() {
    let gone = Server::start().port;
    let limiter = patient(&format!("redis://127.0.0.1:{gone}")).build();
    let text = format!("{:?}", limiter.probe().await.unwrap_err());
    assert!(text.contains(&format!("127.0.0.1:{gone}")) && text.contains("refused"), "{text}");

    let bare = Server::without_module();
    let limiter = patient(&bare.url()).build();
    let text = format!("{:?}", limiter.probe().await.unwrap_err());
    assert!(text.contains("--loadmodule"), "{text}");

    let text = redis_rl::connect("rediss://127.0.0.1").unwrap_err().to_string();
    assert!(text.contains("TLS"), "{text}");
}

#[test]
fn a_wrong_limit_says_what_it_must_be_and_what_it_was() {
    for (wrong, named) in [("5/minuet", "minuet"), ("policy", "policy"), ("policy a b", "a b")] {
        let text = wrong.parse::<LimitSet>().unwrap_err().to_string();
        assert!(text.contains(named) && text.contains("a limit is"), "{text}");
    }
    let text = LimitSet::named("a b", "5/minute").unwrap_err().to_string();
    assert!(text.contains("must be 1 to 64 characters of") && text.contains("not 'a b'"), "{text}");
}
