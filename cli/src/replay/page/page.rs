//! The whole page.

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{plots, tables};
use crate::failure::Failure;
use crate::replay::report::{ESTIMATE, Report, Tried};
use crate::replay::show::{number, period, plain, time};

const STYLE: &str = include_str!("style.css");
/// Nothing may be fetched and nothing may run, whatever a log says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Writes the page, with at most `top` of those who are refused.
pub(crate) fn write(report: &Report, top: usize, path: &Path) -> Result<(), Failure> {
    let text = page(report, top).into_string();
    std::fs::write(path, text).map_err(|error| Failure::of_file(path, error))
}

fn page(report: &Report, top: usize) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "redis-rl replay" }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                header {
                    h1 { "What would the traffic have met?" }
                    (read(report))
                }
                section { h2 { "Limits" } (tables::candidates(report)) (day(report)) }
                section {
                    h2 { "How fast clients are" }
                    p { "The peak of each client, in " (report.unit()) ". Both scales are logarithmic." }
                    (tables::speeds(report))
                    div.thirds { @for speed in report.speeds.iter().take(3) { (plots::peaks(speed)) } }
                }
                (shares(report))
                (tables::suggested(report))
                @for (place, tried) in report.tried.iter().enumerate() {
                    (candidate(place, tried, top))
                }
                footer { p { (ESTIMATE) } }
            } }
        }
    }
}

fn read(report: &Report) -> Markup {
    html! {
        p {
            strong { (number(report.requests)) } " requests of "
            strong { (number(report.clients)) } " clients"
            @if let Some((from, to)) = report.span_ms { ", from " (time(from)) " to " (time(to)) }
            ". " (number(report.lines)) " lines were read, " (number(report.skipped)) " skipped."
        }
        @if !report.skipped_first.is_empty() {
            details {
                summary { "The first that were skipped" }
                ul { @for first in &report.skipped_first { li { code { (first) } } } }
            }
        }
    }
}

fn day(report: &Report) -> Markup {
    html! {
        h3 { "Refusals over the day" }
        figure {
            (plots::day(report))
            figcaption {
                span.item { span.swatch.all {} "all requests" }
                @for (place, tried) in report.tried.iter().enumerate() {
                    span.item {
                        span class={ "swatch " (plots::colour(place)) } {}
                        "refused by " (plain(tried.candidate.text(), 60))
                    }
                }
            }
        }
    }
}

/// One plot for each period that candidates have.
fn shares(report: &Report) -> Markup {
    let clauses = report.tried.iter().flat_map(|tried| tried.candidate.clauses());
    let periods: Vec<u64> = clauses.map(|clause| clause.period_ms).collect();
    html! {
        section {
            h2 { "Share refused over the limit" }
            p {
                "What a fixed window of each limit would refuse: "
                span.swatch.requests {} " of all " (report.unit()) ", "
                span.swatch.clients {} " of all clients. Each point is a candidate, at the share of "
                "requests that it refuses itself."
            }
            @for speed in report.speeds.iter().filter(|speed| periods.contains(&speed.period_ms)) {
                h3 { "In " (period(speed.period_ms)) }
                figure { (plots::shares(report, speed)) }
            }
        }
    }
}

fn candidate(place: usize, tried: &Tried, top: usize) -> Markup {
    html! {
        section {
            h2 { span class={ "dot " (plots::colour(place)) } {} " " (plain(tried.candidate.text(), 200)) }
            @if tried.refused == 0 {
                p { "Refuses nobody." }
            } @else {
                (tables::top(tried, top))
            }
            pre { code { (tried.policy) } }
        }
    }
}
