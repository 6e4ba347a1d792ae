//! Which server this is, and whether its source was read.

use std::ffi::c_int;

use super::api::pointers;
use super::valkey;

/// Whose releases they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Redis,
    Valkey,
}

/// The releases whose `ReplyWithCallReply` was read, by major and minor number: it copies the bytes
/// of a reply before it returns, and `CallReplyProto` gives out those very bytes. A release that
/// sent them by reference would send somebody else's numbers, in silence. So none is added that was
/// not read, not even between two that were.
const READ: [(Maker, c_int, c_int); 9] = [
    (Maker::Redis, 7, 0),
    (Maker::Redis, 7, 2),
    (Maker::Redis, 7, 4),
    (Maker::Redis, 8, 0),
    (Maker::Redis, 8, 6),
    (Maker::Valkey, 8, 0),
    (Maker::Valkey, 8, 1),
    (Maker::Valkey, 9, 0),
    (Maker::Valkey, 9, 1),
];

/// A server's maker and its version, as it tells it to modules: 0x00080603 is 8.6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(pub(super) Maker, pub(super) c_int);

impl Version {
    /// That of this server; nothing if it does not tell.
    pub(super) fn of_server() -> Option<Self> {
        if let Some(number) = valkey::version() {
            return Some(Self(Maker::Valkey, number));
        }
        // SAFETY: the server has filled it in; it takes nothing and answers an integer.
        unsafe { pointers::GetServerVersion.map(|version| Self(Maker::Redis, version())) }
    }

    /// Whether a reply's bytes are copied before it is passed on, as far as that was read.
    pub(super) fn copies_replies(self) -> bool {
        let (major, minor) = (self.1 >> 16, self.1 >> 8 & 0xff);
        READ.contains(&(self.0, major, minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_that_were_read_copy_replies_whatever_their_patch() {
        for number in [0x0007_0000, 0x0007_000f, 0x0007_0206, 0x0007_0401, 0x0008_0002, 0x0008_06ff]
        {
            assert!(Version(Maker::Redis, number).copies_replies(), "Redis {number:#010x}");
        }
        for number in [0x0008_0001, 0x0008_0101, 0x0009_0005, 0x0009_0102] {
            assert!(Version(Maker::Valkey, number).copies_replies(), "Valkey {number:#010x}");
        }
    }

    #[test]
    fn all_others_may_do_what_they_like() {
        // Before, between and after those that were read; what is built of no release; nonsense.
        for number in [0x0006_0214, 0x0007_0100, 0x0008_0200, 0x0008_0400, 0x0008_0800, 0x0009_0000]
        {
            assert!(!Version(Maker::Redis, number).copies_replies(), "Redis {number:#010x}");
        }
        for number in [0x0007_0204, 0x0008_0200, 0x0009_0200, 0x000a_0000] {
            assert!(!Version(Maker::Valkey, number).copies_replies(), "Valkey {number:#010x}");
        }
        for number in [0, -1, c_int::MIN, c_int::MAX, 0x00ff_ffff, 0x0107_0000] {
            assert!(!Version(Maker::Redis, number).copies_replies(), "{number:#010x}");
            assert!(!Version(Maker::Valkey, number).copies_replies(), "{number:#010x}");
        }
    }
}
