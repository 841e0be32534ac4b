//! An empty library: the manifest names the crates.
