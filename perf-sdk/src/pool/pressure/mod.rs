//! Reaction to memory pressure.

mod level;
mod listeners;
mod relief;
mod watcher;

pub(crate) use level::{Thresholds, Used};
pub use listeners::{PressureListener, on_pressure};
pub(crate) use watcher::{account, watch};
