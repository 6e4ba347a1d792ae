//! The commands that charge: words in, a call decided and recorded, reply out.
//!
//! | file | what it holds |
//! |---|---|
//! | `single` | RL.FIXED, RL.SLIDING, RL.LOG, RL.TOKEN, RL.LEAKY |
//! | `throttle` | RL.THROTTLE and CL.THROTTLE |
//! | `limit` | RL.LIMIT |
//! | `all` | RL.ALL |
//! | `lease` | RL.LEASE, RL.RENEW, RL.RELEASE |
//! | `settle` | RL.SETTLE |
//! | `where_keys` | where the keys of RL.ALL are |
//! | `asked` | the clauses that RL.LIMIT and RL.ALL read |

pub(super) mod all;
mod asked;
pub(super) mod lease;
pub(super) mod limit;
pub(super) mod settle;
pub(super) mod single;
pub(super) mod throttle;
mod where_keys;
