//! Delivery in a fleet: profiles are fetched by collectors, pushed to a server, written to a
//! folder; alerts are posted, and dashboards ask for what is there.

mod alerts;
mod collectors;
mod dashboards;
mod files;
mod otlp;
mod push;
mod receiver;
mod service;
