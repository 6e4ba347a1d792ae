//! What is shown: the last sample, and what has changed since the one before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::sample::{Memory, Reading, Sample};
use crate::live::counters::Decisions;

/// How much of the history is kept: more than a screen has columns.
const HISTORY: usize = 600;

/// How often something happens in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) allowed: f64,
    pub(super) denied: f64,
}

/// A policy on all servers together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PolicyRow {
    pub(super) name: String,
    pub(super) clauses: String,
    pub(super) rates: Rates,
    pub(super) calls: Decisions,
    /// What its limits on trial would have denied.
    pub(super) on_trial: u64,
}

/// A key that was denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TopRow {
    pub(super) key: String,
    pub(super) denied: u64,
    /// How much more than the last time; nothing before there was one.
    pub(super) change: Option<u64>,
}

/// In which order rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Denied,
    Change,
    Name,
}

impl Order {
    /// The one that follows it.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Denied => Self::Change,
            Self::Change => Self::Name,
            Self::Name => Self::Denied,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Change => "change",
            Self::Name => "name",
        }
    }
}

/// All that is shown.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) is_cluster: bool,
    /// Who answers, in order.
    pub(super) up: Vec<String>,
    /// Who does not, and why.
    pub(super) away: Vec<(String, String)>,
    /// Decisions a second; nothing before there are two samples.
    pub(super) rates: Option<Rates>,
    pub(super) history: VecDeque<Rates>,
    pub(super) calls: Decisions,
    pub(super) errors: u64,
    pub(super) memory: Memory,
    pub(super) policies: Vec<PolicyRow>,
    pub(super) top: Vec<TopRow>,
    /// Why somebody's RL.TOP is not shown.
    pub(super) top_refused: Option<String>,
    order: Order,
    last: BTreeMap<String, Last>,
}

/// What a server said when it last answered.
#[derive(Debug)]
struct Last {
    at: Instant,
    calls: Decisions,
    policies: BTreeMap<String, Decisions>,
    top: BTreeMap<String, u64>,
}

impl Last {
    /// The calls of a policy: none, if it was not there yet.
    fn policy(&self, name: &str) -> Decisions {
        self.policies.get(name).copied().unwrap_or_default()
    }
}

impl View {
    /// Shows `sample`, and what has changed until then.
    pub(super) fn take(&mut self, sample: Sample) {
        let kept = std::mem::take(self);
        *self = Self {
            is_cluster: sample.is_cluster,
            history: kept.history,
            order: kept.order,
            last: kept.last,
            ..Self::default()
        };
        let mut policies = BTreeMap::new();
        for (name, told) in sample.servers {
            match told {
                Ok(reading) => self.add(name, sample.at, reading, &mut policies),
                Err(why) => self.away.push((name, why.to_string())),
            }
        }
        self.policies = policies.into_values().collect();
        if let Some(rates) = self.rates {
            self.history.push_back(rates);
        }
        while self.history.len() > HISTORY {
            self.history.pop_front();
        }
        self.sort();
    }

    /// How rows are ordered.
    pub(super) fn order(&self) -> Order {
        self.order
    }

    /// Orders the rows in the next way.
    pub(super) fn next_order(&mut self) {
        self.order = self.order.next();
        self.sort();
    }

    fn sort(&mut self) {
        self.policies.sort_by(|one, other| one.name.cmp(&other.name));
        self.top.sort_by(|one, other| one.key.cmp(&other.key));
        match self.order {
            Order::Denied => {
                self.policies.sort_by_key(|row| Reverse(row.calls.denied));
                self.top.sort_by_key(|row| Reverse(row.denied));
            }
            Order::Change => {
                self.policies.sort_by(|one, other| other.rates.denied.total_cmp(&one.rates.denied));
                self.top.sort_by_key(|row| Reverse(row.change));
            }
            Order::Name => {}
        }
    }

    fn add(
        &mut self,
        name: String,
        at: Instant,
        reading: Reading,
        rows: &mut BTreeMap<String, PolicyRow>,
    ) {
        let Reading { counters, top, policies, memory } = reading;
        let last = self.last.remove(&name);
        let elapsed = last.as_ref().map(|last| at.saturating_duration_since(last.at));
        let before = last.as_ref().map(|last| last.calls);
        if let Some(rates) = rates(before, counters.calls, elapsed) {
            self.rates.get_or_insert_default().add(rates);
        }
        self.calls.add(counters.calls);
        self.errors = self.errors.saturating_add(to_u64(counters.other("errors")));
        self.memory.add(memory);
        for policy in &counters.policies {
            let row = rows
                .entry(policy.name.clone())
                .or_insert_with(|| PolicyRow { name: policy.name.clone(), ..PolicyRow::default() });
            let before = last.as_ref().map(|last| last.policy(&policy.name));
            row.rates.add(rates_of(before, policy.calls, elapsed));
            row.calls.add(policy.calls);
            row.on_trial = row.on_trial.saturating_add(policy.more("shadow_denied"));
            if let (true, Some(clauses)) = (row.clauses.is_empty(), policies.get(&policy.name)) {
                row.clauses = clauses.join(", ");
            }
        }
        let before = last.as_ref().map(|last| &last.top);
        let top = match top {
            Ok(top) => top,
            Err(why) => {
                self.top_refused = Some(why.to_string());
                Vec::new()
            }
        };
        for (key, count) in &top {
            let change = before.map(|top| since(top.get(key).copied().unwrap_or(0), *count));
            self.add_top(key, *count, change);
        }
        let policies = counters.policies.into_iter().map(|policy| (policy.name, policy.calls));
        let (policies, top) = (policies.collect(), top.into_iter().collect());
        self.last.insert(name.clone(), Last { at, calls: counters.calls, policies, top });
        self.up.push(name);
    }

    fn add_top(&mut self, key: &str, denied: u64, change: Option<u64>) {
        match self.top.iter_mut().find(|row| row.key == key) {
            Some(row) => {
                row.denied = row.denied.saturating_add(denied);
                row.change = match (row.change, change) {
                    (Some(one), Some(other)) => Some(one.saturating_add(other)),
                    (one, other) => one.or(other),
                };
            }
            None => self.top.push(TopRow { key: key.into(), denied, change }),
        }
    }
}

/// How much a count has grown. One that is lower than before has begun again.
fn since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

fn rates(before: Option<Decisions>, now: Decisions, elapsed: Option<Duration>) -> Option<Rates> {
    let (before, elapsed) = (before?, elapsed?.as_secs_f64());
    let restarted = now.allowed < before.allowed || now.denied < before.denied;
    let before = if restarted { Decisions::default() } else { before };
    let rate = |before, now| if elapsed > 0.0 { to_f64(since(before, now)) / elapsed } else { 0.0 };
    Some(Rates {
        allowed: rate(before.allowed, now.allowed),
        denied: rate(before.denied, now.denied),
    })
}

fn rates_of(before: Option<Decisions>, now: Decisions, elapsed: Option<Duration>) -> Rates {
    rates(before, now, elapsed).unwrap_or_default()
}

impl Rates {
    fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
    }
}

impl Memory {
    fn add(&mut self, other: Self) {
        self.used = self.used.saturating_add(other.used);
        self.max = self.max.saturating_add(other.max);
        self.keys = self.keys.saturating_add(other.keys);
    }
}

#[expect(clippy::cast_precision_loss)]
fn to_f64(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn to_u64(value: Option<f64>) -> u64 {
    value.unwrap_or(0.0) as u64
}

#[cfg(test)]
mod tests;
