//! What happens when something fails, and what is said of it.

mod busy;
mod cold_start;
mod messages;
mod outages;
