//! One file a format: a [`Snapshot`](crate::snapshot::Snapshot) in, bytes out.

#[cfg(feature = "svg")]
pub mod flamegraph;
pub mod folded;
pub mod hlog;
pub mod json;
pub mod speedscope;
mod stacks;
pub mod table;
pub(crate) mod units;
mod weight;

pub use stacks::has_function;
pub use weight::{UnknownWeight, Weight};
