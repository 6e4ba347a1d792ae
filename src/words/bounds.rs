//! How much policies and calls may hold.

/// Most keys in a call.
pub(crate) const MAX_GROUPS: usize = 8;

/// Most policies that there may be.
pub(crate) const MAX_POLICIES: usize = 4096;

/// Longest name of a policy, in bytes.
pub(crate) const LONGEST_NAME: usize = 64;

/// Most bytes of JSON that RL.POLICY LOAD reads: more than any DUMP has.
pub(crate) const LONGEST_JSON: usize = 4 << 20;
