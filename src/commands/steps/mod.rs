//! What the commands that charge go through, from the clock to the reply.
//!
//! | file | what it holds |
//! |---|---|
//! | `consume` | what calls without an id share: clock, key, decision, write, replication |
//! | `charge` | the same for calls with an id, and for each key of RL.ALL |
//! | `group` | what a call asks of one key beside limits |
//! | `written` | what every write ends with: the key's expiry, and who must know |
//! | `denied` | who is told of a denied call |
//! | `reply` | verdicts as integers |

pub(super) mod charge;
pub(super) mod consume;
pub(super) mod denied;
pub(super) mod group;
pub(super) mod reply;
pub(super) mod written;
