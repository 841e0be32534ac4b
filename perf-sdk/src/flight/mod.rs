//! The evidence of what happened: bundles of everything that is known of the last minutes, made
//! when an alert fires, when the program panics, at a signal, and on request.
//!
//! | file | job |
//! |---|---|
//! | `trigger` | why a bundle is made |
//! | `recorder` | the one way to a bundle: who joins which, quotas, the thread that makes it |
//! | `making` | a bundle that is being made, and who waits for it |
//! | `contents` | the files of a bundle |
//! | `changes` | which functions take CPU time, and how much before |
//! | `log` | warnings and errors that the program logged through `tracing` |
//! | `readme` | what they say, in words |
//! | `archive` | files as one `.tar.gz` |
//! | `readings` | what became of requests, as readings |
//! | `shelf` | where bundles are kept: a folder, or memory |

mod archive;
#[cfg(feature = "stacks")]
mod changes;
mod contents;
#[cfg(feature = "tracing")]
mod log;
mod making;
mod readings;
mod readme;
mod recorder;
mod shelf;
mod trigger;

#[cfg(feature = "tracing")]
pub(crate) use log::{LogLine, note as note_log};
pub(crate) use readings::descriptions;
pub use recorder::Bundle;
pub(crate) use recorder::{Answer, Opened, Plan, request, wait, wait_until_over, when_over};
#[cfg(feature = "serve")]
pub(crate) use recorder::{bundles, fetch};
pub(crate) use trigger::Trigger;
