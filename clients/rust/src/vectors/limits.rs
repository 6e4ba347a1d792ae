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
                let words: Vec<_> = limits.clauses().map(Clause::words).collect();
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
                let names = policy_names(kept, &clauses);
                let with_verdicts = clauses.iter().filter(|clause| clause.has_verdict());
                let named = names.iter().zip(with_verdicts);
                let limits = named.filter(|(_, clause)| clause.limiter().is_some());
                all.extend(limits.map(|(name, clause)| policy(name, clause.limit, clause.window)));
            }
            Clause::Shadow(_) | Clause::Ban(_) => {}
        }
    }
    all
}

fn period_ms(clause: &Clause) -> Option<u64> {
    let period = match clause {
        Clause::Limit(limit) | Clause::Shadow(limit) => limit.period(),
        Clause::Ban(ban) => ban.period(),
        Clause::Policy(_) => return None,
    };
    u64::try_from(period.duration().as_millis()).ok()
}
