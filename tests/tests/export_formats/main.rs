//! The exporters: byte for byte, and opened by readers that somebody else made.

mod golden;
mod hostile;
mod npm;
mod readers;
mod sample;
mod scrape;
mod tools;
mod user_sets;
