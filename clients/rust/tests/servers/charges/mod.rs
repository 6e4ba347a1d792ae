//! Charges with an id, and of several subjects.

mod all;
mod count_if;
mod lost_replies;
mod reserve;
mod subjects;
