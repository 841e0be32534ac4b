//! The one place that knows everything: what starts, in which order, and how it ends.
//!
//! | file | job |
//! |---|---|
//! | `start` | the order in which everything starts |
//! | `running` | what runs, and its end |
//! | `scheduler` | one thread for jobs that are done at intervals |
//! | `budget`, `pressure`, `leaks` | these jobs |
//! | `worker` | the thread for callbacks of the program, and for work that takes long |
//! | `change` | settings as they hold now, and those that change |
//! | `ending` | exits and signals end it |
//! | `without` | what is done without where the system gives no thread |
//! | `handle` | the running profiler, as the program holds it |

mod budget;
mod change;
#[cfg(unix)]
mod ending;
mod handle;
mod leaks;
#[cfg(feature = "pool")]
mod pressure;
mod running;
mod sample_rules;
mod scheduler;
mod start;
mod without;
mod worker;

pub use handle::Handle;
