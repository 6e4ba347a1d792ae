//! Colours of what is printed. The stream that it is printed to drops them where nobody sees any.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// What is new.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
/// What becomes another.
pub(crate) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// What goes away.
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();

/// `text` in that style.
pub(crate) fn painted(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
