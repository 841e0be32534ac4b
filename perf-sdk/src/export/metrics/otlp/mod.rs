//! OTLP: metrics as messages of `opentelemetry.proto.metrics.v1`.
//!
//! | file | job |
//! |---|---|
//! | `names` | which name and which attributes a metric has there |
//! | `encoding` | one message for each family |
//! | `deltas` | what was sent before, if only differences are sent |
//! | `resource` | whose metrics they are |

mod deltas;
mod encoding;
mod names;
mod resource;

pub(crate) use deltas::{Deltas, MOST_SERIES};
pub(crate) use encoding::{Otlp, Times};
pub(crate) use resource::{request, resource};
