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

#[cfg(feature = "metrics")]
use crate::export::UserHistogram;
pub(crate) use routes::SettingsHooks;
pub use routes::router;
pub(crate) use server::Server;

/// The program's own metrics: text of a Prometheus recorder, and the histograms of this crate's.
#[cfg(feature = "metrics")]
pub(crate) fn user_metrics() -> (Option<String>, Vec<UserHistogram>) {
    (user_metrics::render(), user_histograms::histograms())
}
