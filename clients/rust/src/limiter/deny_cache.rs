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
    by_key: HashMap<String, Vec<Refusal>>,
    /// The keys in the order in which their refusals were used last.
    order: BTreeMap<u64, String>,
    uses: u64,
}

#[derive(Debug)]
struct Refusal {
    words: Vec<String>,
    sent: Instant,
    until: Instant,
    outcome: Outcome,
    used: u64,
}

impl DenyCache {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// What is known to refuse the same call: the same key, clauses and cost.
    pub(crate) fn get(&self, key: &str, words: &[String], cost: u64) -> Option<Outcome> {
        let (now, mut kept) = (Instant::now(), self.lock());
        let is_it = |refusal: &Refusal| refusal.outcome.cost == cost && refusal.words == words;
        let refusal = kept.by_key.get(key)?.iter().find(|refusal| is_it(refusal))?;
        let (used, until) = (refusal.used, refusal.until);
        if until <= now {
            kept.forget(used);
            return None;
        }
        let name = kept.order.remove(&used)?;
        let again = kept.next(name);
        let refusal = kept.by_key.get_mut(key)?.iter_mut().find(|refusal| refusal.used == used)?;
        refusal.used = again;
        let passed = now.saturating_duration_since(refusal.sent);
        Some(refusal.outcome.later(passed))
    }

    /// Keep a refusal of a call that was sent then.
    pub(crate) fn put(&self, words: &[String], sent: Instant, outcome: &Outcome) {
        let Some(time) = keeps_for(words, outcome) else { return };
        let Some(until) = sent.checked_add(time) else { return };
        let mut kept = self.lock();
        let same =
            |refusal: &&Refusal| refusal.outcome.cost == outcome.cost && refusal.words == words;
        let before = kept.by_key.get(&outcome.key).and_then(|all| all.iter().find(same));
        if let Some(used) = before.map(|refusal| refusal.used) {
            kept.forget(used);
        }
        let used = kept.next(outcome.key.clone());
        let refusal =
            Refusal { words: words.to_vec(), sent, until, outcome: outcome.clone(), used };
        kept.by_key.entry(outcome.key.clone()).or_default().push(refusal);
        while kept.order.len() > self.most {
            let Some(oldest) = kept.order.keys().next().copied() else { return };
            kept.forget(oldest);
        }
    }

    /// Forget what is kept for a key.
    pub(crate) fn forget(&self, key: &str) {
        let mut kept = self.lock();
        for refusal in kept.by_key.remove(key).into_iter().flatten() {
            kept.order.remove(&refusal.used);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The number of one more use of this key.
    fn next(&mut self, key: String) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.order.insert(self.uses, key);
        self.uses
    }

    fn forget(&mut self, used: u64) {
        let Some(key) = self.order.remove(&used) else { return };
        let Some(refusals) = self.by_key.get_mut(&key) else { return };
        refusals.retain(|refusal| refusal.used != used);
        if refusals.is_empty() {
            self.by_key.remove(&key);
        }
    }
}

/// For how long a refusal may be kept; nothing where each must reach the server.
fn keeps_for(words: &[String], outcome: &Outcome) -> Option<Duration> {
    if outcome.allowed || outcome.source != Source::Server || outcome.cost == 0 {
        return None;
    }
    let counts = |counts: Counts| outcome.decisions.iter().any(|verdict| verdict.counts == counts);
    // A ban counts refusals, and a clause that is not known may be one.
    if outcome.ban.as_ref().is_some_and(|ban| ban.allowed) || counts(Counts::Unknown) {
        return None;
    }
    let is_policy = words.iter().any(|word| word == "POLICY");
    let most = if is_policy || counts(Counts::Places) { SHORT } else { LONGEST };
    outcome.retry_after().filter(|wait| !wait.is_zero()).map(|wait| wait.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LimitSet;
    use crate::wire::reply::{self, Known};
    use redis::Value;

    fn refusal(key: &str, cost: u64, wait_ms: i64) -> (Vec<String>, Outcome) {
        let limits: LimitSet = "5/minute".parse().unwrap();
        let five = [0, 5, 0, wait_ms, 50_000].map(Value::Int).to_vec();
        let reply = Value::Array(vec![Value::Int(0), Value::Array(five)]);
        let decided = reply::read(&reply, &limits, &Known::new()).unwrap();
        let mut outcome = Outcome::served(key.to_owned(), cost, Source::Server);
        (outcome.allowed, outcome.decisions) = (decided.allowed, decided.decisions);
        (limits.words().to_vec(), outcome)
    }

    fn put(cache: &DenyCache, key: &str, cost: u64, wait_ms: i64) {
        let (words, outcome) = refusal(key, cost, wait_ms);
        cache.put(&words, Instant::now(), &outcome);
    }

    fn has(cache: &DenyCache, key: &str, cost: u64) -> bool {
        cache.get(key, &refusal(key, cost, 1).0, cost).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_kept_until_it_ends_and_its_times_run() {
        let cache = DenyCache::new(10);
        put(&cache, "a", 1, 30_000);
        assert!(!has(&cache, "a", 2) && !has(&cache, "b", 1));
        tokio::time::advance(Duration::from_millis(29_999)).await;
        let told = cache.get("a", &refusal("a", 1, 1).0, 1).unwrap();
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
        assert_eq!((kept.order.len(), kept.by_key.len()), (1, 1));
    }
}
