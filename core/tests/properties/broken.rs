//! Bytes of keys that are not plain, broken.

use rl_core::Limiters;
use rl_core::bytes::Source;

use crate::receipts::key::bytes_of;

/// Cuts the bytes of a key, which are without its version, at each place and flips each bit: fails
/// unless all that is read of it is `sound`, and has no other bytes.
pub(crate) fn assert_refused_or_sound(mut bytes: Vec<u8>, sound: impl Fn(&Limiters)) {
    for len in 0..bytes.len() {
        assert!(Limiters::take_mixed(&mut Source(&bytes[..len])).is_none(), "cut to {len}");
    }
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Some(read) = Limiters::take_mixed(&mut Source(&bytes)) {
            assert_eq!(&bytes_of(&read)[1..], &bytes[..], "two encodings of one state");
            sound(&read);
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}
