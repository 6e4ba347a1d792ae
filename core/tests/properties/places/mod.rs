//! Leases, limits on trial and bans: answers, what is recorded, and what replicas and files make
//! of it.

mod bans;
mod bytes;
mod leases;
mod random;
mod shadows;
