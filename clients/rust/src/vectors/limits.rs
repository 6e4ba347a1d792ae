//! Limits as they are written, sent and named.

use std::time::Duration;

use serde_json::{Value, json};

use super::{each, known, made, pick, text};
use crate::limits::{Kind, policy_names};
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
                let ban = told.contains("a ban must come with");
                json!({"clauses": null, "periods_ms": null, "error": says || counts || ban})
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
            Err(_) => json!({"policies": null, "ban": null, "error": true}),
            Ok(limits) => {
                let (policies, ban) = shown(case, &limits);
                json!({"policies": policies, "ban": ban, "error": null})
            }
        };
        (got, pick(case, ["policies", "ban", "error"]))
    });
}

/// The limits, and the ban.
fn shown(case: &Value, limits: &LimitSet) -> (Vec<Value>, Option<Value>) {
    let policy = |name: &str, q: u64, window: Duration| json!({"name": name, "q": q, "w": members::seconds(window).max(1)});
    let mut known = known(case, limits).into_iter();
    let (mut all, mut banned) = (Vec::new(), None);
    for (name, clause) in limits.parts() {
        match clause {
            Clause::Limit(limit) => all.push(policy(name, limit.limit(), limit.window())),
            Clause::Ban(ban) => {
                banned = Some(policy(name, ban.refusals(), ban.period().duration()));
            }
            Clause::Shadow(_) => {}
            Clause::Policy(kept) => {
                let clauses = known.next().flatten().expect("the case says what it is");
                let with_verdicts = clauses.iter().filter(|clause| clause.has_verdict());
                for (name, clause) in policy_names(kept, &clauses).iter().zip(with_verdicts) {
                    let shown = policy(name, clause.limit, clause.window);
                    match clause.kind {
                        Kind::Ban => banned = Some(shown),
                        _ => all.push(shown),
                    }
                }
            }
        }
    }
    (all, banned)
}

fn period_ms(clause: &Clause) -> Option<u64> {
    let period = match clause {
        Clause::Limit(limit) | Clause::Shadow(limit) => limit.period(),
        Clause::Ban(ban) => ban.period(),
        Clause::Policy(_) => return None,
    };
    u64::try_from(period.duration().as_millis()).ok()
}
