//! How far reading is, on a terminal.

use std::io::{self, IsTerminal, Read};

use indicatif::{ProgressBar, ProgressStyle};

const BAR: &str = "{bytes:>10} of {total_bytes} {wide_bar} {eta}";
const SPINNER: &str = "{spinner} {bytes} in {elapsed}";

/// A bar on standard error, if that is a terminal; in a pipe nothing.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Of so many bytes, if that is known.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), BAR),
            None => (ProgressBar::new_spinner(), SPINNER),
        };
        let style = ProgressStyle::with_template(template);
        Self(Some(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))))
    }

    /// The same, counted as it is read.
    pub(super) fn of_read(&self, from: Box<dyn Read>) -> Box<dyn Read> {
        match &self.0 {
            Some(bar) => Box::new(bar.wrap_read(from)),
            None => from,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
