//! The endpoint: routes, access control, and the server thread.

mod access;
mod api;
mod bearer;
mod capture;
mod concurrency_limit;
mod connections;
mod content_security_policy;
mod encoding;
mod flock;
mod foreign;
#[cfg(any(test, perf_fuzz))]
pub(crate) mod fuzz;
mod generated_token;
mod header_text;
mod host;
mod host_name;
mod pages;
mod reading_peer;
mod reply;
mod routes;
mod server;
#[cfg(unix)]
mod socket;
mod stream;
mod token;
mod token_file;
#[cfg(feature = "metrics")]
mod user_histograms;
#[cfg(feature = "metrics")]
mod user_metrics;

pub(crate) use routes::SettingsHooks;
pub use routes::router;
pub(crate) use server::Server;
