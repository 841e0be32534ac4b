//! Gets profiles out without anybody asking: pushed to a Pyroscope server, and written to a folder.
//!
//! | file | job |
//! |---|---|
//! | `plan` | what is to be done, from the settings |
//! | `windows` | profiles of one stretch of time after the other |
//! | `pusher` | the thread |
//! | `backlog` | what could not be pushed yet |
//! | `ingest`, `connect` | requests, in each of the server's protocols |
//! | `client`, `answer` | HTTP/1.1: one request a connection |
//! | `folder`, `stamp` | files, the oldest of which are deleted; their names |
//! | `account` | how it goes |
//! | `random` | so that a fleet does not do it all at once |

mod account;
mod answer;
mod backlog;
mod client;
mod connect;
mod folder;
#[cfg(any(test, perf_fuzz))]
pub(crate) mod fuzz;
mod ingest;
mod plan;
mod pusher;
mod random;
mod stamp;
mod windows;

pub(crate) use folder::probe;
pub(crate) use plan::Plan;
pub(crate) use pusher::Pusher;
