//! The limits that one request has met, so that none of its uses is counted twice by accident.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{Counter, LimitSet, PolicyClause};
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
    pub(crate) counters: Arc<[Counter]>,
}

/// Where a limit counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// In this scope, at this key.
    At { scope: Cow<'a, str>, key: &'a str },
    /// Nowhere: it has charged this request already.
    Charged,
    /// It may not move, and another limit of its scope has charged its limiter.
    Taken,
}

/// What is in the extensions of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Met(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    id: Id,
    /// The whole key; where the limit was not asked, which then counts for every subject, its
    /// family alone.
    key: String,
    /// How long what all keys of the scope begin with is.
    family: usize,
    counters: Arc<[Counter]>,
}

impl Met {
    /// Meet a limit that is asked. `family` tells what all keys of a scope begin with, and
    /// `subject` writes what follows.
    pub(crate) fn ask<'a, E>(
        &'a mut self,
        meeting: Meeting<'a>,
        family: impl Fn(&str) -> Result<String, E>,
        subject: impl Fn(&mut String) -> Result<(), E>,
    ) -> Result<Place<'a>, E> {
        if self.has(meeting.id) {
            return Ok(Place::Charged);
        }
        for scope in scopes(meeting.scope) {
            let mut key = family(&scope)?;
            let family = key.len();
            subject(&mut key)?;
            let mut sharing = self.0.iter().filter(|entry| entry.shares(&meeting.counters));
            if meeting.named {
                if sharing.any(|entry| entry.key == key) {
                    return Ok(Place::Taken);
                }
            } else if sharing.any(|entry| entry.counts(&key, family)) {
                continue;
            }
            let key = self.add(meeting, key, family);
            return Ok(Place::At { scope, key });
        }
        Ok(Place::Charged)
    }

    /// Meet a limit that is not asked.
    pub(crate) fn pass<E>(
        &mut self,
        meeting: Meeting<'_>,
        family: impl Fn(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        if self.has(meeting.id) {
            return Ok(());
        }
        for scope in scopes(meeting.scope) {
            let family = family(&scope)?;
            let mut sharing = self.0.iter().filter(|entry| entry.shares(&meeting.counters));
            if !meeting.named && sharing.any(|entry| entry.family() == family) {
                continue;
            }
            let length = family.len();
            self.add(meeting, family, length);
            break;
        }
        Ok(())
    }

    fn has(&self, id: Id) -> bool {
        self.0.iter().any(|entry| entry.id == id)
    }

    /// The key that is added.
    fn add(&mut self, meeting: Meeting<'_>, key: String, family: usize) -> &str {
        let Meeting { id, counters, .. } = meeting;
        self.0.push(Entry { id, key, family, counters });
        self.0.last().map_or("", |entry| &entry.key)
    }
}

impl Entry {
    fn family(&self) -> &str {
        self.key.get(..self.family).unwrap_or_default()
    }

    /// Whether it counts at this key, which begins with a family of this length.
    fn counts(&self, key: &str, family: usize) -> bool {
        self.key == key || self.key.len() == self.family && key.get(..family) == Some(&self.key)
    }

    fn shares(&self, counters: &[Counter]) -> bool {
        counters.iter().any(|counter| self.counters.contains(counter))
    }
}

/// A scope, then the same with `#2`, `#3`, ...
fn scopes(base: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let others = (2_u32..).map(move |n| Cow::from(format!("{base}#{n}")));
    std::iter::once(Cow::from(base)).chain(others)
}

/// What limits count in: a policy in itself, and in its clauses as far as they are known.
pub(crate) fn counters(limits: &LimitSet, known: &Known) -> Arc<[Counter]> {
    if known.is_empty() {
        return Arc::clone(limits.counters());
    }
    let clauses = known.iter().flatten().flat_map(|clauses| clauses.iter());
    let of_policies = clauses.filter_map(PolicyClause::counter);
    limits.counters().iter().cloned().chain(of_policies).collect()
}
