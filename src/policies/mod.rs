//! Named policies: lists of clauses that `POLICY name` in RL.LIMIT stands for.
//!
//! | file | what it holds |
//! |---|---|
//! | `registry` | the policies that there are |
//! | `json` | policies as JSON: LOAD, DUMP, files, and what an RDB file keeps |
//! | `lifetime` | files at start, RDB, AOF, replicas |

pub(crate) mod json;
pub(crate) mod lifetime;
mod registry;

pub(crate) use registry::{Policies, Policy, fields};
