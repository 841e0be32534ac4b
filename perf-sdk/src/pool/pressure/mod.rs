//! Reaction to memory pressure.

mod level;
mod listeners;
mod relief;
mod watch;

pub(crate) use level::{Thresholds, Used};
pub use listeners::{PressureListener, on_pressure};
pub(crate) use relief::relieve;
pub(crate) use watch::{PressureWatch, Response, account};
