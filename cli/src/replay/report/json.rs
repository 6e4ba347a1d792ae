//! The report as one JSON object.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::report::{Report, Speed, Suggested, Tried};
use crate::failure::Failure;
use crate::replay::show::{period, share, time};

#[derive(Serialize)]
struct Json {
    read: Read,
    peaks: Peaks,
    candidates: Vec<Candidate>,
    suggest: Vec<Suggestion>,
}

#[derive(Serialize)]
struct Read {
    lines: u64,
    skipped: u64,
    requests: u64,
    clients: u64,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Serialize)]
struct Peaks {
    #[serde(rename = "1s")]
    second: Value,
    #[serde(rename = "1m")]
    minute: Value,
    #[serde(rename = "1h")]
    hour: Value,
}

#[derive(Serialize)]
struct Candidate {
    limit: String,
    clauses: Vec<Vec<String>>,
    refused: u64,
    refused_share: f64,
    clients_refused: u64,
    worst_minute: Value,
    passed_within_1s: u64,
    policy: String,
    top: Vec<Value>,
}

#[derive(Serialize)]
struct Suggestion {
    period: String,
    limit: String,
    n: u64,
    clients_refused: u64,
    clients_refused_share: f64,
}

/// Prints it, with at most `top` of those who are refused.
pub(crate) fn print(report: &Report, top: usize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = serde_json::to_writer_pretty(&mut out, &json(report, top))
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    written.map_err(|error| Failure::of_output(&error))
}

fn json(report: &Report, top: usize) -> Json {
    let peaks = |place| report.speeds.get(place).map_or(Value::Null, percentiles);
    Json {
        read: Read {
            lines: report.lines,
            skipped: report.skipped,
            requests: report.requests,
            clients: report.clients,
            from: report.span_ms.map(|(from, _)| time(from)),
            to: report.span_ms.map(|(_, to)| time(to)),
        },
        peaks: Peaks { second: peaks(0), minute: peaks(1), hour: peaks(2) },
        candidates: report.tried.iter().map(|tried| candidate(tried, report, top)).collect(),
        suggest: report
            .suggest
            .iter()
            .flat_map(|(_, found)| found)
            .map(|found| suggestion(found, report.clients))
            .collect(),
    }
}

fn percentiles(speed: &Speed) -> Value {
    speed
        .percentiles()
        .map(|(name, peak)| (name.to_owned(), peak.into()))
        .collect::<Map<_, _>>()
        .into()
}

fn candidate(tried: &Tried, report: &Report, top: usize) -> Candidate {
    let (at, refused) = tried.worst_minute.unzip();
    let top = tried.refused_clients.iter().take(top).map(
        |client| json!({"key": client.key, "requests": client.requests, "refused": client.refused}),
    );
    Candidate {
        limit: tried.candidate.text().to_owned(),
        clauses: tried.candidate.words().to_owned(),
        refused: tried.refused,
        refused_share: share(tried.refused, report.requests),
        clients_refused: tried.clients_refused,
        worst_minute: json!({"at": at.map(time), "refused": refused.unwrap_or(0)}),
        passed_within_1s: tried.passed_within_1s,
        policy: tried.policy.clone(),
        top: top.collect(),
    }
}

fn suggestion(found: &Suggested, clients: u64) -> Suggestion {
    Suggestion {
        period: period(found.period_ms),
        limit: found.text(),
        n: found.limit,
        clients_refused: found.clients_refused,
        clients_refused_share: share(found.clients_refused, clients),
    }
}
