//! The figures of a report, as all forms have them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::spread::{PERCENTILES, above, percentile};
use crate::args::ReplayArgs;
use crate::replay::clients::Names;
use crate::replay::read::Logs;
use crate::replay::show;
use crate::replay::tally::{Look, Minutes, Tally, Trial};
use crate::words::Candidate;
use crate::words::Share;

/// The name that the line for RL.POLICY gives.
const POLICY: &str = "api";

/// What became of a log under some candidates.
pub(crate) struct Report {
    pub(crate) lines: u64,
    pub(crate) skipped: u64,
    /// The first lines that were skipped, and why.
    pub(crate) skipped_first: Vec<String>,
    pub(crate) requests: u64,
    pub(crate) clients: u64,
    /// When the first and the last request came.
    pub(crate) span_ms: Option<(u64, u64)>,
    /// Whether requests have costs of their own.
    pub(crate) has_costs: bool,
    pub(crate) minutes: Minutes,
    /// A second, a minute, an hour, and the other periods asked.
    pub(crate) speeds: Vec<Speed>,
    pub(crate) tried: Vec<Tried>,
    /// What was asked for, and what was found.
    pub(crate) suggest: Option<(Share, Vec<Suggested>)>,
}

/// How fast clients are in windows of one length.
pub(crate) struct Speed {
    pub(crate) period_ms: u64,
    /// The peak of each client, in order.
    pub(crate) peaks: Vec<u64>,
    /// How many windows had so much used.
    pub(crate) windows: BTreeMap<u64, u64>,
}

impl Speed {
    /// The percentiles, by their names.
    pub(crate) fn percentiles(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        PERCENTILES.into_iter().map(|(tenths, name)| (name, percentile(&self.peaks, tenths)))
    }
}

/// What a candidate would have done.
pub(crate) struct Tried {
    pub(crate) candidate: Candidate,
    pub(crate) refused: u64,
    pub(crate) clients_refused: u64,
    /// The start of the minute in which most were refused, and how many.
    pub(crate) worst_minute: Option<(u64, u64)>,
    pub(crate) passed_within_1s: u64,
    /// The line to paste.
    pub(crate) policy: String,
    /// Who is refused, those refused most first; all of them.
    pub(crate) refused_clients: Vec<Client>,
    pub(crate) minutes: Minutes,
}

/// A client that is refused.
pub(crate) struct Client {
    pub(crate) key: String,
    pub(crate) requests: u64,
    pub(crate) refused: u64,
    pub(crate) look: Look,
}

/// The smallest limit of a period that refuses few enough clients.
pub(crate) struct Suggested {
    pub(crate) period_ms: u64,
    pub(crate) limit: u64,
    pub(crate) clients_refused: u64,
}

impl Report {
    /// What was counted, in order.
    pub(crate) fn new(args: &ReplayArgs, logs: Logs, tally: Tally) -> Self {
        let Tally { requests, span_ms, asked, minutes, peaks, trials, seen } = tally;
        let speeds: Vec<Speed> = peaks
            .into_iter()
            .map(|peaks| {
                let period_ms = peaks.period_ms();
                let (peaks, windows) = peaks.finish(&asked);
                Speed { period_ms, peaks, windows }
            })
            .collect();
        let kept = if args.csv.is_some() { usize::MAX } else { args.top };
        let tried = args.limits.iter().zip(trials).map(|(candidate, trial)| {
            let top = top(&trial, &asked, &logs.names, kept);
            let clients = top.into_iter().map(|(id, requests, refused)| Client {
                key: logs.names.name(id).to_owned(),
                requests,
                refused,
                look: seen.look(id),
            });
            Tried {
                candidate: candidate.clone(),
                refused: trial.refused,
                clients_refused: trial.clients_refused().count() as u64,
                worst_minute: trial.minutes.worst(),
                passed_within_1s: trial.passed_within_1s,
                policy: policy(candidate),
                refused_clients: clients.collect(),
                minutes: trial.minutes,
            }
        });
        Self {
            lines: logs.lines(),
            skipped: logs.skipped.count(),
            skipped_first: logs.skipped.first().to_owned(),
            requests,
            clients: asked.iter().filter(|asked| **asked > 0).count() as u64,
            span_ms,
            has_costs: args.cost.is_some(),
            minutes,
            tried: tried.collect(),
            suggest: args.suggest.map(|share| (share, suggested(share, &args.limits, &speeds))),
            speeds,
        }
    }

    /// What peaks and limits count.
    pub(crate) fn unit(&self) -> &'static str {
        if self.has_costs { "cost" } else { "requests" }
    }
}

/// Clients that are refused, those refused most first, at most `count`: number, requests, refused.
fn top(trial: &Trial, asked: &[u64], names: &Names, count: usize) -> Vec<(u32, u64, u64)> {
    let mut clients: Vec<(u32, u64, u64)> = trial
        .clients_refused()
        .filter_map(|place| {
            let requests = asked.get(place).copied().unwrap_or(0);
            Some((u32::try_from(place).ok()?, requests, trial.refused_of(place)))
        })
        .collect();
    clients.sort_unstable_by_key(|(id, requests, refused)| {
        (Reverse(*refused), Reverse(*requests), names.name(*id))
    });
    clients.truncate(count);
    clients
}

fn policy(candidate: &Candidate) -> String {
    let clauses: Vec<String> = candidate.words().iter().map(|words| words.join(" ")).collect();
    format!("RL.POLICY SET {POLICY} {}", clauses.join(" "))
}

/// For each period that candidates have, the smallest FIXED limit that refuses at most that share.
fn suggested(share: Share, candidates: &[Candidate], speeds: &[Speed]) -> Vec<Suggested> {
    let mut periods: Vec<u64> =
        candidates.iter().flat_map(Candidate::clauses).map(|clause| clause.period_ms).collect();
    periods.sort_unstable();
    periods.dedup();
    let found = periods.into_iter().filter_map(|period_ms| {
        let peaks = &speeds.iter().find(|speed| speed.period_ms == period_ms)?.peaks;
        let may_be_refused = usize::try_from(share.of(peaks.len() as u64)).unwrap_or(usize::MAX);
        // The largest peak of those who must not be refused.
        let place = peaks.len().checked_sub(may_be_refused).and_then(|rest| rest.checked_sub(1));
        let limit = place.and_then(|place| peaks.get(place)).copied().unwrap_or(0);
        Some(Suggested { period_ms, limit, clients_refused: above(peaks, limit) })
    });
    found.collect()
}

impl Suggested {
    /// As a limit is written.
    pub(crate) fn text(&self) -> String {
        let period = show::period(self.period_ms);
        let unit = match period.as_str() {
            "1s" => "second",
            "1m" => "minute",
            "1h" => "hour",
            "1d" => "day",
            "1w" => "week",
            other => other,
        };
        format!("{}/{unit}", self.limit)
    }
}
