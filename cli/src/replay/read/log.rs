//! The requests of one log, in the order of their times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::progress::Progress;
use super::skipped::Skipped;
use super::source;
use super::what::What;
use crate::args::Format;
use crate::failure::Failure;
use crate::replay::clients::Names;
use crate::replay::formats::{Clock, Field, Kind, detect};

/// How far lines may be out of order: a server writes a request when it ends.
const SLACK_MS: u64 = 60_000;
/// How many lines tell the format.
const SAMPLE: usize = 100;
/// How much of an agent and a path is kept.
const KEPT: usize = 200;

/// A request, as limits see it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    /// When it came.
    pub(crate) ms: u64,
    /// Its place among those of the same millisecond.
    place: u64,
    /// Who sent it.
    pub(crate) client: u32,
    /// What it costs.
    pub(crate) cost: u64,
    /// Its agent and its path, for people to see.
    pub(crate) shown: Box<(String, String)>,
}

/// A log that is being read.
pub(super) struct Log {
    path: PathBuf,
    lines: Lines,
    kind: Option<Kind>,
    clock: Clock,
    /// Requests before which others may still come.
    waiting: BinaryHeap<Reverse<Request>>,
    latest_ms: u64,
    is_read: bool,
    line: Vec<u8>,
    key: String,
}

impl Log {
    pub(super) fn open(
        path: &Path,
        format: Format,
        what: &What,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::of_file(path, error);
        let mut lines = Lines::new(source::open(path, progress).map_err(failed)?);
        let kind = match format {
            Format::Auto => {
                detect(lines.look_ahead(SAMPLE).map_err(failed)?.iter().map(Vec::as_slice))
            }
            Format::Combined => Some(Kind::Combined),
            Format::Common => Some(Kind::Common),
            Format::Json => Some(Kind::Json),
            Format::Alb => Some(Kind::Alb),
            Format::Envoy => Some(Kind::Envoy),
        };
        kind.map_or(Ok(()), |kind| what.check(kind))?;
        Ok(Self {
            path: path.to_owned(),
            lines,
            kind,
            clock: Clock::default(),
            waiting: BinaryHeap::new(),
            latest_ms: 0,
            is_read: false,
            line: Vec::new(),
            key: String::new(),
        })
    }

    /// How many lines were read.
    pub(super) fn lines(&self) -> u64 {
        self.lines.number()
    }

    /// The next request, none at the end.
    pub(super) fn next(
        &mut self,
        what: &What,
        names: &mut Names,
        skipped: &mut Skipped,
    ) -> Result<Option<Request>, Failure> {
        while !self.is_read && !self.is_next_sure() {
            let is_any = self.lines.next(&mut self.line);
            if is_any.map_err(|error| Failure::of_file(&self.path, error))? {
                self.take(what, names, skipped);
            } else {
                self.is_read = true;
            }
        }
        Ok(self.waiting.pop().map(|Reverse(request)| request))
    }

    /// Whether no line to come can be earlier than the first that waits.
    fn is_next_sure(&self) -> bool {
        let sure_ms = self.latest_ms.saturating_sub(SLACK_MS);
        self.waiting.peek().is_some_and(|Reverse(first)| first.ms < sure_ms)
    }

    /// Takes the line that was read last.
    fn take(&mut self, what: &What, names: &mut Names, skipped: &mut Skipped) {
        let line = String::from_utf8_lossy(&self.line);
        let number = self.lines.number();
        let read = self.kind.ok_or_else(|| "its format must be one of those known".to_owned());
        let taken = read.and_then(|kind| kind.read(&line)).and_then(|record| {
            if !what.wants(&record) {
                return Ok(());
            }
            let asked = what.asked(&record, &mut self.clock, &mut self.key)?;
            if asked.ms < self.latest_ms.saturating_sub(SLACK_MS) {
                return Err("it is more than 60 s earlier than a line before it".to_owned());
            }
            self.latest_ms = self.latest_ms.max(asked.ms);
            let kept = |field| {
                let text = record.get(field).unwrap_or_default();
                text.chars().take(KEPT).collect::<String>()
            };
            self.waiting.push(Reverse(Request {
                ms: asked.ms,
                place: number,
                client: names.id(&self.key),
                cost: asked.cost,
                shown: Box::new((kept(&Field::Agent), kept(&Field::Path))),
            }));
            Ok(())
        });
        if let Err(why) = taken {
            skipped.add(&self.path.display().to_string(), number, &line, &why);
        }
    }
}
