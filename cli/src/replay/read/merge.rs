//! The requests of several logs, in the order of their times.

use super::log::{Log, Request};
use super::progress::Progress;
use super::skipped::Skipped;
use super::source;
use super::what::What;
use crate::args::ReplayArgs;
use crate::failure::Failure;
use crate::replay::clients::Names;

/// All logs together: days that follow one another, or servers that ran beside one another.
pub(crate) struct Logs {
    what: What,
    logs: Vec<(Log, Option<Request>)>,
    /// Who was read of.
    pub(crate) names: Names,
    /// What could not be read.
    pub(crate) skipped: Skipped,
    _progress: Progress,
}

impl Logs {
    /// Opens them all.
    pub(crate) fn open(args: &ReplayArgs) -> Result<Self, Failure> {
        let what = What::new(args)?;
        let progress = Progress::new(source::size(&args.logs));
        let (mut names, mut skipped) = (Names::default(), Skipped::default());
        let mut logs = Vec::new();
        for path in &args.logs {
            let mut log = Log::open(path, args.format, &what, &progress)?;
            let first = log.next(&what, &mut names, &mut skipped)?;
            logs.push((log, first));
        }
        Ok(Self { what, logs, names, skipped, _progress: progress })
    }

    /// The next request, none at the end. Of those at one time, the log that was named first has
    /// the first.
    pub(crate) fn next(&mut self) -> Result<Option<Request>, Failure> {
        let ahead = self.logs.iter_mut().filter(|(_, next)| next.is_some());
        let first = ahead.min_by_key(|(_, next)| next.as_ref().map(|request| request.ms));
        let Some((log, next)) = first else { return Ok(None) };
        let following = log.next(&self.what, &mut self.names, &mut self.skipped)?;
        Ok(std::mem::replace(next, following))
    }

    /// How many lines were read.
    pub(crate) fn lines(&self) -> u64 {
        self.logs.iter().map(|(log, _)| log.lines()).fold(0, u64::saturating_add)
    }
}
