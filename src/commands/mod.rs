//! The commands: words in, reply out.
//!
//! | file | what it holds |
//! |---|---|
//! | `table` | every command: one row feeds registration, COMMAND DOCS, RL.HELP and syntax lines |
//! | `arguments` | what these rows say of arguments |
//! | `register` | the rows, as the server is told of them |
//! | `row` | what a row says, and what is derived from it: flags, arity, syntax |
//! | `single` | RL.FIXED, RL.SLIDING, RL.LOG, RL.TOKEN, RL.LEAKY |
//! | `limit` | RL.LIMIT |
//! | `throttle` | RL.THROTTLE and CL.THROTTLE |
//! | `all` | RL.ALL |
//! | `asked` | the clauses that RL.LIMIT and RL.ALL read |
//! | `where_keys` | where the keys of RL.ALL are |
//! | `consume` | what calls without an id share: clock, key, decision, write, replication |
//! | `charge` | the same for calls with an id, and for each key of RL.ALL |
//! | `denied` | who is told of a denied call |
//! | `settle` | RL.SETTLE |
//! | `lease` | RL.LEASE, RL.RENEW, RL.RELEASE |
//! | `group` | what a call asks of one key beside limits |
//! | `written` | what every write ends with: the key's expiry, and who must know |
//! | `peek` | RL.PEEK |
//! | `top` | RL.TOP |
//! | `policy` | RL.POLICY |
//! | `about` | RL.HELP, RL.VERSION |
//! | `apply` | RL.APPLY, the internal command that carries effects |
//! | `reply` | verdicts as integers |
//! | `rights` | what a command asks of its user beside the right to run it |

mod about;
mod all;
mod apply;
mod arguments;
mod asked;
mod charge;
mod consume;
mod denied;
mod group;
mod lease;
mod limit;
mod peek;
mod policy;
mod register;
mod reply;
mod rights;
mod row;
mod settle;
mod single;
mod table;
mod throttle;
mod top;
mod where_keys;
mod written;

pub(crate) use register::register;
