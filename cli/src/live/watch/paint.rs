//! Colours of the screen. The terminal's library leaves them out where NO_COLOR says so.

use ratatui::style::{Color, Modifier, Style};

/// The first and the last line.
pub(super) const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Headings.
pub(super) const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// What matters most.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// What is allowed.
pub(super) const ALLOWED: Style = Style::new().fg(Color::Green);

/// What is denied.
pub(super) const DENIED: Style = Style::new().fg(Color::Red);

/// A server that does not answer.
pub(super) const AWAY: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
