//! One file for each format: a [`Snapshot`](crate::snapshot::Snapshot) in, bytes out.

#[cfg(feature = "heap")]
pub mod dhat;
#[cfg(feature = "enabled")]
mod file;
mod flame;
mod metrics;
#[cfg(any(feature = "heap", feature = "stacks"))]
pub mod pprof;
mod report;
pub(crate) mod safe;
pub mod slow;

#[cfg(not(feature = "enabled"))]
pub use crate::off::{Exposition, Report, json, speedscope};
#[cfg(feature = "stacks")]
pub use flame::WallWeight;
#[cfg(feature = "svg")]
pub use flame::flamegraph;
#[cfg(feature = "enabled")]
pub use flame::speedscope;
pub use flame::{FlameDocument, UnknownWeight, Weight, folded, has_function};
#[cfg(feature = "enabled")]
pub(crate) use flame::{VIEWER_FILE, VIEWER_STYLE, viewer_script};
#[cfg(feature = "enabled")]
pub use metrics::Exposition;
pub use metrics::Format;
#[cfg(feature = "serve")]
pub(crate) use metrics::Pieces;
#[cfg(any(feature = "metrics", feature = "otlp"))]
pub(crate) use metrics::UserHistogram;
#[cfg(feature = "otlp")]
pub(crate) use metrics::otlp;
#[cfg(feature = "metrics")]
pub(crate) use metrics::{UserNative, UserSeries};
#[cfg(feature = "enabled")]
pub use report::Report;
#[cfg(feature = "hdr")]
pub use report::hlog;
#[cfg(feature = "enabled")]
pub use report::json;
pub use report::table;
#[cfg(feature = "serve")]
pub(crate) use report::{
    Chart, ERRORS, Line, OfFunctions, PANELS, QUANTILES, RATE, Readings, Recent, Role, Row, Status, Steps, Trend,
    line_of_function, names_beside, rounded, self_bytes_per_call,
};
