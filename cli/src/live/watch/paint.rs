//! Colours of the screen, and what takes their place where there are none.

use ratatui::style::{Color, Modifier, Style};

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    colours: bool,
}

impl Paint {
    /// No colours if NO_COLOR says so.
    pub(super) fn of_environment() -> Self {
        Self { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    pub(super) fn none(self) -> Style {
        Style::new()
    }

    /// The first and the last line.
    pub(super) fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn allowed(self) -> Style {
        self.in_colour(Color::Green)
    }

    pub(super) fn denied(self) -> Style {
        self.in_colour(Color::Red)
    }

    /// A server that does not answer.
    pub(super) fn away(self) -> Style {
        self.in_colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn in_colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }
}
