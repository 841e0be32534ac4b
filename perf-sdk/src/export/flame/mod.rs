//! Stacks with weights, in the formats of flamegraph viewers.

mod drawing;
#[cfg(feature = "svg")]
pub mod flamegraph;
pub mod folded;
#[cfg(feature = "enabled")]
pub mod speedscope;
mod stacks;
mod weight;

pub use stacks::has_function;
#[cfg(feature = "stacks")]
pub use weight::WallWeight;
pub use weight::{UnknownWeight, Weight};
