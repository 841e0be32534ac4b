//! Sends metrics as OTLP, by HTTP with protobuf.
//!
//! | file | job |
//! |---|---|
//! | `plan` | what to send and where, from the settings |
//! | `batch` | metrics as requests of a bounded size |
//! | `exporter` | the thread |

mod batch;
mod exporter;
mod plan;

pub(crate) use batch::UserMetrics;
pub(crate) use exporter::OtlpExporter;
pub(crate) use plan::OtlpPlan;
