//! Refusals that are kept in the process until they end, so that Redis need not repeat them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::{Counts, Outcome, Source};

const LONGEST: Duration = Duration::from_secs(60);
/// Where the server may change its mind at any time.
const SHORT: Duration = Duration::from_secs(1);

/// The last refusals.
#[derive(Debug)]
pub(crate) struct DenyCache {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_call: HashMap<String, Refusal>,
    /// The calls that have a key.
    by_key: HashMap<String, Vec<String>>,
    /// The calls in the order in which their refusals were used last.
    order: BTreeMap<u64, String>,
    uses: u64,
    /// When what was known of a key was forgotten: a refusal may be on its way.
    forgotten: HashMap<String, Instant>,
    /// The same for all other keys.
    all_forgotten: Option<Instant>,
}

#[derive(Debug)]
struct Refusal {
    keys: Vec<String>,
    sent: Instant,
    until: Instant,
    outcome: Outcome,
    used: u64,
}

impl DenyCache {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// What is known to refuse the same call: the same keys, clauses and costs.
    pub(crate) fn get(&self, call: &str) -> Option<Outcome> {
        let (now, mut kept) = (Instant::now(), self.lock());
        let refusal = kept.by_call.get(call)?;
        let used = refusal.used;
        if refusal.until <= now {
            kept.forget(call);
            return None;
        }
        kept.order.remove(&used);
        let again = kept.next(call);
        let refusal = kept.by_call.get_mut(call)?;
        refusal.used = again;
        Some(refusal.outcome.later(now.saturating_duration_since(refusal.sent)))
    }

    /// Keep a refusal of a call that was sent then. Where there is a policy among its clauses, the
    /// server may change its mind.
    pub(crate) fn put(
        &self,
        call: String,
        keys: Vec<String>,
        has_policy: bool,
        sent: Instant,
        outcome: &Outcome,
    ) {
        let Some(time) = keeps_for(has_policy, outcome) else { return };
        let Some(until) = sent.checked_add(time) else { return };
        let mut kept = self.lock();
        if keys.iter().any(|key| kept.was_forgotten(key) > Some(sent)) {
            return;
        }
        kept.forget(&call);
        let used = kept.next(&call);
        for key in &keys {
            kept.by_key.entry(key.clone()).or_default().push(call.clone());
        }
        let refusal = Refusal { keys, sent, until, outcome: outcome.clone(), used };
        kept.by_call.insert(call, refusal);
        while kept.by_call.len() > self.most {
            let Some(oldest) = kept.order.values().next().cloned() else { return };
            kept.forget(&oldest);
        }
    }

    /// Forget what is kept for a key, and do not keep what calls under way are told of it.
    pub(crate) fn forget(&self, key: &str) {
        let (now, mut kept) = (Instant::now(), self.lock());
        if kept.forgotten.len() >= self.most {
            kept.forgotten.clear();
            kept.all_forgotten = Some(now);
        }
        kept.forgotten.insert(key.to_owned(), now);
        for call in kept.by_key.remove(key).into_iter().flatten() {
            kept.forget(&call);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The number of one more use of this call.
    fn next(&mut self, call: &str) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.order.insert(self.uses, call.to_owned());
        self.uses
    }

    fn was_forgotten(&self, key: &str) -> Option<Instant> {
        self.forgotten.get(key).copied().max(self.all_forgotten)
    }

    fn forget(&mut self, call: &str) {
        let Some(refusal) = self.by_call.remove(call) else { return };
        self.order.remove(&refusal.used);
        for key in refusal.keys {
            let Some(calls) = self.by_key.get_mut(&key) else { continue };
            calls.retain(|other| other != call);
            if calls.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }
}

/// For how long a refusal may be kept; nothing where each must reach the server.
fn keeps_for(has_policy: bool, outcome: &Outcome) -> Option<Duration> {
    if outcome.allowed || outcome.source != Source::Server || outcome.cost == 0 {
        return None;
    }
    let counts = |counts: Counts| outcome.decisions.iter().any(|verdict| verdict.counts == counts);
    // A ban counts refusals, and a clause that is not known may be one.
    if outcome.has_ban_that_counts() || counts(Counts::Unknown) {
        return None;
    }
    let most = if has_policy || counts(Counts::Places) { SHORT } else { LONGEST };
    // When a ban ends, refusals have to be counted again.
    let ends = outcome.banned().filter_map(|ban| ban.retry_after).min();
    let wait = outcome.retry_after()?.min(ends.unwrap_or(Duration::MAX));
    Some(wait.min(most)).filter(|time| !time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LimitSet;
    use crate::wire::reply::{self, Known};
    use redis::Value;

    fn refusal(key: &str, cost: u64, wait_ms: i64) -> Outcome {
        let limits: LimitSet = "5/minute".parse().unwrap();
        let five = [0, 5, 0, wait_ms, 50_000].map(Value::Int).to_vec();
        let reply = Value::Array(vec![Value::Int(0), Value::Array(five)]);
        let decided = reply::read(&reply, &limits, &Known::new()).unwrap();
        let mut outcome = Outcome::served(key.to_owned(), cost, Source::Server);
        (outcome.allowed, outcome.decisions) = (decided.allowed, decided.decisions);
        outcome
    }

    fn call(key: &str, cost: u64) -> String {
        format!("{key} 5/minute {cost}")
    }

    fn put(cache: &DenyCache, key: &str, cost: u64, wait_ms: i64) {
        let outcome = refusal(key, cost, wait_ms);
        cache.put(call(key, cost), vec![key.to_owned()], false, Instant::now(), &outcome);
    }

    fn has(cache: &DenyCache, key: &str, cost: u64) -> bool {
        cache.get(&call(key, cost)).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_kept_until_it_ends_and_its_times_run() {
        let cache = DenyCache::new(10);
        put(&cache, "a", 1, 30_000);
        assert!(!has(&cache, "a", 2) && !has(&cache, "b", 1));
        tokio::time::advance(Duration::from_millis(29_999)).await;
        let told = cache.get(&call("a", 1)).unwrap();
        assert_eq!(
            (told.retry_after(), told.source),
            (Some(Duration::from_millis(1)), Source::DenyCache)
        );
        assert_eq!(told.reset_after(), Duration::from_millis(20_001));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!has(&cache, "a", 1));
        put(&cache, "a", 1, 3_600_000);
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert!(has(&cache, "a", 1));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!has(&cache, "a", 1), "for a minute at most");
        put(&cache, "a", 1, -1);
        assert!(!has(&cache, "a", 1), "never for good");
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_recently_used_is_forgotten_first() {
        let cache = DenyCache::new(3);
        for key in ["a", "b", "c"] {
            put(&cache, key, 1, 30_000);
        }
        put(&cache, "b", 1, 30_000);
        assert!(has(&cache, "a", 1));
        put(&cache, "d", 1, 30_000);
        assert_eq!(["a", "b", "c", "d"].map(|key| has(&cache, key, 1)), [true, true, false, true]);
        put(&cache, "d", 2, 30_000);
        cache.forget("d");
        assert_eq!(["a", "b", "d"].map(|key| has(&cache, key, 1)), [false, true, false]);
        assert!(!has(&cache, "d", 2));
        let kept = cache.lock();
        assert_eq!((kept.order.len(), kept.by_call.len(), kept.by_key.len()), (1, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_before_its_key_was_forgotten_is_not_kept() {
        let cache = DenyCache::new(2);
        let refused = |key: &str, sent| {
            let keys = ["x", key].map(str::to_owned).to_vec();
            cache.put(call(key, 1), keys, false, sent, &refusal(key, 1, 30_000));
            has(&cache, key, 1)
        };
        let sent = Instant::now();
        tokio::time::advance(Duration::from_millis(1)).await;
        cache.forget("a");
        assert!(!refused("a", sent) && refused("b", sent));
        assert!(refused("a", Instant::now()));
        // However many keys were forgotten since.
        for key in ["c", "d"] {
            cache.forget(key);
        }
        assert!(!refused("e", sent));
        assert_eq!(cache.lock().forgotten.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_several_keys_goes_with_any_of_them() {
        let cache = DenyCache::new(10);
        for forgotten in ["a", "b"] {
            let keys = ["a", "b"].map(str::to_owned).to_vec();
            let both = Outcome::of_all(vec![
                ("x".to_owned(), refusal("a", 1, 30_000)),
                ("y".to_owned(), Outcome::served("b".to_owned(), 1, Source::Server)),
            ]);
            cache.put("both".to_owned(), keys, false, Instant::now(), &both);
            tokio::time::advance(Duration::from_secs(10)).await;
            let told = cache.get("both").unwrap();
            let waits = [told.retry_after(), told.each("x").unwrap().retry_after()];
            assert_eq!(waits, [Some(Duration::from_secs(20)); 2]);
            cache.forget(forgotten);
            assert!(cache.get("both").is_none() && cache.lock().by_key.is_empty(), "{forgotten}");
        }
    }

    /// What refuses for a while, with a ban that does, too, or counts.
    fn with_ban(wait_ms: i64, ban_ms: i64) -> Outcome {
        let limits: LimitSet = "5/hour; ban 10s after 2/minute".parse().unwrap();
        let five = |numbers: [i64; 5]| Value::Array(numbers.map(Value::Int).to_vec());
        let ban = [i64::from(ban_ms == 0), 2, 0, ban_ms, ban_ms];
        let reply = vec![Value::Int(0), five([0, 5, 0, wait_ms, wait_ms]), five(ban)];
        let decided = reply::read(&Value::Array(reply), &limits, &Known::new()).unwrap();
        let mut outcome = Outcome::served("a".to_owned(), 1, Source::Server);
        outcome.allowed = decided.allowed;
        (outcome.decisions, outcome.ban) = (decided.decisions, decided.ban);
        outcome
    }

    #[test]
    fn a_ban_that_is_under_way_is_kept_until_it_ends_and_one_that_counts_is_not() {
        let banned = with_ban(50_000, 10_000);
        assert_eq!(keeps_for(false, &banned), Some(Duration::from_secs(10)));
        assert_eq!(keeps_for(true, &banned), Some(SHORT));
        let counting = with_ban(50_000, 0);
        assert_eq!(keeps_for(false, &counting), None);
        // Neither where they are another subject's.
        let beside = |one| {
            let other = ("y".to_owned(), Outcome::served("b".to_owned(), 1, Source::Server));
            Outcome::of_all(vec![("x".to_owned(), one), other])
        };
        assert_eq!(keeps_for(false, &beside(banned)), Some(Duration::from_secs(10)));
        assert_eq!(keeps_for(false, &beside(counting)), None);
    }
}
