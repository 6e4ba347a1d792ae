//! When it was: the times that logs have, in milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// Reads times. Most lines have the time of the line before.
#[derive(Default)]
pub(crate) struct Clock {
    last: String,
    last_ms: u64,
}

impl Clock {
    /// The time in `text`, rounded down; none if it is none, or before 1970.
    pub(crate) fn read(&mut self, text: &str) -> Option<u64> {
        if text != self.last || text.is_empty() {
            self.last_ms = read(text.trim())?;
            text.clone_into(&mut self.last);
        }
        Some(self.last_ms)
    }
}

fn read(text: &str) -> Option<u64> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if digits(text) {
        return since_1970(text);
    }
    let time = if text.get(2..3) == Some("/") {
        strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()?
    } else {
        with_date(text)?
    };
    u64::try_from(time.as_millisecond()).ok()
}

/// A time by RFC 3339; one without an offset is in UTC.
fn with_date(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(local).ok()
    })
}

/// A number since 1970: of seconds, or by its length of milli-, micro- or nanoseconds.
fn since_1970(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: u64 = whole.parse().ok()?;
    match whole.len() {
        0..=11 => {
            let ms: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
            number.checked_mul(1_000)?.checked_add(ms)
        }
        12..=14 => Some(number),
        15..=17 => number.checked_div(1_000),
        _ => number.checked_div(1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn times_are_read_in_every_spelling() {
        let mut clock = Clock::default();
        for (text, ms) in [
            ("10/Oct/2000:13:55:36 -0700", Some(971_211_336_000)),
            ("01/Jan/1970:00:00:00 +0000", Some(0)),
            ("2026-11-29T13:40:19Z", Some(1_795_959_619_000)),
            ("2026-11-29T13:40:19.123456Z", Some(1_795_959_619_123)),
            ("2026-11-29T14:40:19+01:00", Some(1_795_959_619_000)),
            ("2026-11-29T14:40:19+0100", Some(1_795_959_619_000)),
            ("2026-11-29 13:40:19", Some(1_795_959_619_000)),
            ("1795959619", Some(1_795_959_619_000)),
            ("1795959619.1239", Some(1_795_959_619_123)),
            ("1795959619.5", Some(1_795_959_619_500)),
            ("1795959619123", Some(1_795_959_619_123)),
            ("1795959619123456", Some(1_795_959_619_123)),
            ("1795959619123456789", Some(1_795_959_619_123)),
            ("31/Dec/1969:23:59:59 +0000", None),
            ("yesterday", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
        ] {
            assert_eq!(clock.read(text), ms, "{text}");
            assert_eq!(clock.read(text), ms, "{text} again");
        }
    }
}
