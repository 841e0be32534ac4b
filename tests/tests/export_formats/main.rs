//! The exporters: compared byte for byte, and read by third-party readers.

mod golden;
mod hostile;
mod npm;
mod readers;
mod sample;
mod scrape;
mod tools;
mod user_sets;
