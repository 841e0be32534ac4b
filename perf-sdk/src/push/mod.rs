//! Delivers without a request: profiles pushed to a Pyroscope server and written to a folder, and
//! metrics as OTLP.
//!
//! | file | job |
//! |---|---|
//! | `plan` | what to deliver and where, from the settings |
//! | `windows` | profiles of consecutive windows of time |
//! | `pusher` | the thread |
//! | `backlog` | what waits for another attempt |
//! | `ingest`, `connect` | requests, in each of the server's protocols |
//! | `client`, `answer` | HTTP/1.1: one request for each connection |
//! | `otlp/` | metrics as OTLP |
//! | `ending` | how long a thread goes on once the program ends |
//! | `folder` | files, of which the oldest are deleted |
//! | `account` | the state of delivery |
//! | `random` | random delays, so that the programs of a fleet do not push at the same time |

mod account;
mod answer;
mod backlog;
mod client;
mod connect;
mod ending;
mod folder;
#[cfg(any(test, perf_fuzz))]
pub(crate) mod fuzz;
mod ingest;
#[cfg(feature = "otlp")]
mod otlp;
mod plan;
mod pusher;
mod random;
mod windows;

pub(crate) use crate::base::kept_files::probe;
pub(crate) use account::Account;
pub(crate) use client::{Request, post};
#[cfg(feature = "otlp")]
pub(crate) use otlp::{OtlpExporter, OtlpPlan, UserMetrics};
pub(crate) use plan::Plan;
pub(crate) use pusher::Pusher;
