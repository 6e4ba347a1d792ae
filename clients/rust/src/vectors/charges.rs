//! Commands, and charges that are settled.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use redis::{Arg, Cmd, Value as Reply};
use serde_json::{Value, json};

use super::answers::{as_redis, decided, joined, lower, outcome_of, shown};
use super::{each, known, pick, text};
use crate::limiter::waiting::time_for;
use crate::tower::Refusal;
use crate::tower::answers::headers;
use crate::tower::answers::policy_line::PolicyLine;
use crate::wire::command::{self, Group, Receipt};
use crate::wire::id::Id;
use crate::wire::places;
use crate::{LimitSet, Places};

#[test]
fn settled() {
    each("settled", 11, |case| {
        let outcome = decided(case).settled(case["actual"].as_u64().unwrap());
        let mut map = HeaderMap::new();
        headers::apply(&mut map, &outcome, &PolicyLine::default(), None, || UNIX_EPOCH);
        let line = map["ratelimit"].to_str().unwrap();
        let got = json!([outcome.remaining(), line]);
        (got, json!([case["remaining"], case["RateLimit"]]))
    });
}

fn bytes(hex: &str) -> [u8; 16] {
    u128::from_str_radix(hex, 16).unwrap().to_be_bytes()
}

#[test]
fn ids() {
    each("ids", 4, |case| (json!(Id::of(bytes(text(case, "bytes"))).as_str()), case["id"].clone()));
}

/// The id that the vectors have in all commands.
fn id() -> Id {
    Id::of(bytes("000102030405060708090a0b0c0d0e0f"))
}

#[test]
fn commands() {
    each("commands", 22, |case| {
        let keep = case["keep"].as_bool().unwrap();
        let receipt = case["id"].as_str().map(|given| {
            assert_eq!(given, id().as_str());
            Receipt { id: id(), keep }
        });
        let groups = case["groups"].as_array().unwrap();
        let read = |group: &Value| -> (String, LimitSet, u64) {
            let limits = text(group, "spec").parse().unwrap();
            (text(group, "key").to_owned(), limits, group["cost"].as_u64().unwrap())
        };
        let groups: Vec<_> = groups.iter().map(read).collect();
        let command = match &*groups {
            [(key, limits, cost)] if case["all"].is_null() => {
                command::limit(key, limits, *cost, receipt)
            }
            _ => {
                let groups =
                    groups.iter().map(|(key, limits, cost)| Group { key, limits, cost: *cost });
                command::all(&groups.collect::<Vec<_>>(), receipt)
            }
        };
        (words(&command), case["words"].clone())
    });
}

#[test]
fn leases() {
    each("leases", 19, |case| {
        let lists = ["words", "headers", "body", "error"];
        let got = match places(case) {
            None => json!({"words": null, "headers": null, "body": null, "error": true}),
            Some(places) => leased(case, &places),
        };
        let mut expected = pick(case, lists);
        if !expected["headers"].is_null() {
            expected["headers"] = lower(&expected["headers"]);
        }
        (got, expected)
    });
}

/// What is no number of places does not compile in Rust.
fn places(case: &Value) -> Option<Places> {
    let limit = u32::try_from(case["limit"].as_u64()?).ok()?;
    let places = Places::new(limit, text(case, "lease")).ok()?;
    match case["name"].as_str() {
        Some(name) => places.named(name).ok(),
        None => Some(places),
    }
}

fn leased(case: &Value, places: &Places) -> Value {
    let reply = as_redis(&case["reply"]);
    let joined = Reply::SimpleString(joined(&reply));
    let [decided, same] = [&reply, &joined].map(|reply| places::read(reply, places).unwrap());
    assert_eq!(decided, same);
    let outcome = outcome_of(decided, 1);
    let mut map = HeaderMap::new();
    headers::apply(&mut map, &outcome, &PolicyLine::default(), None, || UNIX_EPOCH);
    let body = (!outcome.allowed).then(|| -> Value {
        serde_json::from_str(Refusal::Denied(&outcome).response().body()).unwrap()
    });
    let words = words(&places::take("k", places, id()));
    json!({"words": words, "headers": shown(&map), "body": body, "error": null})
}

#[test]
fn lines() {
    each("lines", 13, |case| {
        let limits: LimitSet = text(case, "spec").parse().unwrap();
        let number = |name: &str| case[name].as_u64().unwrap();
        let ahead = number("ahead") * number("cost");
        let ms = time_for(&limits, &known(case, &limits), ahead).as_millis();
        (json!(number("wait_ms") + u64::try_from(ms).unwrap()), case["estimate_ms"].clone())
    });
}

fn words(command: &Cmd) -> Value {
    let word = |arg: Arg<&[u8]>| match arg {
        Arg::Simple(word) => String::from_utf8(word.to_vec()).unwrap(),
        other => panic!("no word: {other:?}"),
    };
    command.args_iter().map(word).collect::<Vec<_>>().into()
}
