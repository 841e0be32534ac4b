//! The one place that knows everything: what starts, in which order, and how it ends.
//!
//! | file | job |
//! |---|---|
//! | `start` | the order in which everything starts |
//! | `running` | what runs, and its end |
//! | `without` | what is done without where the system gives no thread |
//! | `pressure` | how short memory is |
//! | `handle` | the running profiler, as the program holds it |

mod handle;
#[cfg(feature = "pool")]
mod pressure;
mod running;
mod sample_rules;
mod start;
mod without;

pub use handle::Handle;
