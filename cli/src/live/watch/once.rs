//! What is shown, as text.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::figures::{bytes, change, counts, rate, rates};
use super::view::View;
use crate::replay::show::{number, plain};

/// As many keys as a screen has room for.
const KEYS: usize = 20;

/// The longest key that is shown whole.
const LONGEST: usize = 100;

/// Writes all of it.
pub(super) fn write(view: &View, out: &mut impl Write) -> io::Result<()> {
    if !view.up.is_empty() {
        writeln!(
            out,
            "{}{}",
            if view.is_cluster { "primaries  " } else { "server     " },
            view.up.join(", ")
        )?;
    }
    for (name, why) in &view.away {
        writeln!(out, "away       {name}: {why}")?;
    }
    if view.up.is_empty() {
        return Ok(());
    }
    if let Some(now) = view.rates {
        writeln!(out, "now        {}", rates(now))?;
    }
    writeln!(out, "in all     {}, {} errors", counts(view.calls), number(view.errors))?;
    let max =
        if view.memory.max > 0 { format!(" of {}", bytes(view.memory.max)) } else { String::new() };
    writeln!(
        out,
        "memory     {}{max}, {} keys",
        bytes(view.memory.used),
        number(view.memory.keys)
    )?;
    write_policies(view, out)?;
    write_top(view, out)
}

fn write_policies(view: &View, out: &mut impl Write) -> io::Result<()> {
    if view.policies.is_empty() {
        return Ok(());
    }
    let headings = ["policy", "allowed/s", "denied/s", "allowed", "denied", "on trial", "limits"];
    let mut table = table(&headings, 1..=5);
    for row in &view.policies {
        table.add_row([
            row.name.clone(),
            rate(row.rates.allowed),
            rate(row.rates.denied),
            number(row.calls.allowed),
            number(row.calls.denied),
            number(row.on_trial),
            row.clauses.clone(),
        ]);
    }
    writeln!(out, "\n{}", trimmed(&table))
}

fn write_top(view: &View, out: &mut impl Write) -> io::Result<()> {
    if let Some(why) = &view.top_refused {
        writeln!(out, "\nRL.TOP cannot be shown: {why}")?;
    }
    if view.top.is_empty() {
        return Ok(());
    }
    let mut table = table(&["denied", "change", "key"], 0..=1);
    for row in view.top.iter().take(KEYS) {
        let change = change(row.change);
        table.add_row([number(row.denied), change, plain(&row.key, LONGEST)]);
    }
    writeln!(out, "\n{}", trimmed(&table))
}

fn table(headings: &[&str], numbers: std::ops::RangeInclusive<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Without the spaces that would only fill the lines.
fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
