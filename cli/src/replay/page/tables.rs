//! The tables of the page.

use maud::{Markup, html};

use super::plots::colour;
use crate::replay::report::{Client, Report, Tried};
use crate::replay::show::{number, percent, period, plain, time};

/// The candidates, one row each.
pub(super) fn candidates(report: &Report) -> Markup {
    html! {
        table.candidates {
            thead { tr {
                th { "limit" } th.number { "requests refused" } th.number { "clients refused" }
                th.number { "worst minute" } th.number { "pass in 1 s" }
            } }
            tbody {
                @for (place, tried) in report.tried.iter().enumerate() { tr {
                    td { span class={ "dot " (colour(place)) } {} " " (plain(tried.candidate.text(), 200)) }
                    td.number data-name="requests refused" {
                        (number(tried.refused)) " " small { (percent(tried.refused, report.requests)) }
                    }
                    td.number data-name="clients refused" {
                        (number(tried.clients_refused)) " "
                        small { (percent(tried.clients_refused, report.clients)) }
                    }
                    td.number data-name="worst minute" { (worst(tried)) }
                    td.number data-name="pass in 1 s" {
                        (number(tried.passed_within_1s)) " "
                        small { (percent(tried.passed_within_1s, tried.refused)) }
                    }
                } }
            }
        }
    }
}

fn worst(tried: &Tried) -> Markup {
    html! {
        @match tried.worst_minute {
            Some((at, refused)) => {
                (number(refused)) " " small { (time(at).get(11..16).unwrap_or_default()) }
            }
            None => "0",
        }
    }
}

/// How fast clients are, by percentiles.
pub(super) fn speeds(report: &Report) -> Markup {
    html! {
        table {
            thead { tr {
                th { "in" }
                @for (name, _) in report.speeds.first().into_iter().flat_map(|s| s.percentiles()) {
                    th.number { (name) }
                }
            } }
            tbody {
                @for speed in report.speeds.iter().take(3) { tr {
                    td { (period(speed.period_ms)) }
                    @for (_, peak) in speed.percentiles() { td.number { (number(peak)) } }
                } }
            }
        }
    }
}

/// Who is refused most.
pub(super) fn top(tried: &Tried, count: usize) -> Markup {
    html! {
        table {
            thead { tr { th { "client" } th.number { "requests" } th.number { "refused" } } }
            tbody {
                @for client in tried.refused_clients.iter().take(count) { tr {
                    td { (who(client)) }
                    td.number { (number(client.requests)) }
                    td.number { (number(client.refused)) }
                } }
            }
        }
    }
}

fn who(client: &Client) -> Markup {
    let look = &client.look;
    html! {
        strong { (plain(&client.key, 120)) }
        @if !look.agent.is_empty() { small { (plain(&look.agent, 120)) } }
        @for path in &look.paths { small { code { (plain(path, 80)) } } }
    }
}

/// The smallest limits that refuse few enough.
pub(super) fn suggested(report: &Report) -> Markup {
    html! {
        @if let Some((share, found)) = &report.suggest {
            section {
                h2 { "Suggested" }
                p { "The smallest limits that refuse at most " (share.text()) " of clients:" }
                table {
                    thead { tr { th { "limit" } th.number { "clients refused" } } }
                    tbody {
                        @for found in found { tr {
                            td { (found.text()) }
                            td.number {
                                (number(found.clients_refused)) " "
                                small { (percent(found.clients_refused, report.clients)) }
                            }
                        } }
                    }
                }
            }
        }
    }
}
