//! Which format a log has, by its first lines.

use super::field::Field;
use super::record::Kind;
use super::time::Clock;

const KINDS: [Kind; 5] = [Kind::Json, Kind::Alb, Kind::Envoy, Kind::Combined, Kind::Common];

/// The format that reads most of `lines`; none if no line can be read.
pub(crate) fn detect<'a>(lines: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Kind> {
    let mut best = (0, None);
    for kind in KINDS {
        let count = lines.clone().filter(|line| is_read(kind, line)).count();
        if count > best.0 {
            best = (count, Some(kind));
        }
    }
    best.1
}

fn is_read(kind: Kind, line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let Ok(record) = kind.read(&line) else { return false };
    // The time of an object may have any name.
    kind == Kind::Json
        || record.get(&Field::Time).is_some_and(|time| Clock::default().read(&time).is_some())
}
