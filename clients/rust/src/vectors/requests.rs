//! Whom requests come from, and what they are counted under.

use std::collections::HashMap;

use http::{HeaderValue, Request};
use serde_json::{Value, json};

use super::{each, ipv6_prefix, known, pick, text};
use crate::keys::{address, family};
use crate::tower::met::{self, Id, Meeting, Met, Place};
use crate::tower::scope::{self, Methods};
use crate::tower::{ClientIp, PeerAddr, UnixPeer};
use crate::{Ipv6Prefix, Key, LimitSet, Subject};

#[test]
fn keys() {
    each("keys", 100, |case| {
        let subject = match (text(case, "kind"), text(case, "subject")) {
            ("ip", address) => Subject::ip(address).ok(),
            ("user", id) => Some(Subject::user(id)),
            ("key", secret) => Some(Subject::key(secret)),
            ("team", id) => Some(Subject::other("team", id)),
            (kind, _) => panic!("a kind that is new: {kind}"),
        };
        let key = subject.and_then(|subject| {
            let prefix = if case["ipv6_prefix"].is_null() {
                Ipv6Prefix::default()
            } else {
                ipv6_prefix(case)?
            };
            let key = Key::new(text(case, "scope"), subject);
            let key = match case["slot"].as_str() {
                Some(slot) => key.slot(slot),
                None => key,
            };
            key.encoded(text(case, "prefix"), prefix).ok()
        });
        let error = key.is_none().then_some(true);
        (json!({"key": key, "error": error}), pick(case, ["key", "error"]))
    });
}

#[test]
fn scopes() {
    each("scopes", 70, |case| {
        let got = match methods(&case["methods"]) {
            Err(error) => json!({"scope": null, "error": error.contains("methods([\"")}),
            Ok(methods) => {
                let method = text(case, "method");
                let (template, name) = (case["template"].as_str(), case["name"].as_str());
                let is_asked = scope::is_for(method, methods.as_ref());
                let scope = is_asked.then(|| scope::of(method, template, name));
                json!({"scope": scope, "error": null})
            }
        };
        (got, pick(case, ["scope", "error"]))
    });
}

/// What is no list of strings does not compile in Rust.
fn methods(given: &Value) -> Result<Option<Methods>, String> {
    if given.is_null() {
        return Ok(None);
    }
    let strings = given.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
    let names: Vec<&str> = strings.ok_or("methods([\"POST\"])")?;
    Methods::new(names).map(Some).map_err(|error| error.to_string())
}

#[test]
fn stacks() {
    each("stacks", 35, |case| {
        let got = match stacked(case) {
            Some(scopes) => json!({"scopes": scopes, "error": null}),
            None => json!({"scopes": null, "error": "config"}),
        };
        (got, pick(case, ["scopes", "error"]))
    });
}

/// Where each limit of a request counts; nothing where the last has no place.
fn stacked(case: &Value) -> Option<Vec<Option<String>>> {
    let (mut met, mut ids) = (Met::default(), HashMap::new());
    let limits = case["limits"].as_array().unwrap();
    let mut scopes = Vec::new();
    for limit in limits {
        let set: LimitSet = text(limit, "spec").parse().unwrap();
        let meeting = Meeting {
            id: *ids.entry(text(limit, "id")).or_insert_with(Id::new),
            scope: text(limit, "scope"),
            named: limit["named"].as_bool().unwrap(),
            counters: met::counters(&set, &known(case, &set)),
        };
        let family = |scope: &str| family("rl", None, scope);
        let Some(subject) = limit["subject"].as_str() else {
            met.pass(meeting, family).unwrap();
            scopes.push(None);
            continue;
        };
        let whole = |key: &mut String| {
            key.push_str(subject);
            Ok(())
        };
        scopes.push(match met.ask(meeting, family, whole).unwrap() {
            Place::At { scope, .. } => Some(scope.into_owned()),
            Place::Charged => None,
            Place::Taken => {
                let last = limits.last().unwrap();
                assert_eq!(limit, last, "the last is the error: {case}");
                return None;
            }
        });
    }
    Some(scopes)
}

#[test]
fn clients() {
    each("clients", 120, |case| {
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
    match case["peer"].as_str().unwrap_or_default() {
        "" => drop(request.extensions_mut().insert(UnixPeer)),
        peer => {
            let peer = address::parse(peer).map(|peer| PeerAddr((peer, 1).into()));
            peer.map(|peer| request.extensions_mut().insert(peer));
        }
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
