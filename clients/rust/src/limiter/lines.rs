//! Those who wait for a limit: in one process first come, first served.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::Instant;

use crate::outcome::Outcome;

/// How many may wait at once.
const MOST: usize = 1_000;

/// A line for each key and its limits, as long as somebody waits there.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: Mutex<HashMap<String, Line>>,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Line {
    /// Who has it asks; it is handed on in the order in which it was asked for.
    turn: Arc<Turn<()>>,
    /// How many are in it, and their cost.
    length: usize,
    cost: u64,
    /// When the first asks again.
    asks_at: Instant,
    /// What the first was told.
    refusal: Outcome,
}

/// What comes of wanting to wait.
#[derive(Debug)]
pub(crate) enum Joined<'a> {
    /// There is a place, and what its wait is thought to be.
    At(Place<'a>, Outcome),
    /// It would take too long, or too many wait already.
    Refused(Outcome),
    /// Nobody waits here: ask.
    Nobody,
}

impl Lines {
    /// Join the line at this name, if waiting there takes no longer than that. `refusal` is what
    /// the caller was told, if he has asked; then he may begin a line. `time_for` tells how long
    /// those ahead take.
    pub(crate) fn join(
        &self,
        name: &str,
        cost: u64,
        refusal: Option<Outcome>,
        time_for: impl Fn(u64) -> Duration,
        most: Duration,
    ) -> Joined<'_> {
        let mut lines = self.lock();
        let refusal = match (lines.get(name), refusal) {
            (Some(line), _) => {
                let wait = line.asks_at.saturating_duration_since(Instant::now());
                let estimate = wait.saturating_add(time_for(line.cost));
                let refusal = line.refusal.with_wait(cost, estimate);
                if estimate > most {
                    return Joined::Refused(refusal);
                }
                refusal
            }
            (None, Some(refusal)) => refusal,
            (None, None) => return Joined::Nobody,
        };
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= MOST {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Joined::Refused(refusal);
        }
        let line = lines.entry(name.to_owned()).or_insert_with(|| Line {
            turn: Arc::default(),
            length: 0,
            cost: 0,
            asks_at: Instant::now(),
            refusal: refusal.clone(),
        });
        line.length = line.length.saturating_add(1);
        line.cost = line.cost.saturating_add(cost);
        let turn = Arc::clone(&line.turn);
        Joined::At(Place { lines: self, name: name.to_owned(), cost, turn }, refusal)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a line, which is left when this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    lines: &'a Lines,
    name: String,
    cost: u64,
    turn: Arc<Turn<()>>,
}

impl Place<'_> {
    /// Be the first at once, if nobody is.
    pub(crate) fn is_first(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    /// Be the first when all who came before have left.
    pub(crate) async fn first(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// The first was refused, and asks again then.
    pub(crate) fn told(&self, refusal: &Outcome, asks_at: Instant) {
        if let Some(line) = self.lines.lock().get_mut(&self.name) {
            line.refusal = refusal.clone();
            line.asks_at = asks_at;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lines.waiting.fetch_sub(1, Ordering::AcqRel);
        let mut lines = self.lines.lock();
        if let Some(line) = lines.get_mut(&self.name) {
            line.length = line.length.saturating_sub(1);
            line.cost = line.cost.saturating_sub(self.cost);
            if line.length == 0 {
                lines.remove(&self.name);
            }
        }
    }
}
