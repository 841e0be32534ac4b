//! One file a format: a [`Snapshot`](crate::snapshot::Snapshot) in, bytes out.

mod exposition;
mod families;
#[cfg(feature = "svg")]
pub mod flamegraph;
pub mod folded;
pub mod hlog;
pub mod json;
mod negotiate;
mod openmetrics;
mod prometheus;
mod protobuf;
pub mod speedscope;
mod stacks;
pub mod table;
mod text;
pub(crate) mod units;
mod user;
mod weight;

pub use exposition::Exposition;
pub use negotiate::Format;
pub use stacks::has_function;
pub use weight::{UnknownWeight, Weight};
