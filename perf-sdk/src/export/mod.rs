//! One file a format: a [`Snapshot`](crate::snapshot::Snapshot) in, bytes out.

#[cfg(feature = "heap")]
pub mod dhat;
mod drawing;
#[cfg(feature = "enabled")]
mod exposition;
#[cfg(feature = "enabled")]
mod families;
#[cfg(feature = "svg")]
pub mod flamegraph;
#[cfg(feature = "enabled")]
mod floors;
pub mod folded;
#[cfg(feature = "enabled")]
pub mod hlog;
#[cfg(feature = "enabled")]
pub mod json;
#[cfg(feature = "enabled")]
mod names;
mod negotiate;
#[cfg(feature = "enabled")]
mod openmetrics;
#[cfg(any(feature = "heap", feature = "stacks"))]
pub mod pprof;
#[cfg(feature = "enabled")]
mod prometheus;
#[cfg(feature = "enabled")]
mod protobuf;
pub(crate) mod safe;
#[cfg(feature = "enabled")]
pub mod speedscope;
mod stacks;
pub mod table;
#[cfg(feature = "enabled")]
mod text;
#[cfg(feature = "enabled")]
mod user;
mod weight;

#[cfg(not(feature = "enabled"))]
pub use crate::off::{Exposition, hlog, json, speedscope};
#[cfg(feature = "enabled")]
pub use exposition::Exposition;
#[cfg(feature = "serve")]
pub(crate) use exposition::Pieces;
pub use negotiate::Format;
pub use stacks::has_function;
#[cfg(feature = "metrics")]
pub(crate) use user::{UserHistogram, UserNative, UserSeries};
#[cfg(feature = "stacks")]
pub use weight::WallWeight;
pub use weight::{UnknownWeight, Weight};
