//! The report as text, for a terminal or a pipe.

use std::io::{self, IsTerminal, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use terminal_size::{Width, terminal_size};

use super::report::{Report, Tried};
use crate::failure::Failure;
use crate::replay::show::{count, number, percent, period, plain, time};

/// Said below every report.
pub(crate) const ESTIMATE: &str = "\
Clients that are refused behave otherwise: they wait, retry or give up, and a log cannot say which. \
This is a first estimate.";

/// Prints it, with at most `top` of those who are refused.
pub(crate) fn print(report: &Report, top: usize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let is_terminal = out.is_terminal();
    let text = text(report, top, is_terminal);
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::of_output(&error))
}

fn text(report: &Report, top: usize, is_terminal: bool) -> String {
    let mut parts = vec![read(report), speeds(report)];
    for tried in &report.tried {
        parts.push(candidate(report, tried));
        if tried.refused > 0 && top > 0 {
            parts.push(refused(tried, top, is_terminal));
        }
        parts.push(format!("  {}", tried.policy));
    }
    if let Some((share, found)) = &report.suggest {
        let mut lines =
            vec![format!("The smallest limits that refuse at most {} of clients", share.text())];
        for found in found {
            lines.push(format!(
                "  {:<12} refuses {} of {} clients",
                found.text(),
                number(found.clients_refused),
                number(report.clients)
            ));
        }
        parts.push(lines.join("\n"));
    }
    parts.push(ESTIMATE.to_owned());
    parts.join("\n\n") + "\n"
}

fn read(report: &Report) -> String {
    let mut text = format!(
        "Read {}: {} of {}",
        count(report.lines, "line"),
        count(report.requests, "request"),
        count(report.clients, "client")
    );
    if let Some((from, to)) = report.span_ms {
        text += &format!(", from {} to {}", time(from), time(to));
    }
    if let Some(skipped) = skipped(report) {
        text += &format!("\n{skipped}");
    }
    text
}

/// How many lines were skipped, and the first of them; nothing if none was.
pub(crate) fn skipped(report: &Report) -> Option<String> {
    if report.skipped == 0 {
        return None;
    }
    let mut lines = vec![format!("Skipped {}, the first of them:", count(report.skipped, "line"))];
    lines.extend(report.skipped_first.iter().map(|first| format!("  {first}")));
    Some(lines.join("\n"))
}

fn speeds(report: &Report) -> String {
    let mut table = table();
    let names = report.speeds.first().into_iter().flat_map(|speed| speed.percentiles());
    let header = std::iter::once(String::new()).chain(names.map(|(name, _)| name.to_owned()));
    table.set_header(header.collect::<Vec<_>>());
    for speed in report.speeds.iter().take(3) {
        let peaks = speed.percentiles().map(|(_, peak)| number(peak));
        let row = std::iter::once(format!("  in {}", period(speed.period_ms))).chain(peaks);
        table.add_row(row.collect::<Vec<_>>());
    }
    align_right(&mut table, 1..7);
    format!("How fast clients are: the peak of each, in {}\n{}", report.unit(), trimmed(&table))
}

fn candidate(report: &Report, tried: &Tried) -> String {
    let mut text = format!(
        "{}\n  refuses {} of {} requests ({}), and {} of {} clients ({})",
        plain(tried.candidate.text(), 200),
        number(tried.refused),
        number(report.requests),
        percent(tried.refused, report.requests),
        number(tried.clients_refused),
        number(report.clients),
        percent(tried.clients_refused, report.clients),
    );
    if let Some((at, refused)) = tried.worst_minute {
        text += &format!("\n  worst minute: {}, {} refused", time(at), number(refused));
        text += &format!(
            "\n  {} of the refused would have passed by waiting a second ({})",
            number(tried.passed_within_1s),
            percent(tried.passed_within_1s, tried.refused)
        );
    }
    text
}

fn refused(tried: &Tried, top: usize, is_terminal: bool) -> String {
    let mut table = table();
    if let Some((Width(width), _)) = is_terminal.then(terminal_size).flatten() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.set_header(["  refused most", "requests", "refused", "agent", "paths"]);
    for client in tried.refused_clients.iter().take(top) {
        let paths: Vec<String> = client.look.paths.iter().map(|path| plain(path, 40)).collect();
        table.add_row([
            format!("  {}", plain(&client.key, 60)),
            number(client.requests),
            number(client.refused),
            plain(&client.look.agent, 40),
            paths.join(" "),
        ]);
    }
    align_right(&mut table, 1..3);
    trimmed(&table)
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn align_right(table: &mut Table, columns: std::ops::Range<usize>) {
    for place in columns {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn trimmed(table: &Table) -> String {
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}
