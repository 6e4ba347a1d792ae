//! Limits as they are written, sent and named.

use std::time::Duration;

use serde_json::{Value, json};

use super::{each, known, made, pick, text};
use crate::limits::policy_names;
use crate::tower::answers::members;
use crate::{Clause, LimitSet};

#[test]
fn limits() {
    each("limits", 240, |case| {
        let got = match text(case, "spec").parse::<LimitSet>() {
            Err(error) => {
                let told = error.to_string();
                let says = told.contains("a limit is") || told.contains("limits must differ");
                let counts = told.contains("limits must be 1 to 16 in number");
                json!({"clauses": null, "periods_ms": null, "error": says || counts})
            }
            Ok(limits) => {
                let words: Vec<_> = limits.clauses().map(words).collect();
                let periods: Vec<_> = limits.clauses().map(period_ms).collect();
                json!({"clauses": words, "periods_ms": periods, "error": null})
            }
        };
        (got, pick(case, ["clauses", "periods_ms", "error"]))
    });
}

#[test]
fn policies() {
    each("policies", 75, |case| {
        let got = match made(case) {
            Err(_) => json!({"policies": null, "error": true}),
            Ok(limits) => json!({"policies": shown(case, &limits), "error": null}),
        };
        (got, pick(case, ["policies", "error"]))
    });
}

fn shown(case: &Value, limits: &LimitSet) -> Vec<Value> {
    let policy = |name: &str, q: u64, window: Duration| json!({"name": name, "q": q, "w": members::seconds(window).max(1)});
    let mut known = known(case, limits).into_iter();
    let mut all = Vec::new();
    for (name, clause) in limits.parts() {
        match clause {
            Clause::Limit(limit) => all.push(policy(name, limit.limit(), limit.window())),
            Clause::Policy(kept) => {
                let clauses = known.next().flatten().expect("the case says what it is");
                let named = policy_names(kept, &clauses);
                let named = named.iter().zip(&*clauses);
                all.extend(named.map(|(name, clause)| policy(name, clause.limit, clause.window)));
            }
        }
    }
    all
}

fn words(clause: &Clause) -> Vec<String> {
    match clause {
        Clause::Limit(limit) => limit.clause(),
        Clause::Policy(policy) => vec!["POLICY".to_owned(), policy.name().to_owned()],
    }
}

fn period_ms(clause: &Clause) -> Option<u64> {
    match clause {
        Clause::Limit(limit) => u64::try_from(limit.period().duration().as_millis()).ok(),
        Clause::Policy(_) => None,
    }
}
