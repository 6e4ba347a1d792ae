//! The table of algorithms: one row each, and all that is the same for every one of them comes
//! from its row.

/// Gives the table to a macro: `for_each_algorithm!(m)` is `m! { row row ... }`.
///
/// A row reads
/// `Variant "name" "WORD" (arguments) tag N holds Stored, changes by Change, stands as Standing;`
/// and says, in this order: the variant of [`Algorithm`]; its name in replies and in INFO; the
/// word that begins its clause; that clause's arguments, a refill or leak being the second of
/// three; its tag in encodings, which is never used twice; the type that records its use; the
/// type of what a call changes; and its `Standing`; all three by their paths in `algorithms`, which
/// who uses them imports whole.
#[macro_export]
macro_rules! for_each_algorithm {
    ($give_to:ident) => {
        $give_to! {
            /// A window that its first request opens.
            Fixed "fixed" "FIXED" (limit period)
                tag 0 holds fixed::Fixed, changes by fixed::Fixed, stands as fixed::FixedStanding;
            /// Two windows aligned to the period, the older one weighted by what is left of it.
            Sliding "sliding" "SLIDING" (limit period)
                tag 1 holds sliding::Sliding, changes by sliding::Sliding, stands as sliding::SlidingStanding;
            /// Every admitted request, remembered for one period.
            Log "log" "LOG" (limit period)
                tag 2 holds Box<log::Log>, changes by log::Append, stands as log::LogStanding;
            /// A bucket of tokens that refills continuously.
            Token "token" "TOKEN" (capacity refill period)
                tag 3 holds bucket::Bucket, changes by bucket::Bucket, stands as bucket::TokenStanding;
            /// The same bucket, read as a queue that leaks.
            Leaky "leaky" "LEAKY" (capacity leak period)
                tag 4 holds bucket::Bucket, changes by bucket::Bucket, stands as bucket::LeakyStanding;
        }
    };
}

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $algorithm:ident $name:literal $word:literal ($($argument:ident)*)
            tag $tag:literal holds $stored:ty, changes by $change:ty, stands as $standing:ty;
    )*) => {
        /// How a limiter counts. The order is the one in which RL.PEEK lists limiters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Algorithm {
            $($(#[$doc])* $algorithm,)*
        }

        impl Algorithm {
            /// Every algorithm, in order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$algorithm),*];

            /// Its name in replies, INFO and metrics: `fixed`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$algorithm => $name,)*
                }
            }

            /// Its name where it is on trial: `shadow-fixed`.
            #[must_use]
            pub const fn shadow_name(self) -> &'static str {
                match self {
                    $(Self::$algorithm => concat!("shadow-", $name),)*
                }
            }

            /// What stands for it in encodings.
            pub(crate) const fn tag(self) -> u8 {
                match self {
                    $(Self::$algorithm => $tag,)*
                }
            }

            /// The algorithm that `tag` stands for.
            pub(crate) const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Self::$algorithm),)*
                    _ => None,
                }
            }

            /// The word that begins its clause: `FIXED`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$algorithm => $word,)*
                }
            }

            /// How its clause is written: `FIXED limit period`.
            #[must_use]
            pub const fn usage(self) -> &'static str {
                match self {
                    $(Self::$algorithm => concat!($word $(, " ", stringify!($argument))*),)*
                }
            }

            /// How many words follow that word.
            #[must_use]
            pub const fn arguments(self) -> usize {
                match self {
                    $(Self::$algorithm => [$(stringify!($argument)),*].len(),)*
                }
            }

            /// Whether its clause has a refill, or leak, between limit and period.
            #[must_use]
            pub const fn has_refill(self) -> bool {
                match self {
                    $(Self::$algorithm => Self::$algorithm.arguments() > 2,)*
                }
            }

            /// The algorithm whose clause begins with `word`, in any case.
            #[inline]
            #[must_use]
            pub fn from_word(word: &[u8]) -> Option<Self> {
                let word = folded(word)?;
                $(if word == const { folded($name.as_bytes()).expect("three to eight letters") } {
                    return Some(Self::$algorithm);
                })*
                None
            }
        }
    };
}

for_each_algorithm!(define);

/// A word of three to eight letters as one integer and its length, the same in either case.
/// Nothing but these letters has what a word in lower case has: of two bytes that differ in this
/// one bit, one is a letter only if both are.
#[inline(always)]
const fn folded(word: &[u8]) -> Option<(u64, usize)> {
    if let [a, b, c] = word {
        return Some((u32::from_le_bytes([*a, *b, *c, 0]) as u64 | 0x2020_2020_2020_2020, 3));
    }
    let (Some(start), Some(end), 4..=8) = (word.first_chunk(), word.last_chunk(), word.len())
    else {
        return None;
    };
    // They overlap in shorter words, and then say the same twice.
    let letters = u32::from_le_bytes(*start) as u64 | (u32::from_le_bytes(*end) as u64) << 32;
    Some((letters | 0x2020_2020_2020_2020, word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_says_hangs_together() {
        for (place, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            assert_eq!(algorithm as usize, place);
            assert_eq!(Algorithm::from_word(algorithm.name().as_bytes()), Some(algorithm));
            assert_eq!(algorithm.word(), algorithm.name().to_uppercase());
            assert!(algorithm.usage().starts_with(algorithm.word()));
            assert!(algorithm.usage().ends_with(" period"));
            assert_eq!(Algorithm::from_tag(algorithm.tag()), Some(algorithm));
        }
        assert!(Algorithm::ALL.is_sorted());
        for word in
            [&b"WINDOW"[..], b"", b"FIXE", b"FIXED ", b"xFIXED", b"FI\x58ED\0", b"AAAAFIXED"]
        {
            assert_eq!(Algorithm::from_word(word), None, "{word:?}");
        }
        assert_eq!(Algorithm::from_word(b"SliDinG"), Some(Algorithm::Sliding));
    }

    #[test]
    fn a_refill_is_an_argument_of_the_buckets_only() {
        let with: Vec<_> = Algorithm::ALL.into_iter().filter(|one| one.has_refill()).collect();
        assert_eq!(with, [Algorithm::Token, Algorithm::Leaky]);
        assert_eq!(Algorithm::Leaky.usage(), "LEAKY capacity leak period");
    }
}
