//! Lines that cannot be read.

use super::super::show::plain;

const SHOWN: usize = 3;
const LONGEST: usize = 100;

/// How many lines were skipped, and the first of them.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    count: u64,
    first: Vec<String>,
}

impl Skipped {
    /// Counts a line.
    pub(super) fn add(&mut self, log: &str, number: u64, line: &str, why: &str) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < SHOWN {
            let line = plain(line, LONGEST);
            let log = plain(log, LONGEST);
            let why = plain(why, LONGEST.saturating_mul(2));
            self.first.push(format!("{log}, line {number}: {why}: {line}"));
        }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The first three, and why.
    pub(crate) fn first(&self) -> &[String] {
        &self.first
    }
}
