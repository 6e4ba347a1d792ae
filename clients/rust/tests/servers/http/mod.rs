//! The layer: what requests are asked, and answered.

mod example;
mod example_limits;
mod layer;
mod methods;
mod readiness;
mod refusals;
mod routes;
mod stacks;
