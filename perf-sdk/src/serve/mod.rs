//! The endpoint: routes, access control, and the server thread.

mod access;
mod accounts_part;
mod bearer;
mod capture;
mod connections;
mod encoding;
mod flock;
mod foreign;
#[cfg(any(test, perf_fuzz))]
pub(crate) mod fuzz;
mod generated;
mod header_text;
mod host;
mod host_name;
mod html;
mod kept;
mod leaks_page;
mod page;
mod places;
mod policy;
mod progress;
mod reply;
mod routes;
mod server;
#[cfg(unix)]
mod socket;
mod token;
mod token_file;
#[cfg(feature = "metrics")]
mod user_histograms;
#[cfg(feature = "metrics")]
mod user_metrics;

pub use routes::router;
pub(crate) use server::Server;
