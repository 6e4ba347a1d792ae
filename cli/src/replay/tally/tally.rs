//! All that is counted, request by request.

use super::minutes::Minutes;
use super::peaks::Peaks;
use super::seen::Seen;
use super::trial::Trial;
use crate::replay::read::Request;
use crate::words::Candidate;

/// The windows in which peaks are always told: a second, a minute and an hour.
const TOLD_MS: [u64; 3] = [1_000, 60_000, 3_600_000];

/// All that is counted of requests.
pub(crate) struct Tally {
    /// How many requests there were.
    pub(crate) requests: u64,
    /// When the first and the last came.
    pub(crate) span_ms: Option<(u64, u64)>,
    /// How many requests each client sent, by its number.
    pub(crate) asked: Vec<u64>,
    /// When they came.
    pub(crate) minutes: Minutes,
    /// Peaks in a second, a minute and an hour, then in other periods that candidates have.
    pub(crate) peaks: Vec<Peaks>,
    /// In the order of the candidates.
    pub(crate) trials: Vec<Trial>,
    /// What those who are refused look like.
    pub(crate) seen: Seen,
}

impl Tally {
    /// Of nothing yet.
    pub(crate) fn new(candidates: &[Candidate]) -> Self {
        let mut periods = TOLD_MS.to_vec();
        for clause in candidates.iter().flat_map(Candidate::clauses) {
            if !periods.contains(&clause.period_ms) {
                periods.push(clause.period_ms);
            }
        }
        Self {
            requests: 0,
            span_ms: None,
            asked: Vec::new(),
            minutes: Minutes::default(),
            peaks: periods.into_iter().map(Peaks::new).collect(),
            trials: candidates.iter().map(Trial::new).collect(),
            seen: Seen::default(),
        }
    }

    /// Takes the next request, which is not earlier than those before it.
    pub(crate) fn add(&mut self, request: &Request) {
        let Request { ms, client, cost, .. } = *request;
        let place = usize::try_from(client).unwrap_or(usize::MAX);
        self.requests = self.requests.saturating_add(1);
        self.span_ms = Some((self.span_ms.map_or(ms, |(from, _)| from), ms));
        self.minutes.add(ms);
        if self.asked.len() <= place {
            self.asked.resize(place.saturating_add(1), 0);
        }
        if let Some(asked) = self.asked.get_mut(place) {
            *asked = asked.saturating_add(1);
        }
        for peaks in &mut self.peaks {
            peaks.add(place, ms, cost);
        }
        let mut is_refused = false;
        for trial in &mut self.trials {
            is_refused |= !trial.decide(place, ms, cost);
        }
        if is_refused {
            let (agent, path) = request.shown.as_ref();
            self.seen.add(client, agent, path);
        }
    }
}
