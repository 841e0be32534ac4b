//! Scrapes: the metrics, and their formats.

#[cfg(feature = "enabled")]
mod digits;
#[cfg(feature = "enabled")]
mod exposition;
#[cfg(feature = "enabled")]
mod families;
#[cfg(feature = "enabled")]
mod family;
#[cfg(feature = "enabled")]
mod floors;
#[cfg(feature = "enabled")]
mod names;
mod negotiate;
#[cfg(feature = "enabled")]
mod openmetrics;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
#[cfg(feature = "enabled")]
mod prometheus;
#[cfg(feature = "enabled")]
mod protobuf;
#[cfg(feature = "enabled")]
mod row;
#[cfg(feature = "enabled")]
mod text;
#[cfg(feature = "enabled")]
mod user;
#[cfg(feature = "enabled")]
mod user_histogram;

#[cfg(feature = "enabled")]
pub use exposition::Exposition;
#[cfg(feature = "serve")]
pub(crate) use exposition::Pieces;
#[cfg(feature = "metrics")]
pub(crate) use family::UserNative;
pub use negotiate::Format;
#[cfg(any(feature = "metrics", feature = "otlp"))]
pub(crate) use user_histogram::UserHistogram;
#[cfg(feature = "metrics")]
pub(crate) use user_histogram::UserSeries;
