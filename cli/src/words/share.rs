//! A share of clients: `0.1%`.

use std::str::FromStr;

/// A share, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share {
    /// In parts of a million of a percent, so that shares of counts are exact.
    parts: u64,
}

const WHOLE: u64 = 100_000_000;

impl Share {
    /// The largest whole number that is at most this share of `all`.
    pub(crate) fn of(self, all: u64) -> u64 {
        let part = u128::from(all).saturating_mul(self.parts.into()).div_euclid(WHOLE.into());
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    /// As text: `0.1%`.
    pub(crate) fn text(self) -> String {
        let (whole, rest) = (self.parts / 1_000_000, self.parts % 1_000_000);
        let text = format!("{whole}.{rest:06}");
        format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        read(text).ok_or_else(|| {
            format!("must be a share from 0% to 100%, to a millionth of a percent, not '{text}'")
        })
    }
}

fn read(text: &str) -> Option<Share> {
    let number = text.strip_suffix('%')?.trim_ascii_end();
    let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(rest) || rest.len() > 6 {
        return None;
    }
    let rest: u64 = format!("{rest:0<6}").parse().ok()?;
    let parts = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(rest)?;
    (parts <= WHOLE).then_some(Share { parts })
}
