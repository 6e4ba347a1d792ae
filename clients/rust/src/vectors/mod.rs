//! The vectors that the helpers share, each of them.

mod answers;
mod charges;
mod limits;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::limits::PolicyClause;
use crate::wire::reply::Known;
use crate::{ConfigError, Ipv6Prefix, LimitSet};

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

fn made(case: &Value) -> Result<LimitSet, ConfigError> {
    match case["name"].as_str() {
        Some(name) => LimitSet::named(name, text(case, "spec")),
        None => text(case, "spec").parse(),
    }
}

/// What RL.POLICY GET said of the policies among some limits.
fn known(case: &Value, limits: &LimitSet) -> Known {
    let server: HashMap<String, Vec<String>> =
        serde_json::from_value(case["server"].clone()).unwrap_or_default();
    let clauses = |texts: &Vec<String>| -> Arc<[PolicyClause]> {
        texts.iter().map(|text| PolicyClause::read(text).expect("a clause")).collect()
    };
    limits.policies().map(|policy| server.get(policy.name()).map(clauses)).collect()
}

fn ipv6_prefix(case: &Value) -> Option<Ipv6Prefix> {
    Ipv6Prefix::new(u8::try_from(case["ipv6_prefix"].as_u64()?).ok()?).ok()
}
