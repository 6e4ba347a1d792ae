//! What the plots show: how fast clients are, what a limit would refuse, and when.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::draw::{Size, area, axes, both, line, place};
use super::scale::Scale;
use crate::replay::report::{Report, Speed, Tried, above};
use crate::replay::show::{period, plain, short, time};
use crate::replay::tally::Minutes;

/// The colours that candidates have, in turn.
const COLOURS: u64 = 6;
/// The smallest share that is drawn: a thousandth of a percent.
const LEAST_SHARE: f64 = 0.000_01;
/// Points along a curve.
const POINTS: u32 = 160;

/// The class that gives the candidate at that place its colour.
pub(super) fn colour(place: usize) -> String {
    format!("c{}", (place as u64).wrapping_rem(COLOURS))
}

/// How many clients have which peak, in windows of one length.
pub(super) fn peaks(speed: &Speed) -> Markup {
    let label = format!("How many clients have which peak in {}", period(speed.period_ms));
    let mut bins: BTreeMap<u32, u64> = BTreeMap::new();
    for peak in &speed.peaks {
        let count = bins.entry(peak.checked_ilog2().unwrap_or(0)).or_default();
        *count = count.saturating_add(1);
    }
    let last = bins.keys().next_back().copied().unwrap_or(0).saturating_add(1);
    let most = bins.values().copied().max().unwrap_or(1).max(10);
    both(&label, 1.0 / 3.0, 190.0, |size| {
        let x = Scale::log((1.0, 2_f64.powi(last.max(3).cast_signed())), size.across());
        // A bar of one client must be seen, and the percentiles stand above them all.
        let y = Scale::log((0.5, most as f64 * 12.0), size.up());
        let x_ticks = named(x.ticks(4));
        let y_ticks: Vec<_> = named(y.ticks(4)).into_iter().filter(|(v, _)| *v >= 1.0).collect();
        html! {
            (axes((&x, &x_ticks, &format!("peak in {}", period(speed.period_ms))),
                (&y, &y_ticks, "clients")))
            @for (bin, count) in &bins {
                @let from = x.at(2_f64.powi(bin.cast_signed())) + 0.5;
                @let to = x.at(2_f64.powi(bin.saturating_add(1).cast_signed())) - 0.5;
                rect class="bar" x=(place(from)) width=(place(to - from))
                    y=(place(y.at(*count as f64))) height=(place(y.ends().0 - y.at(*count as f64))) {}
            }
            @for (order, (name, at)) in marked(speed, &x).into_iter().enumerate() {
                g class="percentile" {
                    line x1=(place(at)) x2=(place(at)) y1=(place(y.ends().0)) y2=(place(y.ends().1)) {}
                    (beside(size, at, y.ends().1 + 10.0 + 14.0 * order as f64, name))
                }
            }
        }
    })
}

/// The percentiles that a plot shows, and where.
fn marked(speed: &Speed, x: &Scale) -> Vec<(&'static str, f64)> {
    let shown = speed.percentiles().filter(|(name, _)| matches!(*name, "p50" | "p99"));
    shown.map(|(name, peak)| (name, x.at(peak.max(1) as f64))).collect()
}

/// Words beside a line across the plot, on the side that has room.
fn beside(size: Size, x: f64, y: f64, words: &str) -> Markup {
    let is_left = x > size.width / 2.0;
    html! {
        text class=(if is_left { "end" } else { "start" }) y=(place(y))
            x=(place(if is_left { x - 6.0 } else { x + 6.0 })) { (words) }
    }
}

/// Which share of requests and of clients a FIXED limit would refuse, by how high it is, and where
/// the candidates with that period are.
pub(super) fn shares(report: &Report, speed: &Speed) -> Markup {
    let label = format!("Share refused over the limit in {}", period(speed.period_ms));
    let top = speed.peaks.last().copied().unwrap_or(1).max(1);
    let marks: Vec<(usize, &Tried, u64)> = marks(report, speed.period_ms);
    let highest = marks.iter().map(|(_, _, limit)| *limit).max().unwrap_or(1).max(top);
    let total = used(speed).max(1);
    let clients = speed.peaks.len().max(1) as f64;
    both(&label, 1.0, 280.0, |size| {
        let x = Scale::log((1.0, (highest as f64 * 1.5).max(10.0)), size.across());
        let y = Scale::log((LEAST_SHARE, 1.0), size.up());
        let limits = steps(highest);
        let curve = |share: &dyn Fn(u64) -> f64| -> Vec<(f64, f64)> {
            let known = limits.iter().map(|limit| (*limit, share(*limit)));
            known.map(|(limit, share)| (x.at(limit as f64), y.at(share))).collect()
        };
        let y_ticks: Vec<_> = y.ticks(6).into_iter().map(|share| (share, percent(share))).collect();
        html! {
            (axes((&x, &named(x.ticks(size.ticks_across())), "limit"), (&y, &y_ticks, "refused")))
            (line("requests", &curve(&|limit| refused(speed, limit) as f64 / total as f64)))
            (line("clients", &curve(&|limit| above(&speed.peaks, limit) as f64 / clients)))
            @for (order, (at, tried, limit)) in marks.iter().enumerate() {
                @let share = tried.refused as f64 / report.requests.max(1) as f64;
                (mark(size, (x.at(*limit as f64), y.at(share)), *at, order, tried))
            }
        }
    })
}

/// A candidate's point, with its limit above it.
fn mark(size: Size, (x, y): (f64, f64), at: usize, order: usize, tried: &Tried) -> Markup {
    let (bottom, top) = size.up();
    html! {
        g class=(colour(at)) {
            line class="candidate" x1=(place(x)) x2=(place(x)) y1=(place(bottom)) y2=(place(top)) {}
            circle cx=(place(x)) cy=(place(y)) r="4.5" {}
            (beside(size, x, top + 10.0 + 14.0 * order as f64, &plain(tried.candidate.text(), 24)))
        }
    }
}

/// When requests came, and when they were refused.
pub(super) fn day(report: &Report) -> Markup {
    let Some((from, to)) = report.span_ms else { return html! {} };
    let to = to.max(from.saturating_add(60_000));
    let bin = bin_ms(to.saturating_sub(from));
    let all = binned(&report.minutes, from, bin);
    let tried: Vec<_> =
        report.tried.iter().map(|tried| binned(&tried.minutes, from, bin)).collect();
    let most = all.values().copied().max().unwrap_or(1).max(1);
    both("Requests and refusals over the day", 1.0, 260.0, |size| {
        let x = Scale::linear((from as f64, to as f64), size.across());
        let y = Scale::linear((0.0, most as f64 * 1.05), size.up());
        let points = |bins: &BTreeMap<u64, u64>| -> Vec<(f64, f64)> {
            let count = to.saturating_sub(from).div_euclid(bin);
            let steps = (0..=count).flat_map(|place| {
                let value = y.at(bins.get(&place).copied().unwrap_or(0) as f64);
                let start = from.saturating_add(place.saturating_mul(bin));
                [(x.at(start as f64), value), (x.at(start.saturating_add(bin) as f64), value)]
            });
            steps.collect()
        };
        html! {
            (area("all", &points(&all), y.ends().0))
            (axes((&x, &times(from, to, size), "UTC"),
                (&y, &named(y.ticks(6)), &format!("requests in {}", period(bin)))))
            @for (at, bins) in tried.iter().enumerate() {
                g class=(colour(at)) { (line("refused", &points(bins))) }
            }
        }
    })
}

/// The candidates that have a clause of that period: place, candidate, and how high the limit is.
fn marks(report: &Report, period_ms: u64) -> Vec<(usize, &Tried, u64)> {
    let all = report.tried.iter().enumerate();
    let with = all.filter_map(|(place, tried)| {
        let mut clauses = tried.candidate.clauses().iter();
        let clause = clauses.find(|clause| clause.period_ms == period_ms)?;
        Some((place, tried, clause.refill.max(1)))
    });
    with.collect()
}

/// Limits from 1 to `highest`, close enough for a curve.
fn steps(highest: u64) -> Vec<u64> {
    let ratio = (highest as f64 * 1.5).max(10.0).powf(1.0 / f64::from(POINTS));
    let mut limits: Vec<u64> = Vec::new();
    let mut at = 1.0_f64;
    for _ in 0..=POINTS {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let limit = at.round() as u64;
        if limits.last() != Some(&limit) {
            limits.push(limit);
        }
        at *= ratio;
    }
    limits
}

/// What was used in all windows.
fn used(speed: &Speed) -> u64 {
    speed
        .windows
        .iter()
        .map(|(used, count)| used.saturating_mul(*count))
        .fold(0, u64::saturating_add)
}

/// How much of it a FIXED limit would refuse.
fn refused(speed: &Speed, limit: u64) -> u64 {
    let over = speed.windows.range(limit.saturating_add(1)..);
    let refused = over.map(|(used, count)| used.saturating_sub(limit).saturating_mul(*count));
    refused.fold(0, u64::saturating_add)
}

/// A stretch of time that makes some 100 steps.
fn bin_ms(length_ms: u64) -> u64 {
    let minutes = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1_440, 10_080];
    let bins = minutes.map(|minutes: u64| minutes.saturating_mul(60_000));
    bins.into_iter().find(|bin| length_ms.div_euclid(*bin) <= 150).unwrap_or(604_800_000)
}

/// Counts by the number of their bin since `from`.
fn binned(minutes: &Minutes, from: u64, bin: u64) -> BTreeMap<u64, u64> {
    let mut bins = BTreeMap::new();
    for (start, count) in minutes.all() {
        let bin: &mut u64 =
            bins.entry(start.saturating_sub(from).div_euclid(bin.max(1))).or_default();
        *bin = bin.saturating_add(count);
    }
    bins
}

fn named(ticks: Vec<f64>) -> Vec<(f64, String)> {
    ticks.into_iter().map(|tick| (tick, short(tick))).collect()
}

fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Round times for an axis: hours and minutes, or days where there are several.
fn times(from: u64, to: u64, size: Size) -> Vec<(f64, String)> {
    let length = to.saturating_sub(from);
    let steps = [60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 604_800];
    let most = size.ticks_across().saturating_sub(1).max(1) as u64;
    let step = steps
        .into_iter()
        .map(|s: u64| s.saturating_mul(1_000))
        .find(|s| length.div_euclid(*s) <= most);
    let step = step.unwrap_or(2_592_000_000);
    let first = from.div_ceil(step).saturating_mul(step);
    let mut ticks = Vec::new();
    let mut at = first;
    while at <= to {
        let text = time(at);
        let part = if step >= 86_400_000 { text.get(5..10) } else { text.get(11..16) };
        ticks.push((at as f64, part.unwrap_or_default().to_owned()));
        at = at.saturating_add(step);
    }
    ticks
}
