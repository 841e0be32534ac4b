//! The composition root: the only room that sees all others. It starts, schedules and ends them.
//!
//! | file | job |
//! |---|---|
//! | `start` | the order of the start |
//! | `running` | the running profiler, and the order of its end |
//! | `scheduler` | one thread for jobs that are done at intervals |
//! | `budget`, `pressure`, `leaks`, `readings`, `history`, `targets`, `alerts` | these jobs |
//! | `idleness` | longer pauses of these jobs while the process does next to nothing |
//! | `latest` | what waits for the worker, of which only the latest matters |
//! | `worker`, `callback` | the thread for callbacks of the program, and for work that takes long |
//! | `change` | the settings in force, and changes to them |
//! | `evidence` | bundles of evidence: settings, panics and signals that ask for one |
//! | `ending` | the end at exits and signals |
//! | `without` | what is missing if the system provides no thread |
//! | `mark` | what the program says goes to the history and to who reads events |
//! | `handle` | the handle that keeps the profiler running |

mod actions;
mod alerts;
mod budget;
mod callback;
mod change;
#[cfg(unix)]
mod ending;
#[cfg(feature = "flight")]
mod evidence;
mod handle;
mod history;
mod idleness;
mod latest;
mod leaks;
mod mark;
mod optimize;
#[cfg(feature = "pool")]
mod pressure;
mod readings;
mod running;
mod sample_rules;
mod scaling;
mod scheduler;
mod start;
mod targets;
mod without;
mod worker;

pub use handle::Handle;
pub use mark::mark;
pub(crate) use readings::descriptions;
