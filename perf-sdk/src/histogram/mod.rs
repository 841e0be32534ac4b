//! Histograms in the cells of a Prometheus native histogram.

mod merged;

pub use merged::Histogram;
