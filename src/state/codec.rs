//! All that a key holds as bytes: in RDB files, in DUMP, in the AOF.
//!
//! Version 1: a count, and that many limiters in the order of algorithm and period. How a limiter
//! is written stands with its algorithm: its tag in the table of `rl_core::Algorithm`, its fields
//! in its struct (`rl_core::algorithms`), each as wide as it is packed. Version 2, of keys that are
//! not [plain](Limiters::is_plain) only: all that it holds, as `rl_core` writes it.
//! What is read is checked number by number: only what a call could have recorded is accepted.

use rl_core::bounds::MAX_LIMITERS;
use rl_core::bytes::{Sink, Source};
use rl_core::{Limiter, Limiters};

/// The encoding's version as the server keeps it beside every value.
pub(super) const ENCODING_VERSION: i32 = 1;

/// The version of limiters alone; the first byte.
const LIMITERS: u64 = 1;

/// The version of limiters with anything else.
const MIXED: u64 = 2;

/// All that a key holds, as bytes. Equal limiters are equal bytes.
pub(super) fn encode(limiters: &Limiters) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_to(&mut bytes, limiters);
    bytes
}

/// The same, after what is in `sink`.
pub(super) fn encode_to(sink: &mut impl Sink, limiters: &Limiters) {
    if !limiters.is_plain() {
        sink.put::<1>(MIXED);
        return limiters.put_mixed(sink);
    }
    let limiters = limiters.as_slice();
    sink.put::<1>(LIMITERS);
    sink.put::<1>(limiters.len() as u64);
    limiters.iter().for_each(|limiter| limiter.put(sink));
}

/// Whether [`encode`] has written something of this kind, in any version that is known here.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    let version = Source(bytes).take::<1>();
    version.is_none_or(|version| matches!(version, LIMITERS | MIXED))
}

/// What [`encode`] wrote; nothing if anything about it is not as it should be.
pub(super) fn decode(bytes: &[u8]) -> Option<Limiters> {
    let mut source = Source(bytes);
    match source.take::<1>()? {
        LIMITERS => decode_limiters(&mut source),
        MIXED => Limiters::take_mixed(&mut source),
        _ => None,
    }
}

fn decode_limiters(source: &mut Source<'_>) -> Option<Limiters> {
    let count = source.take::<1>()?;
    let mut limiters: Vec<Limiter> = Vec::new();
    for _ in 0..count {
        let limiter = Limiter::take(source)?;
        let in_order = limiters.last().is_none_or(|last| last.id() < limiter.id());
        if !in_order || limiters.len() == MAX_LIMITERS {
            return None;
        }
        limiters.push(limiter);
    }
    source.is_empty().then(|| Limiters::from_sorted(limiters)).flatten()
}

#[cfg(test)]
mod tests;
