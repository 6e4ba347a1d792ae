//! The layer: what requests are asked, and answered.

mod example;
mod layer;
mod methods;
mod readiness;
mod refusals;
mod routes;
mod stacks;
