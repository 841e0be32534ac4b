//! The command line `perf-sdk`, beside real programs.

mod agents;
mod answers;
mod bundles;
mod endpoints;
mod terminal;
mod watched;
