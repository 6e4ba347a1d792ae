//! Replies, and the headers and bodies that they become.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName};
use redis::Value as Reply;
use serde_json::{Map, Value, json};

use super::{each, known, made, pick, text};
use crate::error::{Class, Error};
use crate::outcome::{Outcome, Source, Verdict};
use crate::tower::Refusal;
use crate::tower::answers::headers;
use crate::tower::answers::policy_line::PolicyLine;
use crate::wire::reply::{self, Decided, Known};
use crate::{Legacy, LimitSet};

#[test]
fn outcomes() {
    let policies = PolicyLine::default();
    each("outcomes", 75, |case| {
        let outcome = decided(case);
        let now = UNIX_EPOCH + Duration::from_millis(case["now_ms"].as_u64().unwrap());
        let sent = |legacy| {
            let mut map = HeaderMap::new();
            headers::apply(&mut map, &outcome, &policies, legacy, || now);
            map
        };
        let plain = sent(None);
        let besides = |legacy| {
            let mut map = sent(Some(legacy));
            for name in plain.keys() {
                assert_eq!(map.remove(name).as_ref(), plain.get(name), "{case}");
            }
            shown(&map)
        };
        let body = (!outcome.allowed).then(|| {
            serde_json::from_str::<Value>(Refusal::Denied(&outcome).response().body()).unwrap()
        });
        let got = json!({
            "outcome": told(&outcome),
            "headers": shown(&plain),
            "headers_delta": besides(Legacy::Delta),
            "headers_epoch": besides(Legacy::Epoch),
            "headers_draft6": besides(Legacy::Draft6),
            "body": body,
        });
        let lists = ["headers", "headers_delta", "headers_epoch", "headers_draft6"];
        let mut expected = pick(
            case,
            ["outcome", "headers", "headers_delta", "headers_epoch", "headers_draft6", "body"],
        );
        for list in lists {
            expected[list] = lower(&expected[list]);
        }
        (got, expected)
    });
}

#[test]
fn merges() {
    each("merges", 10, |case| {
        let mut map = HeaderMap::new();
        for (name, value) in case["headers"].as_object().unwrap() {
            let name: HeaderName = name.parse().unwrap();
            for value in value.as_array().unwrap_or(&vec![value.clone()]) {
                map.append(&name, value.as_str().unwrap().parse().unwrap());
            }
        }
        headers::apply(&mut map, &decided(case), &PolicyLine::default(), None, || UNIX_EPOCH);
        (shown(&map), lower(&case["sent"]))
    });
}

#[test]
fn replies() {
    let limits: LimitSet = "5/minute".parse().unwrap();
    each("replies", 40, |case| {
        let reply = as_redis(&case["reply"]);
        let got = [&reply, &Reply::SimpleString(joined(&reply))].map(|reply| {
            match reply::read(reply, &limits, &Known::new()) {
                Ok(read) => format!("{read:?}"),
                Err(error) => format!("{:?}", error.class()),
            }
        });
        (json!(got), json!(["Configuration", "Configuration"]))
    });
}

#[test]
fn errors() {
    each("errors", 40, |case| {
        let line = format!("-{}\r\n", text(case, "message"));
        let error = match redis::parse_redis_value(line.as_bytes()) {
            Ok(value) => value.extract_error().expect_err("a server's error"),
            Err(error) => error,
        };
        let class = match Error::from(error).class() {
            Class::Transient => "transient",
            Class::Configuration => "configuration",
            Class::MissingModule => "missing_module",
            Class::Unidentified => "no error of a server",
        };
        (json!(class), case["class"].clone())
    });
}

pub(super) fn decided(case: &Value) -> Outcome {
    let limits = made(case).expect("right limits");
    let known = known(case, &limits);
    let reply = as_redis(&case["reply"]);
    let joined = Reply::SimpleString(joined(&reply));
    let [decided, same] =
        [&reply, &joined].map(|reply| reply::read(reply, &limits, &known).expect("a right reply"));
    assert_eq!(decided, same);
    outcome_of(decided, case["cost"].as_u64().unwrap_or(1))
}

pub(super) fn outcome_of(decided: Decided, cost: u64) -> Outcome {
    let Decided { allowed, decisions, ban } = decided;
    let key = "rl:app:user:1".to_owned();
    Outcome { allowed, decisions, ban, key, cost, source: Source::Server, each: Vec::new() }
}

pub(super) fn as_redis(value: &Value) -> Reply {
    match value {
        Value::Null => Reply::Nil,
        Value::Bool(truth) => Reply::Boolean(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Reply::Int(whole),
            None => Reply::Double(number.as_f64().unwrap()),
        },
        Value::String(text) => Reply::BulkString(text.clone().into_bytes()),
        Value::Array(items) => Reply::Array(items.iter().map(as_redis).collect()),
        Value::Object(_) => panic!("no reply has objects"),
    }
}

/// As a connection of ours has it.
pub(super) fn joined(reply: &Reply) -> String {
    match reply {
        Reply::Int(number) => format!(":{number}"),
        Reply::Array(items) => {
            let items = items.iter().map(|item| format!("  {}", joined(item)));
            format!("*{}{}", items.len(), items.collect::<String>())
        }
        other => format!("{other:?}"),
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

fn told(outcome: &Outcome) -> Value {
    let verdict = |verdict: &Verdict| {
        json!({
            "policy": &*verdict.policy,
            "allowed": verdict.allowed,
            "limit": verdict.limit,
            "remaining": verdict.remaining,
            "retry_after_ms": verdict.retry_after.map(ms),
            "reset_after_ms": ms(verdict.reset_after),
            "wait_ms": ms(verdict.wait),
        })
    };
    let mut told = json!({
        "allowed": outcome.allowed,
        "remaining": outcome.remaining(),
        "retry_after_ms": outcome.retry_after().map(ms),
        // In Rust it is zero where there is no verdict.
        "reset_after_ms": outcome.tightest().map(|_| ms(outcome.reset_after())),
        "wait_ms": ms(outcome.wait()),
        "tightest": outcome.tightest().map(|verdict| &*verdict.policy),
        "decisions": outcome.decisions.iter().map(verdict).collect::<Vec<_>>(),
    });
    if let Some(ban) = &outcome.ban {
        told["ban"] = verdict(ban);
    }
    told
}

/// Headers by their names in small letters, lines joined.
pub(super) fn shown(map: &HeaderMap) -> Value {
    let line = |name: &HeaderName| {
        let lines: Vec<_> = map.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
        (name.as_str().to_owned(), json!(lines.join(", ")))
    };
    map.keys().map(line).collect::<Map<_, _>>().into()
}

pub(super) fn lower(headers: &Value) -> Value {
    let headers = headers.as_object().expect("headers");
    headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect::<Map<_, _>>()
        .into()
}
