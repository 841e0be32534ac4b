//! Delivery of profiles in a fleet: fetched by collectors, pushed to a server, written to a folder.

mod collectors;
mod files;
mod push;
mod receiver;
mod service;
