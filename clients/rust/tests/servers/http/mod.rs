//! The layer: what requests are asked, and answered.

mod count_if;
mod example;
mod example_limits;
mod layer;
mod methods;
mod places;
mod readiness;
mod refusals;
mod reserve;
mod routes;
mod stacks;
mod subjects;
