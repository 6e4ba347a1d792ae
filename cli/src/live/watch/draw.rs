//! What is shown, on a whole screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Sparkline, Table};

use super::figures::{bytes, change, counts, rate, rates, rounded};
use super::paint::{ALLOWED, AWAY, BAR, DENIED, DIM, STRONG};
use super::view::{Rates, View};
use crate::replay::show::{number, plain};

/// From this width on, policies and keys are beside one another.
const WIDE: u16 = 130;

/// The longest key that is drawn: what does not fit is cut off.
const LONGEST: usize = 400;

/// What the last line says beside the view.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Prompt {
    /// What the keys do.
    #[default]
    Keys,
    /// Whether to forget whom RL.TOP counts.
    Reset,
    /// What came of something.
    Told(String),
}

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, title: &str, prompt: &Prompt) {
    let head = head(view);
    let [top, head_area, history, body, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::try_from(head.len()).unwrap_or(1)),
        Constraint::Length(5),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(title).style(BAR), top);
    frame.render_widget(Paragraph::new(head), head_area);
    draw_history(frame, view, history);
    draw_rows(frame, view, body);
    frame.render_widget(Paragraph::new(bottom_line(view, prompt)).style(BAR), bottom);
}

fn head(view: &View) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (name, why) in &view.away {
        lines.push(Line::styled(format!("{name} is away: {why}"), AWAY));
    }
    if view.up.is_empty() {
        let told = if view.away.is_empty() { "asking..." } else { "asked again and again" };
        lines.push(Line::from(told));
        return lines;
    }
    if view.is_cluster {
        lines.push(Line::from(format!("{} primaries: {}", view.up.len(), view.up.join(", "))));
    }
    let now = view.rates.map_or_else(|| "asking...".into(), rates);
    lines.push(Line::from(vec![Span::styled("now     ", DIM), Span::styled(now, STRONG)]));
    let all = format!("{}, {} errors", counts(view.calls), number(view.errors));
    lines.push(Line::from(vec![Span::styled("in all  ", DIM), Span::from(all)]));
    let max =
        if view.memory.max > 0 { format!(" of {}", bytes(view.memory.max)) } else { String::new() };
    let held = format!("{}{max}, {} keys", bytes(view.memory.used), number(view.memory.keys));
    lines.push(Line::from(vec![Span::styled("memory  ", DIM), Span::from(held)]));
    lines
}

/// Allowed and denied side by side, each by its own scale: the newest is at the right.
fn draw_history(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2);
    let [left, right] = halves.areas(area);
    let of = |part: fn(&Rates) -> f64| view.history.iter().map(part).collect::<Vec<_>>();
    draw_one(frame, "allowed/s", &of(|rates| rates.allowed), ALLOWED, left);
    draw_one(frame, "denied/s", &of(|rates| rates.denied), DENIED, right);
}

fn draw_one(frame: &mut Frame<'_>, title: &str, history: &[f64], style: Style, area: Rect) {
    let [heading, plot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let shown = history.len().saturating_sub(usize::from(plot.width));
    let shown = history.get(shown..).unwrap_or_default();
    let highest = shown.iter().copied().fold(0.0, f64::max);
    let words = format!("{title}, up to {}", rate(highest));
    frame.render_widget(Paragraph::new(words).style(DIM), heading);
    // In tenths, so that a rate below 1 is seen.
    let mut bars: Vec<u64> = shown.iter().map(|rate| rounded(rate * 10.0)).collect();
    let empty = usize::from(plot.width).saturating_sub(bars.len());
    bars.splice(0..0, std::iter::repeat_n(0, empty));
    frame.render_widget(Sparkline::default().data(bars).style(style), plot);
}

fn draw_rows(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let policies = u16::try_from(view.policies.len()).unwrap_or(u16::MAX);
    if policies == 0 {
        draw_top(frame, view, area);
    } else if area.width >= WIDE {
        let halves =
            Layout::horizontal([Constraint::Percentage(58), Constraint::Fill(1)]).spacing(2);
        let [left, right] = halves.areas(area);
        draw_policies(frame, view, left);
        draw_top(frame, view, right);
    } else {
        // A heading, and at most half of the lines.
        let lines = policies.saturating_add(1).min(area.height.div_euclid(2));
        let [upper, lower] =
            Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)]).areas(area);
        draw_policies(frame, view, upper);
        draw_top(frame, view, lower);
    }
}

fn draw_policies(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let rows = view.policies.iter().map(|row| {
        let denied = if row.rates.denied > 0.0 { DENIED } else { Style::new() };
        Row::new([
            Cell::from(row.name.clone()),
            right(rate(row.rates.allowed)),
            right(rate(row.rates.denied)).style(denied),
            right(number(row.calls.denied)),
            right(number(row.on_trial)),
            Cell::from(row.clauses.clone()),
        ])
    });
    let widths = [
        Constraint::Length(longest_name(view)),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Fill(1),
    ];
    let header = [
        Cell::from("policy"),
        right("allowed/s"),
        right("denied/s"),
        right("denied"),
        right("on trial"),
        Cell::from("limits"),
    ];
    let table = Table::new(rows, widths).header(Row::new(header).style(DIM));
    frame.render_widget(table, area);
}

/// As wide as the names are, within bounds.
fn longest_name(view: &View) -> u16 {
    let longest = view.policies.iter().map(|row| row.name.len()).max().unwrap_or(0);
    u16::try_from(longest.clamp("policy".len(), 24)).unwrap_or(24)
}

fn draw_top(frame: &mut Frame<'_>, view: &View, area: Rect) {
    if let Some(why) = &view.top_refused {
        let words = format!("RL.TOP cannot be shown: {why}");
        frame.render_widget(Paragraph::new(words).style(AWAY), area);
        return;
    }
    let rows = view.top.iter().map(|row| {
        let change = change(row.change);
        let style = if change.is_empty() { Style::new() } else { DENIED };
        Row::new([
            right(number(row.denied)),
            right(change).style(style),
            Cell::from(plain(&row.key, LONGEST)),
        ])
    });
    let widths = [Constraint::Length(11), Constraint::Length(9), Constraint::Fill(1)];
    let header = [right("denied"), right("change"), Cell::from("key")];
    let table = Table::new(rows, widths).header(Row::new(header).style(DIM));
    frame.render_widget(table, area);
}

fn right(text: impl Into<String>) -> Cell<'static> {
    Cell::from(Line::from(text.into()).right_aligned())
}

fn bottom_line(view: &View, prompt: &Prompt) -> String {
    match prompt {
        Prompt::Keys => {
            format!(" q quit   s sort (by {})   r reset RL.TOP", view.order().word())
        }
        Prompt::Reset => {
            " Forget whom RL.TOP has counted, on all servers, for everybody? y yes   n no".into()
        }
        Prompt::Told(told) => format!(" {told}"),
    }
}
