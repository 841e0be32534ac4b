//! Delivery in a fleet: profiles are fetched by collectors, pushed to a server, written to a
//! folder; alerts are posted.

mod alerts;
mod collectors;
mod files;
mod push;
mod receiver;
mod service;
