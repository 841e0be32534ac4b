//! Whole snapshots: as a table for people, as JSON for programs, their histograms as a log, and as
//! one HTML file for both.
//!
//! | file | job |
//! |---|---|
//! | `table`, `json`, `hlog` | the report at exit, snapshots as JSON, an HDR interval log |
//! | `document` | the report that opens in a browser |
//! | `summary` | its first lines, in sentences |
//! | `comparison`, `interval` | what changed between two snapshots, and how sure that is |
//! | `row`, `status` | functions; targets, alerts, findings and leaks in short: the page has the same |
//! | `chart`, `panels`, `charts` | a chart; readings that stand together; those of a report |
//! | `thinned` | a call tree of bounded size |

#[cfg(feature = "enabled")]
mod chart;
#[cfg(feature = "enabled")]
mod charts;
#[cfg(feature = "enabled")]
mod comparison;
#[cfg(feature = "enabled")]
mod document;
#[cfg(feature = "hdr")]
pub mod hlog;
#[cfg(feature = "enabled")]
mod interval;
#[cfg(feature = "enabled")]
pub mod json;
#[cfg(feature = "enabled")]
mod panels;
#[cfg(feature = "enabled")]
mod row;
#[cfg(feature = "enabled")]
mod status;
#[cfg(feature = "enabled")]
mod summary;
pub mod table;
#[cfg(feature = "enabled")]
mod thinned;

#[cfg(feature = "serve")]
pub(crate) use chart::{
    Chart, ERRORS, Line, OfFunctions, QUANTILES, RATE, Role, names_beside, of_function as line_of_function, rounded,
};
#[cfg(feature = "enabled")]
pub use document::Report;
#[cfg(feature = "serve")]
pub(crate) use panels::{PANELS, Readings, Steps};
#[cfg(feature = "serve")]
pub(crate) use row::{Recent, Row, Trend, self_bytes_per_call};
#[cfg(feature = "serve")]
pub(crate) use status::Status;
