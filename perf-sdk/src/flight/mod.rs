//! The evidence of what happened: bundles of everything that is known of the last minutes, made
//! when an alert fires, when the program panics, at a signal, and on request.
//!
//! | file | job |
//! |---|---|
//! | `trigger` | why a bundle is made |
//! | `recorder` | the one way to a bundle: who joins which, quotas, the thread that makes it |
//! | `contents` | the files of a bundle |
//! | `changes` | which functions take CPU time, and how much before |
//! | `readme` | what they say, in words |
//! | `archive` | files as one `.tar.gz` |
//! | `readings` | what became of requests, as readings |
//! | `shelf` | where bundles are kept: a folder, or memory |

mod archive;
#[cfg(feature = "stacks")]
mod changes;
mod contents;
mod readings;
mod readme;
mod recorder;
mod shelf;
mod trigger;

pub(crate) use readings::descriptions;
pub use recorder::Bundle;
pub(crate) use recorder::{Answer, Opened, Plan, bundles, fetch, request, wait};
pub(crate) use trigger::Trigger;
