//! Who must stay out, wait, or hold a place.

mod at_once;
mod bans;
mod deny_cache;
mod places;
mod waiting;
