//! The one place that knows everything: what starts, in which order, and how it ends.
//!
//! | file | job |
//! |---|---|
//! | `start` | the order in which everything starts |
//! | `running` | what runs, and its end |
//! | `budget` | the thread on which the budget is kept |
//! | `change` | settings as they hold now, and those that change |
//! | `ending` | exits and signals end it |
//! | `without` | what is done without where the system gives no thread |
//! | `pressure` | how short memory is |
//! | `handle` | the running profiler, as the program holds it |

mod budget;
mod change;
#[cfg(unix)]
mod ending;
mod handle;
#[cfg(feature = "pool")]
mod pressure;
mod running;
mod sample_rules;
mod start;
mod without;

pub use handle::Handle;
