//! Limiters and changes as bytes: in RDB files, in DUMP, in the AOF, on the way to replicas.
//!
//! A limiter is a tag and its fields in the order of its struct, each as wide as it is packed:
//!
//! | tag | fields (bytes) |
//! |---|---|
//! | 0 FIXED | period 5, limit 5, start 6, used 5 |
//! | 1 SLIDING | period 5, limit 5, window 6, current 5, previous 5 |
//! | 2 LOG | period 5, limit 5, newest 6, count 4, then per entry: age below newest 5, cost 3 |
//! | 3 TOKEN, 4 LEAKY | period 5, capacity 5, refill 5, level 10, time 6 |
//!
//! As a change, a LOG is period 5, limit 5, cost 5. What is read is checked number by number:
//! only what a call could have recorded is accepted.

use rl_core::bounds::MAX_LIMITERS;
use rl_core::bucket::Bucket;
use rl_core::fixed::Fixed;
use rl_core::log::{Append, Log};
use rl_core::packed::{U40, U48, U80};
use rl_core::sliding::Sliding;
use rl_core::{Change, Limiter, Limiters};

use super::bytes::{Sink, Source};

/// The version of this encoding; its first byte.
const VERSION: u128 = 1;

const FIXED: u128 = 0;
const SLIDING: u128 = 1;
const LOG: u128 = 2;
const TOKEN: u128 = 3;
const LEAKY: u128 = 4;

/// All that a key holds, as bytes. Equal limiters are equal bytes.
pub(super) fn encode(limiters: &Limiters) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_to(&mut bytes, limiters);
    bytes
}

/// The same, after what is in `sink`.
pub(super) fn encode_to(sink: &mut impl Sink, limiters: &Limiters) {
    let limiters = limiters.as_slice();
    sink.put::<1>(VERSION);
    sink.put::<1>(limiters.len() as u128);
    for limiter in limiters {
        match limiter {
            Limiter::Fixed(fixed) => put_fixed(sink, fixed),
            Limiter::Sliding(sliding) => put_sliding(sink, sliding),
            Limiter::Log(log) => put_log(sink, log),
            Limiter::Token(bucket) => put_bucket(sink, TOKEN, bucket),
            Limiter::Leaky(bucket) => put_bucket(sink, LEAKY, bucket),
        }
    }
}

/// What [`encode`] wrote; nothing if anything about it is not as it should be.
pub(super) fn decode(bytes: &[u8]) -> Option<Limiters> {
    let mut source = Source(bytes);
    if source.take::<1>()? != VERSION {
        return None;
    }
    let count = source.take::<1>()?;
    let mut limiters: Vec<Limiter> = Vec::new();
    for _ in 0..count {
        let limiter = match source.take::<1>()? {
            LOG => Limiter::Log(Box::new(take_log(&mut source)?)),
            tag => take_change(tag, &mut source)?.try_into_limiter()?,
        };
        let in_order = limiters.last().is_none_or(|last| last.id() < limiter.id());
        if !in_order || limiters.len() == MAX_LIMITERS {
            return None;
        }
        limiters.push(limiter);
    }
    source.is_empty().then(|| Limiters::from_sorted(limiters)).flatten()
}

/// Writes one change.
#[inline]
pub(super) fn encode_change(sink: &mut impl Sink, change: &Change) {
    match change {
        Limiter::Fixed(fixed) => put_fixed(sink, fixed),
        Limiter::Sliding(sliding) => put_sliding(sink, sliding),
        Limiter::Log(append) => {
            sink.put::<1>(LOG);
            sink.put::<5>(append.period_ms.into());
            sink.put::<5>(append.limit.into());
            sink.put::<5>(append.cost.into());
        }
        Limiter::Token(bucket) => put_bucket(sink, TOKEN, bucket),
        Limiter::Leaky(bucket) => put_bucket(sink, LEAKY, bucket),
    }
}

/// The next change, if every number of it is one that a call could have made.
pub(super) fn decode_change(source: &mut Source<'_>) -> Option<Change> {
    let tag = source.take::<1>()?;
    take_change(tag, source)
}

fn take_change(tag: u128, source: &mut Source<'_>) -> Option<Change> {
    let change = match tag {
        FIXED => Limiter::Fixed(Fixed {
            period_ms: U40::new(source.take_u64::<5>()?),
            limit: U40::new(source.take_u64::<5>()?),
            start_ms: U48::new(source.take_u64::<6>()?),
            used: U40::new(source.take_u64::<5>()?),
        }),
        SLIDING => Limiter::Sliding(Sliding {
            period_ms: U40::new(source.take_u64::<5>()?),
            limit: U40::new(source.take_u64::<5>()?),
            window: U48::new(source.take_u64::<6>()?),
            current: U40::new(source.take_u64::<5>()?),
            previous: U40::new(source.take_u64::<5>()?),
        }),
        LOG => Limiter::Log(Append {
            period_ms: source.take_u64::<5>()?,
            limit: source.take_u64::<5>()?,
            cost: source.take_u64::<5>()?,
        }),
        TOKEN => Limiter::Token(take_bucket(source)?),
        LEAKY => Limiter::Leaky(take_bucket(source)?),
        _ => return None,
    };
    change.is_valid().then_some(change)
}

#[inline]
fn put_fixed(sink: &mut impl Sink, fixed: &Fixed) {
    sink.put::<1>(FIXED);
    sink.put::<5>(fixed.period_ms.get().into());
    sink.put::<5>(fixed.limit.get().into());
    sink.put::<6>(fixed.start_ms.get().into());
    sink.put::<5>(fixed.used.get().into());
}

#[inline]
fn put_sliding(sink: &mut impl Sink, sliding: &Sliding) {
    sink.put::<1>(SLIDING);
    sink.put::<5>(sliding.period_ms.get().into());
    sink.put::<5>(sliding.limit.get().into());
    sink.put::<6>(sliding.window.get().into());
    sink.put::<5>(sliding.current.get().into());
    sink.put::<5>(sliding.previous.get().into());
}

#[inline]
fn put_bucket(sink: &mut impl Sink, tag: u128, bucket: &Bucket) {
    sink.put::<1>(tag);
    sink.put::<5>(bucket.period_ms.get().into());
    sink.put::<5>(bucket.capacity.get().into());
    sink.put::<5>(bucket.refill.get().into());
    sink.put::<10>(bucket.level.get());
    sink.put::<6>(bucket.time_ms.get().into());
}

fn take_bucket(source: &mut Source<'_>) -> Option<Bucket> {
    Some(Bucket {
        period_ms: U40::new(source.take_u64::<5>()?),
        capacity: U40::new(source.take_u64::<5>()?),
        refill: U40::new(source.take_u64::<5>()?),
        level: U80::new(source.take::<10>()?),
        time_ms: U48::new(source.take_u64::<6>()?),
    })
}

fn put_log(sink: &mut impl Sink, log: &Log) {
    let newest_ms = log.entries.newest_ms();
    sink.put::<1>(LOG);
    sink.put::<5>(log.period_ms.into());
    sink.put::<5>(log.limit.into());
    sink.put::<6>(newest_ms.into());
    sink.put::<4>(log.entries.len() as u128);
    for (time_ms, cost) in log.costs() {
        sink.put::<5>(newest_ms.saturating_sub(time_ms).into());
        sink.put::<3>(cost.into());
    }
}

fn take_log(source: &mut Source<'_>) -> Option<Log> {
    let period_ms = source.take_u64::<5>()?;
    let limit = source.take_u64::<5>()?;
    let newest_ms = source.take_u64::<6>()?;
    let count = source.take_u64::<4>()?;
    let mut complete = true;
    let costs = (0..count).map_while(|_| {
        let entry = take_entry(source, newest_ms);
        complete &= entry.is_some();
        entry
    });
    let log = Log::from_costs(period_ms, limit, costs)?;
    (complete && log.entries.newest_ms() == newest_ms).then_some(log)
}

fn take_entry(source: &mut Source<'_>, newest_ms: u64) -> Option<(u64, u64)> {
    let age_ms = source.take_u64::<5>()?;
    let cost = source.take_u64::<3>()?;
    Some((newest_ms.checked_sub(age_ms)?, cost))
}

#[cfg(test)]
mod tests;
