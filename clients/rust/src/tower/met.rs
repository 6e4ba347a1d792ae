//! The limits that one request has met, so that none of its uses is counted twice by accident.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{Counter, Limits};
use crate::wire::reply::Known;

/// Which limit it is: clones of a layer are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u64);

impl Id {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A limit that a request meets.
pub(crate) struct Meeting<'a> {
    pub(crate) id: Id,
    /// What it counts under when alone.
    pub(crate) scope: &'a str,
    /// Whether that was given: then it cannot move.
    pub(crate) named: bool,
    pub(crate) counters: Vec<Counter>,
}

/// Where a limit counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this scope.
    Scope(String),
    /// Nowhere: it has charged this request already.
    Charged,
    /// It may not move, and its limiter is charged by this other limit.
    Taken(String),
}

/// What is in the extensions of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Met(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    id: Id,
    scope: String,
    /// The whole key; nothing where the limit was not asked, which then counts for every subject.
    key: Option<String>,
    family: String,
    counters: Arc<[Counter]>,
}

impl Met {
    /// Meet a limit that is asked. `key` tells the whole key in a scope, `family` what all keys there begin
    /// with.
    pub(crate) fn ask<E>(
        &mut self,
        meeting: Meeting<'_>,
        family: impl Fn(&str) -> String,
        key: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Place, E> {
        if self.has(meeting.id) {
            return Ok(Place::Charged);
        }
        for scope in scopes(meeting.scope) {
            let (family, key) = (family(&scope), key(&scope)?);
            let is_charged = |entry: &&Entry| entry.key.as_ref() == Some(&key);
            let is_unasked = |entry: &&Entry| entry.key.is_none() && entry.family == family;
            let mut sharing = self.0.iter().filter(|entry| entry.shares(&meeting.counters));
            if meeting.named {
                if let Some(other) = sharing.find(is_charged) {
                    return Ok(Place::Taken(other.scope.clone()));
                }
            } else if sharing.any(|entry| is_charged(&entry) || is_unasked(&entry)) {
                continue;
            }
            self.add(meeting, scope.clone(), Some(key), family);
            return Ok(Place::Scope(scope));
        }
        Ok(Place::Charged)
    }

    /// Meet a limit that is not asked.
    pub(crate) fn pass(&mut self, meeting: Meeting<'_>, family: impl Fn(&str) -> String) {
        if self.has(meeting.id) {
            return;
        }
        for scope in scopes(meeting.scope) {
            let family = family(&scope);
            let mut sharing = self.0.iter().filter(|entry| entry.shares(&meeting.counters));
            if !meeting.named && sharing.any(|entry| entry.family == family) {
                continue;
            }
            self.add(meeting, scope, None, family);
            return;
        }
    }

    fn has(&self, id: Id) -> bool {
        self.0.iter().any(|entry| entry.id == id)
    }

    fn add(&mut self, meeting: Meeting<'_>, scope: String, key: Option<String>, family: String) {
        let (id, counters) = (meeting.id, Arc::from(meeting.counters));
        self.0.push(Entry { id, scope, key, family, counters });
    }
}

impl Entry {
    fn shares(&self, counters: &[Counter]) -> bool {
        counters.iter().any(|counter| self.counters.contains(counter))
    }
}

/// A scope, then the same with `#2`, `#3`, ...
fn scopes(base: &str) -> impl Iterator<Item = String> {
    std::iter::once(base.to_owned()).chain((2_u32..).map(move |n| format!("{base}#{n}")))
}

/// What limits count in: a policy in itself, and in its clauses as far as they are known.
pub(crate) fn counters(limits: &Limits, known: &Known) -> Vec<Counter> {
    let clauses = known.iter().flatten().flat_map(|clauses| clauses.iter());
    let of_policies = clauses.map(|clause| Counter::Of(clause.algorithm, clause.period));
    limits.counters().chain(of_policies).collect()
}
