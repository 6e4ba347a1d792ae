//! The vectors that the helpers share, each of them.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use redis::Value as Reply;
use serde_json::{Map, Value, json};

use crate::error::{Class, Error};
use crate::outcome::{Decision, Outcome, Source};
use crate::tower::{ClientIp, PeerAddr, Refusal, headers};
use crate::{Ipv6Prefix, Key, Legacy, Limits, Subject, address, parse, reply};

/// Run one list, and fail with all of its cases that are wrong.
fn each(list: &str, at_least: usize, given_expected: impl Fn(&Value) -> (Value, Value)) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors.json");
    let text = std::fs::read_to_string(path).expect("vectors.json is beside the helpers");
    let vectors: Value = serde_json::from_str(&text).expect("vectors.json is JSON");
    let cases = vectors[list].as_array().expect("the list is there");
    assert!(cases.len() >= at_least, "{list}: only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let (got, expected) = given_expected(case);
        if got != expected {
            wrong.push(format!("{}\n    got      {got}\n    expected {expected}", case["case"]));
        }
    }
    assert!(wrong.is_empty(), "{list}: {} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Some members of an object, `null` where they are missing.
fn pick<const N: usize>(case: &Value, names: [&str; N]) -> Value {
    names
        .into_iter()
        .map(|name| (name.to_owned(), case[name].clone()))
        .collect::<Map<_, _>>()
        .into()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("{name} is a string in {case}"))
}

fn made(case: &Value) -> Result<Limits, crate::ConfigError> {
    match case["name"].as_str() {
        Some(name) => Limits::named(name, text(case, "spec")),
        None => text(case, "spec").parse(),
    }
}

#[test]
fn limits() {
    each("limits", 200, |case| {
        let got = match text(case, "spec").parse::<Limits>() {
            Err(error) => {
                let told = parse::limits(text(case, "spec")).is_ok()
                    || error.to_string().contains("a limit is");
                json!({"clauses": null, "periods_ms": null, "error": told})
            }
            Ok(limits) => {
                let clauses: Vec<_> = limits.policies().map(|(_, limit)| limit.clause()).collect();
                let periods = limits.policies().map(|(_, limit)| ms(limit.period().duration()));
                json!({"clauses": clauses, "periods_ms": periods.collect::<Vec<_>>(), "error": null})
            }
        };
        (got, pick(case, ["clauses", "periods_ms", "error"]))
    });
}

#[test]
fn policies() {
    each("policies", 60, |case| {
        let got = match made(case) {
            Err(_) => json!({"policies": null, "error": true}),
            Ok(limits) => {
                let policy = |(name, limit): (&str, &crate::Limit)| json!({"name": name, "q": limit.limit(), "w": headers::seconds(limit.window()).max(1)});
                json!({"policies": limits.policies().map(policy).collect::<Vec<_>>(), "error": null})
            }
        };
        (got, pick(case, ["policies", "error"]))
    });
}

#[test]
fn keys() {
    each("keys", 100, |case| {
        let subject = match (text(case, "kind"), text(case, "subject")) {
            ("ip", address) => Subject::ip(address).ok(),
            ("user", id) => Some(Subject::user(id)),
            ("key", secret) => Some(Subject::key(secret)),
            (kind, _) => panic!("a kind that is new: {kind}"),
        };
        let key = subject.and_then(|subject| {
            let prefix = if case["ipv6_prefix"].is_null() {
                Ipv6Prefix::default()
            } else {
                ipv6_prefix(case)?
            };
            Key::new(text(case, "scope"), subject).encoded(text(case, "prefix"), prefix).ok()
        });
        let error = key.is_none().then_some(true);
        (json!({"key": key, "error": error}), pick(case, ["key", "error"]))
    });
}

#[test]
fn clients() {
    each("clients", 70, |case| {
        let got = match client(case) {
            Ok(subject) => json!({"subject": subject, "error": null}),
            Err(error) => json!({"subject": null, "error": error}),
        };
        (got, pick(case, ["subject", "error"]))
    });
}

fn client(case: &Value) -> Result<String, &'static str> {
    let strings = |name: &str| -> Vec<String> {
        case[name].as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect()
    };
    let prefix = ipv6_prefix(case).ok_or("config")?;
    let ip = ClientIp::behind(strings("trusted_proxies")).map_err(|_| "config")?;
    let mut request = Request::new(());
    // A server hands over addresses, not text: what is none is no peer.
    if let Some(peer) = case["peer"].as_str().and_then(address::parse) {
        request.extensions_mut().insert(PeerAddr((peer, 1).into()));
    }
    for line in strings("forwarded_for") {
        let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        request.headers_mut().append("x-forwarded-for", line);
    }
    match ip.of(&request) {
        Ok(Subject::Ip(address)) => Ok(address::bucket(address, prefix)),
        Ok(other) => panic!("{other:?} is no address"),
        Err(_) => Err("cannot_identify"),
    }
}

#[test]
fn outcomes() {
    each("outcomes", 60, |case| {
        let outcome = decided(case);
        let now = UNIX_EPOCH + Duration::from_millis(case["now_ms"].as_u64().unwrap());
        let sent = |legacy| {
            let mut map = HeaderMap::new();
            headers::apply(&mut map, &outcome, legacy, || now);
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
        headers::apply(&mut map, &decided(case), None, || UNIX_EPOCH);
        (shown(&map), lower(&case["sent"]))
    });
}

#[test]
fn replies() {
    let limits: Limits = "5/minute".parse().unwrap();
    each("replies", 40, |case| {
        let got = match reply::read(&as_redis(&case["reply"]), &limits) {
            Ok(read) => format!("{read:?}"),
            Err(error) => format!("{:?}", error.class()),
        };
        (json!(got), json!("Configuration"))
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
        };
        (json!(class), case["class"].clone())
    });
}

fn ipv6_prefix(case: &Value) -> Option<Ipv6Prefix> {
    Ipv6Prefix::new(u8::try_from(case["ipv6_prefix"].as_u64()?).ok()?).ok()
}

fn decided(case: &Value) -> Outcome {
    let limits = made(case).expect("right limits");
    let (allowed, decisions) =
        reply::read(&as_redis(&case["reply"]), &limits).expect("a right reply");
    let cost = case["cost"].as_u64().unwrap_or(1);
    Outcome { allowed, decisions, key: "rl:app:user:1".to_owned(), cost, source: Source::Server }
}

fn as_redis(value: &Value) -> Reply {
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

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

fn told(outcome: &Outcome) -> Value {
    let decision = |decision: &Decision| {
        json!({
            "policy": &*decision.policy,
            "allowed": decision.allowed,
            "limit": decision.limit,
            "remaining": decision.remaining,
            "retry_after_ms": decision.retry_after.map(ms),
            "reset_after_ms": ms(decision.reset_after),
            "wait_ms": ms(decision.wait),
        })
    };
    json!({
        "allowed": outcome.allowed,
        "remaining": outcome.remaining(),
        "retry_after_ms": outcome.retry_after().map(ms),
        "reset_after_ms": ms(outcome.reset_after()),
        "wait_ms": ms(outcome.wait()),
        "tightest": outcome.tightest().map(|decision| &*decision.policy),
        "decisions": outcome.decisions.iter().map(decision).collect::<Vec<_>>(),
    })
}

/// Headers by their names in small letters, lines joined.
fn shown(map: &HeaderMap) -> Value {
    let line = |name: &HeaderName| {
        let lines: Vec<_> = map.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
        (name.as_str().to_owned(), json!(lines.join(", ")))
    };
    map.keys().map(line).collect::<Map<_, _>>().into()
}

fn lower(headers: &Value) -> Value {
    let headers = headers.as_object().expect("headers");
    headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect::<Map<_, _>>()
        .into()
}
